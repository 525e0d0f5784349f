//! The example filters: each does what its tests say, and finds in real logs what is there.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use loggr_event::{Event, Origin, Timestamp, Uid};
use loggr_filter::engines::Environment;
use loggr_filter::lang::{Cases, Fate, Program};

const NOW: Timestamp = Timestamp::from_unix_micros(1_772_366_400_000_000);
/// Filters in `examples/filters`.
const EXAMPLES: usize = 11;

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

/// What is counted in a file of real lines.
enum Count {
    /// Events with a tag.
    Tag(&'static str),
    /// Events with this value in a field.
    Is(&'static str, &'static str),
    /// The sum of the numbers in a field.
    Sum(&'static str),
    /// How many values a field has over all events, each counted once.
    Distinct(&'static str),
    /// Events with both tags.
    Both(&'static str, &'static str),
    /// Events of this severity.
    Severity(&'static str),
}

/// Runs the filter on a file of real lines, which lies beside the repository or not and which
/// nothing can fetch, and compares with totals that were found by other means.
#[track_caller]
fn check(file: &str, filter: &str, app: Option<&str>, wanted: &[(Count, u64)]) {
    let path = root().join("../shared/data").join(file);
    let Ok(bytes) = std::fs::read(&path) else {
        drop(writeln!(std::io::stderr().lock(), "SKIPPED: no {}", path.display()));
        return;
    };
    let program = program(&root().join("examples/filters").join(format!("{filter}.filter")));
    let origin = Origin::default();
    let mut counters = program.counters();
    let mut found = vec![0; wanted.len()];
    let mut values = vec![HashSet::new(); wanted.len()];
    for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let prefix = app.map(|app| format!("<134>1 2026-03-01T12:00:00Z h {app} - - - "));
        let whole = [prefix.unwrap_or_default().as_bytes(), line].concat();
        let mut event = Event::receive(&whole, &origin, Uid::default(), NOW);
        assert_eq!(program.run(&mut event, NOW, &mut counters), Fate::Keep);
        assert!(!event.tags.iter().any(|t| t.starts_with('_')), "{:?}: {}", event.tags, event.message);
        for (((count, _), total), seen) in wanted.iter().zip(&mut found).zip(&mut values) {
            *total += match count {
                Count::Tag(tag) => u64::from(event.has_tag(tag)),
                Count::Both(one, two) => u64::from(event.has_tag(one) && event.has_tag(two)),
                Count::Is(field, value) => u64::from(event.field(field).iter().any(|v| v == value)),
                Count::Sum(field) => event.field(field).iter().filter_map(|v| v.parse::<u64>().ok()).sum(),
                Count::Severity(severity) => u64::from(event.severity.keyword() == *severity),
                Count::Distinct(field) => {
                    let new = |v: &&Cow<'_, str>| seen.insert(v.to_string());
                    event.field(field).iter().filter(new).count() as u64
                }
            };
        }
    }
    let expect: Vec<u64> = wanted.iter().map(|(_, count)| *count).collect();
    assert_eq!(found, expect, "{file}, {filter}.filter");
}

/// The totals are those of `grep -cE` on the file, with an expression for the line as it is:
/// `sshd\[[0-9]+\]: Accepted `, `sshd\[[0-9]+\]: (message repeated [0-9]+ times: \[ )?Failed `,
/// the same with ` for invalid user`, `sshd\[[0-9]+\]: Invalid user `, `… error: maximum
/// authentication attempts exceeded`, `… (pam_unix\(sshd:auth\): authentication failure|PAM [0-9]+
/// more authentication failure)`, `… (Connection (closed|reset) by|Received disconnect
/// from|Disconnected from)`; of addresses and repeats `grep -o` with `sort -u` and a sum in `awk`.
#[test]
fn log_ins_in_a_real_log_are_found() {
    let wanted = [
        (Count::Tag("login"), 18),
        (Count::Both("login", "ssh"), 18),
        (Count::Is("auth_method", "publickey"), 13),
        (Count::Tag("login_failed"), 478),
        // 77 lines stand for others too: 774 tries in 478 lines.
        (Count::Sum("repeated"), 774 - (478 - 77)),
        // 281 of the failed tries, 39 that gave up, 83 lines `Invalid user`.
        (Count::Both("login_failed", "unknown_user"), 281),
        (Count::Both("too_many_tries", "unknown_user"), 39),
        (Count::Tag("unknown_user"), 281 + 39 + 83),
        (Count::Tag("too_many_tries"), 117),
        (Count::Severity("warning"), 117),
        (Count::Tag("pam_failure"), 292),
        (Count::Tag("disconnected"), 88),
        (Count::Tag("ssh"), 18 + 478 + 83 + 117 + 292 + 88),
    ];
    check("auth_3000.log", "sshd", None, &wanted);
}

/// `grep -c`: `sudo: .*COMMAND=`, `sudo: pam_unix(sudo:session)`, `COMMAND=/usr/bin/vim`,
/// `CRON\[`; all of cron are sessions of root, half of them are opened.
#[test]
fn sudo_and_cron_in_a_real_log_are_found() {
    let wanted = [
        (Count::Tag("sudo"), 74 + 147),
        (Count::Tag("session"), 147),
        (Count::Is("runas", "root"), 74),
        (Count::Is("pam_action", "opened"), 74),
        (Count::Tag("refused"), 0),
    ];
    check("auth_3000.log", "sudo", None, &wanted);
    let wanted = [
        (Count::Both("cron", "session"), 992),
        (Count::Is("pam_action", "opened"), 496),
        (Count::Is("user", "root"), 992),
    ];
    check("auth_3000.log", "cron", None, &wanted);
}

/// `awk -F'"'` over the file: method and status are words of the second and third part, the
/// agent is the sixth, clients are the first word of the line (`sort -u`), bytes a sum. One
/// line is cut in the middle of its agent.
#[test]
fn requests_in_a_real_log_are_found() {
    let counts = || {
        vec![
            (Count::Tag("access"), 4000),
            (Count::Is("http_response", "200"), 3744),
            (Count::Is("http_response", "304"), 115),
            (Count::Is("http_response", "404"), 78),
            (Count::Is("http_response", "301"), 40),
            (Count::Is("http_response", "206"), 21),
            (Count::Is("http_response", "403"), 1),
            (Count::Is("http_response", "500"), 1),
            (Count::Is("http_verb", "GET"), 3979),
            (Count::Is("http_verb", "HEAD"), 19),
            (Count::Is("http_verb", "POST"), 1),
            (Count::Is("http_verb", "OPTIONS"), 1),
            (Count::Distinct("http_clientip"), 724),
            (Count::Is("http_clientip", "130.237.218.86"), 357),
            (Count::Sum("http_bytes"), 1_043_619_097),
            (Count::Severity("err"), 1),
            (Count::Tag("error"), 0),
        ]
    };
    let mut apache = counts();
    // Of 430 lines with `bot|crawler|spider|slurp` in the agent one is that which is cut: it is
    // a common line to Apache's patterns, without an agent.
    apache.push((Count::Tag("bot"), 429));
    check("apache_access_4000.log", "apache", Some("apache2"), &apache);
    let mut nginx = counts();
    nginx.push((Count::Severity("notice"), 78 + 1));
    check("apache_access_4000.log", "nginx", Some("nginx"), &nginx);
}
