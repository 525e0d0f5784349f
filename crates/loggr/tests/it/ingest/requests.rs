//! What each path takes, and what becomes of it.

use std::io::Write;

use serde_json::{Value, json};

use super::{ask, listening, post};
use crate::support::{Loggr, free_port};

/// Starts the program, sends a request that is answered so, and gives the events that came of it.
#[track_caller]
fn events(path: &str, headers: &[(&str, &str)], body: &[u8], code: u16) -> (Vec<Value>, String) {
    let mut loggr = Loggr::with(listening(free_port(), ""));
    let answer = post(loggr.address("http"), path, headers, body);
    assert_eq!(answer.code, code, "{answer:?}");
    loggr.drained(60);
    let mut found = loggr.search("listener:http");
    found.sort_by_key(|event| event["message"].to_string());
    loggr.assert_balanced();
    loggr.stop();
    (found, answer.body)
}

#[test]
fn objects_and_lines() {
    let body = concat!(
        r#"{"@timestamp":"2026-11-22T10:00:00Z","message":"one","host":{"name":"web01"},"log":{"level":"error"},"status":404}"#,
        "\n[{\"msg\":\"three\",\"app\":\"shop\"}]\n",
        "<34>1 2026-11-22T10:00:00Z web02 sshd 42 - - two\n"
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(body.as_bytes()).expect("memory");
    let packed = packed.finish().expect("memory");
    for (headers, body) in [
        (vec![("Content-Type", "application/x-ndjson")], body.as_bytes()),
        (vec![("Content-Encoding", "gzip")], packed.as_slice()),
    ] {
        let (found, answer) = events("/ingest", &headers, body, 200);
        assert_eq!(answer, r#"{"taken":3}"#);
        let texts: Vec<_> = found.iter().map(|event| event["message"].as_str().expect("text")).collect();
        assert_eq!(texts, ["one", "three", "two"]);
        assert_eq!((&found[0]["source"], &found[0]["severity"]), (&json!("web01"), &json!("err")));
        assert_eq!(found[0]["fields"]["status"], json!(["404"]));
        assert_eq!(found[0]["timereported"], "2026-11-22T10:00:00.000000Z");
        assert_eq!((&found[1]["app_name"], &found[2]["source"]), (&json!("shop"), &json!("web02")));
        assert_eq!(found[0]["origin"]["transport"], "http");
    }
}

#[test]
fn plain_text_is_lines() {
    let (found, _) = events("/", &[("Content-Type", "text/plain")], b"{\n  one\n", 200);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn bulk_requests_have_an_answer_for_each_document() {
    let body = concat!(
        "{\"create\":{\"_index\":\"logs\",\"_id\":\"1\"}}\n{\"@timestamp\":\"2026-11-22T10:00:00Z\",\"message\":\"one\"}\n",
        "{\"index\":{}}\nnone\n{\"index\":{}}\n{\"message\":\"two\"}\n"
    );
    let (found, answer) = events("/shop/_bulk", &[], body.as_bytes(), 200);
    assert_eq!(found.len(), 2, "{found:?}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["errors"], true);
    let statuses: Vec<&Value> = answer["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item.as_object().expect("an action").values().next().expect("what was done")["status"])
        .collect();
    assert_eq!(statuses, [201, 400, 201]);
    assert_eq!(answer["items"][2]["index"]["_index"], "shop");
}

#[test]
fn streams_of_loki() {
    let body = json!({"streams": [{"stream": {"app": "shop", "level": "warn", "zone": "a"},
        "values": [["1795341600000001000", "one"], ["1795341600000002000", "two", {"trace_id": "7"}]]}]});
    let (found, _) = events("/loki/api/v1/push", &[], body.to_string().as_bytes(), 204);
    let [one, two] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (&one["message"], &one["app_name"], &one["severity"]),
        (&json!("one"), &json!("shop"), &json!("warning"))
    );
    assert_eq!(one["timereported"], "2026-11-22T10:00:00.000001Z");
    assert_eq!((&two["fields"]["zone"], &two["fields"]["trace_id"]), (&json!(["a"]), &json!(["7"])));
}

#[test]
fn records_of_opentelemetry() {
    let body = json!({"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeLogs": [{"logRecords": [{"timeUnixNano": "1795341600000001000", "severityNumber": 17,
            "body": {"stringValue": "one"}, "attributes": [{"key": "n", "value": {"intValue": "7"}}]}]}]}]});
    let (found, answer) =
        events("/v1/logs", &[("Content-Type", "application/json")], body.to_string().as_bytes(), 200);
    let [one] = &found[..] else { panic!("{found:?}") };
    assert_eq!(answer, "{}");
    assert_eq!(
        (&one["message"], &one["app_name"], &one["severity"]),
        (&json!("one"), &json!("shop"), &json!("err"))
    );
    assert_eq!(one["fields"]["n"], json!(["7"]));
}

#[test]
fn what_clients_ask_before_they_send_is_answered() {
    let mut loggr = Loggr::with(listening(free_port(), ""));
    let address = loggr.address("http");
    for (method, path, code) in [
        ("GET", "/", 200),
        ("GET", "/_license", 200),
        ("HEAD", "/_index_template/x", 200),
        ("PUT", "/_ilm/policy/x", 200),
        ("GET", "/ready", 200),
        ("GET", "/nowhere", 404),
    ] {
        let answer = ask(address, method, path, &[], b"").expect("an answer");
        assert_eq!(answer.code, code, "{method} {path}");
        assert_eq!(answer.header("x-elastic-product"), Some("Elasticsearch"));
    }
    loggr.stop();
}
