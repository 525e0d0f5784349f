//! What is said when a harvest cannot start, and when its directory goes while it runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Yard;
use crate::support::{Broker, Loggr, Setup, count_seqs, numbered_line, skipped, until};

fn open(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("permissions");
}

/// A loggr of the user `nobody`, to whom everything is open.
#[track_caller]
pub fn as_nobody(setup: Setup) -> Yard {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["", "up", "stage", "output"] {
        let path = directory.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        open(&path);
    }
    let up = directory.path().join("up");
    let more = format!("\n[harvest.up]\ndirectory = {up:?}\nstable = \"300ms\"\n{}", setup.more);
    let output = Some(directory.path().join("output/lines"));
    let mut loggr = Loggr::down(Setup { more, output, ..setup });
    open(loggr.config().parent().expect("its directory"));
    loggr.up();
    Yard { loggr, directory }
}

/// What is said at the start with this section.
#[track_caller]
fn check(section: &str, expect: &[&str]) {
    let loggr = Loggr::down(Setup { more: section.to_owned(), ..Setup::default() });
    let output = loggr.command(&["run"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    for text in expect {
        assert!(errors.contains(text), "`{text}` is not in {errors}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_told_and_not_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing");
    check(
        &format!("\n[harvest.up]\ndirectory = {missing:?}\n"),
        &[
            &format!("error: the harvest `up` has no directory `{}`", missing.display()),
            "caused by: No such file or directory",
            "hint: make the directory, and give it to the user that loggr runs as",
        ],
    );
    assert!(!missing.exists());
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    check(&format!("\n[harvest.up]\ndirectory = {file:?}\n"), &["has no directory", "Not a directory"]);
}

#[test]
fn what_cannot_work_is_told_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let up = directory.path().display();
    check(
        &format!("\n[harvest.a]\ndirectory = \"{up}\"\n[harvest.b]\ndirectory = \"{up}\"\n"),
        &["the harvest `a` takes files from", "directory = ", "^ give each a `directory` of its own"],
    );
    check(
        &format!("\n[harvest.a]\ndirectory = \"{up}\"\nrecursive = true\nfailed = \"sub/failed\"\n"),
        &["the harvest `a` would take the files in", "put `failed` somewhere else"],
    );
}

#[test]
fn the_check_says_what_is_harvested() {
    let directory = tempfile::tempdir().expect("a directory");
    let (up, missing) = (directory.path(), directory.path().with_extension("missing"));
    let more = format!(
        "\n[harvest.up]\ndirectory = {up:?}\nrecursive = true\nfailed = \"../failed\"\n[harvest.none]\ndirectory = {missing:?}\n"
    );
    let loggr = Loggr::down(Setup { more, ..Setup::default() });
    let output = loggr.command(&["check"]);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    let line = format!("harvest up: files in {} and below it to received\n", up.display());
    assert!(said.contains(&line), "{said}");
    assert!(errors.contains("warning: the harvest `none` has no directory `"), "{errors}");
}

#[test]
fn a_harvest_runs_in_a_process_of_its_own() {
    let Some(broker) = Broker::shared() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let more = format!("\n[harvest.up]\ndirectory = {:?}\nstable = \"300ms\"\n", directory.path());
    let setup = Setup { rabbitmq: Some(broker.vhost().url()), more, ..Setup::default() };
    let mut loggr = crate::rabbitmq::run::prepared(setup);
    let _ship = loggr.part("ship files");
    let mut harvest = loggr.part("harvest up");
    let text: String = (0..5000).map(|seq| numbered_line(seq) + "\n").collect();
    std::fs::write(directory.path().join("a.log"), &text).expect("a file");
    until("it is there", 60, || loggr.lines().len() >= 5000);
    harvest.kill9();
    let mut harvest = loggr.part("harvest up");
    std::fs::write(directory.path().join("b.log"), numbered_line(5000) + "\n").expect("a file");
    until("it is there, too", 60, || loggr.lines().len() > 5000);
    let counts = count_seqs(loggr.lines().iter().map(String::as_str));
    assert_eq!((counts.len(), counts.values().max()), (5001, Some(&1)), "each line once");
    let second = loggr.command(&["run", "harvest", "up"]);
    let errors = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(errors.contains("`harvest up` already runs with the data directory"), "{errors}");
    assert!(harvest.stop(60).success());
}

#[test]
fn a_directory_in_which_nothing_may_be_changed_is_told() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can become somebody who may not");
    }
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).expect("permissions");
    let section =
        format!("\n[harvest.up]\ndirectory = {:?}\n[process]\nuser = \"nobody\"\n", directory.path());
    let loggr = Loggr::down(Setup { more: section, ..Setup::default() });
    open(loggr.config().parent().expect("its directory"));
    let output = loggr.command(&["run"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    for text in [
        "error: cannot start the harvest `up`",
        "cannot be read and removed",
        "Permission denied",
        "hint: the user that loggr runs as needs the rights `rwx` on it",
    ] {
        assert!(errors.contains(text), "`{text}` is not in {errors}");
    }
}

#[test]
fn a_directory_that_goes_is_a_trouble_until_it_is_back() {
    let yard = Yard::new("");
    yard.upload("a.log", b"one\n");
    yard.ended(1, 0, 0);
    let (up, aside) = (yard.up(""), yard.stage("aside"));
    let up = Path::new(up.to_str().expect("UTF-8").trim_end_matches('/')).to_owned();
    std::fs::rename(&up, &aside).expect("it goes");
    until("that is told", 60, || {
        yard.status()["trouble"].as_str().is_some_and(|t| t.contains("cannot list"))
    });
    let shown = yard.loggr.status_text(&[]);
    assert!(shown.contains("trouble: harvest `up`: cannot list"), "{shown}");
    std::fs::rename(&aside, &up).expect("it is back");
    until("it is over", 60, || yard.status()["trouble"].is_null());
    yard.upload("b.log", b"two\n");
    yard.ended(2, 0, 0);
}
