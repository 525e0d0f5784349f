//! Decides what one event is to the open group: outside, a beginning, the next part, or the end.
//!
//! It uses texts and the times in the events; it has no clock and knows no deliveries.

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
    /// Only that the group is open.
    Open,
    /// The states of the trace.
    Trace(Standing),
}

/// What an event is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// The event is not for the packer; the open group ends.
    Outside,
    /// The event is the first of a new group; the open group ends.
    Begins(Memory),
    /// Part of the open group.
    Continues {
        /// No line of the group is doubtful.
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

    /// An event begins with a line that fits one of the formats; other lines are appended to it.
    pub fn by_format(start: Vec<StartFormat>) -> Rule {
        Rule(Kind::Format(start))
    }

    /// The stack traces of these languages; other events pass at once.
    pub fn traces(languages: &[&'static Language]) -> Rule {
        Rule(Kind::Traces(Traces::new(languages)))
    }

    /// Whether the events of several processes (`procid`) stay apart. A text that is written line
    /// by line comes from one process; a window of time may hold several.
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
