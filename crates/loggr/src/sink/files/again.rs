//! The last signed batches beside the journal while there is trouble: should the process end
//! before it is over, the next one can still write what the file system has lost of them.
//!
//! Written once, when the trouble begins, and removed when it is over; what is in the files
//! already is skipped by its uid. Not a queue: whatever cannot be read or written here is left
//! out. Each event is a length (4 bytes), the CRC-32 of what follows (4), and a MessagePack map;
//! an event whose line was received holds its bytes too.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use loggr_event::Event;
use loggr_flow::{Batch, BatchBuilder, Payload};

use super::promises::checksum;

/// A file that is longer was not written here.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Its name, from that of the journal.
pub(super) fn place(journal: &Path) -> PathBuf {
    journal.with_extension("again")
}

/// Writes the batches down, durably.
pub(super) fn save<'b>(place: &Path, batches: impl Iterator<Item = &'b Batch>) -> io::Result<()> {
    let mut bytes = Vec::new();
    for record in batches.flat_map(Batch::records) {
        let mut event = record.event();
        if let (Payload::Line(line), None) = (record.payload, &event.raw) {
            event.raw = Some(Cow::Borrowed(line));
        }
        let mut packed = Vec::new();
        event.to_msgpack(&mut packed);
        let len = u32::try_from(packed.len()).map_err(io::Error::other)?;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&checksum(&packed).to_le_bytes());
        bytes.extend_from_slice(&packed);
    }
    // DURABLE: the only copy, if the process ends now.
    Ok(loggr_disk::replace(place, &bytes)?)
}

/// What an earlier life wrote down, if anything.
pub(super) fn load(place: &Path) -> Option<Batch> {
    let bytes = loggr_disk::read_at_most(place, MAX_FILE_BYTES).ok()??;
    let mut rest = bytes.as_slice();
    let mut builder = BatchBuilder::default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, crc @ ..] = *head;
        let Some((packed, after)) = after.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize) else {
            break;
        };
        rest = after;
        if checksum(packed) != u32::from_le_bytes(crc) {
            break;
        }
        if let Ok(event) = Event::from_msgpack(packed) {
            builder.push_event(&event);
        }
    }
    builder.finish()
}

/// The trouble is over.
pub(super) fn remove(place: &Path) {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(file = %place.display(), %error, "cannot remove a file that is not needed any more");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use loggr_flow::contract::lines;

    use super::*;

    #[test]
    fn what_was_saved_comes_back_with_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir.path().join("a.intent"));
        assert!(load(&place).is_none());
        let batches = [lines(&["<13>one", "two"]), lines(&["three\n"])];
        save(&place, batches.iter()).unwrap();
        let loaded = load(&place).unwrap();
        let uids = |batch: &Batch| batch.records().map(|r| r.uid).collect::<Vec<_>>();
        assert_eq!(uids(&loaded), batches.iter().flat_map(uids).collect::<Vec<_>>());
        let raw: Vec<Vec<u8>> = loaded.records().map(|r| r.event().raw.unwrap().into_owned()).collect();
        assert_eq!(raw, [&b"<13>one"[..], b"two", b"three\n"]);
        let whole = std::fs::read(&place).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&place, &whole[..cut]).unwrap();
            assert!(load(&place).map_or(0, |b| b.len()) < 3);
        }
        remove(&place);
        assert!(load(&place).is_none());
    }
}
