//! One status of a whole installation, from those of its processes.
//!
//! Pure: statuses in, a status out. Sums are over what runs; of a lost process only the
//! name is left. Each item of a list says whose it is.

use serde_json::{Map, Value, json};

use crate::registry::{Seen, State};

/// The lists of a status.
const LISTS: &[&str] =
    &["listeners", "exchanges", "queues", "brokers", "disks", "machines", "ships", "stores"];
/// What processes that share a broker's queue have each done to it.
const SHARES: &[&str] = &["leased", "stored", "rescued", "dropped", "redelivered"];
/// Who a process is.
const IDENTITY: &[&str] =
    &["id", "host", "pid", "component", "name", "version", "started", "uptime_seconds", "data_directory"];

/// Of one process or many; the first that runs speaks for the installation where only one
/// can. `rest` is what is known without any process.
pub fn combine(mut seen: Vec<Seen>, rest: Option<Value>) -> Value {
    seen.sort_by_key(|s| s.state != State::Running);
    let processes: Vec<Value> = seen.iter().map(process).collect();
    let running = seen.iter().any(|s| s.state != State::Lost);
    let mut all: Vec<Value> =
        seen.into_iter().filter(|s| s.state != State::Lost).map(|s| owned(s.status)).collect();
    all.extend(rest);
    let mut out = Map::new();
    out.insert("running".to_owned(), running.into());
    for key in IDENTITY.iter().skip(1) {
        let value = all.iter().map(|s| &s[*key]).find(|v| !v.is_null());
        out.insert((*key).to_owned(), value.cloned().unwrap_or_default());
    }
    out.insert("processes".to_owned(), processes.into());
    out.insert("totals".to_owned(), totals(&all));
    for list in LISTS {
        out.insert(
            (*list).to_owned(),
            all.iter().filter_map(|s| s[*list].as_array()).flatten().cloned().collect(),
        );
    }
    if let Some(Value::Array(queues)) = out.get_mut("queues") {
        share(queues);
    }
    out.insert("rescue".to_owned(), rescue(&all));
    for key in ["problem", "rescue_trouble"] {
        if let Some(trouble) = all.iter().map(|s| &s[key]).find(|v| !v.is_null()) {
            out.insert(key.to_owned(), trouble.clone());
        }
    }
    out.into()
}

/// A queue of the broker is one, whoever tells of it.
fn share(queues: &mut Vec<Value>) {
    let mut whole: Vec<Value> = Vec::with_capacity(queues.len());
    for queue in queues.drain(..) {
        let same = |known: &&mut Value| {
            !queue["ready_messages"].is_null()
                && !known["ready_messages"].is_null()
                && known["name"] == queue["name"]
        };
        let Some(known) = whole.iter_mut().find(same) else {
            whole.push(queue);
            continue;
        };
        for key in SHARES {
            known[*key] = add(&known[*key], &queue[*key]);
        }
        for key in ["ready_messages", "consumers"] {
            known[key] = known[key].as_u64().max(queue[key].as_u64()).into();
        }
        (known["process"], known["host"]) = (Value::Null, Value::Null);
    }
    *queues = whole;
}

fn process(seen: &Seen) -> Value {
    let mut out: Map<String, Value> =
        IDENTITY.iter().map(|key| ((*key).to_owned(), seen.status[*key].clone())).collect();
    out.insert("state".to_owned(), seen.state.keyword().into());
    out.insert("seen_seconds".to_owned(), json!(seen.age.as_secs()));
    out.into()
}

/// Every item of every list says which process and which host it is of.
fn owned(mut status: Value) -> Value {
    let (id, host) = (status["id"].clone(), status["host"].clone());
    for list in LISTS {
        let items = status.get_mut(*list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
            item.insert("process".to_owned(), id.clone());
            item.insert("host".to_owned(), host.clone());
        }
    }
    status
}

/// Numbers are added; what has to hold has to hold everywhere.
fn totals(all: &[Value]) -> Value {
    let mut out = Map::new();
    for (key, value) in all.iter().filter_map(|s| s["totals"].as_object()).flatten() {
        let joined = match (out.get(key), value) {
            (Some(Value::Bool(known)), Value::Bool(value)) => (*known && *value).into(),
            // All see the same broker.
            (Some(known), value) if key == "ready_messages" => known.as_u64().max(value.as_u64()).into(),
            (Some(known), value) if value.is_u64() => add(known, value),
            (_, value) => value.clone(),
        };
        out.insert(key.clone(), joined);
    }
    out.into()
}

/// Processes that share a data directory share its rescue.
fn rescue(all: &[Value]) -> Value {
    let mut out = Map::new();
    let mut counted: Vec<(&Value, &Value)> = Vec::new();
    for status in all {
        let place = (&status["host"], &status["data_directory"]);
        if counted.contains(&place) {
            continue;
        }
        counted.push(place);
        for (sink, count) in status["rescue"].as_object().into_iter().flatten() {
            let sum = out.get(sink).map_or_else(|| count.clone(), |known| add(known, count));
            out.insert(sink.clone(), sum);
        }
    }
    out.into()
}

fn add(a: &Value, b: &Value) -> Value {
    a.as_u64().unwrap_or(0).saturating_add(b.as_u64().unwrap_or(0)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seen(state: State, status: Value) -> Seen {
        Seen { status, state, age: Duration::from_secs(3) }
    }

    fn status(id: &str, stored: u64, balanced: bool) -> Value {
        json!({
            "id": id, "host": "h", "pid": 7, "data_directory": "/d", "ships": [{ "name": id }],
            "totals": { "stored": stored, "balanced": balanced }, "rescue": { "db": 2 },
        })
    }

    #[test]
    fn numbers_are_added_and_items_say_whose_they_are() {
        let all = vec![
            seen(State::Lost, json!({ "id": "c", "host": "x" })),
            seen(State::Running, status("a", 2, true)),
            seen(State::Late, status("b", 3, false)),
        ];
        let out = combine(all, None);
        assert_eq!(out["totals"], json!({ "stored": 5, "balanced": false }));
        assert_eq!(out["rescue"], json!({ "db": 2 }), "one directory has one rescue");
        assert_eq!(out["running"], true);
        assert_eq!(
            out["ships"],
            json!([{ "name": "a", "process": "a", "host": "h" }, { "name": "b", "process": "b", "host": "h" }])
        );
        let states: Vec<_> =
            out["processes"].as_array().unwrap().iter().map(|p| (&p["id"], &p["state"])).collect();
        assert_eq!(
            format!("{states:?}").replace("String", ""),
            r#"[(("a"), ("running")), (("c"), ("lost")), (("b"), ("late"))]"#
        );
    }

    #[test]
    fn a_queue_of_the_broker_is_told_once() {
        let queue =
            |ready: u64, stored: u64| json!({ "name": "q", "ready_messages": ready, "stored": stored });
        let status = |id: &str, queue: Value| {
            let totals = json!({ "ready_messages": queue["ready_messages"] });
            seen(
                State::Running,
                json!({ "id": id, "totals": totals, "queues": [queue, { "name": "spool" }] }),
            )
        };
        let out = combine(vec![status("a", queue(4, 1)), status("b", queue(3, 2))], None);
        assert_eq!(out["totals"], json!({ "ready_messages": 4 }));
        let queues = out["queues"].as_array().unwrap();
        assert_eq!(queues.len(), 3, "each spool is its own");
        assert_eq!((&queues[0]["ready_messages"], &queues[0]["stored"]), (&json!(4), &json!(3)));
        assert_eq!(queues[0]["process"], Value::Null);
    }

    #[test]
    fn without_a_process_the_rest_is_told() {
        let rest =
            json!({ "version": "1", "data_directory": "/d", "totals": { "waiting": 4 }, "queues": [{}] });
        let out = combine(vec![seen(State::Lost, json!({ "id": "c", "data_directory": "/e" }))], Some(rest));
        assert_eq!((&out["running"], &out["data_directory"]), (&json!(false), &json!("/d")));
        assert_eq!((&out["totals"], &out["queues"]), (&json!({ "waiting": 4 }), &json!([{}])));
    }
}
