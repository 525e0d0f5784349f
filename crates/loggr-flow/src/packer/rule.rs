//! What one event is to the group that is open: outside, its beginning, its next part, its end.
//!
//! Knows texts and the times that events say, no clock and no deliveries.

use std::time::Duration;

use loggr_event::{Event, Timestamp};

use super::format::StartFormat;
use super::trace::{Language, Seen, Standing, Traces};

/// How events are packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Span in microseconds.
    Time(u64),
    Format(Vec<StartFormat>),
    Traces(Traces),
}

/// What is remembered of an open group.
#[derive(Clone, Copy, Debug)]
pub(super) enum Memory {
    /// The earliest and the latest time.
    Span(i64, i64),
    /// That it is open.
    Open,
    /// Where the trace stands.
    Trace(Standing),
}

/// What an event is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// Nothing for the packer; it ends what is open.
    Outside,
    /// The first of a new group; it ends what is open.
    Begins(Memory),
    /// Part of the open group.
    Continues {
        /// Nothing of the group is doubtful.
        sure: bool,
    },
    /// The last part of the open group.
    Ends,
}

impl Rule {
    /// Events whose `timereported` lie within a window are one.
    pub fn by_time(window: Duration) -> Rule {
        Rule(Kind::Time(u64::try_from(window.as_micros()).unwrap_or(u64::MAX)))
    }

    /// An event begins where one of the formats fits; what fits none is appended.
    pub fn by_format(start: Vec<StartFormat>) -> Rule {
        Rule(Kind::Format(start))
    }

    /// The stack traces of these languages; other events pass at once.
    pub fn traces(languages: &[&'static Language]) -> Rule {
        Rule(Kind::Traces(Traces::new(languages)))
    }

    /// Do the events of several processes (`procid`) stay apart? What is written line by line
    /// comes from one process; a window of time is wider than that.
    pub(super) fn keeps_processes_apart(&self) -> bool {
        !matches!(self.0, Kind::Time(_))
    }

    /// Looks at an event; `open` is the memory of the group that is open, which takes the
    /// event in if it continues it.
    pub(super) fn look(&self, open: Option<&mut Memory>, event: &Event<'_>) -> Verdict {
        match &self.0 {
            Kind::Time(window) => within(*window, open, event.timereported),
            Kind::Format(start) => match start.iter().any(|format| format.fits(&event.message)) {
                true => Verdict::Begins(Memory::Open),
                false if open.is_some() => Verdict::Continues { sure: true },
                false => Verdict::Outside,
            },
            Kind::Traces(traces) => {
                let standing = match open {
                    Some(Memory::Trace(standing)) => Some(standing),
                    _ => None,
                };
                match traces.look(standing, &event.message) {
                    (Seen::Outside, _) => Verdict::Outside,
                    (Seen::Begins, standing) => Verdict::Begins(Memory::Trace(standing)),
                    (Seen::Continues { sure }, _) => Verdict::Continues { sure },
                    (Seen::Ends, _) => Verdict::Ends,
                }
            }
        }
    }
}

fn within(window: u64, open: Option<&mut Memory>, time: Timestamp) -> Verdict {
    let time = time.unix_micros();
    if let Some(Memory::Span(first, last)) = open {
        let (earliest, latest) = ((*first).min(time), (*last).max(time));
        if earliest.abs_diff(latest) <= window {
            (*first, *last) = (earliest, latest);
            return Verdict::Continues { sure: true };
        }
    }
    Verdict::Begins(Memory::Span(time, time))
}
