//! The rescue's database: it is opened when possible, and checked before it is used.
//!
//! A rescue that cannot be read does not prevent a start: it is tried again, and when the damaged
//! files are moved away there is an empty rescue; for that LMDB is closed while it cannot be used.
//! Invariants: a process has one room for a directory, and LMDB open once; nothing is read through
//! the mapping that was not read with `pread` within the last second. A file that is too large for
//! that is checked about every minute by a thread of its own, and is used meanwhile; before its
//! first use everybody waits for the check, without a lock.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use heed::types::{Bytes as Raw, Unit};
use heed::{Database, Env, EnvOpenOptions};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::check::{DATA, LOCK, Pages, Unfit, Why, check, check_begin, check_data, check_lock};
use super::{BORN, RescueError};

/// Size up to which a file is read whole again after a second, and when it was changed.
const SMALL_BYTES: u64 = 4 << 20;
const SMALL_LOOK: Duration = Duration::from_secs(1);
/// How often a larger file is checked, and one that is not used.
const LOOK: Duration = Duration::from_secs(60);
/// The pause before a rescue that could not be opened is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// The pause between two checks, in multiples of the time that a check takes.
const REST: u32 = 10;
/// How long a caller waits for a check by others; after that it gets an error and tries again
/// later.
const PATIENCE: Duration = Duration::from_secs(5);
/// Databases in the file.
const DATABASES: u32 = 3;
/// Room beyond the limit, for removing: LMDB copies the pages that it changes, and pages that a
/// transaction frees can be used only by the transaction after the next.
const RESERVE_BYTES: usize = 64 << 20;

/// An open database.
pub(super) struct Opened {
    pub env: Env,
    pub entries: Database<Raw, Raw>,
    pub uids: Database<Raw, Unit>,
    pub left: Database<Raw, Raw>,
    /// Device and number of its file.
    file: (u64, u64),
}

/// The data file as its directory shows it; zeros where there is none.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    len: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(dir: &Path) -> Stamp {
        let found = std::fs::metadata(dir.join(DATA));
        found.map_or(Stamp::default(), |m| Stamp {
            file: (m.dev(), m.ino()),
            len: m.len(),
            changed: (m.mtime(), m.mtime_nsec()),
        })
    }

    fn is_small(&self) -> bool {
        self.len <= SMALL_BYTES
    }
}

/// The result of the last check.
enum Seen {
    Fit(Arc<Opened>),
    Unfit(String),
}

struct Look {
    /// When the check ended, and how long it took.
    at: Instant,
    took: Duration,
    stamp: Stamp,
    seen: Seen,
}

impl Look {
    fn rest(&self, least: Duration) -> Duration {
        least.max((self.took * REST).min(LOOK * REST))
    }
}

#[derive(Default)]
struct State {
    last: Option<Look>,
    /// A check is going on.
    looking: bool,
}

impl State {
    /// The answer to a caller that came at `since`, if no check is needed.
    fn answer(&self, now: Stamp, since: Instant) -> Option<Result<Arc<Opened>, &str>> {
        let last = self.last.as_ref()?;
        let age = last.at.elapsed();
        match &last.seen {
            // The files may have been moved away; then they are checked at once, after a short
            // pause.
            Seen::Unfit(why) => {
                let pause = if last.stamp.file == now.file { last.rest(PAUSE) } else { PAUSE };
                (last.at >= since || age < pause).then_some(Err(why))
            }
            Seen::Fit(opened) if opened.file == now.file => {
                let known = match now.is_small() {
                    true => age < SMALL_LOOK && last.stamp == now,
                    false => age < last.rest(LOOK) && last.stamp.len <= now.len,
                };
                (last.at >= since || known).then(|| Ok(opened.clone()))
            }
            // The file was moved away: the open one is not the one with the name.
            Seen::Fit(_) => None,
        }
    }

    /// The database, if it can be used while it is checked again.
    fn meanwhile(&self, now: Stamp) -> Option<Arc<Opened>> {
        match &self.last.as_ref()? {
            Look { seen: Seen::Fit(opened), stamp, .. }
                if opened.file == now.file && stamp.len <= now.len && !stamp.is_small() =>
            {
                Some(opened.clone())
            }
            _ => None,
        }
    }
}

/// The database of one directory, with the state of its checks.
pub(super) struct Room {
    pub path: PathBuf,
    /// Bytes in use above which events are refused.
    pub limit: usize,
    state: Mutex<State>,
    looked: Condvar,
    /// LMDB's lock file, see [`check`].
    lock_file: Mutex<Option<File>>,
}

/// The rooms of this process, by absolute path.
static ROOMS: Mutex<BTreeMap<PathBuf, Weak<Room>>> = Mutex::new(BTreeMap::new());

/// Ends a check when it is dropped, whatever its result.
pub(super) struct Looking<'r>(&'r Room);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.state().looking = false;
        self.0.looked.notify_all();
    }
}

impl Room {
    /// The room of a directory; a new one has at most `max_bytes`, rounded to 1 MiB. Opens nothing
    /// yet.
    pub fn of(path: &Path, max_bytes: usize) -> Arc<Room> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut rooms = ROOMS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&absolute).and_then(Weak::upgrade) {
            return room;
        }
        rooms.retain(|_, room| room.strong_count() > 0);
        let room = Arc::new(Room {
            path: path.to_owned(),
            limit: max_bytes.next_multiple_of(1 << 20),
            state: Mutex::default(),
            looked: Condvar::new(),
            lock_file: Mutex::default(),
        });
        rooms.insert(absolute, Arc::downgrade(&room));
        room
    }

    /// The database, if it can be used now. Waits a moment if it must be checked first.
    pub fn enter(self: &Arc<Room>) -> Result<Arc<Opened>, RescueError> {
        self.enter_within(Some(PATIENCE))
    }

    /// Like [`Room::enter`], but waits as long as the check takes.
    pub fn enter_at_last(self: &Arc<Room>) -> Result<Arc<Opened>, RescueError> {
        self.enter_within(None)
    }

    pub fn enter_within(self: &Arc<Room>, patience: Option<Duration>) -> Result<Arc<Opened>, RescueError> {
        let since = Instant::now();
        let mut state = self.state();
        loop {
            let now = Stamp::of(&self.path);
            if let Some(answer) = state.answer(now, since) {
                return answer.map_err(|why| self.unusable(why));
            }
            if !state.looking && (now.is_small() || !self.look_behind(&mut state)) {
                state.looking = true;
                drop(state);
                self.look();
                state = self.state();
                continue;
            }
            if let Some(opened) = state.meanwhile(now) {
                return Ok(opened);
            }
            let left = patience.map(|patience| patience.saturating_sub(since.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                let why = format!("loggr is still checking its {} MiB, try again later", now.len >> 20);
                return Err(self.unusable(&why));
            }
            let left = left.unwrap_or(PATIENCE);
            let woken = self.looked.wait_timeout_while(state, left, |state| state.looking);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Why it could not be used at the last check. Does not wait.
    pub fn trouble(self: &Arc<Room>) -> Option<String> {
        let mut state = self.state();
        let least = |last: &Look| if matches!(last.seen, Seen::Fit(_)) { LOOK } else { PAUSE };
        let is_due = state.last.as_ref().is_none_or(|last| last.at.elapsed() >= last.rest(least(last)));
        if is_due && !state.looking {
            self.look_behind(&mut state);
        }
        match &state.last.as_ref()?.seen {
            Seen::Unfit(why) => Some(self.unusable(why).to_string()),
            Seen::Fit(_) => None,
        }
    }

    /// Begins a check, which goes on until the value is dropped.
    #[cfg(test)]
    pub fn begin_look(&self) -> Looking<'_> {
        self.state().looking = true;
        Looking(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks in a thread of its own, for which nothing waits, not even the end of the process.
    /// False if no thread can be started.
    fn look_behind(self: &Arc<Room>, state: &mut State) -> bool {
        let room = self.clone();
        let thread = std::thread::Builder::new().name("loggr-rescue".to_owned()).spawn(move || room.look());
        state.looking = thread.is_ok();
        state.looking
    }

    /// Checks the files and keeps the result. Only for the caller that has set `looking`.
    fn look(&self) {
        let _looking = Looking(self);
        let (begun, stamp) = (Instant::now(), Stamp::of(&self.path));
        let opened = match &self.state().last {
            Some(Look { seen: Seen::Fit(opened), .. }) => Some(opened.clone()),
            _ => None,
        };
        let seen = match self.try_look(opened) {
            Ok(opened) => Seen::Fit(opened),
            Err(why) => Seen::Unfit(why),
        };
        // A new database has a file only now.
        let stamp = if stamp.len == 0 { Stamp::of(&self.path) } else { stamp };
        let look = Look { at: Instant::now(), took: begun.elapsed(), stamp, seen };
        let mut state = self.state();
        let failed = |look: &Look| matches!(look.seen, Seen::Unfit(_));
        let before = state.last.as_ref().is_some_and(failed);
        match &look.seen {
            Seen::Fit(_) if before => {
                tracing::info!(directory = %self.path.display(), "the rescue can be used again");
            }
            Seen::Unfit(why) if !before => {
                let hint = "`loggr repair` moves its files out of the way: an empty rescue takes their place";
                tracing::error!(
                    hint,
                    "the rescue cannot be used, and events that should go there wait: {why}"
                );
            }
            _ => {}
        }
        state.last = Some(look);
    }

    fn try_look(&self, opened: Option<Arc<Opened>>) -> Result<Arc<Opened>, String> {
        let told = |unfit: Unfit| unfit.to_string();
        let failed = |error: heed::Error| error.to_string();
        let mut lock_file = self.lock_file.lock().unwrap_or_else(PoisonError::into_inner);
        check_lock(&self.path, &mut lock_file).map_err(told)?;
        if let Some(opened) = opened.filter(|opened| opened.file == Stamp::of(&self.path).file) {
            self.look_within(&opened.env)?;
            return Ok(opened);
        }
        let checked = check_data(&self.path, Pages::Free);
        let is_busy = matches!(&checked, Err(Unfit { why: Why::Busy, .. }));
        if !is_busy {
            checked.map_err(told)?;
        }
        let (env, is_new) = map(&self.path, self.limit.saturating_add(RESERVE_BYTES)).map_err(failed)?;
        if is_busy {
            self.look_within(&env)?;
        }
        Opened::of(env, &self.path, is_new).map(Arc::new).map_err(failed)
    }

    /// Checks while a reader keeps others from using pages again.
    fn look_within(&self, env: &Env) -> Result<(), String> {
        check_begin(&self.path).map_err(|unfit| unfit.to_string())?;
        let _reader = env.read_txn().map_err(|error| error.to_string())?;
        check_data(&self.path, Pages::Held).map_err(|unfit| unfit.to_string())
    }

    fn unusable(&self, why: &str) -> RescueError {
        RescueError::Unusable(self.path.clone(), why.to_owned())
    }
}

/// Opens LMDB, and says whether it made the file. Only the first two pages of the file are read.
#[allow(unsafe_code, reason = "a file is mapped")]
fn map(dir: &Path, bytes: usize) -> Result<(Env, bool), heed::Error> {
    loggr_disk::make_directory(dir)?;
    let is_new = Stamp::of(dir).len == 0;
    let mut options = EnvOpenOptions::new();
    options.map_size(bytes).max_dbs(DATABASES);
    // SAFETY: the file belongs to loggr alone; every process that opens it goes
    // through LMDB's own lock file, and nobody truncates it.
    let env = unsafe { options.open(dir) }?;
    // A reader that was killed would keep pages from being used again.
    env.clear_stale_readers()?;
    Ok((env, is_new))
}

impl Opened {
    fn of(env: Env, dir: &Path, is_new: bool) -> Result<Opened, heed::Error> {
        let mut txn = env.write_txn()?;
        let entries = env.create_database(&mut txn, Some("entries"))?;
        let uids = env.create_database(&mut txn, Some("uids"))?;
        let left = env.create_database::<Raw, Raw>(&mut txn, Some("left"))?;
        if is_new {
            left.put(&mut txn, BORN, &[])?;
        }
        txn.commit()?;
        let file = Stamp::of(dir).file;
        Ok(Opened { env, entries, uids, left, file })
    }
}

/// The result of [`move_aside`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// The rescue can be used, or there is none.
    Whole,
    /// The data were moved to this path.
    Moved(PathBuf),
    /// A process has it open, so it stays where it is; with the damage that was found, if any.
    InUse(Option<String>),
}

/// Moves a rescue that cannot be used out of the way, so that an empty one takes its place.
/// A process that finds it damaged closes it, and does not keep it from being moved. Only for
/// a process that has not opened it.
///
/// # Errors
/// What the disk says.
pub fn move_aside(dir: &Path) -> io::Result<Aside> {
    let why = match check(dir) {
        Ok(()) => return Ok(Aside::Whole),
        Err(Unfit { why: Why::Busy, .. }) => return Ok(Aside::InUse(None)),
        Err(unfit) => unfit.to_string(),
    };
    if is_open(dir)? {
        return Ok(Aside::InUse(Some(why)));
    }
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let aside = |name: &str| dir.join(format!("{name}.{micros}.damaged"));
    for name in [DATA, LOCK] {
        match loggr_disk::rename_unsynced(&dir.join(name), &aside(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // DURABLE: the damaged one must not come back under the new one.
    loggr_disk::sync_directory(dir)?;
    Ok(Aside::Moved(aside(DATA)))
}

/// Whether another process has LMDB open, which then holds a lock on the lock file.
pub(super) fn is_open(dir: &Path) -> io::Result<bool> {
    match File::open(dir.join(LOCK)) {
        Ok(file) => Ok(fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))?.is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
