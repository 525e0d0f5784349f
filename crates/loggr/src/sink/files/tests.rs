//! The sink as a whole: contracts, hostile names, disks that fail, files that others move; and
//! what the tests beside this file share.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loggr_event::{DumpFormat, Origin, Template, Timestamp, Uid};
use loggr_flow::{Batch, BatchBuilder, Sink, StoreError, contract};
use rustix::io::Errno;

use super::fault::{Faults, Op};
use super::worker::Worker;
use super::*;
use crate::config::ship::Compress;

mod crash;
mod strangers;
mod trouble;

const TEMPLATE: &str = "${source}/${app_name}/${date}.log";

fn options(dir: &Path, path: &str, compress: Compress) -> FilesOptions {
    FilesOptions {
        name: "test".to_owned(),
        files: FilesShip {
            directory: dir.join("logs"),
            path: Template::parse(path).unwrap(),
            format: DumpFormat::Rsyslog,
            compress,
            file_mode: 0o640,
            directory_mode: 0o750,
            max_open_files: 4,
            batch_events: 10_000,
            batch_bytes: 4 << 20,
        },
        state: dir.join("state/journal"),
    }
}

/// In memory where that can be had: thousands of crashes need no disk.
fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn worker(options: &FilesOptions) -> Worker {
    create_base(options).unwrap();
    options.worker().unwrap()
}

/// Events with the uids and numbers given, from `hosts` hosts by turns.
fn numbered(range: std::ops::Range<u32>, hosts: u32) -> Batch {
    let origin = Arc::new(Origin::default());
    let now = Timestamp::from_unix_micros(1_790_000_000_000_000);
    let mut builder = BatchBuilder::default();
    for n in range {
        let uid = Uid::from_bytes((u128::from(n) + 1_000_000).to_be_bytes());
        let line = format!(
            "<13>1 2026-09-21T10:00:00Z host{} app - - - number {n} {}",
            n % hosts,
            "x".repeat(n as usize % 7)
        );
        builder.push_line(&origin, uid, now, line.as_bytes());
    }
    builder.finish().unwrap()
}

/// All files below a directory with their text, decompressed.
fn files(dir: &Path) -> BTreeMap<String, String> {
    fn walk(base: &Path, dir: &Path, out: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(base, &path, out);
            } else {
                let name = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
                out.insert(name, text(&std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(dir, dir, &mut out);
    out
}

fn text(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).expect("whole gzip members");
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        text = zstd::decode_all(bytes).expect("whole zstd frames");
    } else {
        text = bytes.to_vec();
    }
    String::from_utf8(text).unwrap()
}

/// The numbers in the lines of each file must be rising without a gap per host.
#[track_caller]
fn each_once(dir: &Path, range: std::ops::Range<u32>, hosts: u32, case: &str) {
    let mut all = Vec::new();
    for (name, text) in files(&dir.join("logs")) {
        assert!(text.is_empty() || text.ends_with('\n'), "{case}: {name} ends in half a line");
        let numbers: Vec<u32> = text
            .lines()
            .map(|line| {
                let (_, rest) =
                    line.split_once("number ").unwrap_or_else(|| panic!("{case}: half a line {line:?}"));
                rest.split(' ').next().unwrap().parse().unwrap()
            })
            .collect();
        assert!(numbers.windows(2).all(|w| w[0] + hosts == w[1]), "{case}: {name} has {numbers:?}");
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, range.collect::<Vec<_>>(), "{case}");
}

fn stored_texts(dir: &Path) -> Vec<String> {
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let message = |line: String| {
        let at = line.find("contract").or_else(|| line.find("once")).unwrap_or(0);
        line[at..].to_owned()
    };
    files(&dir.join("logs")).into_values().flat_map(lines).map(message).collect()
}

#[tokio::test]
async fn it_keeps_the_contracts() {
    for compress in [Compress::None, Compress::Gzip, Compress::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let sink = FilesSink::open(options(dir.path(), TEMPLATE, compress)).unwrap();
        let path = dir.path().to_owned();
        contract::sink(sink, |_| stored_texts(&path)).await;
        let dir = tempfile::tempdir().unwrap();
        let sink = FilesSink::open(options(dir.path(), TEMPLATE, compress)).unwrap();
        let path = dir.path().to_owned();
        contract::idempotent_sink(sink, |_| stored_texts(&path)).await;
    }
}

#[tokio::test]
async fn a_cancelled_store_does_not_write_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = FilesSink::open(options(dir.path(), TEMPLATE, Compress::None)).unwrap();
    for first in 0..20 {
        let batch = numbered(first * 100..(first + 1) * 100, 3);
        {
            let cancelled = sink.store(&batch);
            tokio::pin!(cancelled);
            tokio::select! { biased;
                _ = &mut cancelled => {}
                () = tokio::task::yield_now() => {}
            }
        }
        sink.store(&batch).await.map(drop).unwrap();
    }
    each_once(dir.path(), 0..2000, 3, "cancelled");
}

#[track_caller]
fn check_name(source: &str, expect: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "${source}.log", Compress::None));
    let mut event = loggr_event::Event { source: source.into(), message: "m".into(), ..Default::default() };
    event.uid = Uid::from_bytes([1; 16]);
    let mut builder = BatchBuilder::default();
    builder.push_event(&event);
    worker.store(&builder.finish().unwrap()).unwrap();
    let names: Vec<_> = files(&dir.path().join("logs")).into_keys().collect();
    assert_eq!(names, [format!("{expect}.log")]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "the directory and the state");
}

#[test]
fn hostile_hosts_stay_in_the_directory() {
    check_name("web01", "web01");
    check_name("../../../../tmp/x", "_._.._.._.._tmp_x");
    check_name("..", "_.");
    check_name("/etc/passwd", "_etc_passwd");
    check_name("a\0/b", "a__b");
    check_name("\u{1b}[31m", "_[31m");
    check_name(&"é".repeat(300), &"é".repeat(50));
}

#[test]
fn a_line_feed_in_a_message_breaks_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "all.log", Compress::None));
    worker.store(&contract::lines(&["one\ntwo\nthree", "four\n"])).unwrap();
    assert_eq!(files(&dir.path().join("logs"))["all.log"].lines().count(), 2);
}

#[test]
fn events_without_a_uid_and_twins_within_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "all.log", Compress::None));
    let (origin, now) = (Arc::new(Origin::default()), Timestamp::default());
    let mut builder = BatchBuilder::default();
    for (uid, text) in [(0, "nil"), (5, "five"), (0, "nil"), (5, "five"), (3, "three")] {
        builder.push_line(&origin, Uid::from_bytes((uid as u128).to_be_bytes()), now, text.as_bytes());
    }
    worker.store(&builder.finish().unwrap()).unwrap();
    let text = &files(&dir.path().join("logs"))["all.log"];
    let count = |word| text.matches(word).count();
    assert_eq!((count("nil"), count("five"), count("three")), (2, 1, 1));
}

#[test]
fn an_event_that_a_trusted_loggr_sends_again_stands_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "all.log", Compress::None);
    let (trusted, now) = (Arc::new(Origin { trusted: true, ..Origin::default() }), Timestamp::default());
    let line = |n: u128| {
        let uid = Uid::from_bytes((n + 1_000_000).to_be_bytes());
        format!("<13>1 - web app - - [pyloggr@45878 uid=\"{uid}\"] n{n}.")
    };
    // Each reception gives the line an identity of its own.
    let batch = |numbers: &[u128], first: u128| {
        let mut builder = BatchBuilder::default();
        for (at, n) in numbers.iter().enumerate() {
            let uid = Uid::from_bytes((first + at as u128).to_be_bytes());
            builder.push_line(&trusted, uid, now, line(*n).as_bytes());
        }
        builder.finish().unwrap()
    };
    let mut first = worker(&options);
    first.store(&batch(&[1, 2, 2, 3], 10)).unwrap();
    first.store(&batch(&[2, 3, 4], 20)).unwrap();
    drop(first);
    worker(&options).store(&batch(&[1, 4, 5], 30)).unwrap();
    let text = &files(&dir.path().join("logs"))["all.log"];
    let counts: Vec<_> = (1..=5).map(|n| text.matches(&format!("n{n}.")).count()).collect();
    assert_eq!(counts, [1; 5], "{text}");
}

/// A life that ends before its last intent is marked as done.
fn crash_after(options: &FilesOptions, batch: &Batch) {
    let mut worker = worker(options);
    worker.targets.faults = Faults::hooked(|op| match op {
        Op::Done => Err(io::Error::other("crash")),
        _ => Ok(usize::MAX),
    });
    worker.store(batch).unwrap();
}

#[test]
fn debris_that_could_not_be_cut_is_cut_later_also_after_a_crash() {
    for crash in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), "${source}.log", Compress::None);
        let mut worker = worker(&options);
        worker.store(&numbered(0..10, 1)).unwrap();
        let broken = Arc::new(AtomicUsize::new(1));
        let state = broken.clone();
        worker.targets.faults = Faults::hooked(move |op| match (op, state.load(Ordering::Relaxed)) {
            (_, 0) => Ok(usize::MAX),
            (Op::Sync | Op::Truncate, _) => Err(Errno::IO.into()),
            _ => Ok(usize::MAX),
        });
        for _ in 0..3 {
            let error = worker.store(&numbered(10..20, 1)).unwrap_err().chain();
            assert!(error.contains("host0.log") && error.contains("kernel's log"), "{error}");
        }
        if crash {
            drop(worker);
            worker = self::worker(&options);
        }
        broken.store(0, Ordering::Relaxed);
        worker.store(&numbered(10..25, 1)).unwrap();
        each_once(dir.path(), 0..25, 1, "debris");
    }
}

#[test]
fn a_file_renamed_or_deleted_from_outside_is_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "${source}.log", Compress::None));
    let log = dir.path().join("logs/host0.log");
    worker.store(&numbered(0..10, 1)).unwrap();
    std::fs::rename(&log, dir.path().join("logs/host0.log.1")).unwrap();
    worker.store(&numbered(10..20, 1)).unwrap();
    each_once(dir.path(), 0..20, 1, "renamed");
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 10);
    std::fs::remove_file(&log).unwrap();
    worker.store(&numbered(20..30, 1)).unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 10);
    // Another file of the same name, as logrotate's `create` makes one.
    std::fs::rename(&log, dir.path().join("logs/host0.log.2")).unwrap();
    std::fs::write(&log, "").unwrap();
    worker.store(&numbered(30..40, 1)).unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 10);
}

#[test]
fn what_was_rotated_between_crash_and_restart_is_still_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    crash_after(&options, &numbered(0..10, 1));
    let log = dir.path().join("logs/host0.log");
    std::fs::rename(&log, dir.path().join("logs/host0.log.1")).unwrap();
    worker(&options).store(&numbered(0..15, 1)).unwrap();
    each_once(dir.path(), 0..15, 1, "rotated");
}

#[test]
fn a_missing_directory_is_waited_for_and_never_created() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), TEMPLATE, Compress::None));
    worker.store(&numbered(0..10, 2)).unwrap();
    let (logs, away) = (dir.path().join("logs"), dir.path().join("away"));
    std::fs::rename(&logs, &away).unwrap();
    let error = worker.store(&numbered(10..20, 2)).unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)));
    assert!(error.chain().contains("mount or create it"), "{error}");
    assert!(!logs.exists());
    std::fs::rename(&away, &logs).unwrap();
    worker.store(&numbered(10..20, 2)).unwrap();
    each_once(dir.path(), 0..20, 2, "put back");
}

#[test]
fn half_a_line_of_unknown_origin_stays_on_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "all.log", Compress::None));
    let log = dir.path().join("logs/all.log");
    std::fs::write(&log, "half a li").unwrap();
    worker.store(&numbered(0..2, 1)).unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("half a li\n"), "{text}");
    assert_eq!(text.lines().count(), 3);
    // Also when a torn batch began behind it.
    worker.store(&numbered(0..2, 1)).unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), text);
}

#[test]
fn an_editor_may_shorten_a_file_whose_batch_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    worker(&options).store(&numbered(0..10, 1)).unwrap();
    let log = dir.path().join("logs/host0.log");
    let len = std::fs::metadata(&log).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(len / 2).unwrap();
    let left = std::fs::read_to_string(&log).unwrap();
    // What newer lines follow is as it is meant; what was not written to since may be a loss.
    let mut second = worker(&options);
    second.store(&numbered(10..12, 1)).unwrap();
    drop(second);
    worker(&options).store(&numbered(10..12, 1)).unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.starts_with(&left), "what the editor left stays");
    assert_eq!(text.lines().count(), left.lines().count() + 2);
}

#[test]
fn more_files_than_handles() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), TEMPLATE, Compress::None);
    options.files.max_open_files = 3;
    let mut worker = worker(&options);
    for first in 0..5 {
        worker.store(&numbered(first * 100..(first + 1) * 100, 20)).unwrap();
    }
    assert_eq!(files(&dir.path().join("logs")).len(), 20);
    each_once(dir.path(), 0..500, 20, "handles");
}

#[test]
fn modes_are_those_of_the_options() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), TEMPLATE, Compress::None);
    (options.files.file_mode, options.files.directory_mode) = (0o666, 0o777);
    worker(&options).store(&numbered(0..1, 1)).unwrap();
    let mode =
        |p: &str| std::fs::metadata(dir.path().join("logs").join(p)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("host0"), mode("host0/app/2026-09-21.log")), (0o777, 0o666));
}

#[test]
fn two_sinks_do_not_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), TEMPLATE, Compress::None);
    let _first = FilesSink::open(options.clone()).unwrap();
    let error = FilesSink::open(options).unwrap_err();
    assert!(error.to_string().contains("in use") && error.hint().is_some());
}

#[test]
fn a_full_disk_is_transient_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let mount = |args: &[&str]| {
        std::process::Command::new(args[0]).args(&args[1..]).output().is_ok_and(|o| o.status.success())
    };
    let at = logs.to_str().unwrap();
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", at]) {
        // Without the right to mount, `an_error_at_any_step_is_rolled_back` has to do.
        return;
    }
    let mut worker = worker(&options);
    worker.store(&numbered(0..100, 2)).unwrap();
    std::fs::write(logs.join("ballast"), vec![0; 40 << 10]).unwrap();
    let error = worker.store(&numbered(100..1000, 2)).unwrap_err().chain();
    let ballast = std::fs::remove_file(logs.join("ballast"));
    let before = std::panic::catch_unwind(|| each_once(dir.path(), 0..100, 2, "full"));
    mount(&["mount", "-o", "remount,size=1m", at]);
    let after = worker.store(&numbered(100..1000, 2));
    let whole = std::panic::catch_unwind(|| each_once(dir.path(), 0..1000, 2, "healed"));
    drop(worker);
    // Lazily: a child of another test may still hold the files that we have closed.
    assert!(mount(&["umount", "-l", at]));
    assert!(error.contains("free some space") && error.contains("No space left"), "{error}");
    ballast.unwrap();
    before.unwrap();
    after.unwrap();
    whole.unwrap();
}
