//! `loggr status` as a check for monitoring: what it says, and how it ends.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::support::{Loggr, PROGRAM, RelpSender, Setup, skipped, until};

/// Somebody who owns nothing.
const NOBODY: u32 = 65534;

#[track_caller]
fn ends(output: &Output, code: i32, expect: &str) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(expect), "`{expect}` is not in {text}");
}

#[test]
fn the_exit_code_says_whether_all_is_well() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.stored(10, 60);
    ends(&loggr.command(&["status"]), 0, "loggr");
    // The file says `received` here, and behind a machine that only passes on it would say `events`.
    loggr.stop();
    ends(&loggr.command(&["status"]), 3, "loggr does not run on");
    ends(&loggr.command(&["status", "--json"]), 3, "\"running\": false");
}

#[test]
fn a_shipper_that_cannot_write_is_trouble() {
    let blocked = tempfile::tempdir().expect("a directory");
    let output = blocked.path().join("out");
    std::fs::create_dir(&output).expect("a directory");
    let mut loggr = Loggr::with(Setup { output: Some(output.clone()), ..Setup::default() });
    // A file where the directory was: nobody can write below it, root neither.
    std::fs::remove_dir_all(&output).expect("the directory goes");
    std::fs::write(&output, "in the way").expect("a file");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    until("the shipper fails", 60, || loggr.status()["ships"][0]["failing"] == true);
    ends(&loggr.command(&["status"]), 1, "\ntrouble: shipper `files`: ");
    std::fs::remove_file(&output).expect("the file goes");
    std::fs::create_dir(&output).expect("the directory is back");
    until("all is well again", 60, || loggr.command(&["status"]).status.code() == Some(0));
    loggr.stop();
}

#[test]
fn the_exchange_is_shown_as_the_file_says_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut loggr = Loggr::with(Setup {
        // A machine that only passes on: the queues hang on its source.
        more: format!(
            "[machine.main]\n[ship.late]\nkind = \"files\"\ndirectory = {:?}\n",
            directory.path().join("late")
        ),
        ..Setup::default()
    });
    let status = loggr.status();
    let queues = status["queues"].as_array().expect("queues");
    let exchange = |name: &str| queues.iter().find(|q| q["name"] == name).map(|q| q["exchange"].clone());
    assert_eq!(exchange("late"), Some("events".into()), "{status:#}");
    assert_eq!(exchange("files"), Some("received".into()), "{status:#}");
    loggr.stop();
}

#[test]
fn who_may_not_look_is_told_so() {
    let loggr = Loggr::start();
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can ask as somebody else");
    }
    let here = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(here.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    let config = here.path().join("loggr.toml");
    std::fs::write(&config, format!("[data]\ndirectory = {:?}\n", loggr.data())).expect("a file");
    std::fs::set_permissions(loggr.data().parent().expect("it has one"), PermissionsExt::from_mode(0o755))
        .expect("it is ours");
    let ask = |words: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--config").arg(&config).current_dir(here.path()).uid(NOBODY).gid(NOBODY);
        command.output()
    };
    let Ok(output) = ask(&["status"]) else {
        return skipped("nobody may run the program where it lies");
    };
    ends(&output, 1, "error: cannot look into the data directory `");
    ends(&output, 1, "ermission denied");
    ends(&output, 1, "hint: run it as root or as the user that loggr runs as");
    ends(
        &ask(&["queue", "purge", "files", "--yes"]).expect("it ran before"),
        1,
        "cannot look into the data directory",
    );
}
