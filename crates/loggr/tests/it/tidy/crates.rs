//! Which crate may depend on which, ours and others', and under which licence.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{none, root};

/// Who may know whom among our own crates. Nobody knows `loggr`.
const ARROWS: &[(&str, &[&str])] = &[
    ("loggr-disk", &[]),
    ("loggr-net", &[]),
    ("loggr-event", &[]),
    ("loggr-wire", &[]),
    ("loggr-flow", &["loggr-event"]),
    // Of net only addresses and networks, see `PURE`.
    ("loggr-filter", &["loggr-event", "loggr-net"]),
    ("loggr-store", &["loggr-event", "loggr-disk", "loggr-net"]),
    ("loggr-bus", &["loggr-event", "loggr-flow", "loggr-disk", "loggr-net"]),
    (
        "loggr",
        &[
            "loggr-disk",
            "loggr-net",
            "loggr-event",
            "loggr-wire",
            "loggr-flow",
            "loggr-filter",
            "loggr-store",
            "loggr-bus",
        ],
    ),
];

/// Who may use the other only without its features, which are what does I/O.
const PURE: &[(&str, &str)] = &[("loggr-filter", "loggr-net")];

/// What a crate must not use itself, and why. Tests may.
const FORBIDDEN: &[(&[&str], &[&str], &str)] = &[
    (
        &["loggr-event", "loggr-wire", "loggr-filter"],
        &["tokio", "mio", "socket2", "libc"],
        "no I/O and no async in it",
    ),
    (&["loggr-disk"], &["tokio", "mio", "socket2", "libc", "tracing"], "it knows files and nothing else"),
    // The filters ask for the clock of their thread.
    (&["loggr-event", "loggr-wire"], &["rustix"], "no I/O and no async in it"),
    (&["loggr-flow"], &["mio", "socket2", "rustix", "libc", "heed"], "it knows no concrete source or sink"),
    (&["loggr-bus", "loggr-store"], &["axum", "clap"], "that is the program's"),
    (&["loggr-store"], &["socket2"], "no sockets of its own"),
    (
        &["loggr", "loggr-bus", "loggr-store"],
        &["rustls", "rustls-native-certs", "hickory-resolver", "ipnet"],
        "that is loggr-net's",
    ),
    (
        &[
            "loggr-disk",
            "loggr-net",
            "loggr-event",
            "loggr-wire",
            "loggr-filter",
            "loggr-flow",
            "loggr-bus",
            "loggr-store",
        ],
        &["anyhow", "eyre", "clap"],
        "libraries have typed errors and know no command line",
    ),
    (
        // Not the filters: `translate` reads tables in TOML.
        &["loggr-disk", "loggr-net", "loggr-event", "loggr-wire", "loggr-flow", "loggr-bus", "loggr-store"],
        &["toml"],
        "the configuration is the program's",
    ),
    (&["*"], &["chrono", "time", "humantime"], "one time library: jiff"),
    (&["*"], &["lazy_static", "once_cell"], "the standard library has it"),
    (&["*"], &["openssl", "native-tls"], "one TLS stack: rustls"),
    (&["*"], &["log", "slog"], "one logging library: tracing"),
];

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// `(package, dependency, kind)`; the kind of an ordinary dependency is empty.
fn dependencies() -> Vec<(String, String, String)> {
    let metadata = metadata(&["--no-deps"]);
    let mut out = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            out.push((text(&package["name"]), text(&dependency["name"]), text(&dependency["kind"])));
        }
    }
    out
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn no_crate_of_ours_knows_more_than_it_may() {
    let mut wrong = Vec::new();
    for (package, dependency, _) in dependencies() {
        if !dependency.starts_with("loggr") {
            continue;
        }
        match ARROWS.iter().find(|(name, _)| *name == package) {
            None => wrong.push(format!("`{package}` has no line in the table of arrows")),
            Some((_, may)) if !may.contains(&&*dependency) => {
                wrong.push(format!("`{package}` must not depend on `{dependency}`"));
            }
            Some(_) => {}
        }
    }
    none("arrows that the design forbids", &wrong);
}

#[test]
fn who_needs_the_pure_part_of_a_crate_takes_no_more() {
    let metadata = metadata(&["--no-deps"]);
    let mut wrong = Vec::new();
    for (user, used) in PURE {
        let package = metadata["packages"].as_array().expect("packages").iter().find(|p| p["name"] == *user);
        let dependencies = package.expect("the crate is there")["dependencies"].as_array().expect("a list");
        for dependency in dependencies.iter().filter(|d| d["name"] == *used) {
            let features = dependency["features"].as_array().expect("a list");
            wrong.extend(features.iter().map(|feature| format!("`{user}` uses {feature} of `{used}`")));
        }
    }
    none("features that do I/O where there must be none", &wrong);
}

#[test]
fn no_crate_uses_what_it_must_not() {
    let mut wrong = Vec::new();
    for (package, dependency, kind) in dependencies() {
        for (packages, forbidden, why) in FORBIDDEN {
            let meant = packages.contains(&"*") || packages.contains(&&*package);
            if meant && kind != "dev" && forbidden.contains(&&*dependency) {
                wrong.push(format!("`{package}` uses `{dependency}`: {why}"));
            }
        }
    }
    none("dependencies that are forbidden", &wrong);
}

#[test]
fn folder_name_is_crate_name() {
    let metadata = metadata(&["--no-deps"]);
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let (name, manifest) = (text(&package["name"]), text(&package["manifest_path"]));
        if !manifest.ends_with(&format!("/crates/{name}/Cargo.toml")) {
            wrong.push(format!("`{name}` is in `{manifest}`"));
        }
        if !ARROWS.iter().any(|(known, _)| *known == name) {
            wrong.push(format!("`{name}` has no line in the table of arrows"));
        }
    }
    none("crates that do not lie where their name says", &wrong);
}

/// `deny.toml`, the one list of what may come in.
fn deny() -> toml::Table {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    text.parse().expect("deny.toml is TOML")
}

#[test]
fn every_crate_that_is_built_has_an_allowed_licence_and_none_is_banned() {
    let deny = deny();
    let allowed: BTreeSet<String> = strings(&deny["licenses"]["allow"]);
    let banned: Vec<String> = deny["bans"]["deny"]
        .as_array()
        .expect("bans.deny")
        .iter()
        .map(|ban| ban["name"].as_str().expect("a name").to_owned())
        .collect();
    let metadata = metadata(&["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let (name, licence) = (text(&package["name"]), text(&package["license"]));
        if !permits(&licence, &allowed) {
            wrong.push(format!("`{name}` has the licence `{licence}`"));
        }
        if banned.contains(&name) {
            wrong.push(format!("`{name}` is banned"));
        }
        let source = text(&package["source"]);
        if !source.is_empty() && !source.starts_with("registry+") {
            wrong.push(format!("`{name}` comes from `{source}`"));
        }
    }
    none("crates that deny.toml refuses", &wrong);
}

fn strings(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().expect("a list").iter().filter_map(|v| v.as_str()).map(str::to_owned).collect()
}

/// Does this SPDX expression leave a way to use the crate? `AND` binds tighter than `OR`;
/// the old `A/B` means `OR`.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let ok = any(&words, &mut at, allowed);
    return ok && at == words.len();

    fn any(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let mut ok = all(words, at, allowed);
        while words.get(*at) == Some(&"OR") {
            *at += 1;
            ok |= all(words, at, allowed);
        }
        ok
    }
    fn all(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let mut ok = one(words, at, allowed);
        while words.get(*at) == Some(&"AND") {
            *at += 1;
            ok &= one(words, at, allowed);
        }
        ok
    }
    fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let Some(word) = words.get(*at) else { return false };
        *at += 1;
        if *word == "(" {
            let ok = any(words, at, allowed);
            *at += usize::from(words.get(*at) == Some(&")"));
            return ok;
        }
        let mut licence = (*word).to_owned();
        if words.get(*at) == Some(&"WITH") {
            licence = format!("{licence} WITH {}", words.get(*at + 1).unwrap_or(&""));
            *at += 2;
        }
        allowed.contains(&licence)
    }
}

#[test]
fn licence_expressions_are_read_right() {
    #[track_caller]
    fn check(expression: &str, expect: bool) {
        let allowed = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        assert_eq!(permits(expression, &allowed), expect, "{expression}");
    }
    check("MIT", true);
    check("GPL-2.0-only", false);
    check("", false);
    check("MIT OR GPL-2.0-only", true);
    check("MIT/GPL-2.0-only", true);
    check("MIT AND GPL-2.0-only", false);
    check("(GPL-2.0-only OR MIT) AND Zlib", true);
    check("GPL-2.0-only OR MIT AND GPL-3.0-only", false);
    check("Apache-2.0 WITH LLVM-exception OR X", true);
    check("Apache-2.0", false);
    check("MIT MIT", false);
}
