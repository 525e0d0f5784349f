//! The search store in trouble: damaged files, a manifest that is lost, a disk that cannot be read, a
//! clock that makes a step. Everything else goes on, each thing is named, and nothing is dropped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use loggr::sink::search::SearchSink;
use loggr_event::{Event, Timestamp, Uid};
use loggr_flow::{Sink, contract};
use loggr_store::embedded::{Reader, Writer, WriterOptions, repair};
use loggr_store::query::Query;
use loggr_store::{Moment, SearchOptions};

use crate::support::{Loggr, PROGRAM, RelpSender, Setup, eventually, until};

const DAY: i64 = 86_400_000_000;

fn make(directory: &Path) -> SearchSink {
    SearchSink::new(directory, WriterOptions::default())
}

/// A sink in a trouble for which no event is to blame lets its events wait.
pub async fn no_event_is_to_blame<K: Sink>(mut sink: K, word: &str) {
    let error = sink.store(&contract::lines(&["wait"])).await.expect_err("a sink in trouble stores nothing");
    assert!(matches!(error, loggr_flow::StoreError::Transient(_)), "{error}");
    assert!(error.chain().contains(word), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_sink_keeps_the_contracts() {
    let (one, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let messages = |directory: &Path| {
        let reader = Reader::open(directory).expect("a store");
        let found = reader.search(&Query::all(), &SearchOptions::new(0)).expect("an answer");
        found.events.into_iter().map(|e| e.message.into_owned()).collect::<Vec<String>>()
    };
    contract::sink(make(one.path()), |_| messages(one.path())).await;
    contract::idempotent_sink(make(other.path()), |_| messages(other.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_held_or_damaged_lets_events_wait() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = Writer::open(dir.path(), WriterOptions::default()).expect("a store");
    no_event_is_to_blame(make(dir.path()), "is written by another process").await;
    drop(held);
    let manifest = dir.path().join("MANIFEST");
    let bytes = std::fs::read(&manifest).expect("a manifest");
    std::fs::write(&manifest, "no manifest").expect("written");
    let mut sink = make(dir.path());
    no_event_is_to_blame(sink.clone(), "MANIFEST` is damaged").await;
    // As soon as it is mended, without a new start.
    std::fs::write(&manifest, bytes).expect("written");
    sink.store(&contract::lines(&["wait"])).await.map(drop).expect("a healthy sink stores");
    // While it is in use too, and whoever repairs it finds it free.
    std::fs::write(&manifest, "no manifest").expect("written");
    no_event_is_to_blame(sink.clone(), "MANIFEST` is damaged").await;
    assert!(repair(dir.path()).expect("it is free").manifest_rebuilt);
    sink.store(&contract::lines(&["more"])).await.map(drop).expect("a healthy sink stores");
}

fn store_of(loggr: &Loggr) -> PathBuf {
    loggr.data().join("search")
}

/// The only data file, after the process has ended.
fn data_file(loggr: &Loggr) -> PathBuf {
    let files = |dir: PathBuf| std::fs::read_dir(dir).expect("listed").map(|f| f.expect("listed").path());
    let days = files(store_of(loggr)).filter(|p| p.to_string_lossy().contains("/day="));
    days.flat_map(files).next().expect("a data file")
}

fn metric(loggr: &Loggr, name: &str) -> Option<u64> {
    let start = format!("{name}{{store=\"search\"}} ");
    loggr.get("/metrics").lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
}

/// What `/readyz` says, ready or not.
fn readyz(loggr: &Loggr) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(loggr.address("web")).expect("the web address accepts");
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_damaged_manifest_does_not_keep_the_process_from_starting() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 500);
    loggr.stored(500, 60);
    loggr.stop();
    std::fs::write(store_of(&loggr).join("MANIFEST"), "no manifest").expect("written");
    // Nothing runs: what lies there says so.
    let text = loggr.status_text(&[]);
    assert!(text.contains("MANIFEST` is damaged"), "{text}");
    loggr.up();
    let status = loggr.status();
    let ships = status["ships"].as_array().expect("ships");
    let ship = ships.iter().find(|s| s["name"] == "search").expect("the shipper");
    assert_eq!(ship["failing"], true, "{ship}");
    assert!(ship["last_error"].as_str().expect("a text").contains("MANIFEST` is damaged"), "{ship}");
    assert!(loggr.log().contains("the store cannot be opened"), "{}", loggr.log());
    assert!(loggr.log().contains("`loggr repair`"), "{}", loggr.log());
    let answer = readyz(&loggr);
    assert!(
        answer.contains(" 503 ") && answer.contains("the store of `search` cannot be opened"),
        "{answer}"
    );
    assert_eq!(metric(&loggr, "loggr_store_trouble"), Some(1));
    // Reception and the files go on.
    RelpSender::new(loggr.address("relp"), 1).run(500, 500);
    until("the files have everything", 60, || loggr.lines().len() == 1000);
    loggr.assert_balanced();
    // Repaired while it runs, and taken up by itself.
    let said = loggr.ask(&["repair"]);
    assert!(said.contains("rebuilt the manifest of `search` from its data files"), "{said}");
    loggr.stored(1000, 60);
    assert_eq!(loggr.ask(&["count", ""]).trim(), "1000");
    until("the shipper is well", 60, || metric(&loggr, "loggr_store_trouble") == Some(0));
    assert!(readyz(&loggr).contains(" 200 "));
    let output = loggr.command(&["repair"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && errors.contains("is in use"), "{errors}");
}

/// What `loggr status` prints, which says that something is wrong.
#[track_caller]
fn troubled(loggr: &Loggr) -> String {
    let output = loggr.command(&["status"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("trouble: store"), "{text}");
    text
}

#[test]
fn a_damaged_file_is_in_the_status_and_the_metrics() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 500);
    loggr.stored(500, 60);
    until("the numbers are there", 60, || metric(&loggr, "loggr_store_events") == Some(500));
    assert_eq!(metric(&loggr, "loggr_store_damaged_files"), Some(0));
    let newest = metric(&loggr, "loggr_store_newest_timestamp_seconds").expect("a time");
    assert!(newest > 1_700_000_000, "{newest}");
    loggr.stop();
    let file = data_file(&loggr);
    let mut bytes = std::fs::read(&file).expect("read");
    bytes[100] ^= 0x10;
    std::fs::write(&file, bytes).expect("written");
    loggr.up();
    until("the damage is found", 60, || metric(&loggr, "loggr_store_damaged_files") == Some(1));
    let text = troubled(&loggr);
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(text.contains("STORE WITH TROUBLE") && text.contains(&name), "{text}");
    assert!(loggr.log().contains("a file of the store is damaged"), "{}", loggr.log());
    // The events that come are stored all the same.
    assert!(readyz(&loggr).contains(" 200 "));
    RelpSender::new(loggr.address("relp"), 1).run(500, 500);
    loggr.stored(1000, 60);
    loggr.stop();
    let said = loggr.ask(&["repair"]);
    assert!(said.contains("moved aside"), "{said}");
    loggr.up();
    assert_eq!(metric(&loggr, "loggr_store_damaged_files"), Some(0));
}

#[test]
fn a_repair_names_the_days_that_are_not_there_and_keeps_them() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 500);
    loggr.stored(500, 60);
    loggr.stop();
    let day = data_file(&loggr).parent().expect("a day").to_owned();
    let away = loggr.data().join("away");
    std::fs::rename(&day, &away).expect("moved");
    let output = loggr.command(&["repair"]);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{errors}");
    let name = day.display().to_string();
    assert!(
        said.contains(&name) && said.contains(": missing are ") && said.contains("(No such file"),
        "{said}"
    );
    assert!(said.contains("the rescue is undamaged"), "{said}");
    assert!(errors.contains("are missing\n") && errors.contains("--forget-missing"), "{errors}");
    std::fs::rename(&away, &day).expect("moved back");
    assert!(loggr.ask(&["repair"]).contains("the store of `search` is undamaged"));
    loggr.up();
    assert_eq!(loggr.ask(&["count", ""]).trim(), "500");
}

/// Makes `pread` fail with EIO on every file whose name contains what the file `LOGGR_TEST_EIO` says.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int is_bad(int fd) {
    char link[64], path[4096], word[256];
    const char *told = getenv("LOGGR_TEST_EIO");
    int file = told ? open(told, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, word, sizeof word - 1);
    close(file);
    if (length <= 0) return 0;
    word[length] = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, word) != NULL;
}
ssize_t pread64(int fd, void *to, size_t count, off64_t at) {
    if (is_bad(fd)) { errno = EIO; return -1; }
    ssize_t (*next)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    return next(fd, to, count, at);
}
ssize_t pread(int fd, void *to, size_t count, off_t at) {
    return pread64(fd, to, count, at);
}
"#;

/// The shim as a library. `None`: there is no C compiler here.
fn shim(dir: &Path) -> Option<PathBuf> {
    let (source, library) = (dir.join("shim.c"), dir.join("shim.so"));
    std::fs::write(&source, SHIM).expect("written");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    match compiler.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            crate::support::skipped(&format!("no C compiler: {error}"));
            None
        }
    }
}

#[test]
fn a_disk_that_cannot_be_read_ends_no_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(library) = shim(dir.path()) else { return };
    let word = dir.path().join("word");
    let environment =
        vec![("LD_PRELOAD", library.display().to_string()), ("LOGGR_TEST_EIO", word.display().to_string())];
    // The shim reads a file of the test, which a process that is confined does not reach.
    let more = "[process]\nconfine = false\n".to_owned();
    let mut loggr = Loggr::with(Setup { environment: environment.clone(), more, ..Setup::default() });
    RelpSender::new(loggr.address("relp"), 1).run(0, 500);
    loggr.stored(500, 60);
    loggr.stop();
    let file = data_file(&loggr);
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    std::fs::write(&word, &name).expect("written");
    loggr.up();
    // Sent again, as after a crash: the store looks into the file that it cannot read.
    RelpSender::new(loggr.address("relp"), 1).run(500, 500);
    loggr.stored(1000, 60);
    until("the damage is found", 60, || metric(&loggr, "loggr_store_damaged_files") == Some(1));
    let text = troubled(&loggr);
    assert!(text.contains(&name) && text.contains("Input/output error"), "{text}");
    for subcommand in
        [&["count", ""][..], &["search", "--limit", "5000", ""], &["top", "host", ""], &["histogram", ""]]
    {
        let mut command = Command::new(PROGRAM);
        command.args(subcommand).arg("--config").arg(loggr.config()).envs(environment.iter().cloned());
        let output = command.output().expect("loggr starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some(), "{subcommand:?} was killed: {}", output.status);
        assert!(errors.contains(&name), "{subcommand:?}: {errors}");
    }
    std::fs::remove_file(&word).expect("removed");
    assert_eq!(loggr.ask(&["count", ""]).trim(), "1000");
}

/// A store whose last look at a clock was `days` ago, with an event of each day of the three before.
fn older_store(directory: &Path, days: i64) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_micros();
    let then = i64::try_from(now).expect("a time") - days * DAY;
    let mut store = Writer::open(directory, WriterOptions::default()).expect("a store");
    for (n, ago) in (0..3u8).rev().enumerate() {
        let wall = then - i64::from(ago) * DAY;
        let monotonic = Duration::from_secs(86_400 * n as u64);
        store.prune(Moment { wall, monotonic }, false).expect("looked");
        let event = Event {
            uid: Uid::from_bytes([n as u8 + 1; 16]),
            timegenerated: Timestamp::from_unix_micros(wall),
            message: "old".into(),
            ..Event::default()
        };
        store.append(&[event]).expect("stored");
    }
}

#[test]
fn a_step_of_the_clock_is_told_and_drops_nothing_until_somebody_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = "kind = \"search\"\nexchange = \"received\"\nretention = \"10d\"";
    let more = format!("[ship.kept]\n{keys}\ndirectory = {:?}\n", dir.path());
    let mut loggr = Loggr::down(Setup { more, ..Setup::default() });
    older_store(dir.path(), 40);
    loggr.up();
    let count = || loggr.ask(&["count", "--store", "kept", ""]).trim().to_owned();
    until("it is told", 30, || {
        loggr.log().contains("the clock of this host has jumped, so retention deletes nothing for now")
    });
    assert_eq!(count(), "3");
    let text = troubled(&loggr);
    assert!(text.contains("STORE THAT DROPS NOTHING") && text.contains("the clock went from"), "{text}");
    let held = "loggr_store_clock_held{store=\"kept\"} 1";
    assert!(loggr.get("/metrics").contains(held));
    // By hand neither, while it runs and while it does not.
    let output = loggr.command(&["prune"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && errors.contains("loggr prune --accept-clock"), "{errors}");
    assert_eq!(count(), "3");
    assert_eq!(loggr.ask(&["prune", "--accept-clock"]).trim(), "deleted 2 days of `kept`");
    // The newest stays, whatever the clock says.
    assert_eq!(count(), "1");
    let status = loggr.status();
    let stores = status["stores"].as_array().expect("stores");
    let kept = stores.iter().find(|s| s["name"] == "kept").expect("the store");
    assert_eq!((kept["dropped"].as_u64(), kept["clock"].is_null()), (Some(2), true), "{kept}");
    let dropped = "loggr_store_dropped_events_total{store=\"kept\"} 2";
    eventually("it is counted", 30, || loggr.get("/metrics").contains(dropped).then_some(()));
}
