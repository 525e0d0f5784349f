//! The question: a line of loggr's own, sent to a target that closes the connection on each line that it gets
//! alone. If it answers to this one the others are to blame; if it closes, it is.
//!
//! It is written in the format of the events, so that a receiver can read it like them, and says what it is
//! for, because it stands in the receiver's log. It is no event: only the counter of lines that the target has
//! taken knows it, and nothing waits for it.

use std::sync::Arc;

use loggr_event::{DumpFormat, Origin, Timestamp, Transport, Uid};
use loggr_flow::BatchBuilder;
use loggr_net::bind::host_name;

use super::work::Work;

/// Facility `syslog`, severity `notice`.
const PRIORITY: u8 = 5 * 8 + 5;
/// What it says.
const TEXT: &str = "the receiver of this line closes the connection on an event of this forwarder each time; this \
                    line asks whether it takes others, and the event goes to the rescue of the forwarder if it does";

/// The question about an event. It has an identity that belongs to that of the event, so that another loggr
/// stores it once.
pub fn question(about: Uid, now: Timestamp, format: &DumpFormat) -> Option<Work> {
    let mut line = format!("<{PRIORITY}>1 ").into_bytes();
    now.write_rfc3339(&mut line);
    line.extend_from_slice(format!(" {} loggr {} - - {TEXT}", host_name(), std::process::id()).as_bytes());
    let origin = Arc::new(Origin { transport: Transport::Internal, ..Origin::default() });
    let mut builder = BatchBuilder::default();
    builder.push_line(&origin, Uid::of_several(&[about, about]), now, &line);
    let mut work = Work::new(&builder.finish()?, format);
    work.set_width(1);
    Some(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_line_like_the_others() {
        let now = Timestamp::from_unix_micros(1_790_000_000_000_000);
        let about = Uid::of_several(&[]);
        let mut plain = question(about, now, &DumpFormat::Message).unwrap();
        assert_eq!(plain.next().unwrap().as_ref(), TEXT.as_bytes());
        let mut full = question(about, now, &DumpFormat::Rfc5424).unwrap();
        let line = String::from_utf8(full.next().unwrap().as_ref().to_vec()).unwrap();
        assert!(
            line.starts_with("<45>1 2026-09-21T") && line.contains(" loggr ") && line.ends_with(TEXT),
            "{line}"
        );
        assert!(full.next().is_none());
    }
}
