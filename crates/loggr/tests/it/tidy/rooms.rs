//! The rooms of the program: an upper one may use a lower one, never the other way.

use super::{files, none};

/// From the roof to the ground. What stands in one row may use each other's files only where the
/// second may be used by the first.
const ROOMS: [&str; 13] = [
    "cli",
    "run",
    "web",
    "operate",
    "access",
    "registry",
    "status",
    "component",
    "source",
    "sink",
    "seal",
    "process",
    "config",
];

/// What everybody may use: one idea each, in one file.
const GROUND: [&str; 8] = ["clean", "exit", "filters", "hint", "news", "reading", "store", "users"];

/// The first word behind each `crate::`, and where a list stands there, of each of its entries.
fn used(text: &str) -> Vec<String> {
    let word =
        |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned();
    let mut found = Vec::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => found.push(word(after)),
            Some(list) => {
                let (mut depth, mut entry) = (0, String::new());
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => found.push(word(std::mem::take(&mut entry).trim())),
                        _ => {}
                    }
                    if depth == 0 && c != ',' {
                        entry.push(c);
                    }
                }
                found.push(word(entry.trim()));
            }
        }
    }
    found
}

#[test]
fn what_is_used_is_found() {
    let text = "use crate::config::Config;\nuse crate::{net, web::{a, b}, cli};\nlet x = crate::hint::y();";
    assert_eq!(used(text), ["config", "net", "web", "cli", "hint"]);
}

#[test]
fn an_upper_room_uses_lower_ones_alone() {
    let mut wrong = Vec::new();
    for file in files(&["crates/loggr/src"], &[".rs"]) {
        let inside = file.path.trim_start_matches("crates/loggr/src/");
        let room = inside.split(['/', '.']).next().unwrap_or_default();
        let level = |room: &str| ROOMS.iter().position(|known| *known == room);
        let own = match (level(room), GROUND.contains(&room), inside) {
            (_, _, "lib.rs" | "main.rs") => continue,
            (Some(own), ..) => own,
            // The ground knows the configuration and the names below.
            (None, true, _) => ROOMS.iter().position(|known| *known == "process").unwrap_or(0),
            (None, false, _) => {
                wrong.push(format!("{inside}: `{room}` is no room of the house"));
                continue;
            }
        };
        for used in used(&file.text).into_iter().filter(|used| used != room) {
            if level(&used).is_some_and(|of| of < own) {
                wrong.push(format!("{inside}: `{room}` uses `{used}`, which stands above it"));
            }
        }
    }
    wrong.dedup();
    none("rooms that use what stands above them", &wrong);
}
