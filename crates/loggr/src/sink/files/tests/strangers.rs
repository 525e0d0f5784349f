//! Files of others that have an inode number which was ours, files that are away or may not be
//! changed after trouble, and single files that are broken.

use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;

use super::super::identity::Identity;
use super::super::journal::{Extent, Intent, Journal};
use super::super::uids::Recent;
use super::*;

const FOREIGN: [u8; 4096] = [b'z'; 4096];

fn identity(path: &Path) -> Identity {
    let file = std::fs::File::open(path).unwrap();
    Identity::of(&file, &file.metadata().unwrap())
}

/// After a crash in the middle of a batch that made `host0.log`, a file of somebody else has its
/// inode number. `born` makes the moment in which `host0.log` was made from that of the other one.
fn foreign_after_crash(at: &str, born: fn(u64) -> Option<NonZeroU64>) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    create_base(&options).unwrap();
    let foreign = dir.path().join(at);
    std::fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    std::fs::write(&foreign, FOREIGN).unwrap();
    let its = identity(&foreign);
    let file = Identity { born: its.born.and_then(|b| born(b.get())), ..its };
    let extent = Extent { path: "host0.log".to_owned(), file, offset: 0, len: 10_000, crc: 1 };
    let (mut journal, ..) = Journal::open(&options.state).unwrap();
    let intent = Intent { extents: vec![extent], runs: Vec::new() };
    journal.begin(&intent, &Recent::default()).unwrap();
    drop(journal);
    let mut worker = worker(&options);
    worker.look_back();
    worker.store(&numbered(1..2, 2)).unwrap();
    std::fs::read(&foreign).unwrap() == FOREIGN
}

#[test]
fn a_file_that_got_a_freed_inode_number_is_not_shortened_after_a_crash() {
    let later = |b: u64| NonZeroU64::new(b + 1);
    let places = ["logs/other.log.gz", "logs/old/other.log", "archive/other.log"];
    for at in places {
        assert!(foreign_after_crash(at, later), "{at}");
        // An older journal, or a file system that does not say when a file was made.
        assert!(foreign_after_crash(at, |_| None), "{at}");
        assert_eq!(
            foreign_after_crash(at, NonZeroU64::new),
            identity(Path::new("/proc/self/exe")).born.is_none()
        );
    }
    // Under its own name nobody but us has written.
    assert!(!foreign_after_crash("logs/host0.log", |_| None));
}

#[test]
fn a_file_that_got_a_freed_inode_number_is_not_shortened_when_the_disk_has_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "${source}.log", Compress::None));
    let full = Arc::new(AtomicUsize::new(1));
    let state = full.clone();
    let mut writes = 0;
    worker.targets.faults = Faults::hooked(move |op| {
        writes += usize::from(op == Op::Write);
        match (op, state.load(Ordering::Relaxed)) {
            (Op::Write, 1) if writes == 1 => Ok(500),
            (Op::Write | Op::Truncate, 1) => Err(Errno::NOSPC.into()),
            _ => Ok(usize::MAX),
        }
    });
    worker.store(&numbered(0..100, 1)).unwrap_err();
    let log = dir.path().join("logs/host0.log");
    let ino = std::fs::metadata(&log).unwrap().ino();
    std::fs::remove_file(&log).unwrap();
    // ext4 and XFS give it to the next file; others never, and there is nothing to see then.
    let foreign = (0..64).map(|n| dir.path().join(format!("logs/other{n}.log.gz"))).find(|path| {
        std::fs::write(path, &FOREIGN[..400]).unwrap();
        std::fs::metadata(path).unwrap().ino() == ino
    });
    full.store(0, Ordering::Relaxed);
    worker.store(&numbered(0..100, 1)).unwrap();
    assert!(foreign.is_none_or(|path| std::fs::read(path).unwrap() == FOREIGN[..400]));
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 100);
}

/// The disk is full, and meanwhile rotation compresses or deletes the file.
#[track_caller]
fn check_rotated_while_full(how: impl Fn(&Path), lines: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "${source}.log", Compress::None));
    for n in 0..4 {
        worker.store(&numbered(n * 10..(n + 1) * 10, 1)).unwrap();
    }
    let full = Arc::new(AtomicUsize::new(1));
    let state = full.clone();
    worker.targets.faults = Faults::hooked(move |op| match (op, state.load(Ordering::Relaxed)) {
        (Op::Write, 1) => Err(Errno::NOSPC.into()),
        _ => Ok(usize::MAX),
    });
    for _ in 0..2 {
        assert!(matches!(worker.store(&numbered(40..50, 1)).unwrap_err(), StoreError::Transient(_)));
    }
    how(&dir.path().join("logs/host0.log"));
    full.store(0, Ordering::Relaxed);
    worker.store(&numbered(40..50, 1)).unwrap();
    let texts = files(&dir.path().join("logs"));
    assert_eq!(texts.values().map(|text| text.lines().count()).sum::<usize>(), lines, "{texts:?}");
}

#[test]
fn lines_of_a_file_that_was_compressed_while_the_disk_was_full_do_not_stand_twice() {
    check_rotated_while_full(
        |log| {
            let text = std::fs::read(log).unwrap();
            let packed = super::super::member::compress(Compress::Gzip, text).unwrap();
            std::fs::write(log.with_extension("log.1.gz"), packed).unwrap();
            std::fs::remove_file(log).unwrap();
        },
        50,
    );
    check_rotated_while_full(|log| std::fs::remove_file(log).unwrap(), 10);
}

#[test]
fn lines_of_a_file_that_may_only_be_read_after_trouble_do_not_stand_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker(&options(dir.path(), "${source}.log", Compress::None));
    for n in 0..4 {
        worker.store(&numbered(n * 10..(n + 1) * 10, 1)).unwrap();
    }
    let broken = Arc::new(AtomicUsize::new(1));
    let state = broken.clone();
    worker.targets.faults = Faults::hooked(move |op| match (op, state.load(Ordering::Relaxed)) {
        (Op::Write, 1) => Err(Errno::ROFS.into()),
        // Rotation gave it to somebody else.
        (Op::Find, _) => Err(Errno::ACCESS.into()),
        _ => Ok(usize::MAX),
    });
    worker.store(&numbered(40..50, 1)).unwrap_err();
    let log = dir.path().join("logs/host0.log");
    std::fs::rename(&log, log.with_extension("log.1")).unwrap();
    broken.store(0, Ordering::Relaxed);
    worker.store(&numbered(40..50, 1)).unwrap();
    each_once(dir.path(), 0..50, 1, "read-only");
}

/// The events of host 0 alone are refused; gives the reason.
#[track_caller]
fn refused(worker: &mut Worker, batch: std::ops::Range<u32>) -> String {
    match worker.store(&numbered(batch.clone(), 3)).unwrap_err() {
        StoreError::Refused { events, cause } => {
            assert_eq!(events, batch.map(|n| n % 3 == 0).collect::<Vec<_>>());
            StoreError::Permanent(cause).chain()
        }
        other => panic!("it is not refused alone: {}", other.chain()),
    }
}

#[test]
fn one_file_with_a_bad_block_or_inode_does_not_hold_up_the_others() {
    for errno in [Errno::IO, Errno::UCLEAN, Errno::BADMSG] {
        for broken in [Op::Open, Op::Read, Op::Write] {
            let dir = tempfile::tempdir().unwrap();
            let options = options(dir.path(), "${source}.log", Compress::None);
            worker(&options).store(&numbered(0..3, 3)).unwrap();
            let mut worker = worker(&options);
            let mut left = 1;
            worker.targets.faults = Faults::hooked(move |op| {
                if op == broken && left > 0 {
                    left -= 1;
                    return Err(errno.into());
                }
                Ok(usize::MAX)
            });
            let why = refused(&mut worker, 3..12);
            assert!(
                why.contains("host0.log") && why.contains(": look at") | why.contains(": check"),
                "{why}"
            );
            each_once(dir.path(), 0..3, 3, "nothing of it is written");
            worker.store(&numbered(3..12, 3)).unwrap();
            each_once(dir.path(), 0..12, 3, "repaired");
        }
    }
}

#[test]
fn events_wait_where_the_whole_disk_fails() {
    for broken in [Op::Open, Op::Read, Op::Write, Op::Find] {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), "${source}.log", Compress::None);
        crash_after(&options, &numbered(0..3, 3));
        let mut worker = worker(&options);
        worker.targets.faults = Faults::hooked(move |op| match op {
            Op::Sync => Err(Errno::IO.into()),
            op if op == broken => Err(Errno::IO.into()),
            _ => Ok(usize::MAX),
        });
        for _ in 0..2 {
            let error = worker.store(&numbered(0..12, 3)).unwrap_err();
            assert!(matches!(error, StoreError::Transient(_)), "{error}");
        }
        worker.targets.faults = Faults::default();
        worker.store(&numbered(0..12, 3)).unwrap();
        each_once(dir.path(), 0..12, 3, "the disk is back");
    }
}

#[test]
fn a_file_whose_last_byte_cannot_be_read_goes_on_in_a_line_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    worker(&options).store(&numbered(0..3, 1)).unwrap();
    let mut worker = worker(&options);
    let mut reads = 0;
    worker.targets.faults = Faults::hooked(move |op| {
        reads += usize::from(op == Op::Read);
        // The first is that of the beginning.
        if op == Op::Read && reads == 2 { Err(Errno::IO.into()) } else { Ok(usize::MAX) }
    });
    worker.store(&numbered(3..6, 1)).unwrap();
    let text = std::fs::read_to_string(dir.path().join("logs/host0.log")).unwrap();
    let lines: Vec<bool> = text.lines().map(|line| line.contains("number ")).collect();
    assert_eq!(lines, [true, true, true, false, true, true, true]);
}

#[test]
fn files_that_cannot_be_looked_at_after_a_crash_hold_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), "${source}.log", Compress::None);
    crash_after(&options, &numbered(0..6, 3));
    let mut worker = worker(&options);
    worker.targets.faults = Faults::hooked(|op| match op {
        Op::Find => Err(Errno::UCLEAN.into()),
        _ => Ok(usize::MAX),
    });
    worker.look_back();
    worker.store(&numbered(6..12, 3)).unwrap();
    each_once(dir.path(), 0..12, 3, "unreadable");
}

#[test]
fn a_batch_that_cannot_be_cut_off_one_file_holds_up_that_file_alone() {
    for (compress, crash) in
        [Compress::None, Compress::Zstd].into_iter().flat_map(|c| [(c, false), (c, true)])
    {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), "${source}.log", compress);
        let mut worker = worker(&options);
        worker.store(&numbered(0..3, 3)).unwrap();
        let broken = Arc::new(AtomicUsize::new(1));
        let state = broken.clone();
        let mut writes = 0;
        worker.targets.faults = Faults::hooked(move |op| {
            writes += usize::from(op == Op::Write);
            match (op, state.load(Ordering::Relaxed)) {
                (Op::Write, 1) if writes == 1 => Ok(11),
                (Op::Write, 1) if writes == 2 => Err(Errno::IO.into()),
                (Op::Truncate, 1) => Err(Errno::IO.into()),
                _ => Ok(usize::MAX),
            }
        });
        for _ in 0..2 {
            let why = refused(&mut worker, 3..12);
            assert!(why.contains("host0.log"), "{why}");
        }
        worker.store(&numbered(4..6, 3)).unwrap();
        if crash {
            drop(worker);
            worker = self::worker(&options);
        }
        broken.store(0, Ordering::Relaxed);
        worker.store(&numbered(3..12, 3)).unwrap();
        each_once(dir.path(), 0..12, 3, &format!("{compress:?} {crash}"));
    }
}
