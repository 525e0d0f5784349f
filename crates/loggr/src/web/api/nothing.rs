//! `GET /api/explain-nothing`: why a query finds nothing, and where to go.
//!
//! Each term is asked alone, and the query without it, so that the one that excludes everything is
//! seen. Costs as many counts as there are terms; of a query with many of them the first are asked.

use loggr_store::SearchOptions;
use loggr_store::query::{self, Field, Kind, Part, Query};
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::{Asked, Told, stamp};
use super::call::{Answer, Call, json};
use crate::reading;
use crate::web::problem::Problem;

/// Terms that are looked at.
const MAX_TERMS: usize = 12;

/// Why nothing was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    /// Events in the range, whatever the query.
    in_range: u64,
    /// When the newest event that one may see was received.
    newest: Option<String>,
    /// The nearest matching events outside the range.
    nearest: Nearest,
    /// What each term finds in the range by itself, and what is found without it.
    terms: Vec<Term>,
    /// Fields that no event has.
    unknown: Vec<Unknown>,
    /// Ways of writing that mean something else here.
    hints: Vec<String>,
    #[serde(flatten)]
    told: Told,
}

/// Matching events outside a range.
#[derive(Debug, Serialize, JsonSchema)]
struct Nearest {
    /// The last one before it.
    before: Option<String>,
    /// The first one after it.
    after: Option<String>,
}

/// A term of the query.
#[derive(Debug, Serialize, JsonSchema)]
struct Term {
    /// As it is written in the query.
    text: String,
    /// Events that it finds by itself.
    alone: u64,
    /// Events that the others find without it.
    without: u64,
}

/// A field that no event has.
#[derive(Debug, Serialize, JsonSchema)]
struct Unknown {
    field: String,
    /// What was probably meant.
    suggestion: Option<String>,
}

/// `GET /api/explain-nothing`
pub async fn explain(call: Call) -> Answer {
    let mut asked = call.asked()?;
    let mut looked = Looked::default();
    let in_range = looked.count(&asked, Query::all()).await?;
    asked.line.rows(in_range);
    let everywhere = SearchOptions { since: None, until: None, limit: 1, ..asked.options.clone() };
    let newest = looked.first(&asked, &asked.with(Query::all())?, &everywhere).await?;
    let nearest = Nearest {
        before: match asked.options.since {
            Some(since) => {
                let earlier = SearchOptions { until: Some(since), ..everywhere.clone() };
                looked.first(&asked, &asked.query, &earlier).await?
            }
            None => None,
        },
        after: match asked.options.until {
            Some(until) => {
                let later = SearchOptions { since: Some(until), oldest_first: true, ..everywhere.clone() };
                looked.first(&asked, &asked.query, &later).await?
            }
            None => None,
        },
    };
    let (written, painted) = reading::parse_painted(&asked.text);
    let written = written.map_err(|error| super::ask::unreadable(&asked.text, &error))?;
    let parts = written.terms();
    let mut terms = Vec::new();
    if parts.len() > 1 {
        let texts = texts(&asked.text, &painted, &parts);
        for (at, (part, text)) in parts.iter().zip(texts).enumerate().take(MAX_TERMS) {
            let others =
                parts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, part)| part.clone());
            let others = others.reduce(Query::and).unwrap_or_else(Query::all);
            terms.push(Term {
                text,
                alone: looked.count(&asked, part.clone()).await?,
                without: looked.count(&asked, others).await?,
            });
        }
    }
    let known = asked.store.fields(asked.options.since, asked.options.until).await?;
    let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
    let names: Vec<&str> =
        names.into_iter().filter(|name| !asked.hidden.hides(&Field::from_name(name))).collect();
    // Which fields the events of others have is not for everybody.
    let names_one = call.who.filter.is_none();
    let unknown = written.unknown_fields(&names).into_iter().filter(|_| names_one);
    let unknown =
        unknown.map(|(field, near)| Unknown { field, suggestion: near.map(str::to_owned) }).collect();
    if parts.len() > MAX_TERMS {
        looked
            .miss(true, vec![format!("of the {} terms only the first {MAX_TERMS} were asked", parts.len())]);
    }
    let told = asked.told(looked.partial, looked.warnings, &loggr_store::Stats::default());
    json(&Explained { in_range, newest, nearest, terms, unknown, hints: query::habits(&asked.text), told })
}

/// The terms as they are written in the query; in the words of the reference where they do not stand side
/// by side in its text.
fn texts(text: &str, parts: &[Part], terms: &[Query]) -> Vec<String> {
    let word = |part: &Part| text.get(part.place.clone()).unwrap_or_default();
    let mut written: Vec<&str> = Vec::new();
    let mut rest = parts.iter().peekable();
    while let Some(first) = rest.next() {
        if first.kind == Kind::Operator && word(first).eq_ignore_ascii_case("and") {
            continue;
        }
        // What stands in front of an operand belongs to it, and so does all in its parentheses.
        let (mut last, mut depth) = (first, 0_usize);
        loop {
            match (last.kind, word(last)) {
                (Kind::Operator, "(") => depth += 1,
                (Kind::Operator, ")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            let wants_more = matches!(last.kind, Kind::Field | Kind::Not)
                || (last.kind == Kind::Operator && word(last) != ")");
            if depth == 0 && !wants_more {
                break;
            }
            match rest.next() {
                Some(next) => last = next,
                None => break,
            }
        }
        written.extend(text.get(first.place.start..last.place.end));
    }
    match written.len() == terms.len() {
        true => written.into_iter().map(str::to_owned).collect(),
        false => terms.iter().take(MAX_TERMS).map(Query::to_string).collect(),
    }
}

/// What was missing in any of the answers.
#[derive(Default)]
struct Looked {
    partial: bool,
    warnings: Vec<String>,
}

impl Looked {
    fn miss(&mut self, partial: bool, warnings: Vec<String>) {
        self.partial |= partial;
        let new = warnings.into_iter().filter(|warning| !self.warnings.contains(warning));
        let new: Vec<String> = new.collect();
        self.warnings.extend(new);
    }

    async fn count(&mut self, asked: &Asked, query: Query) -> Result<u64, Problem> {
        let counted = asked.store.count(&asked.with(query)?, &asked.options).await?;
        self.miss(counted.partial, counted.warnings);
        Ok(counted.events)
    }

    /// When the first of what is found was received.
    async fn first(
        &mut self,
        asked: &Asked,
        query: &Query,
        options: &SearchOptions,
    ) -> Result<Option<String>, Problem> {
        let found = asked.store.search(query, options).await?;
        self.miss(found.partial, found.warnings);
        Ok(found.events.first().map(|event| stamp(event.timegenerated.unix_micros())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let (query, parts) = query::parse_painted(text);
        assert_eq!(texts(text, &parts, &query.expect("a query").terms()), expect);
    }

    #[test]
    fn terms_are_told_as_they_were_written() {
        check("failed app:cron", &["failed", "app:cron"]);
        check("host:web* AND level:error", &["host:web*", "level:error"]);
        check("-host:\"a b\" (x OR y)  NOT z", &["-host:\"a b\"", "(x OR y)", "NOT z"]);
        check("status:>=500 msg:/a b/", &["status:>=500", "msg:/a b/"]);
        check("NOT host:(a OR (b c)) AND -x", &["NOT host:(a OR (b c))", "-x"]);
        // They do not stand side by side.
        check("(a b) c", &["a", "b", "c"]);
    }
}
