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
    // One exchange, two queues: each event is one, and has to be stored twice.
    let totals = loggr.status()["totals"].clone();
    assert_eq!((totals["events"].as_u64(), totals["received"].as_u64()), (Some(10), Some(20)), "{totals}");
    // The file says `received` here, and behind a machine that only passes on it would say `events`.
    loggr.stop();
    ends(&loggr.command(&["status"]), 3, "loggr does not run on");
    ends(&loggr.command(&["status", "--json"]), 3, "\"running\": false");
}

#[test]
fn a_mistake_in_the_file_keeps_nobody_from_asking_what_runs() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.stored(10, 60);
    let right = std::fs::read_to_string(loggr.config()).expect("the configuration");
    for mistake in ["[web]\n", "\n[unknown]\nx = 1\n", "\nx = \n"] {
        std::fs::write(loggr.config(), format!("{right}{mistake}")).expect("one with a mistake");
        let output = loggr.command(&["status"]);
        ends(&output, 0, "runs as process");
        ends(&output, 0, "warning: 1 mistake in `");
        ends(&loggr.command(&["queue", "list"]), 0, "received");
        ends(&loggr.command(&["queue", "peek", "files"]), 0, "hint: what runs on `");
        ends(&loggr.command(&["check"]), 2, "1 mistake in `");
    }
    loggr.stop();
    ends(&loggr.command(&["status"]), 2, "1 mistake in `");
    ends(&loggr.command(&["queue", "list"]), 2, "1 mistake in `");
}

#[test]
fn a_shipper_that_cannot_write_is_trouble() {
    let blocked = tempfile::tempdir().expect("a directory");
    let output = blocked.path().join("out");
    std::fs::create_dir(&output).expect("a directory");
    let mut loggr = Loggr::with(Setup { output: Some(output.clone()), ..Setup::default() });
    // A file where the directory was: nobody can write below it, root neither.
    let aside = blocked.path().join("aside");
    std::fs::rename(&output, &aside).expect("the directory goes");
    std::fs::write(&output, "in the way").expect("a file");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    until("the shipper fails", 60, || loggr.status()["ships"][0]["failing"] == true);
    ends(&loggr.command(&["status"]), 1, "\ntrouble: shipper `files`: ");
    std::fs::remove_file(&output).expect("the file goes");
    std::fs::rename(&aside, &output).expect("the directory is back");
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
    let told = |words: &str, expect: &str| {
        let output = ask(&words.split(' ').collect::<Vec<_>>()).expect("it ran before");
        ends(&output, 1, expect);
        ends(&output, 1, "hint: run it as root or as the user that loggr runs as");
    };
    told("queue purge files --yes", "cannot look into the data directory");
    let commands = ["search x", "count x", "top app", "histogram x", "purge --yes", "repair", "rescue list"];
    for command in commands {
        told(command, "ermission denied");
    }
    // Who may not even pass does not take what is there for nothing.
    let inner = loggr.data().parent().expect("it has one").to_owned();
    std::fs::set_permissions(inner, PermissionsExt::from_mode(0o700)).expect("it is ours");
    for command in ["search x", "purge --yes", "rescue list"] {
        told(command, "cannot find out whether `");
    }
}

#[test]
fn a_configuration_of_somebody_else_is_not_passed_over_in_silence() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can give a file to somebody else");
    }
    let here = tempfile::tempdir().expect("a directory");
    let file = here.path().join("loggr.toml");
    std::fs::write(&file, "").expect("a file");
    std::os::unix::fs::chown(&file, Some(NOBODY), None).expect("root may");
    for command in ["check", "search x", "grok --list"] {
        let mut loggr = Command::new(PROGRAM);
        loggr
            .args(command.split(' '))
            .arg("--data-dir")
            .arg(here.path().join("data"))
            .current_dir(here.path());
        let output = loggr.env_remove("LOGGR_CONFIG_DIR").output().expect("loggr starts");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let expect = format!("warning: `{}` is ignored, as it belongs to the user ", file.display());
        assert_eq!((output.status.code(), told.matches(&expect).count()), (Some(0), 1), "{command}: {told}");
    }
}

#[test]
fn a_datagram_of_a_stranger_is_told_like_a_connection() {
    let closed = |protocol: &str| {
        format!(
            "[[listener]]\nname = \"closed-{protocol}\"\nprotocol = \"{protocol}\"\nlisten = [\"127.0.0.1:0\"]\n\
             exchange = \"received\"\nallow = [\"192.0.2.0/24\"]\n"
        )
    };
    let mut loggr =
        Loggr::with(Setup { more: format!("{}{}", closed("udp"), closed("tcp")), ..Setup::default() });
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for _ in 0..3 {
        socket.send_to(b"<13>x", loggr.address("closed-udp")).expect("it is sent");
    }
    drop(std::net::TcpStream::connect(loggr.address("closed-tcp")).expect("the kernel accepts"));
    for what in
        ["refused a datagram: the address is not allowed", "refused a connection: the address is not allowed"]
    {
        until("it is told", 30, || loggr.log().contains(what));
    }
    let refused = |loggr: &Loggr| {
        let status = loggr.status();
        let listeners = status["listeners"].as_array().expect("listeners").clone();
        let closed = listeners.into_iter().find(|listener| listener["name"] == "closed-udp");
        closed.expect("it listens")["refused"].as_u64()
    };
    until("all are counted", 30, || refused(&loggr) == Some(3));
    assert_eq!(loggr.log().matches("refused a datagram").count(), 1, "{}", loggr.log());
    ends(&loggr.command(&["status"]), 0, "REFUSED");
    loggr.stop();
}
