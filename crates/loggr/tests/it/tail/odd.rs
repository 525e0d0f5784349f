//! Odd files: inodes that are used again, equal beginnings, links, moved directories, holes, other alphabets.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use super::{Watching, lines};
use crate::support::{bzip2, seq_of, skipped, until, xz};

/// A first line by which files cannot be told apart.
fn long_line(seq: u64) -> String {
    format!("{} seq={seq}\n", "the same head of two files ".repeat(60))
}

#[track_caller]
fn run(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).output().is_ok_and(|output| output.status.success())
}

fn gzip(path: &Path) {
    assert!(run("gzip", &[&path.display().to_string()]), "gzip packs {}", path.display());
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut watching = Watching::start("*.log", "grace = '1s'\n");
    watching.write("a.log", lines(0..10));
    watching.holds(0..10);
    watching.loggr.kill9();
    std::fs::remove_file(watching.path("a.log")).expect("it was there");
    watching.write("a.log", lines(10..30));
    watching.loggr.up();
    watching.holds(0..30);
    std::fs::remove_file(watching.path("a.log")).expect("it was there");
    until("it is let go", 60, || watching.files()["open"] == 0);
    watching.write("b.log", lines(30..40));
    watching.holds(0..40);
}

#[test]
fn two_files_with_the_same_first_kilobyte_are_two() {
    let mut watching = Watching::start("*.log", "grace = '1s'\n");
    watching.write("a.log", long_line(0));
    watching.write("b.log", long_line(100));
    watching.holds([0, 100]);
    watching.loggr.kill9();
    watching.append("a.log", lines(1..10));
    watching.rename("a.log", "a.log.1");
    watching.write("a.log", long_line(10));
    watching.append("b.log", lines(101..110));
    watching.loggr.up();
    watching.holds((0..11).chain(100..110));
    watching.append("a.log", lines(11..20));
    watching.write("c.log", long_line(200));
    watching.holds((0..20).chain(100..110).chain([200]));
}

#[test]
fn a_short_file_is_known_from_its_first_line_on() {
    let mut watching = Watching::start("*.log", "");
    for n in 0..4 {
        watching.append("a.log", lines(n..n + 1));
        watching.append("b.log", lines(n + 10..n + 11));
        watching.holds((0..n + 1).chain(10..n + 11));
        watching.loggr.kill9();
        watching.rename("a.log", "c.log");
        watching.rename("b.log", "a.log");
        watching.rename("c.log", "b.log");
        watching.loggr.up();
        watching.rename("a.log", "c.log");
        watching.rename("b.log", "a.log");
        watching.rename("c.log", "b.log");
    }
}

#[test]
fn a_file_of_several_names_is_one() {
    let mut watching = Watching::start("*.log", "");
    watching.write("a.log", lines(0..10));
    std::fs::hard_link(watching.path("a.log"), watching.path("b.log")).expect("a link");
    std::os::unix::fs::symlink(watching.path("a.log"), watching.path("c.log")).expect("a link");
    watching.holds(0..10);
    watching.loggr.kill9();
    std::fs::remove_file(watching.path("a.log")).expect("it was there");
    watching.append("b.log", lines(10..20));
    watching.loggr.up();
    watching.holds(0..20);
}

#[test]
fn files_in_a_directory_that_is_moved_go_on() {
    let mut watching = Watching::down("*/x.log", "grace = '1s'\n", &[]);
    std::fs::create_dir(watching.path("one")).expect("a directory");
    watching.write("one/x.log", lines(0..10));
    watching.loggr.up();
    watching.holds(0..10);
    watching.rename("one", "two");
    watching.append("two/x.log", lines(10..20));
    watching.holds(0..20);
    watching.loggr.kill9();
    watching.append("two/x.log", lines(20..30));
    watching.rename("two", "three");
    std::fs::create_dir(watching.path("two")).expect("a directory");
    watching.write("two/x.log", lines(30..40));
    watching.loggr.up();
    watching.holds(0..40);
}

#[test]
fn a_file_system_that_goes_and_comes_back_is_read_on() {
    let mut watching = Watching::down("mounted/*.log", "grace = '1s'\n", &[]);
    for name in ["source", "mounted"] {
        std::fs::create_dir(watching.path(name)).expect("a directory");
    }
    watching.write("source/a.log", lines(0..10));
    let (source, at) =
        (watching.path("source").display().to_string(), watching.path("mounted").display().to_string());
    if !run("mount", &["--bind", &source, &at]) {
        return skipped("nothing can be mounted here");
    }
    watching.loggr.up();
    watching.holds(0..10);
    assert!(run("umount", &["-l", &at]), "it can be unmounted");
    until("it is gone", 60, || watching.files()["watched"] == 0);
    watching.append("source/a.log", lines(10..20));
    watching.loggr.kill9();
    watching.loggr.up();
    assert!(run("mount", &["--bind", &source, &at]), "it can be mounted again");
    watching.holds(0..20);
    watching.append("source/a.log", lines(20..30));
    watching.holds(0..30);
    watching.loggr.stop();
    run("umount", &["-l", &at]);
}

#[test]
fn a_compressed_copy_is_read_from_where_the_file_was_left() {
    let mut watching = Watching::start("*.log", "grace = '1s'\n");
    watching.write("a.log", lines(0..50));
    type Pack = fn(&[u8]) -> Vec<u8>;
    let packings: [(&str, &str, Pack); 3] = [
        ("b", "zst", |text| zstd::encode_all(text, 1).expect("it is packed")),
        ("c", "xz", xz),
        ("d", "bz2", bzip2),
    ];
    let begins = |at: usize| 100 * (1 + at as u64);
    for (at, (name, ..)) in packings.iter().enumerate() {
        watching.write(&format!("{name}.log"), lines(begins(at)..begins(at) + 10));
    }
    let of_all = |each: u64| (0..packings.len()).flat_map(move |at| begins(at)..begins(at) + each);
    watching.holds((0..50).chain(of_all(10)));
    watching.loggr.kill9();
    watching.append("a.log", lines(50..60));
    watching.rename("a.log", "a.log.2");
    gzip(&watching.path("a.log.2"));
    // Nobody has seen this one.
    watching.write("a.log.1", lines(60..70));
    watching.write("a.log", lines(70..80));
    for (at, (name, ending, pack)) in packings.iter().enumerate() {
        let log = format!("{name}.log");
        watching.append(&log, lines(begins(at) + 10..begins(at) + 20));
        let text = std::fs::read(watching.path(&log)).expect("it is there");
        std::fs::remove_file(watching.path(&log)).expect("it was there");
        watching.write(&format!("{log}-20260301.{ending}"), pack(&text));
    }
    watching.loggr.up();
    watching.holds((0..80).chain(of_all(20)));
}

#[test]
fn rotated_names_that_are_looked_for_too_are_no_files_of_their_own() {
    let mut watching = Watching::start("app.log*", "grace = '1s'\n");
    watching.write("app.log", lines(0..50));
    watching.holds(0..50);
    watching.rename("app.log", "app.log.1");
    watching.write("app.log", lines(50..60));
    watching.append("app.log.1", lines(60..70));
    watching.holds(0..70);
    gzip(&watching.path("app.log.1"));
    watching.append("app.log", lines(70..80));
    watching.holds(0..80);
    watching.loggr.kill9();
    watching.append("app.log", lines(80..90));
    watching.rename("app.log.1.gz", "app.log.2.gz");
    watching.rename("app.log", "app.log.1");
    gzip(&watching.path("app.log.1"));
    watching.write("app.log", lines(90..100));
    watching.loggr.up();
    watching.holds(0..100);
    // Copied by hand.
    std::fs::copy(watching.path("app.log"), watching.path("app.log.bak")).expect("a copy");
    watching.append("app.log", lines(100..110));
    watching.holds(0..110);
    until("the copy is settled", 60, || watching.files()["bytes_behind"] == 0);
    watching.holds(0..110);
}

#[test]
fn a_truncated_file_is_read_anew_and_its_copy_to_the_end() {
    let watching = Watching::start("app.log*", "");
    watching.write("app.log", lines(0..50));
    watching.holds(0..50);
    // As `copytruncate` does it, with what came in between.
    watching.append("app.log", lines(50..60));
    std::fs::copy(watching.path("app.log"), watching.path("app.log.1")).expect("a copy");
    watching.write("app.log", lines(60..200));
    watching.holds(0..200);
    let files = watching.files();
    assert_eq!((&files["truncated"], &files["gap_bytes"]), (&1.into(), &0.into()), "{files}");
}

#[test]
fn nuls_are_no_lines() {
    let watching = Watching::start("*.log", "");
    // Reserved, and then written.
    let mut file = std::fs::File::create(watching.path("a.log")).expect("a file");
    file.set_len(100_000).expect("it can be longer");
    file.write_all(lines(0..10).as_bytes()).expect("it is written");
    watching.holds(0..10);
    file.write_all(lines(10..20).as_bytes()).expect("it is written");
    watching.holds(0..20);
    // A program that goes on where it was before the file was truncated.
    let mut file = std::fs::File::create(watching.path("b.log")).expect("a file");
    file.seek(SeekFrom::Start(5_000_000)).expect("a hole");
    file.write_all(lines(20..30).as_bytes()).expect("it is written");
    watching.holds(0..30);
}

#[test]
fn utf16_and_lines_of_windows_are_understood() {
    let watching = Watching::start("*.log", "format = 'raw'\n");
    let text = "\u{feff}seq=1 Grüße\r\nseq=2 two\r\n";
    watching.write("a.log", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    watching.write("b.log", "seq=3 plain\r\n");
    watching.holds(1..4);
    let event = &watching.loggr.search("seq:1 OR two")[0];
    assert_eq!(event["message"], "seq=2 two", "{event}");
    watching.append("a.log", "seq=4 four\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    watching.holds(1..5);
}

#[test]
fn a_line_beyond_every_limit_is_cut_and_the_next_is_not() {
    let mut watching = Watching::start("*.log", "format = 'raw'\nmax_message_size = '1KiB'\n");
    let long = format!("seq=1 {}", "x".repeat(5_000_000));
    watching.write("a.log", format!("{long}\nseq=2 next\n"));
    watching.holds(1..3);
    let cut = watching.loggr.lines().into_iter().find(|line| seq_of(line) == Some(1)).expect("it is there");
    assert!(cut.len() < 2048, "{} bytes", cut.len());
    let event = &watching.loggr.search("defect:truncated OR next")[0];
    assert_eq!(event["message"], "seq=2 next", "{event}");
    // Its end comes later, after a crash.
    watching.append("a.log", long.replace("seq=1", "seq=3"));
    watching.loggr.kill9();
    watching.loggr.up();
    watching.append("a.log", "\nseq=4 next\n");
    watching.holds(1..5);
}
