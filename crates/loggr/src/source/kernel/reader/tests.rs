//! Reading from a ring that does what the kernel's does only when much is written: it overwrites.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use loggr_flow::Payload;

use super::*;
use crate::source::kernel::place::{Base, Boot};

const BASE: i64 = 1_795_341_600_000_000;
const SECOND: i64 = 1_000_000;

/// A ring of so many records at most, which its clones share.
#[derive(Clone, Default)]
struct Small(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    records: VecDeque<(u64, String)>,
    written: u64,
    next: u64,
}

const ROOM: usize = 10;

impl Small {
    fn write(&self, stamp: i64, message: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = inner.written;
        inner.written += 1;
        inner.records.push_back((number, format!("6,{number},{stamp},-;{message}\n")));
        if inner.records.len() > ROOM {
            inner.records.pop_front();
        }
    }

    fn fill(&self, records: u64) {
        for _ in 0..records {
            self.write(0, "x");
        }
    }
}

struct Reading(Small, String);

impl Ring for Reading {
    fn next(&mut self) -> io::Result<Found<'_>> {
        let mut inner = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((first, _)) = inner.records.front() else { return Ok(Found::Nothing) };
        if *first > inner.next {
            inner.next = *first;
            return Ok(Found::Overwritten);
        }
        let at = (inner.next - *first) as usize;
        let Some((_, text)) = inner.records.get(at).cloned() else { return Ok(Found::Nothing) };
        inner.next += 1;
        self.1 = text;
        Ok(Found::Record(self.1.as_bytes()))
    }

    fn rewind(&mut self) -> io::Result<()> {
        let mut inner = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.next = inner.records.front().map_or(inner.written, |(first, _)| *first);
        Ok(())
    }
}

fn reader(ring: &Small, next: Option<u64>) -> Reader<Reading> {
    let place = Place { boot: Boot([1; 16]), next: next.unwrap_or_default(), base: base(0) };
    let reading = Reading(ring.clone(), String::new());
    let mut reader = Reader::new(reading, place, next.is_some(), Arc::new(Origin::default()), 1000);
    reader.ring.rewind().unwrap();
    reader
}

/// What a batch holds: message and seconds behind the base.
fn texts(taken: &Taken) -> Vec<String> {
    let records = taken.batch.iter().flat_map(|batch| batch.records());
    let shown = records.map(|record| {
        assert!(!matches!(record.payload, Payload::Line(_)));
        let event = record.event();
        format!("{} {}", event.message, (event.timegenerated.unix_micros() - BASE) / SECOND)
    });
    shown.collect()
}

/// The stamp 0 is so many seconds later than at first; the clocks have not moved.
fn base(seconds: i64) -> Base {
    Base { zero: BASE + seconds * SECOND, start: BASE }
}

/// So many seconds by the wall's clock, which has not moved.
fn at(seconds: i64) -> impl Fn() -> Clocks {
    move || Clocks { wall: BASE + seconds * SECOND, start: BASE }
}

#[track_caller]
fn check_lost(next: Option<u64>, written: u64, read: usize, lost: u64) {
    let ring = Small::default();
    ring.fill(written);
    let mut reader = reader(&ring, next);
    let taken = reader.take(at(0));
    assert_eq!((texts(&taken).len(), taken.lost, reader.place().next), (read, lost, written));
}

#[test]
fn what_was_overwritten_unread_is_counted() {
    check_lost(Some(0), 7, 7, 0);
    check_lost(Some(3), 7, 4, 0);
    check_lost(Some(7), 7, 0, 0);
    check_lost(Some(0), 25, 10, 15);
    check_lost(Some(14), 25, 10, 1);
    check_lost(Some(15), 25, 10, 0);
    // Where nothing was read before, nobody knows what there was.
    check_lost(None, 25, 10, 0);
}

#[test]
fn what_is_overwritten_while_it_is_read_is_counted_once() {
    let ring = Small::default();
    ring.fill(5);
    let mut reader = reader(&ring, Some(0));
    assert_eq!(texts(&reader.take(at(0))).len(), 5);
    ring.fill(30);
    let taken = reader.take(at(0));
    assert_eq!((texts(&taken).len(), taken.lost), (10, 20));
    let taken = reader.take(at(0));
    assert_eq!((texts(&taken).len(), taken.lost), (0, 0));
}

#[test]
fn who_goes_back_reads_the_same_again() {
    let ring = Small::default();
    ring.fill(5);
    let mut reader = reader(&ring, Some(0));
    let uids = |taken: &Taken| -> Vec<_> {
        taken.batch.iter().flat_map(|batch| batch.records()).map(|record| record.uid).collect()
    };
    let from = Place { next: 2, ..reader.place() };
    let first = uids(&reader.take(at(0)));
    reader.go_back(from).unwrap();
    let again = reader.take(at(0));
    assert_eq!((uids(&again), again.lost), (first[2..].to_vec(), 0));
}

#[test]
fn who_begins_at_the_end_leaves_out_what_is_there() {
    let ring = Small::default();
    ring.fill(25);
    let mut reader = reader(&ring, None);
    reader.skip_all().unwrap();
    assert_eq!(reader.place().next, 25);
    ring.write(0, "new");
    let taken = reader.take(at(0));
    assert_eq!((texts(&taken), taken.lost), (vec!["new 0".to_owned()], 0));
}

#[test]
fn times_count_anew_where_the_clock_is_set() {
    let ring = Small::default();
    ring.write(5 * SECOND, "old");
    let mut reader = reader(&ring, Some(0));
    assert_eq!(texts(&reader.take(at(100))), ["old 5"]);
    ring.write(110 * SECOND, "new");
    let moved = |hour: i64| move || Clocks { wall: BASE + hour + 110 * SECOND, start: BASE + hour };
    // A little is no matter.
    assert!(reader.take(moved(SECOND / 2)).batch.is_some());
    ring.write(110 * SECOND, "later");
    let hour = 3600 * SECOND;
    assert!(reader.take(moved(hour)).batch.is_none(), "it waits");
    let wanted = reader.wanted().unwrap();
    assert_eq!(wanted, Base { zero: BASE + hour, start: BASE + hour });
    assert!(reader.take(moved(hour)).batch.is_none(), "it waits still");
    reader.set_base(wanted);
    assert_eq!(texts(&reader.take(moved(hour))), ["later 3710"]);
    assert_eq!((reader.wanted(), reader.place().next), (None, 3));
}

#[test]
fn a_record_of_the_future_shows_that_stamps_are_off() {
    let ring = Small::default();
    let mut reader = reader(&ring, Some(0));
    assert!(reader.take(at(100)).batch.is_none());
    ring.write(150 * SECOND, "fast");
    assert!(reader.take(at(101)).batch.is_none(), "it waits");
    assert_eq!(reader.wanted(), Some(base(-49)));
    reader.set_base(base(-49));
    assert_eq!(texts(&reader.take(at(101))), ["fast 101"]);
}

#[test]
fn records_that_come_late_show_nothing_unless_all_do() {
    let ring = Small::default();
    let mut reader = reader(&ring, Some(0));
    assert!(reader.take(at(100)).batch.is_none());
    // The third is in time.
    for (stamp, expect) in [(10, "x 10"), (11, "x 11"), (100, "x 100"), (20, "x 20"), (21, "x 21")] {
        ring.write(stamp * SECOND, "x");
        assert_eq!(texts(&reader.take(at(100))), [expect]);
    }
    ring.write(22 * SECOND, "slow");
    assert!(reader.take(at(101)).batch.is_none(), "it waits");
    assert_eq!(reader.wanted(), Some(base(79)), "the one that is the least late says by how much");
    reader.set_base(base(79));
    assert_eq!(texts(&reader.take(at(101))), ["slow 101"]);
}

#[test]
fn who_goes_back_while_a_record_waits_reads_that_too() {
    let ring = Small::default();
    let mut reader = reader(&ring, Some(0));
    assert!(reader.take(at(100)).batch.is_none());
    ring.write(500 * SECOND, "fast");
    assert!(reader.take(at(200)).batch.is_none());
    let place = reader.place();
    reader.go_back(place).unwrap();
    assert_eq!((reader.wanted(), texts(&reader.take(at(200)))), (None, vec!["fast 500".to_owned()]));
}
