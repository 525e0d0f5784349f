//! The durable rescue: it keeps events that a sink will never take, with the reason.
//!
//! It is not a queue: nothing takes events from it by itself. An operator looks at them, mends the
//! cause, and replays or discards them. Kept in LMDB, so that the command line can read it while
//! the daemon runs. Invariant: an entry leaves only by [`RescueStore::remove`], or when a replay
//! was acknowledged as stored, and is counted when it does.
//!
//! | database | key | value |
//! |---|---|---|
//! | `entries` | sink, 0, id (16 bytes, in order of time) | an entry, see [`entry`] |
//! | `uids` | sink, 0, uid (16 bytes), id | nothing |
//! | `left` | sink | how many events were replayed, discarded, lost (8 bytes each) |
//! | `left` | 0, `born` | nothing; there if every event that left was counted |
//!
//! Events are refused at the size limit. The database may be larger by a reserve, because LMDB
//! copies the pages that it changes, so that removing needs room too.

mod check;
mod entry;
mod replay;
mod room;

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use heed::{MdbError, RoTxn, RwTxn};
use loggr_event::{Timestamp, Uid};
use loggr_flow::{Batch, Reason, Receipt, Record, Rescue, StoreError};

use crate::encoding::{Codec, DecodeError, Encoder};
use crate::topology::MAX_NAME_BYTES;

use entry::{chunk_bytes, decode, encode};
pub use replay::Replay;
pub use room::{Aside, move_aside};
use room::{Opened, Room};

/// A database of LMDB that is damaged, or cannot be read.
#[derive(Debug)]
pub struct Damaged(check::Unfit);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Damaged {}

/// Reads every page that is in use of LMDB's database in a directory, of the rescue or another one, before it
/// is opened: a damaged page that is met through the mapping ends the process. One that is not there is fine.
/// Only for a process that has not opened it.
///
/// # Errors
/// What is wrong with it.
pub fn check_database(directory: &Path) -> Result<(), Damaged> {
    check::check(directory).map_err(Damaged)
}

/// The default size limit.
pub const DEFAULT_MAX_BYTES: usize = 4 << 30;
/// A longer reason is cut.
pub const MAX_REASON_BYTES: usize = 4096;

/// Longest name of a sink: that of a queue, with a word before it.
const MAX_SINK_BYTES: usize = MAX_NAME_BYTES + 16;
const ID_BYTES: usize = 16;
/// The key that exists if the rescue has counted everything that left it since it was made. No sink
/// has such a name.
const BORN: &[u8] = b"\0born";

/// Identity of an entry; sorts by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RescueId([u8; ID_BYTES]);

impl RescueId {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<RescueId> {
        let (time, number) = text.split_once('-')?;
        let number =
            if number.len() == 1 || !number.starts_with('0') { number.parse().ok()? } else { return None };
        if time.len() != 16 {
            return None;
        }
        Some(RescueId::new(u64::from_str_radix(time, 16).ok()?, number))
    }

    fn new(micros: u64, number: u64) -> RescueId {
        let mut id = [0; ID_BYTES];
        id[..8].copy_from_slice(&micros.to_be_bytes());
        id[8..].copy_from_slice(&number.to_be_bytes());
        RescueId(id)
    }

    fn halves(self) -> (u64, u64) {
        let id = u128::from_be_bytes(self.0);
        ((id >> 64) as u64, id as u64)
    }
}

impl fmt::Display for RescueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (micros, number) = self.halves();
        write!(f, "{micros:016x}-{number}")
    }
}

/// One rescued event.
#[derive(Clone, Debug)]
pub struct Rescued {
    /// Its identity in the rescue.
    pub id: RescueId,
    /// When it was rescued.
    pub time: Timestamp,
    /// How many times it had been delivered.
    pub attempts: u32,
    /// The sink's words.
    pub reason: String,
    /// The event: one record.
    pub batch: Batch,
}

/// An error of the rescue.
#[derive(Debug)]
#[non_exhaustive]
pub enum RescueError {
    /// It has reached its size limit.
    Full {
        /// The limit in bytes.
        limit: usize,
    },
    /// A text that cannot be the name of a sink.
    Name(String),
    /// Its files are damaged, or cannot be read.
    Unusable(PathBuf, String),
    /// An operation of the database failed.
    Database(PathBuf, heed::Error),
    /// An entry that cannot be read.
    Entry(RescueId, DecodeError),
}

impl fmt::Display for RescueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RescueError::Full { limit } => {
                let limit = limit >> 20;
                write!(f, "the rescue is full: {limit} MiB; replay or discard with `loggr rescue`")
            }
            RescueError::Name(name) => write!(f, "`{}` cannot be the name of a sink", name.escape_default()),
            RescueError::Unusable(path, why) => {
                write!(f, "the rescue in `{}` cannot be used: {why}", path.display())
            }
            RescueError::Database(path, _) => write!(f, "rescue in `{}`", path.display()),
            RescueError::Entry(id, _) => write!(f, "rescued event `{id}` cannot be read"),
        }
    }
}

impl Error for RescueError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RescueError::Full { .. } | RescueError::Name(_) | RescueError::Unusable(..) => None,
            RescueError::Database(_, e) => Some(e),
            RescueError::Entry(_, e) => Some(e),
        }
    }
}

/// How an event leaves the rescue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It was replayed, and its destination holds it now.
    Replayed,
    /// Somebody discarded it.
    Discarded,
}

/// What became of the events that a sink gave to the rescue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Standing {
    /// Events that are in the rescue now.
    pub here: u64,
    /// Events that left for their destination.
    pub replayed: u64,
    /// Events that were deleted.
    pub discarded: u64,
    /// Events that were in a rescue before this one, which was damaged.
    pub lost: u64,
}

/// The rescue of all sinks. Clones share it; a directory is opened once per process.
#[derive(Clone)]
pub struct RescueStore {
    room: Arc<Room>,
    counted: Arc<Mutex<Option<Counted>>>,
}

/// The numbers of each sink, and the transaction of the database after which they were read.
type Counted = (usize, BTreeMap<String, Standing>);

impl fmt::Debug for RescueStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RescueStore({})", self.room.path.display())
    }
}

impl RescueStore {
    /// Opens or makes the rescue in `dir`, of at most `max_bytes` (rounded to 1 MiB). Waits until
    /// its files are checked, which takes as long as reading all of them.
    ///
    /// # Errors
    /// [`RescueError`] if it cannot be used now.
    pub fn open(dir: &Path, max_bytes: usize) -> Result<RescueStore, RescueError> {
        let store = RescueStore::attach(dir, max_bytes);
        store.room.enter_at_last()?;
        Ok(store)
    }

    /// Like [`RescueStore::open`], for a process that must run even if the rescue cannot be used:
    /// it is tried again later, and events that should go there wait. Opens nothing yet.
    pub fn attach(dir: &Path, max_bytes: usize) -> RescueStore {
        RescueStore { room: Room::of(dir, max_bytes), counted: Arc::default() }
    }

    /// Why it could not be used at the last look; `None` if it could. Does not wait: a look that is
    /// due is begun in the background.
    pub fn trouble(&self) -> Option<String> {
        self.room.trouble()
    }

    /// The rescue of one sink.
    ///
    /// # Errors
    /// [`RescueError::Name`] if the name is empty, too long or has a NUL.
    pub fn rescue_for(&self, sink: &str) -> Result<SinkRescue, RescueError> {
        let prefix = prefix(sink)?;
        Ok(SinkRescue { store: self.clone(), prefix: prefix.into() })
    }

    /// Every sink that has events here, and how many. Cheap while no process changes anything.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn sinks(&self) -> Result<Vec<(String, u64)>, RescueError> {
        let all = self.standing()?.into_iter();
        Ok(all.filter(|(_, standing)| standing.here > 0).map(|(name, s)| (name, s.here)).collect())
    }

    /// The numbers of every sink that ever had events here. As cheap as [`RescueStore::sinks`].
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn standing(&self) -> Result<BTreeMap<String, Standing>, RescueError> {
        let db = self.room.enter()?;
        let txn = self.read(&db)?;
        // What this reader sees: a change shows in the file before readers see it.
        let now = txn.id();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, all)) = counted.as_ref().filter(|(then, _)| *then == now) {
            return Ok(all.clone());
        }
        let mut all = BTreeMap::<String, Standing>::new();
        for entry in db.left.iter(&txn).map_err(|e| self.failed(e))? {
            let (name, value) = entry.map_err(|e| self.failed(e))?;
            if !name.starts_with(BORN) {
                all.insert(String::from_utf8_lossy(name).into_owned(), left_of(value));
            }
        }
        let (mut name, mut here) = (Vec::new(), 0);
        let mut put = |name: &[u8], here: u64| {
            if here > 0 {
                all.entry(String::from_utf8_lossy(name).into_owned()).or_default().here = here;
            }
        };
        for entry in db.entries.iter(&txn).map_err(|e| self.failed(e))? {
            let (key, _) = entry.map_err(|e| self.failed(e))?;
            let this = key.get(..key.len().saturating_sub(ID_BYTES + 1)).unwrap_or_default();
            if this != name.as_slice() {
                put(&name, here);
                (name, here) = (this.to_vec(), 0);
            }
            here += 1;
        }
        put(&name, here);
        *counted = Some((now, all.clone()));
        Ok(all)
    }

    /// Tells the rescue how many events a sink's queue has ever given to it. Events that left
    /// before the rescue counted are taken for replayed; events that were in an earlier rescue,
    /// which is gone, for lost. To be called once, at the start.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn adopt(&self, sink: &str, rescued: u64) -> Result<(), RescueError> {
        // No other work waits for this.
        let db = self.room.enter_at_last()?;
        let here = self.count(sink)?;
        let mut txn = db.env.write_txn().map_err(|e| self.failed(e))?;
        if db.left.get(&txn, sink.as_bytes()).map_err(|e| self.failed(e))?.is_some() || rescued <= here {
            return Ok(());
        }
        let gone = rescued - here;
        let standing = match db.left.get(&txn, BORN).map_err(|e| self.failed(e))? {
            Some(_) => Standing { lost: gone, ..Standing::default() },
            None => Standing { replayed: gone, ..Standing::default() },
        };
        self.put_left(&db, &mut txn, sink, standing)?;
        txn.commit().map_err(|e| self.failed(e))
    }

    fn put_left(
        &self,
        db: &Opened,
        txn: &mut RwTxn<'_>,
        sink: &str,
        all: Standing,
    ) -> Result<(), RescueError> {
        let value = [all.replayed, all.discarded, all.lost].map(u64::to_le_bytes).concat();
        db.left.put(txn, sink.as_bytes(), &value).map_err(|e| self.failed(e))
    }

    /// How many events of this sink are here.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn count(&self, sink: &str) -> Result<u64, RescueError> {
        let (db, prefix) = (self.room.enter()?, prefix(sink)?);
        let txn = self.read(&db)?;
        let keys = db.entries.prefix_iter(&txn, &prefix).map_err(|e| self.failed(e))?;
        Ok(keys.count() as u64)
    }

    /// Events of this sink in order of time, at most `limit`, behind `after`.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn list(
        &self,
        sink: &str,
        after: Option<RescueId>,
        limit: usize,
    ) -> Result<Vec<Rescued>, RescueError> {
        let (db, prefix) = (self.room.enter()?, prefix(sink)?);
        let txn = self.read(&db)?;
        let from = key(&prefix, &after.map_or([0; ID_BYTES], |id| id.0));
        let to = key(&prefix, &[0xff; ID_BYTES]);
        let range = db
            .entries
            .range(&txn, &(Bound::Included(&from[..]), Bound::Included(&to[..])))
            .map_err(|e| self.failed(e))?;
        let mut all = Vec::new();
        for entry in range {
            let (key, value) = entry.map_err(|e| self.failed(e))?;
            let Some(id) = key.last_chunk::<ID_BYTES>().map(|id| RescueId(*id)) else { continue };
            if Some(id) == after {
                continue;
            }
            if all.len() >= limit {
                break;
            }
            all.push(decode(id, value)?);
        }
        Ok(all)
    }

    /// One event.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn get(&self, sink: &str, id: RescueId) -> Result<Option<Rescued>, RescueError> {
        let (db, prefix) = (self.room.enter()?, prefix(sink)?);
        let txn = self.read(&db)?;
        let value = db.entries.get(&txn, &key(&prefix, &id.0)).map_err(|e| self.failed(e))?;
        value.map(|v| decode(id, v)).transpose()
    }

    /// Removes events for good, and counts how they left; gives how many of them were there.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn remove(&self, sink: &str, ids: &[RescueId], how: Leaving) -> Result<u64, RescueError> {
        let (db, prefix) = (self.room.enter()?, prefix(sink)?);
        let mut txn = db.env.write_txn().map_err(|e| self.failed(e))?;
        let mut removed = 0;
        for id in ids {
            let key = key(&prefix, &id.0);
            let value = db.entries.get(&txn, &key).map_err(|e| self.failed(e))?;
            let uids: Vec<Uid> = match value.map(|v| decode(*id, v)) {
                Some(Ok(rescued)) => rescued.batch.records().map(|r| r.uid).collect(),
                Some(Err(_)) => Vec::new(),
                None => continue,
            };
            for uid in uids {
                let uid = uid_key(&prefix, &uid, &id.0);
                db.uids.delete(&mut txn, &uid).map_err(|e| self.failed(e))?;
            }
            if db.entries.delete(&mut txn, &key).map_err(|e| self.failed(e))? {
                removed += 1;
            }
        }
        if removed > 0 {
            let before = db.left.get(&txn, sink.as_bytes()).map_err(|e| self.failed(e))?;
            let mut left = left_of(before.unwrap_or_default());
            match how {
                Leaving::Replayed => left.replayed += removed,
                Leaving::Discarded => left.discarded += removed,
            }
            self.put_left(&db, &mut txn, sink, left)?;
        }
        txn.commit().map_err(|e| self.failed(e))?;
        Ok(removed)
    }

    /// The ids of the events of a sink that are here now, oldest first.
    fn ids(&self, sink: &str) -> Result<VecDeque<RescueId>, RescueError> {
        let (db, prefix) = (self.room.enter()?, prefix(sink)?);
        let txn = self.read(&db)?;
        let mut ids = VecDeque::new();
        for entry in db.entries.prefix_iter(&txn, &prefix).map_err(|e| self.failed(e))? {
            let (key, _) = entry.map_err(|e| self.failed(e))?;
            ids.extend(key.last_chunk::<ID_BYTES>().map(|id| RescueId(*id)));
        }
        Ok(ids)
    }

    fn read<'d>(&self, db: &'d Opened) -> Result<RoTxn<'d, heed::WithTls>, RescueError> {
        db.env.read_txn().map_err(|e| self.failed(e))
    }

    fn failed(&self, error: heed::Error) -> RescueError {
        match error {
            heed::Error::Mdb(MdbError::MapFull) => RescueError::Full { limit: self.room.limit },
            error => RescueError::Database(self.room.path.clone(), error),
        }
    }

    fn put(&self, prefix: &[u8], batch: &Batch, reason: &Reason, now: i64) -> Result<(), RescueError> {
        let db = self.room.enter()?;
        let mut txn = db.env.write_txn().map_err(|e| self.failed(e))?;
        let micros = now.cast_unsigned();
        let mut number = self.next_number(&db, &txn, prefix, micros)?;
        let mut encoder = Encoder::new(Codec::None);
        for record in batch.records() {
            let value = encode(&mut encoder, &record, reason, now);
            if self.holds(&db, &txn, prefix, &record, &value)? {
                continue;
            }
            let id = RescueId::new(micros, number);
            number += 1;
            self.insert(&db, &mut txn, prefix, &record.uid, id, &value)?;
        }
        if self.used(&db, &txn)? > self.room.limit {
            return Err(RescueError::Full { limit: self.room.limit });
        }
        // DURABLE: LMDB flushes before it returns.
        txn.commit().map_err(|e| self.failed(e))
    }

    /// Bytes of the pages in use.
    fn used(&self, db: &Opened, txn: &RoTxn<'_, heed::AnyTls>) -> Result<usize, RescueError> {
        let stats = [db.entries.stat(txn), db.uids.stat(txn), db.left.stat(txn)];
        stats.into_iter().try_fold(0, |sum, stat| {
            let stat = stat.map_err(|e| self.failed(e))?;
            let pages = stat.branch_pages + stat.leaf_pages + stat.overflow_pages;
            Ok(sum + pages * stat.page_size as usize)
        })
    }

    fn insert(
        &self,
        db: &Opened,
        txn: &mut RwTxn<'_>,
        prefix: &[u8],
        uid: &Uid,
        id: RescueId,
        value: &[u8],
    ) -> Result<(), RescueError> {
        db.entries.put(txn, &key(prefix, &id.0), value).map_err(|e| self.failed(e))?;
        db.uids.put(txn, &uid_key(prefix, uid, &id.0), &()).map_err(|e| self.failed(e))
    }

    /// Entries of the same microsecond get consecutive numbers.
    fn next_number(
        &self,
        db: &Opened,
        txn: &RoTxn<'_, heed::AnyTls>,
        prefix: &[u8],
        micros: u64,
    ) -> Result<u64, RescueError> {
        let key = key(prefix, &RescueId::new(micros, u64::MAX).0);
        let last = db.entries.get_lower_than_or_equal_to(txn, &key).map_err(|e| self.failed(e))?;
        let Some((last, _)) = last.filter(|(last, _)| last.starts_with(prefix)) else { return Ok(0) };
        let (time, number) = last.last_chunk().map_or((0, 0), |id| RescueId(*id).halves());
        Ok(if time == micros { number + 1 } else { 0 })
    }

    /// Whether exactly this event is here already; another one with the same uid does not count.
    fn holds(
        &self,
        db: &Opened,
        txn: &RoTxn<'_, heed::AnyTls>,
        prefix: &[u8],
        record: &Record<'_>,
        value: &[u8],
    ) -> Result<bool, RescueError> {
        let with_uid = uid_key(prefix, &record.uid, &[]);
        let found = db.uids.prefix_iter(txn, &with_uid).map_err(|e| self.failed(e))?;
        for entry in found {
            let (found, ()) = entry.map_err(|e| self.failed(e))?;
            let Some(id) = found.last_chunk::<ID_BYTES>() else { continue };
            let stored = db.entries.get(txn, &key(prefix, id)).map_err(|e| self.failed(e))?;
            if stored.and_then(chunk_bytes) == chunk_bytes(value) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The rescue of one sink.
#[derive(Clone, Debug)]
pub struct SinkRescue {
    store: RescueStore,
    prefix: Arc<[u8]>,
}

impl Rescue for SinkRescue {
    async fn rescue(&mut self, batch: &Batch, reason: &Reason) -> Result<Receipt, StoreError> {
        let (this, events, reason) = (self.clone(), batch.clone(), reason.clone());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
        let put = tokio::task::spawn_blocking(move || this.store.put(&this.prefix, &events, &reason, now));
        match put.await {
            // DURABLE: the transaction is committed and flushed.
            Ok(Ok(())) => Ok(Receipt::sign_rescue(batch)),
            Ok(Err(error)) => Err(StoreError::transient(error)),
            Err(error) => Err(StoreError::transient(error)),
        }
    }
}

/// Reads what `put_left` writes; a value that is too short counts as nothing left.
fn left_of(value: &[u8]) -> Standing {
    let n =
        |at: usize| value.get(at..at + 8).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b));
    Standing { here: 0, replayed: n(0), discarded: n(8), lost: n(16) }
}

fn prefix(sink: &str) -> Result<Vec<u8>, RescueError> {
    if sink.is_empty() || sink.len() > MAX_SINK_BYTES || sink.contains('\0') {
        return Err(RescueError::Name(sink.to_owned()));
    }
    let mut prefix = sink.as_bytes().to_vec();
    prefix.push(0);
    Ok(prefix)
}

fn key(prefix: &[u8], id: &[u8; ID_BYTES]) -> Vec<u8> {
    [prefix, id].concat()
}

fn uid_key(prefix: &[u8], uid: &Uid, id: &[u8]) -> Vec<u8> {
    [prefix, uid.as_bytes(), id].concat()
}

#[cfg(test)]
mod tests;
