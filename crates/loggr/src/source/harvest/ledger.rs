//! The ledger of a harvest: what was taken of which files, durably, in LMDB.
//!
//! | database | key | value |
//! |---|---|---|
//! | `open` | identity of a file (32 bytes) | an [`Entry`] in JSON: it is being taken, or has not been put away yet |
//! | `done` | identity | an [`Entry`]: it was taken, and is remembered |
//! | `order` | when it was taken (8 bytes, big-endian), identity | nothing |
//!
//! Each change is synced before the call returns. Invariants: nothing of a file is published before its entry
//! is here, with what makes the uids and the time of reception of its events; a file is put away only after
//! the ledger says that all of it was taken. What is open is also held in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{error, fmt};

use heed::types::{Bytes, Unit};
use heed::{Database, Env, EnvOpenOptions, RwTxn};
use loggr_bus::rescue::{Damaged, check_database};
use serde::{Deserialize, Serialize};

use super::identity::{Hash, Identity};

/// Files that are remembered, at most; the oldest are forgotten first.
pub const MAX_REMEMBERED: u64 = 200_000;
/// Largest size of the database: an entry takes some hundred bytes.
const MAX_BYTES: usize = 512 << 20;
/// Databases in the file.
const DATABASES: u32 = 3;
/// Files that are forgotten in one transaction, at most.
const FORGOTTEN_AT_ONCE: usize = 10_000;

/// How far a file was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// So many bytes of the unpacked file; a line begins there.
    pub offset: u64,
    /// So many lines before it became events.
    pub lines: u64,
    /// When the events from there on are received, in microseconds since 1970: a line that is read again
    /// after a crash has the same time.
    pub stamp: i64,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is, or was, below the directory of the harvest.
    pub path: String,
    /// Device and inode.
    pub is: (u64, u64),
    /// When its bytes were last changed, in nanoseconds since 1970.
    pub changed: i64,
    /// Hash of its unpacked content.
    pub content: Hash,
    /// Length of its unpacked content.
    pub length: u64,
    /// What the uids of its lines are made of.
    pub seed: u64,
    /// How far it was taken.
    pub place: Place,
    /// When all of it was taken, in microseconds since 1970.
    pub taken: Option<i64>,
}

/// The state of a file that is about to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing is known of it.
    New,
    /// A part of it was taken, or all.
    Open(Entry),
    /// It was taken, and put away.
    Done(Entry),
}

/// The ledger cannot be used.
#[derive(Debug)]
pub struct Broken {
    directory: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// It was looked at before it was opened.
    Damaged(Damaged),
    /// LMDB says so.
    Database(heed::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.display();
        match &self.cause {
            Cause::Damaged(what) => write!(f, "cannot use the ledger in `{directory}`: {what}"),
            Cause::Database(what) => write!(f, "cannot use the ledger in `{directory}`: {what}"),
        }
    }
}

impl error::Error for Broken {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.cause {
            Cause::Damaged(what) => Some(what),
            Cause::Database(what) => Some(what),
        }
    }
}

/// The ledger of one harvest.
pub struct Ledger {
    directory: PathBuf,
    env: Env,
    open: Database<Bytes, Bytes>,
    done: Database<Bytes, Bytes>,
    order: Database<Bytes, Unit>,
    state: Mutex<State>,
}

/// What is held in memory.
#[derive(Default)]
struct State {
    open: HashMap<Identity, Entry>,
    /// Files that were put away: they leave `open` with the next change.
    put_away: Vec<Identity>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger in this directory, which is made if it is missing.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(directory: &Path) -> Result<Ledger, Broken> {
        let broken =
            |cause: heed::Error| Broken { directory: directory.to_owned(), cause: Cause::Database(cause) };
        // What is damaged would be met through the mapping, and end the process.
        check_database(directory)
            .map_err(|what| Broken { directory: directory.to_owned(), cause: Cause::Damaged(what) })?;
        let (env, databases) = map(directory).map_err(broken)?;
        let (open, done, order) = databases;
        let mut state = State::default();
        let read = || -> Result<HashMap<Identity, Entry>, heed::Error> {
            let txn = env.read_txn()?;
            let mut found = HashMap::new();
            for item in open.iter(&txn)? {
                let (key, value) = item?;
                if let Some(identity) = Identity::from_bytes(key) {
                    found.insert(identity, decode(value)?);
                }
            }
            Ok(found)
        };
        state.open = read().map_err(broken)?;
        Ok(Ledger { directory: directory.to_owned(), env, open, done, order, state: Mutex::new(state) })
    }

    /// What is known of a file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn look(&self, identity: Identity) -> Result<Known, Broken> {
        if let Some(entry) = self.state().open.get(&identity) {
            return Ok(Known::Open(entry.clone()));
        }
        let read = || -> Result<Known, heed::Error> {
            let txn = self.env.read_txn()?;
            let found = self.done.get(&txn, identity.bytes())?;
            Ok(match found {
                Some(value) => Known::Done(decode(value)?),
                None => Known::New,
            })
        };
        read().map_err(|cause| self.broken(cause))
    }

    /// The open entries of a file of this device and inode: what it held when it was read before.
    pub fn open_of(&self, is: (u64, u64)) -> Vec<(Identity, Entry)> {
        self.opened().into_iter().filter(|(_, entry)| entry.is == is).collect()
    }

    /// All open entries.
    pub fn opened(&self) -> Vec<(Identity, Entry)> {
        let state = self.state();
        state.open.iter().map(|(identity, entry)| (*identity, entry.clone())).collect()
    }

    /// Enters a file, or how far it was taken. Entries of `instead`, which it was before, go.
    ///
    /// # Errors
    /// It is not certain that it is written.
    pub fn enter(&self, identity: Identity, entry: &Entry, instead: &[Identity]) -> Result<(), Broken> {
        self.change(|ledger, state, txn| {
            ledger.open.put(txn, identity.bytes(), &encode(entry)?)?;
            for other in instead.iter().filter(|other| **other != identity) {
                ledger.open.delete(txn, other.bytes())?;
                state.open.remove(other);
            }
            state.open.insert(identity, entry.clone());
            Ok(())
        })
    }

    /// All of it was taken: it may be put away.
    ///
    /// # Errors
    /// It is not certain that it is written.
    pub fn finish(&self, identity: Identity, entry: &Entry, now: i64) -> Result<(), Broken> {
        let entry = Entry { taken: Some(now), ..entry.clone() };
        self.change(|ledger, state, txn| {
            let value = encode(&entry)?;
            ledger.open.put(txn, identity.bytes(), &value)?;
            // One that is taken again, on purpose, was taken now.
            if let Some(before) = ledger.done.get(txn, identity.bytes())?.map(decode).transpose()? {
                ledger.order.delete(txn, &order(before.taken, identity))?;
            }
            ledger.done.put(txn, identity.bytes(), &value)?;
            ledger.order.put(txn, &order(entry.taken, identity), &())?;
            state.open.insert(identity, entry.clone());
            Ok(())
        })
    }

    /// It was put away, durably. This need not be written at once.
    pub fn put_away(&self, identity: Identity) {
        let mut state = self.state();
        if state.open.remove(&identity).is_some() {
            state.put_away.push(identity);
        }
    }

    /// Forgets what was taken before this time, and the oldest where there are too many. Gives how many
    /// files were forgotten.
    ///
    /// # Errors
    /// It is not certain that it is written.
    pub fn forget(&self, before: i64) -> Result<usize, Broken> {
        let mut forgotten = 0;
        self.change(|ledger, _, txn| {
            let many = ledger.order.len(txn)?.saturating_sub(MAX_REMEMBERED);
            let mut keys = Vec::new();
            for item in ledger.order.iter(txn)? {
                let (key, ()) = item?;
                let taken = key.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
                if (taken >= before && keys.len() as u64 >= many) || keys.len() >= FORGOTTEN_AT_ONCE {
                    break;
                }
                keys.push(key.to_vec());
            }
            for key in &keys {
                ledger.order.delete(txn, key)?;
                ledger.done.delete(txn, key.get(8..).unwrap_or_default())?;
            }
            forgotten = keys.len();
            Ok(())
        })?;
        Ok(forgotten)
    }

    /// An entry of a file that is no longer there.
    ///
    /// # Errors
    /// It is not certain that it is written.
    pub fn drop_open(&self, identity: Identity) -> Result<(), Broken> {
        self.change(|ledger, state, txn| {
            ledger.open.delete(txn, identity.bytes())?;
            state.open.remove(&identity);
            Ok(())
        })
    }

    /// One transaction, synced; what is in memory is changed with it.
    fn change(
        &self,
        change: impl FnOnce(&Ledger, &mut State, &mut RwTxn<'_>) -> Result<(), heed::Error>,
    ) -> Result<(), Broken> {
        let mut state = self.state();
        let mut next = State { open: state.open.clone(), put_away: Vec::new() };
        let put_away = state.put_away.clone();
        let write = || -> Result<(), heed::Error> {
            let mut txn = self.env.write_txn()?;
            for identity in &put_away {
                self.open.delete(&mut txn, identity.bytes())?;
            }
            change(self, &mut next, &mut txn)?;
            // DURABLE: LMDB flushes its file before this returns.
            txn.commit()
        };
        write().map_err(|cause| self.broken(cause))?;
        *state = next;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, cause: heed::Error) -> Broken {
        Broken { directory: self.directory.clone(), cause: Cause::Database(cause) }
    }
}

type Databases = (Database<Bytes, Bytes>, Database<Bytes, Bytes>, Database<Bytes, Unit>);

#[allow(unsafe_code, reason = "a file is mapped")]
fn map(directory: &Path) -> Result<(Env, Databases), heed::Error> {
    loggr_disk::make_directory(directory)?;
    let mut options = EnvOpenOptions::new();
    options.map_size(MAX_BYTES).max_dbs(DATABASES);
    // SAFETY: the file belongs to loggr alone, one process opens it, because a harvest runs once on a data
    // directory, and nobody truncates it.
    let env = unsafe { options.open(directory) }?;
    let mut txn = env.write_txn()?;
    let open = env.create_database(&mut txn, Some("open"))?;
    let done = env.create_database(&mut txn, Some("done"))?;
    let order = env.create_database(&mut txn, Some("order"))?;
    txn.commit()?;
    Ok((env, (open, done, order)))
}

fn order(taken: Option<i64>, identity: Identity) -> Vec<u8> {
    let mut key = taken.unwrap_or_default().max(0).to_be_bytes().to_vec();
    key.extend_from_slice(identity.bytes());
    key
}

fn encode(entry: &Entry) -> Result<Vec<u8>, heed::Error> {
    serde_json::to_vec(entry).map_err(|error| heed::Error::Encoding(error.into()))
}

fn decode(value: &[u8]) -> Result<Entry, heed::Error> {
    serde_json::from_slice(value).map_err(|error| heed::Error::Decoding(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, inode: u64) -> Entry {
        let place = Place { offset: 0, lines: 0, stamp: 5 };
        let path = path.to_owned();
        Entry { path, is: (1, inode), changed: 7, content: [3; 32], length: 9, seed: 11, place, taken: None }
    }

    fn id(n: u8) -> Identity {
        Identity::from_bytes(&[n; 32]).unwrap()
    }

    #[test]
    fn what_was_written_is_there_after_a_crash() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("h");
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.look(id(1)).unwrap(), Known::New);
        let first = entry("a", 1);
        let further = Entry { place: Place { offset: 4, lines: 2, stamp: 6 }, ..first.clone() };
        ledger.enter(id(1), &first, &[]).unwrap();
        ledger.enter(id(1), &further, &[]).unwrap();
        ledger.enter(id(2), &entry("b", 2), &[]).unwrap();
        ledger.finish(id(2), &entry("b", 2), 100).unwrap();
        ledger.finish(id(3), &entry("c", 3), 50).unwrap();
        ledger.put_away(id(3));
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.look(id(1)).unwrap(), Known::Open(further));
        let taken = |path, inode, at| Entry { taken: Some(at), ..entry(path, inode) };
        assert_eq!(ledger.look(id(2)).unwrap(), Known::Open(taken("b", 2, 100)), "it was not put away");
        // That it was put away was not written yet: it is looked at again.
        assert_eq!(ledger.look(id(3)).unwrap(), Known::Open(taken("c", 3, 50)));
        ledger.put_away(id(3));
        ledger.put_away(id(2));
        assert_eq!(ledger.look(id(3)).unwrap(), Known::Done(taken("c", 3, 50)));
        assert_eq!(ledger.forget(60).unwrap(), 1);
        assert_eq!(ledger.look(id(3)).unwrap(), Known::New);
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.look(id(2)).unwrap(), Known::Done(taken("b", 2, 100)));
        assert_eq!(ledger.opened().len(), 1);
    }

    #[test]
    fn what_a_file_was_before_is_found_and_goes() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        ledger.enter(id(1), &entry("a", 1), &[]).unwrap();
        let before = ledger.open_of((1, 1));
        assert_eq!(before.len(), 1);
        ledger.enter(id(2), &entry("a", 1), &[id(1), id(2)]).unwrap();
        assert_eq!((ledger.look(id(1)).unwrap(), ledger.open_of((1, 1)).len()), (Known::New, 1));
        ledger.drop_open(id(2)).unwrap();
        assert_eq!(ledger.look(id(2)).unwrap(), Known::New);
    }

    #[test]
    fn what_is_taken_again_is_remembered_once() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        for at in [10, 20] {
            ledger.finish(id(1), &entry("a", 1), at).unwrap();
            ledger.put_away(id(1));
        }
        assert_eq!(ledger.forget(15).unwrap(), 0);
        assert_eq!(ledger.forget(25).unwrap(), 1);
        assert_eq!(ledger.look(id(1)).unwrap(), Known::New);
    }

    #[test]
    fn a_damaged_ledger_is_told() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("data.mdb"), vec![0x55; 16384]).unwrap();
        let told = Ledger::open(directory.path()).unwrap_err().to_string();
        assert!(told.contains("cannot use the ledger in `") && told.contains("damaged"), "{told}");
        // Also in the middle of it.
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        for n in 0..200 {
            ledger.finish(id(n), &entry("a", 1), i64::from(n)).unwrap();
        }
        drop(ledger);
        let data = directory.path().join("data.mdb");
        let mut bytes = std::fs::read(&data).unwrap();
        let pages = bytes.len() / 4096;
        bytes[4096 * (pages / 2)..4096 * (pages / 2 + 2)].fill(0xff);
        std::fs::write(&data, bytes).unwrap();
        let told = Ledger::open(directory.path()).map(drop).unwrap_err().to_string();
        assert!(told.contains("damaged"), "{told}");
    }
}
