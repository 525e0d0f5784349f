//! Crashes at every step and every byte, and what comes again after them.

use super::*;

/// The batch `0..20` is settled, `20..32` was torn after `cut` bytes of one file, with
/// its intent in the journal. It comes again in the parts given.
fn torn(compress: Compress, parts: &[std::ops::Range<u32>]) {
    let dir = quick_dir();
    let options = options(dir.path(), "${source}.log", compress);
    let mut first = worker(&options);
    first.store(&numbered(0..20, 2)).unwrap();
    let before = std::fs::read(dir.path().join("logs/host0.log")).unwrap().len();
    drop(first);
    crash_after(&options, &numbered(20..32, 2));
    let journal = std::fs::read(&options.state).unwrap();
    let logs = ["host0.log", "host1.log"].map(|n| dir.path().join("logs").join(n));
    let whole = logs.each_ref().map(|l| std::fs::read(l).unwrap());
    for cut in before..=whole[0].len() {
        for (log, bytes) in logs.iter().zip(&whole) {
            // In place: the crash does not change the inode.
            let file = std::fs::OpenOptions::new().write(true).truncate(true).open(log).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).unwrap();
        }
        std::fs::OpenOptions::new().write(true).open(&logs[0]).unwrap().set_len(cut as u64).unwrap();
        std::fs::write(&options.state, &journal).unwrap();
        let mut again = worker(&options);
        for part in parts {
            again.store(&numbered(part.clone(), 2)).unwrap();
        }
        each_once(
            dir.path(),
            0..parts.last().unwrap().end,
            2,
            &format!("{compress:?} cut at {cut}, {parts:?}"),
        );
    }
}

#[test]
fn a_file_torn_at_any_byte_is_mended() {
    let whole = 20..32;
    for compress in [Compress::None, Compress::Gzip, Compress::Zstd] {
        torn(compress, std::slice::from_ref(&whole));
        torn(compress, &[20..26, 26..32, 32..36]);
        torn(compress, &[20..21, 21..31, 31..40]);
        torn(compress, &[10..25, 25..50]);
    }
}

#[test]
fn an_older_intent_does_not_cut_what_a_newer_one_wrote() {
    let dir = quick_dir();
    let options = options(dir.path(), "${source}.log", Compress::None);
    crash_after(&options, &numbered(0..30, 1));
    let log = dir.path().join("logs/host0.log");
    let file = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.set_len(1000).unwrap();
    // A part of it comes again, smaller than the torn region, and is whole.
    crash_after(&options, &numbered(0..10, 1));
    worker(&options).store(&numbered(0..30, 1)).unwrap();
    each_once(dir.path(), 0..30, 1, "older");
}

#[test]
fn events_that_keep_coming_again_stay_known() {
    let dir = quick_dir();
    let options = options(dir.path(), "${source}.log", Compress::None);
    for end in 2..12 {
        // A restart each time: the journal has to carry them.
        worker(&options).store(&numbered(0..end * 10, 1)).unwrap();
    }
    each_once(dir.path(), 0..110, 1, "carried");
}

/// A machine that died after its publisher was told gives its events out again when it is back:
/// among newer ones, which others brought meanwhile.
#[test]
fn an_event_that_comes_again_much_later_is_known_also_after_a_crash() {
    let dir = quick_dir();
    let options = options(dir.path(), TEMPLATE, Compress::None);
    let mut first = worker(&options);
    for n in 0..50 {
        first.store(&numbered(n * 10..(n + 1) * 10, 3)).unwrap();
    }
    first.store(&numbered(20..30, 3)).unwrap();
    drop(first);
    let mut second = worker(&options);
    second.store(&numbered(0..10, 3)).unwrap();
    second.store(&numbered(490..510, 3)).unwrap();
    each_once(dir.path(), 0..510, 3, "late");
}

#[test]
fn a_crash_at_any_step_loses_and_doubles_nothing() {
    for compress in [Compress::None, Compress::Gzip] {
        for (halves, max_open_files) in [(false, 4), (true, 4), (false, 2)] {
            let mut step = 0;
            loop {
                let dir = quick_dir();
                let mut options = options(dir.path(), TEMPLATE, compress);
                options.files.max_open_files = max_open_files;
                let mut signed = 0;
                let mut crashes = 0;
                while signed < 90 {
                    let mut worker = worker(&options);
                    // Crashes at this step of every life, after 11 bytes of a write.
                    let count = Arc::new(AtomicUsize::new(0));
                    let mut crashed = crashes >= 3;
                    worker.targets.faults = Faults::hooked(move |op| {
                        let n = count.fetch_add(1, Ordering::Relaxed);
                        if n == step && !crashed && op == Op::Write {
                            return Ok(11);
                        }
                        if n >= step + usize::from(op == Op::Write) && !crashed {
                            crashed = true;
                            std::panic::panic_any("crash");
                        }
                        Ok(usize::MAX)
                    });
                    let run = catch_unwind(AssertUnwindSafe(|| {
                        while signed < 90 {
                            let n = if halves { 15 } else { 30 };
                            worker.store(&numbered(signed..signed + n, 3)).unwrap();
                            signed += n;
                        }
                    }));
                    crashes += usize::from(run.is_err());
                }
                each_once(dir.path(), 0..90, 3, &format!("{compress:?} step {step} {halves}"));
                if crashes == 0 {
                    assert!(step > 10, "it never crashed");
                    break;
                }
                step += 1;
            }
        }
    }
}

#[test]
fn an_error_at_any_step_is_rolled_back() {
    for (compress, errno) in [(Compress::None, Errno::NOSPC), (Compress::Zstd, Errno::IO)] {
        for failures in [1, 3] {
            let mut step = 0;
            loop {
                let dir = quick_dir();
                let options = options(dir.path(), TEMPLATE, compress);
                let mut worker = worker(&options);
                let count = Arc::new(AtomicUsize::new(0));
                let failed = Arc::new(AtomicUsize::new(0));
                let failures_so_far = failed.clone();
                worker.targets.faults = Faults::hooked(move |op| {
                    let n = count.fetch_add(1, Ordering::Relaxed);
                    if n == step && op == Op::Write {
                        return Ok(5);
                    }
                    if n >= step && failed.load(Ordering::Relaxed) < failures {
                        failed.fetch_add(1, Ordering::Relaxed);
                        return Err(errno.into());
                    }
                    Ok(usize::MAX)
                });
                for part in [0..30, 30..60, 60..90] {
                    let mut tries = 0;
                    while let Err(error) = worker.store(&numbered(part.clone(), 3)) {
                        // What may be the trouble of one file alone is refused.
                        let is_of_one = errno == Errno::IO && matches!(error, StoreError::Refused { .. });
                        assert!(is_of_one || matches!(error, StoreError::Transient(_)), "{error}");
                        tries += 1;
                        assert!(tries <= failures, "{error}");
                    }
                }
                each_once(dir.path(), 0..90, 3, &format!("{compress:?} step {step} {failures}"));
                // And the journal that this left is fit for a restart.
                drop(worker);
                let mut again = self::worker(&options);
                again.store(&numbered(60..100, 3)).unwrap();
                each_once(dir.path(), 0..100, 3, &format!("{compress:?} restart after step {step}"));
                if failures_so_far.load(Ordering::Relaxed) == 0 {
                    break;
                }
                step += 1;
            }
        }
    }
}

const CRASH_DIR: &str = "LOGGR_TEST_FILES_CRASH_DIR";

/// The child of the test below: stores numbered batches and notes which were signed.
#[tokio::test]
async fn crash_child() {
    let Ok(dir) = std::env::var(CRASH_DIR) else { return };
    let dir = Path::new(&dir);
    let cursor = dir.join("cursor");
    let mut sink = FilesSink::open(options(dir, TEMPLATE, Compress::None)).unwrap();
    let read = || std::fs::read_to_string(&cursor).ok().and_then(|t| t.parse().ok()).unwrap_or(0u32);
    let mut next = read();
    loop {
        // Other sizes in each life: what comes again comes regrouped.
        let n = 50 + (std::process::id() + next) % 400;
        let receipt = sink.store(&numbered(next..next + n, 5)).await.unwrap();
        drop(receipt);
        next += n;
        std::fs::write(dir.join("cursor.new"), next.to_string()).unwrap();
        std::fs::rename(dir.join("cursor.new"), &cursor).unwrap();
    }
}

#[test]
fn kill_9_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let exe = std::env::current_exe().unwrap();
    let name = format!("{}::crash_child", module_path!().split_once("::").map_or("", |(_, m)| m));
    let cursor = || {
        std::fs::read_to_string(dir.path().join("cursor")).ok().and_then(|t| t.parse().ok()).unwrap_or(0u32)
    };
    for life in 0..15u32 {
        let before = cursor();
        let mut child = std::process::Command::new(&exe)
            .args(["--exact", &name, "--nocapture", "--test-threads=1"])
            .env(CRASH_DIR, dir.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        // Lives on for some batches, then dies wherever it is.
        while cursor() < before + 200 * (life % 5 + 1) {
            assert!(
                std::time::Instant::now() < deadline && child.try_wait().unwrap().is_none(),
                "the child makes no progress"
            );
            std::hint::spin_loop();
        }
        for _ in 0..life * 7919 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // What was in flight comes again; afterwards everything is there once.
    let options = options(dir.path(), TEMPLATE, Compress::None);
    let end = cursor() + 2000;
    worker(&options).store(&numbered(cursor()..end, 5)).unwrap();
    each_once(dir.path(), 0..end, 5, "killed");
}
