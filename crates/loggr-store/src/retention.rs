//! Retention: which days of a store are too old, by a clock that has been seen to run steadily.
//!
//! A clock that jumps to 2099, or that starts in 1970 and is set right, must not empty a store. So
//! the wall clock is trusted as long as it advances like a steady one. A step of more than a day is
//! reported, and nothing is dropped until the clock has kept the new time for hours, restarts
//! included, or until somebody confirms it. The age of a day counts from when something was last
//! written into it, by the trusted clock, so that a day that got its name from a wrong clock is
//! dropped when its events are old, and not before. The code here is pure: both stores keep its
//! state and tell it the time. Invariants: a day that was written to within the retention stays,
//! whatever its name; all days are never dropped together.

use std::time::Duration;

use loggr_event::counted;

use crate::partition::{self, DAY};

/// A wall clock whose advance differs from the time that passed by more than this has made a step.
pub const CLOCK_STEP: Duration = Duration::from_secs(24 * 3600);
/// How long the clock must keep a new time before retention trusts it again, in time during which a
/// process ran.
pub const CLOCK_HOLD: Duration = Duration::from_secs(6 * 3600);

/// A store that seems to have been off for longer than this was not off: its clock is wrong, or
/// was. The ages of its days then begin anew.
const LONGEST_STOP: i64 = 400 * DAY;
/// 2025-01-01: a clock that shows an earlier time is always wrong.
const FIRST_PLAUSIBLE: i64 = 20_089 * DAY;
/// How far the name of a day may be ahead of the time at which it was written.
const AHEAD: i64 = 2 * DAY;
/// How often the state of the clock is written down while nothing happens: a crash may lose this
/// much of it.
const NOTE_EVERY: i64 = 3_600_000_000;
/// How often it is written down while a step is waiting.
const NOTE_STEP_EVERY: i64 = 600_000_000;

/// The time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, microseconds since 1970.
    pub wall: i64,
    /// A clock that cannot be set. Its zero is arbitrary but fixed for the process.
    pub monotonic: Duration,
}

/// What is known about the wall clock. It is kept with the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The trusted time at the last look; 0 if there has been no look yet.
    pub(crate) believed: i64,
    /// A step that is not accepted yet.
    pub(crate) step: Option<Step>,
    /// The sum of small steps in this process, and the time in which they came.
    drift: (i64, i64),
}

/// A step of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The trusted time when the step came, microseconds since 1970.
    pub from: i64,
    /// What the wall clock showed at the last look.
    pub to: i64,
    /// For how long the clock has kept the new time, in microseconds during which a process ran.
    pub held: i64,
    /// The step came while a process ran, so that it is known how much time passed.
    pub(crate) seen: bool,
}

impl Step {
    /// How long the clock must still keep the new time.
    pub fn left(&self) -> Duration {
        CLOCK_HOLD.saturating_sub(Duration::from_micros(u64::try_from(self.held).unwrap_or(0)))
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = |time: Duration| counted(time.as_secs().div_ceil(60), "minute");
        write!(
            f,
            "the clock went from {} to {}: retention removes nothing until the clock has kept the new time \
             for another {}, or until you confirm it with `loggr prune --accept-clock`",
            stamp(self.from),
            stamp(self.to),
            minutes(self.left())
        )
    }
}

/// A moment to the minute.
fn stamp(micros: i64) -> String {
    let minutes = micros.rem_euclid(DAY) / 60_000_000;
    format!("{} {:02}:{:02} UTC", partition::date(partition::day_of(micros)), minutes / 60, minutes % 60)
}

/// The result of a look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The clock advances steadily.
    Steady,
    /// The clock has just made a step, which is not accepted.
    Stepped(Step),
    /// The clock keeps the new time; the step is still not accepted.
    Holding(Step),
    /// The clock went back to the old time.
    Returned(Step),
    /// The step is accepted from now on.
    Accepted(Step),
}

impl Look {
    /// The step that keeps retention from dropping anything.
    pub fn held(&self) -> Option<Step> {
        match self {
            Look::Stepped(step) | Look::Holding(step) => Some(*step),
            Look::Steady | Look::Returned(_) | Look::Accepted(_) => None,
        }
    }
}

/// By how much times of writing change when a step is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    by: i64,
    /// Times of writing from this one on are changed.
    since: i64,
}

impl Shift {
    /// The time of writing after the step.
    pub(crate) fn apply(&self, written: i64) -> i64 {
        match written != 0 && written >= self.since {
            true => written.saturating_add(self.by).max(1),
            false => written,
        }
    }

    /// The numbers of the shift for another kind of store: times from `.0` on move by `.1`.
    pub(crate) fn parts(&self) -> (i64, i64) {
        (self.since, self.by)
    }
}

impl Clock {
    /// The clock from the state that was kept.
    pub(crate) fn new(believed: i64, step: Option<Step>) -> Clock {
        Clock { believed, step, drift: (0, 0) }
    }

    /// Looks at the clock. `ran`: the time since the last look of the same process; `accept`:
    /// somebody confirms that the clock is right.
    pub(crate) fn look(&mut self, wall: i64, ran: Option<Duration>, accept: bool) -> (Look, Option<Shift>) {
        // At least one microsecond, so that times of writing before and after a step differ.
        let passed = ran.map_or(0, micros).max(1);
        // Other processes may have looked since; then less time than `passed` has gone by.
        let expected = self.believed.saturating_add(passed);
        let off = beside(wall, self.believed, expected);
        let drifted = self.step.is_none() && self.drifts(off, ran);
        let steady = off.abs() <= micros(CLOCK_STEP);
        match self.step {
            None if steady && !drifted => {
                self.believed = wall.max(1);
                (Look::Steady, None)
            }
            None => {
                self.believed = expected;
                let step = Step { from: expected, to: wall, held: 0, seen: ran.is_some() };
                self.hold(step, Look::Stepped(step), accept)
            }
            Some(step) if steady => {
                *self = Clock::new(wall.max(1), None);
                (Look::Returned(step), None)
            }
            Some(step) => {
                self.believed = expected;
                let again = beside(wall, step.to, step.to.saturating_add(passed)).abs() > micros(CLOCK_STEP);
                let held = if again { 0 } else { step.held.saturating_add(passed) };
                let step = Step { to: wall, held, seen: step.seen || (again && ran.is_some()), ..step };
                let look = if again { Look::Stepped(step) } else { Look::Holding(step) };
                self.hold(step, look, accept)
            }
        }
    }

    /// Whether small steps add up to a large one. A step between two runs does not count: the
    /// machine may have been off.
    fn drifts(&mut self, off: i64, ran: Option<Duration>) -> bool {
        let Some(ran) = ran else { return false };
        let (drift, since) = (self.drift.0.saturating_add(off), self.drift.1.saturating_add(micros(ran)));
        self.drift = if since >= micros(CLOCK_HOLD) { (0, 0) } else { (drift, since) };
        drift.abs() > micros(CLOCK_STEP)
    }

    fn hold(&mut self, step: Step, look: Look, accept: bool) -> (Look, Option<Shift>) {
        if !accept && !step.left().is_zero() {
            self.step = Some(step);
            return (look, None);
        }
        let by = step.to.saturating_sub(self.believed);
        // If the machine was only off, the ages of its days are right. Otherwise the trusted clock
        // was wrong, or that is not known, and ages count from the time since something was
        // written.
        let was_off = !step.seen && (0..=LONGEST_STOP).contains(&by) && step.from >= FIRST_PLAUSIBLE;
        let since = if was_off { step.from } else { i64::MIN };
        *self = Clock::new(step.to.max(1), None);
        (Look::Accepted(step), Some(Shift { by, since }))
    }

    /// The trusted time `passed` after the last look; 0 if there has been no look.
    pub(crate) fn believed_after(&self, passed: Duration) -> i64 {
        if self.believed == 0 { 0 } else { self.believed.saturating_add(micros(passed)) }
    }

    /// Whether this state must be written down now; `kept` is the state that was written last.
    pub(crate) fn is_news(&self, kept: &Clock) -> bool {
        let older = |by: i64| self.believed.saturating_sub(kept.believed).abs() >= by;
        match (&self.step, &kept.step) {
            (Some(step), Some(before)) => {
                (step.from, step.seen) != (before.from, before.seen)
                    || step.held < before.held
                    || beside(step.to, before.to, before.to.saturating_add(NOTE_STEP_EVERY)) != 0
                    || older(NOTE_STEP_EVERY)
            }
            (None, None) => older(NOTE_EVERY),
            _ => true,
        }
    }
}

/// By how much a moment lies outside of a span.
fn beside(moment: i64, first: i64, last: i64) -> i64 {
    match moment {
        moment if moment < first => moment.saturating_sub(first),
        moment if moment > last => moment.saturating_sub(last),
        _ => 0,
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The days that are older than a retention. `days`: those that hold events, and when each was last
/// written to (0: not known). `believed`: the trusted time.
pub(crate) fn past(days: &[(i64, i64)], believed: i64, retention: Duration) -> Vec<i64> {
    let oldest_kept = believed.saturating_sub(micros(retention));
    let mut gone: Vec<(i64, i64)> =
        days.iter().map(|(day, written)| (young_until(*day, *written), *day)).collect();
    gone.retain(|(end, _)| *end <= oldest_kept);
    if gone.len() == days.len() {
        // The newest day always stays, whatever the clock says.
        let newest = gone.iter().max().copied();
        gone.retain(|day| Some(*day) != newest);
    }
    let mut gone: Vec<i64> = gone.into_iter().map(|(_, day)| day).collect();
    gone.sort_unstable();
    gone
}

/// The moment from which the age of a day counts.
fn young_until(day: i64, written: i64) -> i64 {
    let end = day.saturating_add(1).saturating_mul(DAY);
    match written {
        0 => end,
        // The day got its name from a wrong clock.
        written if end > written.saturating_add(AHEAD) => written,
        written => end.max(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;
    /// 2026-11-29.
    const TODAY: i64 = 20_786;
    const NOON: i64 = TODAY * DAY + 12 * HOUR;

    fn hours(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n * 3600))
    }

    /// Looks at a clock that was believed at noon: the wall time after noon in hours and the time that
    /// ran; what each look says, in a letter.
    #[track_caller]
    fn check(looks: &[(i64, Option<Duration>)], expect: &str) -> Clock {
        let mut clock = Clock::new(NOON, None);
        let said: String = looks
            .iter()
            .map(|(at, ran)| match clock.look(NOON + at * HOUR, *ran, false).0 {
                Look::Steady => '.',
                Look::Stepped(_) => '!',
                Look::Holding(_) => 'h',
                Look::Returned(_) => 'r',
                Look::Accepted(_) => 'A',
            })
            .collect();
        assert_eq!(said, expect);
        clock
    }

    #[test]
    fn a_clock_is_believed_that_goes_as_time_does() {
        check(&[(0, None), (1, hours(1)), (2, hours(1)), (26, hours(24))], "....");
        // Set by hours, or off over night.
        check(&[(20, hours(1)), (10, hours(1)), (30, None)], "...");
        // Nobody came to look for a week: the time that ran says that it is right.
        check(&[(168, hours(168))], ".");
    }

    #[test]
    fn a_step_must_hold_for_hours() {
        let far = 73 * 366 * 24;
        check(&[(far, hours(1)), (far + 3, hours(3)), (far + 6, hours(3)), (far + 7, hours(1))], "!hA.");
        check(&[(far, hours(1)), (far + 3, hours(3)), (4, hours(1)), (5, hours(1))], "!hr.");
        // Restarts neither end it nor count; a second step begins it anew.
        check(&[(-99, None), (-96, hours(3)), (-90, None), (-87, hours(3))], "!hhA");
        check(&[(99, None), (104, hours(5)), (200, None), (205, hours(5)), (206, hours(1))], "!h!hA");
        // Back, and from 1970.
        check(&[(-48, hours(1)), (-42, hours(6))], "!A");
    }

    #[test]
    fn small_steps_add_up() {
        check(&[(10, hours(0)), (20, hours(0)), (30, hours(0))], "..!");
        check(&[(10, hours(0)), (26, hours(6)), (36, hours(0))], "...");
    }

    #[test]
    fn somebody_may_say_that_it_is_right() {
        let mut clock = Clock::new(NOON, None);
        let (look, shift) = clock.look(NOON + 40 * DAY, None, true);
        assert!(matches!(look, Look::Accepted(_)) && look.held().is_none());
        // The machine was off: old is what was written before, new what was written since.
        let shift = shift.unwrap();
        assert_eq!((shift.apply(NOON), shift.apply(NOON + 1), shift.apply(0)), (NOON, NOON + 40 * DAY, 0));
        assert_eq!(clock, Clock::new(NOON + 40 * DAY, None));
        // It went wrong while it ran, back, or further than a machine is off: all ages stay.
        for (to, ran) in [(40, hours(0)), (-40, None), (500, None)] {
            let shift = Clock::new(NOON, None).look(NOON + to * DAY, ran, true).1.unwrap();
            assert_eq!(shift.apply(5 * DAY + 1), ((5 + to) * DAY).max(1), "{to}");
        }
    }

    #[test]
    fn what_was_seen_is_kept_now_and_then() {
        let mut clock = Clock::new(NOON, None);
        let kept = clock.clone();
        clock.look(NOON + HOUR / 2, Some(Duration::from_secs(1800)), false);
        assert!(!clock.is_news(&kept));
        clock.look(NOON + HOUR, Some(Duration::from_secs(1800)), false);
        assert!(clock.is_news(&kept));
        let kept = clock.clone();
        clock.look(NOON + 99 * HOUR, hours(0), false);
        assert!(clock.is_news(&kept));
        let kept = clock.clone();
        clock.look(NOON + 99 * HOUR + HOUR / 60, Some(Duration::from_secs(60)), false);
        assert!(!clock.is_news(&kept));
        clock.look(NOON + 99 * HOUR + HOUR / 4, Some(Duration::from_secs(840)), false);
        assert!(clock.is_news(&kept));
    }

    /// Days before today with when they were written (days before noon), a retention of 30 days;
    /// which of them go.
    #[track_caller]
    fn check_past(days: &[(i64, Option<i64>)], expect: &[i64]) {
        let days: Vec<(i64, i64)> = days
            .iter()
            .map(|(ago, written)| (TODAY - ago, written.map_or(0, |ago| NOON - ago * DAY)))
            .collect();
        let gone = past(&days, NOON, Duration::from_secs(30 * 86_400));
        assert_eq!(gone.iter().map(|day| TODAY - day).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn which_days_are_past() {
        check_past(&[(0, Some(0)), (30, Some(30)), (31, Some(31)), (40, Some(40))], &[40, 31]);
        check_past(&[(0, None), (30, None), (31, None), (40, None)], &[40, 31]);
        // What came late, or into a day of 1970, is as old as it is here.
        check_past(&[(0, Some(0)), (40, Some(29)), (41, Some(31)), (20_000, Some(2))], &[41]);
        // A day of 2099 goes when its events are old.
        check_past(&[(0, Some(0)), (-26_000, Some(29)), (-26_001, Some(31))], &[-26_001]);
        // Never all of them.
        check_past(&[(50, Some(49)), (60, Some(60))], &[60]);
        check_past(&[(60, None)], &[]);
        check_past(&[], &[]);
    }

    #[test]
    fn a_step_is_told_in_words() {
        let step = Step { from: NOON, to: NOON + 40 * DAY, held: HOUR, seen: false };
        assert_eq!(
            step.to_string(),
            "the clock went from 2026-11-29 12:00 UTC to 2027-01-08 12:00 UTC: retention removes nothing until \
             the clock has kept the new time for another 300 minutes, or until you confirm it with `loggr prune \
             --accept-clock`"
        );
    }
}
