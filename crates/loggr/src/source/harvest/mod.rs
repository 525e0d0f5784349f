//! Harvests: files that others upload into a directory become events, each line once.
//!
//! `scan` looks through the directory, `watch` says what is complete, `examine` reads a file whole before
//! anything of it is taken, `reading` takes it, `ledger` holds durably what was taken of which files, and `put`
//! puts them away. Here these are brought together: what is done with one file ([`Harvest::work`]), and with
//! all, the oldest first, several at a time ([`Harvest::run`]).
//!
//! Not what becomes of an event, and not FTP. Invariants: a file goes only when the ledger says that the bus
//! holds all of its lines; a file that cannot be taken is kept in `failed` with the reason.

mod examine;
mod hands;
mod identity;
mod ledger;
mod names;
mod put;
mod reading;
mod scan;
mod stats;
mod watch;

use std::collections::{HashSet, VecDeque};
use std::io::{ErrorKind, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use loggr_bus::Publisher;
use loggr_disk::{Folder, Kind, Looks};
use loggr_event::{Assumed, Origin, Transport};
use loggr_flow::{Phase, Stop, channel_source, pump, window};
use rustix::io::Errno;
use tokio::runtime::Handle;

use examine::{Examined, Limits, examine};
use hands::Hands;
use identity::{Hash, Identity};
use ledger::{Broken, Entry, Known, Ledger, Place};
use put::Put;
use reading::{Job, PACKING_WINDOW, WINDOW, Way};
use scan::Scope;
use watch::Found;

use super::intake::NoRescue;
use crate::clean::clean;
use crate::config::{self, After, KnownBy};
use crate::process::clock::now;

pub use reading::Packing;
pub use stats::{HarvestStats, Told};

/// What every event of a harvest has.
pub const TAG: &str = "harvested";
/// The directory is looked at so often at most, and at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks so many times as long as a look takes.
const REST: u32 = 5;
/// How often a ledger is tried that cannot be opened.
const REOPEN: Duration = Duration::from_secs(5);
/// How often the ledger is tidied.
const TIDY_EVERY: Duration = Duration::from_secs(600);
/// What was taken of a file that has gone is kept for so long.
const KEEP_PARTS: Duration = Duration::from_secs(24 * 3_600);

/// A harvest.
pub struct Harvest {
    config: config::Harvest,
    publisher: Publisher,
    /// Makes the packers of a file.
    packers: Box<dyn Fn() -> Vec<Packing> + Send + Sync>,
    /// Where the ledger lies, and the ledger once it is open.
    place: PathBuf,
    ledger: OnceLock<Ledger>,
    /// Counters.
    pub stats: Arc<HarvestStats>,
    stop: Stop,
    /// Files that are being read.
    busy: Mutex<HashSet<Identity>>,
}

impl std::fmt::Debug for Harvest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harvest").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Why a file was not taken, or not to its end.
#[derive(Debug)]
enum Ended {
    /// It cannot be taken: it goes to `failed`.
    Refused(String),
    /// It has changed while it was looked at.
    Changed,
    /// It is no longer there.
    Gone,
    /// One of the same content is being read.
    Busy,
    /// It cannot be taken at the moment.
    Later(String),
    /// loggr stops.
    Stops,
}

impl Ended {
    fn broken(error: Broken) -> Ended {
        Ended::Later(error.to_string())
    }
}

/// What is to be done with a file that was examined.
enum Begun {
    /// It is taken, from this place on.
    From(Entry),
    /// All of it was taken.
    Known(Entry),
}

/// What became of a file.
#[derive(Debug)]
enum Done {
    /// All of its lines, so many, were taken.
    Taken(u64),
    /// It was taken before: so many lines.
    Again(u64),
}

impl Harvest {
    /// As the configuration has it; `place`: the directory of its ledger.
    pub fn new(
        config: config::Harvest,
        publisher: Publisher,
        packers: Box<dyn Fn() -> Vec<Packing> + Send + Sync>,
        place: PathBuf,
        stop: Stop,
    ) -> Harvest {
        let stats = Arc::new(HarvestStats::new(&config.name));
        let ledger = OnceLock::new();
        Harvest { config, publisher, packers, place, ledger, stats, stop, busy: Mutex::default() }
    }

    /// The directory into which files are uploaded.
    pub fn directory(&self) -> &Path {
        &self.config.directory
    }

    /// Takes files until draining begins, and then those in hand up to where they are.
    pub async fn run(self: Arc<Harvest>) {
        let mut stop = self.stop.clone();
        while self.clone().apart(|harvest| harvest.open_ledger()).await != Some(true) {
            tokio::select! {
                () = stop.drain() => return,
                () = tokio::time::sleep(REOPEN) => {}
            }
        }
        let mut hands = Hands::new(self.config.stable);
        let mut queue: VecDeque<Found> = VecDeque::new();
        let (mut look_at, mut tidy_at) = (Instant::now(), Instant::now());
        while stop.phase() == Phase::Run {
            if tidy_at <= Instant::now() {
                self.clone().apart(|harvest| harvest.tidy()).await;
                tidy_at = Instant::now() + TIDY_EVERY;
            }
            if look_at <= Instant::now() {
                let begun = Instant::now();
                if let Some(found) = self.clone().apart(|harvest| harvest.look()).await.flatten() {
                    queue = hands.complete(found, &self.stats);
                }
                let pause = (self.config.stable / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                look_at = Instant::now() + pause.max(begun.elapsed() * REST);
            }
            while hands.jobs.len() < self.config.files_at_once
                && let Some(found) = queue.pop_front()
            {
                hands.begin(self.clone(), found);
            }
            tokio::select! {
                biased;
                () = stop.drain() => break,
                Some(ended) = hands.jobs.join_next_with_id() => hands.end(&self, ended),
                () = tokio::time::sleep_until(look_at.into()) => {}
            }
        }
        while let Some(ended) = hands.jobs.join_next_with_id().await {
            hands.end(&self, ended);
        }
    }

    /// In a thread of its own; nothing if it panicked.
    async fn apart<T: Send + 'static>(
        self: Arc<Harvest>,
        work: impl FnOnce(&Harvest) -> T + Send + 'static,
    ) -> Option<T> {
        tokio::task::spawn_blocking(move || work(&self)).await.ok()
    }

    /// Opens the ledger; false if it cannot be used, which is told: without it nothing is taken, because files
    /// would be taken again.
    fn open_ledger(&self) -> bool {
        let harvest = self.config.name.as_str();
        match Ledger::open(&self.place) {
            Ok(ledger) => {
                if self.stats.directory(None) {
                    tracing::info!(harvest, "the ledger can be used again");
                }
                self.ledger.set(ledger).is_ok()
            }
            Err(error) => {
                let error = error.to_string();
                if self.stats.directory(Some(error.clone())) {
                    let hint = "move the ledger away if files that were taken, and are still there or come again, may be taken again";
                    tracing::error!(harvest, error, hint, "no file is taken");
                }
                false
            }
        }
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.get().expect("BUG: a file is taken before the ledger is open")
    }

    /// What is in the directory; nothing if that cannot be seen, which is told.
    fn look(&self) -> Option<Vec<Found>> {
        let scope = Scope {
            directory: self.config.directory.clone(),
            recursive: self.config.recursive,
            temporary: self.config.temporary.clone(),
            marker: self.config.marker.clone(),
        };
        let (found, trouble) = match scope.look() {
            Ok(found) => (Some(found), None),
            Err(error) => (None, Some(format!("cannot list `{}`: {error}", self.config.directory.display()))),
        };
        if self.stats.directory(trouble.clone()) {
            let harvest = self.config.name.as_str();
            match trouble {
                Some(error) => tracing::error!(harvest, error, "no file is taken"),
                None => tracing::info!(harvest, "the directory can be listed again"),
            }
        }
        found
    }

    /// Forgets what need not be remembered, and what was begun of files that have gone.
    fn tidy(&self) {
        let at = now().unix_micros();
        let before = |age: Duration| at.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        let tidied = self.ledger().forget(before(self.config.remember)).and_then(|_| {
            for (identity, entry) in self.ledger().opened() {
                self.tidy_one(identity, &entry, before(KEEP_PARTS))?;
            }
            Ok(())
        });
        if let Err(error) = tidied {
            self.tell_trouble(Path::new("(the ledger)"), &error.to_string());
        }
    }

    fn tidy_one(&self, identity: Identity, entry: &Entry, before: i64) -> Result<(), Broken> {
        let path = Path::new(&entry.path);
        let is_there = self.config.directory.join(path).symlink_metadata().is_ok();
        if is_there || self.busy().contains(&identity) {
            return Ok(());
        }
        if entry.taken.is_some() {
            // It went, and its marker may not have.
            let looks = Looks { kind: Kind::File, is: entry.is, size: 0, changed: 0 };
            let put = Folder::open(&self.config.directory)
                .and_then(|folder| put::away(&folder, path, &looks, None, self.config.marker.as_deref()));
            if put.is_ok() {
                self.ledger().put_away(identity);
            }
        } else if entry.place.stamp < before {
            let (harvest, lines) = (self.config.name.as_str(), entry.place.lines);
            tracing::warn!(harvest, file = %clean(&entry.path), lines, "a file was removed by others while it was taken; these of its first lines are events");
            self.ledger().drop_open(identity)?;
        }
        Ok(())
    }

    /// Does all with one file. In a thread of its own.
    fn work(&self, found: &Found) -> Result<Done, Ended> {
        let done = self.take(found);
        let Err(Ended::Refused(why)) = &done else { return done };
        let (failed, marker) = (&self.config.failed, self.config.marker.as_deref());
        let put = self.folder().and_then(|folder| {
            put::refuse(&folder, &found.path, &found.looks, failed, marker, why).map_err(|error| {
                Ended::Later(format!("{why}, and it cannot be moved to `{}`: {error}", failed.display()))
            })
        })?;
        match put {
            Put::Away => done,
            Put::Gone | Put::Changed => Err(Ended::Gone),
        }
    }

    fn take(&self, found: &Found) -> Result<Done, Ended> {
        if let Some(why) = unfit(found) {
            return Err(Ended::Refused(why));
        }
        let folder = self.folder()?;
        let (inside, name) = put::find(&folder, &found.path).map_err(unopened)?;
        let mut file = inside.open_file(&name).map_err(unopened)?;
        let looks = Looks::at(&file).map_err(unopened)?;
        if looks != found.looks {
            return Err(Ended::Changed);
        }
        let goes_on = || self.stop.phase() == Phase::Run;
        // What had this inode under another name was another file, and is not there any more.
        let mut earlier = self.ledger().open_of(looks.is);
        earlier.retain(|(_, entry)| Path::new(&entry.path) == found.path);
        let known: Vec<(u64, Hash)> = earlier.iter().map(|(_, e)| (e.length, e.content)).collect();
        let limits = Limits { max_size: self.config.max_size, max_ratio: self.config.max_ratio };
        let examined = examine(file.try_clone().map_err(unopened)?, limits, &known, goes_on)?;
        if Looks::at(&file).map_err(unopened)? != looks {
            return Err(Ended::Changed);
        }
        let identity = self.identity(&found.path, &examined);
        let _turn = Turn::take(&self.busy, identity).ok_or(Ended::Busy)?;
        let entry = match self.begun(identity, found, &looks, &examined, &earlier)? {
            Begun::From(entry) => entry,
            Begun::Known(entry) => {
                self.put_away(identity, found, &looks)?;
                return Ok(Done::Again(entry.place.lines));
            }
        };
        let replaced: Vec<Identity> = earlier.iter().map(|(identity, _)| *identity).collect();
        // DURABLE: before the first of its events leaves.
        self.ledger().enter(identity, &entry, &replaced).map_err(Ended::broken)?;
        file.rewind().map_err(unopened)?;
        let entry = self.publish(identity, entry, file, &found.path)?;
        self.ledger().finish(identity, &entry, now().unix_micros()).map_err(Ended::broken)?;
        self.put_away(identity, found, &looks)?;
        Ok(Done::Taken(entry.place.lines))
    }

    fn folder(&self) -> Result<Folder, Ended> {
        Folder::open(&self.config.directory).map_err(|error| {
            Ended::Later(format!("cannot open `{}`: {error}", self.config.directory.display()))
        })
    }

    fn identity(&self, path: &Path, examined: &Examined) -> Identity {
        let name = match self.config.known_by {
            KnownBy::Name => path.to_string_lossy(),
            KnownBy::Content => "".into(),
        };
        Identity::of(names::unpacked(&name), &examined.content, examined.length)
    }

    /// From where on the file is to be taken, if not all of it was.
    fn begun(
        &self,
        identity: Identity,
        found: &Found,
        looks: &Looks,
        examined: &Examined,
        earlier: &[(Identity, Entry)],
    ) -> Result<Begun, Ended> {
        let at = now();
        let changed = i64::try_from(looks.changed).unwrap_or(i64::MAX);
        let fresh = Entry {
            path: found.path.to_string_lossy().into_owned(),
            is: looks.is,
            changed,
            content: examined.content,
            length: examined.length,
            seed: identity.seed(&self.config.name, at),
            place: Place { offset: 0, lines: 0, stamp: at.unix_micros() },
            taken: None,
        };
        let remember = i64::try_from(self.config.remember.as_micros()).unwrap_or(i64::MAX);
        Ok(match self.ledger().look(identity).map_err(Ended::broken)? {
            Known::Open(entry) if entry.taken.is_some() => Begun::Known(entry),
            Known::Open(entry) => Begun::From(Entry { seed: entry.seed, place: entry.place, ..fresh }),
            Known::Done(entry) => {
                let age = at.unix_micros().saturating_sub(entry.taken.unwrap_or_default());
                let is_this_one = entry.is == looks.is && entry.changed == changed;
                if is_this_one || age < remember { Begun::Known(entry) } else { Begun::From(fresh) }
            }
            // It has grown since it was read before: what it was is known.
            Known::New => match examined.begins_with.and_then(|at| earlier.get(at)) {
                Some((_, before)) => Begun::From(Entry { seed: before.seed, place: before.place, ..fresh }),
                None => {
                    for (_, before) in earlier.iter().filter(|(_, before)| before.place.lines > 0) {
                        let (harvest, lines) = (self.config.name.as_str(), before.place.lines);
                        tracing::warn!(harvest, file = %clean(&fresh.path), lines, "a file was written anew while it was taken; so many lines of what it was are events, and all of what it is become events now");
                    }
                    Begun::From(fresh)
                }
            },
        })
    }

    /// Gives all its lines to the bus, up to the receipt of the last.
    fn publish(
        &self,
        identity: Identity,
        entry: Entry,
        file: std::fs::File,
        path: &Path,
    ) -> Result<Entry, Ended> {
        let packers = (self.packers)();
        let (window, settlements) = window(if packers.is_empty() { WINDOW } else { PACKING_WINDOW });
        let (deliveries, source) = channel_source(WINDOW);
        let observer = self.stats.progress.observer();
        let pumping =
            tokio::spawn(pump(source, self.publisher.clone(), NoRescue, self.stop.clone(), observer));
        let job = Job {
            identity,
            entry,
            origin: Arc::new(self.origin(path)),
            max_message_size: self.config.max_message_size,
            packers,
            ledger: self.ledger(),
            stats: &self.stats,
            way: Way::new(window, settlements, deliveries),
        };
        let taken = reading::take(file, job, || self.stop.phase() == Phase::Run);
        // Only then are its batches out of the way of a stop.
        let pumped = Handle::current().block_on(pumping);
        match taken {
            Err(Ended::Later(_)) if self.stop.phase() > Phase::Run => Err(Ended::Stops),
            Err(Ended::Later(_)) if pumped.is_err() => {
                Err(Ended::Later("giving it to the queue failed because of a bug of loggr".to_owned()))
            }
            taken => taken,
        }
    }

    fn origin(&self, path: &Path) -> Origin {
        let whole = self.config.directory.join(path);
        let directory = whole.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let fname = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let assumed = Assumed {
            host: self.config.source.clone(),
            app_name: self.config.app_name.clone(),
            year: None,
            facility: self.config.facility.map(loggr_event::Facility::code),
            severity: self.config.severity.map(loggr_event::Severity::code),
            fields: vec![("directory".to_owned(), directory), ("fname".to_owned(), fname)],
            tags: vec![TAG.to_owned()],
        };
        Origin {
            listener: self.config.name.clone(),
            transport: Transport::Harvest,
            peer: whole.to_string_lossy().into_owned(),
            format: self.config.format.input(),
            timezone: self.config.timezone.clone(),
            assumed: Some(Box::new(assumed)),
            ..Origin::default()
        }
    }

    /// Puts a file away all of which was taken.
    fn put_away(&self, identity: Identity, found: &Found, looks: &Looks) -> Result<(), Ended> {
        let done = (self.config.after == After::Move).then_some(self.config.done.as_path());
        let put = put::away(&self.folder()?, &found.path, looks, done, self.config.marker.as_deref());
        let put = put.map_err(|error| {
            let what = if done.is_some() { "moved to `done`" } else { "removed" };
            Ended::Later(format!("all of it was taken, and it cannot be {what}: {error}"))
        })?;
        match put {
            Put::Away | Put::Gone => {
                self.ledger().put_away(identity);
                Ok(())
            }
            Put::Changed => Err(Ended::Changed),
        }
    }

    /// Says that a file cannot be taken at the moment, if that is news.
    fn tell_trouble(&self, path: &Path, why: &str) {
        let path = path.to_string_lossy();
        if self.stats.trouble(&path, why) {
            let (harvest, file) = (self.config.name.as_str(), clean(&path));
            tracing::error!(harvest, %file, error = %clean(why), "cannot take a file at the moment; it is tried again");
        }
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<Identity>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something is no file for us, without opening it.
fn unfit(found: &Found) -> Option<String> {
    let name = found.path.iter().find_map(names::hostile);
    match (found.looks.kind, name) {
        (Kind::File | Kind::Directory, None) => None,
        (Kind::File | Kind::Directory, Some(why)) => Some(why.to_owned()),
        (Kind::Link, _) => Some("it is a symbolic link, and links are not followed".to_owned()),
        (Kind::Other(what), _) => Some(format!("it is no file, but a {what}")),
    }
}

fn unopened(error: std::io::Error) -> Ended {
    let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    match error.kind() {
        ErrorKind::NotFound => Ended::Gone,
        // A link or a directory has its name now.
        ErrorKind::NotADirectory => Ended::Changed,
        _ if is_link => Ended::Changed,
        ErrorKind::PermissionDenied => Ended::Refused(format!("loggr may not read it: {error}")),
        _ => Ended::Later(format!("it cannot be opened: {error}")),
    }
}

/// The right to read a file of this identity; it is given back when it is dropped.
struct Turn<'b> {
    busy: &'b Mutex<HashSet<Identity>>,
    identity: Identity,
}

impl Turn<'_> {
    fn take(busy: &Mutex<HashSet<Identity>>, identity: Identity) -> Option<Turn<'_>> {
        let is_new = busy.lock().unwrap_or_else(PoisonError::into_inner).insert(identity);
        is_new.then_some(Turn { busy, identity })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.identity);
    }
}

#[cfg(test)]
mod tests;
