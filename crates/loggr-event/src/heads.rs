//! Which head a line has that is not plain RFC 5424: the stamp of RFC 3164 in any shape, a head that is
//! nearly RFC 5424, one of Cisco's, or none.
//!
//! What stands behind the head is read in `rfc3164`.

use crate::door::Door;
use crate::rfc3164::{Reader, cisco};
use crate::rfc5424::odd;
use crate::{Defect, Event, date_like, pri, stamp};

const BOM: &str = "\u{feff}";

/// What the caller must know about a line that was read leniently.
pub(crate) struct Reading {
    /// The line has a PRI or a stamp. If not, it is just text, and the event is untouched.
    pub recognised: bool,
    /// The fields do not hold everything that the line had.
    pub lossy: bool,
    /// Where the head was one of RFC 5424: see [`Reading::exact`](crate::door::Reading::exact).
    pub exact: Option<bool>,
}

/// Reads a line leniently.
pub(crate) fn receive<'a>(text: &'a str, event: &mut Event<'a>, door: Door<'_>) -> Reading {
    let bytes = text.as_bytes();
    let clock = door.clock;
    let mut line = Reader::new(event, clock, door.unix);
    line.has_pri = false;
    let at = match pri::read::<false>(bytes) {
        Ok((value, end)) => {
            pri::set(line.event, value);
            line.has_pri = true;
            end
        }
        Err(_) => match pri::bad_end(bytes) {
            Some(end) => {
                line.lossy = true;
                line.has_pri = true;
                line.event.defects.insert(Defect::NoPriority);
                end
            }
            None => 0,
        },
    };
    let body = text.get(at..).unwrap_or_default();
    let mut exact = None;
    let recognised = if let Some(stamp) = stamp::plain_bsd(body.as_bytes(), clock) {
        line.event.timereported = stamp.time;
        line.host_and_content(body.get(stamp.end + 1..).unwrap_or_default());
        true
    } else {
        other_heads(&mut line, body, door, &mut exact)
    };
    if !line.has_pri && recognised {
        line.event.defects.insert(Defect::NoPriority);
    }
    Reading { recognised, lossy: line.lossy, exact }
}

/// A line whose stamp is not the plain one at the plain place. False if it has no head.
fn other_heads<'a>(
    line: &mut Reader<'_, 'a, '_>,
    body: &'a str,
    door: Door<'_>,
    exact: &mut Option<bool>,
) -> bool {
    let head = body.trim_start_matches([' ', '\t']);
    let head = head.strip_prefix(BOM).unwrap_or(head);
    if let Some(stamp) = stamp::scan(head.as_bytes(), line.clock) {
        line.stamp(stamp);
        line.after_stamp(head.get(stamp.end..).unwrap_or_default());
        return true;
    }
    // EMBLEM of the ASA, and NX-OS.
    if line.has_pri
        && let Some(rest) = head.strip_prefix(':').map(str::trim_start)
        && let Some(stamp) = stamp::scan_ios(rest.as_bytes(), line.clock)
    {
        line.stamp(stamp);
        line.after_stamp(rest.get(stamp.end..).unwrap_or_default());
        return true;
    }
    if let Some(reading) = odd::read_from_version(head, line.event, door) {
        line.lossy |= reading.lossy;
        *exact = Some(reading.exact);
        return true;
    }
    if cisco::read(head, line) {
        return true;
    }
    if !line.has_pri {
        return false;
    }
    line.event.defects.insert(Defect::NoTimestamp);
    match date_like::unreadable(head.as_bytes()) {
        Some(end) => {
            line.lossy = true;
            line.after_stamp(head.get(end..).unwrap_or_default());
        }
        None => line.without_stamp(body),
    }
    true
}
