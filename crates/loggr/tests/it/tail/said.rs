//! What is said of files that cannot be read: which file, why, and what to do.

use std::os::unix::fs::PermissionsExt;

use super::{Watching, lines, setup};
use crate::support::{Loggr, Setup, skipped, until};

#[test]
fn a_pattern_to_which_nothing_belongs_is_told_and_waited_for() {
    let watching = Watching::start("nothing/*.log", "");
    until("it is said", 60, || {
        watching.loggr.log().contains("no file matches this pattern yet; waiting for one")
    });
    assert_eq!(watching.files()["troubles"].as_array().map(Vec::len), Some(0), "that is no trouble");
    std::fs::create_dir(watching.path("nothing")).expect("a directory");
    watching.write("nothing/a.log", lines(0..10));
    watching.holds(0..10);
}

#[test]
fn a_file_that_is_no_text_is_not_read() {
    let watching = Watching::start("*.log", "");
    watching.write("a.log", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0seq=7\n");
    watching.write("b.log", lines(0..10));
    watching.holds(0..10);
    watching.says("a.log`: it is no log, and is not read: it is a picture");
    let text = watching.loggr.status_text(&[]);
    assert!(text.contains("it is a picture"), "{text}");
    std::fs::remove_file(watching.path("a.log")).expect("it was there");
    watching.write("a.log", lines(10..20));
    watching.holds(0..20);
    until("nothing is wrong any more", 60, || {
        watching.files()["troubles"].as_array().is_some_and(Vec::is_empty)
    });
}

#[test]
fn a_damaged_position_stops_its_file_and_no_other() {
    let mut watching = Watching::start("*.log", "");
    watching.write("a.log", lines(0..10));
    watching.write("b.log", lines(10..20));
    watching.holds(0..20);
    watching.loggr.stop();
    let positions = watching.loggr.data().join("files/files.positions");
    let text = std::fs::read_to_string(&positions).expect("the positions");
    let damaged: String = text
        .lines()
        .map(|line| match line.contains("a.log") {
            true => line.replace("\"position\"", "\"positiom\"") + "\n",
            false => line.to_owned() + "\n",
        })
        .collect();
    std::fs::write(&positions, damaged).expect("they are damaged");
    watching.append("a.log", lines(20..30));
    watching.append("b.log", lines(30..40));
    watching.loggr.up();
    watching.holds((0..20).chain(30..40));
    watching.says("a.log`: how far it was read is written down in a damaged line");
    assert!(watching.loggr.log().contains("damaged line"));
    // Nobody knows whose this is.
    watching.loggr.stop();
    std::fs::write(&positions, text.replace("F 0 ", "F 7 ")).expect("they are damaged");
    watching.loggr.up();
    watching.says("none is read");
    watching.append("b.log", lines(40..50));
    std::fs::remove_file(&positions).expect("it was there");
}

#[test]
fn a_file_that_may_not_be_read_is_told_with_its_user() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can give files away");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open(directory.path(), 0o755);
    let Setup { more, .. } = setup(directory.path(), "*.log closed/*.log", "");
    let more = format!("{more}\n[process]\nuser = \"nobody\"\n");
    let output = Some(directory.path().join("lines/of"));
    std::fs::create_dir(directory.path().join("lines")).expect("a directory");
    open(&directory.path().join("lines"), 0o777);
    let mut loggr = Loggr::down(Setup { more, output, ..Setup::default() });
    let secret = directory.path().join("secret.log");
    std::fs::write(&secret, lines(0..10)).expect("a file");
    open(&secret, 0o600);
    std::fs::create_dir(directory.path().join("closed")).expect("a directory");
    open(&directory.path().join("closed"), 0o700);
    open(loggr.config().parent().expect("it has one"), 0o777);
    loggr.up();
    for what in
        ["secret.log`: the user `nobody` may not read it", "closed`: the user `nobody` may not look into it"]
    {
        until(what, 60, || loggr.status()["listeners"].to_string().contains(what));
    }
    open(&secret, 0o644);
    until("it is read", 60, || loggr.lines().len() == 10);
}
