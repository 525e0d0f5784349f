//! The counts that a transaction adds to the tables beside the events: events by minute, names of
//! fields.
//!
//! Only rows that are new in the table are counted, so that a redelivery counts nothing twice.

use std::collections::BTreeMap;

use loggr_event::Event;

use super::layout::storable;
use super::text;
use crate::hash::{FastMap, NameMap};
use crate::looks::{Looks, MAX_CENSUS_NAMES, MAX_COLUMN_NAME_BYTES};
use crate::partition;

/// Microseconds of a minute.
pub(super) const MINUTE: i64 = 60_000_000;
/// Longest name of a program that `events_minutes` holds, in bytes: it is part of a key.
pub(super) const MAX_COUNTED_NAME_BYTES: usize = 500;
/// Stands in `events_minutes` for all programs with longer names. No stored text is like it.
pub(super) const LONG_NAME: &str = "\u{10}long";

/// The counts of one transaction.
#[derive(Default)]
pub(super) struct Tally {
    /// By program, then by minute and severity.
    programs: NameMap<FastMap<(i64, u8), u64>>,
    fields: BTreeMap<i64, Names>,
    /// A program's name was too long.
    pub(super) long_names: bool,
}

/// The custom fields of one day.
#[derive(Default)]
struct Names {
    ids: NameMap<usize>,
    found: Vec<Name>,
    /// Where the names of the last event are: the next one mostly has the same.
    last: Vec<usize>,
}

/// One custom field, structured data or trusted field.
pub(super) struct Name {
    pub(super) name: String,
    pub(super) looks: u8,
    pub(super) events: u64,
}

/// A row of `events_minutes`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Minute {
    pub(super) minute: i64,
    pub(super) severity: u8,
    pub(super) app_name: String,
    pub(super) events: u64,
}

impl Tally {
    pub(super) fn add(&mut self, event: &Event<'_>) {
        let time = storable(event.timegenerated.unix_micros());
        let app_name: &str = if event.app_name.len() > MAX_COUNTED_NAME_BYTES {
            self.long_names = true;
            LONG_NAME
        } else {
            &event.app_name
        };
        let key = (time - time.rem_euclid(MINUTE), event.severity.code());
        match self.programs.get_mut(app_name) {
            Some(counts) => *counts.entry(key).or_default() += 1,
            None => *self.programs.entry(app_name.to_owned()).or_default().entry(key).or_default() += 1,
        }
        if !event.fields.is_empty() || !event.structured_data.is_empty() || !event.trusted.is_empty() {
            self.fields.entry(partition::day_of(time)).or_default().add(event);
        }
    }

    /// The rows for `events_minutes`, in the order of their key: transactions that lock the same
    /// rows do it in the same order.
    pub(super) fn minutes(&self) -> Vec<Minute> {
        let mut rows: Vec<Minute> = self
            .programs
            .iter()
            .flat_map(|(name, counts)| {
                let stored = if name == LONG_NAME { name.clone() } else { text::encode(name).into_owned() };
                counts.iter().map(move |((minute, severity), events)| Minute {
                    minute: *minute,
                    severity: *severity,
                    app_name: stored.clone(),
                    events: *events,
                })
            })
            .collect();
        rows.sort_unstable();
        rows
    }

    /// The rows for `events_fields`, by day and name.
    pub(super) fn names(&self) -> Vec<(i64, &Name)> {
        let mut rows: Vec<(i64, &Name)> =
            self.fields.iter().flat_map(|(day, names)| names.found.iter().map(|n| (*day, n))).collect();
        rows.sort_unstable_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        rows
    }
}

impl Names {
    fn add(&mut self, event: &Event<'_>) {
        for (place, field) in event.fields.iter().enumerate() {
            let single = match &field.values[..] {
                [value] => Some(&**value),
                _ => None,
            };
            let guess = self.last.get(place).copied();
            let id = match guess.filter(|id| self.found.get(*id).is_some_and(|n| n.name == field.name)) {
                Some(id) => id,
                None => match self.id(&field.name) {
                    Some(id) => id,
                    None => continue,
                },
            };
            if self.last.len() == place {
                self.last.push(id);
            } else if let Some(slot) = self.last.get_mut(place) {
                *slot = id;
            }
            self.count(id, single, 0);
        }
        for element in &event.structured_data {
            for param in &element.params {
                if let Some(id) = self.id(&format!("{}.{}", element.id, param.name)) {
                    self.count(id, Some(&param.value), Looks::ELSEWHERE);
                }
            }
        }
        for field in &event.trusted {
            if let Some(id) = self.id(&field.name) {
                self.count(id, Some(&field.value), Looks::ELSEWHERE);
            }
        }
    }

    /// The place of a name; `None` where it is too long or one too many.
    fn id(&mut self, name: &str) -> Option<usize> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if name.len() > MAX_COLUMN_NAME_BYTES || self.found.len() >= MAX_CENSUS_NAMES {
            return None;
        }
        let id = self.found.len();
        self.ids.insert(name.to_owned(), id);
        self.found.push(Name { name: name.to_owned(), looks: 0, events: 0 });
        Some(id)
    }

    fn count(&mut self, id: usize, value: Option<&str>, flags: u8) {
        let Some(name) = self.found.get_mut(id) else { return };
        name.events += 1;
        name.looks |= flags;
        if let Some(value) = value.filter(|_| name.looks & Looks::TEXT == 0) {
            name.looks |= Looks::of(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggr_event::{Severity, Timestamp};

    #[test]
    fn events_are_counted_by_minute_severity_and_program() {
        let mut tally = Tally::default();
        for (seconds, app, severity) in [
            (5, "a", Severity::Error),
            (59, "a", Severity::Error),
            (61, "a", Severity::Error),
            (5, "", Severity::Debug),
        ] {
            tally.add(&Event {
                timegenerated: Timestamp::from_unix_micros(seconds * 1_000_000),
                app_name: app.into(),
                severity,
                ..Event::default()
            });
        }
        tally.add(&Event { app_name: "x".repeat(501).into(), ..Event::default() });
        let rows: Vec<(i64, u8, String, u64)> =
            tally.minutes().into_iter().map(|m| (m.minute, m.severity, m.app_name, m.events)).collect();
        let expect = [
            (0, 3, "a", 2),
            (0, Event::default().severity.code(), LONG_NAME, 1),
            (0, 7, "", 1),
            (MINUTE, 3, "a", 1),
        ];
        assert_eq!(rows, expect.map(|(m, s, a, n)| (m, s, a.to_owned(), n)));
        assert!(tally.long_names);
    }

    #[test]
    fn names_are_counted_by_day() {
        let mut tally = Tally::default();
        let mut event = Event::default();
        event.set_field("status", "200");
        event.set_field("user", "bob");
        tally.add(&event);
        event.set_field("status", "x");
        event.remove_field("user");
        event.timegenerated = Timestamp::from_unix_micros(partition::DAY);
        tally.add(&event);
        tally.add(&event);
        let rows: Vec<(i64, &str, u64)> =
            tally.names().into_iter().map(|(day, n)| (day, n.name.as_str(), n.events)).collect();
        assert_eq!(rows, [(0, "status", 1), (0, "user", 1), (1, "status", 2)]);
    }
}
