//! The journal: what comes back, cut anywhere, written anew, of older versions.

use super::*;
use proptest::prelude::*;

fn intent(n: u128) -> Intent {
    let file = Identity { dev: 1, ino: 2, born: NonZeroU64::new(6) };
    let extent = Extent { path: format!("a/{n}.log"), file, offset: 3, len: 4, crc: 5 };
    Intent { extents: vec![extent], runs: vec![Run { first: n, count: 7, extent: 0 }] }
}

fn firsts(found: &[Found]) -> Vec<(u128, bool)> {
    found.iter().map(|f| (f.intent.runs[0].first, f.done)).collect()
}

#[test]
fn the_last_intents_come_back_with_their_fate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/journal");
    let (mut journal, found, _) = Journal::open(&path).unwrap();
    assert!(found.is_empty());
    for n in 1..=13 {
        journal.begin(&intent(n), &Recent::default()).unwrap();
        if n == 12 {
            journal.undone().unwrap();
        } else if n < 13 {
            journal.done().unwrap();
        }
    }
    drop(journal);
    let (_journal, found, recent) = Journal::open(&path).unwrap();
    let expect = [5, 6, 7, 8, 9, 10, 11, 13].map(|n| (n, n < 13));
    assert_eq!(firsts(&found), expect);
    assert_eq!(found[7].intent, intent(13));
    // Each has seven uids: those of the first four.
    assert_eq!(recent.runs().map(|r| (r.first, r.count)).collect::<Vec<_>>(), [(1, 10)]);
}

#[test]
fn an_older_intent_names_the_same_uids() {
    let now = loggr_event::Timestamp::from_unix_micros(1_790_000_000_000_000);
    let uid = loggr_event::UidGenerator::new([7; 8]).next(now);
    let raw = u128::from_be_bytes(*uid.as_bytes());
    let read = decode(OLD_INTENT, &older_body(raw, 3)).unwrap();
    let known: Vec<u128> =
        read.runs.iter().flat_map(|r| (0..r.count).map(|n| r.first + u128::from(n))).collect();
    let expect = [raw, raw + 1, raw + 2].map(|n| uids::number(Uid::from_bytes(n.to_be_bytes())));
    assert_eq!((known, read.extents), (expect.to_vec(), unborn().extents));
}

/// That of `unborn`, as older versions wrote it.
fn older_body(first: u128, count: u32) -> Vec<u8> {
    let mut body = [&1u32.to_le_bytes()[..], &[7, 0], b"a/1.log"].concat();
    for wide in [1u64, 2, 3, 4] {
        body.extend_from_slice(&wide.to_le_bytes());
    }
    for word in [5, 1u32] {
        body.extend_from_slice(&word.to_le_bytes());
    }
    body.extend_from_slice(&first.to_le_bytes());
    body.extend_from_slice(&u64::from(count).to_le_bytes());
    body
}

fn unborn() -> Intent {
    let mut unborn = intent(1);
    unborn.extents[0].file.born = None;
    unborn
}

#[test]
fn a_journal_of_an_older_version_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let body = older_body(1, 7);
    let old = [&header(UNBORN_INTENT, 1, &body)[..], &body, &header(DONE, 1, &[])].concat();
    std::fs::write(&path, old).unwrap();
    let (mut journal, found, _) = Journal::open(&path).unwrap();
    assert_eq!((firsts(&found), &found[0].intent), (vec![(1, true)], &unborn()));
    // Also when it is written anew, and with newer ones behind it.
    journal.begin(&intent(2), &Recent::default()).unwrap();
    journal.rewrite(&Recent::default()).unwrap();
    drop(journal);
    let (_journal, found, _) = Journal::open(&path).unwrap();
    let intents: Vec<_> = found.into_iter().map(|f| f.intent).collect();
    assert_eq!(intents, [unborn(), intent(2)]);
}

#[test]
fn a_journal_cut_anywhere_gives_what_was_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut journal, ..) = Journal::open(&path).unwrap();
    for n in 1..=2 {
        journal.begin(&intent(n), &Recent::default()).unwrap();
        journal.done().unwrap();
    }
    let written = journal.len as usize;
    drop(journal);
    let mut whole = std::fs::read(&path).unwrap();
    assert!(whole[written..].iter().all(|b| *b == 0), "zeros stand behind it");
    whole.truncate(written);
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (mut journal, found, _) = Journal::open(&path).unwrap();
        let half = whole.len() / 2;
        let want: &[(u128, bool)] = match cut {
            c if c < half - HEADER_BYTES => &[],
            c if c < half => &[(1, false)],
            c if c < whole.len() - HEADER_BYTES => &[(1, true)],
            _ => &[(1, true), (2, false)],
        };
        assert_eq!(firsts(&found), want, "{cut}");
        journal.begin(&intent(3), &Recent::default()).unwrap();
        drop(journal);
        assert_eq!(firsts(&Journal::open(&path).unwrap().1).last(), Some(&(3, false)), "{cut}");
    }
}

#[test]
fn it_does_not_grow_without_end_keeps_its_lock_and_forgets_no_uid() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut journal, ..) = Journal::open(&path).unwrap();
    let mut recent = Recent::default();
    for n in 0..600 {
        let runs = (0..400).map(|k| Run { first: 1000 * n + 2 * k + 1, count: 1, extent: 0 }).collect();
        let large = Intent { runs, ..intent(1) };
        journal.begin(&large, &recent).unwrap();
        journal.done().unwrap();
        recent.remember(large.runs);
    }
    // 5.8 MB of runs.
    assert!(std::fs::metadata(&path).unwrap().len() < 24 << 20);
    assert!(matches!(Lock::take(&path), Err(LockError::Held(_))), "the lock moved with the new file");
    drop(journal);
    let (_journal, found, mut known) = Journal::open(&path).unwrap();
    assert_eq!(found.len(), GENERATIONS);
    known.remember(found.into_iter().flat_map(|f| f.intent.runs));
    assert_eq!(known.runs().collect::<Vec<_>>(), recent.runs().collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut record = header(INTENT, 1, &bytes).to_vec();
        record.extend_from_slice(&bytes);
        prop_assert!(next_record(&record).is_some());
        prop_assert!(next_record(&bytes).is_none());
        let _intent = [INTENT, UNBORN_INTENT, OLD_INTENT].map(|kind| decode(kind, &bytes));
    }
}
