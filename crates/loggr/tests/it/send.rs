//! `loggr send`: directories and packed files, going on after a break, several connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Loggr, PROGRAM, count_seqs, until};

/// Lines of the longer tests.
const LINES: u64 = 6000;

fn lines(from: u64, to: u64) -> String {
    (from..to).map(|seq| format!("<13>1 2026-03-01T00:00:00Z web1 shop - - - seq={seq:09}\n")).collect()
}

fn gzip(path: &Path, text: &str) {
    let mut gzip = Command::new("gzip")
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(path).expect("a file"))
        .spawn()
        .expect("gzip");
    gzip.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    assert!(gzip.wait().expect("it ends").success());
}

/// `loggr send` over RELP; whether it went well, and what it said.
fn send(loggr: &Loggr, arguments: &[&str]) -> (bool, String) {
    let output = command(loggr, arguments).output().expect("loggr starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn command(loggr: &Loggr, arguments: &[&str]) -> Command {
    // Who runs the tests in the background has them ignore Ctrl-C, and what they start as well.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", PROGRAM]);
    command.args(["send", "--to", &format!("relp://{}", loggr.address("relp"))]).args(arguments);
    command.env("NO_COLOR", "1");
    command
}

#[test]
fn a_directory_with_packed_files_is_sent_whole() {
    let mut loggr = Loggr::start();
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("old")).expect("a directory");
    gzip(&path("old/shop.log.1.gz"), &lines(0, 100));
    std::fs::write(path("shop.log"), lines(100, 200)).expect("a file");
    std::fs::write(path("wtmp"), b"\x01\0\0\0\0").expect("a file");
    let (good, said) = send(&loggr, &["--file", directory.path().to_str().expect("a name")]);
    assert!(good && said.contains("sent 200 lines, 200 acknowledged"), "{said}");
    assert!(said.contains("passed over `") && said.contains("it is binary"), "{said}");
    loggr.stored(200, 60);
    assert_eq!(count_seqs(loggr.lines().iter().map(String::as_str)).len(), 200);
    loggr.stop();
}

#[test]
fn after_kill_9_it_goes_on_behind_what_was_answered() {
    let mut loggr = Loggr::start();
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a name").to_owned();
    gzip(Path::new(&path("a.gz")), &lines(0, LINES / 2));
    std::fs::write(path("b"), lines(LINES / 2, LINES)).expect("a file");
    let (a, b, state) = (path("a.gz"), path("b"), path("state"));
    let arguments = ["--file", &a, &b, "--resume", &state];
    // Once in the packed file, and once in the other.
    for answered in [LINES / 6, LINES * 2 / 3] {
        let mut slow = command(&loggr, &[&arguments[..], &["--rate", "4000"]].concat());
        let mut child = slow.stdout(Stdio::null()).spawn().expect("loggr starts");
        until("it has sent some", 60, || {
            assert!(child.try_wait().expect("its state").is_none(), "it ended too early");
            let text = std::fs::read_to_string(&state).unwrap_or_default();
            let of = |line: &str| -> Option<(String, u64)> {
                let entry: serde_json::Value = serde_json::from_str(line).ok()?;
                Some((entry["path"].as_str()?.to_owned(), entry["lines"].as_u64()?))
            };
            let last: std::collections::BTreeMap<String, u64> = text.lines().filter_map(of).collect();
            last.values().sum::<u64>() >= answered
        });
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
    }
    // Renamed meanwhile, and grown.
    let renamed = path("b.1");
    std::fs::rename(&b, &renamed).expect("renamed");
    let mut file = std::fs::OpenOptions::new().append(true).open(&renamed).expect("the file");
    file.write_all(lines(LINES, LINES + 1).as_bytes()).expect("one more");
    let (good, said) = send(&loggr, &["--file", &a, &renamed, "--resume", &state]);
    assert!(good, "{said}");
    until("all is stored", 60, || {
        count_seqs(loggr.lines().iter().map(String::as_str)).len() as u64 == LINES + 1
    });
    let counts = count_seqs(loggr.lines().iter().map(String::as_str));
    // What was on its way, or answered in the last moment, may stand twice; the rest must not.
    let twice = counts.values().filter(|times| **times > 1).count() as u64;
    assert!(twice < LINES / 4, "{twice} lines were sent again");
    let (good, said) = send(&loggr, &["--file", &a, &renamed, "--resume", &state]);
    assert!(good && said.contains("sent 0 lines, 0 acknowledged"), "{said}");
    let mut other = Command::new(PROGRAM);
    other.args(["send", "--to", "relp://127.0.0.1:9", "--file", &a, "--resume", &state]);
    let said = other.output().expect("loggr starts");
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{errors}");
    assert!(errors.contains("and not `relp://127.0.0.1:9`"), "{errors}");
    loggr.stop();
}

#[test]
fn one_that_is_interrupted_says_what_it_did_and_leaves_nothing_for_twice() {
    let mut loggr = Loggr::start();
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a name").to_owned();
    std::fs::write(path("a"), lines(0, LINES)).expect("a file");
    let (a, state) = (path("a"), path("state"));
    let arguments = ["--file", &a, "--resume", &state];
    for signal in [Signal::INT, Signal::TERM] {
        let mut slow = command(&loggr, &[&arguments[..], &["--rate", "2000"]].concat());
        slow.stdout(Stdio::piped()).stderr(Stdio::piped());
        let before = std::fs::read_to_string(&state).unwrap_or_default();
        let child = slow.spawn().expect("loggr starts");
        until("it has sent some", 60, || {
            let now = std::fs::read_to_string(&state).unwrap_or_default();
            now.lines().count() > before.lines().count() + 2
        });
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it is there");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{said}");
        assert!(said.contains(" acknowledged, in ") && said.contains("interrupted: the rest"), "{said}");
        assert!(!said.contains("not acknowledged"), "{said}");
    }
    let (good, said) = send(&loggr, &arguments);
    assert!(good, "{said}");
    loggr.stored(LINES, 60);
    let counts = count_seqs(loggr.lines().iter().map(String::as_str));
    assert_eq!((counts.len() as u64, counts.values().max()), (LINES, Some(&1)));
    loggr.stop();
}

#[test]
fn one_that_waits_for_its_input_ends_when_it_is_interrupted() {
    let mut loggr = Loggr::start();
    let mut waiting = command(&loggr, &[]);
    waiting.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = waiting.spawn().expect("loggr starts");
    let pipe = child.stdin.as_mut().expect("a pipe");
    pipe.write_all(lines(0, 1).as_bytes()).expect("it reads");
    until("it has read the line", 60, || rustix::io::ioctl_fionread(&*pipe).expect("a number") == 0);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("it is there");
    let _open = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()), "{said}");
    assert!(said.contains("sent 1 line, 1 acknowledged"), "{said}");
    loggr.stored(1, 60);
    loggr.stop();
}

/// A receiver that answers to `open` on so many connections and then ends each further one: what came on the
/// others, when they have ended.
fn opening(listener: TcpListener, connections: usize) -> Vec<String> {
    let mut open = Vec::new();
    let mut ended = 0;
    while open.len() < connections || ended == 0 {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream);
        let mut offers = String::new();
        while !offers.contains("commands=") {
            assert_ne!(reader.read_line(&mut offers).expect("offers"), 0, "{offers}");
        }
        if open.len() == connections {
            ended += 1;
            continue;
        }
        let answer = b"1 rsp 22 200 OK\ncommands=syslog\n";
        reader.get_mut().write_all(answer).expect("it reads");
        open.push(reader);
    }
    let rest = |mut reader: BufReader<TcpStream>| {
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("it ends");
        rest
    };
    open.into_iter().map(rest).collect()
}

#[test]
fn no_line_is_sent_before_all_connections_stand() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("relp://{}", listener.local_addr().expect("an address"));
    let receiver = std::thread::spawn(move || opening(listener, 2));
    let mut command = Command::new(PROGRAM);
    command.args(["send", "--to", &url, "--count", "100", "--connections", "3", "--retry", "0"]);
    let output = command.env("NO_COLOR", "1").output().expect("loggr starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: 2 of 3 connections stand, so that no line was sent"), "{said}");
    for heard in receiver.join().expect("it has read") {
        assert!(heard.contains("2 close 0") && !heard.contains("syslog"), "{heard}");
    }
}

#[test]
fn the_time_of_connecting_is_told_apart() {
    let mut loggr = Loggr::start();
    let several = ["--count", "100", "--connections", "8"];
    let (good, said) = send(&loggr, &several);
    assert!(good && said.contains("8 connections in ") && said.contains("100 acknowledged"), "{said}");
    let (good, said) = send(&loggr, &[&several[..], &["--json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(good && told["acked"] == 100 && told["connect_seconds"].is_number(), "{said}");
    // Connections alone: there is no answer to a line.
    let (good, said) = send(&loggr, &["--count", "0", "--connections", "8", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(good && told["sent"] == 0 && told["ack_ms"]["p99"].is_null(), "{said}");
    loggr.stop();
}

/// `loggr send` over TCP to a receiver that does this with its connection; exit code, and what it said.
fn over_tcp(count: &str, does: impl FnOnce(TcpStream) + Send + 'static) -> (Option<i32>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("tcp://{}", listener.local_addr().expect("an address"));
    let receiver = std::thread::spawn(move || does(listener.accept().expect("a connection").0));
    let mut command = Command::new(PROGRAM);
    let output = command.args(["send", "--to", &url, "--count", count]).env("NO_COLOR", "1").output();
    receiver.join().expect("it has received");
    let output = output.expect("loggr starts");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_receiver_that_goes_away_before_it_has_read_everything_is_told() {
    let lost = |(code, said): (Option<i32>, String)| {
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("on a connection that broke, and perhaps lost"), "{said}");
        said
    };
    // Something lies unread when it closes, which resets the connection.
    let said = lost(over_tcp("10", |stream| {
        assert_ne!(stream.peek(&mut [0]).expect("something has come"), 0);
    }));
    assert!(said.contains("error: the receiver may not have taken all lines"), "{said}");
    assert!(said.contains("closed the connection before it had read everything"), "{said}");
    assert!(said.contains("hint: its log may say why; over RELP"), "{said}");
    // While lines are still written: more than the sockets hold.
    let said = lost(over_tcp("200000", |stream| {
        assert_ne!(stream.peek(&mut [0]).expect("something has come"), 0);
    }));
    assert!(said.contains("the receiver closed the connection"), "{said}");
}

#[test]
fn a_receiver_that_has_read_everything_may_end_the_connection_as_it_likes() {
    let (code, said) = over_tcp("1000", |mut stream| {
        stream.read_to_end(&mut Vec::new()).expect("the end");
    });
    assert_eq!(code, Some(0), "{said}");
    // It says something of its own, which is no answer.
    let (code, said) = over_tcp("1000", |mut stream| {
        stream.write_all(b"hello\n").expect("it is read");
        stream.read_to_end(&mut Vec::new()).expect("the end");
        stream.write_all(b"good bye\n").expect("it is read");
    });
    assert_eq!(code, Some(0), "{said}");
}
