//! Flipped bytes: found by checksum, named, survived; and what a repair can save.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::path::{Path, PathBuf};

use loggr_store::embedded::fault;
use loggr_store::embedded::{Reader, Repaired, Writer, WriterOptions, repair, repair_and_forget};
use loggr_store::query::Query;
use loggr_store::{ErrorKind, SearchOptions};
use support::{MIDNIGHT, event, everything, with_field};

fn quiet() -> WriterOptions {
    WriterOptions { background_compaction: false, ..WriterOptions::default() }
}

/// Two days with one file each of `rows` events.
fn store(dir: &Path, rows: u64) {
    let mut store = Writer::open(dir, quiet()).unwrap();
    for day in 0..2 {
        let batch: Vec<_> = (0..rows)
            .map(|i| {
                let n = day * rows + i;
                let e = event(
                    n,
                    MIDNIGHT - (day as i64 * 86_400_000_000) + i as i64,
                    "app",
                    &format!("number {n} of them all"),
                );
                with_field(e, "n", &[&n.to_string()])
            })
            .collect();
        store.append(&batch).unwrap();
    }
}

fn data_file(dir: &Path, day: &str) -> PathBuf {
    let mut found = std::fs::read_dir(dir.join(format!("day={day}"))).unwrap();
    found.next().unwrap().unwrap().path()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

fn count(reader: &Reader) -> (u64, bool, Vec<String>) {
    let counted = reader.histogram(&Query::all(), 1, &SearchOptions::new(0)).unwrap();
    (counted.stats.matched, counted.partial, counted.warnings)
}

#[test]
fn any_flipped_byte_of_a_data_file_is_found_and_the_rest_stays_readable() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 300);
    let path = data_file(dir.path(), "2026-11-21");
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    let places = (0..length).step_by((length / 37).max(1)).chain([length - 1]);
    for at in places {
        flip(&path, at);
        let reader = Reader::open(dir.path()).unwrap();
        let verified = reader.verify().unwrap();
        assert_eq!(verified.files, 2);
        let [damage] = &verified.damaged[..] else { panic!("byte {at}: {verified:?}") };
        assert_eq!((&damage.path, damage.events, damage.date.as_str()), (&path, 300, "2026-11-21"));
        let (matched, partial, warnings) = count(&reader);
        // What was not needed is not read: an undamaged part may still answer.
        if matched == 600 {
            assert!(!partial);
        } else {
            assert_eq!((matched, partial), (300, true), "byte {at}");
            assert!(warnings.iter().any(|w| w.contains("2026-11-21")), "{warnings:?}");
        }
        let found =
            reader.search(&Query::all(), &SearchOptions { limit: 1000, ..SearchOptions::new(0) }).unwrap();
        assert!(found.partial && !found.warnings.is_empty(), "byte {at}");
        assert_eq!(found.events.len(), 300);
        flip(&path, at);
    }
    assert_eq!(count(&Reader::open(dir.path()).unwrap()), (600, false, vec![]));
}

#[test]
fn a_cut_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 100);
    let path = data_file(dir.path(), "2026-11-22");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(1000).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify().unwrap().damaged.len(), 1);
    assert_eq!(count(&reader).0, 100);
}

#[test]
fn a_missing_file_is_named_and_the_rest_stays_readable() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 100);
    std::fs::remove_file(data_file(dir.path(), "2026-11-21")).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let (matched, partial, warnings) = count(&reader);
    assert_eq!((matched, partial), (100, true));
    assert!(warnings[0].contains("2026-11-21"), "{warnings:?}");
    assert_eq!(reader.verify().unwrap().damaged.len(), 1);
    // The writer goes on, and a repair takes the file off the manifest where somebody says so.
    let mut writer = Writer::open(dir.path(), quiet()).unwrap();
    writer.append(&[event(9000, MIDNIGHT + 7_000_000, "app", "one more")]).unwrap();
    drop(writer);
    repair(dir.path()).unwrap();
    assert_eq!(count(&Reader::open(dir.path()).unwrap()).0, 101);
    assert!(count(&Reader::open(dir.path()).unwrap()).1);
    assert!(repair_and_forget(dir.path()).unwrap().forgotten);
    assert_eq!(count(&Reader::open(dir.path()).unwrap()), (101, false, vec![]));
    assert_eq!(repair(dir.path()).unwrap(), Repaired::default());
}

/// What a repair says of the day 2026-11-21 that is away.
#[track_caller]
fn check_missing(repaired: &Repaired, events: u64) {
    let [missing] = &repaired.missing[..] else { panic!("{repaired:?}") };
    assert_eq!((missing.date.as_str(), missing.files, missing.events), ("2026-11-21", 1, events));
    assert!(missing.directory.ends_with("day=2026-11-21"));
    assert_eq!((&repaired.set_aside[..], repaired.manifest_rebuilt), (&[][..], false));
}

#[test]
fn a_day_that_was_away_at_a_repair_is_there_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 100);
    let (day, away) = (dir.path().join("day=2026-11-21"), dir.path().join("away"));
    std::fs::rename(&day, &away).unwrap();
    check_missing(&repair(dir.path()).unwrap(), 100);
    // Also where the name is somebody's file meanwhile.
    std::fs::write(&day, "not mounted").unwrap();
    check_missing(&repair(dir.path()).unwrap(), 100);
    std::fs::remove_file(&day).unwrap();
    std::fs::rename(&away, &day).unwrap();
    drop(Writer::open(dir.path(), quiet()).unwrap());
    assert_eq!(count(&Reader::open(dir.path()).unwrap()), (200, false, vec![]));
    assert_eq!(repair(dir.path()).unwrap(), Repaired::default());
}

#[test]
fn a_day_that_was_forgotten_is_not_deleted_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 100);
    let (day, away) = (dir.path().join("day=2026-11-21"), dir.path().join("away"));
    let manifest = dir.path().join("MANIFEST");
    for (lost, here, gone) in [(false, 100, 100), (true, 102, 101)] {
        std::fs::rename(&day, &away).unwrap();
        if lost {
            std::fs::remove_file(&manifest).unwrap();
            assert!(repair(dir.path()).unwrap().manifest_rebuilt);
        } else {
            check_missing(&repair_and_forget(dir.path()).unwrap(), gone);
        }
        assert_eq!(count(&Reader::open(dir.path()).unwrap()), (here, false, vec![]));
        // What comes meanwhile has other numbers than what is away.
        let mut writer = Writer::open(dir.path(), quiet()).unwrap();
        writer.append(&[event(9000 + u64::from(lost), MIDNIGHT - 86_400_000_000, "app", "late")]).unwrap();
        for i in [9100, 9101] {
            writer.append(&[event(i + here, MIDNIGHT + i as i64, "app", "more")]).unwrap();
        }
        assert!(writer.compactor().step_forced().unwrap());
        drop(writer);
        // It comes back, and a crash leaves half of a new file beside it.
        for file in std::fs::read_dir(&away).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), day.join(file.file_name())).unwrap();
        }
        std::fs::remove_dir_all(&away).unwrap();
        let new = day.join("999999999999.parquet");
        std::fs::write(&new, "half a file").unwrap();
        let writer = Writer::open(dir.path(), quiet()).unwrap();
        assert!(!new.exists());
        let damaged = writer.watch().summary().damaged;
        assert_eq!(damaged.len(), 1, "{damaged:?}");
        assert!(damaged[0].1.contains("is not in the manifest"), "{damaged:?}");
        drop(writer);
        assert_eq!(repair(dir.path()).unwrap().taken_up, gone);
        let writer = Writer::open(dir.path(), quiet()).unwrap();
        assert_eq!(writer.watch().summary().damaged, []);
        assert_eq!(count(&Reader::open(dir.path()).unwrap()), (here + gone + 3, false, vec![]));
        // One file a day again.
        while writer.compactor().step_forced().unwrap() {}
    }
}

#[test]
fn a_day_that_cannot_be_listed_is_not_left_out_of_a_new_manifest() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 100);
    let manifest = dir.path().join("MANIFEST");
    let kept = std::fs::read(&manifest).unwrap();
    let day = dir.path().join("day=2026-11-21");
    fault::make_unreadable(&day, 0..0);
    // With its manifest the store goes on.
    drop(Writer::open(dir.path(), quiet()).unwrap());
    for lost in [true, false] {
        if lost {
            std::fs::remove_file(&manifest).unwrap();
        } else {
            std::fs::write(&manifest, "nonsense").unwrap();
        }
        let refused = repair(dir.path()).unwrap_err();
        assert!(names(&refused.to_string(), &day), "{refused}");
        assert!(refused.hint().unwrap().contains("would be missing from the store"));
    }
    // Nothing was moved.
    assert_eq!(std::fs::read(&manifest).unwrap(), b"nonsense");
    // Without the other day the store looks as if it were new.
    std::fs::remove_file(&manifest).unwrap();
    std::fs::rename(dir.path().join("day=2026-11-22"), dir.path().join("away")).unwrap();
    assert!(names(&Writer::open(dir.path(), quiet()).unwrap_err().to_string(), &day));
    assert!(Reader::open(dir.path()).is_err());
    fault::make_readable(&day);
    std::fs::rename(dir.path().join("away"), dir.path().join("day=2026-11-22")).unwrap();
    std::fs::write(&manifest, kept).unwrap();
    assert_eq!(count(&Reader::open(dir.path()).unwrap()), (200, false, vec![]));
}

#[test]
fn a_damaged_manifest_is_refused_and_rebuilt_from_the_files() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 100);
    // A merge, so that the rebuilt manifest must know what replaced what.
    let mut writer = Writer::open(dir.path(), quiet()).unwrap();
    writer.append(&[event(9000, MIDNIGHT + 7_000_000, "app", "one more")]).unwrap();
    assert!(writer.compactor().step_forced().unwrap());
    drop(writer);
    let before = everything(&Reader::open(dir.path()).unwrap());
    for lost in [false, true] {
        let path = dir.path().join("MANIFEST");
        if lost {
            std::fs::remove_file(&path).unwrap();
        } else {
            flip(&path, 30);
        }
        // Not an empty store, for readers neither.
        let refused = Reader::open(dir.path()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert!(refused.hint().unwrap().contains("loggr repair"));
        let refused = Writer::open(dir.path(), quiet()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert!(refused.to_string().contains("MANIFEST"), "{refused}");
        assert!(repair(dir.path()).unwrap().manifest_rebuilt);
        assert_eq!(everything(&Reader::open(dir.path()).unwrap()), before);
    }
    let mut writer = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(writer.append(&before).unwrap().stored, 0);
}

#[test]
fn a_repair_sets_damaged_files_aside_and_saves_what_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), 300);
    let before = everything(&Reader::open(dir.path()).unwrap());
    // In the rows: this file has one row group, which is lost.
    flip(&data_file(dir.path(), "2026-11-21"), 200);
    let repaired = repair(dir.path()).unwrap();
    let [aside] = &repaired.set_aside[..] else { panic!("{repaired:?}") };
    assert_eq!((aside.saved, aside.lost), (0, Some(300)));
    assert!(aside.path.starts_with(dir.path().join("damaged")) && aside.path.exists());
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify().unwrap().damaged, []);
    assert_eq!(everything(&reader), before[..300]);

    // In the index alone: every row is saved.
    let path = data_file(dir.path(), "2026-11-22");
    let bytes = std::fs::read(&path).unwrap();
    let index = bytes.windows(4).position(|w| w == b"LGRX").unwrap();
    flip(&path, index + 40);
    let repaired = repair(dir.path()).unwrap();
    assert_eq!((repaired.set_aside[0].saved, repaired.set_aside[0].lost), (300, Some(0)));
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(everything(&reader), before[..300]);
    assert_eq!(reader.verify().unwrap().damaged, []);
    // A repaired store goes on.
    let mut writer = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(writer.append(&before).unwrap().stored, 300);
}

#[test]
fn a_merge_goes_around_a_damaged_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    for n in 0..20u64 {
        store.append(&[event(n, MIDNIGHT + n as i64, "app", "x")]).unwrap();
    }
    let path = data_file(dir.path(), "2026-11-22");
    drop(store);
    flip(&path, 100);
    let store = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(store.compactor().step().unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(store.compactor().step().unwrap());
    assert_eq!(store.files(), 2);
    let found = Reader::open(dir.path()).unwrap().search(&Query::all(), &SearchOptions::new(0)).unwrap();
    assert_eq!((found.events.len(), found.partial), (19, true));
}

/// Bytes under one checksum.
const BLOCK: u64 = 64 * 1024;

/// A store with one file of several blocks, and another of one event of the day before.
fn store_of_blocks(dir: &Path) -> (Writer, PathBuf) {
    // Texts that do not compress.
    let mut state = 7u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:x}", state >> 8)
    };
    let mut message = || (0..5).map(|_| noise()).collect::<String>();
    let batch: Vec<_> = (0..9000).map(|n| event(n, MIDNIGHT + n as i64, "app", &message())).collect();
    let mut store = Writer::open(dir, quiet()).unwrap();
    store.append(&batch).unwrap();
    store.append(&[event(9001, MIDNIGHT - 1, "app", "of the day before")]).unwrap();
    (store, data_file(dir, "2026-11-22"))
}

fn names(text: &str, path: &Path) -> bool {
    text.contains(&*path.to_string_lossy()) && text.contains("Input/output error (os error 5)")
}

#[test]
fn an_unreadable_block_of_a_data_file_is_named_and_the_rest_stays_readable() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, path) = store_of_blocks(dir.path());
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length > 3 * BLOCK, "{length}");
    let all = SearchOptions { limit: 10_000, ..SearchOptions::new(0) };
    // Opening it, then each block.
    for start in std::iter::once(None).chain((0..length).step_by(BLOCK as usize).map(Some)) {
        fault::make_unreadable(&path, start.map_or(0..0, |start| start..start + 1));
        let reader = Reader::open(dir.path()).unwrap();
        let found = reader.search(&Query::all(), &all).unwrap();
        assert!(found.partial, "{start:?}");
        assert_eq!((found.events.len(), &*found.events[0].message), (1, "of the day before"), "{start:?}");
        assert!(found.warnings.iter().any(|w| names(w, &path)), "{start:?}: {:?}", found.warnings);
        assert!(reader.count(&Query::all(), &SearchOptions::new(0)).is_ok());
        let [damage] = &reader.verify().unwrap().damaged[..] else { panic!("{start:?}") };
        assert_eq!(damage.path, path);
        fault::make_readable(&path);
    }
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.search(&Query::all(), &all).unwrap().events.len(), 9001);
}

#[test]
fn a_writer_goes_on_beside_an_unreadable_file_and_says_which_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (store, path) = store_of_blocks(dir.path());
    drop(store);
    fault::make_unreadable(&path, 0..u64::MAX);
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(store.watch().summary().damaged, []);
    // Only that file could know the event: twice is better than never.
    assert_eq!(store.append(&[event(1, MIDNIGHT + 1, "app", "again")]).unwrap().stored, 1);
    let noted = store.watch().summary().damaged;
    assert!(noted.len() == 1 && noted[0].0 == path && names(&noted[0].1, &path), "{noted:?}");
    fault::make_readable(&path);
    store.watch().scrub().unwrap();
    assert_eq!(store.watch().summary().damaged, []);
}

#[test]
fn the_search_for_damage_finds_what_nobody_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (store, path) = store_of_blocks(dir.path());
    flip(&path, 70_000);
    store.watch().scrub().unwrap();
    let sum = store.watch().summary();
    assert_eq!((sum.events, sum.days, sum.files), (9001, 2, 2));
    assert_eq!(sum.times, Some((MIDNIGHT - 1, MIDNIGHT + 8999)));
    assert!(sum.damaged[0].1.contains("checksum of the 65536 bytes at offset 65536"), "{:?}", sum.damaged);
    // One that is gone is seen at once, in the middle of a rest too.
    std::fs::remove_file(data_file(dir.path(), "2026-11-21")).unwrap();
    store.watch().scrub().unwrap();
    assert_eq!(store.watch().summary().damaged.len(), 2);
}

#[test]
fn an_unreadable_manifest_is_refused_and_rebuilt_and_nothing_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (store, path) = store_of_blocks(dir.path());
    drop(store);
    let before = everything(&Reader::open(dir.path()).unwrap());
    let manifest = dir.path().join("MANIFEST");
    fault::make_unreadable(&manifest, 0..u64::MAX);
    assert_eq!(Writer::open(dir.path(), quiet()).unwrap_err().kind(), ErrorKind::Corrupt);
    let repaired = repair(dir.path());
    fault::make_readable(&manifest);
    assert!(repaired.unwrap().manifest_rebuilt);
    assert_eq!(everything(&Reader::open(dir.path()).unwrap()), before);
    // Of a file that lost its footer nothing is known; it is put aside, not collected.
    std::fs::remove_file(&manifest).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let repaired = repair(dir.path()).unwrap();
    let [aside] = &repaired.set_aside[..] else { panic!("{repaired:?}") };
    assert_eq!((aside.saved, aside.lost), (0, None));
    assert_eq!(std::fs::read(&aside.path).unwrap(), bytes[..bytes.len() - 5]);
    drop(Writer::open(dir.path(), quiet()).unwrap());
    assert!(aside.path.exists() && !path.exists());
    assert_eq!(everything(&Reader::open(dir.path()).unwrap()).len(), 1);
}
