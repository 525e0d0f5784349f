//! The speaker of a line: only lines of one speaker can become one event.
//!
//! A line without a head that comes over TCP is the rest of a message with a line feed in it: it
//! has the speaker of the line before it on its connection. So two connections are two speakers
//! there, even if host and program are the same; with other protocols a peer is one speaker,
//! however often it connects. This does not work on unix streams, whose connections have no names.
//! Memory is bounded; a line whose connection was forgotten stands for itself.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use loggr_event::{Defect, Event, Origin};

use crate::record::Record;

/// Connections of which the last speaker is remembered, at most.
const MAX_CONNECTIONS: usize = 1024;

/// The last speaker of each connection, as the key of its lines.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    /// The connection of the line before, and its speaker's key.
    before: Option<(Arc<Origin>, Vec<u8>)>,
    others: HashMap<Arc<Origin>, Vec<u8>>,
}

impl Speakers {
    /// Writes the key of the speaker of this record; true if the line continues an earlier one of
    /// the same speaker.
    pub fn write_key(
        &mut self,
        record: &Record<'_>,
        event: &Event<'_>,
        with_process: bool,
        key: &mut Vec<u8>,
    ) -> bool {
        if !record.origin.transport.is_text() {
            write_own(record.origin, event, with_process, key);
            return false;
        }
        let has_head = !event.defects.contains(Defect::Unparsed);
        let before = self.of(record.origin);
        if !has_head && !before.is_empty() {
            key.clone_from(before);
            return true;
        }
        write_own(record.origin, event, with_process, key);
        if has_head {
            before.clone_from(key);
        }
        false
    }

    /// The key of the last speaker on this connection; empty if there was none.
    fn of(&mut self, origin: &Arc<Origin>) -> &mut Vec<u8> {
        let same = |known: &Arc<Origin>| Arc::ptr_eq(known, origin) || known == origin;
        let (known, key) = match self.before.take() {
            Some((known, key)) if same(&known) => (known, key),
            other => {
                if let Some((known, key)) = other.filter(|(_, key)| !key.is_empty()) {
                    if self.others.len() >= MAX_CONNECTIONS {
                        self.others.clear();
                    }
                    self.others.insert(known, key);
                }
                (origin.clone(), self.others.get_mut(origin).map(mem::take).unwrap_or_default())
            }
        };
        &mut self.before.insert((known, key)).1
    }
}

fn write_own(origin: &Origin, event: &Event<'_>, with_process: bool, key: &mut Vec<u8>) {
    let process = if with_process { &*event.procid } else { "" };
    let peer = if origin.transport.is_text() { &origin.peer } else { origin.peer_host() };
    key.clear();
    key.push(event.facility.code());
    for part in [&*origin.listener, peer, &event.source, &event.app_name, process] {
        key.extend_from_slice(&(part.len() as u64).to_le_bytes());
        key.extend_from_slice(part.as_bytes());
    }
}
