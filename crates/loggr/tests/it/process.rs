//! A process and its host: the service manager, another user than root, the pid file.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Loggr, RelpSender, Setup, skipped, until};

/// `CAP_NET_BIND_SERVICE`, bit 10.
const BIND_SERVICE: u64 = 1 << 10;

#[test]
fn the_service_manager_hears_how_it_goes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    let next = |wanted: &str| {
        let mut bytes = [0; 4096];
        loop {
            let length = manager.recv(&mut bytes).unwrap_or_else(|e| panic!("no `{wanted}`: {e}"));
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.lines().next() == Some(wanted) {
                return text;
            }
            // A sign of life may come at any time, nothing else may.
            assert_eq!(text, "WATCHDOG=1", "instead of `{wanted}`");
        }
    };
    let environment = vec![
        ("NOTIFY_SOCKET", path.display().to_string()),
        // Twice within it: every 100 ms.
        ("WATCHDOG_USEC", "200000".to_owned()),
    ];
    let mut loggr = Loggr::with(Setup { environment, ..Setup::default() });
    assert_eq!(next("READY=1"), "READY=1\nSTATUS=running");
    for _ in 0..3 {
        next("WATCHDOG=1");
    }
    loggr.daemon().signal(Signal::HUP);
    let reloading = next("RELOADING=1");
    let micros = reloading.lines().find_map(|l| l.strip_prefix("MONOTONIC_USEC=")).expect("a time");
    assert!(micros.parse::<u64>().is_ok_and(|n| n > 0), "{reloading}");
    next("READY=1");
    loggr.stop();
    let stopping = next("STOPPING=1");
    assert!(stopping.contains("\nEXTEND_TIMEOUT_USEC=24000000\n"), "{stopping}");
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    let environment = vec![
        ("NOTIFY_SOCKET", path.display().to_string()),
        ("WATCHDOG_USEC", "1000".to_owned()),
        ("WATCHDOG_PID", "1".to_owned()),
    ];
    let mut loggr = Loggr::with(Setup { environment, ..Setup::default() });
    loggr.stop();
    manager.set_nonblocking(true).expect("no waiting");
    let mut words = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(length) = manager.recv(&mut bytes) {
        words.push(String::from_utf8_lossy(&bytes[..length]).lines().next().unwrap_or_default().to_owned());
    }
    assert_eq!(words, ["READY=1", "STOPPING=1"]);
}

/// The fields of `/proc/PID/status` of each thread.
fn threads(pid: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status")).ok();
    let parse = |text: String| {
        let fields = text.lines().filter_map(|l| l.split_once(':'));
        fields.map(|(k, v)| (k.to_owned(), v.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
    };
    tasks.flatten().filter_map(status).map(parse).collect()
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped("only root can become another user");
    }
    root
}

/// A directory that everybody may enter and write into.
fn open_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    open(directory.path());
    directory
}

fn open(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("permissions");
}

/// A port below 1024 that is free.
fn low_port() -> u16 {
    (900..1024).rev().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

#[test]
fn root_binds_and_becomes_somebody_else() {
    if !is_root() {
        return;
    }
    for (low, keeps) in [(None, 0), (Some(low_port()), BIND_SERVICE)] {
        let output = open_directory();
        let mut more = "[process]\nuser = \"nobody\"\npid_file = \"loggr.pid\"\n".to_owned();
        if let Some(port) = low {
            more.push_str(&format!(
                "[[listener]]\nname = \"low\"\nprotocol = \"tcp\"\nlisten = \"127.0.0.1:{port}\"\n"
            ));
        }
        let mut loggr =
            Loggr::down(Setup { output: Some(output.path().join("lines")), more, ..Setup::default() });
        open(loggr.config().parent().expect("its directory"));
        loggr.up();
        let pid = loggr.daemon().pid();
        let threads = threads(pid);
        assert!(threads.len() > 5, "{} threads", threads.len());
        for thread in threads {
            let field = |name: &str| thread.get(name).map(String::as_str).unwrap_or_default();
            let bits = |name: &str| u64::from_str_radix(field(name), 16).expect("hexadecimal");
            assert_eq!(field("Uid"), "65534 65534 65534 65534", "{thread:?}");
            assert!(!field("Gid").split(' ').any(|gid| gid == "0"), "{thread:?}");
            assert!(!field("Groups").split(' ').any(|gid| gid == "0"), "{thread:?}");
            for set in ["CapEff", "CapPrm", "CapBnd"] {
                assert_eq!(bits(set), keeps, "{set}: {thread:?}");
            }
            assert_eq!((bits("CapInh"), bits("CapAmb")), (0, 0), "{thread:?}");
            assert_eq!(field("NoNewPrivs"), "1", "{thread:?}");
        }
        let pid_file = loggr.data().join("loggr.pid");
        assert_eq!(std::fs::read_to_string(&pid_file).expect("the pid file").trim(), pid.to_string());
        RelpSender::new(loggr.address("relp"), 1).run(0, 100);
        loggr.stored(100, 60);
        // What a process of that user left is that user's: it starts again after a crash.
        loggr.kill9();
        loggr.up();
        RelpSender::new(loggr.address("relp"), 1).run(100, 100);
        loggr.stored(200, 60);
        loggr.stop();
        assert!(!pid_file.exists(), "the pid file is still there");
    }
}

#[test]
fn a_data_directory_of_somebody_else_is_told() {
    if !is_root() {
        return;
    }
    let loggr = Loggr::down(Setup { more: "[process]\nuser = \"nobody\"\n".to_owned(), ..Setup::default() });
    open(loggr.config().parent().expect("its directory"));
    std::fs::create_dir(loggr.data()).expect("the data directory");
    let output = loggr.command(&["run"]);
    let (errors, data) =
        (String::from_utf8_lossy(&output.stderr).into_owned(), loggr.data().display().to_string());
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let expect = format!(
        "error: the user `nobody` cannot write into `{data}`, which is of user 0\nhint: `chown -R nobody: {data}` gives \
         the directory to that user\n"
    );
    // What the kernel does not grant may be said before it.
    let from = errors.find("error: ").unwrap_or(0);
    assert_eq!(&errors[from..], expect);
}

#[test]
fn a_signal_that_means_nothing_ends_nothing_and_is_told_once() {
    let mut loggr = Loggr::start();
    let nothing = [
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::POWER,
        Signal::XCPU,
        Signal::XFSZ,
        Signal::PIPE,
    ];
    for _ in 0..3 {
        for signal in nothing {
            loggr.daemon().signal(signal);
        }
        // It is heard before the next one of its kind is sent.
        RelpSender::new(loggr.address("relp"), 1).run(0, 10);
        until("the last of them is told", 30, || loggr.log().contains("SIGXFSZ"));
    }
    let log = loggr.log();
    for name in ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGIO"] {
        let said = format!("loggr ignores this signal signal={name}");
        assert_eq!(log.matches(&format!("{said}\n")).count(), 1, "{name}: {log}");
    }
    loggr.stop();
}

#[test]
fn quit_stops_in_order() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.daemon().signal(Signal::QUIT);
    loggr.stop();
    let log = loggr.log();
    assert!(log.contains("stopping, as a signal asks signal=SIG") && log.contains(" stopped\n"), "{log}");
}

#[test]
fn a_hangup_says_that_the_configuration_has_changed() {
    let mut loggr = Loggr::start();
    loggr.daemon().signal(Signal::HUP);
    until("it has looked", 30, || loggr.log().contains("nothing was read again"));
    assert!(!loggr.log().contains("has changed"), "{}", loggr.log());
    let text = std::fs::read_to_string(loggr.config()).expect("the configuration");
    std::fs::write(loggr.config(), format!("{text}\n# changed\n")).expect("the configuration");
    loggr.daemon().signal(Signal::HUP);
    until("the change is told", 30, || {
        loggr.log().contains("the configuration file has changed; it takes effect at the next start file=")
    });
    std::fs::write(loggr.config(), format!("{text}\n[lgo]\n")).expect("the configuration");
    loggr.daemon().signal(Signal::HUP);
    until("the mistake is told", 30, || {
        loggr.log().contains("the configuration file has changed and has mistakes")
    });
    std::fs::remove_file(loggr.config()).expect("the configuration");
    loggr.daemon().signal(Signal::HUP);
    until("it is missed", 30, || loggr.log().contains("cannot read the configuration"));
    std::fs::write(loggr.config(), text).expect("the configuration");
    loggr.stop();
}

#[test]
fn a_password_that_everybody_may_read_is_told() {
    let loggr = Loggr::down(Setup {
        more:
            "[registry]\nkind = \"redis\"\nurl = \"redis://me@127.0.0.1:1\"\npassword_file = \"redis.pass\"\n"
                .to_owned(),
        ..Setup::default()
    });
    let file = loggr.config().with_file_name("redis.pass");
    std::fs::write(&file, "secret\n").expect("the password");
    for (mode, told) in [(0o640, false), (0o644, true)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("permissions");
        let output = loggr.command(&["check"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        assert_eq!(
            errors.contains("warning: everybody on this host may read the password in `"),
            told,
            "{errors}"
        );
        assert_eq!(errors.contains("hint: `chmod o-rw "), told, "{errors}");
    }
}

#[test]
fn a_user_that_is_not_there_is_a_mistake() {
    let loggr = Loggr::down(Setup { more: "[process]\nuser = \"nobdy\"\n".to_owned(), ..Setup::default() });
    for command in ["run", "check"] {
        let output = loggr.command(&[command]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert_eq!(errors, "error: there is no user `nobdy`\nhint: did you mean `nobody`?\n");
    }
}
