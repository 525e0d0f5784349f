//! Rules over the Rust sources: headers, length, where receipts are signed, how logs sound.

use super::{File, files, none};

/// Files over the limit, each with its reason. An entry that is no longer needed fails too.
const LONG: &[(&str, &str)] = &[];
/// Lines of a file, its tests included.
const MAX_LINES: usize = 600;

/// Where `Receipt::sign` may stand: only here a batch becomes durable. Ends with `/`: the folder.
const SIGN: &[&str] = &[
    "crates/loggr-bus/src/embedded/",
    "crates/loggr-bus/src/rabbit/publisher.rs",
    "crates/loggr/src/sink/files/",
    "crates/loggr/src/sink/search.rs",
    "crates/loggr/src/sink/postgres.rs",
    "crates/loggr/src/sink/elastic/mod.rs",
    "crates/loggr/src/sink/syslog/mod.rs",
    // Its definition, and the memory sinks that the contracts are tried on.
    "crates/loggr-flow/src/delivery.rs",
    "crates/loggr-flow/src/contract.rs",
];
/// Where `Receipt::sign_rescue` may stand.
const SIGN_RESCUE: &[&str] = &[
    "crates/loggr-bus/src/rescue/mod.rs",
    // A replay that is refused: the entry never left the rescue.
    "crates/loggr/src/operate/rescue.rs",
    "crates/loggr-flow/src/delivery.rs",
    "crates/loggr-flow/src/contract.rs",
];

/// Where files may be flushed, locked and renamed, with the reason. Ends with `/`: the folder.
const DISK: &[(&str, &str)] = &[("crates/loggr-disk/", "it is the room for that")];
/// How that looks.
const DISK_CALLS: &[&str] =
    &["sync_all", "sync_data", "fsync(", "fdatasync(", "flock(", ".try_lock(", "fs::rename(", "renameat"];

/// What both buses stand on knows neither.
const GROUND_OF_THE_BUS: &[&str] = &["binding.rs", "encoding.rs", "error.rs", "topology.rs"];
const ROOMS_OF_THE_BUS: &[&str] = &["bus", "embedded", "rabbit", "rescue", "spool"];

/// Where a test may wait for time to pass, with the reason.
const MAY_SLEEP: &[(&str, &str)] = &[
    ("crates/loggr/tests/it/support/wait.rs", "the one poll loop of the integration tests"),
    ("crates/loggr/tests/it/support/relp.rs", "a sender's pause between two tries to connect"),
];

fn rust() -> Vec<File> {
    files(&["crates", "fuzz"], &[".rs"])
}

/// The part of a file that is built into the product.
pub(super) fn product(text: &str) -> &str {
    let end =
        text.find("#[cfg(test)]\nmod tests").or_else(|| text.find("#[cfg(all(test")).unwrap_or(text.len());
    &text[..end]
}

/// The lines of code with their numbers; comment lines are left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_test_file(path: &str) -> bool {
    ["/tests/", "/benches/", "/examples/"].iter().any(|folder| path.contains(folder))
        || path.ends_with("/tests.rs")
}

#[test]
fn every_file_begins_with_what_it_is() {
    let wrong: Vec<String> = rust()
        .iter()
        .filter(|f| !f.text.strip_prefix("#![no_main]\n").unwrap_or(&f.text).starts_with("//! "))
        .map(|f| format!("{} does not begin with `//! `", f.path))
        .collect();
    none("files without a header", &wrong);
}

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for file in rust() {
        let lines = file.text.lines().count();
        let reason = LONG.iter().find(|(path, _)| *path == file.path);
        if lines > MAX_LINES && reason.is_none() {
            wrong.push(format!("{} has {lines} lines, {MAX_LINES} may be", file.path));
        }
        if lines <= MAX_LINES && reason.is_some() {
            wrong.push(format!("{} is no longer long: take it off the list", file.path));
        }
    }
    none("files over the limit", &wrong);
}

#[test]
fn receipts_are_signed_only_where_a_batch_becomes_durable() {
    let mut wrong = Vec::new();
    for file in rust().iter().filter(|f| !is_test_file(&f.path)) {
        for (line, text) in code(product(&file.text)) {
            let rescue = text.contains("::sign_rescue");
            let plain = !rescue && (text.contains("Receipt::sign") || text.contains("Receipt>::sign"));
            for (found, word, may) in [(plain, "sign", SIGN), (rescue, "sign_rescue", SIGN_RESCUE)] {
                if found
                    && !may.iter().any(|m| file.path == *m || (m.ends_with('/') && file.path.starts_with(m)))
                {
                    wrong.push(format!("{}:{line}: `Receipt::{word}`", file.path));
                }
            }
        }
    }
    none("receipts signed where nothing is durable", &wrong);
}

#[test]
fn files_are_flushed_locked_and_renamed_in_one_room() {
    let mut wrong = Vec::new();
    let mut used = vec![false; DISK.len()];
    for file in rust().iter().filter(|f| f.path.starts_with("crates/") && !is_test_file(&f.path)) {
        let room = DISK.iter().position(|(room, _)| file.path.starts_with(room));
        for (line, text) in code(product(&file.text)) {
            if !DISK_CALLS.iter().any(|call| text.contains(call)) {
                continue;
            }
            match room {
                Some(room) => used[room] = true,
                None => wrong.push(format!("{}:{line}: {}: `loggr-disk` does that", file.path, text.trim())),
            }
        }
    }
    let unused = DISK.iter().zip(used).filter(|(_, used)| !used);
    wrong.extend(unused.map(|((room, _), _)| format!("`{room}` does no such thing: take it off the list")));
    none("files that are flushed, locked or renamed elsewhere", &wrong);
}

#[test]
fn the_ground_of_the_bus_knows_no_bus() {
    let mut wrong = Vec::new();
    for name in GROUND_OF_THE_BUS {
        let path = format!("crates/loggr-bus/src/{name}");
        let file = rust().into_iter().find(|file| file.path == path).expect("the file of the list");
        for (line, text) in code(&file.text) {
            if ROOMS_OF_THE_BUS.iter().any(|room| text.contains(&format!("crate::{room}"))) {
                wrong.push(format!("{path}:{line}: {}", text.trim()));
            }
        }
    }
    none("arrows from the ground of the bus to its rooms", &wrong);
}

#[test]
fn log_messages_are_lower_case_without_a_full_stop() {
    let mut wrong = Vec::new();
    for file in rust() {
        for (line, message) in log_messages(&file.text) {
            if let Some(why) = bad_message(&message) {
                wrong.push(format!("{}:{line}: \"{message}\" {why}", file.path));
            }
        }
    }
    none("log messages in the wrong tone", &wrong);
}

#[test]
fn no_test_sleeps_and_none_is_switched_off() {
    let (sleep, ignore) = (concat!("sle", "ep("), concat!("#[ign", "ore"));
    let mut wrong = Vec::new();
    // An example may run for a time that it is told.
    for file in rust().iter().filter(|f| !f.path.contains("/examples/")) {
        let tests =
            if is_test_file(&file.path) { &file.text[..] } else { &file.text[product(&file.text).len()..] };
        let offset = file.text[..file.text.len() - tests.len()].lines().count();
        // Paused tokio time does not pass: a sleep there is a step of the clock.
        let paused = tests.contains("start_paused");
        for (line, text) in code(tests) {
            // What PostgreSQL waits for is not the test's time.
            let own = text.replace(concat!("pg_sle", "ep("), "");
            let sleeps = own.contains(sleep) && !(paused && own.contains("time::sl"));
            if (sleeps && !MAY_SLEEP.iter().any(|(path, _)| *path == file.path)) || text.contains(ignore) {
                wrong.push(format!("{}:{}: {}", file.path, line + offset, text.trim()));
            }
        }
    }
    none("tests that sleep or are ignored", &wrong);
}

/// What is wrong with a log message.
fn bad_message(message: &str) -> Option<&'static str> {
    let mut letters = message.chars();
    let (first, second) = (letters.next().unwrap_or('a'), letters.next().unwrap_or('a'));
    // `TLS` may begin a message, `Cannot` may not.
    if first.is_uppercase() && !second.is_uppercase() && !second.is_numeric() {
        return Some("begins with a capital");
    }
    message.ends_with('.').then_some("ends with a full stop")
}

/// The message literals of the tracing macros, each with its line.
fn log_messages(text: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for level in ["trace!(", "debug!(", "info!(", "warn!(", "error!("] {
        for (at, _) in text.match_indices(level) {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            let comment = text[..at].rsplit('\n').next().is_some_and(|l| l.trim_start().starts_with("//"));
            if before.is_alphanumeric() || before == '_' || comment {
                continue;
            }
            if let Some(message) = message_argument(&text[at + level.len()..]) {
                out.push((text[..at].matches('\n').count() + 1, message));
            }
        }
    }
    out
}

/// The first argument that is a bare string literal.
fn message_argument(arguments: &str) -> Option<String> {
    let mut depth = 0usize;
    let mut fresh = true; // nothing but white space since the last comma
    let mut letters = arguments.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let mut literal = String::new();
                while let Some((_, inner)) = letters.next() {
                    match inner {
                        '\\' => literal.extend(letters.next().map(|(_, escaped)| escaped)),
                        '"' => break,
                        _ => literal.push(inner),
                    }
                }
                if fresh && depth == 0 {
                    return Some(literal);
                }
                fresh = false;
            }
            '(' | '[' | '{' => {
                depth += 1;
                fresh = false;
            }
            ')' | ']' | '}' if depth == 0 => return None,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            // A character literal may be a quote.
            '\'' if arguments[at..].starts_with("'\"'") => {
                letters.nth(1);
            }
            _ if letter.is_whitespace() => {}
            _ => fresh = false,
        }
    }
    None
}

#[test]
fn the_message_of_a_log_line_is_found() {
    #[track_caller]
    fn check(source: &str, expect: &[&str]) {
        let found: Vec<String> = log_messages(source).into_iter().map(|(_, m)| m).collect();
        assert_eq!(found, expect, "{source}");
    }
    check(r#"info!("started");"#, &["started"]);
    check(
        r#"tracing::warn!(path = %p.display(), error = "x", "cannot write: {e}");"#,
        &["cannot write: {e}"],
    );
    check(r#"error!(target: "security", name = f("a", "b"), "denied")"#, &["denied"]);
    check("// info!(\"Not code\")\nwarn!(\n    count,\n    \"two\\\"s\"\n)", &["two\"s"]);
    check(r#"my_error!("Not ours")"#, &[]);
    check(r#"debug!(a = '"', "after a quote")"#, &["after a quote"]);
    assert_eq!(bad_message("TLS failed"), None);
    assert_eq!(bad_message("Cannot open"), Some("begins with a capital"));
    assert_eq!(bad_message("done."), Some("ends with a full stop"));
}
