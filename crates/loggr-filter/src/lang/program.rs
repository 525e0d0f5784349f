//! A checked filter, ready to run.

use std::fmt;
use std::path::PathBuf;

use loggr_event::{Defect, Event, MAX_TAGS, Timestamp};

use super::ast::Statement;
use super::compile::Compiler;
use super::counters::{Counters, RuleCount, Step};
use super::error::FilterErrors;
use super::evaluate::{Flow, Run};
use super::include;
use super::node::{Node, Rule};
use super::parser::parse;
use crate::engines::{Environment, Pass, Route};

/// The time of the rules is measured for one of this many events.
const TIMED_EVENTS: u64 = 64;

/// Tag that an event has before the first rule if its line was in no known format.
pub const PARSE_TAG: &str = "_parsefailure";

/// A filter.
pub struct Program {
    file: String,
    /// The files that it includes.
    included: Vec<PathBuf>,
    pub(super) statements: Vec<Statement>,
    nodes: Vec<Node>,
    pub(super) rules: Vec<Rule>,
    routes: Vec<Route>,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The event goes on to the destination.
    Keep,
    /// The event goes on by the route of this number in [`Program::routes`].
    Route(usize),
    /// The rule of this number dropped it.
    Drop(usize),
}

impl Program {
    /// Reads and checks a filter. Errors name the filter as `file`.
    ///
    /// # Errors
    /// All mistakes in it, but at most [`super::MAX_ERRORS`] of the grammar.
    pub fn compile(file: &str, text: &str, environment: &Environment) -> Result<Program, FilterErrors> {
        let mut statements = parse(text).map_err(|errors| FilterErrors::new(file, text, errors))?;
        let mut reader = include::Reader {
            directory: &environment.filters,
            files: Vec::new(),
            wrong: Vec::new(),
            inside: Vec::new(),
        };
        let errors = reader.fill(&mut statements);
        if !errors.is_empty() {
            return Err(FilterErrors::new(file, text, errors).with(reader.wrong));
        }
        let mut compiler = Compiler::new(environment, text);
        let nodes = compiler.block(&statements);
        if !compiler.errors.is_empty() {
            return Err(FilterErrors::new(file, text, compiler.errors).with(compiler.included));
        }
        let (rules, routes, included) = (compiler.rules, compiler.routes, reader.files);
        Ok(Program { file: file.to_owned(), included, statements, nodes, rules, routes })
    }

    /// The name of the filter in errors.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its text in the canonical layout, without comments.
    pub fn text(&self) -> String {
        super::print::print(&self.statements)
    }

    /// True where it has no statement.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The routes of all its `router`s, none twice; other events go to the destination.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// How many rules it has.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Line and text of a rule.
    pub fn rule(&self, number: usize) -> (usize, &str) {
        self.rules.get(number).map_or((0, ""), |rule| (rule.line, rule.text.as_str()))
    }

    /// Counters for one worker.
    pub fn counters(&self) -> Counters {
        Counters { events: 0, rules: vec![RuleCount::default(); self.rules.len()], pass: Pass::default() }
    }

    /// Works on one event. `now` is the time of the batch.
    pub fn run<'e>(&'e self, event: &mut Event<'e>, now: Timestamp, counters: &mut Counters) -> Fate {
        let timed = counters.events.is_multiple_of(TIMED_EVENTS);
        counters.events += 1;
        self.work(Run { event, now, counters, timed, trace: None, route: None, failed: None, changed: false })
            .0
    }

    /// Like [`Program::run`], but also says whether the event may have changed. If not, the bytes
    /// from which it was parsed can be passed on.
    pub fn run_marked<'e>(
        &'e self,
        event: &mut Event<'e>,
        now: Timestamp,
        counters: &mut Counters,
    ) -> (Fate, bool) {
        let timed = counters.events.is_multiple_of(TIMED_EVENTS);
        counters.events += 1;
        self.work(Run { event, now, counters, timed, trace: None, route: None, failed: None, changed: false })
    }

    /// Like [`Program::run`], and calls `trace` for every rule that the event reaches.
    pub fn trace<'e>(
        &'e self,
        event: &mut Event<'e>,
        now: Timestamp,
        counters: &mut Counters,
        trace: &mut dyn FnMut(&Step<'_>),
    ) -> Fate {
        counters.events += 1;
        self.work(Run {
            event,
            now,
            counters,
            timed: false,
            trace: Some(trace),
            route: None,
            failed: None,
            changed: false,
        })
        .0
    }

    fn work<'e>(&'e self, mut run: Run<'_, 'e>) -> (Fate, bool) {
        #[cfg(debug_assertions)]
        let before = run.event.clone();
        if run.event.defects.contains(Defect::Unparsed) && run.event.tags.len() < MAX_TAGS {
            run.changed |= run.event.add_tag(PARSE_TAG);
        }
        let fate = match (run.block(&self.nodes), run.route) {
            (Flow::Drop(rule), _) => Fate::Drop(rule),
            (Flow::On | Flow::Stop, Some(route)) => Fate::Route(route),
            (Flow::On | Flow::Stop, None) => Fate::Keep,
        };
        #[cfg(debug_assertions)]
        assert!(run.changed || *run.event == before, "BUG: something changed the event and does not say so");
        (fate, run.changed)
    }

    /// Does what it does with an event depend on the events before it? Then the events of one sender have to
    /// come in their order.
    pub fn remembers(&self) -> bool {
        let mut remembers = false;
        Node::each_call(&self.nodes, &mut |called| remembers |= called.engine.remembers());
        remembers
    }

    /// Lets engines read files that have changed. Gives true if one has taken a new file, and an
    /// error for each file that cannot be used.
    pub fn refresh(&self) -> (bool, Vec<String>) {
        let (mut changed, mut errors) = (false, Vec::new());
        Node::each_call(&self.nodes, &mut |called| match called.engine.refresh() {
            Ok(did) => changed |= did,
            Err(error) => errors.push(error),
        });
        (changed, errors)
    }

    /// The filters that it includes, and files that its engines read when the program was made and do not
    /// look at again.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = self.included.clone();
        Node::each_call(&self.nodes, &mut |called| files.extend_from_slice(called.engine.files()));
        files
    }

    /// The filters that it includes, and all files that its engines read, those that they look at again
    /// among them.
    pub fn reads(&self) -> Vec<PathBuf> {
        let mut reads = self.included.clone();
        Node::each_call(&self.nodes, &mut |called| reads.extend(called.engine.reads()));
        reads
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("file", &self.file).field("rules", &self.rules.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_knows_whether_it_remembers() {
        let check = |text: &str, expect: bool| {
            let program = Program::compile("t.filter", text, &Environment::new("/nonexistent"));
            assert_eq!(program.expect(text).remembers(), expect, "{text}");
        };
        check("", false);
        check("grok(\"SSHD\")", false);
        check("if sample(rate=10) { drop }", false);
        check("dedupe(message, window=\"1s\")", true);
        check("if app_name == \"a\" { if not throttle(source, rate=1, per=\"1s\") { drop } }", true);
    }
}
