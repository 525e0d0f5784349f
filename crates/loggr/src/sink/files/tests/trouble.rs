//! File systems that lose what they have signed, rotation in the moment of a crash, things that
//! stand where a file should be, a compression that was changed.

use std::path::PathBuf;

use super::*;

fn change(path: &Path, how: impl FnOnce(&std::fs::File, u64)) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    how(&file, file.metadata().unwrap().len());
}

/// What a file system that fails does to the last two of four batches in `host0.log`; `ends` are
/// the lengths of the file after each.
type Loss = fn(&Path, &[u64]);

const LOSSES: [Loss; 6] = [
    |log, ends| change(log, |f, _| f.set_len(ends[2]).unwrap()),
    |log, ends| change(log, |f, _| f.set_len(ends[1] + 7).unwrap()),
    |log, ends| change(log, |f, _| f.set_len(ends[1]).unwrap()),
    |log, ends| {
        change(log, |f, len| {
            std::os::unix::fs::FileExt::write_all_at(f, &vec![0; (len - ends[2] - 9) as usize], ends[2] + 5)
                .unwrap();
        })
    },
    |log, ends| {
        change(log, |f, len| {
            f.set_len(ends[1] + 1).unwrap();
            f.set_len(len).unwrap();
        })
    },
    |log, _| std::fs::remove_file(log).unwrap(),
];

/// Four batches of one file, and its length after each.
fn four_batches(worker: &mut Worker, log: &Path) -> Vec<u64> {
    (0..4)
        .map(|n| {
            worker.store(&numbered(n * 10..(n + 1) * 10, 1)).unwrap();
            std::fs::metadata(log).unwrap().len()
        })
        .collect()
}

#[test]
fn lines_that_a_file_system_lost_after_it_signed_for_them_are_written_again() {
    for (case, loss) in LOSSES.into_iter().enumerate() {
        let dir = quick_dir();
        let options = options(dir.path(), "${source}.log", Compress::None);
        let log = dir.path().join("logs/host0.log");
        let mut worker = worker(&options);
        let ends = four_batches(&mut worker, &log);
        let broken = Arc::new(AtomicUsize::new(1));
        let state = broken.clone();
        worker.targets.faults = Faults::hooked(move |op| match (op, state.load(Ordering::Relaxed)) {
            (Op::Write | Op::Sync | Op::Truncate, 1) => Err(Errno::ROFS.into()),
            _ => Ok(usize::MAX),
        });
        for _ in 0..2 {
            worker.store(&numbered(40..50, 1)).unwrap_err();
        }
        loss(&log, &ends);
        broken.store(0, Ordering::Relaxed);
        worker.store(&numbered(40..50, 1)).unwrap();
        worker.store(&numbered(50..60, 1)).unwrap();
        each_once(dir.path(), 0..60, 1, &format!("loss {case}"));
        drop(worker);
        // And a restart finds nothing missing, and writes nothing twice.
        self::worker(&options).store(&numbered(30..61, 1)).unwrap();
        each_once(dir.path(), 0..61, 1, &format!("loss {case}, restart"));
    }
}

/// As above, but the process ends while there is trouble: the queue has forgotten the batches.
#[test]
fn lines_that_a_file_system_lost_are_written_again_by_the_next_process() {
    for (case, loss) in LOSSES.into_iter().enumerate() {
        let dir = quick_dir();
        let options = options(dir.path(), "${source}.log", Compress::None);
        let log = dir.path().join("logs/host0.log");
        let mut worker = worker(&options);
        let ends = four_batches(&mut worker, &log);
        worker.targets.faults = Faults::hooked(|op| match op {
            Op::Write | Op::Sync | Op::Truncate => Err(Errno::ROFS.into()),
            _ => Ok(usize::MAX),
        });
        worker.store(&numbered(40..50, 1)).unwrap_err();
        drop(worker);
        loss(&log, &ends);
        let mut next = self::worker(&options);
        next.look_back();
        next.store(&numbered(40..50, 1)).unwrap();
        let what = format!("loss {case}, the next process");
        // What is left of a torn batch stays until its events are known to come again: here they
        // are in its own hands.
        each_once(dir.path(), 0..50, 1, &what);
        assert!(!super::super::again::place(&options.state).exists(), "{what}");
    }
}

#[test]
fn lines_that_were_lost_before_a_restart_are_taken_from_the_queue_again() {
    for (case, loss) in LOSSES.into_iter().enumerate() {
        let dir = quick_dir();
        let options = options(dir.path(), "${source}.log", Compress::None);
        let log = dir.path().join("logs/host0.log");
        let ends = four_batches(&mut worker(&options), &log);
        loss(&log, &ends);
        worker(&options).store(&numbered(0..50, 1)).unwrap();
        each_once(dir.path(), 0..50, 1, &format!("loss {case}"));
    }
}

#[test]
fn a_batch_that_was_half_written_is_rolled_back_whatever_part_of_it_there_is() {
    for hole in [0..1, 3..40, 100..200, 0..400] {
        let dir = quick_dir();
        let options = options(dir.path(), "${source}.log", Compress::None);
        let log = dir.path().join("logs/host0.log");
        worker(&options).store(&numbered(0..10, 1)).unwrap();
        let begins = std::fs::metadata(&log).unwrap().len();
        crash_after(&options, &numbered(10..20, 1));
        change(&log, |file, _| {
            let zeros = vec![0; hole.len()];
            std::os::unix::fs::FileExt::write_all_at(file, &zeros, begins + hole.start as u64).unwrap();
        });
        worker(&options).store(&numbered(10..25, 1)).unwrap();
        each_once(dir.path(), 0..25, 1, &format!("{hole:?}"));
    }
}

/// Rotation moves the file to another directory between `kill -9` and the restart.
#[track_caller]
fn check_moved(to: &str, torn: bool) {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    worker(&options).store(&numbered(0..10, 1)).unwrap();
    crash_after(&options, &numbered(10..20, 1));
    let (log, to) = (dir.path().join("logs/host0.log"), dir.path().join(to));
    if torn {
        change(&log, |file, len| file.set_len(len - 30).unwrap());
    }
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::rename(&log, &to).unwrap();
    worker(&options).store(&numbered(10..25, 1)).unwrap();
    let lines = [&to, &log].map(|p| std::fs::read_to_string(p).unwrap().lines().count());
    assert_eq!(lines, if torn { [10, 15] } else { [20, 5] });
}

#[test]
fn what_was_moved_to_another_directory_between_crash_and_restart_is_still_recognised() {
    for torn in [false, true] {
        check_moved("logs/old/host0.log", torn);
        check_moved("logs/2026/11/29/host0.log.1", torn);
        check_moved("archive/host0.log-20261129", torn);
    }
}

type Act<'a> = &'a dyn Fn(&Path);

/// Something stands at `logs/host0` or below it; the other hosts do not wait for it.
#[track_caller]
fn check_blocked(path: &str, block: Act<'_>, unblock: Act<'_>, expect: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), path, Compress::None));
    let host = dir.path().join("logs/host0");
    worker.store(&numbered(0..3, 3)).unwrap();
    std::fs::rename(&host, dir.path().join("before")).unwrap();
    block(&host);
    let StoreError::Refused { events, cause } = worker.store(&numbered(3..12, 3)).unwrap_err() else {
        panic!("it is not refused alone: {expect}");
    };
    let expected: Vec<bool> = (3..12).map(|n| n % 3 == 0).collect();
    assert_eq!(events, expected);
    let text = StoreError::Permanent(cause).chain();
    assert!(text.contains(expect) && text.contains("logs/host0"), "{text}");
    // The others, as the pump gives them again.
    let origin = Arc::new(Origin::default());
    let mut others = BatchBuilder::default();
    for record in numbered(3..12, 3).records().filter(|r| !r.event().source.ends_with('0')) {
        others.push_line(&origin, record.uid, record.timegenerated, record.payload.bytes());
    }
    worker.store(&others.finish().unwrap()).unwrap();
    unblock(&host);
    std::fs::rename(dir.path().join("before"), &host).unwrap();
    worker.store(&numbered(3..12, 3)).unwrap();
    each_once(dir.path(), 0..12, 3, expect);
}

#[test]
fn one_bad_target_does_not_hold_up_the_files_of_other_hosts() {
    let remove: Act<'_> = &|host| std::fs::remove_file(host).unwrap();
    let clear: Act<'_> = &|host| std::fs::remove_dir_all(host).unwrap();
    let log = |host: &Path| {
        std::fs::create_dir_all(host.join("app")).unwrap();
        host.join("app/2026-09-21.log")
    };
    let link = |to: &'static str| move |at: &Path| std::os::unix::fs::symlink(to, at).unwrap();
    let node = |kind: rustix::fs::FileType| {
        move |at: &Path| rustix::fs::mknodat(rustix::fs::CWD, at, kind, 0o600.into(), 0).unwrap()
    };
    let socket = |at: &Path| drop(std::os::unix::net::UnixListener::bind(at).unwrap());
    check_blocked(
        TEMPLATE,
        &|host| std::fs::write(host, "").unwrap(),
        remove,
        "a part of the path is a file",
    );
    check_blocked(
        TEMPLATE,
        &|host| std::fs::create_dir_all(log(host)).unwrap(),
        clear,
        "a directory has this name",
    );
    check_blocked(TEMPLATE, &|host| link("/dev/null")(&log(host)), clear, "loggr follows no links");
    check_blocked(TEMPLATE, &|host| link("nowhere")(&log(host)), clear, "loggr follows no links");
    check_blocked(
        TEMPLATE,
        &|host| node(rustix::fs::FileType::Fifo)(&log(host)),
        clear,
        "not a regular file",
    );
    check_blocked(TEMPLATE, &|host| socket(&log(host)), clear, "a socket");
    check_blocked(TEMPLATE, &link("/nowhere/at/all"), remove, "a symbolic link that leads nowhere");
    check_blocked(TEMPLATE, &link("host0"), remove, "link");
    let by_host = "${source}";
    check_blocked(
        by_host,
        &|host| std::fs::create_dir(host).unwrap(),
        &|host| std::fs::remove_dir(host).unwrap(),
        "a directory has this name",
    );
    check_blocked(by_host, &link("../before"), remove, "loggr follows no links");
}

#[test]
fn a_file_that_is_too_large_for_its_file_system_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "${source}.log", Compress::None));
    worker.store(&numbered(0..3, 3)).unwrap();
    let mut writes = 0;
    worker.targets.faults = Faults::hooked(move |op| {
        writes += usize::from(op == Op::Write);
        if op == Op::Write && writes == 2 { Err(Errno::FBIG.into()) } else { Ok(usize::MAX) }
    });
    let StoreError::Refused { events, .. } = worker.store(&numbered(3..9, 3)).unwrap_err() else {
        panic!("it is not refused alone");
    };
    assert_eq!(events, [false, true, false, false, true, false]);
    each_once(dir.path(), 0..3, 3, "rolled back");
    worker.store(&numbered(3..9, 3)).unwrap();
    each_once(dir.path(), 0..9, 3, "too large");
}

#[test]
fn where_all_events_go_to_one_file_they_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "all.log", Compress::None));
    let log = dir.path().join("logs/all.log");
    std::os::unix::fs::symlink("/dev/null", &log).unwrap();
    let error = worker.store(&numbered(0..10, 3)).unwrap_err();
    assert!(
        matches!(error, StoreError::Transient(_)) && error.chain().contains("follows no links"),
        "{error}"
    );
    std::fs::remove_file(&log).unwrap();
    worker.store(&numbered(0..10, 1)).unwrap();
    each_once(dir.path(), 0..10, 1, "one file");
}

#[test]
fn files_are_closed_when_descriptors_run_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), TEMPLATE, Compress::None);
    options.files.max_open_files = 40;
    let mut worker = worker(&options);
    worker.store(&numbered(0..100, 20)).unwrap();
    for (round, failures) in (1..).zip([1, 2, 2]) {
        let mut left = failures;
        worker.targets.faults = Faults::hooked(move |op| match op {
            Op::Open if left > 0 => {
                left -= 1;
                Err(Errno::MFILE.into())
            }
            _ => Ok(usize::MAX),
        });
        // Five hosts more each time have to be opened.
        worker.store(&numbered(100 * round..100 * (round + 1), 20 + 5 * round)).unwrap();
        assert!(worker.targets.max_open() <= 40 >> failures, "{}", worker.targets.max_open());
        let lines = files(&dir.path().join("logs")).values().map(|t| t.lines().count()).sum::<usize>();
        assert_eq!(lines as u32, 100 * (round + 1));
    }
    worker.targets.faults = Faults::default();
    for n in 4..44 {
        worker.store(&numbered(100 * n..100 * n + 1, 1)).unwrap();
    }
    assert_eq!(worker.targets.max_open(), 40, "descriptors that are free again are used again");
}

fn decoded(bytes: &[u8], path: &Path) -> Vec<String> {
    let text = text(bytes);
    assert!(text.lines().all(|l| l.contains("number ")), "{} holds two formats", path.display());
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn check_changed(before: Compress, after: Compress, names: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let with = |compress| options(dir.path(), "all.log", compress);
    worker(&with(before)).store(&numbered(0..10, 1)).unwrap();
    for from in [10, 20] {
        worker(&with(after)).store(&numbered(from - 5..from + 10, 1)).unwrap();
    }
    // And back.
    worker(&with(before)).store(&numbered(25..40, 1)).unwrap();
    let logs = dir.path().join("logs");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&logs).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let found: Vec<_> = paths.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(found, names);
    let lines = paths.iter().flat_map(|p| decoded(&std::fs::read(p).unwrap(), p)).count();
    assert_eq!(lines, 40, "{before:?} and then {after:?}");
}

#[test]
fn a_compression_that_was_changed_does_not_mix_formats_in_one_file() {
    use Compress::{Gzip, None, Zstd};
    check_changed(None, None, &["all.log"]);
    check_changed(None, Gzip, &["all.log", "all.log.gz"]);
    check_changed(None, Zstd, &["all.log", "all.log.zst"]);
    check_changed(Gzip, None, &["all.log", "all.log.plain"]);
    check_changed(Zstd, None, &["all.log", "all.log.plain"]);
    check_changed(Gzip, Zstd, &["all.log", "all.log.zst"]);
    check_changed(Zstd, Gzip, &["all.log", "all.log.gz"]);
}
