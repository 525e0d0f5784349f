//! `kill -9` while files come in every way that there is: every line is there once, and no half of one.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{PACKINGS, Yard, below};
use crate::support::{Random, Setup, Ssh, count_seqs, long, numbered_line, random_moment, rsync, say, until};

/// Files that are uploaded in each of the four ways.
const FILES: u64 = 250;
/// Lines of a file, at most.
const LINES: u64 = 40;
/// A file that is uploaded slowly comes in so many pieces.
const PIECES: usize = 20;
/// A pause between two pieces of all slow files, at most.
const PIECE_MS: u64 = 40;
/// Files of one call of `sftp` or `rsync`.
const FILES_OF_A_CALL: usize = 50;
/// Between two crashes, at most.
const LIFE_MS: u64 = 2500;

/// Makes the files of one way of uploading, of all packings; gives their paths.
fn make(yard: &Yard, way: &str, next: &mut u64, random: &mut Random) -> Vec<PathBuf> {
    std::fs::create_dir(yard.stage(way)).expect("a directory");
    let mut paths = Vec::new();
    for n in 0..FILES {
        let lines = 1 + random.below(LINES);
        let text: String = (*next..*next + lines).map(|seq| numbered_line(seq) + "\n").collect();
        *next += lines;
        let (ending, pack) = PACKINGS[n as usize % PACKINGS.len()];
        let path = yard.stage(way).join(format!("{way}-{n:03}.log{ending}"));
        std::fs::write(&path, pack(text.as_bytes())).expect("a file");
        paths.push(path);
    }
    paths
}

fn name(path: &std::path::Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The directory into which files are uploaded.
struct Uploads {
    up: PathBuf,
}

impl Uploads {
    /// Writes all of them piece by piece, under their own names.
    fn slowly(&self, files: &[PathBuf]) {
        let mut random = Random::new();
        let contents: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a file")).collect();
        for piece in 0..PIECES {
            for (file, content) in files.iter().zip(&contents) {
                let size = content.len().div_ceil(PIECES);
                let part = content.chunks(size).nth(piece).unwrap_or_default();
                let path = self.up.join(name(file));
                let open = std::fs::OpenOptions::new().create(piece == 0).append(true).open(path);
                open.and_then(|mut open| open.write_all(part)).expect("it is written");
            }
            random_moment(&mut random, PIECE_MS);
        }
    }

    /// Copies each under a temporary name, and renames it.
    fn by_rename(&self, files: &[PathBuf]) {
        for file in files {
            let part = self.up.join(format!("{}.filepart", name(file)));
            std::fs::copy(file, &part).expect("a copy");
            std::fs::rename(&part, self.up.join(name(file))).expect("it is renamed");
        }
    }
}

#[test]
fn a_thousand_files_survive_crashes_line_by_line() {
    let (Some(ssh), Some(rsync)) = (Ssh::start(), rsync()) else { return };
    let mut yard = Yard::with("stable = \"4s\"", Setup::default());
    let (mut random, mut next) = (Random::new(), 0);
    let ways = ["slow", "rename", "rsync", "sftp"].map(|way| make(&yard, way, &mut next, &mut random));
    let [slow, renamed, rsynced, sent] = &ways;
    let is_over = AtomicBool::new(false);
    let up = Uploads { up: yard.up("") };
    let crashes = std::thread::scope(|scope| {
        let (up, over) = (&up, &is_over);
        let yard = &mut yard;
        let uploading = scope.spawn(move || {
            std::thread::scope(|scope| {
                scope.spawn(|| up.slowly(slow));
                scope.spawn(|| up.by_rename(renamed));
                scope.spawn(|| {
                    for files in rsynced.chunks(FILES_OF_A_CALL) {
                        let mut command: Command = rsync.command();
                        // A limit, so that there is something to interrupt.
                        command.args(["-a", "--bwlimit=200"]).args(files).arg(&up.up);
                        let status = command.stdin(Stdio::null()).status().expect("rsync starts");
                        assert!(status.success(), "rsync: {status}");
                    }
                });
                scope.spawn(|| sent.chunks(FILES_OF_A_CALL).for_each(|files| ssh.put(files, &up.up)));
            });
            over.store(true, Ordering::Relaxed);
        });
        let mut crashes = 0;
        let least = if long() { 20 } else { 5 };
        while crashes < least || !is_over.load(Ordering::Relaxed) {
            random_moment(&mut random, LIFE_MS);
            yard.loggr.kill9();
            crashes += 1;
            if crashes % 3 == 0 {
                yard.loggr.launch();
                random_moment(&mut random, LIFE_MS / 10);
                yard.loggr.kill9();
            }
            yard.loggr.up();
        }
        uploading.join().expect("all are uploaded");
        crashes
    });
    until("no file is left", 120, || yard.left().is_empty());
    yard.loggr.drained(120);
    let expect = (0..next).map(|seq| (seq, 1)).collect();
    let files = count_seqs(yard.loggr.lines().iter().map(String::as_str));
    let search = count_seqs(yard.loggr.messages().iter().map(String::as_str));
    for (place, found) in [("file", &files), ("search", &search)] {
        let wrong: Vec<_> = (0..next).filter(|seq| found.get(seq) != Some(&1)).take(10).collect();
        assert!(wrong.is_empty(), "in the {place} these are missing or stand twice: {wrong:?}");
        assert_eq!(*found, expect, "the {place}");
    }
    assert!(below(&yard.up("failed")).is_empty(), "{:?}", below(&yard.up("failed")));
    assert_eq!(yard.loggr.ask(&["count", "tag:harvested"]).trim(), next.to_string());
    assert_eq!(yard.loggr.ask(&["count", "NOT tag:harvested"]).trim(), "0");
    yard.loggr.assert_balanced();
    say(&format!("{} files, {next} lines, {crashes} crashes: every line once", 4 * FILES));
    yard.loggr.stop();
}

#[test]
fn a_large_file_goes_on_where_it_was_when_the_process_was_killed() {
    const LINES: u64 = 120_000;
    let mut yard = Yard::new("");
    let text: String = (0..LINES).map(|seq| numbered_line(seq) + "\n").collect();
    let packed = zstd::encode_all(text.as_bytes(), 1).expect("memory");
    yard.upload("large.log.zst", &packed);
    let mut random = Random::new();
    for _ in 0..4 {
        until("it is being taken", 60, || {
            let status = yard.status();
            let goes_on = status["in_hand"] == 1 && status["accepted"].as_u64() > Some(0);
            goes_on || yard.left().is_empty()
        });
        random_moment(&mut random, 400);
        yard.loggr.kill9();
        yard.loggr.up();
    }
    until("no file is left", 120, || yard.left().is_empty());
    yard.loggr.drained(120);
    let found = count_seqs(yard.loggr.lines().iter().map(String::as_str));
    assert_eq!(found.len() as u64, LINES);
    assert!(found.values().all(|times| *times == 1), "some lines stand twice");
    assert_eq!(yard.loggr.ask(&["count", ""]).trim(), LINES.to_string());
    yard.loggr.stop();
}

#[test]
fn a_stop_in_the_middle_loses_nothing_and_repeats_nothing() {
    const LINES: u64 = 60_000;
    let mut yard = Yard::new("");
    let text: String = (0..LINES).map(|seq| numbered_line(seq) + "\n").collect();
    yard.upload("large.log", text.as_bytes());
    for _ in 0..3 {
        until("it is being taken", 60, || {
            let status = yard.status();
            status["accepted"].as_u64() > Some(0) || status["done"] == 1 || yard.left().is_empty()
        });
        yard.loggr.stop();
        yard.loggr.up();
    }
    until("no file is left", 120, || yard.left().is_empty());
    yard.loggr.drained(120);
    // Nothing was read twice at all: what was taken was noted before the end.
    assert_eq!(yard.loggr.status()["totals"]["received"].as_u64(), Some(2 * LINES));
    assert_eq!(yard.loggr.ask(&["count", ""]).trim(), LINES.to_string());
    yard.loggr.stop();
}
