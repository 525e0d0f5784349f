#![no_main]
//! The filter language: no text makes the parser or the checker panic; what is wrong is said;
//! a program that is written out is read again as the same one.

use libfuzzer_sys::fuzz_target;
use loggr_filter::engines::Environment;
use loggr_filter::lang::Program;

fuzz_target!(|text: &str| {
    let environment = Environment::new("/nonexistent");
    let program = match Program::compile("fuzz.filter", text, &environment) {
        Ok(program) => program,
        Err(errors) => {
            assert!(errors.to_string().contains("fuzz.filter:"), "no place in `{errors}`");
            return;
        }
    };
    let written = program.text();
    let again = Program::compile("again.filter", &written, &environment)
        .unwrap_or_else(|e| panic!("`{written}` cannot be read again: {e}"));
    assert_eq!(again.text(), written, "written twice it differs");
    assert_eq!(again.rule_count(), program.rule_count());
    assert!(!program.explain().is_empty());
});
