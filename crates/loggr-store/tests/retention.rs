//! Retention beside a clock that jumps: not one day goes that should be there, and what goes is counted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::path::Path;
use std::time::Duration;

use loggr_store::embedded::{Reader, Writer, WriterOptions, repair};
use loggr_store::{Look, Moment};
use support::{MIDNIGHT, event, everything};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// Noon of 2026-11-22.
const NOON: i64 = MIDNIGHT + DAY / 2;
/// Noon of 2099-01-01.
const FAR: i64 = 4_070_952_000_000_000;

/// A machine with a store that keeps ten days: its clocks, and how many events came.
struct Machine<'d> {
    dir: &'d Path,
    store: Writer,
    ran: Duration,
    events: u64,
}

impl<'d> Machine<'d> {
    fn start(dir: &'d Path) -> Machine<'d> {
        let options = WriterOptions {
            background_compaction: false,
            retention: Some(Duration::from_secs(10 * 86_400)),
            ..WriterOptions::default()
        };
        let events = Reader::open(dir).map_or(0, |reader| everything(&reader).len() as u64);
        Machine {
            dir,
            store: Writer::open(dir, options).unwrap(),
            ran: Duration::ZERO,
            events: 1000 + events,
        }
    }

    fn restart(self) -> Machine<'d> {
        let (dir, events) = (self.dir, self.events);
        drop(self);
        Machine { events, ..Machine::start(dir) }
    }

    /// An event that comes while the wall clock shows `wall`.
    fn receive(&mut self, wall: i64) {
        self.events += 1;
        self.store.append(&[event(self.events, wall, "app", "x")]).unwrap();
    }

    /// So many hours later the wall clock shows `wall`; the dates dropped.
    fn look(&mut self, hours: u64, wall: i64) -> (Vec<String>, Look) {
        self.ran += Duration::from_secs(hours * 3600);
        let pruned = self.store.prune(Moment { wall, monotonic: self.ran }, false).unwrap();
        assert_eq!(pruned.dropped.events, pruned.dropped.days.len() as u64, "an event a day");
        (pruned.dropped.days, pruned.clock)
    }

    #[track_caller]
    fn check(&mut self, hours: u64, wall: i64, expect: &[&str]) {
        assert_eq!(self.look(hours, wall).0, expect);
    }

    fn events(&self) -> usize {
        everything(&Reader::open(self.dir).unwrap()).len()
    }
}

/// A machine that ran for nine days, with an event each day, until noon.
fn nine_days(dir: &Path) -> Machine<'_> {
    let mut machine = Machine::start(dir);
    for day in (0..9).rev() {
        machine.check(if day == 8 { 0 } else { 24 }, NOON - day * DAY, &[]);
        machine.receive(NOON - day * DAY);
    }
    machine
}

#[test]
fn days_go_when_they_are_old_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = nine_days(dir.path());
    machine.check(24, NOON + DAY, &[]);
    machine.receive(NOON + DAY);
    machine.check(24, NOON + 2 * DAY, &[]);
    machine.check(24, NOON + 3 * DAY, &["2026-11-14"]);
    machine.check(24, NOON + 4 * DAY, &["2026-11-15"]);
    let sum = machine.store.watch().summary();
    assert_eq!((sum.events, sum.dropped, sum.purged, sum.days), (8, 2, 0, 8));
    assert!(!dir.path().join("day=2026-11-14").exists());
    assert_eq!(machine.store.purge(Some(MIDNIGHT - 5 * DAY)).unwrap().days, ["2026-11-16"]);
    // The numbers are durable, and survive merges.
    machine.receive(NOON + 4 * DAY);
    machine.receive(NOON + 4 * DAY);
    assert!(machine.store.compactor().step_forced().unwrap());
    let machine = machine.restart();
    let sum = machine.store.watch().summary();
    assert_eq!((sum.events, sum.dropped, sum.purged), (9, 2, 1));
}

#[test]
fn a_clock_that_jumps_far_ahead_drops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = nine_days(dir.path());
    assert!(matches!(machine.look(0, FAR).1, Look::Stepped(_)));
    machine.receive(FAR);
    for hour in 1..5 {
        let (days, look) = machine.look(1, FAR + hour * HOUR);
        assert!(days.is_empty() && look.held().is_some());
    }
    assert!(machine.store.watch().summary().step.is_some());
    // Set right: as if nothing had been.
    assert!(matches!(machine.look(1, NOON + 5 * HOUR).1, Look::Returned(_)));
    machine.check(24, NOON + DAY, &[]);
    assert_eq!(machine.events(), 10);
    // The day of 2099 goes when its event is old, not in 73 years.
    machine.receive(NOON + DAY);
    for day in 2..20 {
        machine.look(24, NOON + day * DAY);
    }
    assert!(!dir.path().join("day=2099-01-01").exists());
    assert_eq!((machine.events(), machine.store.watch().summary().dropped), (1, 10));
}

#[test]
fn a_clock_that_stays_far_ahead_drops_nothing_that_is_young() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = nine_days(dir.path());
    machine.look(0, FAR);
    assert!(matches!(machine.look(6, FAR + 6 * HOUR), (days, Look::Accepted(_)) if days.is_empty()));
    machine.receive(FAR + 6 * HOUR);
    // It saw the clock jump, and so knows how old each day is.
    machine.check(18, FAR + DAY, &[]);
    machine.check(25, FAR + 2 * DAY + HOUR, &["2026-11-14"]);
    // And back.
    let mut machine = machine.restart();
    machine.look(0, NOON + 2 * DAY + HOUR);
    machine.look(6, NOON + 2 * DAY + 7 * HOUR);
    // By its name again, and no more by when it was written to: half a day later.
    machine.check(18, NOON + 3 * DAY + HOUR, &[]);
    machine.check(12, NOON + 3 * DAY + 13 * HOUR, &["2026-11-15"]);
    assert_eq!(machine.events(), 8);
}

#[test]
fn a_clock_that_starts_in_1970_and_is_set_right_drops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Each of: a new machine, and one that knows better.
    for known in [false, true] {
        let machine = if known { nine_days(dir.path()) } else { Machine::start(dir.path()) };
        let mut machine = machine.restart();
        machine.look(0, HOUR);
        machine.receive(HOUR);
        machine.check(1, 2 * HOUR, &[]);
        machine.check(0, NOON + HOUR, &[]);
        machine.check(3, NOON + 4 * HOUR, &[]);
        let mut machine = machine.restart();
        machine.check(0, NOON + 5 * HOUR, &[]);
        machine.check(6, NOON + 11 * HOUR, &[]);
        machine.check(1, NOON + 12 * HOUR, &[]);
        assert!(machine.store.watch().summary().step.is_none());
        let expect = if known { 10 } else { 1 };
        assert_eq!(machine.events(), expect, "the day of 1970 was written to lately");
        drop(machine);
        std::fs::remove_dir_all(dir.path()).unwrap();
    }
}

#[test]
fn a_machine_that_was_off_for_weeks_goes_on_after_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = nine_days(dir.path()).restart();
    let back = NOON + 30 * DAY;
    assert!(matches!(machine.look(0, back), (days, Look::Stepped(_)) if days.is_empty()));
    machine.receive(back);
    machine.check(5, back + 5 * HOUR, &[]);
    // What is old is old, what came since is new.
    let (days, look) = machine.look(1, back + 6 * HOUR);
    assert!(days.len() == 9 && matches!(look, Look::Accepted(_)), "{days:?}");
    assert_eq!(machine.events(), 1);
}

#[test]
fn somebody_may_say_that_the_clock_is_right_but_never_do_all_days_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = nine_days(dir.path()).restart();
    let now = Moment { wall: NOON + 30 * DAY, monotonic: Duration::ZERO };
    assert!(machine.store.prune(now, false).unwrap().dropped.days.is_empty());
    assert_eq!(machine.store.prune(now, true).unwrap().dropped.days.len(), 8);
    assert_eq!(machine.events(), 1);
}

#[test]
fn a_store_without_times_of_writing_keeps_its_days() {
    let dir = tempfile::tempdir().unwrap();
    let machine = nine_days(dir.path());
    drop(machine);
    // As an older version left it: a rebuilt manifest knows nothing of clocks either.
    std::fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    repair(dir.path()).unwrap();
    let mut machine = Machine::start(dir.path());
    assert!(matches!(machine.look(0, FAR).1, Look::Stepped(_)));
    let mut machine = machine.restart();
    machine.check(0, NOON + DAY, &[]);
    machine.check(24, NOON + 2 * DAY, &[]);
    machine.check(24, NOON + 3 * DAY, &["2026-11-14"]);
}
