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
//! Several `<` lines are one event of several lines. A `<` behind a `>`, or behind a line `+ 2s` that lets
//! time pass, is the next event; what stands behind it is about this one. `kept`, `dropped`, `not routed` and `routed to
//! EXCHANGE as EVENT_TYPE` (one of both may be left out) are about what becomes of the event;
//! everything else is a condition of the filter language, without engines that need files.

use std::fmt;
use std::path::Path;

use loggr_event::{DumpFormat, Event, Origin, Timestamp, UidGenerator};

use super::calls::duration;
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
    events: Vec<Given>,
    /// How long after the last event the next comes, in microseconds; none as long as the last one may have
    /// more lines.
    pause: Option<i64>,
}

/// An event, and what must hold of it.
struct Given {
    /// Microseconds after the event before it.
    after: i64,
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
    /// Number of the test in its file, from 0.
    pub number: usize,
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
                cases.push(Case { name, line: number, events: Vec::new(), pause: Some(0) });
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
                case.line(input.strip_prefix(' ').unwrap_or(input));
            } else if let Some(pause) = trimmed.strip_prefix('+') {
                match duration(pause.trim()) {
                    Some(seconds) => {
                        let pause = (seconds * 1e6).round() as i64;
                        case.pause = Some(case.pause.unwrap_or_default().saturating_add(pause));
                    }
                    None => errors.push(
                        FilterError::new(span, "this is no duration").hint("time passes with a line `+ 2s`"),
                    ),
                }
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
                let Some(event) = case.events.last_mut() else {
                    errors.push(FilterError::new(span, "this stands before the first `<` of its test"));
                    continue;
                };
                case.pause = case.pause.or(Some(0));
                if let Some(what) = what {
                    event.expect.push(Expectation { line: number, text: expected.trim().to_owned(), what });
                }
            } else {
                errors.push(FilterError::new(span, "expected `test`, `<`, `>`, `+` or `#`"));
            }
        }
        for case in &cases {
            let is_unasked = case.events.iter().all(|event| event.expect.is_empty());
            if errors.is_empty() && is_unasked {
                let start = text.split('\n').take(case.line - 1).map(|l| l.len() + 1).sum();
                let missing = if case.events.is_empty() {
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

    /// Runs all tests and gives the expectations that failed. What the engines of the program remember goes
    /// from one test to the next.
    pub fn run(&self, program: &Program, now: Timestamp) -> Vec<Failure> {
        let (cases, uids) = (self.cases.iter().enumerate(), UidGenerator::new([0; 8]));
        cases.flat_map(|(number, case)| case.run(number, program, &uids, now)).collect()
    }

    /// Runs each test with a program of its own, where it remembers something.
    ///
    /// # Errors
    /// Those of `fresh`, which compiles the program.
    pub fn run_apart<E>(
        &self,
        now: Timestamp,
        mut fresh: impl FnMut() -> Result<Program, E>,
    ) -> Result<Vec<Failure>, E> {
        let mut program = fresh()?;
        let (mut failures, uids) = (Vec::new(), UidGenerator::new([0; 8]));
        for (number, case) in self.cases.iter().enumerate() {
            if number > 0 && program.remembers() {
                program = fresh()?;
            }
            failures.extend(case.run(number, &program, &uids, now));
        }
        Ok(failures)
    }
}

impl Case {
    /// One more line of the event at hand, or the first of the next.
    fn line(&mut self, line: &str) {
        match (self.pause.take(), self.events.last_mut()) {
            (None, Some(event)) => {
                event.input.push(b'\n');
                event.input.extend_from_slice(line.as_bytes());
            }
            (pause, _) => self.events.push(Given {
                after: pause.unwrap_or_default(),
                input: line.as_bytes().to_vec(),
                expect: Vec::new(),
            }),
        }
    }

    fn run(&self, number: usize, program: &Program, uids: &UidGenerator, now: Timestamp) -> Vec<Failure> {
        let mut failures = Vec::new();
        let origin = Origin { listener: "test".into(), ..Origin::default() };
        let mut counters = program.counters();
        let mut at = now.unix_micros();
        for Given { after, input, expect } in &self.events {
            at = at.saturating_add(*after);
            let now = Timestamp::from_unix_micros(at);
            let mut event = Event::receive(input, &origin, uids.next(now), now);
            let fate = program.run(&mut event, now, &mut counters);
            for expectation in expect {
                if expectation.what.holds(fate, &event, program, now) {
                    continue;
                }
                let shown = match fate {
                    Fate::Drop(rule) => format!("it was dropped by line {}", program.rule(rule).0),
                    Fate::Keep => json(&event),
                    Fate::Route(number) => {
                        let route = program.routes().get(number).cloned().unwrap_or_default();
                        format!("routed {route}: {}", json(&event))
                    }
                };
                failures.push(Failure {
                    number,
                    line: expectation.line,
                    test: self.name.clone(),
                    expected: expectation.text.clone(),
                    event: shown,
                });
            }
        }
        failures
    }
}

impl Expected {
    fn holds(&self, fate: Fate, event: &Event<'_>, program: &Program, now: Timestamp) -> bool {
        match self {
            Expected::Kept => !matches!(fate, Fate::Drop(_)),
            Expected::Dropped => matches!(fate, Fate::Drop(_)),
            Expected::Routed(route) => match fate {
                Fate::Route(number) => program.routes().get(number) == route.as_ref(),
                Fate::Keep => route.is_none(),
                Fate::Drop(_) => false,
            },
            Expected::Holds(nodes) => holds(nodes, event.clone().into_owned(), now),
        }
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
    let mut compiler = Compiler::new(environment, condition);
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_800_000_000_000_000);

    fn environment() -> Environment {
        Environment::new("/nonexistent")
    }

    #[track_caller]
    fn program(text: &str) -> Program {
        Program::compile("t.filter", text, &environment()).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn operators_test_their_filters() {
        let program = program("if grok(\"SSHD\") { tags += \"ssh\" }\nif [user] == \"nobody\" { drop }");
        let cases = Cases::parse("t.tests", concat!(
            "# comment\n",
            "test \"root\"\n< <38>Mar  1 12:00:00 web1 sshd[7]: Accepted password for root from 10.0.0.1 port 22 ssh2\n",
            "> kept\n> [user] == \"root\"\n> \"ssh\" in tags\n> dropped\n",
            "test \"nobody\"\n< <38>Mar  1 12:00:00 web1 sshd[7]: Accepted password for nobody from 10.0.0.1 port 22 ssh2\n> dropped\n",
        )).unwrap();
        let failures = cases.run(&program, NOW);
        assert_eq!((cases.len(), failures.len()), (2, 1));
        assert_eq!((failures[0].line, failures[0].expected.as_str()), (7, "dropped"));
    }

    #[test]
    fn a_test_may_have_several_events() {
        let filter = program("if not dedupe(message, window=\"10s\") { tags += \"first\" } else { drop }");
        let line = |n: u32| format!("< <38>Mar  1 12:00:00 web1 sshd[7]: {n}\n");
        let (a, b) = (line(1), line(2));
        let text = format!(
            "test \"again\"\n{a}> kept\n{a}> dropped\n+ 2s\n{b}> kept\n+ 5s\n+ 2s\n{a}> dropped\n+ 1.5s\n{a}> kept\n\
             test \"two\"\n{a}+ 0.5s\n{a}> dropped\n{a}< more\n> kept\n> message == \"1\"\n"
        );
        let cases = Cases::parse("t.tests", &text).unwrap();
        let fresh = || Program::compile("t", &filter.text(), &environment());
        let failures = cases.run_apart(NOW, fresh).unwrap();
        let failures: Vec<_> = failures.iter().map(|f| (f.number, f.line, f.expected.as_str())).collect();
        assert_eq!(failures, [(1, 24, "message == \"1\"")]);
        let wrong = |text: &str, expect: &str| {
            let error = Cases::parse("t.tests", text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        wrong("test \"a\"\n> kept\n", "before the first `<`");
        wrong("test \"a\"\n< x\n+ soon\n> kept\n", "no duration");
        wrong("test \"a\"\n< x\n+ 1s\n", "has no `>` line");
        wrong("test \"a\"\n", "has no `<` line");
    }

    #[test]
    fn operators_test_their_routes() {
        let filter = program("if app_name == \"sshd\" { router(\"security\", \"login\") }");
        let text = "test \"sshd\"\n< <38>Mar  1 12:00:00 web1 sshd[7]: x\n\
                    > kept\n> routed to security as login\n> routed as login\n> not routed\n\
                    test \"cron\"\n< <38>Mar  1 12:00:00 web1 cron[7]: x\n> not routed\n> routed to security\n";
        let cases = Cases::parse("t.tests", text).unwrap();
        let failures: Vec<usize> = cases.run(&filter, NOW).iter().map(|f| f.line).collect();
        assert_eq!(failures, [5, 6, 10]);
        let error = Cases::parse("t.tests", "test \"a\"\n< x\n> routed\n").unwrap_err();
        assert!(error.to_string().contains("this names no route"), "{error}");
    }

    #[test]
    fn wrong_tests_are_told() {
        let error = Cases::parse("t.tests", "> kept\ntest \"a\"\n< x\n> [n] = 1\nnonsense\n").unwrap_err();
        let places: Vec<_> = error
            .errors()
            .iter()
            .map(|e| e.span.place("> kept\ntest \"a\"\n< x\n> [n] = 1\nnonsense\n").0)
            .collect();
        assert_eq!(places, [1, 4, 5], "{error}");
        let error = Cases::parse("t.tests", "test \"a\"\n> kept\n").unwrap_err();
        assert!(error.to_string().contains("before the first `<`"), "{error}");
    }
}
