//! Who may not send, what is too much, and what is no request for events.

use super::{listening, post};
use crate::support::{Loggr, Setup, SmallDisk, count_seqs, free_port, until};

#[test]
fn who_shows_no_token_brings_nothing() {
    let mut loggr = Loggr::down(listening(free_port(), "tokens_file = \"tokens\""));
    std::fs::write(loggr.config().with_file_name("tokens"), "tok\nshop:secret\n").expect("the tokens");
    loggr.up();
    let send = |authorization: Option<&str>| {
        let headers: Vec<_> = authorization.map(|value| ("Authorization", value)).into_iter().collect();
        post(loggr.address("http"), "/", &headers, b"{\"message\":\"x\"}").code
    };
    for (authorization, code) in [
        (None, 401),
        (Some("Bearer no"), 401),
        (Some("Basic c2hvcDp3cm9uZw=="), 401),
        (Some("Bearer tok"), 200),
        (Some("Basic c2hvcDpzZWNyZXQ="), 200),
    ] {
        assert_eq!(send(authorization), code, "{authorization:?}");
    }
    loggr.drained(60);
    assert_eq!(loggr.search("listener:http").len(), 2);
    let log = loggr.log();
    assert_eq!(log.matches("refused a request: it shows no token").count(), 1, "{log}");
    loggr.stop();
}

#[test]
fn a_file_without_tokens_is_a_mistake_that_check_finds() {
    let loggr = Loggr::down(listening(free_port(), "tokens_file = \"tokens\""));
    std::fs::write(loggr.config().with_file_name("tokens"), "# nobody\n").expect("the tokens");
    let output = loggr.command(&["check"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("cannot start the listener `http`") && errors.contains("lets in nobody"),
        "{errors}"
    );
}

#[test]
fn what_cannot_be_taken_is_told_and_nothing_of_it_is_kept() {
    let mut loggr = Loggr::with(listening(free_port(), "max_request_size = \"64KiB\""));
    let address = loggr.address("http");
    let check = |path: &str, headers: &[(&str, &str)], body: &[u8], code: u16, says: &str| {
        let answer = post(address, path, headers, body);
        assert_eq!(answer.code, code, "{answer:?}");
        assert!(answer.body.contains(says), "{answer:?}");
    };
    let large = vec![b'a'; 70_000];
    check("/", &[], &large, 413, "more than 65536 bytes");
    let bomb = zstd::encode_all(&vec![b'a'; 10_000_000][..], 3).expect("memory");
    check("/", &[("Content-Encoding", "zstd")], &bomb, 413, "more than 65536 bytes");
    check("/", &[("Content-Encoding", "br")], b"x", 415, "`br` is not unpacked here");
    check("/", &[("Content-Encoding", "gzip")], b"no gzip", 400, "damaged");
    check("/_bulk", &[], b"hello\n", 400, "Malformed action/metadata line [1]");
    check("/loki/api/v1/push", &[], b"hello", 400, "expected");
    check(
        "/v1/logs",
        &[("Content-Type", "application/x-protobuf")],
        b"hello",
        400,
        "ExportLogsServiceRequest",
    );
    check("/elsewhere", &[], b"x", 404, "no such path");
    loggr.drained(60);
    assert_eq!(loggr.search("listener:http").len(), 0);
    check("/", &[], b"still there", 200, "1");
    loggr.stop();
}

#[test]
fn while_the_queue_is_full_senders_are_asked_to_come_again() {
    let Some(disk) = SmallDisk::mount("1m") else { return };
    let mut loggr = Loggr::with(Setup {
        output: Some(disk.path()),
        bus_keys: "max_size = \"8MB\"\nsegment_size = \"2MB\"".to_owned(),
        ..listening(free_port(), "")
    });
    let address = loggr.address("http");
    let body = |first: u64| -> String {
        let line = |seq| {
            format!(
                "{{\"message\":\"seq={seq:09} {}\",\"host\":\"web{:02}\",\"msgid\":\"ID{}\"}}\n",
                "x".repeat(300),
                seq % 20,
                seq % 7
            )
        };
        (first..first + 1000).map(line).collect()
    };
    let (mut next, mut taken) = (0, Vec::new());
    let asked = loop {
        let answer = post(address, "/", &[], body(next).as_bytes());
        if answer.code == 503 {
            break answer;
        }
        assert_eq!(answer.code, 200, "{answer:?}");
        taken.push(next);
        next += 1000;
        assert!(next < 200_000, "a full queue took everything");
    };
    assert_eq!(asked.header("retry-after"), Some("5"));
    // As long as it is so, the answer comes at once.
    assert_eq!(post(address, "/", &[], b"{}").code, 503);
    disk.resize("256m");
    until("requests are taken again", 60, || post(address, "/", &[], body(next).as_bytes()).code == 200);
    taken.push(next);
    loggr.drained(60);
    let found = count_seqs(loggr.lines().iter().filter(|line| line.contains("seq=")).map(String::as_str));
    let missing = taken.iter().flat_map(|first| *first..first + 1000).filter(|seq| !found.contains_key(seq));
    assert_eq!(missing.count(), 0);
    loggr.stop();
}
