#![no_main]
//! The filter language: no text makes the compiler panic; a mistake has a place in the text; a
//! filter that is written out is read again as the same one. The same text as a file of tests.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use loggr_event::Timestamp;
use loggr_filter::engines::Environment;
use loggr_filter::lang::{Cases, FilterErrors, Program};

/// A directory that is not there: engines find no files.
const NOWHERE: &str = "/nonexistent/loggr-fuzz";

fuzz_target!(|text: &str| {
    let environment = Environment::new(Path::new(NOWHERE));
    match Program::compile("f.filter", text, &environment) {
        Ok(program) => {
            let written = program.text();
            let again = Program::compile("again", &written, &environment)
                .unwrap_or_else(|e| panic!("what was written cannot be read again:\n{e}"));
            assert_eq!(again.text(), written, "written twice it differs");
            assert_eq!(again.rule_count(), program.rule_count());
            assert!(!program.explain().is_empty());
        }
        Err(errors) => check(&errors, "f.filter", text),
    }
    match Cases::parse("t.tests", text) {
        Ok(cases) => {
            let program = Program::compile("f.filter", "stop", &environment).expect("a filter");
            drop(cases.run(&program, Timestamp::from_unix_micros(0)));
        }
        Err(errors) => check(&errors, "t.tests", text),
    }
});

fn check(errors: &FilterErrors, file: &str, text: &str) {
    assert!(!errors.errors().is_empty());
    for error in errors.errors() {
        assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?} is no place in the text");
    }
    let shown = errors.to_string();
    assert!(shown.contains(&format!("{file}:")), "no place in `{shown}`");
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "a control character reaches the terminal");
}
