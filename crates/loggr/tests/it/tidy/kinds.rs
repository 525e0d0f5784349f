//! What a new protocol or a new kind of shipper has to be told to: few files, and ARCHITECTURE.md lists them.
//!
//! Elsewhere a file may know one kind, because it is about that one; who knows two tells kinds apart.

use std::collections::BTreeSet;

use super::sources::product;
use super::{files, none, root};

/// The kinds, and the files of `crates/loggr/src` in which they are told apart.
const KINDS: &[(&str, &[&str])] = &[
    ("Protocol", &["component/server.rs", "config/listener.rs"]),
    ("Spoken", &["component/server.rs", "source/mod.rs"]),
    ("ShipKind", &["component/ship.rs", "config/ship/mod.rs"]),
    ("Destination", &["component/ship.rs", "sink/mod.rs"]),
];

/// The variants of an enum that a text names.
fn variants<'t>(text: &'t str, kind: &str) -> BTreeSet<&'t str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let named = text.match_indices(kind).filter(|(at, _)| !text[..*at].ends_with(word));
    let behind = named.filter_map(|(at, _)| text[at + kind.len()..].strip_prefix("::"));
    let names = behind.map(|rest| rest.split(|c| !word(c)).next().unwrap_or_default());
    names.filter(|name| name.starts_with(char::is_uppercase)).collect()
}

#[test]
fn variants_are_found() {
    let text = "Kind::A(x) | ShipKind::B => Kind::C, Kind::of(), Kind::A";
    assert_eq!(variants(text, "Kind"), BTreeSet::from(["A", "C"]));
}

#[test]
fn kinds_are_told_apart_in_few_files() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let mut wrong = Vec::new();
    for file in files(&["crates/loggr/src"], &[".rs"]) {
        let path = file.path.trim_start_matches("crates/loggr/src/");
        if path.contains("tests") {
            continue;
        }
        for (kind, known) in KINDS {
            let named = variants(product(&file.text), kind);
            match (known.contains(&path), named.len()) {
                (true, 0 | 1) => wrong.push(format!("{path} does not tell {kind} apart any more")),
                (true, _) if !architecture.contains(&format!("`{path}`")) => {
                    wrong.push(format!("ARCHITECTURE.md does not say that {kind} stands in {path}"));
                }
                (false, 2..) => wrong.push(format!("{path} tells {kind} apart: {named:?}")),
                _ => {}
            }
        }
    }
    none("what knows the kinds of listeners and shippers", &wrong);
}
