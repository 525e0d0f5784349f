//! The kernel's messages as a source: the records of `/dev/kmsg` become events, each once.
//!
//! For hosts without a journal, which has them too. A task reads the ring (`device`, `reader`), makes events of
//! its records (`record`) and hands them to the bus. How far it has read is kept (`place`), always behind the
//! receipt: after `kill -9` it reads some records again, and their uids, which are made of the boot and of the
//! kernel's own numbers, are those that they had. While the bus takes nothing it waits, and the ring keeps what
//! it has room for. Records that were overwritten unread are a gap that is told and counted. What an earlier
//! boot has said is gone with it.

mod device;
mod place;
mod reader;
mod record;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use loggr_flow::{Delivery, Outcome, Phase, Settlements, Stop, Window, channel_source, window};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::intake::Intake;
use crate::process::clock::now;
use crate::process::told::Told;
use place::{Base, Boot, Kept, Place};
use reader::{Clocks, Reader, Taken};

pub use device::{DEVICE, Device};

/// Batches that may wait for the bus.
const IN_FLIGHT: usize = 4;
/// How often it looks whether there is something to read, where nobody tells it.
const LOOK: Duration = Duration::from_millis(500);
/// How often the place is written, at most.
const KEEP: Duration = Duration::from_secs(1);

/// What is read.
#[derive(Debug)]
pub struct Kernel {
    /// Where the records are.
    pub device: Device,
    /// Where its place is kept.
    pub place: PathBuf,
    /// Records that are there when it is read for the first time are left out.
    pub only_new: bool,
}

/// Reads until draining; resolves when everything that was read is with the bus.
///
/// # Errors
/// A place that cannot be read: where it would have to begin is unknown.
pub fn read(kernel: Kernel, intake: Intake, stop: Stop) -> Result<impl Future<Output = ()> + use<>> {
    if let Some(directory) = kernel.place.parent() {
        loggr_disk::make_directory(directory)
            .with_context(|| format!("cannot create `{}`", directory.display()))?;
    }
    let kept = Kept::at(kernel.place);
    let found = match kept.read() {
        Ok(found) => found,
        Err(why) => bail!(
            "cannot read how far the kernel's messages were read, in `{}`: {why}; without this file loggr reads all of \
             them again that are there, or with `start = \"end\"` what comes from now on",
            kept.path().display()
        ),
    };
    let boot = Boot::now().context("cannot read which boot of this host this is")?;
    let start = clocks().start;
    let first = Place { boot, next: 0, base: Base { zero: start, start } };
    let (place, knows_next) = match found {
        Some(place) if place.boot == boot => (place, true),
        Some(_) => {
            let listener = intake.stats.name();
            tracing::info!(
                listener,
                "the host has started anew; the messages of its kernel are read from the first on"
            );
            (first, true)
        }
        None => (first, false),
    };
    let watch = watching(&kernel.device);
    let origin = Arc::new(intake.origin_of(None));
    let reader = Reader::new(kernel.device, place, knows_next, origin, intake.max_message_size);
    let (deliveries, source) = channel_source(IN_FLIGHT);
    let pumping = intake.pump(source, stop.clone());
    let (window, settlements) = window(IN_FLIGHT);
    let task = Task { intake, window, settlements, deliveries, kept, stop, watch, told: Told::default() };
    let skips = found.is_none() && kernel.only_new;
    Ok(async move {
        let reading = tokio::spawn(task.run(reader, skips));
        pumping.await;
        // What it still has to do is to write the last place.
        if reading.await.is_err() {
            tracing::error!(
                "the task that reads the kernel's messages ended unexpectedly, which is a bug of loggr"
            );
        }
    })
}

/// What tells that there is something to read; without it that is looked for.
fn watching(device: &Device) -> Option<AsyncFd<OwnedFd>> {
    let handle = device.watched().ok()?;
    // SAFETY: the handle is open, is given away whole, and is closed only with what watches it.
    unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }.ok()
}

/// What the clocks say now.
fn clocks() -> Clocks {
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let up = up.tv_sec.saturating_mul(1_000_000).saturating_add(up.tv_nsec / 1000);
    let wall = now().unix_micros();
    Clocks { wall, start: wall.saturating_sub(up) }
}

struct Task {
    intake: Intake,
    window: Window<u64>,
    settlements: Settlements<u64>,
    deliveries: mpsc::Sender<Delivery>,
    kept: Kept,
    stop: Stop,
    watch: Option<AsyncFd<OwnedFd>>,
    told: Told,
}

/// The place that was written last, and when.
type Written = Option<(Place, Instant)>;

impl Task {
    async fn run(mut self, mut reader: Reader<Device>, skips: bool) {
        if skips && let Err(error) = reader.skip_all() {
            self.tell("cannot read the kernel's messages", 0, Some(&error));
        }
        let mut durable = reader.place();
        let mut written: Written = None;
        loop {
            while let Some((next, outcome)) = self.settlements.try_next() {
                self.settled(next, outcome, &mut durable, &mut reader).await;
            }
            if self.stop.phase() >= Phase::Drain || self.deliveries.is_closed() {
                break;
            }
            let wanted = reader.wanted();
            if wanted.is_some() && durable.next != reader.place().next {
                // What was read with the old base has to be with the bus before.
                tokio::select! {
                    biased;
                    () = self.stop.drain() => {}
                    settled = self.settlements.next() => {
                        let Some((next, outcome)) = settled else { break };
                        self.settled(next, outcome, &mut durable, &mut reader).await;
                    }
                }
                continue;
            }
            if let Some(base) = wanted {
                (durable.base, written) = (base, None);
            }
            // Also where there is nothing to read yet: the next life goes on from here.
            if !self.keep(&durable, &mut written).await {
                self.rest(KEEP).await;
                continue;
            }
            if let Some(base) = wanted {
                reader.set_base(base);
            }
            let slot = tokio::select! {
                biased;
                () = self.stop.drain() => break,
                slot = self.window.reserve() => slot,
            };
            let Some(slot) = slot else { break };
            let taking = off(move || {
                let taken = reader.take(clocks);
                (reader, taken)
            });
            let Some((back, taken)) = taking.await else { return };
            reader = back;
            let Taken { batch, truncated, lost, error } = taken;
            self.intake.stats.lost.add(lost);
            if lost > 0 {
                self.tell("messages of the kernel were overwritten before they were read", lost, None);
            }
            if let Some(batch) = batch {
                let stats = &self.intake.stats;
                stats.received.add(batch.len() as u64);
                stats.bytes.add(batch.byte_len() as u64);
                stats.truncated.add(truncated);
                let delivery = Delivery::new(batch, slot.ack(reader.place().next));
                if self.deliveries.send(delivery).await.is_err() {
                    break;
                }
            } else if let Some(error) = error {
                drop(slot);
                self.tell("cannot read the kernel's messages", 0, Some(&error));
                self.rest(KEEP).await;
            } else if reader.wanted().is_none() {
                drop(slot);
                self.more().await;
            }
        }
        // Nothing more is read; what was read goes to the bus.
        let Task { window, mut settlements, deliveries, kept, .. } = self;
        drop((window, deliveries));
        while let Some((next, outcome)) = settlements.next().await {
            match outcome {
                Outcome::Nack => break,
                Outcome::Ack(_) => durable.next = next,
            }
        }
        write(&kept, durable).await;
    }

    /// Notes that the bus holds a batch, or goes back to where it holds everything.
    async fn settled(
        &mut self,
        next: u64,
        outcome: Outcome,
        durable: &mut Place,
        reader: &mut Reader<Device>,
    ) {
        if let Outcome::Ack(_) = outcome {
            durable.next = next;
            return;
        }
        // Later batches may have been taken; they are read again with it, and recognised.
        while self.window.free() < IN_FLIGHT && self.settlements.next().await.is_some() {}
        if let Err(error) = reader.go_back(*durable) {
            self.tell("cannot go back to earlier messages of the kernel", 0, Some(&error));
        }
    }

    /// Writes the place, once in a while. False: it is not the one with which may be read.
    async fn keep(&self, durable: &Place, written: &mut Written) -> bool {
        let is_due = written.as_ref().is_none_or(|(place, at)| place != durable && at.elapsed() >= KEEP);
        if !is_due {
            return true;
        }
        let is_kept = write(&self.kept, *durable).await;
        match written {
            Some((_, at)) if !is_kept => *at = Instant::now(),
            _ if is_kept => *written = Some((*durable, Instant::now())),
            _ => return false,
        }
        true
    }

    /// Until the kernel says something, or it is time to look.
    async fn more(&mut self) {
        let Task { watch, stop, .. } = self;
        let told = async {
            match watch {
                None => std::future::pending().await,
                Some(watch) => match watch.readable().await {
                    Ok(mut ready) => ready.clear_ready(),
                    Err(_) => std::future::pending().await,
                },
            }
        };
        tokio::select! {
            () = stop.drain() => {}
            () = told => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }

    async fn rest(&mut self, pause: Duration) {
        tokio::select! {
            () = self.stop.drain() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Says it, once in a while.
    fn tell(&self, what: &str, lost: u64, error: Option<&std::io::Error>) {
        if let Some(unsaid) = self.told.tell(what) {
            let (listener, unsaid) = (self.intake.stats.name(), (unsaid > 0).then_some(unsaid));
            let (lost, error) = ((lost > 0).then_some(lost), error.map(tracing::field::display));
            tracing::warn!(listener, lost, error, unsaid, "{what}");
        }
    }
}

/// Writes the place; false if that failed. Then more is read again in the next life, and recognised.
async fn write(kept: &Kept, place: Place) -> bool {
    let kept = kept.clone();
    let path = kept.path().display().to_string();
    match off(move || kept.write(&place)).await {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            tracing::warn!(file = path, %error, "cannot write how far the kernel's messages were read; trying again");
            false
        }
        None => false,
    }
}

/// Does work off the reactor. Nothing if it ended unexpectedly.
async fn off<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "reading the kernel's messages ended unexpectedly, which is a bug of loggr");
            None
        }
    }
}
