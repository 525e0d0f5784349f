//! Every pattern of both libraries on a line of its own, with the fields that it gives.
//!
//! The files beside this one are columns of
//!
//! ```text
//! NAME            what follows is for this pattern, in both libraries
//! NAME ecs        … or in one
//! < a line        in which it is found,
//! << "a\nline"    also as JSON,
//! classic {…}     with these fields in the classic library,
//! ecs {…}         and these in the other; `null`: it is not found
//! = text          that it matches as a whole
//! ! text          that it does not match as a whole
//! ```
//!
//! `UPDATE=1` writes down the fields that come now; the difference is to be read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Grok, Library, Number, Scratch};

const FILES: &[(&str, &str)] = &[
    ("bacula", include_str!("bacula.cases")),
    ("cloud", include_str!("cloud.cases")),
    ("core", include_str!("core.cases")),
    ("database", include_str!("database.cases")),
    ("mail", include_str!("mail.cases")),
    ("nagios", include_str!("nagios.cases")),
    ("network", include_str!("network.cases")),
    ("syslog", include_str!("syslog.cases")),
    ("web", include_str!("web.cases")),
];

const CLASSIC: &str = "classic";
const ECS: &str = "ecs";

fn library(name: &str) -> std::sync::Arc<Library> {
    if name == ECS { Library::ecs() } else { Library::legacy() }
}

fn fields(library: &Library, pattern: &str, line: &str) -> Value {
    let grok = Grok::compile(library, &[pattern]).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let mut scratch = Scratch::default();
    if !grok.find(line, &mut scratch).unwrap_or_else(|_| panic!("{pattern} reached its limit on {line}")) {
        return Value::Null;
    }
    let mut found = Map::new();
    for (field, kind, range) in scratch.captures() {
        let value = match kind.number(&line[range.clone()]) {
            Some(Number::Int(number)) => number.into(),
            Some(Number::Float(number)) => number.into(),
            None => Value::from(&line[range]),
        };
        match found.get_mut(&grok.fields()[field]) {
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
            None => drop(found.insert(grok.fields()[field].clone(), value)),
        }
    }
    Value::Object(found)
}

/// Checks a file, and gives it as it would be written now; the names that it has go to `seen`.
fn check(file: &str, text: &str, seen: &mut [BTreeSet<String>; 2]) -> String {
    let mut out = String::new();
    let (mut name, mut libraries) = ("", vec![CLASSIC, ECS]);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let place = format!("{file}.cases: {name}: {line}");
        let whole = |text: &str, expect: bool| {
            for library in &libraries {
                let library_ = self::library(library);
                let grok = Grok::compile(&library_, &[format!("\\A%{{{name}}}\\z")])
                    .unwrap_or_else(|e| panic!("{place}: {e}"));
                assert_eq!(grok.find(text, &mut Scratch::default()), Ok(expect), "{library}: {place}");
            }
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if let Some(text) = line.strip_prefix("= ") {
            whole(text, true);
        } else if let Some(text) = line.strip_prefix("! ") {
            whole(text, false);
        } else if let Some(text) = line.strip_prefix('<') {
            let text = match text.strip_prefix("< ") {
                Some(json) => serde_json::from_str(json).unwrap_or_else(|e| panic!("{place}: {e}")),
                None => text.strip_prefix(' ').unwrap_or_else(|| panic!("{place}: no space")).to_owned(),
            };
            for library in &libraries {
                let found = fields(&self::library(library), &format!("%{{{name}}}"), &text);
                let kept = lines.next_if(|l| l.starts_with(&format!("{library} ")));
                let now = format!("{library} {found}");
                if std::env::var_os("UPDATE").is_none() {
                    let kept: Value = kept
                        .and_then(|l| l.split_once(' '))
                        .map(|(_, json)| {
                            serde_json::from_str(json).unwrap_or_else(|e| panic!("{place}: {e}"))
                        })
                        .unwrap_or_else(|| panic!("{place}: no fields of the {library} library"));
                    assert_eq!(found, kept, "{library}: {place}");
                }
                out.push_str(&now);
                out.push('\n');
            }
        } else {
            let (pattern, only) = line.split_once(' ').unwrap_or((line, ""));
            name = pattern;
            libraries = match only {
                "" => vec![CLASSIC, ECS],
                CLASSIC => vec![CLASSIC],
                ECS => vec![ECS],
                _ => panic!("{file}.cases: {line}: neither `classic` nor `ecs`"),
            };
            for (library, seen) in [CLASSIC, ECS].iter().zip(seen.iter_mut()) {
                if libraries.contains(library) {
                    assert!(
                        self::library(library).get(name).is_some(),
                        "{file}.cases: {library} has no {name}"
                    );
                    seen.insert(name.to_owned());
                }
            }
        }
    }
    out
}

#[test]
fn every_pattern_finds_its_fields() {
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    for (file, text) in FILES {
        let now = check(file, text, &mut seen);
        if std::env::var_os("UPDATE").is_some() {
            let path = format!("{}/src/grok/cases/{file}.cases", env!("CARGO_MANIFEST_DIR"));
            std::fs::write(path, now).expect("it can be written");
        }
    }
    for (library, seen) in [CLASSIC, ECS].iter().zip(seen) {
        let library_ = self::library(library);
        let missing: Vec<&str> = library_.names().filter(|name| !seen.contains(*name)).collect();
        assert!(missing.is_empty(), "the {library} library has patterns without a line: {missing:?}");
    }
}
