//! A batch: never empty, knows its identity, cheap to clone, one shared buffer per chunk.
//!
//! It is not a vector of events: a record is a received line with its envelope, and is parsed only
//! when that is needed. Joining batches shares their buffers and copies nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use loggr_event::{Event, Origin, Timestamp, Uid};

use crate::record::{self, BadRecords, Payload, Record, Records};

/// A chunk names at most this many origins; a builder that meets more starts a new chunk.
pub const MAX_ORIGINS: usize = 4096;

static NEXT_BATCH: AtomicU64 = AtomicU64::new(1);

/// Records that share a buffer and a table of origins.
#[derive(Clone, Debug)]
pub struct Chunk {
    origins: Arc<[Arc<Origin>]>,
    records: Bytes,
    count: usize,
}

impl Chunk {
    /// Takes bytes from disk or wire. Every record is checked once, here.
    ///
    /// # Errors
    /// [`BadRecords`] with the offset of the first record that breaks the layout or
    /// names an origin that the table does not have; also if there is no record.
    pub fn from_parts(origins: Arc<[Arc<Origin>]>, records: Bytes) -> Result<Chunk, BadRecords> {
        let mut offset = 0;
        let mut count = 0;
        while offset < records.len() {
            let rest = records.get(offset..).unwrap_or_default();
            let extent = record::extent(rest).map_err(|what| BadRecords { offset, what })?;
            if usize::from(extent.origin) >= origins.len() {
                return Err(BadRecords { offset, what: "the origin is not in the table" });
            }
            offset += extent.len;
            count += 1;
        }
        if count == 0 {
            return Err(BadRecords { offset: 0, what: "no record" });
        }
        Ok(Chunk { origins, records, count })
    }

    /// The origins of its records.
    pub fn origins(&self) -> &[Arc<Origin>] {
        &self.origins
    }

    /// The records as they lie on disk.
    pub fn record_bytes(&self) -> &Bytes {
        &self.records
    }

    /// Number of records; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Its records in order.
    pub fn records(&self) -> Records<'_> {
        Records { bytes: &self.records, origins: &self.origins }
    }

    /// The chunk in parts of at most `max_records` records and `max_bytes` bytes; a record
    /// that is larger is a part of its own. The parts share the buffer and the origins.
    pub fn pieces(&self, max_records: usize, max_bytes: usize) -> Vec<Chunk> {
        let mut pieces = Vec::new();
        let (mut from, mut at, mut count) = (0, 0, 0);
        let mut cut = |from: usize, to: usize, count: usize| {
            let records = self.records.slice(from..to);
            pieces.push(Chunk { origins: self.origins.clone(), records, count });
        };
        while at < self.records.len() {
            let rest = self.records.get(at..).unwrap_or_default();
            // The bytes were checked when the chunk was made.
            let len = record::extent(rest).map_or(rest.len(), |e| e.len);
            if count > 0 && (count >= max_records || at + len - from > max_bytes) {
                cut(from, at, count);
                (from, count) = (at, 0);
            }
            at += len;
            count += 1;
        }
        cut(from, at, count);
        pieces
    }

    /// Cuts before record `n` (0 < n < len); both parts share the buffer.
    fn split(&self, n: usize) -> (Chunk, Chunk) {
        let mut at = 0;
        for _ in 0..n {
            let rest = self.records.get(at..).unwrap_or_default();
            at += record::extent(rest).map_or(0, |e| e.len);
        }
        let part = |records, count| Chunk { origins: self.origins.clone(), records, count };
        (part(self.records.slice(..at), n), part(self.records.slice(at..), self.count - n))
    }
}

/// One or more records, with an identity that a [`crate::Receipt`] is signed for.
#[derive(Clone, Debug)]
pub struct Batch {
    id: u64,
    chunks: Vec<Chunk>,
    count: usize,
    bytes: usize,
}

impl Batch {
    /// A batch of chunks, in order; `None` if there is none.
    pub fn new(chunks: Vec<Chunk>) -> Option<Batch> {
        if chunks.is_empty() {
            return None;
        }
        let count = chunks.iter().map(Chunk::len).sum();
        let bytes = chunks.iter().map(|c| c.records.len()).sum();
        Some(Batch { id: NEXT_BATCH.fetch_add(1, Ordering::Relaxed), chunks, count, bytes })
    }

    /// Its identity within this process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Number of records; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of its records, envelopes included.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }

    /// Its chunks, in order.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Its records, in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.chunks.iter().flat_map(Chunk::records)
    }

    /// The records of several batches, in order, as one batch with an identity of its own.
    pub(crate) fn join(parts: impl IntoIterator<Item = Batch>) -> Option<Batch> {
        Batch::new(parts.into_iter().flat_map(|b| b.chunks).collect())
    }

    /// Two halves, or `None` for a single record.
    pub(crate) fn halve(&self) -> Option<(Batch, Batch)> {
        self.split(self.count / 2)
    }

    /// The first `n` records and the rest, or `None` if one of them had none.
    pub(crate) fn split(&self, n: usize) -> Option<(Batch, Batch)> {
        if n == 0 || n >= self.count {
            return None;
        }
        let (mut first, mut second, mut taken) = (Vec::new(), Vec::new(), 0);
        for chunk in &self.chunks {
            let room = n - taken;
            if room == 0 {
                second.push(chunk.clone());
            } else if chunk.count <= room {
                taken += chunk.count;
                first.push(chunk.clone());
            } else {
                let (a, b) = chunk.split(room);
                taken += a.count;
                first.push(a);
                second.push(b);
            }
        }
        Some((Batch::new(first)?, Batch::new(second)?))
    }
}

/// Collects records into a batch; owns the one buffer they are copied into.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    origins: Vec<Arc<Origin>>,
    by_origin: HashMap<Arc<Origin>, u16>,
    records: Vec<u8>,
    count: usize,
    done: Vec<Chunk>,
    done_count: usize,
    done_bytes: usize,
}

impl BatchBuilder {
    /// An empty builder with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> BatchBuilder {
        BatchBuilder { records: Vec::with_capacity(bytes), ..BatchBuilder::default() }
    }

    /// Adds a received line.
    pub fn push_line(&mut self, origin: &Arc<Origin>, uid: Uid, now: Timestamp, line: &[u8]) {
        self.push_frame(origin, uid, now, line, None, false);
    }

    /// Adds a received line that may have been cut or broken off.
    pub fn push_frame(
        &mut self,
        origin: &Arc<Origin>,
        uid: Uid,
        now: Timestamp,
        line: &[u8],
        original_len: Option<u64>,
        incomplete: bool,
    ) {
        let payload = Payload::Line(line);
        self.push_record(&Record {
            uid,
            timegenerated: now,
            origin,
            payload,
            original_len,
            incomplete,
            offset: None,
        });
    }

    /// Adds an event, encoded; its own envelope is taken over.
    pub fn push_event(&mut self, event: &Event<'_>) {
        let origin = Arc::new(event.origin.as_deref().cloned().unwrap_or_default());
        self.push_made(&origin, event);
    }

    /// Adds an event that came from there, encoded; what it says of its origin itself does not count.
    pub fn push_made(&mut self, origin: &Arc<Origin>, event: &Event<'_>) {
        let index = self.index(origin);
        record::write_event(index, event, &mut self.records);
        self.count += 1;
    }

    /// Adds an event that was made of this record, encoded. If the event still has the origin of
    /// the record, the origin is shared and not copied.
    pub fn push_changed(&mut self, record: &Record<'_>, event: &Event<'_>) {
        match event.origin.as_deref() {
            Some(origin) if std::ptr::eq(origin, &**record.origin) || *origin == **record.origin => {
                self.push_made(record.origin, event);
            }
            _ => self.push_event(event),
        }
    }

    /// Adds a record as it is, of another batch for example.
    pub fn push_record(&mut self, record: &Record<'_>) {
        let index = self.index(record.origin);
        record.write(index, &mut self.records);
        self.count += 1;
    }

    /// Number of records so far.
    pub fn len(&self) -> usize {
        self.count + self.done_count
    }

    /// True while nothing was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the records so far.
    pub fn byte_len(&self) -> usize {
        self.records.len() + self.done_bytes
    }

    /// The batch, or `None` if nothing was added. The builder is empty afterwards.
    pub fn finish(&mut self) -> Option<Batch> {
        self.close_chunk();
        self.done_count = 0;
        self.done_bytes = 0;
        Batch::new(std::mem::take(&mut self.done))
    }

    fn index(&mut self, origin: &Arc<Origin>) -> u16 {
        // Neighbours mostly share their origin.
        if let Some(last) = self.origins.last()
            && Arc::ptr_eq(last, origin)
        {
            return (self.origins.len() - 1) as u16;
        }
        if let Some(&index) = self.by_origin.get(origin) {
            return index;
        }
        if self.origins.len() >= MAX_ORIGINS {
            self.close_chunk();
        }
        let index = self.origins.len() as u16;
        self.origins.push(origin.clone());
        self.by_origin.insert(origin.clone(), index);
        index
    }

    fn close_chunk(&mut self) {
        self.by_origin.clear();
        if self.count == 0 {
            self.origins.clear();
            return;
        }
        let records = Bytes::from(std::mem::take(&mut self.records));
        let origins = std::mem::take(&mut self.origins).into();
        self.done_count += self.count;
        self.done_bytes += records.len();
        self.done.push(Chunk { origins, records, count: std::mem::take(&mut self.count) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(n: usize, origins: usize) -> Batch {
        let table: Vec<_> = (0..origins)
            .map(|i| Arc::new(Origin { peer: format!("10.0.0.{i}:1"), ..Origin::default() }))
            .collect();
        let mut builder = BatchBuilder::default();
        for i in 0..n {
            let uid = Uid::from_bytes((i as u128).to_be_bytes());
            let now = Timestamp::from_unix_micros(i as i64);
            builder.push_line(&table[i % origins], uid, now, format!("line {i}").as_bytes());
        }
        builder.finish().unwrap()
    }

    fn text(batch: &Batch) -> Vec<String> {
        batch.records().map(|r| String::from_utf8_lossy(r.payload.bytes()).into_owned()).collect()
    }

    #[test]
    fn records_come_back_with_their_envelopes() {
        let batch = lines(5, 2);
        let got: Vec<_> = batch.records().map(|r| (r.uid.as_bytes()[15], r.origin.peer.clone())).collect();
        assert_eq!(got[3], (3, "10.0.0.1:1".to_owned()));
        assert_eq!(batch.len(), 5);
        assert_eq!(text(&batch)[4], "line 4");
    }

    #[test]
    fn a_line_of_a_file_keeps_its_place() {
        let origin = Arc::new(Origin::default());
        for original_len in [None, Some(70_000)] {
            let mut builder = BatchBuilder::default();
            let payload = Payload::Line(b"abc");
            let (uid, timegenerated) = (Uid::default(), Timestamp::default());
            builder.push_record(&Record {
                uid,
                timegenerated,
                origin: &origin,
                payload,
                original_len,
                incomplete: false,
                offset: Some(1 << 40),
            });
            let batch = builder.finish().unwrap();
            let record = batch.records().next().unwrap();
            let expect = (original_len, Some(1 << 40), payload);
            assert_eq!((record.original_len, record.offset, record.payload), expect);
            assert_eq!(record.event().field("offset"), ["1099511627776"]);
        }
    }

    #[test]
    fn a_cut_line_keeps_its_length() {
        let mut builder = BatchBuilder::default();
        let origin = Arc::new(Origin::default());
        builder.push_frame(&origin, Uid::default(), Timestamp::default(), b"abc", Some(70_000), true);
        let batch = builder.finish().unwrap();
        let record = batch.records().next().unwrap();
        assert_eq!((record.original_len, record.incomplete), (Some(70_000), true));
        assert_eq!(record.payload, Payload::Line(b"abc"));
    }

    #[test]
    fn more_origins_than_a_chunk_holds_make_a_second_chunk() {
        let batch = lines(MAX_ORIGINS + 10, MAX_ORIGINS + 10);
        assert_eq!((batch.chunks().len(), batch.len()), (2, MAX_ORIGINS + 10));
    }

    #[test]
    fn an_empty_builder_makes_no_batch() {
        assert!(BatchBuilder::default().finish().is_none());
    }

    proptest! {
        #[test]
        fn halves_join_to_the_whole(n in 2usize..40, origins in 1usize..5) {
            let whole = Batch::join([lines(n, origins), lines(3, 1)]).unwrap();
            let (a, b) = whole.halve().unwrap();
            prop_assert_eq!(a.len() + b.len(), whole.len());
            prop_assert_eq!(text(&Batch::join([a, b]).unwrap()), text(&whole));
        }

        #[test]
        fn pieces_are_the_whole_in_order_and_keep_their_limits(
            n in 1usize..40, records in 1usize..10, bytes in 1usize..400,
        ) {
            let whole = lines(n, 3);
            let pieces: Vec<Chunk> = whole.chunks().iter().flat_map(|c| c.pieces(records, bytes)).collect();
            for piece in &pieces {
                prop_assert!(piece.len() <= records && piece.len() == piece.records().count());
                prop_assert!(piece.len() == 1 || piece.record_bytes().len() <= bytes);
            }
            prop_assert_eq!(text(&Batch::new(pieces).unwrap()), text(&whole));
        }

        #[test]
        fn any_bytes_are_records_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(chunk) = Chunk::from_parts(Arc::from([Arc::new(Origin::default())]), bytes.into()) {
                prop_assert_eq!(chunk.records().count(), chunk.len());
            }
        }
    }
}
