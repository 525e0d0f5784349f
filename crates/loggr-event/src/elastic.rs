//! Two lines for the bulk interface of Elasticsearch and OpenSearch: the action, and the document.
//!
//! The index is named by the day of reception, in UTC, and the document's id is the
//! uid: both stay the same when an event is sent again, which therefore replaces
//! itself. The document is the event's JSON object with `@timestamp` in front. There
//! is no line end behind the second line, as behind no other format; a bulk request
//! needs one after each event.

use crate::{Event, ecs, json};

/// Prefix of the index names: `loggr-2026.11.22`.
pub const INDEX_PREFIX: &str = "loggr-";

/// The names that a document has for the parts of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentNames {
    /// Those of the Elastic Common Schema; `ecs.rs` has the table.
    Ecs,
    /// Those of loggr's own JSON objects, and `@timestamp`.
    Plain,
}

impl Event<'_> {
    /// Appends the event as a document for search servers: one JSON object on one line.
    pub fn write_document(&self, names: DocumentNames, out: &mut Vec<u8>) {
        match names {
            DocumentNames::Ecs => ecs::write(self, out),
            DocumentNames::Plain => write_plain(self, out),
        }
    }
}

pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"index\":{\"_index\":\"");
    out.extend_from_slice(INDEX_PREFIX.as_bytes());
    let start = out.len();
    event.timegenerated.to_utc().write_date(out);
    out[start..].iter_mut().filter(|b| **b == b'-').for_each(|b| *b = b'.');
    out.extend_from_slice(b"\",\"_id\":\"");
    out.extend_from_slice(event.uid.write_hyphenated(&mut [0; 36]).as_bytes());
    out.extend_from_slice(b"\"}}\n");
    write_plain(event, out);
}

fn write_plain(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"@timestamp\":\"");
    event.timereported.write_rfc3339(out);
    out.extend_from_slice(b"\",");
    json::write_members(event, out);
    out.push(b'}');
}
