//! Is all well? What is wrong in a status, a sentence for each.
//!
//! Only reads the status: whoever finds a new kind of trouble puts it there.

use serde_json::Value;

use crate::config::{Config, ShipKind};

/// Lists of the status, and what one of their items is called.
const LISTS: [(&str, &str); 7] = [
    ("listeners", "listener"),
    ("exchanges", "exchange"),
    ("queues", "queue"),
    ("machines", "machine"),
    ("ships", "shipper"),
    ("stores", "store"),
    ("brokers", "broker"),
];
/// What an item says in words when something is wrong with it.
const WORDS: [&str; 5] = ["ended", "filter_error", "trouble", "problem", "clock"];

/// What is wrong; nothing where all is well.
pub fn troubles(config: &Config, status: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for process in rows(status, "processes") {
        let name = text(process, "component").unwrap_or_default();
        let name = text(process, "name").map_or(name.to_owned(), |of| format!("{name} {of}"));
        let host = text(process, "host").unwrap_or("?");
        match text(process, "state") {
            Some("late") => found.push(format!("the process `{name}` on `{host}` does not answer in time")),
            Some("lost") => {
                found.push(format!("the process `{name}` on `{host}` ended without stopping in order"))
            }
            _ => {}
        }
    }
    for (list, kind) in LISTS {
        for row in rows(status, list) {
            let name = text(row, "name").unwrap_or("?");
            for word in WORDS {
                found.extend(text(row, word).map(|why| format!("{kind} `{name}`: {why}")));
            }
            if row["failing"] == true {
                let why = text(row, "last_error").unwrap_or("it cannot pass its events on");
                found.push(format!("{kind} `{name}`: {why}"));
            }
            if row["stalled"] == true {
                found.push(format!(
                    "{kind} `{name}` has stopped reading: the queue is full or cannot be written"
                ));
            }
            if row["balanced"] == false {
                found.push(format!("{kind} `{name}`: its numbers do not add up"));
            }
            if list == "queues" && row["consumers"].as_u64() > Some(1) && is_lonely(config, name) {
                found
                    .push(format!("{kind} `{name}`: several processes take from it, and each stores a part"));
            }
        }
    }
    for (name, events) in status["rescue"].as_object().into_iter().flatten() {
        if let Some(events) = events.as_u64().filter(|events| *events > 0) {
            found.push(format!("{events} events of `{name}` are in the rescue: see `loggr rescue list`"));
        }
    }
    found.extend(text(&status["registry"], "problem").map(str::to_owned));
    found.extend(text(status, "problem").map(str::to_owned));
    found.extend(text(status, "rescue_trouble").map(|why| format!("the rescue: {why}")));
    found
}

/// Does a shipper with a place of its own take from this queue?
fn is_lonely(config: &Config, queue: &str) -> bool {
    let on_disk = |kind: &ShipKind| !matches!(kind, ShipKind::Postgres(_));
    config.ships.iter().any(|ship| ship.queue == queue && !ship.shared && on_disk(&ship.kind))
}

fn rows<'s>(status: &'s Value, list: &str) -> impl Iterator<Item = &'s Value> {
    status[list].as_array().into_iter().flatten()
}

fn text<'s>(value: &'s Value, key: &str) -> Option<&'s str> {
    value[key].as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;
    use serde_json::json;

    #[track_caller]
    fn check(status: Value, expect: &[&str]) {
        assert_eq!(troubles(&read("[ship.a]\nkind='files'"), &status), expect);
    }

    #[test]
    fn where_all_is_well_nothing_is_said() {
        check(json!({}), &[]);
        check(
            json!({
                "running": true, "processes": [{ "component": "all", "state": "running", "name": null }],
                "listeners": [{ "name": "tcp", "ended": null, "stalled": false }],
                "queues": [{ "name": "a", "balanced": true }, { "name": "a", "consumers": 1 }],
                "machines": [{ "name": "m", "filter_error": null, "failing": false }],
                "ships": [{ "name": "a", "failing": false, "last_error": null }],
                "stores": [{ "name": "a", "trouble": null, "clock": null }],
                "rescue": { "a": 0 }, "registry": { "kind": "embedded" },
            }),
            &[],
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        check(
            json!({ "processes": [{ "component": "ship", "name": "a", "host": "h", "state": "late" }] }),
            &["the process `ship a` on `h` does not answer in time"],
        );
        check(
            json!({ "ships": [{ "name": "a", "failing": true, "last_error": "no space left" }] }),
            &["shipper `a`: no space left"],
        );
        check(json!({ "machines": [{ "name": "m", "filter_error": "x" }] }), &["machine `m`: x"]);
        check(
            json!({ "queues": [{ "name": "a", "balanced": false }] }),
            &["queue `a`: its numbers do not add up"],
        );
        check(
            json!({ "queues": [{ "name": "a", "consumers": 2 }, { "name": "machine.m", "consumers": 2 }] }),
            &["queue `a`: several processes take from it, and each stores a part"],
        );
        check(
            json!({ "rescue": { "a": 3 } }),
            &["3 events of `a` are in the rescue: see `loggr rescue list`"],
        );
        check(
            json!({ "brokers": [{ "name": "rabbitmq", "trouble": "away" }] }),
            &["broker `rabbitmq`: away"],
        );
        check(
            json!({ "stores": [{ "name": "s", "trouble": "bad block" }, { "name": "t", "clock": "it jumped" }] }),
            &["store `s`: bad block", "store `t`: it jumped"],
        );
        check(
            json!({ "exchanges": [{ "name": "e", "trouble": "cannot write" }] }),
            &["exchange `e`: cannot write"],
        );
        check(json!({ "registry": { "problem": "no Redis" } }), &["no Redis"]);
    }
}
