//! Retention: which days of a store are past it, by a clock that was seen to run.
//!
//! A clock that jumps to 2099, or that starts in 1970 and is set right, must not empty a store. So
//! the wall clock is believed as long as it goes on as time does; a step of more than a day is
//! told, and drops nothing until it has held for hours, restarts included, or somebody says that it
//! is right. A day's age counts from when something was last written into it, by the clock that is
//! believed, so that a day whose name a wrong clock gave goes when its events are old, and not
//! before. Pure: both stores keep what is here and say what time it is. Invariants: a day that was
//! written to within the retention stays, whatever its name; never do all days go.

use std::time::Duration;

use loggr_event::counted;

use crate::partition::{self, DAY};

/// A wall clock that goes further than this beside the time that passed has made a step.
pub const CLOCK_STEP: Duration = Duration::from_secs(24 * 3600);
/// How long a step must hold before retention believes the clock again, in time during which a
/// process ran.
pub const CLOCK_HOLD: Duration = Duration::from_secs(6 * 3600);

/// A store that was not looked at for longer than this was not switched off, its clock is wrong
/// or was: the ages of its days begin anew.
const LONGEST_STOP: i64 = 400 * DAY;
/// 2025-01-01: a clock that shows less is wrong, whoever says so.
const FIRST_PLAUSIBLE: i64 = 20_089 * DAY;
/// How far the name of a day may be ahead of the time at which it was written.
const AHEAD: i64 = 2 * DAY;
/// While nothing happens, how much of what was seen of the clock a crash may take away.
const NOTE_EVERY: i64 = 3_600_000_000;
/// The same while a step is held.
const NOTE_STEP_EVERY: i64 = 600_000_000;

/// What the clocks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, microseconds since 1970.
    pub wall: i64,
    /// A clock that nobody sets, from any beginning that stays the same for the process.
    pub monotonic: Duration,
}

/// What is known of the wall clock; kept with the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The time that is believed, as of the last look. 0: nobody has looked yet.
    pub(crate) believed: i64,
    /// A step that is not believed yet.
    pub(crate) step: Option<Step>,
    /// By how much small steps have added up in this process, and for how long.
    drift: (i64, i64),
}

/// A step of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the clock that is believed showed when it came, microseconds since 1970.
    pub from: i64,
    /// What the wall clock showed at the last look.
    pub to: i64,
    /// For how long it has held, in microseconds during which a process ran.
    pub held: i64,
    /// It came while a process ran, so that the time that passed is known.
    pub(crate) seen: bool,
}

impl Step {
    /// How long it must still hold.
    pub fn left(&self) -> Duration {
        CLOCK_HOLD.saturating_sub(Duration::from_micros(u64::try_from(self.held).unwrap_or(0)))
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = |time: Duration| counted(time.as_secs().div_ceil(60), "minute");
        write!(
            f,
            "the clock went from {} to {}: retention drops nothing until it has held for another {}, or \
             `loggr prune --accept-clock` says that it is right",
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

/// What a look at the clock came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It goes as time does.
    Steady,
    /// It has made a step, which is not believed.
    Stepped(Step),
    /// The step holds; it is still not believed.
    Holding(Step),
    /// The step was taken back.
    Returned(Step),
    /// The step is believed from now on.
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

/// By how much times of writing change when a step is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    by: i64,
    /// Those from then on.
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

    /// The same for another kind of store: the times from `.0` on move by `.1`.
    pub(crate) fn parts(&self) -> (i64, i64) {
        (self.since, self.by)
    }
}

impl Clock {
    /// What was kept.
    pub(crate) fn new(believed: i64, step: Option<Step>) -> Clock {
        Clock { believed, step, drift: (0, 0) }
    }

    /// Looks at the clock. `ran`: how long after the last look of the same process; `accept`:
    /// somebody says that it is right.
    pub(crate) fn look(&mut self, wall: i64, ran: Option<Duration>, accept: bool) -> (Look, Option<Shift>) {
        // At least a moment, so that what was written before a step is told from what was written since.
        let passed = ran.map_or(0, micros).max(1);
        // Others may have looked since: then less than `passed` went by.
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

    /// Do small steps add up to a large one? Those between two runs are a machine that was off.
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
        // Where the machine was only off, what is old is old. Else the clock that was believed was
        // wrong, or nobody knows, and the time since something was written is what counts.
        let was_off = !step.seen && (0..=LONGEST_STOP).contains(&by) && step.from >= FIRST_PLAUSIBLE;
        let since = if was_off { step.from } else { i64::MIN };
        *self = Clock::new(step.to.max(1), None);
        (Look::Accepted(step), Some(Shift { by, since }))
    }

    /// The time that is believed, so long after the last look; 0 where nobody has looked.
    pub(crate) fn believed_after(&self, passed: Duration) -> i64 {
        if self.believed == 0 { 0 } else { self.believed.saturating_add(micros(passed)) }
    }

    /// Must it be kept now, where `kept` was kept last?
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

/// How far a moment lies outside of a span.
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

/// The days that are past a retention. `days`: those that hold events, and when each was last
/// written to (0: not known). `believed`: the time.
pub(crate) fn past(days: &[(i64, i64)], believed: i64, retention: Duration) -> Vec<i64> {
    let oldest_kept = believed.saturating_sub(micros(retention));
    let mut gone: Vec<(i64, i64)> =
        days.iter().map(|(day, written)| (young_until(*day, *written), *day)).collect();
    gone.retain(|(end, _)| *end <= oldest_kept);
    if gone.len() == days.len() {
        // Whatever the clock says: the newest of them stays.
        let newest = gone.iter().max().copied();
        gone.retain(|day| Some(*day) != newest);
    }
    let mut gone: Vec<i64> = gone.into_iter().map(|(_, day)| day).collect();
    gone.sort_unstable();
    gone
}

/// From when on a day's age counts.
fn young_until(day: i64, written: i64) -> i64 {
    let end = day.saturating_add(1).saturating_mul(DAY);
    match written {
        0 => end,
        // A wrong clock has named it.
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
            "the clock went from 2026-11-29 12:00 UTC to 2027-01-08 12:00 UTC: retention drops nothing until it has \
             held for another 300 minutes, or `loggr prune --accept-clock` says that it is right"
        );
    }
}
