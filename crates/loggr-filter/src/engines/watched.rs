//! A file that an engine uses, read again when it changed.
//!
//! Invariant: the content in use was read as a whole and had no mistake. If a file is half written,
//! wrong or gone, the old content stays in use and the trouble is reported once; the file is looked
//! at again when it changes again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

/// Makes the content of the bytes of the file; when the file has changed it also gets the old
/// content.
pub(super) type Load<T> = Box<dyn Fn(Vec<u8>, Option<&T>) -> Result<T, String> + Send + Sync>;

pub(super) struct Watched<T> {
    path: PathBuf,
    max_bytes: u64,
    load: Load<T>,
    current: RwLock<Arc<T>>,
    seen: Mutex<Option<Stamp>>,
}

/// The marks of a file that change when its content does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
    inode: u64,
}

impl<T> Watched<T> {
    /// Reads the file for the first time.
    pub fn open(
        path: PathBuf,
        max_bytes: u64,
        load: impl Fn(Vec<u8>, Option<&T>) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Watched<T>, String> {
        let (stamp, bytes) = read(&path, max_bytes)?;
        let first = load(bytes, None).map_err(|e| format!("cannot use `{}`: {e}", path.display()))?;
        let current = RwLock::new(Arc::new(first));
        Ok(Watched { path, max_bytes, load: Box::new(load), current, seen: Mutex::new(Some(stamp)) })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content in use.
    pub fn get(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again if it has changed.
    pub fn refresh(&self) -> Result<bool, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path).ok();
        if *seen == now {
            return Ok(false);
        }
        // Remembered first, so that a mistake in this version is reported once.
        *seen = now;
        let (stamp, bytes) = read(&self.path, self.max_bytes)?;
        *seen = Some(stamp);
        let next = (self.load)(bytes, Some(&self.get()))
            .map_err(|e| format!("cannot use the changed `{}`: {e}", self.path.display()))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(true)
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    of(&std::fs::metadata(path)?)
}

fn of(meta: &std::fs::Metadata) -> std::io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt;
    Ok(Stamp { modified: meta.modified()?, bytes: meta.len(), inode: meta.ino() })
}

fn read(path: &Path, max_bytes: u64) -> Result<(Stamp, Vec<u8>), String> {
    let shown = path.display();
    let cannot = |e: std::io::Error| format!("cannot read `{shown}`: {e}");
    let file = File::open(path).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    let stamp = of(&meta).map_err(cannot)?;
    if !meta.is_file() {
        return Err(format!("cannot read `{shown}`: it is no file"));
    }
    let mut bytes = Vec::with_capacity(stamp.bytes.min(max_bytes) as usize);
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("cannot use `{shown}`: it has more than {max_bytes} bytes"));
    }
    Ok((stamp, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(bytes: Vec<u8>, old: Option<&String>) -> Result<String, String> {
        let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        Ok(format!("{text}{}", if old.is_some() { " again" } else { "" }))
    }

    #[test]
    fn a_changed_file_is_taken_and_a_wrong_one_is_said_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let replace = |bytes: &[u8]| {
            std::fs::write(dir.path().join("new"), bytes).unwrap();
            std::fs::rename(dir.path().join("new"), &path).unwrap();
        };
        replace(b"one");
        let watched = Watched::open(path.clone(), 10, load).unwrap();
        assert_eq!((watched.get().as_str(), watched.refresh()), ("one", Ok(false)));
        replace(b"two");
        assert_eq!((watched.refresh(), watched.refresh()), (Ok(true), Ok(false)));
        assert_eq!(watched.get().as_str(), "two again");
        let said = |error: Result<bool, String>, expect: &str| {
            let error = error.unwrap_err().replace(&path.display().to_string(), "f");
            assert_eq!(error, expect);
            assert_eq!((watched.refresh(), watched.get().as_str()), (Ok(false), "two again"));
        };
        replace(b"\xff");
        said(watched.refresh(), "cannot use the changed `f`: it is no text");
        replace(b"twelve bytes");
        said(watched.refresh(), "cannot use `f`: it has more than 10 bytes");
        std::fs::remove_file(&path).unwrap();
        said(watched.refresh(), "cannot read `f`: No such file or directory (os error 2)");
        replace(b"three");
        assert_eq!((watched.refresh(), watched.get().as_str()), (Ok(true), "three again"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let error = Watched::open("/".into(), 10, load).err().unwrap();
        assert_eq!(error, "cannot read `/`: it is no file");
    }
}
