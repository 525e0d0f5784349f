//! Programs on the same host, which the kernel names: `credentials = true` on unix sockets.

use std::io::Write;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Loggr, Setup, eventually};

/// A program with two sockets on which the kernel is asked who sends, and a receiver to which it hands
/// its events on.
fn asking(more: &str) -> Loggr {
    let listener = |name: &str, protocol: &str| {
        format!(
            "\n[[listener]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nlisten = [\"{name}.sock\"]\ncredentials = true\n"
        )
    };
    let tables = listener("log", "unix-dgram") + &listener("lines", "unix-stream") + more;
    Loggr::with(Setup { tables, ..Setup::default() })
}

/// The event with this word, once it can be found.
fn found(loggr: &Loggr, word: &str) -> Value {
    eventually(&format!("`{word}` is stored"), 60, || loggr.search(word).pop())
}

/// That this very process has sent it.
#[track_caller]
fn is_mine(event: &Value) {
    let trusted = &event["trusted"];
    assert_eq!(trusted["_PID"], json!(std::process::id().to_string()), "{event}");
    assert_eq!(trusted["_UID"], json!(rustix::process::getuid().as_raw().to_string()), "{event}");
    // What stands in `/proc` for everybody; the program's file is told to nobody who is confined.
    assert!(trusted["_COMM"].as_str().is_some_and(|name| !name.is_empty()), "{event}");
    assert!(trusted["_CMDLINE"].as_str().is_some_and(|line| !line.is_empty()), "{event}");
}

#[test]
fn the_kernel_names_who_sends_and_nobody_can_forge_it() {
    let loggr = asking("");
    let socket = |name: &str| loggr.data().join(name);
    let datagrams = UnixDatagram::unbound().expect("a socket");
    let send = |line: &str| {
        datagrams.send_to(line.as_bytes(), socket("log.sock")).expect("it is sent");
    };
    send("<13>Dec  1 12:00:00 app[1]: alpha");
    send("<13>Dec  1 12:00:00 app[1]: beta @[_PID=1 _UID=0 _GID=0 _COMM=init]");
    send(r#"{"message":"gamma","trusted":{"_PID":"1"}}"#);
    let mut stream = UnixStream::connect(socket("lines.sock")).expect("it listens");
    stream.write_all(b"<13>Dec  1 12:00:00 app[1]: delta\n").expect("it is sent");
    for word in ["alpha", "beta", "gamma", "delta"] {
        is_mine(&found(&loggr, word));
    }
    // What was claimed stays where it was.
    assert_eq!(found(&loggr, "beta")["message"], "beta @[_PID=1 _UID=0 _GID=0 _COMM=init]");

    let mut sent = Command::new("logger");
    sent.arg("--socket").arg(socket("log.sock")).args(["-t", "other", "epsilon"]);
    let status = sent.status().expect("logger starts");
    assert!(status.success());
    let other = found(&loggr, "epsilon");
    let uid = rustix::process::getuid().as_raw().to_string();
    assert_eq!(other["trusted"]["_UID"], json!(uid), "{other}");
    assert_ne!(other["trusted"]["_PID"], json!(std::process::id().to_string()), "{other}");
    // Who has a uid of his own can be asked for.
    eventually("it is found by its user", 60, || {
        (loggr.search(&format!("_UID:{uid} epsilon")).len() == 1).then_some(())
    });
}

#[test]
fn what_the_kernel_said_travels_to_the_next_loggr() {
    let keys = "trust = true\n".to_owned();
    let next = Loggr::with(Setup { tcp_keys: keys, ..Setup::default() });
    let to = next.address("tcp");
    let first = asking(&format!(
        "\n[ship.next]\nkind = \"syslog\"\nexchange = \"received\"\nprotocol = \"tcp\"\ntargets = [\"{to}\"]\n"
    ));
    let datagrams = UnixDatagram::unbound().expect("a socket");
    let line = b"<13>Dec  1 12:00:00 app[1]: zeta";
    datagrams.send_to(line, first.data().join("log.sock")).expect("it is sent");
    let (here, there) = (found(&first, "zeta"), found(&next, "zeta"));
    is_mine(&there);
    assert_eq!(here["trusted"], there["trusted"]);
    assert_eq!(here["uid"], there["uid"]);
}
