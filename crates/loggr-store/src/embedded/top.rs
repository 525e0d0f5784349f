//! The most frequent values of a field among matching events, and the fields that are known.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::{Array, Int64Array, UInt8Array, UInt32Array, UInt64Array};
use loggr_event::{Facility, Origin, Severity};

use super::exec::group::{Column, Group};
use super::exec::plan::Plan;
use super::exec::{self, Target};
use super::reader::{Reader, Trouble, View};
use super::rows::{TextColumn, column, field_text};
use super::schema::{Census, core};
use super::selection::Selection;
use super::{lock, presence};
use crate::facets::Wanted;
use crate::hash::FastMap;
use crate::looks::{FieldKind, canonical_integer};
use crate::query::{Field, Query, Span};
use crate::shape::ShapeId;
use crate::{
    KnownField, Limits, MAX_TOP_BYTES, MAX_TOP_VALUES, SearchOptions, Stats, StoreError, Top, TopOptions,
    TopValue, rest,
};

/// Counts by value, each type in its own table.
#[derive(Default)]
pub(super) struct Tally {
    integers: FastMap<i64, u64>,
    addresses: FastMap<u32, u64>,
    texts: FastMap<String, u64>,
    /// Of texts only these. Numbers and addresses are sorted out at the end.
    wanted: Wanted,
    /// For texts, shared by all tallies of a question.
    room: Arc<Room>,
}

/// How many bytes of texts may still be kept, and whether one found no room.
#[derive(Default)]
struct Room {
    taken: AtomicUsize,
    was_full: AtomicBool,
}

impl Room {
    fn take(&self, bytes: usize) -> bool {
        // What is one too many stays taken: nothing more is kept anyway.
        let fits = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_TOP_BYTES;
        if !fits {
            self.was_full.store(true, Ordering::Relaxed);
        }
        fits
    }
}

impl Tally {
    pub(super) fn len(&self) -> usize {
        self.integers.len() + self.addresses.len() + self.texts.len()
    }

    /// Bytes of the texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.keys().map(String::len).sum()
    }

    /// Was there no room for a text?
    pub(super) fn is_cut(&self) -> bool {
        self.room.was_full.load(Ordering::Relaxed)
    }

    /// A value of a core field: an empty one is none.
    fn add_core(&mut self, text: &str, count: u64) {
        if !text.is_empty() {
            self.add_text(text, count);
        }
    }

    fn add_text(&mut self, text: &str, count: u64) {
        if count == 0 {
            return;
        }
        match self.texts.get_mut(text) {
            Some(sum) => *sum += count,
            None if self.wanted.takes(text) && self.room.take(text.len()) => {
                self.texts.insert(text.to_owned(), count);
            }
            None => {}
        }
    }

    /// Leaves out the values that nobody asked for.
    fn sort_out(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        if !wanted.is_all() {
            self.integers.retain(|n, _| wanted.takes(&n.to_string()));
            self.addresses.retain(|a, _| wanted.takes(&Ipv4Addr::from(*a).to_string()));
        }
    }

    /// All counts by text; the same value may have had different types in different files.
    fn into_texts(mut self) -> FastMap<String, u64> {
        for (number, count) in std::mem::take(&mut self.integers) {
            *self.texts.entry(number.to_string()).or_default() += count;
        }
        for (address, count) in std::mem::take(&mut self.addresses) {
            *self.texts.entry(Ipv4Addr::from(address).to_string()).or_default() += count;
        }
        self.texts
    }

    pub(super) fn merge(&mut self, other: Tally) {
        other.integers.into_iter().for_each(|(n, count)| *self.integers.entry(n).or_default() += count);
        other.addresses.into_iter().for_each(|(a, count)| *self.addresses.entry(a).or_default() += count);
        other.texts.into_iter().for_each(|(t, count)| *self.texts.entry(t).or_default() += count);
    }
}

/// What was counted of the values of a field, before anything is left out.
#[derive(Default)]
struct Counts {
    sum: Tally,
    stats: Stats,
    with_field: u64,
    overflow: bool,
}

/// The matching rows of row groups by file and number, so that a second look need not find them again.
#[derive(Default)]
pub(super) struct KeptRows {
    kept: FastMap<(u64, usize), Selection>,
    ranges: usize,
}

impl KeptRows {
    /// Ranges of rows that are kept; row groups beyond it are evaluated again.
    const MAX_RANGES: usize = 2_000_000;

    fn keep(&mut self, target: &Target, rows: &Selection) {
        let ranges = rows.ranges().len();
        if self.ranges + ranges <= KeptRows::MAX_RANGES {
            self.ranges += ranges;
            self.kept.insert((target.file.entry.number, target.group), rows.clone());
        }
    }

    /// `None`: nobody has looked, or there was no room.
    pub(super) fn of(&self, target: &Target) -> Option<&Selection> {
        self.kept.get(&(target.file.entry.number, target.group))
    }
}

impl Reader {
    /// The most frequent values of a field among the matching events.
    pub fn top(
        &self,
        query: &Query,
        field: &Field,
        values: impl Into<TopOptions>,
        options: &SearchOptions,
    ) -> Result<Top, StoreError> {
        let plan = Plan::new(query, options);
        let values = values.into();
        self.ask(|view| self.top_in(view, &plan, field, &values, &options.limits, None))
    }

    /// The same on one view; `keep` gets the matching rows.
    pub(super) fn top_in(
        &self,
        view: &View,
        plan: &Plan,
        field: &Field,
        values: &TopOptions,
        limits: &Limits,
        keep: Option<&Mutex<KeptRows>>,
    ) -> Result<Top, StoreError> {
        let mut top = Top::default();
        if plan.span.is_empty() {
            return Ok(top);
        }
        let (counts, trouble) = self.count_values(view, plan, field, values, limits, keep)?;
        (top.partial, top.warnings) = (trouble.partial, trouble.warnings);
        if counts.overflow {
            top.partial = true;
            top.warnings.push(format!("`{}` has more than {MAX_TOP_VALUES} distinct values", field.name()));
        }
        let mut sum = counts.sum;
        if sum.room.was_full.load(Ordering::Relaxed) {
            top.partial = true;
            top.warnings
                .push(format!("the values of `{}` have more than {MAX_TOP_BYTES} bytes", field.name()));
        }
        normalise(&mut sum);
        sum.sort_out();
        (top.matched, top.with_field, top.stats) = (counts.stats.matched, counts.with_field, counts.stats);
        top.distinct = sum.len() as u64;
        top.values = best(sum, values.limit);
        Ok(top)
    }

    fn count_values(
        &self,
        view: &View,
        plan: &Plan,
        field: &Field,
        values: &TopOptions,
        limits: &Limits,
        keep: Option<&Mutex<KeptRows>>,
    ) -> Result<(Counts, Trouble), StoreError> {
        let (wanted, room) = (Wanted::new(values), Arc::<Room>::default());
        // As many tallies as threads: each takes one, adds to it, and puts it back.
        let pool: Mutex<Vec<Tally>> = Mutex::default();
        let overflow = AtomicBool::new(false);
        let (answers, trouble) = self.each_group(view, plan.span, limits, |target| {
            let group = Group::new(&target.file, target.group)?;
            let rows = exec::matching_rows(plan, &group)?;
            if let Some(keep) = keep {
                lock(keep).keep(target, &rows);
            }
            if rows.is_empty() {
                return Ok((0, 0));
            }
            let taken = lock(&pool).pop();
            let new = || Tally { wanted: wanted.clone(), room: room.clone(), ..Tally::default() };
            let mut tally = taken.unwrap_or_else(new);
            let counted = if tally.len() > MAX_TOP_VALUES {
                overflow.store(true, Ordering::Relaxed);
                Ok(())
            } else {
                count(&group, field, &rows, &mut tally)
            };
            lock(&pool).push(tally);
            counted?;
            Ok((rows.len() as u64, presence::rows_with(&group, field, &rows)?.len() as u64))
        })?;
        let mut tallies = pool.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter();
        let mut sum = tallies.next().unwrap_or_default();
        tallies.for_each(|tally| sum.merge(tally));
        let mut stats = Stats {
            groups: answers.len() as u64,
            groups_read: answers.iter().filter(|(matched, _)| *matched > 0).count() as u64,
            matched: answers.iter().map(|(matched, _)| matched).sum(),
            ..Stats::default()
        };
        view.usage.tell(&mut stats);
        let with_field = answers.iter().map(|(_, with_field)| with_field).sum();
        Ok((Counts { sum, stats, with_field, overflow: overflow.into_inner() }, trouble))
    }

    /// The names of custom fields, structured data and trusted fields in a span of time, most frequent
    /// first. `since` and `until` are microseconds since 1970.
    pub fn fields(&self, since: Option<i64>, until: Option<i64>) -> Result<Vec<KnownField>, StoreError> {
        let span = Span { from: since.unwrap_or(i64::MIN), until: until.unwrap_or(i64::MAX) };
        self.ask(|view| {
            let (answers, _) = self.each_group(view, span, &Limits::default(), |target| {
                Ok(target.file.index(target.group)?.census().unwrap_or_default())
            })?;
            let mut census = Census::default();
            let mut events: FastMap<String, u64> = FastMap::default();
            for answer in &answers {
                census.merge(answer);
                for field in &answer.fields {
                    *events.entry(field.name.clone()).or_default() +=
                        u64::from(field.single.max(field.in_rest));
                }
            }
            let mut fields: Vec<KnownField> = census
                .fields
                .into_iter()
                .map(|f| KnownField {
                    kind: f.looks.kind(),
                    events: events.get(&f.name).copied().unwrap_or(0),
                    name: f.name,
                })
                .collect();
            fields.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
            Ok(fields)
        })
    }
}

/// Moves texts that another file holds as numbers or addresses to the table of those.
pub(super) fn normalise(tally: &mut Tally) {
    if tally.integers.is_empty() && tally.addresses.is_empty() {
        return;
    }
    for (text, count) in std::mem::take(&mut tally.texts) {
        if let Some(number) = canonical_integer(&text) {
            *tally.integers.entry(number).or_default() += count;
        } else if let Ok(address) = text.parse::<Ipv4Addr>() {
            *tally.addresses.entry(address.into()).or_default() += count;
        } else {
            tally.texts.insert(text, count);
        }
    }
}

/// The `n` largest counts as texts. Only what can be among them is written out.
fn best(mut tally: Tally, n: usize) -> Vec<TopValue> {
    let mut counts: Vec<u64> = tally
        .integers
        .values()
        .chain(tally.addresses.values())
        .chain(tally.texts.values())
        .copied()
        .collect();
    if n == 0 || counts.is_empty() {
        return Vec::new();
    }
    let nth = n.min(counts.len()) - 1;
    let (_, least, _) = counts.select_nth_unstable_by(nth, |a, b| b.cmp(a));
    let least = *least;
    tally.integers.retain(|_, count| *count >= least);
    tally.addresses.retain(|_, count| *count >= least);
    tally.texts.retain(|_, count| *count >= least);
    let mut values: Vec<TopValue> =
        tally.into_texts().into_iter().map(|(value, events)| TopValue { value, events }).collect();
    values.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    values.truncate(n);
    values
}

/// The places of the rows in a column's array.
pub(super) fn places<'c>(rows: &'c Selection, read: &Column) -> Box<dyn Iterator<Item = usize> + 'c> {
    if read.rows == *rows {
        Box::new(0..rows.len())
    } else {
        Box::new(rows.positions_in(&read.rows).into_iter().map(|at| at as usize))
    }
}

pub(super) fn count(
    group: &Group<'_>,
    field: &Field,
    rows: &Selection,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let position = match field {
        Field::AppName | Field::Source => {
            if let Some(runs) = group.runs() {
                let by_app = *field == Field::AppName;
                // Runs and ranges both ascend.
                let (mut at, mut ranges) = (0, rows.ranges());
                for (app, source, length) in runs.iter() {
                    let end = at + length;
                    let mut count = 0;
                    while let Some(((from, until), later)) =
                        ranges.split_first().filter(|((from, _), _)| *from < end)
                    {
                        count += until.min(&end).saturating_sub(*from.max(&at));
                        if *until > end {
                            break;
                        }
                        ranges = later;
                    }
                    at = end;
                    tally.add_core(if by_app { app } else { source }, u64::from(count));
                }
                return Ok(());
            }
            if *field == Field::AppName { core::APP_NAME } else { core::SOURCE }
        }
        Field::Severity | Field::Facility => {
            let by_severity = *field == Field::Severity;
            if by_severity
                && rows.len() == group.index.rows as usize
                && let Some(minutes) = group.index.histogram()
            {
                for (_, code, count) in minutes {
                    let word = Severity::from_code(code).map_or("", Severity::keyword);
                    tally.add_core(word, u64::from(count));
                }
                return Ok(());
            }
            let read = group.column(if by_severity { core::SEVERITY } else { core::FACILITY }, rows)?;
            let codes = column::<UInt8Array>(&*read.array)?.values();
            let mut counts = [0u64; 256];
            for at in places(rows, &read) {
                let code = codes.get(at).copied().unwrap_or_default();
                if let Some(count) = counts.get_mut(usize::from(code)) {
                    *count += 1;
                }
            }
            for (code, count) in (0..=u8::MAX).zip(counts) {
                let word = if by_severity {
                    Severity::from_code(code).map(Severity::keyword)
                } else {
                    Facility::from_code(code).map(Facility::keyword)
                };
                tally.add_core(word.unwrap_or_default(), count);
            }
            return Ok(());
        }
        Field::Procid => core::PROCID,
        Field::Msgid => core::MSGID,
        Field::Message => core::MESSAGE,
        Field::Tag => core::TAGS,
        Field::Listener | Field::Transport | Field::Peer | Field::TlsName => core::ORIGIN,
        Field::Defect => core::REST,
        Field::Uid => {
            for uid in group.uids(rows)? {
                tally.add_core(uid.write_hyphenated(&mut [0; 36]), 1);
            }
            return Ok(());
        }
        Field::Shape => {
            let read = group.shapes(rows)?;
            let shapes = column::<UInt64Array>(&*read.array)?.values();
            let mut counts: FastMap<u64, u64> = FastMap::default();
            for shape in places(rows, &read).filter_map(|at| shapes.get(at)) {
                *counts.entry(*shape).or_default() += 1;
            }
            counts.into_iter().for_each(|(id, n)| tally.add_core(&ShapeId(id).to_string(), n));
            return Ok(());
        }
        Field::Time | Field::Timereported => return Ok(()),
        Field::Custom(name) => return count_custom(group, name, rows, tally),
    };
    let read = group.column(position, rows)?;
    count_texts(rows, &read, |text, count| match field {
        Field::Tag => {
            let tags: Vec<std::borrow::Cow<'_, str>> = serde_json::from_str(text).unwrap_or_default();
            tags.iter().for_each(|tag| tally.add_core(tag, count));
        }
        Field::Defect => rest::parse(text).defects().for_each(|word| tally.add_core(word, count)),
        Field::Listener | Field::Transport | Field::Peer | Field::TlsName => {
            let Ok(origin) = serde_json::from_str::<Origin>(text) else { return };
            tally.add_core(
                match field {
                    Field::Listener => &origin.listener,
                    Field::Transport => origin.transport.keyword(),
                    Field::Peer => origin.peer_host(),
                    _ => origin.tls_name.as_deref().unwrap_or_default(),
                },
                count,
            );
        }
        _ => tally.add_core(text, count),
    })
}

/// Calls `each` with the texts of the rows; once for each distinct one where there is a dictionary.
fn count_texts(rows: &Selection, read: &Column, mut each: impl FnMut(&str, u64)) -> Result<(), StoreError> {
    match TextColumn::new(&*read.array)? {
        TextColumn::Dictionary(keys, values) => {
            let mut counts = vec![0u64; values.len()];
            for at in places(rows, read) {
                if let Some(slot) = keys.key(at).and_then(|key| counts.get_mut(key)) {
                    *slot += 1;
                }
            }
            for (key, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                each(values.value(key), count);
            }
        }
        texts => {
            for at in places(rows, read) {
                if let Some(text) = texts.get(at) {
                    each(text, 1);
                }
            }
        }
    }
    Ok(())
}

/// Counts in a small table in front of the large one: frequent values stay in the processor's cache.
struct Near<K> {
    slots: Vec<(K, u64)>,
}

const NEAR_BITS: u32 = 12;

impl<K: Copy + Default> Default for Near<K> {
    fn default() -> Near<K> {
        Near { slots: vec![(K::default(), 0); 1 << NEAR_BITS] }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Near<K> {
    fn add(&mut self, key: K, number: u64, sums: &mut FastMap<K, u64>) {
        let place = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - NEAR_BITS);
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        if slot.0 == key {
            slot.1 += 1;
            return;
        }
        if slot.1 > 0 {
            *sums.entry(slot.0).or_default() += slot.1;
        }
        *slot = (key, 1);
    }

    fn finish(self, sums: &mut FastMap<K, u64>) {
        for (key, count) in self.slots.into_iter().filter(|(_, count)| *count > 0) {
            *sums.entry(key).or_default() += count;
        }
    }
}

fn count_custom(
    group: &Group<'_>,
    name: &str,
    rows: &Selection,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    if group.census().is_some_and(|c| !c.incomplete) && group.field(name).is_none() {
        return Ok(());
    }
    if let Some(i) = group.head.columns.position(name)
        && let Some(field) = group.head.columns.columns.get(i)
    {
        let read = group.column(core::FIELDS + i, rows)?;
        let array = &*read.array;
        match field.kind {
            FieldKind::Integer => {
                let numbers: &Int64Array = column(array)?;
                let mut near = Near::default();
                for at in places(rows, &read).filter(|at| numbers.is_valid(*at)) {
                    near.add(numbers.value(at), numbers.value(at) as u64, &mut tally.integers);
                }
                near.finish(&mut tally.integers);
            }
            FieldKind::Ip4 => {
                let addresses: &UInt32Array = column(array)?;
                let mut near = Near::default();
                for at in places(rows, &read).filter(|at| addresses.is_valid(*at)) {
                    near.add(addresses.value(at), u64::from(addresses.value(at)), &mut tally.addresses);
                }
                near.finish(&mut tally.addresses);
            }
            FieldKind::Float | FieldKind::Ip => {
                for at in places(rows, &read) {
                    if let Some(text) = field_text(array, field.kind, at)? {
                        tally.add_text(&text, 1);
                    }
                }
            }
            FieldKind::Word | FieldKind::Text => {
                count_texts(rows, &read, |text, count| tally.add_text(text, count))?
            }
        }
    }
    if group.may_be_in_rest(name) {
        let read = group.column(core::REST, rows)?;
        count_texts(rows, &read, |json, count| {
            rest::parse(json).any_named(name, &mut |value| {
                tally.add_text(value, count);
                false
            });
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_up_to_a_limit_of_bytes_over_all_tallies() {
        let room = Arc::<Room>::default();
        let tally = || Tally { room: room.clone(), ..Tally::default() };
        let (mut a, mut b) = (tally(), tally());
        let long = |n: usize| format!("{n}{}", "x".repeat(MAX_TOP_BYTES / 4));
        (0..2).for_each(|n| a.add_text(&long(n), 1));
        b.add_text(&long(2), 1);
        assert!(!room.was_full.load(Ordering::Relaxed));
        b.add_text(&long(3), 1);
        b.add_text(&long(2), 1);
        assert!(room.was_full.load(Ordering::Relaxed));
        a.merge(b);
        assert_eq!((a.len(), a.texts.get(&long(2)), a.texts.get(&long(3))), (3, Some(&2), None));
    }
}
