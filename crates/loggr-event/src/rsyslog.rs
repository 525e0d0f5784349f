//! rsyslog's file format (`RSYSLOG_FileFormat`), written: `STAMP HOST TAG MSG` on one line.
//!
//! The stamp is RFC 3339 with microseconds. Where the event has no program there is no
//! tag; where it has no host there is `-`. Control characters of the message are escaped.

use crate::{Event, rfc3164};

pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    event.timereported.write_rfc3339(out);
    out.push(b' ');
    rfc3164::write_host_tag_message(event, out);
}
