//! Where things stand in a file of the journal, and how fields are packed.
//!
//! All numbers are little-endian; an object begins at a multiple of 8.
//!
//! | object | layout |
//! |---|---|
//! | each | type (1 byte), flags (1), 6 unused, size with this head (8) |
//! | data | head, hash (8), three offsets (8 each), array of its entries (8), how many these are (8), in compact files 8 more, `NAME=value` |
//! | entry | head, sequence number (8), time (8), time since the start (8), id of the start (16), hash (8), and for each field its offset and hash (8 each), in compact files its offset (4) |
//! | array of entries | head, offset of the next array (8), offsets of entries (8 each, in compact files 4); 0 where there is none yet |

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::trouble::Trouble;

/// The head of an object.
pub(super) const OBJECT: u64 = 16;
/// In a data object, where the number of entries that have it stands.
pub(super) const DATA_USES: u64 = 56;
/// In a data object, where the text begins.
pub(super) const DATA: u64 = 64;
/// The same in a compact file.
pub(super) const COMPACT_DATA: u64 = 72;
/// In an entry, where the offsets of its fields begin.
pub(super) const ENTRY_ITEMS: u64 = 64;
/// In an array of entries, where the offset of the next array stands.
pub(super) const ARRAY_NEXT: u64 = 16;
/// In an array of entries, where the offsets of the entries begin.
pub(super) const ARRAY_ITEMS: u64 = 24;

/// Memory in KiB that unpacking xz may take.
const XZ_MEMORY_KIB: u32 = 70 << 10;
/// Bytes of a field that are unpacked only to be counted.
const MAX_COUNTED_BYTES: u64 = 1 << 30;

const SIGNATURE: &[u8] = b"LPKSHHRH";
/// The part of the file's head that is read: what came later to the format stands behind it.
const HEAD_BYTES: usize = 208;
/// Flags of files that this reader understands: fields packed with xz, LZ4, zstd; hashes with a key; compact.
const KNOWN_FLAGS: u32 = 0b1_1111;
const COMPACT: u32 = 0b1_0000;
/// The state of a file that is complete; others are being written or may be later.
const ARCHIVED: u8 = 2;

/// A number of up to 8 bytes.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// An id of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub(super) [u8; 16]);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Id {
    /// From its 32 digits.
    pub(super) fn parse(text: &str) -> Option<Id> {
        let number = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
        Some(Id(number.to_be_bytes()))
    }
}

/// The head of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Which file it is, whatever it is called.
    pub(super) file: Id,
    /// Which series its sequence numbers belong to.
    pub(super) series: Id,
    /// Where objects begin.
    pub(super) size: u64,
    /// Entries that it has.
    pub(super) entries: u64,
    /// The first array of entries; 0: there is none yet.
    pub(super) entry_array: u64,
    /// Sequence numbers of its first and last entry; 0: there is none.
    pub(super) first_seqnum: u64,
    pub(super) last_seqnum: u64,
    /// Time of its first entry.
    pub(super) first_realtime: u64,
    pub(super) is_compact: bool,
    /// It is complete: nothing will be added.
    pub(super) is_archived: bool,
}

impl Header {
    /// Reads it.
    pub(super) fn read(file: &File) -> Result<Header, Trouble> {
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Trouble::Foreign("it is too short for a journal".to_owned()),
            _ => Trouble::Io(error),
        })?;
        if !head.starts_with(SIGNATURE) {
            return Err(Trouble::Foreign("it is no journal".to_owned()));
        }
        let flags = number(&head[12..16]) as u32;
        if flags & !KNOWN_FLAGS != 0 {
            let text = format!("it is of a newer format than this loggr knows (flags {flags:#x})");
            return Err(Trouble::Foreign(text));
        }
        let id = |at: usize| {
            let mut id = [0; 16];
            id.copy_from_slice(&head[at..at + 16]);
            Id(id)
        };
        let at = |at: usize| number(&head[at..at + 8]);
        Ok(Header {
            file: id(24),
            series: id(72),
            size: at(88),
            entries: at(152),
            entry_array: at(176),
            first_seqnum: at(168),
            last_seqnum: at(160),
            first_realtime: at(184),
            is_compact: flags & COMPACT != 0,
            is_archived: head[16] == ARCHIVED,
        })
    }
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Entry,
    EntryArray,
    /// One that is not needed here.
    Other,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Kind> {
        match byte {
            1 => Some(Kind::Data),
            3 => Some(Kind::Entry),
            6 => Some(Kind::EntryArray),
            2 | 4 | 5 | 7 => Some(Kind::Other),
            _ => None,
        }
    }
}

/// How a field is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// By systemd before 229.
    Xz,
    Lz4,
    Zstd,
}

impl Packing {
    /// By the flags of an object.
    pub(super) fn of(flags: u8) -> Result<Option<Packing>, Trouble> {
        match flags & 7 {
            0 => Ok(None),
            1 => Ok(Some(Packing::Xz)),
            2 => Ok(Some(Packing::Lz4)),
            4 => Ok(Some(Packing::Zstd)),
            _ => Err(Trouble::Entry("a field is packed twice".to_owned())),
        }
    }

    /// The first `most` bytes, and how many more there are.
    pub(super) fn unpack(self, packed: &[u8], most: usize) -> Result<(Vec<u8>, u64), Trouble> {
        let wrong = |_| Trouble::Entry("a packed field is damaged".to_owned());
        match self {
            // The length stands in front of the block.
            Packing::Lz4 => {
                let (length, block) = packed.split_at_checked(8).ok_or(()).map_err(wrong)?;
                let length = usize::try_from(number(length)).map_err(|_| ()).map_err(wrong)?;
                if length > most {
                    return Err(Trouble::Entry("a packed field is too long".to_owned()));
                }
                let unpacked = lz4_flex::block::decompress(block, length).map_err(|_| ()).map_err(wrong)?;
                Ok((unpacked, 0))
            }
            Packing::Zstd => {
                let decoder =
                    zstd::stream::read::Decoder::with_buffer(packed).map_err(|_| ()).map_err(wrong)?;
                beginning(decoder.single_frame(), most).map_err(|_| ()).map_err(wrong)
            }
            Packing::Xz => {
                let decoder = lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY_KIB);
                beginning(decoder, most).map_err(|_| ()).map_err(wrong)
            }
        }
    }
}

/// The first `most` bytes, and how many more there are.
fn beginning(mut decoder: impl Read, most: usize) -> io::Result<(Vec<u8>, u64)> {
    let mut unpacked = Vec::new();
    decoder.by_ref().take(most as u64).read_to_end(&mut unpacked)?;
    let left_out = match unpacked.len() == most {
        true => io::copy(&mut decoder.take(MAX_COUNTED_BYTES), &mut io::sink())?,
        false => 0,
    };
    Ok((unpacked, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = Id([0xab; 16]);
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(Id::parse("ab"), None);
        assert_eq!(number(&[1, 2]), 0x0201);
    }

    #[test]
    fn packed_fields_are_unpacked_up_to_a_limit() {
        let text = b"MESSAGE=".repeat(100);
        let zstd = zstd::bulk::compress(&text, 3).unwrap();
        assert_eq!(Packing::Zstd.unpack(&zstd, 1000).unwrap(), (text.clone(), 0));
        assert_eq!(Packing::Zstd.unpack(&zstd, 10).unwrap(), (b"MESSAGE=ME".to_vec(), 790));
        assert!(Packing::Zstd.unpack(&zstd[..9], 1000).is_err());
        let mut lz4 = 800u64.to_le_bytes().to_vec();
        lz4.extend(lz4_flex::block::compress(&text));
        assert_eq!(Packing::Lz4.unpack(&lz4, 1000).unwrap(), (text.clone(), 0));
        assert!(Packing::Lz4.unpack(&lz4, 10).is_err() && Packing::Lz4.unpack(&lz4[..5], 10).is_err());
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        std::io::Write::write_all(&mut xz, &text).unwrap();
        let xz = xz.finish().unwrap();
        assert_eq!(Packing::Xz.unpack(&xz, 1000).unwrap(), (text.clone(), 0));
        assert_eq!(Packing::Xz.unpack(&xz, 10).unwrap(), (b"MESSAGE=ME".to_vec(), 790));
        assert!(Packing::Xz.unpack(&xz[..20], 1000).is_err());
        assert!(Packing::of(6).is_err() && Packing::of(0).unwrap().is_none());
    }
}
