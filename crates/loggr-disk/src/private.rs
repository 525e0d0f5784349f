//! Files that are nobody else's business: passwords, sessions.
//!
//! Only their owner may read them, and that is the owner of the directory, also where root makes
//! them: a daemon that is not root finds what its administrator wrote. Not a cipher.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

use crate::directory::make_directory_with;
use crate::name::{NotPublished, cleaned, fresh, publish};

/// Permission bits of such a file.
const FILE_MODE: u32 = 0o600;
/// Permission bits of a directory of such files.
const DIRECTORY_MODE: u32 = 0o700;

/// Makes a directory for such files, unless it is there. It belongs to the owner of the directory
/// that it is in, which must be there.
///
/// # Errors
/// What the disk says.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = std::fs::metadata(path.parent().unwrap_or(path))?;
    make_directory_with(path, DIRECTORY_MODE, DIRECTORY_MODE)?;
    let is = std::fs::metadata(path)?;
    if is.uid() != above.uid() {
        chown(path, Some(above.uid()), Some(above.gid()))?;
    }
    Ok(())
}

/// Puts a file of these bytes in the place of the one called `path`, durably, as
/// [`replace`](crate::replace) does.
///
/// # Errors
/// What the disk says; says by [`NotPublished`] whether the old one still stands.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), NotPublished> {
    let fresh = fresh(path);
    let written = written(&fresh, bytes).map_err(NotPublished::Before);
    cleaned(&fresh, written.and_then(|file| publish(&file, &fresh, path)))
}

fn written(path: &Path, bytes: &[u8]) -> io::Result<File> {
    // One that was left by somebody who was killed may have another mode or owner.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    let above = std::fs::metadata(path.parent().unwrap_or(path))?;
    if file.metadata()?.uid() != above.uid() {
        fchown(&file, Some(above.uid()), Some(above.gid()))?;
    }
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_directory_may_read() {
        let dir = tempfile::tempdir().unwrap();
        let private = dir.path().join("access");
        make_private_directory(&private).unwrap();
        make_private_directory(&private).unwrap();
        let path = private.join("a.json");
        std::fs::write(private.join("a.json.new"), "left behind, for everybody").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
        for bytes in ["one", "two"] {
            replace_private(&path, bytes.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), bytes);
        }
        assert_eq!([mode(&private), mode(&path)], [0o700, 0o600]);
        // Whoever is root gives it away.
        if std::fs::metadata(&private).unwrap().uid() == 0 {
            chown(&private, Some(4711), Some(4712)).unwrap();
            replace_private(&path, b"three").unwrap();
            let is = std::fs::metadata(&path).unwrap();
            assert_eq!((is.uid(), is.gid()), (4711, 4712));
            make_private_directory(&private.join("below")).unwrap();
            assert_eq!(std::fs::metadata(private.join("below")).unwrap().uid(), 4711);
        }
        assert!(make_private_directory(&dir.path().join("no/such")).is_err());
    }
}
