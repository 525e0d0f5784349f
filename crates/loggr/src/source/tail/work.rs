//! The work of one listener of files: reads what has come, fairly, writes down what is on its way, hands it
//! over, and moves the positions behind the acknowledgements.
//!
//! Not which files there are (`scan`, `search`). Nothing is read while too much is on its way, so that files
//! wait and memory does not grow.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use loggr_event::{Assumed, InputFormat, Origin, Timestamp, UidBlock};
use loggr_flow::{Batch, Delivery, Outcome, Phase, Settlements, Stop, Tally, Window, window};
use loggr_net::bind::host_name;
use memchr::memchr_iter;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Tailing;
use super::container;
use super::file::{Next, Shape, Tailed};
use super::fragments::Runtime;
use super::positions::{Id, Known, Positions, Stretch};
use super::round::{Lines, Place, Rounds};
use crate::config::Files;
use crate::process::clock;
use crate::source::FileStats;
use crate::source::content::judge;
use crate::source::intake::Intake;

/// Batches on their way, at most.
pub const SLOTS: usize = 8;
/// A file is read in pieces of so many bytes, at least and mostly.
const LEAST_BLOCK_BYTES: usize = 256 << 10;
/// Room in a block beside the longest line.
const BESIDE_A_LINE: usize = 16 << 10;
/// A batch is handed over when it is so large.
const ROUND_BYTES: usize = 1 << 20;
/// Positions that have moved are written down so soon, if nothing is read meanwhile.
const COMMIT_AFTER: Duration = Duration::from_secs(1);
/// The pause after positions could not be written down.
const COMMIT_PAUSE: Duration = Duration::from_millis(500);
/// Beginnings of files that are looked at to see whether they are text.
const LOOK_BYTES: usize = 8 << 10;
/// When a last line of a container counts as whole, if nobody says it.
const CONTAINER_PARTIAL_AFTER: Duration = Duration::from_secs(10);

/// The files of a listener, and what is on its way.
pub struct Tail {
    pub(super) wanted: Files,
    pub(super) intake: Intake,
    pub(super) shape: Shape,
    window_bytes: u64,
    pub(super) positions: Positions,
    /// Files that are read, and those that have to be found.
    pub(super) files: BTreeMap<Id, Tailed>,
    /// What is known of others.
    pub(super) known: BTreeMap<Id, Known>,
    /// By device and number.
    pub(super) by_inode: HashMap<(u64, u64), Id>,
    /// Numbers of inodes of which nobody knows how far they were read.
    pub(super) damaged: BTreeSet<u64>,
    /// Files that are due, now or soon.
    active: BTreeSet<Id>,
    last_read: Id,
    pub(super) dirty: BTreeSet<Id>,
    committed: Instant,
    pub(super) next_scan: Instant,
    pub(super) scanning: super::memory::Memory,
    rounds: Rounds,
    lines: Lines,
    buffer: Vec<u8>,
    /// So many files are open, at most.
    pub(super) open: usize,
    /// Files that are no text.
    pub(super) binary: BTreeMap<Id, PathBuf>,
}

impl Tail {
    /// Reads what is written down; where nothing is, that loggr has been here.
    pub fn open(tailing: Tailing) -> Result<Tail> {
        let Tailing { files, format, window_bytes, positions, intake } = tailing;
        let listener = intake.stats.name().to_owned();
        let shown = positions.display().to_string();
        let (mut positions, found) = Positions::open(&positions, &listener)
            .with_context(|| format!("cannot read in `{shown}` how far each file was read"))?;
        if found.is_damaged {
            let path = positions.path().to_owned();
            let text = "it is damaged, so that nobody knows how far the files were read, and none is read; move it away \
                        to have all of them read from their beginnings again";
            if let Some(stats) = &intake.stats.files {
                stats.trouble(&path, text);
            }
            bail!("`{}`: {text}", path.display());
        }
        if positions.looked == 0 {
            // What is made from now on is new. A disk that takes nothing is told at the first look.
            drop(positions.begin(super::memory::nanos_now()));
        }
        let runtime = match format {
            InputFormat::Docker => Some(Runtime::Docker),
            InputFormat::Cri => Some(Runtime::Cri),
            _ => None,
        };
        let limit = intake.max_message_size;
        let block = (window_bytes / 4).clamp(LEAST_BLOCK_BYTES, ROUND_BYTES).max(2 * limit + BESIDE_A_LINE);
        let mut wanted = files;
        if runtime.is_some() {
            wanted.partial_line_after.get_or_insert(CONTAINER_PARTIAL_AFTER);
        }
        let now = Instant::now();
        Ok(Tail {
            wanted,
            intake,
            shape: Shape { runtime, limit, block },
            window_bytes: window_bytes as u64,
            positions,
            files: BTreeMap::new(),
            known: found.files,
            by_inode: HashMap::new(),
            damaged: found.damaged,
            active: BTreeSet::new(),
            last_read: 0,
            dirty: BTreeSet::new(),
            committed: now,
            next_scan: now,
            scanning: super::memory::Memory::default(),
            rounds: Rounds::default(),
            lines: Lines::default(),
            buffer: Vec::new(),
            open: 0,
            binary: BTreeMap::new(),
        })
    }

    /// Works until draining begins, and then until everything is settled.
    pub fn run(mut self, runtime: &Handle, mut stop: Stop, deliveries: &mpsc::Sender<Delivery>) {
        let (window, mut settlements) = window::<u64>(SLOTS);
        while stop.phase() == Phase::Run {
            self.settle(&mut settlements);
            let now = Instant::now();
            if now >= self.next_scan {
                self.scan(now);
            }
            if let Some((number, batch)) = self.read(now, window.free()) {
                let goes_on = self.write_down(runtime, &mut stop);
                let goes_on = goes_on && self.hand_over(runtime, &window, deliveries, number, batch);
                if !goes_on {
                    // It is read again in the next life.
                    self.settled(number, &Outcome::Nack);
                    if deliveries.is_closed() {
                        break;
                    }
                }
                continue;
            }
            if !self.dirty.is_empty() && self.committed.elapsed() >= COMMIT_AFTER {
                self.commit();
            }
            self.tell();
            if let Some((number, outcome)) = self.wait(runtime, window.free(), &mut settlements, &mut stop) {
                self.settled(number, &outcome);
            }
        }
        while !self.rounds.is_empty() {
            let settled = runtime.block_on(async {
                tokio::select! {
                    settled = settlements.next() => settled,
                    () = stop.abort() => None,
                }
            });
            let Some((number, outcome)) = settled else { break };
            self.settled(number, &outcome);
        }
        self.commit();
    }

    /// Numbers for the status.
    pub(super) fn stats(&self) -> Option<&FileStats> {
        self.intake.stats.files.as_deref()
    }

    /// Waits until something is to do; gives what was settled.
    fn wait(
        &self,
        runtime: &Handle,
        slots: usize,
        settlements: &mut Settlements<u64>,
        stop: &mut Stop,
    ) -> Option<(u64, Outcome)> {
        let due = self.active.iter().filter_map(|id| self.files.get(id)?.due).min();
        let is_full = self.is_full() || slots == 0 || self.rounds.is_broken;
        let until = match due {
            Some(due) if !is_full => due.min(self.next_scan),
            _ => self.next_scan,
        };
        runtime.block_on(async {
            tokio::select! {
                settled = settlements.next(), if !self.rounds.is_empty() => settled,
                () = stop.drain() => None,
                () = tokio::time::sleep_until(until.into()) => None,
            }
        })
    }

    /// Hands a batch over; one without lines is settled at once. False where nobody takes it.
    fn hand_over(
        &mut self,
        runtime: &Handle,
        window: &Window<u64>,
        deliveries: &mpsc::Sender<Delivery>,
        number: u64,
        batch: Option<Batch>,
    ) -> bool {
        let Some(batch) = batch else {
            self.settled(number, &Outcome::Ack(Tally::default()));
            return true;
        };
        runtime.block_on(async {
            let Some(slot) = window.reserve().await else { return false };
            deliveries.send(Delivery::new(batch, slot.ack(number))).await.is_ok()
        })
    }

    fn is_full(&self) -> bool {
        !self.rounds.is_empty() && self.rounds.bytes + self.shape.block as u64 > self.window_bytes
    }

    /// A file is to be looked at soon.
    pub(super) fn wake(&mut self, id: Id, now: Instant) {
        if let Some(file) = self.files.get_mut(&id) {
            file.wake(now);
            self.active.insert(id);
        }
    }

    /// It is due, sooner or later.
    pub(super) fn activate(&mut self, id: Id) {
        self.active.insert(id);
    }

    fn settle(&mut self, settlements: &mut Settlements<u64>) {
        while let Some((number, outcome)) = settlements.try_next() {
            self.settled(number, &outcome);
        }
    }

    fn settled(&mut self, number: u64, outcome: &Outcome) {
        for (id, end) in self.rounds.settle(number, outcome) {
            if let Some(file) = self.files.get_mut(&id) {
                file.arrived(end);
                self.dirty.insert(id);
            }
        }
        if self.rounds.is_broken && self.rounds.is_empty() {
            self.rounds = Rounds::default();
            let now = Instant::now();
            for (id, file) in &mut self.files {
                file.rewind(now);
                self.active.insert(*id);
            }
        }
    }

    /// Reads what has come, of each file in its turn, and gives a batch of it.
    fn read(&mut self, now: Instant, slots: usize) -> Option<(u64, Option<Batch>)> {
        if self.active.is_empty() || slots == 0 || self.rounds.is_broken || self.is_full() {
            return None;
        }
        let behind = self.active.range((Bound::Excluded(self.last_read), Bound::Unbounded));
        let mut turn: VecDeque<Id> = behind.chain(self.active.range(..=self.last_read)).copied().collect();
        let (mut ends, mut bytes) = (Vec::new(), 0u64);
        let received = clock::now();
        while let Some(id) = turn.pop_front() {
            let is_due = self.files.get(&id).is_some_and(|file| file.due.is_some_and(|due| due <= now));
            if !is_due {
                if self.files.get(&id).is_none_or(|file| file.due.is_none()) {
                    self.active.remove(&id);
                }
                continue;
            }
            self.last_read = id;
            if let Some((end, len)) = self.read_one(id, now, received) {
                ends.push((id, end));
                bytes += len;
                turn.push_back(id);
            }
            let room = self.window_bytes.saturating_sub(self.rounds.bytes + bytes);
            if self.lines.byte_len() >= ROUND_BYTES
                || bytes >= ROUND_BYTES as u64
                || room < self.shape.block as u64
            {
                break;
            }
        }
        if ends.is_empty() {
            return None;
        }
        Some((self.rounds.begin(ends, bytes), self.lines.end(&self.intake)))
    }

    /// The next stretch of a file: where it ends, and its length.
    fn read_one(&mut self, id: Id, now: Instant, received: Timestamp) -> Option<(u64, u64)> {
        if !self.is_open(id, now) {
            return None;
        }
        let file = self.files.get_mut(&id)?;
        let next = file.next(self.shape, now, &mut self.buffer);
        let (start, end, at, again) = match next {
            Ok(Next::Stretch { start, end, at, again }) => (start, end, at, again),
            Ok(Next::Nothing) => return None,
            Ok(Next::Changed) => {
                self.changed(id, now);
                return None;
            }
            Err(error) => {
                file.due = None;
                // A compressed file that is not whole may become so.
                if error.kind() != std::io::ErrorKind::UnexpectedEof {
                    let name = file.name.clone();
                    self.failed(&name, &error);
                }
                return None;
            }
        };
        let bytes = self.buffer.get(at..).unwrap_or_default();
        let len = usize::try_from(end - start).unwrap_or(usize::MAX);
        if start == 0
            && again.is_none()
            && let Some(what) = no_text(bytes.get(..len).unwrap_or(bytes))
        {
            file.due = None;
            let name = file.name.clone();
            self.is_binary(id, &name, &what);
            return None;
        }
        let (now, uids) = match again {
            Some(again) => {
                (Timestamp::from_unix_micros(again.at), UidBlock::of_parts((again.process, again.first)))
            }
            None => (received, self.intake.uids.block(memchr_iter(b'\n', bytes).count() + 1)),
        };
        let place = Place { origin: &file.origin, now, uids, start };
        let (lines, mut number) = (&mut self.lines, 0);
        file.cut(self.shape, (start, end), bytes, |line| {
            number += usize::from(lines.push(&line, &place, number))
        });
        let (process, first) = uids.parts();
        let stretch = Stretch { start, end, hashed: 0, hash: 0, at: now.unix_micros(), process, first };
        file.depart(stretch, at, &self.buffer);
        self.dirty.insert(id);
        Some((end, end - start))
    }

    /// Writes down what is on its way; tries until it works. False when loggr stops before that.
    fn write_down(&mut self, runtime: &Handle, stop: &mut Stop) -> bool {
        while !self.commit() {
            let is_over = runtime.block_on(async {
                tokio::select! {
                    () = stop.drain() => true,
                    () = tokio::time::sleep(COMMIT_PAUSE) => false,
                }
            });
            if is_over {
                return false;
            }
        }
        true
    }

    /// Writes down what has changed. False if it failed, which is said.
    pub(super) fn commit(&mut self) -> bool {
        self.committed = Instant::now();
        let seconds = u64::try_from(clock::now().unix_micros() / 1_000_000).unwrap_or(0);
        for id in &self.dirty {
            if let Some(file) = self.files.get_mut(id) {
                file.known.seen = seconds;
            }
        }
        let (files, known) = (&self.files, &self.known);
        let changed = self.dirty.iter().filter_map(|id| {
            let known = files.get(id).map(|file| &file.known).or_else(|| known.get(id))?;
            Some((*id, known))
        });
        let all = files.iter().map(|(id, file)| (*id, &file.known));
        let all = all.chain(known.iter().map(|(id, known)| (*id, known)));
        let path = self.positions.path().to_owned();
        match self.positions.commit(changed, all) {
            Ok(()) => {
                self.dirty.clear();
                if let Some(stats) = self.stats()
                    && stats.fine(&path)
                {
                    let listener = self.intake.stats.name();
                    tracing::info!(listener, "how far files were read can be written down again");
                }
                true
            }
            Err(error) => {
                let what = format!(
                    "how far files were read cannot be written down, and nothing more is read: {error}"
                );
                self.trouble(&path, &what);
                false
            }
        }
    }

    /// Something is wrong with a file; it is logged when it is new.
    pub(super) fn trouble(&self, of: &Path, what: &str) {
        if let Some(stats) = self.stats()
            && stats.trouble(of, what)
        {
            let (listener, file) = (self.intake.stats.name(), of.display());
            tracing::warn!(listener, %file, "{what}");
        }
    }

    fn tell(&self) {
        let Some(stats) = self.stats() else { return };
        let (mut behind, mut open, mut oldest) = (0, 0, None::<Instant>);
        for file in self.files.values().filter(|file| !file.is_lost) {
            behind += file.behind();
            open += u64::from(file.content.is_some());
            oldest = file.waiting.into_iter().chain(oldest).min();
        }
        stats.watched.set(self.files.values().filter(|file| !file.is_lost).count() as u64);
        stats.open.set(open);
        stats.behind.set(behind);
        let age = oldest.map_or(Duration::ZERO, |since| since.elapsed());
        stats.oldest_ms.set(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    }

    /// What the lines of a file have in common.
    pub(super) fn origin(&self, path: &Path) -> Arc<Origin> {
        let about = self.shape.runtime.map(|runtime| container::about(path, runtime)).unwrap_or_default();
        let shown = path.to_string_lossy().into_owned();
        let mut fields = vec![("file".to_owned(), shown.clone())];
        fields.extend(about.fields);
        let named = self.wanted.app_name.as_str();
        let assumed = Assumed {
            host: host_name(),
            app_name: if named.is_empty() { about.name } else { named.to_owned() },
            facility: self.wanted.facility.map(|facility| facility.code()),
            severity: self.wanted.severity.map(|severity| severity.code()),
            fields,
            ..Assumed::default()
        };
        let own = self.intake.origin_of(None);
        Arc::new(Origin { peer: shown, assumed: Some(Box::new(assumed)), ..own })
    }
}

/// What a file is that is no text.
fn no_text(bytes: &[u8]) -> Option<String> {
    let beginning = bytes.get(..LOOK_BYTES).unwrap_or(bytes);
    if matches!(beginning, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return None;
    }
    let nuls = beginning.iter().take_while(|byte| **byte == 0).count();
    let found = judge(beginning.get(nuls..).unwrap_or_default())?;
    // A few of them do no harm.
    let is_odd = |byte: &&u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b);
    let odd = beginning.iter().skip(nuls).filter(is_odd).count();
    (found.is_sure || odd * 10 > beginning.len() - nuls).then_some(found.text)
}
