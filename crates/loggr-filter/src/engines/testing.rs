//! Test helpers for engines: events made of fields, and times in milliseconds.

use std::path::Path;

use loggr_event::{Event, Origin, Timestamp, UidGenerator};

use super::Environment;
use crate::lang::{Counters, Program};

/// A filter at work.
pub(crate) struct Bench {
    program: Program,
    uids: UidGenerator,
    origin: Origin,
}

impl Bench {
    #[track_caller]
    pub fn new(filter: &str) -> Bench {
        Bench::with(filter, &nothing())
    }

    #[track_caller]
    pub fn with(filter: &str, environment: &Environment) -> Bench {
        let program = Program::compile("t", filter, environment).unwrap_or_else(|e| panic!("{e}"));
        Bench { program, uids: UidGenerator::new([0; 8]), origin: Origin::default() }
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    /// A new event with these fields; `message` is the message.
    pub fn event<'e>(&'e self, fields: &[(&'e str, &'e str)]) -> Event<'e> {
        let mut event = Event::new(&self.origin, self.uids.next(at(0)), at(0));
        for (name, value) in fields {
            match *name {
                "message" => event.message = (*value).into(),
                name => event.add_field_value(name, *value),
            }
        }
        event
    }

    /// Runs the filter on an event at a moment.
    pub fn run<'e>(&'e self, event: &mut Event<'e>, ms: i64) {
        self.run_as(event, ms, &mut self.program.counters());
    }

    pub fn run_as<'e>(&'e self, event: &mut Event<'e>, ms: i64, counters: &mut Counters) {
        self.program.run(event, at(ms), counters);
    }
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000 + ms * 1000)
}

/// Checks the errors of wrong calls against `snapshots/NAME.errors`.
#[track_caller]
pub(crate) fn wrong(name: &str, environment: &Environment, calls: &[&str]) {
    let mut out = String::new();
    for call in calls {
        let errors = Program::compile("x.filter", call, environment).expect_err(call);
        // The directory of a test's files differs from run to run.
        let told = errors.to_string().replace(&environment.directory.display().to_string(), "DIR");
        out.push_str(&format!("{told}\n\n"));
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engines/snapshots");
    let path = directory.join(format!("{name}.errors"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(&path, &out).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), out, "run it with UPDATE=1");
}

/// An environment without files.
pub(crate) fn nothing() -> Environment {
    Environment::new("/nonexistent")
}
