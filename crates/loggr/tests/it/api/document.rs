//! The OpenAPI document held against the server that gives it: schemathesis asks what the document allows
//! and what it does not, and looks at each answer.
//!
//! No answer may be a fault of ours (5xx), each has the media type and the schema that the document says,
//! and every refusal is a problem in JSON. Streams have no end, so they are left out.

use std::process::Stdio;

use serde_json::json;

use crate::access::{add_user, logged_in};
use crate::api::{fed, some};
use crate::support::{Database, Loggr, postgres, say, schemathesis};

/// One run takes so long at most; there is one for each store.
const SECONDS: &str = "25";
/// What is looked at in each answer.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// What the door answers: who asks it may lose the right to ask, so it has a program of its own.
const PEOPLE: &str = "^/api/(me|login|logout|users|roles|tokens)";
const STREAMS: [&str; 3] = ["/api/tail", "/api/status/feed", "/api/notifications"];

/// Asks everything of this store.
#[track_caller]
fn held(loggr: &Loggr, store: &str) {
    let config = format!("[parameters]\n\"query.store\" = {store:?}\n");
    asked(loggr, &format!("of the store `{store}`"), &config, &["--exclude-path-regex", PEOPLE]);
}

/// Asks with these further arguments.
#[track_caller]
fn asked(loggr: &Loggr, what: &str, settings: &str, arguments: &[&str]) {
    let Some(tool) = schemathesis() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("schemathesis.toml");
    std::fs::write(&config, settings).expect("a configuration");
    let mut command = tool.command();
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(&config);
    command.arg("run").arg(format!("http://{}/api/openapi.json", loggr.address("web")));
    command.args(["--checks", CHECKS, "--max-time", SECONDS, "--max-examples", "5", "--seed", "1"]);
    command.args(["--phases", "coverage,fuzzing", "--workers", "1", "--no-shrink", "--continue-on-failure"]);
    command.args(["--request-timeout", "10", "--warnings", "off", "--suppress-health-check", "all"]);
    command.args(STREAMS.iter().flat_map(|path| ["--exclude-path", path]));
    command.args(arguments);
    command.current_dir(directory.path()).env("NO_COLOR", "1").stdin(Stdio::null());
    let output = command.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}:\n{said}\n{errors}");
    let number = |word: &str| {
        let (_, behind) = said.split_once(word).unwrap_or_else(|| panic!("no `{word}` in:\n{said}"));
        let digits: String = behind.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().expect("a number")
    };
    let (selected, tested) = (number("Selected:"), number("Tested:"));
    assert!(tested > 0, "nothing was asked:\n{said}");
    if tested < selected {
        say(&format!("in {SECONDS} s only {tested} of {selected} endpoints could be asked: {what}"));
    }
}

#[test]
fn the_server_keeps_to_its_document() {
    let database: Option<Database> = postgres();
    let more = database.as_ref().map_or(String::new(), |database| {
        format!("[ship.db]\nkind = \"postgres\"\nexchange = \"received\"\nurl = {:?}\n", database.url())
    });
    let loggr = crate::access::start(&more);
    fed(&loggr, &some());
    held(&loggr, "search");
    if database.is_some() {
        held(&loggr, "db");
    }
}

#[test]
fn the_door_keeps_to_its_document() {
    let loggr = crate::access::start("");
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let token = anna.ask("POST", "/api/tokens", json!({ "name": "all" })).json();
    let header = format!("Authorization: Bearer {}", token["token"].as_str().expect("a token"));
    asked(&loggr, "at the door", "", &["--include-path-regex", PEOPLE, "--header", &header]);
}
