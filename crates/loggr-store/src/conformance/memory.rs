//! The plainest store: a vector of events and the matcher. What others are measured by.

use std::collections::BTreeMap;
use std::convert::Infallible;

use loggr_event::Event;

use super::{Bucket, Key, Subject};
use crate::query::{Field, Matcher, Query, field_values};

/// Events in memory.
#[derive(Debug, Default)]
pub struct Memory {
    events: Vec<Event<'static>>,
}

impl Memory {
    fn matching<'m>(&'m self, query: &Query, now: i64) -> impl Iterator<Item = &'m Event<'static>> + use<'m> {
        let matcher = Matcher::new(query, now);
        self.events.iter().filter(move |event| matcher.matches(event))
    }
}

fn key(event: &Event<'_>) -> Key {
    Key { time: event.timegenerated.unix_micros(), uid: event.uid }
}

impl Subject for Memory {
    type Error = Infallible;

    fn append(&mut self, events: &[Event<'static>]) -> Result<(), Infallible> {
        for event in events {
            if !self.events.iter().any(|known| known.uid == event.uid) {
                self.events.push(event.clone());
            }
        }
        Ok(())
    }

    fn search(
        &mut self,
        query: &Query,
        now: i64,
        before: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Key>, Infallible> {
        let mut keys: Vec<Key> = self.matching(query, now).map(key).collect();
        keys.retain(|key| before.is_none_or(|before| *key < before));
        keys.sort_unstable_by(|a, b| b.cmp(a));
        keys.truncate(limit);
        Ok(keys)
    }

    fn count(&mut self, query: &Query, now: i64) -> Result<u64, Infallible> {
        Ok(self.matching(query, now).count() as u64)
    }

    fn histogram(&mut self, query: &Query, now: i64, width: i64) -> Result<Vec<Bucket>, Infallible> {
        let mut buckets: BTreeMap<i64, [u64; 8]> = BTreeMap::new();
        for event in self.matching(query, now) {
            let micros = event.timegenerated.unix_micros();
            let counts = buckets.entry(micros - micros.rem_euclid(width)).or_default();
            if let Some(count) = counts.get_mut(usize::from(event.severity.code())) {
                *count += 1;
            }
        }
        Ok(buckets.into_iter().map(|(start, counts)| Bucket { start, counts }).collect())
    }

    fn top(
        &mut self,
        query: &Query,
        now: i64,
        field: &Field,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Infallible> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for event in self.matching(query, now) {
            field_values(event, field, &mut |value| {
                *counts.entry(value.to_owned()).or_default() += 1;
                false
            });
        }
        let mut top: Vec<(String, u64)> = counts.into_iter().collect();
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(limit);
        Ok(top)
    }

    fn fields(&mut self) -> Result<Vec<String>, Infallible> {
        let mut names = Vec::new();
        for event in &self.events {
            names.extend(event.fields.iter().map(|field| field.name.to_string()));
            for element in &event.structured_data {
                names.extend(element.params.iter().map(|param| format!("{}.{}", element.id, param.name)));
            }
            names.extend(event.trusted.iter().map(|trusted| trusted.name.to_string()));
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}
