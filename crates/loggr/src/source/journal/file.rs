//! One file of systemd's journal: its entries, in the order in which they were written.
//!
//! It reads and never writes, by the description of the format (systemd.io/JOURNAL_FILE_FORMAT). The file is
//! not mapped: one that is cut off while it is read gives an error and no signal. What the file says of
//! itself is compared with limits before it is believed. Not here: which files there are, and what an entry
//! means.
//!
//! The place of a reader is the number of entries that it has read. Files only grow, so that a number stays
//! true whatever the clock did; times and sequence numbers do not order one file better than it does itself.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::{self, Header, Kind, Packing};
use super::trouble::Trouble;

/// Bytes of one field at most, unpacked. The journal takes up to 768 MiB (a core dump); of a longer one the
/// beginning is kept.
pub(super) const MAX_FIELD_BYTES: usize = 1 << 20;
/// Fields of one entry at most; the journal itself takes 1,024 from a program.
const MAX_FIELDS: usize = 4096;
/// Bytes of the fields of one entry together; those that come behind are left out.
const MAX_ENTRY_BYTES: usize = 4 << 20;
/// What is read of the file at a time.
const WINDOW_BYTES: usize = 64 << 10;
/// Fields that many entries share, such as the name of the host, are remembered: so many, of this length.
const MAX_SHARED: usize = 1024;
const MAX_SHARED_BYTES: usize = 256;

/// A file that is being read.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: File,
    path: PathBuf,
    header: Header,
    /// Entries that were read, or left out.
    read: u64,
    /// The array in which the next one stands, and the number of that array's first entry.
    array: u64,
    array_first: u64,
    window: Window,
    shared: HashMap<u64, Arc<[u8]>>,
}

/// One entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Its number among all that this journal has written.
    pub(super) seqnum: u64,
    /// When the journal received it, in microseconds.
    pub(super) realtime: u64,
    /// `NAME=value`, in the order of the file.
    pub(super) fields: Vec<Arc<[u8]>>,
    /// Bytes that it had and that were left out, because they were too many.
    pub(super) left_out: u64,
}

impl Entry {
    /// The first value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find_map(|field| field.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

impl JournalFile {
    /// Opens it at its beginning.
    pub(super) fn open(path: &Path) -> Result<JournalFile, Trouble> {
        let file = File::open(path)?;
        let header = Header::read(&file)?;
        let array = header.entry_array;
        let window = Window::default();
        let (path, shared) = (path.to_owned(), HashMap::new());
        Ok(JournalFile { file, path, header, read: 0, array, array_first: 0, window, shared })
    }

    /// Where it was when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the journal may go on writing it. Those that it has set aside have another name.
    pub(super) fn may_grow(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        !self.header.is_archived && !name.contains('@') && !name.ends_with('~')
    }

    /// Whether everything was read that was there at the last look.
    pub(super) fn is_read(&self) -> bool {
        self.read >= self.header.entries
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// How many entries were read, or left out.
    pub(super) fn place(&self) -> u64 {
        self.read
    }

    /// Goes on behind the entry of this number.
    pub(super) fn go_to(&mut self, place: u64) {
        if place < self.array_first {
            (self.array, self.array_first) = (self.header.entry_array, 0);
        }
        self.read = place;
    }

    /// Looks how many entries there are by now; true if some were not read.
    pub(super) fn look(&mut self) -> Result<bool, Trouble> {
        if self.is_read() {
            let before = self.header.entries;
            self.header = Header::read(&self.file)?;
            if self.header.entries != before {
                self.window.forget();
            }
            if self.array == 0 {
                self.array = self.header.entry_array;
            }
        }
        Ok(!self.is_read())
    }

    /// The next entry, or nothing where none has been written yet. Behind an entry that is damaged reading
    /// goes on.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Trouble> {
        if !self.look()? {
            return Ok(None);
        }
        let Some(offset) = self.offset()? else { return Ok(None) };
        self.read += 1;
        self.entry(offset).map(Some)
    }

    /// Where the next entry stands; `None` if it is announced and not there yet.
    fn offset(&mut self) -> Result<Option<u64>, Trouble> {
        let item_bytes = if self.header.is_compact { 4 } else { 8 };
        loop {
            let end = |what: &str| Trouble::End(format!("the list of entries is damaged: {what}"));
            if self.array == 0 {
                return Err(end("it ends too early"));
            }
            let object = self.object(self.array).map_err(|error| error.at_the_end())?;
            if object.kind != Kind::EntryArray {
                return Err(end("there is something else"));
            }
            let items = object.size.saturating_sub(layout::ARRAY_ITEMS) / item_bytes;
            if items == 0 {
                return Err(end("it has no room"));
            }
            let within = self.read - self.array_first;
            if within < items {
                let at = self.array + layout::ARRAY_ITEMS + within * item_bytes;
                let offset = layout::number(self.bytes(at, item_bytes as usize)?);
                if offset == 0 {
                    // What was read of the file is older than the announcement.
                    self.window.forget();
                }
                return Ok((offset != 0).then_some(offset));
            }
            let next = layout::number(self.bytes(self.array + layout::ARRAY_NEXT, 8)?);
            // Each array stands behind the one before it, so that there is no circle.
            if next != 0 && next <= self.array {
                return Err(end("it goes back"));
            }
            (self.array, self.array_first) = (next, self.array_first + items);
        }
    }

    fn entry(&mut self, offset: u64) -> Result<Entry, Trouble> {
        let object = self.object(offset)?;
        if object.kind != Kind::Entry {
            return Err(Trouble::Entry("there is something else in its place".to_owned()));
        }
        let head = self.bytes(offset, layout::ENTRY_ITEMS as usize)?;
        let mut entry = Entry {
            seqnum: layout::number(&head[16..24]),
            realtime: layout::number(&head[24..32]),
            ..Entry::default()
        };
        let item_bytes = if self.header.is_compact { 4 } else { 16 };
        let items = object.size.saturating_sub(layout::ENTRY_ITEMS) / item_bytes;
        let mut total = 0;
        for item in 0..items {
            let at = offset + layout::ENTRY_ITEMS + item * item_bytes;
            let data = layout::number(self.bytes(at, item_bytes.min(8) as usize)?);
            if item as usize >= MAX_FIELDS || total >= MAX_ENTRY_BYTES {
                entry.left_out += self.object(data).map_or(0, |object| object.size);
                continue;
            }
            let (field, left_out) = self.field(data)?;
            total += field.len();
            entry.left_out += left_out;
            entry.fields.push(field);
        }
        Ok(entry)
    }

    /// `NAME=value`, and how many bytes of it were left out.
    fn field(&mut self, offset: u64) -> Result<(Arc<[u8]>, u64), Trouble> {
        if let Some(known) = self.shared.get(&offset) {
            return Ok((known.clone(), 0));
        }
        let object = self.object(offset)?;
        if object.kind != Kind::Data {
            return Err(Trouble::Entry("a field is something else".to_owned()));
        }
        let head = if self.header.is_compact { layout::COMPACT_DATA } else { layout::DATA };
        let uses = layout::number(self.bytes(offset + layout::DATA_USES, 8)?);
        let packed = object.size.checked_sub(head);
        let packed = packed.ok_or_else(|| Trouble::Entry("a field has no room".to_owned()))?;
        let most = MAX_FIELD_BYTES + 1;
        let length = usize::try_from(packed).unwrap_or(usize::MAX);
        let (bytes, left_out): (Arc<[u8]>, u64) = match object.packing {
            None => {
                let kept = length.min(MAX_FIELD_BYTES);
                (self.bytes(offset + head, kept)?.into(), (length - kept) as u64)
            }
            Some(_) if length > most => return Err(Trouble::Entry("a packed field is too long".to_owned())),
            Some(packing) => {
                let (unpacked, left_out) =
                    packing.unpack(self.bytes(offset + head, length)?, MAX_FIELD_BYTES)?;
                (unpacked.into(), left_out)
            }
        };
        if uses > 1 && bytes.len() <= MAX_SHARED_BYTES {
            if self.shared.len() >= MAX_SHARED {
                self.shared.clear();
            }
            self.shared.insert(offset, bytes.clone());
        }
        Ok((bytes, left_out))
    }

    /// What stands at an offset, by its head.
    fn object(&mut self, offset: u64) -> Result<Object, Trouble> {
        if offset < self.header.size || !offset.is_multiple_of(8) {
            return Err(Trouble::Entry(format!("nothing can stand at byte {offset}")));
        }
        let head = self.bytes(offset, layout::OBJECT as usize)?;
        let (kind, packing, size) = (head[0], head[1], layout::number(&head[8..16]));
        let kind =
            Kind::of(kind).ok_or_else(|| Trouble::Entry(format!("nothing known stands at byte {offset}")))?;
        if size < layout::OBJECT || offset.checked_add(size).is_none() {
            return Err(Trouble::Entry(format!("what stands at byte {offset} cannot have {size} bytes")));
        }
        Ok(Object { kind, packing: Packing::of(packing)?, size })
    }

    fn bytes(&mut self, offset: u64, length: usize) -> Result<&[u8], Trouble> {
        self.window.get(&self.file, offset, length)
    }
}

/// The head of an object.
struct Object {
    kind: Kind,
    packing: Option<Packing>,
    /// With the head.
    size: u64,
}

/// The part of the file that was read last.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// What was read may be old.
    fn forget(&mut self) {
        self.bytes.clear();
    }

    fn get(&mut self, file: &File, offset: u64, length: usize) -> Result<&[u8], Trouble> {
        let within = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let has = |at: &usize| at.checked_add(length).is_some_and(|end| end <= self.bytes.len());
        let at = match within.filter(has) {
            Some(at) => at,
            None => {
                self.bytes.resize(length.max(WINDOW_BYTES), 0);
                self.start = offset;
                let got = read_up_to(file, offset, &mut self.bytes)?;
                self.bytes.truncate(got);
                0
            }
        };
        let cut = || Trouble::Entry("the file ends in its middle".to_owned());
        self.bytes.get(at..at + length).ok_or_else(cut)
    }
}

/// As much as there is.
fn read_up_to(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match file.read_at(&mut into[got..], offset + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
