//! An operator's own tests of a filter: lines, and conditions that must hold afterwards.
//!
//! ```text
//! # comment
//! test "an accepted password"
//! < <38>Mar  1 12:00:00 web1 sshd[7]: Accepted password for root from 10.0.0.1 port 22 ssh2
//! > [user] == "root"
//! > "ssh" in tags and not ("failed" in tags)
//! > kept
//! ```
//!
//! Several `<` lines are one event of several lines. `kept`, `dropped`, `not routed` and `routed to
//! EXCHANGE as EVENT_TYPE` (one of both may be left out) are about what becomes of the event;
//! everything else is a condition of the filter language, without engines that need files.

use std::fmt;
use std::path::Path;

use loggr_event::{DumpFormat, Event, Origin, Timestamp, UidGenerator};

use super::compile::Compiler;
use super::counters::Counters;
use super::error::{FilterError, FilterErrors, Span};
use super::evaluate::{Flow, Run};
use super::node::{Check, Node};
use super::parser::parse_condition;
use super::program::{Fate, Program};
use crate::engines::{Environment, Route};

impl fmt::Debug for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cases").field("cases", &self.cases.len()).finish()
    }
}

/// The tests of one file.
pub struct Cases {
    cases: Vec<Case>,
}

struct Case {
    name: String,
    line: usize,
    input: Vec<u8>,
    expect: Vec<Expectation>,
}

struct Expectation {
    line: usize,
    text: String,
    what: Expected,
}

enum Expected {
    Kept,
    Dropped,
    /// The route, or none.
    Routed(Option<Route>),
    Holds(Vec<Node>),
}

/// Why a file of tests cannot be used.
pub type CasesError = FilterErrors;

/// An expectation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Line of the expectation.
    pub line: usize,
    /// Name of the test.
    pub test: String,
    /// The expectation as it is written.
    pub expected: String,
    /// What became of the event: `dropped by line N`, or the event as JSON.
    pub event: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: test \"{}\": does not hold: {}\n  {}",
            self.line, self.test, self.expected, self.event
        )
    }
}

impl Cases {
    /// Reads a file of tests; Errors name the file as `file`.
    ///
    /// # Errors
    /// All lines that cannot be read, and all wrong conditions.
    pub fn parse(file: &str, text: &str) -> Result<Cases, CasesError> {
        let mut cases: Vec<Case> = Vec::new();
        let mut errors = Vec::new();
        let environment = Environment::new(Path::new("."));
        let mut at = 0;
        for (number, line) in text.split('\n').enumerate() {
            let span = Span::new(at, at + line.len());
            at += line.len() + 1;
            let number = number + 1;
            let trimmed = line.trim_end_matches('\r');
            if trimmed.trim().is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if let Some(name) = trimmed.strip_prefix("test ") {
                let name = name.trim().trim_matches('"').to_owned();
                cases.push(Case { name, line: number, input: Vec::new(), expect: Vec::new() });
                continue;
            }
            let Some(case) = cases.last_mut() else {
                errors.push(
                    FilterError::new(span, "this stands before the first test")
                        .hint("begin with `test \"name\"`"),
                );
                continue;
            };
            if let Some(input) = trimmed.strip_prefix('<') {
                if !case.input.is_empty() {
                    case.input.push(b'\n');
                }
                case.input.extend_from_slice(input.strip_prefix(' ').unwrap_or(input).as_bytes());
            } else if let Some(expected) = trimmed.strip_prefix('>') {
                let what = match expected.trim() {
                    "kept" => Some(Expected::Kept),
                    "dropped" => Some(Expected::Dropped),
                    "not routed" => Some(Expected::Routed(None)),
                    words if words.split(' ').next() == Some("routed") => {
                        let route = route(words);
                        if route.is_none() {
                            errors.push(
                                FilterError::new(span, "this names no route")
                                    .hint("`routed to EXCHANGE`, `routed as EVENT_TYPE`, or both"),
                            );
                        }
                        route.map(|route| Expected::Routed(Some(route)))
                    }
                    condition => {
                        compile(condition, expected, span, &environment, &mut errors).map(Expected::Holds)
                    }
                };
                if let Some(what) = what {
                    case.expect.push(Expectation { line: number, text: expected.trim().to_owned(), what });
                }
            } else {
                errors.push(FilterError::new(span, "expected `test`, `<`, `>` or `#`"));
            }
        }
        for case in &cases {
            if errors.is_empty() && (case.input.is_empty() || case.expect.is_empty()) {
                let start = text.split('\n').take(case.line - 1).map(|l| l.len() + 1).sum();
                let missing = if case.input.is_empty() {
                    "has no `<` line"
                } else {
                    "expects nothing: it has no `>` line"
                };
                errors.push(FilterError::new(Span::new(start, start + 4), format!("this test {missing}")));
            }
        }
        match errors.is_empty() {
            true => Ok(Cases { cases }),
            false => Err(FilterErrors::new(file, text, errors)),
        }
    }

    /// How many tests there are.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// True where there is no test.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Runs all tests and gives the expectations that failed.
    pub fn run(&self, program: &Program, now: Timestamp) -> Vec<Failure> {
        let mut failures = Vec::new();
        let origin = Origin { listener: "test".into(), ..Origin::default() };
        let uids = UidGenerator::new([0; 8]);
        for case in &self.cases {
            let mut counters = program.counters();
            let mut event = Event::receive(&case.input, &origin, uids.next(now), now);
            let fate = program.run(&mut event, now, &mut counters);
            for expectation in &case.expect {
                let holds = match &expectation.what {
                    Expected::Kept => !matches!(fate, Fate::Drop(_)),
                    Expected::Dropped => matches!(fate, Fate::Drop(_)),
                    Expected::Routed(route) => match fate {
                        Fate::Route(number) => program.routes().get(number) == route.as_ref(),
                        Fate::Keep => route.is_none(),
                        Fate::Drop(_) => false,
                    },
                    Expected::Holds(nodes) => holds(nodes, event.clone().into_owned(), now),
                };
                if !holds {
                    let shown = match fate {
                        Fate::Drop(rule) => format!("it was dropped by line {}", program.rule(rule).0),
                        Fate::Keep => json(&event),
                        Fate::Route(number) => {
                            let route = program.routes().get(number).cloned().unwrap_or_default();
                            format!("routed {route}: {}", json(&event))
                        }
                    };
                    failures.push(Failure {
                        line: expectation.line,
                        test: case.name.clone(),
                        expected: expectation.text.clone(),
                        event: shown,
                    });
                }
            }
        }
        failures
    }
}

/// `routed to EXCHANGE as EVENT_TYPE`.
fn route(words: &str) -> Option<Route> {
    let words: Vec<&str> = words.split_whitespace().collect();
    match words.as_slice() {
        ["routed", "to", exchange] => Some(Route { exchange: Some((*exchange).into()), event_type: None }),
        ["routed", "as", kind] => Some(Route { exchange: None, event_type: Some((*kind).into()) }),
        ["routed", "to", exchange, "as", kind] => {
            Some(Route { exchange: Some((*exchange).into()), event_type: Some((*kind).into()) })
        }
        _ => None,
    }
}

fn json(event: &Event<'_>) -> String {
    let mut out = Vec::new();
    event.dump(&DumpFormat::Json, &mut out);
    String::from_utf8_lossy(&out).trim_end().to_owned()
}

/// The condition as `if condition { stop } drop`.
fn compile(
    condition: &str,
    within: &str,
    span: Span,
    environment: &Environment,
    errors: &mut Vec<FilterError>,
) -> Option<Vec<Node>> {
    // Offsets in the condition are turned into offsets in the line behind the `>`.
    let offset = span.start + 1 + within.find(condition).unwrap_or(0);
    let moved = |mut error: FilterError| {
        error.span = Span::new(error.span.start + offset, error.span.end + offset);
        error
    };
    let parsed = match parse_condition(condition) {
        Ok(parsed) => parsed,
        Err(found) => {
            errors.extend(found.into_iter().map(moved));
            return None;
        }
    };
    let mut compiler =
        Compiler { environment, text: condition, errors: Vec::new(), rules: Vec::new(), routes: Vec::new() };
    let check: Option<Check> = compiler.condition(&parsed);
    errors.extend(compiler.errors.into_iter().map(moved));
    Some(vec![Node::If(vec![(0, check?, vec![Node::Stop(1)])], vec![Node::Drop(2)])])
}

fn holds<'e>(nodes: &'e [Node], mut event: Event<'e>, now: Timestamp) -> bool {
    let mut counters = Counters::default();
    let mut run = Run {
        event: &mut event,
        now,
        counters: &mut counters,
        timed: false,
        trace: None,
        route: None,
        failed: None,
        changed: false,
    };
    matches!(run.block(nodes), Flow::Stop)
}
