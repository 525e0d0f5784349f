//! Uploads: files become events over HTTP, on the real program; what is answered is there, once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{add_user, browser, logged_in, start};
use crate::support::{Answer, Browser, Loggr, Setup, count_seqs, read, until};

/// Begins to send a file of so many bytes.
#[track_caller]
fn open(loggr: &Loggr, query: &str, length: usize, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(loggr.address("web")).expect("the web address accepts");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let head = format!(
        "POST /api/upload?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream
}

/// Sends a file whole, and gives the answer.
#[track_caller]
fn sent_with(loggr: &Loggr, query: &str, file: &[u8], headers: &str) -> Answer {
    let mut stream = open(loggr, query, file.len(), headers);
    stream.write_all(file).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    read(&answer)
}

#[track_caller]
fn sent(loggr: &Loggr, query: &str, file: &[u8]) -> Answer {
    sent_with(loggr, query, file, "")
}

/// The last line of an answer, of which each part has a length before it.
#[track_caller]
fn last(answer: &Answer) -> Value {
    let mut lines = answer.body.lines().filter(|line| line.starts_with('{'));
    serde_json::from_str(lines.next_back().unwrap_or_else(|| panic!("no line: {answer:?}"))).expect("JSON")
}

/// The lines, bytes and end of a file that was taken whole.
#[track_caller]
fn check(loggr: &Loggr, query: &str, file: &[u8], lines: u64) {
    let answer = sent(loggr, query, file);
    assert_eq!(answer.code, 200, "{answer:?}");
    let last = last(&answer);
    assert_eq!((&last["lines"], &last["done"]), (&json!(lines), &json!(true)), "{answer:?}");
}

#[track_caller]
fn check_refused(
    loggr: &Loggr,
    query: &str,
    file: &[u8],
    headers: &str,
    code: u16,
    word: &str,
    detail: &str,
) {
    let answer = sent_with(loggr, query, file, headers);
    assert_eq!(answer.problem(), (code, word.to_owned()), "{answer:?}");
    assert!(answer.body.contains(detail), "{answer:?}");
}

/// How many events a query finds.
#[track_caller]
fn count(loggr: &Loggr, query: &str) -> u64 {
    loggr.ask(&["count", query]).trim().parse().expect("a number")
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).expect("memory");
    packed.finish().expect("memory")
}

#[test]
fn the_lines_of_a_file_become_events() {
    let loggr = start("");
    let here = browser(&loggr);
    assert_eq!(here.get("/api/me").json()["uploads"], true);
    assert_eq!(
        loggr.status()["listeners"].as_array().map(Vec::len),
        Some(5),
        "none is shown before the first"
    );
    let file = b"<11>1 2026-03-01T00:00:00Z web1 shop 7 - - first\n\nplain text\r\nMar  1 10:00:00 db1 cron[3]: old\nlast";
    check(&loggr, "name=app.log&host=h1&app=a1&year=2019&timezone=Europe/Berlin", file, 4);
    loggr.stored(4, 60);
    let events = loggr.search("listener:upload transport:upload");
    let by_text: BTreeMap<String, &Value> =
        events.iter().map(|event| (event["message"].as_str().expect("text").to_owned(), event)).collect();
    assert_eq!(by_text.len(), 4, "{events:?}");
    let of = |text: &str, field: &str| by_text[text][field].as_str().unwrap_or_default().to_owned();
    assert_eq!((of("first", "source"), of("first", "app_name")), ("web1".to_owned(), "shop".to_owned()));
    assert_eq!(
        (of("plain text", "source"), of("plain text", "app_name")),
        ("h1".to_owned(), "a1".to_owned())
    );
    assert_eq!(of("old", "timereported"), "2019-03-01T10:00:00.000000+01:00");
    assert_eq!(
        (of("last", "source"), by_text["last"]["defects"].to_string().contains("incomplete")),
        ("h1".to_owned(), false)
    );
    assert_eq!(by_text["first"]["origin"]["peer"], "loopback@127.0.0.1 app.log");
    let status = loggr.status();
    let upload = status["listeners"]
        .as_array()
        .expect("listeners")
        .iter()
        .find(|l| l["name"] == "upload")
        .expect("it");
    assert_eq!(
        (&upload["received"], &upload["accepted"], &upload["connections"]),
        (&json!(4), &json!(4), &json!(0))
    );
    assert!(
        browser(&loggr)
            .get("/metrics")
            .body
            .contains("loggr_listener_accepted_events_total{listener=\"upload\"} 4")
    );

    check(&loggr, "name=a.gz", &packed(b"one\ntwo\n"), 2);
    let zstd = zstd::encode_all(&b"three\n"[..], 1).expect("memory");
    check(&loggr, "name=a.zst&skip=0", &zstd, 1);
    check(&loggr, "skip=2", b"x\n\ny\nz\n", 1);
    check(&loggr, "", b"", 0);
    let answer = sent_with(&loggr, "", &packed(b"four\n"), "Content-Encoding: gzip\r\n");
    assert_eq!(last(&answer)["lines"], 1, "{answer:?}");
    let long = [vec![b'x'; 3 << 20], b"\nshort\n".to_vec()].concat();
    let answer = last(&sent(&loggr, "name=long", &long));
    assert_eq!((&answer["lines"], &answer["cut"]), (&json!(2), &json!(1)));
    loggr.stored(11, 60);
    // The same once more is the same events once more.
    check(&loggr, "name=a.gz", &packed(b"one\ntwo\n"), 2);
    loggr.stored(13, 60);
}

#[test]
fn what_is_no_log_is_refused_before_anything_of_it_is_taken() {
    let loggr = start("");
    let refused = |file: &[u8], detail| check_refused(&loggr, "", file, "", 422, "not_a_log", detail);
    refused(b"PK\x03\x04 and the rest", "ZIP");
    refused(b"text\nand then\0", "NUL");
    refused(&packed(b"text\0"), "NUL");
    refused(&packed(&b"text\n".repeat(1000))[..40], "ends in its middle");
    // Much of it: who is still sending gets the answer all the same.
    refused(&[b"\x89PNG".to_vec(), vec![7; 8 << 20]].concat(), "picture");
    let bad =
        |query, headers, detail| check_refused(&loggr, query, b"x\n", headers, 400, "bad_parameter", detail);
    bad("exchange=recieved", "", "did you mean `received`?");
    bad("timezone=Mars", "", "not a time zone");
    bad("format=csv", "", "format");
    bad("year=x", "", "year");
    bad("", "Content-Encoding: br\r\n", "`br` is not unpacked here");
    assert_eq!(count(&loggr, ""), 0);
    check(&loggr, "exchange=received", b"x\n", 1);
}

#[test]
fn who_may_send_a_file_and_how_many() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "otto", "operator");
    add_user(&loggr, "vera", "viewer");
    let headers = |of: &Browser| format!("Cookie: {}\r\nX-Loggr-Csrf: {}\r\n", of.cookie, of.csrf);
    let (otto, vera) = (logged_in(&loggr, "otto"), logged_in(&loggr, "vera"));
    check_refused(&loggr, "", b"x\n", "", 401, "not_logged_in", "nobody");
    check_refused(&loggr, "", b"x\n", &headers(&vera), 403, "forbidden", "viewer");
    check_refused(&loggr, "", b"x\n", &format!("Cookie: {}\r\n", otto.cookie), 403, "csrf", "x-loggr-csrf");
    let mut slow = open(&loggr, "name=slow.log", 8, &headers(&otto));
    slow.write_all(b"one\n").expect("it reads");
    until("it is begun", 60, || loggr.log().contains("slow.log"));
    check_refused(&loggr, "", b"x\n", &headers(&otto), 429, "too_many", "one file at a time");
    let answer = sent_with(&loggr, "", b"x\n", &headers(&logged_in(&loggr, "anna")));
    assert_eq!(answer.code, 200, "{answer:?}");
    slow.write_all(b"two\n").expect("it reads");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("it answers");
    assert_eq!(last(&read(&answer))["lines"], 2, "{answer}");
    until("it is noted", 60, || {
        loggr.log().contains("file=\\\"slow.log\\\" lines=2")
            || loggr.log().contains("file=\"slow.log\" lines=2")
    });
}

#[test]
fn a_file_that_breaks_off_says_what_was_taken_and_its_rest_can_be_sent() {
    let loggr = start("");
    let line = |n: usize| format!("{n} {}\n", "x".repeat(100));
    let whole: String = (0..1000).map(line).collect();
    let cut = whole.len() / 2;
    let mut stream = open(&loggr, "name=cut.log", whole.len(), "");
    stream.write_all(&whole.as_bytes()[..cut]).expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    // Whoever closes has no answer; the log says it.
    until("its end is noted", 60, || loggr.log().contains("did not come whole"));
    drop(stream);
    let taken = whole.as_bytes()[..cut].iter().filter(|byte| **byte == b'\n').count();
    until("the lines are there", 60, || count(&loggr, "peer:*cut.log") == taken as u64);
    check(&loggr, &format!("name=cut.log&skip={taken}"), whole.as_bytes(), 1000 - taken as u64);
    until("all of it is there", 60, || count(&loggr, "peer:*cut.log") == 1000);
}

#[test]
fn of_a_file_with_a_wrong_byte_nobody_is_told_to_leave_lines_out() {
    let loggr = start("");
    let whole: String =
        (1..=100_000u64).map(|n| format!("{n} {:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let mut damaged = packed(whole.as_bytes());
    // The check of the whole stands at its end.
    let check = damaged.len() - 8;
    damaged[check] ^= 1;
    let answer = last(&sent(&loggr, "name=wrong.gz", &damaged));
    let hint = answer["problem"]["hint"].as_str().unwrap_or_default();
    assert!(answer["done"] == false && hint.contains("may be wrong") && !hint.contains("skip="), "{answer}");
}

#[test]
fn a_file_that_is_shorter_than_what_is_left_out_is_told() {
    let loggr = start("");
    let answer = last(&sent(&loggr, "name=short.log&skip=4", b"a\nb\nc\n"));
    // It is the whole answer where that was known before anything else was told.
    let problem = if answer["problem"].is_null() { &answer } else { &answer["problem"] };
    assert!(answer["done"] != true && problem["code"] == "bad_parameter", "{answer}");
    assert_eq!(problem["detail"], "the file has only 3 lines, and `skip` leaves out more");
    check(&loggr, "name=short.log&skip=3", b"a\nb\nc\n", 0);
}

#[test]
fn a_packed_file_that_is_cut_off_says_what_was_taken_and_how_to_send_the_rest() {
    let loggr = start("");
    // Random enough to stay large when it is packed.
    let line = |n: u64| format!("{n} {:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let whole: String = (1..=100_000).map(line).collect();
    let zstd = zstd::encode_all(whole.as_bytes(), 1).expect("memory");
    for (name, packed) in [("a.gz", packed(whole.as_bytes())), ("a.zst", zstd)] {
        let mut taken = 0;
        for cut in [packed.len() / 2, packed.len() * 3 / 4] {
            let answer = last(&sent(&loggr, &format!("name={name}&skip={taken}"), &packed[..cut]));
            let lines = answer["lines"].as_u64().expect("a number");
            assert!(lines > 0 && answer["problem"]["code"] == "not_a_log", "{answer}");
            taken += lines;
            let hint = answer["problem"]["hint"].as_str().unwrap_or_default();
            assert!(hint.contains(&format!("`skip={taken}`")), "{answer}");
        }
        check(&loggr, &format!("name={name}&skip={taken}"), &packed, 100_000 - taken);
        until("all of it is there", 60, || count(&loggr, &format!("peer:*{name}")) == 100_000);
    }
}

#[test]
fn a_stop_ends_an_upload_with_what_was_taken() {
    let mut loggr = start("");
    let mut stream = open(&loggr, "name=long.log", 1 << 20, "");
    // More than is looked at before anything is taken.
    let lines: String = (0..200).map(|n| format!("line {n} {}\n", "x".repeat(100))).collect();
    stream.write_all(lines.as_bytes()).and_then(|()| stream.write_all(b"half a li")).expect("it reads");
    until("they are taken", 60, || count(&loggr, "peer:*long.log") == 200);
    loggr.stop();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_default();
    let last = last(&read(&answer));
    assert_eq!((&last["lines"], &last["done"]), (&json!(200), &json!(false)), "{answer}");
    assert!(last["problem"]["hint"].as_str().is_some_and(|hint| hint.contains("skip=200")), "{answer}");
    loggr.up();
    assert_eq!(count(&loggr, ""), 200);
}

/// Sends numbered lines for ever, until the connection breaks, and notes how many were answered.
fn answered(stream: TcpStream, first: u64, answered: &AtomicU64) {
    let mut sender = stream.try_clone().expect("a second handle");
    let sending = std::thread::spawn(move || {
        let mut lines = (first..).map(|n| writeln!(sender, "seq={n:09} {}", "x".repeat(60)));
        lines.find(Result::is_err)
    });
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Ok(progress) = serde_json::from_str::<Value>(&line) {
            answered.fetch_max(progress["lines"].as_u64().unwrap_or(0), Ordering::Relaxed);
        }
    }
    sending.join().expect("it ends with the connection");
}

#[test]
fn what_was_answered_is_there_once_when_the_process_is_killed() {
    let mut loggr = Loggr::with(Setup::default());
    for round in 0..3u64 {
        let first = round * 10_000_000;
        let stream = open(&loggr, &format!("name=round{round}.log"), 8 << 30, "");
        let count_of = Arc::new(AtomicU64::new(0));
        let counter = count_of.clone();
        let counting = std::thread::spawn(move || answered(stream, first, &counter));
        until("much of it was answered", 60, || count_of.load(Ordering::Relaxed) > 20_000 * (round + 1));
        loggr.kill9();
        counting.join().expect("it counts");
        let answered = count_of.load(Ordering::Relaxed);
        loggr.up();
        loggr.drained(120);
        let events = count(&loggr, &format!("peer:*round{round}.log"));
        assert!(events >= answered, "{answered} were answered, {events} are there");
        let lines = loggr.lines();
        let seqs = count_seqs(lines.iter().map(String::as_str));
        let of_round: Vec<(&u64, &u32)> = seqs.range(first..first + 10_000_000).collect();
        assert_eq!(of_round.len() as u64, events, "the two stores agree");
        assert!(of_round.iter().all(|(_, times)| **times == 1), "each is there once");
        assert_eq!(of_round.last().map(|(seq, _)| **seq), Some(first + events - 1), "and none is left out");
    }
}

#[test]
fn a_process_without_queues_takes_no_files() {
    let mut loggr = Loggr::down(Setup::default());
    let web = loggr.part("web");
    check_refused(&loggr, "", b"x\n", "", 409, "elsewhere", "loggr run");
    assert_eq!(browser(&loggr).get("/api/me").json()["uploads"], false);
    drop(web);
}

#[test]
fn events_of_a_file_are_sealed_where_the_configuration_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = directory.path().join("seal.key");
    std::fs::write(&key, "a".repeat(64)).expect("a key");
    let loggr = start(&format!("seal_uploads = true\n[hmac]\nkeys = [{{ id = \"k\", file = {key:?} }}]\n"));
    check(&loggr, "name=a.log", b"one\ntwo\nthree\n", 3);
    loggr.stored(3, 60);
    let said = loggr.ask(&["verify"]);
    assert!(said.contains("           3  good\n           0  unsealed\n"), "{said}");
    let seals = loggr.status()["seals"].clone();
    assert_eq!((&seals[0]["name"], &seals[0]["signed"]), (&json!("upload"), &json!(3)), "{seals}");
}
