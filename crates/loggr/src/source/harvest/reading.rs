//! Takes a file that was examined: cuts it into lines and gives them to the bus, up to the receipt of the last.
//!
//! In a thread of its own. Not whether a file may be taken, and not what becomes of it afterwards. Invariants:
//! the uid of a line and its time of reception are those that the ledger holds for its place, so that a line
//! that is read again is the same event; the ledger says that a line was taken only when the bus holds it.
//!
//! The time of reception of the lines that follow is taken anew with each note in the ledger: stores that
//! remember the events of a span of time know those that may come again, however long a file takes. With
//! packers a note is only made where they hold nothing, because what they join must begin at the same line
//! again.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::{MAX_FILE_LINES, Origin, Timestamp};
use loggr_flow::{BatchBuilder, Delivery, Outcome, Settlements, Stage, Window};
use loggr_wire::framing::{Frame, Framer, Mode};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::Ended;
use super::examine::{self, READ_BYTES, ended, read_full};
use super::identity::{Identity, uids};
use super::ledger::{Entry, Ledger, Place};
use super::stats::HarvestStats;
use crate::process::clock::now;
use crate::source::content::Content;
use crate::source::intake::is_blank;

/// How often the ledger is told how far a file was taken.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// Blocks of a file after which a packer passes on what it holds: a time of the file, not of the clock.
const HELD_BLOCKS: u32 = 64;
/// Batches of one file that may be on their way.
pub const WINDOW: usize = 4;
/// The same with packers, which hold some of them.
pub const PACKING_WINDOW: usize = HELD_BLOCKS as usize * 2;

/// A packer, and how long it would hold lines by the clock.
pub type Packing = (Box<dyn Stage>, Duration);

/// What is to be taken, and how.
pub struct Job<'j> {
    /// Its identity.
    pub identity: Identity,
    /// What the ledger holds of it.
    pub entry: Entry,
    /// What its events have in common.
    pub origin: Arc<Origin>,
    /// Longest line in bytes.
    pub max_message_size: usize,
    /// What joins its lines, in order.
    pub packers: Vec<Packing>,
    /// Where it is noted how far it was taken.
    pub ledger: &'j Ledger,
    /// Counters.
    pub stats: &'j HarvestStats,
    /// The way to the bus.
    pub way: Way,
}

/// Takes it to its end; gives its entry with how far that is. `goes_on` is asked between two reads.
pub fn take(file: File, mut job: Job<'_>, goes_on: impl Fn() -> bool) -> Result<Entry, Ended> {
    let Content { mut text, .. } = examine::open(file, &Arc::default())?;
    let mut cut = Cut::new(&job);
    let (mut hash, mut at) = (Sha256::new(), 0);
    let mut noted = Instant::now();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if !goes_on() {
            job.note(&mut cut)?;
            return Err(Ended::Stops);
        }
        let n = read_full(&mut text, &mut buffer).map_err(ended)?;
        let block = buffer.get(..n).unwrap_or_default();
        hash.update(block);
        // What was taken before is not taken again.
        let skip = job.entry.place.offset.saturating_sub(at).min(n as u64);
        at += n as u64;
        let is_last = n < buffer.len();
        cut.feed(block.get(usize::try_from(skip).unwrap_or_default()..).unwrap_or_default(), at, is_last);
        if cut.place.lines > MAX_FILE_LINES {
            return Err(Ended::Refused(format!("it has more than {MAX_FILE_LINES} lines")));
        }
        let batch = cut.end(job.stats);
        job.way.send(batch, &mut job.packers, is_last)?;
        if is_last {
            break;
        }
        if noted.elapsed() >= NOTE_EVERY && job.note(&mut cut)? {
            noted = Instant::now();
        }
    }
    job.way.drain()?;
    // Nobody may go on writing a file that has a name of its own.
    if hash.finalize().as_slice() != job.entry.content {
        return Err(Ended::Changed);
    }
    job.entry.place = Place { offset: at, stamp: now().unix_micros(), ..cut.place };
    Ok(job.entry)
}

impl Job<'_> {
    /// Waits until the bus holds everything up to here, and notes that. False where a packer holds something.
    fn note(&mut self, cut: &mut Cut) -> Result<bool, Ended> {
        if self.packers.iter().any(|(packer, _)| packer.wake_at().is_some()) {
            return Ok(false);
        }
        if cut.place != self.entry.place {
            self.way.drain()?;
            cut.place.stamp = now().unix_micros();
            self.entry.place = cut.place;
            self.ledger.enter(self.identity, &self.entry, &[]).map_err(Ended::broken)?;
        }
        Ok(true)
    }
}

/// Cuts a file into lines.
struct Cut {
    framer: Framer,
    builder: BatchBuilder,
    origin: Arc<Origin>,
    seed: u64,
    /// Behind the last line that is whole.
    place: Place,
}

impl Cut {
    fn new(job: &Job<'_>) -> Cut {
        Cut {
            framer: Framer::new(Mode::Lf, job.max_message_size),
            builder: BatchBuilder::default(),
            origin: job.origin.clone(),
            seed: job.entry.seed,
            place: job.entry.place,
        }
    }

    /// Takes what stands in the file up to `end`.
    fn feed(&mut self, bytes: &[u8], end: u64, is_last: bool) {
        let Cut { framer, builder, origin, seed, place } = self;
        let (uids, stamp) = (uids(*seed), Timestamp::from_unix_micros(place.stamp));
        let mut push = |line: Frame<'_>| {
            if is_blank(&line) {
                return;
            }
            let number = usize::try_from(place.lines).unwrap_or(usize::MAX);
            place.lines += 1;
            // The last line of a file needs no line end.
            builder.push_frame(origin, uids.at(number, stamp), stamp, line.bytes, line.original_len, false);
        };
        framer.feed(bytes, &mut push);
        if is_last {
            framer.finish(&mut push);
        }
        if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
            place.offset = end - (bytes.len() - last - 1) as u64;
        }
    }

    /// The lines so far as a batch.
    fn end(&mut self, stats: &HarvestStats) -> Option<loggr_flow::Batch> {
        let batch = self.builder.finish()?;
        stats.lines.add(batch.len() as u64);
        stats.bytes.add(batch.byte_len() as u64);
        let cut = batch.records().filter(|record| record.original_len.is_some()).count();
        stats.truncated.add(cut as u64);
        Some(batch)
    }
}

/// How much of what was sent is settled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settled {
    /// Batches that the bus holds.
    acked: u64,
    /// One was given back.
    is_nacked: bool,
}

/// The way of a file's batches to the bus.
pub struct Way {
    window: Window<()>,
    deliveries: mpsc::Sender<Delivery>,
    settled: watch::Receiver<Settled>,
    sent: u64,
    /// The time of the file for packers, which counts blocks.
    begun: Instant,
    blocks: u32,
}

impl Way {
    /// Over this window, to whoever takes the deliveries. To be called in the runtime.
    pub fn new(
        window: Window<()>,
        mut settlements: Settlements<()>,
        deliveries: mpsc::Sender<Delivery>,
    ) -> Way {
        let (tell, settled) = watch::channel(Settled::default());
        tokio::spawn(async move {
            while let Some(((), outcome)) = settlements.next().await {
                tell.send_modify(|settled| match outcome {
                    Outcome::Ack(_) => settled.acked += 1,
                    Outcome::Nack => settled.is_nacked = true,
                });
            }
        });
        Way { window, deliveries, settled, sent: 0, begun: Instant::now(), blocks: 0 }
    }

    /// Sends the batch of a block of the file, through the packers; waits while the bus takes nothing.
    fn send(
        &mut self,
        batch: Option<loggr_flow::Batch>,
        packers: &mut [Packing],
        is_last: bool,
    ) -> Result<(), Ended> {
        self.blocks += 1;
        let mut deliveries = Vec::new();
        if let Some(batch) = batch {
            let slot = Handle::current().block_on(self.window.reserve()).ok_or_else(given_back)?;
            self.sent += 1;
            deliveries.push(Delivery::new(batch, slot.ack(())));
        }
        for (packer, age) in packers {
            // The clock of the file: what belongs together does not depend on how fast it is read.
            let time = self.begun + *age / HELD_BLOCKS * self.blocks;
            deliveries.drain(..).for_each(|delivery| packer.feed(delivery, time));
            deliveries.extend(std::iter::from_fn(|| packer.ready(time)));
            if is_last {
                packer.flush();
                deliveries.extend(std::iter::from_fn(|| packer.ready(time)));
            }
        }
        for delivery in deliveries {
            let sent = Handle::current().block_on(self.deliveries.send(delivery));
            sent.map_err(|_| given_back())?;
        }
        match self.settled.borrow().is_nacked {
            true => Err(given_back()),
            false => Ok(()),
        }
    }

    /// Waits until the bus holds everything that was sent.
    fn drain(&mut self) -> Result<(), Ended> {
        let sent = self.sent;
        let all = self.settled.wait_for(|settled| settled.acked >= sent || settled.is_nacked);
        match Handle::current().block_on(all).map(|settled| settled.is_nacked) {
            Ok(false) => Ok(()),
            Ok(true) | Err(_) => Err(given_back()),
        }
    }
}

/// The pump has ended: loggr stops, or has a bug.
fn given_back() -> Ended {
    Ended::Later("the queue gave some of its lines back".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use loggr_event::Uid;
    use loggr_flow::packer::{Packer, PackerLimits, Rule, StartFormat};
    use loggr_flow::{Batch, Quiet, Receipt, Sink, Stop, StoreError, channel_source, pump, window};

    use super::*;
    use crate::source::intake::NoRescue;

    struct Taken {
        result: Result<Entry, Ended>,
        events: Vec<(Uid, i64, String)>,
    }

    /// Keeps what it gets.
    #[derive(Clone, Default)]
    struct Keep(Arc<std::sync::Mutex<Vec<(Uid, i64, String)>>>);

    impl Sink for Keep {
        async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
            let mut kept = self.0.lock().unwrap();
            kept.extend(batch.records().map(|record| {
                let event = record.event();
                (event.uid, event.timegenerated.unix_micros(), event.message.into_owned())
            }));
            Ok(Receipt::sign(batch))
        }
    }

    fn entry(bytes: &[u8], place: Place) -> Entry {
        Entry {
            path: "a".to_owned(),
            is: (1, 1),
            changed: 0,
            content: Sha256::digest(bytes).into(),
            length: bytes.len() as u64,
            seed: 99,
            place,
            taken: None,
        }
    }

    async fn taken(bytes: &[u8], place: Place, start: Option<&str>) -> Taken {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (deliveries, source) = channel_source(WINDOW);
        let sink = Keep::default();
        let pumping = tokio::spawn(pump(source, sink.clone(), NoRescue, Stop::never(), Quiet));
        let (window, settlements) = window(if start.is_some() { PACKING_WINDOW } else { WINDOW });
        let way = Way::new(window, settlements, deliveries);
        let packers = start.iter().map(|start| {
            let rule = Rule::by_format(vec![StartFormat::parse(start).unwrap()]);
            let packer = Packer::new(rule, PackerLimits::default(), Arc::default());
            (Box::new(packer) as Box<dyn Stage>, Duration::from_secs(1))
        });
        let packers = packers.collect();
        let entry = entry(bytes, place);
        let result = tokio::task::spawn_blocking(move || {
            let ledger = Ledger::open(directory.path()).unwrap();
            let stats = HarvestStats::new("a");
            let origin = Origin {
                transport: loggr_event::Transport::Harvest,
                format: loggr_event::InputFormat::Raw,
                ..Origin::default()
            };
            let job = Job {
                identity: Identity::of("a", &entry.content, entry.length),
                entry,
                origin: Arc::new(origin),
                max_message_size: 1000,
                packers,
                ledger: &ledger,
                stats: &stats,
                way,
            };
            take(file, job, || true)
        });
        let result = result.await.unwrap();
        pumping.await.unwrap().unwrap();
        let events = std::mem::take(&mut *sink.0.lock().unwrap());
        Taken { result, events }
    }

    fn texts(taken: &Taken) -> Vec<&str> {
        taken.events.iter().map(|(_, _, text)| text.as_str()).collect()
    }

    const BEGIN: Place = Place { offset: 0, lines: 0, stamp: 1_790_000_000_000_000 };

    #[tokio::test(flavor = "multi_thread")]
    async fn the_same_lines_are_the_same_events_from_wherever_they_are_read() {
        let text: String = (0..40_000).map(|n| format!("line {n} of a file\n\r\n")).collect();
        let whole = taken(text.as_bytes(), BEGIN, None).await;
        assert_eq!((whole.events.len(), whole.result.unwrap().place.lines), (40_000, 40_000));
        let mut uids: Vec<Uid> = whole.events.iter().map(|(uid, ..)| *uid).collect();
        uids.dedup();
        assert_eq!(uids.len(), 40_000);
        let from = text.find("line 30000 ").unwrap() as u64;
        let rest = taken(text.as_bytes(), Place { offset: from, lines: 30_000, ..BEGIN }, None).await;
        assert_eq!(rest.events, whole.events[30_000..]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_last_line_needs_no_end_and_a_long_one_is_cut() {
        let text = format!("one\r\n{}\nthree", "x".repeat(3000));
        let all = taken(text.as_bytes(), BEGIN, None).await;
        assert_eq!(texts(&all), ["one", &"x".repeat(1000), "three"]);
        let place = all.result.unwrap().place;
        assert_eq!((place.offset, place.lines), (text.len() as u64, 3));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_what_was_examined_is_not_finished() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one\n").unwrap();
        let all = taken(b"one\n", BEGIN, None).await;
        assert!(all.result.is_ok());
        let directory = tempfile::tempdir().unwrap();
        file.rewind().unwrap();
        let (deliveries, source) = channel_source(WINDOW);
        let pumping = tokio::spawn(pump(source, Keep::default(), NoRescue, Stop::never(), Quiet));
        let (window, settlements) = window(WINDOW);
        let way = Way::new(window, settlements, deliveries);
        let result = tokio::task::spawn_blocking(move || {
            let (ledger, stats) = (Ledger::open(directory.path()).unwrap(), HarvestStats::new("a"));
            let entry = entry(b"two\n", BEGIN);
            let identity = Identity::of("a", &entry.content, 4);
            let (ledger, stats) = (&ledger, &stats);
            let origin = Arc::default();
            let job =
                Job { identity, entry, origin, max_message_size: 9, packers: Vec::new(), ledger, stats, way };
            take(file, job, || true)
        });
        assert!(matches!(result.await.unwrap(), Err(Ended::Changed)));
        pumping.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn packed_lines_are_the_same_events_again() {
        let text: String =
            (0..30_000).map(|n| format!("BEGIN block {n}\n  and more of it\n  and the end\n")).collect();
        let one = taken(text.as_bytes(), BEGIN, Some("BEGIN $MESSAGE")).await;
        assert_eq!(one.events.len(), 30_000);
        assert_eq!(one.events[29_999].2, "BEGIN block 29999\n  and more of it\n  and the end");
        let again = taken(text.as_bytes(), BEGIN, Some("BEGIN $MESSAGE")).await;
        assert_eq!(one.events, again.events);
        // Also from where nothing was held.
        let from = text.find("BEGIN block 20000\n").unwrap() as u64;
        let place = Place { offset: from, lines: 60_000, ..BEGIN };
        let rest = taken(text.as_bytes(), place, Some("BEGIN $MESSAGE")).await;
        assert_eq!(rest.events, one.events[20_000..]);
        one.result.unwrap();
    }
}
