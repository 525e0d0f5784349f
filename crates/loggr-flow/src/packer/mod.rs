//! The packer: several events that belong together become one.
//!
//! A stage that holds deliveries: a held event is acknowledged with the receipt of the event that
//! it became part of, and dropping the packer nacks everything. It gets the time from its caller
//! and has no clock. Invariants:
//!
//! - Every event that goes in comes out, alone and unchanged or as part of exactly one other.
//! - The source learns the outcome of deliveries that became one event for the earlier ones last,
//!   or for all together ([`ties`](crate::delivery::Ties)): if the later one is delivered again, so
//!   are they, and the same event is made.
//! - Lines of different peers, hosts, facilities or programs are never mixed ([`speaker`]).
//! - The order of the lines of one program is kept.
//! - Nothing is held longer than `max_age`; groups, lines and bytes are bounded, and at a limit
//!   the oldest group is passed on.

mod format;
mod merge;
mod rule;
mod speaker;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loggr_event::Event;

use crate::batch::{Batch, BatchBuilder};
use crate::delivery::{Delivery, Ties, Weights};
use crate::record::Record;
use crate::traits::Stage;

pub use format::{FormatError, MAX_FORMAT_BYTES, StartFormat, VARIABLES};
pub use rule::Rule;
pub use trace::{Language, PRESETS, preset};

use rule::{Memory, Verdict};
use speaker::Speakers;

/// Groups that one packer holds at most; at the limit the oldest is passed on.
pub const MAX_PACKER_GROUPS: usize = 1024;
/// Bytes that one packer holds at most; at the limit the oldest groups are passed on.
pub const MAX_PACKER_BYTES: usize = 64 << 20;
/// Memory that holding one event takes beside its own bytes, about: for a delivery of its own and
/// its ack.
const HELD_BYTES: usize = 512;
/// Lines at the end of a trace, at most, of which it is not known yet whether they belong to it.
pub const MAX_DOUBTFUL_LINES: usize = 32;

/// How large and how old a group becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackerLimits {
    /// A group is passed on when its first event has been held for this time.
    pub max_age: Duration,
    /// Events in one.
    pub max_lines: usize,
    /// Bytes of their messages.
    pub max_bytes: usize,
}

impl Default for PackerLimits {
    /// 1 s, 1000 events, 256 KiB.
    fn default() -> PackerLimits {
        PackerLimits { max_age: Duration::from_secs(1), max_lines: 1000, max_bytes: 256 << 10 }
    }
}

/// The counters of packers; several packers of one name may share them.
#[derive(Debug, Default)]
pub struct PackerCounters {
    /// Events that are held now.
    pub held: AtomicU64,
    /// Events that were made of several.
    pub packed: AtomicU64,
    /// Events that are gone because they became part of another: one less than each was made of.
    pub merged: AtomicU64,
    /// Groups passed on because of their age.
    pub aged: AtomicU64,
    /// Groups passed on because of a limit.
    pub limited: AtomicU64,
    /// Groups passed on because the source had ended or its window was full.
    pub flushed: AtomicU64,
    /// Events at which the packer panicked, because of a fault in loggr; they were passed on alone.
    pub panics: AtomicU64,
}

fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

/// Says which events a packer looks at; others pass at once.
pub type Select = Box<dyn Fn(&Event<'_>) -> bool + Send>;

/// Holds events until it is known what belongs together.
pub struct Packer {
    rule: Rule,
    limits: PackerLimits,
    select: Option<Select>,
    counters: Arc<PackerCounters>,
    /// Groups by serial number, the oldest first.
    groups: BTreeMap<u64, Group>,
    by_key: HashMap<Box<[u8]>, u64>,
    next: u64,
    /// Memory that all groups take, in bytes.
    cost: usize,
    ready: VecDeque<Delivery>,
    key: Vec<u8>,
    speakers: Speakers,
    now: Option<Instant>,
}

/// Events that may become one.
struct Group {
    key: Box<[u8]>,
    memory: Memory,
    opened: Instant,
    /// When the first was received, in microseconds.
    received: i64,
    /// Events that came with earlier deliveries, with the ties that others have to each of these.
    earlier: Vec<(Delivery, Ties)>,
    /// Indexes of its events in the delivery that is looked at now.
    here: Vec<usize>,
    lines: usize,
    /// Bytes of the messages.
    bytes: usize,
    /// Memory that holding them takes, in bytes.
    cost: usize,
    /// How many of the lines belong to it for certain; the others are passed on alone.
    sure: usize,
}

/// One event on its way into a group.
#[derive(Clone, Copy)]
struct Line {
    at: usize,
    now: Instant,
    received: i64,
    /// Bytes of its message.
    bytes: usize,
    /// Memory that holding it takes, in bytes.
    cost: usize,
}

/// An output of the packer.
enum Output {
    /// An event of this delivery.
    One(usize),
    /// A closed group: how many records came earlier, the indexes of those of this delivery, and
    /// how many of all are certain.
    Group { earlier: usize, here: Vec<usize>, sure: usize },
}

/// Why a group is closed.
#[derive(Clone, Copy)]
enum Reason {
    /// The next event ended it.
    Done,
    Age,
    Limit,
    Flush,
}

/// The groups that are closed while one delivery is looked at.
#[derive(Default)]
struct Closed {
    outputs: Vec<Output>,
    /// The earlier parts of all closed groups, in order.
    earlier: Vec<Delivery>,
    /// Indexes of those that are followed, in their group, by an event of the delivery that is
    /// looked at.
    followed: Vec<usize>,
}

impl Packer {
    /// A packer that holds nothing.
    pub fn new(rule: Rule, limits: PackerLimits, counters: Arc<PackerCounters>) -> Packer {
        Packer {
            rule,
            limits,
            select: None,
            counters,
            groups: BTreeMap::new(),
            by_key: HashMap::new(),
            next: 0,
            cost: 0,
            ready: VecDeque::new(),
            key: Vec::new(),
            speakers: Speakers::default(),
            now: None,
        }
    }

    /// Restricts the packer to the events for which `select` is true.
    pub fn only(mut self, select: Select) -> Packer {
        self.select = Some(select);
        self
    }

    /// Looks at one event and says what leaves the packer now.
    fn look(&mut self, at: usize, record: &Record<'_>, now: Instant, closed: &mut Closed) {
        let event = record.event();
        let follows =
            self.speakers.write_key(record, &event, self.rule.keeps_processes_apart(), &mut self.key);
        let is_open = self.by_key.contains_key(self.key.as_slice());
        // A line without a head has no fields that a condition could test.
        if !(follows && is_open) && self.select.as_ref().is_some_and(|select| !select(&event)) {
            // Earlier lines of the same program are passed on first.
            if let Some(serial) = self.by_key.get(self.key.as_slice()).copied() {
                self.close(serial, Reason::Done, closed);
            }
            closed.outputs.push(Output::One(at));
            return;
        }
        let line = Line {
            at,
            now,
            received: record.timegenerated.unix_micros(),
            bytes: event.message.len(),
            cost: HELD_BYTES + record.payload.bytes().len(),
        };
        let mut open = self.by_key.get(self.key.as_slice()).copied();
        if let Some(serial) = open
            && let Some(group) = self.groups.get(&serial)
            && u128::from(group.received.abs_diff(line.received)) > self.limits.max_age.as_micros()
        {
            // The age is taken from the times of reception, so that a redelivery closes the group
            // in the same place.
            self.close(serial, Reason::Age, closed);
            open = None;
        }
        let group = open.and_then(|serial| self.groups.get_mut(&serial));
        let mut verdict = self.rule.look(group.map(|group| &mut group.memory), &event);
        if matches!(verdict, Verdict::Continues { sure: false })
            && let Some(serial) = open
            && self.groups.get(&serial).is_some_and(|g| g.lines + 1 - g.sure > MAX_DOUBTFUL_LINES)
        {
            // So many doubtful lines are not a trace.
            self.close(serial, Reason::Limit, closed);
            open = None;
            verdict = self.rule.look(None, &event);
        }
        match (verdict, open) {
            (Verdict::Continues { sure }, Some(serial)) => self.append(serial, line, sure, closed),
            (Verdict::Ends, Some(serial)) => {
                self.append(serial, line, true, closed);
                if let Some(serial) = self.by_key.get(self.key.as_slice()).copied() {
                    self.close(serial, Reason::Done, closed);
                }
            }
            (Verdict::Begins(memory), open) => {
                if let Some(serial) = open {
                    self.close(serial, Reason::Done, closed);
                }
                self.open(memory, line, closed);
            }
            (_, open) => {
                if let Some(serial) = open {
                    self.close(serial, Reason::Done, closed);
                }
                closed.outputs.push(Output::One(at));
            }
        }
    }

    fn open(&mut self, memory: Memory, line: Line, closed: &mut Closed) {
        while self.groups.len() >= MAX_PACKER_GROUPS {
            self.close_oldest(closed);
        }
        let serial = self.next;
        self.next += 1;
        let key: Box<[u8]> = self.key.as_slice().into();
        self.by_key.insert(key.clone(), serial);
        let group = Group {
            memory,
            opened: line.now,
            received: line.received,
            earlier: Vec::new(),
            here: vec![line.at],
            lines: 1,
            bytes: line.bytes,
            cost: line.cost + 2 * key.len(),
            sure: 1,
            key,
        };
        self.cost += group.cost;
        self.groups.insert(serial, group);
        add(&self.counters.held, 1);
        self.bound_cost(closed);
    }

    fn append(&mut self, serial: u64, line: Line, sure: bool, closed: &mut Closed) {
        let Some(group) = self.groups.get_mut(&serial) else { return };
        let bytes = 1 + line.bytes;
        if group.lines + 1 > self.limits.max_lines || group.bytes + bytes > self.limits.max_bytes {
            // The lines that follow are packed too, as the next event.
            let (memory, received) = (group.memory, group.received);
            self.close(serial, Reason::Limit, closed);
            return self.open(memory, Line { received, ..line }, closed);
        }
        group.here.push(line.at);
        group.lines += 1;
        group.bytes += bytes;
        group.cost += line.cost;
        if sure {
            group.sure = group.lines;
        }
        add(&self.counters.held, 1);
        self.cost += line.cost;
        self.bound_cost(closed);
    }

    fn bound_cost(&mut self, closed: &mut Closed) {
        while self.cost > MAX_PACKER_BYTES && !self.groups.is_empty() {
            self.close_oldest(closed);
        }
    }

    fn close_oldest(&mut self, closed: &mut Closed) {
        if let Some(serial) = self.groups.keys().next().copied() {
            self.close(serial, Reason::Limit, closed);
        }
    }

    fn close(&mut self, serial: u64, reason: Reason, closed: &mut Closed) {
        let Some(group) = self.groups.remove(&serial) else { return };
        self.by_key.remove(&group.key);
        self.cost -= group.cost;
        self.counters.held.fetch_sub(group.lines as u64, Ordering::Relaxed);
        match reason {
            Reason::Done => {}
            Reason::Age => add(&self.counters.aged, 1),
            Reason::Limit => add(&self.counters.limited, 1),
            Reason::Flush => add(&self.counters.flushed, 1),
        }
        let earlier = group.earlier.iter().map(|(delivery, _)| delivery.batch().len()).sum();
        let later: Vec<Ties> = group.earlier.iter().skip(1).map(|(_, ties)| ties.clone()).collect();
        for (at, (mut part, _)) in group.earlier.into_iter().enumerate() {
            match later.get(at) {
                Some(next) => part.tie_to(next),
                None if !group.here.is_empty() => closed.followed.push(closed.earlier.len()),
                None => {}
            }
            closed.earlier.push(part);
        }
        closed.outputs.push(Output::Group { earlier, here: group.here, sure: group.sure });
    }

    /// Passes the closed groups on as one delivery; events of `delivery` in open groups stay.
    fn settle(&mut self, delivery: Option<Delivery>, closed: Closed) {
        let Closed { outputs, earlier, followed } = closed;
        let mut parts = earlier;
        let mut places = Vec::new();
        if let Some(delivery) = delivery {
            // 0 if the event leaves; otherwise one more than the serial number of its group.
            let mut stays = vec![0; delivery.batch().len()];
            for (serial, group) in &mut self.groups {
                for at in group.here.drain(..) {
                    if let Some(stays) = stays.get_mut(at) {
                        *stays = serial + 1;
                    }
                }
            }
            let done = |output: &Output| matches!(output, Output::One(_));
            if parts.is_empty() && stays.iter().all(|s| *s == 0) && outputs.iter().all(done) {
                return self.ready.push_back(delivery);
            }
            let mut rank = 0;
            places.extend(stays.iter().map(|stays| {
                rank += usize::from(*stays == 0);
                rank.saturating_sub(1)
            }));
            let (delivery, ties) = delivery.with_ties();
            for at in followed {
                if let Some(part) = parts.get_mut(at) {
                    part.tie_to(&ties);
                }
            }
            let shares = match stays.iter().all(|s| *s == 0) {
                true => vec![(0, delivery)],
                false => {
                    let mut stays = stays.into_iter();
                    delivery.partition(|_| stays.next().unwrap_or(0))
                }
            };
            for (stays, share) in shares {
                match self.groups.get_mut(&stays.wrapping_sub(1)) {
                    Some(group) if stays > 0 => group.earlier.push((share, ties.clone())),
                    _ => parts.push(share),
                }
            }
        }
        if let Some(all) = Delivery::join(parts) {
            let counters = &self.counters;
            let merged = all.merge(|batch, weights| build(batch, weights, &outputs, &places, counters));
            self.ready.extend(merged);
        }
    }
}

/// The batch of everything that leaves: first the records that came earlier, then those of
/// the last delivery, whose places among themselves are given.
fn build(
    batch: &Batch,
    weights: &Weights<'_>,
    outputs: &[Output],
    places: &[usize],
    counters: &PackerCounters,
) -> (Option<Batch>, Vec<u32>) {
    let records: Vec<Record<'_>> = batch.records().collect();
    let before: usize =
        outputs.iter().map(|o| if let Output::Group { earlier, .. } = o { *earlier } else { 0 }).sum();
    let place = |at: &usize| before + places.get(*at).copied().unwrap_or(0);
    let mut out = BatchBuilder::with_capacity(batch.byte_len());
    let mut made = Vec::with_capacity(records.len());
    let mut next_earlier = 0;
    for output in outputs {
        match output {
            Output::One(at) => {
                if let Some(record) = records.get(place(at)) {
                    out.push_record(record);
                    made.push(weights.of(place(at)));
                }
            }
            Output::Group { earlier, here, sure } => {
                let all: Vec<usize> =
                    (next_earlier..next_earlier + earlier).chain(here.iter().map(place)).collect();
                next_earlier += earlier;
                let parts: Vec<Record<'_>> = all.iter().filter_map(|at| records.get(*at)).copied().collect();
                let mut done = 0;
                while let Some(rest) = parts.get(done..).filter(|rest| !rest.is_empty()) {
                    let certain = rest.len().min(sure.saturating_sub(done).max(1));
                    let taken = match rest.get(..certain).filter(|_| certain > 1).and_then(merge::merge) {
                        Some((event, taken)) if taken > 1 => {
                            out.push_event(&event);
                            add(&counters.packed, 1);
                            add(&counters.merged, taken - 1);
                            taken
                        }
                        _ => {
                            rest.iter().take(1).for_each(|record| out.push_record(record));
                            1
                        }
                    };
                    made.push(all.iter().skip(done).take(taken).map(|at| weights.of(*at)).sum());
                    done += taken;
                }
            }
        }
    }
    (out.finish(), made)
}

impl Stage for Packer {
    fn feed(&mut self, delivery: Delivery, now: Instant) {
        self.now = Some(now);
        let mut closed = Closed::default();
        for (at, record) in delivery.batch().records().enumerate() {
            let looked = catch_unwind(AssertUnwindSafe(|| self.look(at, &record, now, &mut closed)));
            if looked.is_err() {
                add(&self.counters.panics, 1);
                // Nothing has been changed yet at this point, because everything that can fail
                // comes first.
                closed.outputs.push(Output::One(at));
            }
        }
        self.settle(Some(delivery), closed);
    }

    fn ready(&mut self, now: Instant) -> Option<Delivery> {
        if self.ready.is_empty() {
            let mut closed = Closed::default();
            while let Some((serial, group)) = self.groups.first_key_value()
                && group.opened + self.limits.max_age <= now
            {
                let serial = *serial;
                self.close(serial, Reason::Age, &mut closed);
            }
            if !closed.outputs.is_empty() {
                self.settle(None, closed);
            }
        }
        self.ready.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        match self.ready.is_empty() {
            true => self.groups.first_key_value().map(|(_, group)| group.opened + self.limits.max_age),
            false => self.now,
        }
    }

    fn flush(&mut self) {
        let mut closed = Closed::default();
        while let Some(serial) = self.groups.keys().next().copied() {
            self.close(serial, Reason::Flush, &mut closed);
        }
        if !closed.outputs.is_empty() {
            self.settle(None, closed);
        }
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        let held: usize = self.groups.values().map(|group| group.lines).sum();
        self.counters.held.fetch_sub(held as u64, Ordering::Relaxed);
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("rule", &self.rule).field("groups", &self.groups.len()).finish()
    }
}
