//! Reads files that should be small, such as a key or a configuration, with a limit in case they
//! are not.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of a file; `None` if it has more than `most`. No more than that is read, whatever
/// the file is: a device has no length, and a file may grow while it is read.
///
/// # Errors
/// The error of the disk.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    read_open_at_most(&File::open(path)?, most)
}

/// The same of a file that is open, from where it stands.
///
/// # Errors
/// What the disk says.
pub fn read_open_at_most(file: &File, most: u64) -> io::Result<Option<Vec<u8>>> {
    let len = file.metadata()?.len();
    if len > most {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len + 1).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= most))
}

/// Like [`read_at_most`], for a text.
///
/// # Errors
/// Of kind `InvalidData` if it is not UTF-8; otherwise the error of the disk.
pub fn read_text_at_most(path: &Path, most: u64) -> io::Result<Option<String>> {
    let text = read_at_most(path, most)?.map(String::from_utf8).transpose();
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_not_beyond() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let read = |most| read_at_most(&path, most).unwrap().map(|bytes| bytes.len());
        assert!(read_at_most(&path, 9).is_err());
        std::fs::write(&path, "12345").unwrap();
        assert_eq!([read(4), read(5), read(6), read(u64::MAX)], [None, Some(5), Some(5), Some(5)]);
        assert_eq!(read_at_most(Path::new("/dev/zero"), 100).unwrap(), None);
        assert_eq!(read_at_most(Path::new("/dev/null"), 0).unwrap(), Some(Vec::new()));
        assert!(read_at_most(dir.path(), 1 << 20).is_err());
        assert_eq!(read_text_at_most(&path, 5).unwrap().as_deref(), Some("12345"));
        std::fs::write(&path, b"caf\xe9").unwrap();
        assert_eq!(read_text_at_most(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
