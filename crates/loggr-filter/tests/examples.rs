//! The example filters: each does what its tests say, and finds in real logs what is there.

use std::io::Write;
use std::path::{Path, PathBuf};

use loggr_event::{Event, Origin, Timestamp, Uid};
use loggr_filter::engines::Environment;
use loggr_filter::lang::{Cases, Program};

const NOW: Timestamp = Timestamp::from_unix_micros(1_772_366_400_000_000);
/// Filters in `examples/filters`.
const EXAMPLES: usize = 10;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn program(path: &Path) -> Program {
    let text = std::fs::read_to_string(path).expect("the filter");
    Program::compile(&path.display().to_string(), &text, &Environment::new("."))
        .unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_example_passes_its_tests() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("examples/filters")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "filter") {
            continue;
        }
        let tests = path.with_extension("tests");
        let text = std::fs::read_to_string(&tests).unwrap_or_else(|e| panic!("{}: {e}", tests.display()));
        let cases = Cases::parse(&tests.display().to_string(), &text).unwrap_or_else(|e| panic!("{e}"));
        assert!(!cases.is_empty());
        let failures = cases.run(&program(&path), NOW);
        let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert!(failures.is_empty(), "{}\n{}", tests.display(), shown.join("\n"));
        seen += 1;
    }
    assert_eq!(seen, EXAMPLES);
}

/// Runs the filter on a file of real lines, which lies beside the repository or not, and
/// compares how many events have a tag, or a value in a field, with totals found by `grep`.
#[track_caller]
fn check(file: &str, filter: &str, app: Option<&str>, wanted: &[(&str, &str, usize)]) {
    let path = root().join("../shared/data").join(file);
    let Ok(bytes) = std::fs::read(&path) else {
        drop(writeln!(std::io::stderr().lock(), "skipped: {} is not there", path.display()));
        return;
    };
    let program = program(&root().join("examples/filters").join(format!("{filter}.filter")));
    let origin = Origin::default();
    let mut counters = program.counters();
    let mut found = vec![0; wanted.len()];
    for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let prefix = app.map(|app| format!("<134>1 2026-03-01T12:00:00Z h {app} - - - "));
        let whole = [prefix.unwrap_or_default().as_bytes(), line].concat();
        let mut event = Event::receive(&whole, &origin, Uid::default(), NOW);
        program.run(&mut event, NOW, &mut counters);
        for ((what, value, _), count) in wanted.iter().zip(&mut found) {
            let has = match *what {
                "tag" => event.has_tag(value),
                field => event.field(field).iter().any(|v| v == value),
            };
            *count += usize::from(has);
        }
    }
    let expect: Vec<usize> = wanted.iter().map(|(_, _, count)| *count).collect();
    assert_eq!(found, expect, "{file}: {wanted:?}");
}

#[test]
fn what_is_in_real_logs_is_found() {
    check("auth_3000.log", "sshd", None, &[("tag", "login", 18), ("tag", "login_failed", 893)]);
    check("auth_3000.log", "sudo", None, &[("tag", "sudo", 74 + 147)]);
    let access = [
        ("tag", "access", 4000),
        ("http_response", "200", 3744),
        ("http_response", "304", 115),
        ("http_response", "404", 78),
        ("http_response", "301", 40),
        ("http_response", "206", 21),
        ("http_verb", "GET", 3979),
    ];
    check("apache_access_4000.log", "apache", Some("apache2"), &access);
    check(
        "apache_access_4000.log",
        "nginx",
        Some("nginx"),
        &[("tag", "access", 3999), ("http_response", "404", 78)],
    );
}
