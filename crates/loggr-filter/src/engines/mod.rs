//! The engines that filters call, one file each, and the table that lists them.
//!
//! The contract: an engine is built once, from arguments that were checked against its table, and
//! then works on one event after the other without files, clocks or locks that others may hold for
//! long. A failure with one event is an outcome, not an error: the event goes on with a tag.

mod agents;
pub mod anonymize;
mod answers;
pub mod calc;
mod case;
mod chosen;
pub mod csv;
pub mod date;
mod date_pattern;
pub mod dedupe;
pub mod dissect;
mod fingerprint;
pub mod geoip;
pub mod grok;
mod join;
pub mod json;
mod key;
mod keyed;
pub mod kv;
mod length;
#[cfg(test)]
mod mmdb;
#[cfg(test)]
mod one_call;
mod pairs;
mod personal;
mod place;
mod replace;
pub mod resolve;
mod rewrite;
pub mod router;
pub mod sample;
mod split;
mod substring;
mod table;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod translate;
mod trim;
mod urldecode;
pub mod useragent;
mod watched;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loggr_event::{Event, Timestamp};

use crate::grok::{Library, LibraryError};

pub use answers::{MAX_ANSWER_VALUES, MAX_OPEN_QUESTIONS, Question, Reply, Resolver, Resolvers};
pub use place::{MAX_EVENT_VALUES, Place};
pub use router::Route;

/// Everything an engine needs to know about one event.
#[derive(Debug)]
pub struct Call<'c, 'e> {
    /// The event; may be changed.
    pub event: &'c mut Event<'e>,
    /// The values of the operands among the arguments, in their order in the engine's table;
    /// `None` where a field is not there.
    pub operands: &'c [Option<Cow<'e, str>>],
    /// The time of the batch.
    pub now: Timestamp,
    /// The data that are the same for all events of the batch.
    pub pass: &'c mut Pass,
}

/// One batch's way through a filter.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// The batch has been delivered before, and what became of its events then may never have been
    /// stored. An engine that counts events must therefore not count these again.
    pub redelivered: bool,
    /// Which batch it is, by its time, and how long its events have waited so far.
    waiting: (Option<Timestamp>, Duration),
}

impl Pass {
    /// How long the next event may wait, if all events of the batch together may wait for `limit`.
    pub(crate) fn may_wait(&mut self, batch: Timestamp, limit: Duration) -> Duration {
        if self.waiting.0 != Some(batch) {
            self.waiting = (Some(batch), Duration::ZERO);
        }
        limit.saturating_sub(self.waiting.1)
    }

    /// Notes that an event waited.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.waiting.1 += time;
    }
}

/// What an engine did with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The engine acted on the event: true as a condition.
    Did,
    /// There was nothing to do.
    Nothing,
    /// The engine failed; the event gets the tag and goes on.
    Failed(&'static str),
}

/// A built engine.
pub trait Engine: Send + Sync {
    /// Works on one event. The event may borrow from the engine: names of fields need no copy.
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome;

    /// Looks whether its files changed and takes them; called now and then, outside the way
    /// of events.
    ///
    /// # Errors
    /// What is wrong with the new file; the old one stays in use.
    fn refresh(&self) -> Result<bool, String> {
        Ok(false)
    }

    /// Files that it read when it was made and does not look at again: only a new engine
    /// knows what is in them now.
    fn files(&self) -> &[PathBuf] {
        &[]
    }

    /// All files that it reads, those that it looks at again among them.
    fn reads(&self) -> Vec<PathBuf> {
        self.files().to_vec()
    }

    /// Whether the event may have changed. If an engine says no, the event need not be encoded
    /// anew: the bytes from which it was parsed are passed on. The answer is yes unless an engine
    /// knows better.
    fn may_change(&self, outcome: Outcome) -> bool {
        let _: Outcome = outcome;
        true
    }

    /// Whether what it does with an event depends on the events before it.
    fn remembers(&self) -> bool {
        false
    }

    /// Where events go on which the engine acted; only `router` gives a route.
    fn route(&self) -> Option<&Route> {
        None
    }
}

/// What kind of value a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// One or several texts.
    Texts,
    /// A number.
    Number,
    /// A text like `"30s"`, `"5m"`, `"1h"`.
    Duration,
    /// `true` or `false`.
    Flag,
    /// A value of each event: a field or a text.
    Operand,
    /// One or several values of each event.
    Operands,
    /// A custom field that is written, `[name]`.
    Field,
    /// A field, core or custom, with all its values.
    AnyField,
    /// One or several of those.
    AnyFields,
}

impl Kind {
    /// For the reference and for errors.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Texts => "texts",
            Kind::Number => "number",
            Kind::Duration => "duration",
            Kind::Flag => "true or false",
            Kind::Operand => "value",
            Kind::Operands => "values",
            Kind::Field => "field",
            Kind::AnyField => "any field",
            Kind::AnyFields => "any fields",
        }
    }
}

/// One parameter in an engine's table.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The value, as text, that counts if it is left out; `None` means that it is required.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
}

/// A parameter that must be given.
pub(crate) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Parameter {
    Parameter { name, kind, default: None, doc }
}

/// A parameter with a default.
pub(crate) const fn optional(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Parameter {
    Parameter { name, kind, default: Some(default), doc }
}

/// Makes an engine.
pub type Build = fn(&Arguments, &Environment) -> Result<Box<dyn Engine>, BuildError>;

/// One engine in the table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// How filters call it.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its parameters; those without a name in a call are taken in this order.
    pub parameters: &'static [Parameter],
    /// What the engine adds to an event: the field or tag, and its meaning.
    pub adds: &'static [(&'static str, &'static str)],
    /// Makes it.
    pub build: Build,
}

/// All engines, by name.
#[rustfmt::skip]
pub const ENGINES: &[Spec] = &[
    anonymize::SPEC,
    calc::SPEC,
    csv::SPEC,
    date::SPEC,
    dedupe::SPEC,
    dissect::SPEC,
    fingerprint::SPEC,
    geoip::SPEC,
    grok::SPEC,
    join::SPEC,
    json::SPEC,
    kv::SPEC,
    length::SPEC,
    case::LOWERCASE,
    replace::SPEC,
    resolve::SPEC,
    router::SPEC,
    sample::SPEC,
    split::SPEC,
    substring::SPEC,
    throttle::SPEC,
    translate::SPEC,
    trim::SPEC,
    case::UPPERCASE,
    urldecode::SPEC,
    useragent::SPEC,
];

/// The engine of a name.
pub fn find(name: &str) -> Option<&'static Spec> {
    ENGINES.iter().find(|s| s.name == name)
}

/// A checked argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text or duration as it is written, or the name of a field.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// A number.
    Number(f64),
    /// A flag.
    Flag(bool),
    /// An operand: its place in [`Call::operands`].
    Operand(usize),
    /// Several of them.
    Operands(Vec<usize>),
    /// Fields.
    Fields(Vec<Place>),
}

/// The arguments of one call, checked against the table.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    given: Vec<(&'static str, Value)>,
}

impl Arguments {
    /// Adds one; the names are those of the table.
    pub fn push(&mut self, name: &'static str, value: Value) {
        self.given.push((name, value));
    }

    /// Adds a value, or to the texts, operands or fields that were given under this name.
    pub(crate) fn extend(&mut self, name: &'static str, more: Value) {
        match (self.given.iter_mut().find(|(n, _)| *n == name), more) {
            (Some((_, Value::Texts(texts))), Value::Texts(more)) => texts.extend(more),
            (Some((_, Value::Operands(places))), Value::Operands(more)) => places.extend(more),
            (Some((_, Value::Fields(fields))), Value::Fields(more)) => fields.extend(more),
            (_, value) => self.push(name, value),
        }
    }

    /// The argument of a name; `None` where it was left out and its default is empty.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.given.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// A text; empty where it was left out.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Texts; none where they were left out.
    pub fn texts(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Flag(true)))
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The places of several operands in [`Call::operands`]; none where they were left out.
    pub fn operands(&self, name: &str) -> &[usize] {
        match self.get(name) {
            Some(Value::Operands(places)) => places,
            _ => &[],
        }
    }

    /// Fields; none where they were left out.
    pub fn fields(&self, name: &str) -> &[Place] {
        match self.get(name) {
            Some(Value::Fields(fields)) => fields,
            _ => &[],
        }
    }

    /// The place of an operand in [`Call::operands`].
    pub fn operand(&self, name: &str) -> Option<usize> {
        match self.get(name) {
            Some(Value::Operand(at)) => Some(*at),
            _ => None,
        }
    }
}

/// Why an engine cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// The argument at fault; `None` is the call itself.
    pub argument: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What to write instead, if that is known.
    pub hint: Option<String>,
}

impl BuildError {
    /// Something is wrong with an argument.
    pub fn argument(name: &'static str, message: impl Into<String>) -> BuildError {
        BuildError { argument: Some(name), message: message.into(), hint: None }
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> BuildError {
        self.hint = Some(hint.into());
        self
    }
}

/// What filters are compiled with.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where tables and pattern files are looked for; relative paths begin here.
    pub directory: PathBuf,
    /// Where filters lie that others include.
    pub filters: PathBuf,
    /// The named patterns, with classic names of fields.
    pub patterns: Arc<Library>,
    /// The named patterns, with the names of fields of the Elastic Common Schema.
    pub ecs_patterns: Arc<Library>,
    /// Makes resolvers, which ask name servers; without it `resolve` cannot be used.
    pub resolvers: Option<Arc<dyn Resolvers>>,
}

impl Environment {
    /// Files below `directory`, filters below its `filters`; the patterns of both names, legacy and ECS.
    pub fn new(directory: impl Into<PathBuf>) -> Environment {
        let directory = directory.into();
        Environment {
            filters: directory.join("filters"),
            directory,
            patterns: Library::legacy(),
            ecs_patterns: Library::ecs(),
            resolvers: None,
        }
    }

    /// Adds the patterns of an operator's file; they replace patterns of the same names.
    ///
    /// # Errors
    /// The first line that is not a definition.
    pub fn add_patterns(&mut self, text: &str) -> Result<(), LibraryError> {
        for library in [&mut self.patterns, &mut self.ecs_patterns] {
            Arc::make_mut(library).add_text(text)?;
        }
        Ok(())
    }
}
