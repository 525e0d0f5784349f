//! The files that events go to: their buffers, their open handles, the directories above them.
//!
//! Knows nothing of events or intents. Invariants: nothing is written through a handle
//! whose path names another file now; directories are created below the base, never
//! the base itself, so that nothing is written under the mount point of a missing disk;
//! the last component is never a symbolic link that is followed.
//!
//! The directories in between may be symbolic links, because an administrator may
//! have put them there; no event can create one.

mod find;

use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::WriteError;
use super::fault::{self, Faults, Op};
use super::identity::Identity;
use super::member::HEAD_BYTES;
use crate::config::ship::Compress;

/// A buffer keeps at most this much memory between batches.
const MAX_IDLE_BUFFER_BYTES: usize = 8 << 20;
/// All buffers together.
const MAX_IDLE_BYTES: usize = 64 << 20;
/// More files than this (or four times the open ones) are not remembered.
const MIN_KNOWN_FILES: usize = 4096;
/// Directories that are synced at a time, each with a descriptor.
const DIRECTORIES_AT_ONCE: usize = 16;

const TO_NOTHING: &str = "a part of the path is a symbolic link that leads nowhere: move it away";
const MIXED: &str = "it is compressed in another way: move it away or change the path";

#[derive(Debug)]
pub(super) struct Handle {
    pub file: File,
    pub id: Identity,
    /// Length up to which the file is known to end in a whole line.
    pub clean: Option<u64>,
    unsynced: bool,
}

#[derive(Debug)]
pub(super) struct Target {
    /// What the template says, relative to the base.
    name: String,
    /// The file itself, relative to the base: the name, or beside it where that holds bytes
    /// of another compression.
    pub path: String,
    pub absolute: PathBuf,
    /// What this batch appends.
    pub buffer: Vec<u8>,
    /// Number of the batch that touches it, and its place among that batch's extents.
    pub batch: u64,
    pub extent: u32,
    pub handle: Option<Handle>,
    used: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub file: u32,
    pub dir: u32,
    pub max_open: usize,
    pub compress: Compress,
}

pub(super) struct Targets {
    base: PathBuf,
    modes: Modes,
    list: Vec<Target>,
    by_path: HashMap<String, u32>,
    /// Files beside others of another compression, and whose they are.
    beside: HashMap<String, u32>,
    /// Those with a handle.
    open: Vec<u32>,
    /// Handles at most: fewer than the options say while descriptors are short.
    allowed: usize,
    clock: u64,
    /// Directories whose entries were made durable since we know them.
    synced: HashSet<PathBuf>,
    unsynced: HashSet<PathBuf>,
    pub faults: Faults,
}

impl Targets {
    pub fn new(base: PathBuf, modes: Modes) -> Targets {
        Targets {
            base,
            modes,
            list: Vec::new(),
            by_path: HashMap::new(),
            beside: HashMap::new(),
            open: Vec::new(),
            allowed: modes.max_open.max(1),
            clock: 0,
            synced: HashSet::new(),
            unsynced: HashSet::new(),
            faults: Faults::default(),
        }
    }

    /// Open handles at most.
    pub fn max_open(&self) -> usize {
        self.allowed
    }

    /// Where all files lie, whole and writable: what is wrong then is the trouble of one path.
    pub fn base_is_well(&self) -> bool {
        let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        self.base.is_dir() && rustix::fs::access(&self.base, access).is_ok()
    }

    /// Is it the trouble of one path, while the others can be written?
    pub fn is_of_one_path(&mut self, error: &WriteError) -> bool {
        let is_of_it = error.blames_the_path() || error.is_of_a_broken_file() && self.base_takes_bytes();
        is_of_it && self.base_is_well()
    }

    /// Does the disk take a byte in a file without a name? A disk that fails as a whole does not.
    /// Where there are no such files (NFS) nobody knows, and the answer is no.
    fn base_takes_bytes(&mut self) -> bool {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(OFlags::TMPFILE.bits() as i32);
        let taken = options.open(&self.base).and_then(|mut file| {
            file.write_all(b"\n")?;
            self.faults.check(Op::Sync)?;
            loggr_disk::sync(&file)
        });
        taken.is_ok()
    }

    /// Where the file of this path is.
    pub fn absolute(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The index of a path.
    pub fn index(&mut self, path: &str) -> u32 {
        if let Some(&index) = self.by_path.get(path) {
            return index;
        }
        let index = self.list.len() as u32;
        self.list.push(Target {
            name: path.to_owned(),
            path: path.to_owned(),
            absolute: self.base.join(path),
            buffer: Vec::new(),
            batch: 0,
            extent: 0,
            handle: None,
            used: 0,
        });
        self.by_path.insert(path.to_owned(), index);
        index
    }

    pub fn get(&mut self, index: u32) -> &mut Target {
        self.list.get_mut(index as usize).expect("BUG: the index of a file came from `index`")
    }

    /// Between batches: gives memory back; true if all indices became void.
    pub fn tidy(&mut self) -> bool {
        if self.list.len() > MIN_KNOWN_FILES.max(4 * self.modes.max_open) {
            self.list.clear();
            self.by_path.clear();
            self.beside.clear();
            self.open.clear();
            self.synced.clear();
            return true;
        }
        // Descriptors that were short may be free again.
        self.allowed = (self.allowed + 1).min(self.modes.max_open.max(1));
        false
    }

    /// After a batch: empties the buffers of `touched`.
    pub fn empty(&mut self, touched: &[u32]) {
        let mut kept = 0;
        for index in touched {
            let buffer = &mut self.get(*index).buffer;
            buffer.clear();
            buffer.shrink_to(MAX_IDLE_BUFFER_BYTES);
            kept += buffer.capacity();
            if kept > MAX_IDLE_BYTES || touched.len() > self.modes.max_open {
                self.get(*index).buffer = Vec::new();
            }
        }
    }

    /// Makes sure that the target has a handle on the file that its path names now.
    pub fn open(&mut self, index: u32) -> Result<(), WriteError> {
        self.clock += 1;
        let clock = self.clock;
        let target = self.get(index);
        target.used = clock;
        if let Some(handle) = &target.handle {
            match std::fs::symlink_metadata(&target.absolute) {
                Ok(meta) if (meta.dev(), meta.ino()) == (handle.id.dev, handle.id.ino) => return Ok(()),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(WriteError::of_the_file("look at", &target.absolute, e)),
            }
            // Rotated or deleted: whole directories may have been replaced with it.
            self.close(index)?;
            self.synced.clear();
        }
        self.close_down_to(self.allowed.saturating_sub(1))?;
        let mut opened = self.open_unmixed(index);
        while opened.as_ref().is_err_and(WriteError::is_out_of_descriptors) && !self.open.is_empty() {
            // Ours are worth less than a connection, and the files of the others wait for them.
            self.allowed = (self.open.len() / 2).max(1);
            self.close_down_to(self.allowed.min(self.open.len() - 1))?;
            opened = self.open_unmixed(index);
        }
        let (file, meta) = opened?;
        let handle = Handle { id: Identity::of(&file, &meta), file, clean: None, unsynced: false };
        self.get(index).handle = Some(handle);
        self.open.push(index);
        Ok(())
    }

    /// Closes the handles that were not used for the longest time.
    fn close_down_to(&mut self, most: usize) -> Result<(), WriteError> {
        while self.open.len() > most {
            let oldest = self.open.iter().copied().min_by_key(|i| self.list.get(*i as usize).map(|t| t.used));
            match oldest {
                Some(oldest) => self.close(oldest)?,
                None => break,
            }
        }
        Ok(())
    }

    /// The file of the target's name, or the one beside it where that holds bytes of another
    /// compression: `compress` was changed, and no reader takes both from one file.
    fn open_unmixed(&mut self, index: u32) -> Result<(File, Metadata), WriteError> {
        let name = self.get(index).name.clone();
        if self.beside.get(&name).is_some_and(|owner| *owner != index) {
            return Err(WriteError::in_the_way(&self.base.join(name), MIXED));
        }
        let besides = format!("{name}{}", self.modes.compress.ending());
        for path in [&name, &besides] {
            let absolute = self.base.join(path);
            let file = self.open_file(&absolute)?;
            let failed = |e| WriteError::of_the_file("look at", &absolute, e);
            let meta = file.metadata().map_err(failed)?;
            if !meta.is_file() {
                let advice = "it is not a regular file: move it away or change the path";
                return Err(WriteError::in_the_way(&absolute, advice));
            }
            let mut head = [0; HEAD_BYTES];
            let held = usize::try_from(meta.len()).unwrap_or(HEAD_BYTES).min(HEAD_BYTES);
            let head = head.get_mut(..held).unwrap_or_default();
            let read = self.faults.check(Op::Read).and_then(|()| file.read_exact_at(head, 0));
            read.map_err(failed)?;
            if !head.is_empty() && self.modes.compress.differs_from(head) {
                continue;
            }
            if *path == besides {
                if self.by_path.contains_key(path) {
                    break;
                }
                if self.beside.insert(path.clone(), index).is_none() {
                    tracing::warn!(file = %self.base.join(&name).display(), beside = %absolute.display(), "the file is compressed in another way; new lines go to a file beside it");
                }
            }
            let target = self.get(index);
            (target.path, target.absolute) = (path.clone(), absolute);
            return Ok((file, meta));
        }
        Err(WriteError::in_the_way(&self.base.join(name), MIXED))
    }

    /// Length of the open file, and whether a line begins there.
    pub fn end(&mut self, index: u32) -> Result<(u64, bool), WriteError> {
        let target = self.list.get(index as usize).expect("BUG: the index of a file came from `index`");
        let handle = target.handle.as_ref().expect("BUG: `open` came before");
        let failed = |e| WriteError::of_the_file("read the end of", &target.absolute, e);
        let len = handle.file.metadata().map_err(failed)?.len();
        if len == 0 || handle.clean == Some(len) {
            return Ok((len, true));
        }
        let mut last = [0];
        let read = self.faults.check(Op::Read).and_then(|()| handle.file.read_exact_at(&mut last, len - 1));
        match read.map_err(failed) {
            Ok(()) => Ok((len, last == [b'\n'])),
            // Nobody knows what stands there.
            Err(error) if error.is_of_a_broken_file() => Ok((len, false)),
            Err(error) => Err(error),
        }
    }

    /// Appends to the open file; `written` counts what arrived, also when it fails.
    pub fn append(&mut self, index: u32, bytes: &[u8], written: &mut u64) -> Result<(), WriteError> {
        let Some(target) = self.list.get_mut(index as usize) else { return Ok(()) };
        let handle = target.handle.as_mut().expect("BUG: `open` came before");
        handle.unsynced = true;
        handle.clean = None;
        fault::write_all(&self.faults, &handle.file, bytes, written)
            .map_err(|e| WriteError::of_the_file("write", &target.absolute, e))
    }

    /// Cuts what a failed batch appended, through the handle that it was appended with.
    pub fn cut(&mut self, index: u32, offset: u64, end: u64) -> io::Result<()> {
        let target = self.list.get(index as usize);
        let Some(handle) = target.and_then(|t| t.handle.as_ref()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        fault::cut(&self.faults, &handle.file, offset, end)
    }

    /// Syncs those of the files that have a handle with unsynced bytes; each is given
    /// with its length, up to which it is whole lines then.
    pub fn sync(&mut self, files: &[(u32, u64)]) -> Result<(), WriteError> {
        let targets = files.iter().filter_map(|(index, _)| self.list.get(*index as usize));
        let unsynced = |t: &Target| t.handle.as_ref().is_some_and(|h| h.unsynced);
        let work: Vec<&Target> = targets.filter(|t| unsynced(t)).collect();
        let handles: Vec<&File> = work.iter().filter_map(|t| t.handle.as_ref()).map(|h| &h.file).collect();
        // DURABLE: the lines, before the receipt.
        fault::sync_files(&self.faults, &handles).map_err(|(i, error)| {
            let path = work.get(i).map_or(self.base.as_path(), |t| t.absolute.as_path());
            WriteError::new("sync", path, error)
        })?;
        for (index, end) in files {
            if let Some(handle) = self.get(*index).handle.as_mut() {
                handle.unsynced = false;
                handle.clean = Some(*end);
            }
        }
        Ok(())
    }

    /// Closes a handle; what was written through it is synced first, because an error
    /// of a later sync would be told to the handle that is open then.
    fn close(&mut self, index: u32) -> Result<(), WriteError> {
        let end = self.get(index).handle.as_ref().map(|h| h.file.metadata().map_or(0, |m| m.len()));
        let synced = end.map_or(Ok(()), |end| self.sync(&[(index, end)]));
        self.drop_handle(index);
        synced
    }

    /// Closes a handle that must not be trusted any more.
    pub fn drop_handle(&mut self, index: u32) {
        self.open.retain(|i| *i != index);
        self.get(index).handle = None;
    }

    /// After trouble: the file system may be another one when it is over, and nobody can unmount
    /// the old one while a file of it is open. Nothing that was synced is taken for granted.
    pub fn drop_all_handles(&mut self) {
        for index in std::mem::take(&mut self.open) {
            self.get(index).handle = None;
        }
        self.synced.clear();
    }

    /// Makes the names of created files and directories durable.
    pub fn sync_directories(&mut self) -> Result<(), WriteError> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        let directories: Vec<PathBuf> = self.unsynced.iter().cloned().collect();
        for some in directories.chunks(DIRECTORIES_AT_ONCE) {
            let mut work = Vec::with_capacity(some.len());
            for dir in some {
                work.push(self.open_directory(dir)?);
            }
            let handles: Vec<&File> = work.iter().collect();
            // DURABLE: a synced file without its name is lost.
            fault::sync_directories(&self.faults, &handles).map_err(|(i, error)| {
                WriteError::new("sync the directory", some.get(i).unwrap_or(&self.base), error)
            })?;
        }
        self.synced.extend(self.unsynced.drain());
        Ok(())
    }

    fn open_directory(&mut self, dir: &Path) -> Result<File, WriteError> {
        loop {
            let error = match File::open(dir) {
                Ok(file) => return Ok(file),
                Err(error) => WriteError::new("sync the directory", dir, error),
            };
            if !error.is_out_of_descriptors() || self.open.is_empty() {
                // Moved or deleted meanwhile: the next try finds out anew what there is.
                self.unsynced.clear();
                self.synced.clear();
                return Err(error);
            }
            self.allowed = (self.open.len() / 2).max(1);
            self.close_down_to(self.allowed.min(self.open.len() - 1))?;
        }
    }

    /// Notes that the names on the way to a file, which somebody created, may not be durable.
    pub fn name_is_new(&mut self, absolute: &Path) {
        let mut dir = absolute.parent();
        while let Some(d) = dir.filter(|d| d.starts_with(&self.base)) {
            if !self.synced.contains(d) {
                self.unsynced.insert(d.to_owned());
            }
            dir = d.parent();
        }
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new();
        // NONBLOCK: a fifo of this name must not hold us up.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
        options.read(true).append(true).mode(self.modes.file).custom_flags(flags);
        options
    }

    fn open_file(&mut self, absolute: &Path) -> Result<File, WriteError> {
        self.faults.check(Op::Open).map_err(|e| WriteError::of_the_file("open", absolute, e))?;
        match self.options().open(absolute) {
            Ok(file) => {
                // A run that was killed may have created it without syncing its name.
                self.name_is_new(absolute);
                return Ok(file);
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(WriteError::of_the_file("open", absolute, e)),
        }
        self.create_directories(absolute)?;
        let failed = |e| WriteError::new("create", absolute, e);
        let file = match self.options().create_new(true).open(absolute) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.leads_nowhere(absolute) => {
                return Err(WriteError::in_the_way(absolute, TO_NOTHING));
            }
            opened => opened.map_err(failed)?,
        };
        // The mode that was asked for, whatever the umask.
        file.set_permissions(Permissions::from_mode(self.modes.file)).map_err(failed)?;
        let parent = absolute.parent().unwrap_or(&self.base).to_owned();
        self.synced.remove(&parent);
        self.name_is_new(absolute);
        Ok(file)
    }

    fn leads_nowhere(&self, absolute: &Path) -> bool {
        let above = absolute.ancestors().skip(1).take_while(|d| *d != self.base && d.starts_with(&self.base));
        above.into_iter().any(|dir| dir.is_symlink() && !dir.exists())
    }

    fn create_directories(&mut self, absolute: &Path) -> Result<(), WriteError> {
        let below = absolute.parent().and_then(|p| p.strip_prefix(&self.base).ok());
        let mut dir = self.base.clone();
        for component in below.into_iter().flat_map(Path::components) {
            let parent = dir.clone();
            dir.push(component);
            match DirBuilder::new().mode(self.modes.dir).create(&dir) {
                Ok(()) => {
                    let mode = Permissions::from_mode(self.modes.dir);
                    std::fs::set_permissions(&dir, mode)
                        .map_err(|e| WriteError::new("set the mode of", &dir, e))?;
                    self.synced.remove(&parent);
                    // One of this name may have been synced before it was deleted.
                    self.synced.remove(&dir);
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    if self.leads_nowhere(absolute) {
                        return Err(WriteError::in_the_way(absolute, TO_NOTHING));
                    }
                    return Err(WriteError::new("create a directory in", &parent, e));
                }
                Err(e) => return Err(WriteError::new("create the directory", &dir, e)),
            }
        }
        Ok(())
    }
}
