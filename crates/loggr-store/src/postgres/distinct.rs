//! How many different values fields have among matching events: many fields in one statement, so that the
//! events are read once for all of them.
//!
//! What the server cannot decide is looked at event by event, here, for all fields at once.

use std::collections::HashSet;

use super::ask::{Snapshot, Trouble};
use super::condition::cuts;
use super::count::{LATE, stats};
use super::search::{resolve, sift};
use super::sql::Sql;
use super::top::{self, number};
use super::values::{Values, each_word, values_of};
use crate::query::{Field, Query, Resolved, field_values};
use crate::{Distinct, NumberOf, SearchOptions, TopOptions};

/// Fields of one statement. Where the time ends, the numbers of the statements before are the answer.
const AT_ONCE: usize = 16;

/// The number of different values of each of these fields, exactly if it is at most `most`.
pub(super) async fn distinct(
    snapshot: &Snapshot,
    query: &Query,
    fields: &[Field],
    most: usize,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Distinct, Trouble> {
    let resolved = resolve(query, options);
    let mut distinct = Distinct { numbers: vec![NumberOf::Exactly(0); fields.len()], ..Distinct::default() };
    if resolved.span.is_empty() {
        return Ok(distinct);
    }
    // Of those that nobody comes to, nothing is known.
    distinct.numbers.fill(NumberOf::MoreThan(0));
    let question = Question { snapshot, query, resolved: &resolved, fields, most, options, without_regex };
    match question.answer(&mut distinct.numbers).await {
        Ok(()) => {}
        Err(Trouble::Late) => {
            distinct.partial = true;
            distinct.warnings.push(LATE.to_owned());
        }
        Err(other) => return Err(other),
    }
    distinct.stats = stats(snapshot, 0);
    Ok(distinct)
}

struct Question<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    resolved: &'q Resolved,
    fields: &'q [Field],
    most: usize,
    options: &'q SearchOptions,
    without_regex: bool,
}

impl Question<'_> {
    async fn answer(&self, numbers: &mut [NumberOf]) -> Result<(), Trouble> {
        if !self.sql().1 {
            let all: Vec<usize> = (0..self.fields.len()).collect();
            return self.sift(&all, numbers).await;
        }
        let (mut together, mut odd) = (Vec::new(), Vec::new());
        for (at, field) in self.fields.iter().enumerate() {
            match field {
                Field::Time | Field::Timereported => set(numbers, at, NumberOf::Exactly(0)),
                // The tables of minutes know them without reading an event.
                Field::AppName | Field::Severity if top::is_counted(self.snapshot, self.resolved) => {
                    set(numbers, at, self.alone(field).await?);
                }
                Field::Custom(name) if cuts(name).is_none() => odd.push(at),
                _ => together.push(at),
            }
        }
        for some in together.chunks(AT_ONCE) {
            self.together(some, numbers).await?;
        }
        if odd.is_empty() { Ok(()) } else { self.sift(&odd, numbers).await }
    }

    /// The statement's beginning with its condition, and whether the server can decide it.
    fn sql(&self) -> ((Sql<'_>, String), bool) {
        let indexes = self.snapshot.common_indexes(self.resolved.span);
        let mut sql = Sql::new(self.snapshot.context(indexes, self.without_regex));
        let span = sql.span("timegenerated", self.resolved.span);
        let condition = format!("{span} AND {}", sql.node(&self.resolved.filter));
        let is_exact = sql.exact;
        ((sql, condition), is_exact)
    }

    async fn alone(&self, field: &Field) -> Result<NumberOf, Trouble> {
        let none = TopOptions::from(0);
        let top = top::top(self.snapshot, self.query, field, &none, self.options, self.without_regex).await?;
        if top.partial { Err(Trouble::Late) } else { Ok(NumberOf::of(top.distinct, self.most)) }
    }

    /// Those of these places, in one statement. Of texts the server tells the number; of what stands as a
    /// number for words, which numbers there are.
    async fn together(&self, places: &[usize], numbers: &mut [NumberOf]) -> Result<(), Trouble> {
        let ((mut sql, condition), _) = self.sql();
        let mut parts = Vec::new();
        let mut coded: Vec<(usize, HashSet<String>)> = Vec::new();
        for (at, field) in places.iter().filter_map(|at| Some((*at, self.fields.get(*at)?))) {
            parts.push(match values_of(self.snapshot, field, &mut sql) {
                Values::Column(column) => format!("SELECT {at}, {column}::text COLLATE \"C\""),
                Values::Each(values) => {
                    format!("SELECT {at}, each.v::text COLLATE \"C\" FROM ({values}) AS each(v)")
                }
                Values::Coded(column) => {
                    coded.push((at, HashSet::new()));
                    format!("SELECT {at}, {column}::int4::text COLLATE \"C\"")
                }
                Values::Unknown => continue,
            });
            set(numbers, at, NumberOf::Exactly(0));
        }
        if parts.is_empty() {
            return Ok(());
        }
        let of_coded: Vec<String> = coded.iter().map(|(at, _)| at.to_string()).collect();
        let of_coded = if of_coded.is_empty() { "-1".to_owned() } else { of_coded.join(", ") };
        let (table, parts) = (self.snapshot.table.sql(""), parts.join(" UNION ALL "));
        let text = format!(
            "WITH seen AS MATERIALIZED (SELECT DISTINCT found.f, found.v FROM {table} \
             CROSS JOIN LATERAL ({parts}) AS found(f, v) WHERE {condition} AND found.v IS NOT NULL) \
             SELECT f::int4, NULL::text, count(*) FROM seen WHERE f NOT IN ({of_coded}) GROUP BY f \
             UNION ALL SELECT f::int4, v, 1 FROM seen WHERE f IN ({of_coded})"
        );
        let mut seen = |row: &tokio_postgres::Row| {
            let at = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
            match coded.iter_mut().find(|(of, _)| *of == at).zip(self.fields.get(at)) {
                Some(((_, words), field)) => {
                    let code = row.get::<_, Option<&str>>(1).and_then(|code| code.parse().ok());
                    each_word(self.snapshot, field, code, |word| {
                        words.insert(word.to_owned());
                    });
                }
                None => set(numbers, at, NumberOf::of(number(row.get(2)), self.most)),
            }
            Ok(true)
        };
        self.snapshot.each(&text, &sql.params, &mut seen).await?;
        for (at, words) in coded {
            set(numbers, at, NumberOf::of(words.len() as u64, self.most));
        }
        Ok(())
    }

    /// Those of these places, event by event. A field that has more values is looked at no further.
    async fn sift(&self, places: &[usize], numbers: &mut [NumberOf]) -> Result<(), Trouble> {
        let of = |at: &usize| Some((*at, self.fields.get(*at)?, HashSet::<String>::new()));
        let mut all: Vec<_> = places.iter().filter_map(of).collect();
        let seen = |event: &loggr_event::Event<'_>| {
            for (_, field, values) in &mut all {
                if matches!(field, Field::Time | Field::Timereported) || values.len() > self.most {
                    continue;
                }
                field_values(event, field, &mut |value| {
                    if !values.contains(value) {
                        values.insert(value.to_owned());
                    }
                    values.len() > self.most
                });
            }
        };
        let done = sift(self.snapshot, self.query, self.options, self.without_regex, seen).await;
        for (at, _, values) in all {
            let found = values.len() as u64;
            let number = match done {
                Ok(()) => NumberOf::of(found, self.most),
                // So many were seen until the time was over.
                Err(_) => NumberOf::MoreThan(found.saturating_sub(1).min(self.most as u64)),
            };
            set(numbers, at, number);
        }
        done
    }
}

fn set(numbers: &mut [NumberOf], at: usize, number: NumberOf) {
    if let Some(place) = numbers.get_mut(at) {
        *place = number;
    }
}
