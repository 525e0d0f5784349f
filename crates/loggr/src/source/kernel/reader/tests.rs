//! Reading from a ring that does what the kernel's does only when much is written: it overwrites.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use loggr_flow::Payload;

use super::*;
use crate::source::kernel::place::Boot;

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
    let place = Place { boot: Boot([1; 16]), next: next.unwrap_or_default(), base: BASE };
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

fn at(seconds: i64) -> impl Fn() -> Timestamp {
    move || Timestamp::from_unix_micros(BASE + seconds * SECOND)
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
fn times_count_anew_where_the_wall_clock_says_otherwise() {
    let ring = Small::default();
    ring.write(5 * SECOND, "old");
    let mut reader = reader(&ring, Some(0));
    assert_eq!(texts(&reader.take(at(100))), ["old 5"], "nobody has seen it come");
    // It has come while the ring was watched, at second 200 of the wall clock.
    ring.write(10 * SECOND, "late");
    assert!(reader.take(at(200)).batch.is_none(), "it waits");
    assert_eq!(reader.wanted_base(), Some(BASE + 190 * SECOND));
    assert!(reader.take(at(200)).batch.is_none(), "it waits still");
    reader.set_base(BASE + 190 * SECOND);
    assert_eq!(texts(&reader.take(at(200))), ["late 200"]);
    assert_eq!(reader.wanted_base(), None);
    // Now it fits.
    ring.write(11 * SECOND, "next");
    assert_eq!(texts(&reader.take(at(201))), ["next 201"]);
    assert_eq!(reader.place().next, 3);
}

#[test]
fn who_goes_back_while_a_record_waits_reads_that_too() {
    let ring = Small::default();
    let mut reader = reader(&ring, Some(0));
    assert!(reader.take(at(100)).batch.is_none());
    ring.write(10 * SECOND, "late");
    assert!(reader.take(at(200)).batch.is_none());
    let place = reader.place();
    reader.go_back(place).unwrap();
    assert_eq!((reader.wanted_base(), texts(&reader.take(at(200)))), (None, vec!["late 10".to_owned()]));
}
