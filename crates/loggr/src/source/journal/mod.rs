//! The journal of systemd as a source: its entries become events, each once.
//!
//! A task reads the files that the journal writes (`files`, `file`), makes events of entries (`entry`) and
//! hands them to the bus. How far it has read is kept (`places`), always behind the receipt: after `kill -9` it
//! reads some entries again, and their uids, which are made of the journal's own numbers, are those that they
//! had. While the bus takes nothing it waits, and the journal keeps what comes. Entries that the journal throws
//! away unread are a gap that is told and counted.

mod entry;
mod file;
mod files;
mod layout;
mod places;
mod trouble;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use loggr_event::Origin;
use loggr_flow::{
    Batch, BatchBuilder, Delivery, Outcome, Phase, Settlements, Stop, Window, channel_source, window,
};
use tokio::sync::mpsc;

use super::intake::Intake;
use crate::process::told::Told;
use files::{Files, Notice};
use places::{Kept, Places};
use trouble::Trouble;

/// Batches that may wait for the bus.
const IN_FLIGHT: usize = 4;
/// Entries of one batch at most.
const BATCH_ENTRIES: usize = 1024;
/// Bytes of one batch, about.
const BATCH_BYTES: usize = 1 << 20;
/// How often it looks whether the journal has written something.
const LOOK: Duration = Duration::from_millis(200);
/// How often it looks which files there are.
const SCAN: Duration = Duration::from_secs(2);
/// How often places are written, at most.
const KEEP: Duration = Duration::from_secs(1);

/// What is read of a journal.
#[derive(Debug)]
pub struct Journal {
    /// Its directories: the files lie in them, or in those of a machine below them.
    pub directories: Vec<PathBuf>,
    /// Where its places are kept.
    pub places: PathBuf,
    /// Entries that are there when it is read for the first time are left out.
    pub only_new: bool,
}

/// Reads until draining; resolves when everything that was read is with the bus.
///
/// # Errors
/// Places that cannot be read: where it would have to begin is unknown.
pub fn read(journal: Journal, intake: Intake, stop: Stop) -> Result<impl Future<Output = ()> + use<>> {
    if let Some(directory) = journal.places.parent() {
        loggr_disk::make_directory(directory)
            .with_context(|| format!("cannot create `{}`", directory.display()))?;
    }
    let kept = Kept::at(journal.places);
    let places = match kept.read() {
        Ok(places) => places,
        Err(why) => bail!(
            "cannot read how far the journal was read, in `{}`: {why}; without this file loggr reads the whole journal \
             again, or with `start = \"end\"` what comes from now on",
            kept.path().display()
        ),
    };
    let is_first = places.is_none();
    let files = Files::new(journal.directories, places.unwrap_or_default());
    let (deliveries, source) = channel_source(IN_FLIGHT);
    let pumping = intake.pump(source, stop.clone());
    let reader = Reader {
        files,
        origin: Arc::new(intake.origin_of(None)),
        max_message: intake.max_message_size,
        told: Told::default(),
        name: intake.stats.name().to_owned(),
        gap: 0,
        scanned: None,
        asks: false,
    };
    let (window, settlements) = window(IN_FLIGHT);
    let task = Task { intake, window, settlements, deliveries, kept, stop };
    Ok(async move {
        let reading = tokio::spawn(task.run(reader, is_first, journal.only_new));
        pumping.await;
        // What it still has to do is to write the last places.
        if reading.await.is_err() {
            tracing::error!("the task that reads the journal ended unexpectedly, which is a bug of loggr");
        }
    })
}

/// What reads; it is given to a thread for each batch.
struct Reader {
    files: Files,
    origin: Arc<Origin>,
    max_message: usize,
    told: Told,
    name: String,
    /// Entries that are lost, and were not counted yet.
    gap: u64,
    scanned: Option<Instant>,
    /// Whether something went unread between the last life and this one is not known yet.
    asks: bool,
}

impl Reader {
    fn begin(mut self, is_first: bool, only_new: bool) -> Reader {
        let mut notices = Vec::new();
        self.files.scan(&mut |notice| notices.push(notice));
        match is_first {
            true if only_new => self.files.skip_all(&mut |notice| notices.push(notice)),
            true => {}
            false => self.asks = !self.files.missing(&mut |notice| notices.push(notice)),
        }
        self.scanned = Some(Instant::now());
        self.tell(notices);
        self
    }

    /// The next batch, if there is something to read.
    fn batch(mut self) -> (Reader, Option<(Batch, u64)>) {
        let mut notices = Vec::new();
        let mut tell = |notice| notices.push(notice);
        if self.scanned.is_none_or(|at| at.elapsed() >= SCAN) {
            self.files.scan(&mut tell);
            self.scanned = Some(Instant::now());
            self.asks = self.asks && !self.files.missing(&mut tell);
        }
        let mut builder = BatchBuilder::default();
        let mut truncated = 0;
        while builder.len() < BATCH_ENTRIES && builder.byte_len() < BATCH_BYTES {
            let Some(read) = self.files.next(&mut tell) else { break };
            let event = entry::event(&read.entry, read.series, &self.origin, self.max_message);
            truncated += u64::from(event.original_len.is_some());
            builder.push_made(&self.origin, &event);
        }
        let batch = builder.finish().map(|batch| (batch, truncated));
        self.tell(notices);
        (self, batch)
    }

    fn tell(&mut self, notices: Vec<Notice>) {
        let listener = self.name.as_str();
        for notice in notices {
            let what = match &notice {
                Notice::Unreadable(path, why) => {
                    format!("cannot read `{}`: {why}{}", path.display(), who(why))
                }
                Notice::Damaged(path, why) => {
                    self.gap += 1;
                    format!("an entry of `{}` is damaged and was left out: {why}", path.display())
                }
                Notice::Broken(path, why, lost) => {
                    self.gap += lost;
                    format!("{lost} entries of `{}` cannot be read any more: {why}", path.display())
                }
                Notice::Gone(name, lost) => {
                    self.gap += lost.unwrap_or(1);
                    let lost = lost.map_or("an unknown number of".to_owned(), |lost| format!("up to {lost}"));
                    format!(
                        "`{name}` is gone and was not known to be read whole: {lost} entries were not read"
                    )
                }
                Notice::Away(files) => format!(
                    "no file of the journal is there, though {} read before: loggr waits for them",
                    if *files == 1 { "one was".to_owned() } else { format!("{files} were") }
                ),
                Notice::Directory(path, error) => {
                    format!("cannot read the directory `{}`: {error}", path.display())
                }
                Notice::TooMany(found) => {
                    format!("{found} files are too many: {} are read", files::MAX_FILES)
                }
            };
            if let Some(unsaid) = self.told.tell(&what) {
                let unsaid = (unsaid > 0).then_some(unsaid);
                tracing::warn!(listener, unsaid, "{what}");
            }
        }
    }
}

/// What to do about a file that the system refuses.
fn who(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            "; the members of the group `systemd-journal` may read it"
        }
        _ => "",
    }
}

struct Task {
    intake: Intake,
    window: Window<Places>,
    settlements: Settlements<Places>,
    deliveries: mpsc::Sender<Delivery>,
    kept: Kept,
    stop: Stop,
}

impl Task {
    async fn run(mut self, reader: Reader, is_first: bool, only_new: bool) {
        let Some(mut reader) = off(move || reader.begin(is_first, only_new)).await else { return };
        let mut durable = reader.files.places().clone();
        // Also where there is nothing to read yet: the next life goes on from here.
        let mut written: Option<(Places, Instant)> = None;
        loop {
            while let Some((places, outcome)) = self.settlements.try_next() {
                if let Some(back) = self.settled(places, outcome, &mut durable).await {
                    reader.files.go_back(back);
                    reader.scanned = None;
                }
            }
            self.keep(&durable, &mut written).await;
            if self.stop.phase() >= Phase::Drain || self.deliveries.is_closed() {
                break;
            }
            let slot = tokio::select! {
                biased;
                () = self.stop.drain() => break,
                slot = self.window.reserve() => slot,
            };
            let Some(slot) = slot else { break };
            let Some((back, batch)) = off(move || reader.batch()).await else { return };
            reader = back;
            self.count(&mut reader);
            let Some((batch, truncated)) = batch else {
                drop(slot);
                if self.window.free() == IN_FLIGHT {
                    reader.files.forget_gone();
                    durable = reader.files.places().clone();
                }
                tokio::select! {
                    () = self.stop.drain() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
                continue;
            };
            let stats = &self.intake.stats;
            stats.received.add(batch.len() as u64);
            stats.bytes.add(batch.byte_len() as u64);
            stats.truncated.add(truncated);
            let delivery = Delivery::new(batch, slot.ack(reader.files.places().clone()));
            if self.deliveries.send(delivery).await.is_err() {
                break;
            }
        }
        // Nothing more is read; what was read goes to the bus.
        let Task { window, mut settlements, deliveries, kept, .. } = self;
        drop((window, deliveries));
        while let Some((places, outcome)) = settlements.next().await {
            match outcome {
                Outcome::Nack => break,
                Outcome::Ack(_) => durable = places,
            }
        }
        keep(&kept, durable).await;
    }

    /// Notes that the bus holds a batch; where to go back to, if it gave it back.
    async fn settled(&mut self, places: Places, outcome: Outcome, durable: &mut Places) -> Option<Places> {
        if let Outcome::Ack(_) = outcome {
            *durable = places;
            return None;
        }
        // Later batches may have been taken; they are read again with it, and recognised.
        while self.window.free() < IN_FLIGHT {
            self.settlements.next().await?;
        }
        Some(durable.clone())
    }

    /// Counts what is lost.
    fn count(&self, reader: &mut Reader) {
        self.intake.stats.lost.add(std::mem::take(&mut reader.gap));
    }

    /// Writes the places, once in a while.
    async fn keep(&self, durable: &Places, written: &mut Option<(Places, Instant)>) {
        let is_due = written.as_ref().is_none_or(|(places, at)| places != durable && at.elapsed() >= KEEP);
        if is_due {
            keep(&self.kept, durable.clone()).await;
            *written = Some((durable.clone(), Instant::now()));
        }
    }
}

/// Writes the places. If that fails, more is read again in the next life, and recognised.
async fn keep(kept: &Kept, places: Places) {
    let kept = kept.clone();
    let path = kept.path().display().to_string();
    if let Some(Err(error)) = off(move || kept.write(&places)).await {
        tracing::warn!(file = path, %error, "cannot write how far the journal was read; trying again");
    }
}

/// Does work off the reactor. Nothing if it ended unexpectedly.
async fn off<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "reading the journal ended unexpectedly, which is a bug of loggr");
            None
        }
    }
}

#[cfg(test)]
mod tests;
