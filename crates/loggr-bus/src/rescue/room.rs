//! The rescue's database: opened when it can be, and looked at before it is used.
//!
//! Not what is kept in it. A rescue that cannot be read keeps nobody from starting: it is
//! tried again, and whoever moves the damaged files away gets an empty one. Invariant: nothing
//! is read through the mapping that was not read with `pread` within the last second; what is
//! too large for that, within the last minute.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use heed::types::{Bytes as Raw, Unit};
use heed::{Database, Env, EnvOpenOptions};

use super::check::{DATA, LOCK, check};
use super::{BORN, RescueError};

/// A file of so many bytes is read whole again after a second, and when it was changed.
const SMALL_BYTES: u64 = 4 << 20;
const SMALL_LOOK: Duration = Duration::from_secs(1);
/// A larger one after so long.
const LOOK: Duration = Duration::from_secs(60);
/// What could not be opened is tried again after so long.
const PAUSE: Duration = Duration::from_secs(2);
/// Databases in the file.
const DATABASES: u32 = 3;

/// An open database.
pub(super) struct Opened {
    pub env: Env,
    pub entries: Database<Raw, Raw>,
    pub uids: Database<Raw, Unit>,
    pub left: Database<Raw, Raw>,
    /// Device and number of its file.
    file: (u64, u64),
}

type Stamp = (u64, i64, i64);

#[derive(Default)]
struct State {
    opened: Option<Arc<Opened>>,
    /// When, and the length and time of change that the file had then.
    checked: Option<(Instant, Stamp)>,
    failed: Option<(Instant, String)>,
}

/// The place of a rescue.
pub(super) struct Room {
    pub path: PathBuf,
    pub limit: usize,
    state: Mutex<State>,
}

impl Room {
    /// Of at most `max_bytes`, rounded to 1 MiB. Opens nothing yet.
    pub fn new(path: &Path, max_bytes: usize) -> Room {
        Room { path: path.to_owned(), limit: max_bytes.next_multiple_of(1 << 20), state: Mutex::default() }
    }

    /// The database, if it can be used now.
    pub fn enter(&self) -> Result<Arc<Opened>, RescueError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, why)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(self.unusable(why));
        }
        match self.try_enter(&mut state) {
            Ok(opened) => {
                if state.failed.take().is_some() {
                    tracing::info!(directory = %self.path.display(), "the rescue can be used again");
                }
                Ok(opened)
            }
            Err(why) => {
                let again = state.failed.replace((Instant::now(), why.clone())).is_some();
                if !again {
                    let hint =
                        "move `data.mdb` and `lock.mdb` out of the way: an empty rescue takes their place";
                    tracing::error!(hint, "the rescue cannot be used, what should go there waits: {why}");
                }
                Err(self.unusable(&why))
            }
        }
    }

    fn try_enter(&self, state: &mut State) -> Result<Arc<Opened>, String> {
        let found = std::fs::metadata(self.path.join(DATA)).ok();
        // Somebody has moved the file away: what is open is another one.
        let file = found.as_ref().map(|meta| (meta.dev(), meta.ino()));
        if state.opened.as_ref().is_some_and(|opened| Some(opened.file) != file) {
            state.opened = None;
        }
        let stamp = found.as_ref().map_or((0, 0, 0), |m| (m.len(), m.mtime(), m.mtime_nsec()));
        let small = stamp.0 <= SMALL_BYTES;
        let known = state.checked.is_some_and(|(at, then)| match small {
            true => at.elapsed() < SMALL_LOOK && then == stamp,
            false => at.elapsed() < LOOK && then.0 <= stamp.0,
        });
        if state.opened.is_none() || !known {
            check(&self.path).map_err(|unfit| unfit.to_string())?;
            state.checked = Some((Instant::now(), stamp));
        }
        if let Some(opened) = &state.opened {
            return Ok(opened.clone());
        }
        let opened = Opened::open(&self.path, self.limit).map_err(|error| error.to_string())?;
        Ok(state.opened.insert(Arc::new(opened)).clone())
    }

    fn unusable(&self, why: &str) -> RescueError {
        RescueError::Unusable(self.path.clone(), why.to_owned())
    }
}

impl Opened {
    fn open(dir: &Path, limit: usize) -> Result<Opened, heed::Error> {
        std::fs::create_dir_all(dir)?;
        let new = std::fs::metadata(dir.join(DATA)).map_or(true, |meta| meta.len() == 0);
        let mut options = EnvOpenOptions::new();
        options.map_size(limit).max_dbs(DATABASES);
        // SAFETY: the file belongs to loggr alone; every process that opens it goes
        // through LMDB's own lock file, and nobody truncates it.
        let env = unsafe { options.open(dir) }?;
        let mut txn = env.write_txn()?;
        let entries = env.create_database(&mut txn, Some("entries"))?;
        let uids = env.create_database(&mut txn, Some("uids"))?;
        let left = env.create_database::<Raw, Raw>(&mut txn, Some("left"))?;
        if new {
            left.put(&mut txn, BORN, &[])?;
        }
        txn.commit()?;
        // A reader that was killed would keep pages from being used again.
        env.clear_stale_readers()?;
        let meta = std::fs::metadata(dir.join(DATA))?;
        Ok(Opened { env, entries, uids, left, file: (meta.dev(), meta.ino()) })
    }
}

/// Moves a rescue that cannot be used out of the way, so that an empty one takes its place;
/// gives where its data is now. `None` if it can be used, or there is none.
///
/// # Errors
/// What the disk says.
pub fn move_aside(dir: &Path) -> io::Result<Option<PathBuf>> {
    if check(dir).is_ok() {
        return Ok(None);
    }
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let aside = |name: &str| dir.join(format!("{name}.{micros}.damaged"));
    for name in [DATA, LOCK] {
        match std::fs::rename(dir.join(name), aside(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // DURABLE: the damaged one must not come back under the new one.
    File::open(dir)?.sync_all()?;
    Ok(Some(aside(DATA)))
}
