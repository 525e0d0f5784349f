//! What a process may still do: who it is, what it has given up, and where it may reach.
//!
//! That root becomes somebody else, thread by thread, is in `process.rs`.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::process::Signal;

use crate::support::{Authority, Loggr, RelpSender, Setup, skipped, until};

/// What is said where the process may not reach.
const HINT: &str = "this process may only reach the directories that its configuration names";
/// The capabilities of a process that stays root: CHOWN, DAC_OVERRIDE, FOWNER.
const OF_ROOT: u64 = 0b1011;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether the kernel confined this process; where it cannot, the test says so.
fn is_confined(loggr: &Loggr) -> bool {
    let log = loggr.log();
    let confined = log.contains("confined by Landlock");
    if !confined {
        assert!(log.contains("not confined: "), "{log}");
        skipped("this kernel has no Landlock");
    }
    confined
}

/// A field of `/proc/PID/status`.
fn status(pid: u32) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

#[test]
fn root_does_not_start_it_unsaid() {
    if !is_root() {
        return skipped("only root is refused");
    }
    let loggr = Loggr::down(Setup::default());
    let said = std::fs::read_to_string(loggr.config()).expect("the configuration");
    std::fs::write(loggr.config(), said.replace("[process]\nuser = \"root\"\n", "")).expect("one without");
    for part in [&["run"][..], &["run", "server"]] {
        let output = loggr.command(part);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        let (what, hint) =
            ("error: root has started loggr, and no configuration says", "hint: set `user = \"loggr\"` in ");
        assert!(
            errors.contains(what) && errors.contains(hint) && errors.contains("--user loggr"),
            "{errors}"
        );
        assert!(!loggr.data().exists(), "nothing was made for root");
    }
    // Who only looks need not say who they are.
    assert!(loggr.command(&["check"]).status.success());
    let unknown = loggr.command(&["run", "--user", "nobdy"]);
    let errors = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(2), "{errors}");
    assert!(errors.contains("error: there is no user `nobdy`\nhint: did you mean `nobody`?"), "{errors}");
}

#[test]
fn who_stays_root_is_told_once_and_keeps_little() {
    if !is_root() {
        return skipped("only root can stay root");
    }
    let mut loggr = Loggr::start();
    let told = "this process runs as root; set `user` in `[process]`";
    assert_eq!(loggr.log().matches(told).count(), 1, "{}", loggr.log());
    let status = status(loggr.daemon().pid());
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        let bits = status.get(set).and_then(|bits| u64::from_str_radix(bits, 16).ok());
        assert_eq!(bits.map(|bits| bits & !OF_ROOT), Some(0), "{set}: {status:?}");
    }
    assert_eq!(status.get("NoNewPrivs").map(String::as_str), Some("1"));
    loggr.stop();
}

#[test]
fn the_log_and_the_status_say_what_was_given_up() {
    let mut loggr = Loggr::start();
    let log = loggr.log();
    let line = log.lines().find(|line| line.contains("privileges were given up")).expect("a line");
    for word in ["user=", "kept=", "dropped=", "confined="] {
        assert!(line.contains(word), "`{word}` is not in {line}");
    }
    let shown = loggr.status_text(&[]);
    let line = shown.lines().find(|line| line.starts_with("privileges: user ")).expect("a line");
    let json = loggr.status();
    let said = json["processes"][0]["privileges"].as_str().expect("a text").to_owned();
    assert_eq!(line, format!("privileges: {said}"));
    if is_confined(&loggr) {
        let data = loggr.data().canonicalize().expect("it is there");
        assert!(said.contains(&data.display().to_string()), "{said}");
    }
    loggr.stop();
}

/// A listener with TLS whose certificate becomes a link into a directory that nobody has named.
fn with_a_strange_certificate(process: &str) -> (Loggr, [Authority; 2]) {
    let (named, strange) = (Authority::new(&["localhost"]), Authority::new(&["localhost"]));
    let tables = format!(
        "\n[[listener]]\nname = \"secure\"\nprotocol = \"tcp\"\nlisten = \"127.0.0.1:0\"\ntls = {{ {} }}\n",
        named.shown("localhost")
    );
    let loggr = Loggr::with(Setup { tables, more: process.to_owned(), ..Setup::default() });
    for end in ["crt", "key"] {
        let (file, link) = (named.path(&format!("localhost.{end}")), named.path("link"));
        symlink(strange.path(&format!("localhost.{end}")), &link).expect("a link");
        std::fs::rename(&link, file).expect("in its place");
    }
    (loggr, [named, strange])
}

#[test]
fn a_certificate_that_leads_out_is_not_read_and_the_old_one_stays() {
    let (mut loggr, _kept) = with_a_strange_certificate("");
    if is_confined(&loggr) {
        loggr.daemon().signal(Signal::HUP);
        until("it is refused", 30, || {
            loggr.log().lines().any(|line| line.contains("cannot take the files") && line.contains(HINT))
        });
    }
    loggr.stop();
}

#[test]
fn who_is_not_confined_reads_it() {
    let (mut loggr, _kept) = with_a_strange_certificate("[process]\nconfine = false\n");
    loggr.daemon().signal(Signal::HUP);
    until("it is read", 30, || loggr.log().contains("the certificate was read again"));
    assert!(loggr.log().contains("not confined (`confine = false`)"), "{}", loggr.log());
    loggr.stop();
}

#[test]
fn events_wait_for_a_directory_that_was_replaced() {
    let output = tempfile::tempdir().expect("a directory");
    let (lines, aside) = (output.path().join("lines"), output.path().join("aside"));
    let mut loggr = Loggr::with(Setup { output: Some(lines.clone()), ..Setup::default() });
    if !is_confined(&loggr) {
        return loggr.stop();
    }
    std::fs::rename(&lines, &aside).expect("moved away");
    std::fs::create_dir(&lines).expect("another of this name");
    std::fs::set_permissions(&lines, std::fs::Permissions::from_mode(0o777)).expect("for everybody");
    RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    until("it is said", 30, || loggr.status_text(&[]).contains(HINT));
    // Nothing is refused for good: a new start reaches the directory.
    loggr.stop();
    loggr.up();
    loggr.stored(100, 60);
    loggr.stop();
}
