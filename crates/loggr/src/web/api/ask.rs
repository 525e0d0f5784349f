//! A question to a store: the query with what the asker may see, the range, and when to give up.
//!
//! Here, and nowhere else, the filter and the hidden fields of who asks are joined to what is asked.
//! Invariant: a store is asked only through [`Asked`], so no endpoint can forget that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use loggr_event::Timestamp;
use loggr_store::query::{self, Field, Hidden, Query};
use loggr_store::{ErrorKind, Found, Limits, SearchOptions, Store, StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::call::Call;
use super::line::Line;
use super::params::{Parameter, Takes, parameter};
use crate::access::who::May;
use crate::process::clock::now;
use crate::process::told::Told as ToldOnce;
use crate::reading;
use crate::web::paths;
use crate::web::problem::{Code, Problem};

/// How long a query may take if nothing is said.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take at most.
pub const MAX_QUERY_TIMEOUT: Duration = Duration::from_secs(300);
/// When to ask again where the store is away, in seconds.
const RETRY_SECONDS: u64 = 4;

const NAME: Parameter = parameter(
    "store",
    Takes::Text,
    "The shipper whose store is asked; if it is left out, the one that the configuration names.",
);
const TIMEOUT: Parameter = parameter(
    "timeout",
    Takes::Duration,
    "The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found.",
);
const QUERY: Parameter = parameter("q", Takes::Query, "The query; an empty one finds everything.");
const FROM: Parameter = parameter("from", Takes::Time, "Events from this moment on, for example `now-15m`.");
const TO: Parameter = parameter("to", Takes::Time, "Events before this moment.");

/// Which store is asked, and how long.
pub const STORE: &[Parameter] = &[NAME, TIMEOUT];
/// What all queries take.
pub const COMMON: &[Parameter] = &[QUERY, FROM, TO, NAME, TIMEOUT];

/// A question, ready to be asked.
pub struct Asked {
    /// Who answers.
    pub store: Store,
    /// The query as it was written.
    pub text: String,
    /// What may be seen of what is asked.
    pub query: Query,
    /// Range, limit, and when to give up.
    pub options: SearchOptions,
    /// Fields that must not be seen.
    pub hidden: Hidden,
    /// The moment of asking, in microseconds since 1970.
    pub now: i64,
    /// What the security log will say of it.
    pub line: Line,
    sight: Sight,
    /// Where files lie may not be told; the log has what was left out.
    unshown: Option<Arc<ToldOnce>>,
    started: Instant,
    _ends: EndsWithUs,
    turn: OwnedSemaphorePermit,
}

/// Ends the query when its request is over: the client has its answer or has gone.
struct EndsWithUs(Arc<AtomicBool>);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Call {
    /// The question in the parameters of [`COMMON`].
    ///
    /// # Errors
    /// The query cannot be read, the range is empty, or there is no such store.
    pub fn asked(&self) -> Result<Asked, Problem> {
        let mut asked = self.asked_of_store(self.params.text("q"))?;
        let (from, to) = (self.params.moment("from", asked.now), self.params.moment("to", asked.now));
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            let text = format!(
                "the range ends before it begins: `to` is {}, and `from` is {}",
                stamp(to),
                stamp(from)
            );
            return Err(Problem::parameter("to", text).hint("`from` must be earlier than `to`"));
        }
        (asked.options.since, asked.options.until) = (from, to);
        Ok(asked)
    }

    /// A question with this query, over all times.
    pub fn asked_of_store(&self, text: &str) -> Result<Asked, Problem> {
        let line = Line::new(&self.who, format!("{}{}", self.asks, self.params.told()));
        // Reading may cost as much as asking.
        let turn = self.api.turns.take(&self.who.name)?;
        let query = reading::parse(text).map_err(|error| unreadable(text, &error))?;
        let hidden = Hidden::new(&self.who.hidden).map_err(Problem::internal)?;
        let sight = Sight { filter: self.who.filter.clone(), hidden: hidden.clone() };
        let query = sight.of(query)?;
        let store = self.api.stores.get(self.params.some("store")).map_err(|refused| {
            let problem = Problem::new(Code::NoStore, refused.to_string());
            match refused.hint() {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        })?;
        let started = Instant::now();
        let cancel = Arc::new(AtomicBool::new(false));
        // What goes on until its client goes has none.
        let timeout = self.params.has("timeout").then(|| self.params.duration("timeout")).flatten();
        let timeout = timeout.unwrap_or(QUERY_TIMEOUT).min(MAX_QUERY_TIMEOUT);
        let now = now().unix_micros();
        let mut options = SearchOptions::new(now);
        options.limits = Limits { deadline: Some(started + timeout), cancel: Some(cancel.clone()) };
        Ok(Asked {
            store,
            text: text.to_owned(),
            query,
            options,
            hidden,
            now,
            line,
            sight,
            unshown: (!self.who.may(May::Administer)).then(|| self.api.unshown.clone()),
            started,
            _ends: EndsWithUs(cancel),
            turn,
        })
    }
}

impl Asked {
    /// Another query over the same range with the same rights.
    pub fn with(&self, query: Query) -> Result<Query, Problem> {
        self.sight.of(query)
    }

    /// The turn and the line of the log, for what goes on after the question.
    pub fn into_turn(self) -> (OwnedSemaphorePermit, Line) {
        (self.turn, self.line)
    }

    /// Must something of the store not be seen?
    pub fn has_filter(&self) -> bool {
        self.sight.filter.is_some()
    }

    /// When the oldest and the newest event were received that match.
    pub async fn ends(&self) -> Result<Ends, StoreError> {
        let mut one = SearchOptions { limit: 1, after: None, oldest_first: true, ..self.options.clone() };
        let oldest = self.store.search(&self.query, &one).await?;
        one.oldest_first = false;
        let newest = self.store.search(&self.query, &one).await?;
        let time = |found: &Found| found.events.first().map(|event| event.timegenerated.unix_micros());
        Ok(Ends {
            oldest: time(&oldest),
            newest: time(&newest),
            partial: oldest.partial || newest.partial,
            warnings: [oldest.warnings, newest.warnings].concat(),
        })
    }

    /// Refuses to tell anything of a field that is hidden from who asks.
    pub fn shows(&self, field: &Field) -> Result<(), Problem> {
        refuse(&self.hidden, std::slice::from_ref(field))
    }

    /// What is told beside every answer.
    pub fn told(&self, partial: bool, mut warnings: Vec<String>, stats: &loggr_store::Stats) -> Told {
        if let Some(unshown) = &self.unshown {
            warnings.iter_mut().for_each(|warning| hide_paths(warning, unshown));
        }
        let of = |micros: Option<i64>| micros.map(stamp);
        Told {
            stats: Stats {
                ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                matched: stats.matched,
                groups: stats.groups,
                groups_read: stats.groups_read,
            },
            partial,
            warnings,
            range: Range { from: of(self.options.since), to: of(self.options.until) },
        }
    }
}

/// From when to when events match.
#[derive(Debug)]
pub struct Ends {
    /// Microseconds since 1970.
    pub oldest: Option<i64>,
    /// The same.
    pub newest: Option<i64>,
    /// Something was left out.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
}

/// A warning without paths; the log says it whole, not each time.
fn hide_paths(warning: &mut String, unshown: &ToldOnce) {
    let shown = paths::without(warning);
    if shown != *warning {
        if unshown.tell(warning).is_some() {
            tracing::warn!(warning, "an answer is not whole");
        }
        *warning = shown.into_owned();
    }
}

/// What is told beside every answer of a query.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Told {
    /// What was looked at.
    pub stats: Stats,
    /// Something was left out: the time was over, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// The range that was asked for, as moments.
    pub range: Range,
}

/// What a query looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stats {
    /// Milliseconds from the question to the answer.
    ms: u64,
    /// Events that matched in what was looked at.
    matched: u64,
    /// Groups of rows whose index was asked.
    groups: u64,
    /// Groups of rows of which columns were read.
    groups_read: u64,
}

/// From a moment until before another one; an open end is null.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Range {
    /// The first moment of the range, in RFC 3339.
    pub from: Option<String>,
    /// The first moment behind it.
    pub to: Option<String>,
}

/// A moment in RFC 3339.
pub fn stamp(micros: i64) -> String {
    crate::status::stamp(Timestamp::from_unix_micros(micros))
}

/// What somebody may see of the events.
struct Sight {
    /// Only what this finds.
    filter: Option<Query>,
    /// Not these fields.
    hidden: Hidden,
}

impl Sight {
    /// What of a query may be asked.
    fn of(&self, query: Query) -> Result<Query, Problem> {
        refuse(&self.hidden, &query.fields())?;
        let query = query.hiding(&self.hidden);
        Ok(match &self.filter {
            Some(filter) => query.and(filter.clone()),
            None => query,
        })
    }
}

fn refuse(hidden: &Hidden, fields: &[Field]) -> Result<(), Problem> {
    match fields.iter().find(|field| hidden.hides(field)) {
        Some(field) => Err(Problem::new(Code::Forbidden, format!("the field `{field}` is hidden from you"))
            .hint("leave it out of the query")),
        None => Ok(()),
    }
}

/// What is wrong with a query, and where.
pub fn unreadable(text: &str, error: &query::QueryError) -> Problem {
    let mut problem = Problem::new(Code::QueryError, error.message())
        .with("column", error.column())
        .with("offset", utf16(text, error.offset()));
    if let Some(hint) = error.hint_text() {
        problem = problem.hint(hint);
    }
    let hints = query::habits(text);
    if !hints.is_empty() {
        problem = problem.with("hints", hints);
    }
    problem
}

/// The places of a text in UTF-16 code units, as JavaScript counts. Asked in their order, all of them cost
/// one walk through the text.
pub struct Units<'t> {
    text: &'t str,
    bytes: usize,
    units: usize,
}

impl<'t> Units<'t> {
    /// At the beginning of the text.
    pub fn of(text: &'t str) -> Units<'t> {
        Units { text, bytes: 0, units: 0 }
    }

    /// The place of this byte.
    pub fn at(&mut self, bytes: usize) -> usize {
        if bytes < self.bytes {
            *self = Units::of(self.text);
        }
        let rest = self.text.get(self.bytes..).unwrap_or_default();
        let between = self.text.get(self.bytes..bytes).unwrap_or(rest);
        self.units += between.encode_utf16().count();
        self.bytes += between.len();
        self.units
    }
}

/// The place in a text in UTF-16 code units, as JavaScript counts.
pub fn utf16(text: &str, bytes: usize) -> usize {
    Units::of(text).at(bytes)
}

/// What a store could not do.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let hint = error.hint().map(str::to_owned);
        let problem = match error.kind() {
            ErrorKind::Limit => Problem::new(Code::Limit, error.to_string()),
            ErrorKind::Transient | ErrorKind::Locked | ErrorKind::Refused => {
                Problem::new(Code::StoreAway, error.to_string()).retry_after(RETRY_SECONDS)
            }
            _ => return Problem::internal(error),
        };
        match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}
