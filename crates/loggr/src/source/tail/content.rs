//! The text of a file, from any place: of a plain file its bytes, of a compressed one what is in it.
//!
//! Not lines. A compressed text is unpacked from its beginning up to the place that is wanted, once, and from
//! there on as it is read; so much of it is in memory as is asked for at one time.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::identity::{GUARD_BYTES, Inode};
use crate::source::content::Packing;

/// What a compressed file is read in.
const PACKED_BUFFER_BYTES: usize = 64 << 10;
/// What is looked at to see whether a file is compressed.
const MAGIC_BYTES: usize = 16;

/// An open file.
pub struct Content {
    file: File,
    /// Where it lies.
    pub inode: Inode,
    unpacking: Option<Unpacking>,
}

struct Unpacking {
    packing: Packing,
    decoder: Option<Box<dyn Read + Send>>,
    /// What was unpacked last, and where it begins.
    text: Vec<u8>,
    at: u64,
    has_ended: bool,
}

impl Content {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system says; also if it is no plain file.
    pub fn open(path: &Path) -> io::Result<Content> {
        // What has become a pipe since it was looked at must not hold everything up.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is no plain file"));
        }
        let mut beginning = [0; MAGIC_BYTES];
        let len = file.read_at(&mut beginning, 0)?;
        let packing = Packing::seen(beginning.get(..len).unwrap_or_default());
        let unpacking = packing.map(|packing| Unpacking {
            packing,
            decoder: None,
            text: Vec::new(),
            at: 0,
            has_ended: false,
        });
        Ok(Content { inode: Inode::of(&file, &meta), file, unpacking })
    }

    /// Is it compressed?
    pub fn is_packed(&self) -> bool {
        self.unpacking.is_some()
    }

    /// What the file system says of it.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The bytes from `from` on, at most `most`; fewer where the text ends.
    ///
    /// # Errors
    /// What the system says. `UnexpectedEof`: a compressed file is not whole, perhaps not yet.
    pub fn read(&mut self, from: u64, most: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match &mut self.unpacking {
            Some(unpacking) => unpacking.read(&self.file, from, most, out),
            None => {
                out.resize(most, 0);
                let mut len = 0;
                while len < most {
                    let room = out.get_mut(len..).unwrap_or_default();
                    match self.file.read_at(room, from + len as u64) {
                        Ok(0) => break,
                        Ok(n) => len += n,
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                out.truncate(len);
                Ok(())
            }
        }
    }

    /// The bytes before a place, at most so many as a guard is made of.
    pub fn read_before(&mut self, at: u64) -> io::Result<Vec<u8>> {
        let from = at.saturating_sub(GUARD_BYTES as u64);
        let mut out = Vec::new();
        self.read(from, usize::try_from(at - from).unwrap_or(GUARD_BYTES), &mut out)?;
        Ok(out)
    }

    /// Where the next byte is that is not in a hole, if there is one; `from` itself where the file system
    /// does not tell.
    pub fn data_behind(&self, from: u64) -> Option<u64> {
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(from)) {
            Ok(at) => Some(at),
            Err(rustix::io::Errno::NXIO) => None,
            Err(_) => Some(from),
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("inode", &self.inode).field("is_packed", &self.is_packed()).finish()
    }
}

impl Unpacking {
    fn read(&mut self, file: &File, from: u64, most: usize, out: &mut Vec<u8>) -> io::Result<()> {
        if self.decoder.is_none() || from < self.at {
            self.begin(file)?;
        }
        loop {
            // What is before the place is not wanted any more.
            let old = usize::try_from(from - self.at).unwrap_or(usize::MAX).min(self.text.len());
            self.text.drain(..old);
            self.at += old as u64;
            if self.has_ended || (self.at == from && self.text.len() >= most) {
                break;
            }
            let Some(decoder) = &mut self.decoder else { break };
            let begin = self.text.len();
            self.text.resize(begin + PACKED_BUFFER_BYTES, 0);
            let read = decoder.read(self.text.get_mut(begin..).unwrap_or_default());
            self.text.truncate(begin + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.has_ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.decoder = None;
                    return Err(error);
                }
            }
        }
        if self.at == from {
            out.extend_from_slice(self.text.get(..most).unwrap_or(&self.text));
        }
        Ok(())
    }

    fn begin(&mut self, file: &File) -> io::Result<()> {
        let mut file = file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        self.decoder = Some(self.packing.unpack(file)?);
        (self.text, self.at, self.has_ended) = (Vec::new(), 0, false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKINGS: [Packing; 4] = [Packing::Gzip, Packing::Zstd, Packing::Xz, Packing::Bzip2];

    fn packed(dir: &Path, text: &[u8], packing: Packing) -> std::path::PathBuf {
        let path = dir.join(format!("x.{packing:?}"));
        std::fs::write(&path, packing.pack(text)).unwrap();
        path
    }

    #[test]
    fn a_compressed_text_can_be_read_from_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..60_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let plain = dir.path().join("x");
        std::fs::write(&plain, &text).unwrap();
        let packed = PACKINGS.map(|packing| packed(dir.path(), &text, packing));
        for path in packed.into_iter().chain([plain]) {
            let mut content = Content::open(&path).unwrap();
            assert_eq!(content.is_packed(), path.extension().is_some());
            let end = text.len() as u64;
            for (from, most) in [
                (0, 1024),
                (0, 10),
                (100_000, 300_000),
                (400_000, 9),
                (5, 5),
                (end - 3, 9),
                (end, 9),
                (end + 9, 9),
            ] {
                let mut out = Vec::new();
                content.read(from, most, &mut out).unwrap();
                let begin = (from as usize).min(text.len());
                assert_eq!(out, text[begin..text.len().min(begin + most)], "{from} {most} of {path:?}");
            }
            assert_eq!(content.read_before(1000).unwrap(), text[744..1000]);
        }
    }

    #[test]
    fn a_compressed_file_that_is_not_whole_is_no_end() {
        let dir = tempfile::tempdir().unwrap();
        for packing in PACKINGS {
            let text: Vec<u8> = (0..20_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
            let path = packed(dir.path(), &text, packing);
            let bytes = std::fs::read(&path).unwrap();
            for len in [bytes.len() / 2, bytes.len() - 1] {
                std::fs::write(&path, &bytes[..len]).unwrap();
                let error = Content::open(&path).unwrap().read(0, 1 << 20, &mut Vec::new()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{packing:?} {len}: {error}");
            }
        }
    }
}
