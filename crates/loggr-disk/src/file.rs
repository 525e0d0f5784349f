//! The bytes of an open file: read and written in place, filled with zeros, flushed.
//!
//! It knows nothing about names, except the check whether a file still has its own. Each function
//! calls the system, again if the call was interrupted or did only a part; there is no buffer and
//! no copy.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// The largest number of pieces that the kernel takes in one call.
const MAX_IOV: usize = 1024;
/// Zeros are flushed in steps of this size: a larger flush would hold up what else is flushed on
/// the same disk.
const ZERO_STEP_BYTES: u64 = 4 << 20;
/// Zeros are written in pieces of this size.
const ZERO_BYTES: usize = 256 << 10;

/// Flushes what was written to the file, and its length.
///
/// # Errors
/// The error of the disk. Data written since the last flush may then be gone although they can
/// still be read: they must be written again, to another place, and not only flushed again.
pub fn sync(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Reads up to `len` bytes at `offset`; fewer only at the end of the file.
///
/// # Errors
/// The error of the disk.
pub fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    read_at_into(file, offset, len, &mut out)?;
    Ok(out)
}

/// Like [`read_at`], into a buffer that is used again.
///
/// # Errors
/// The error of the disk.
pub fn read_at_into(file: &File, offset: u64, len: usize, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    out.reserve_exact(len);
    while out.len() < len {
        let at = offset + out.len() as u64;
        match rustix::io::pread(file, spare_capacity(out), at) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    out.truncate(len);
    Ok(())
}

/// Writes all of `pieces` at `offset`, one after the other.
///
/// # Errors
/// The error of the disk; a part may have been written.
pub fn write_at(file: &File, pieces: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    let mut rest = pieces;
    while !rest.is_empty() {
        let now = rest.len().min(MAX_IOV);
        let (some, _) = rest.split_at(now);
        match rustix::io::pwritev(file, some, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                IoSlice::advance_slices(&mut rest, n);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Writes zeros from `from` to `to`, so that later writes there change no metadata.
///
/// # Errors
/// The error of the disk.
pub fn zero(file: &File, mut from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0u8; ZERO_BYTES];
    let mut step = from + ZERO_STEP_BYTES;
    while from < to {
        let now = (to - from).min(zeros.len() as u64);
        let piece = zeros.get(..now as usize).unwrap_or_default();
        write_at(file, &mut [IoSlice::new(piece)], from)?;
        from += now;
        if from >= step {
            sync(file)?;
            step += ZERO_STEP_BYTES;
        }
    }
    Ok(())
}

/// Checks that `path` still names `file`: data written to a file that was deleted or moved away are
/// lost with it.
///
/// # Errors
/// Of kind `NotFound` if it does not; otherwise the error of the disk.
pub fn in_place(file: &File, path: &Path) -> io::Result<()> {
    match is_named(file, path)? {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::NotFound, "another file has its name, or none")),
    }
}

/// Whether `path` names this very file.
pub(crate) fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let open = rustix::fs::fstat(file)?;
    match rustix::fs::stat(path) {
        Ok(named) => Ok((open.st_dev, open.st_ino) == (named.st_dev, named.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_pieces_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        zero(&file, 0, 5 << 20).unwrap();
        let pieces = vec![b"ab".as_slice(); MAX_IOV + 1];
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|p| IoSlice::new(p)).collect();
        write_at(&file, &mut slices, 7).unwrap();
        sync(&file).unwrap();
        assert_eq!(read_at(&file, 7, 2 * (MAX_IOV + 1)).unwrap(), "ab".repeat(MAX_IOV + 1).as_bytes());
        assert_eq!(read_at(&file, 5, 4).unwrap(), b"\0\0ab");
        assert_eq!(read_at(&file, (5 << 20) - 3, 100).unwrap(), b"\0\0\0");
        in_place(&file, &path).unwrap();
        std::fs::write(dir.path().join("g"), "").unwrap();
        crate::rename(&dir.path().join("g"), &path).unwrap();
        assert_eq!(in_place(&file, &path).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(in_place(&file, &path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
