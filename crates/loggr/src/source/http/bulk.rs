//! `/_bulk` as Elasticsearch has it, and what its clients ask beside it: who answers, what licence, and that a
//! template or a policy is stored, which here means nothing.
//!
//! A document is the line of its event. What its action says of an index and an id is answered, and not kept.

use serde_json::{Value, json};

use super::gathered::Gathered;

/// Version that is named to clients: some speak only with such servers.
const VERSION: &str = "8.15.0";

/// What a bulk request brings.
#[derive(Debug, Default)]
pub struct Bulk {
    /// Its events.
    pub gathered: Gathered,
    /// What is answered once they are durable, for each action.
    items: Vec<Value>,
    errors: bool,
}

impl Bulk {
    /// The answer, when the events are durable.
    pub fn answer(self, took: u64) -> Value {
        json!({"took": took, "errors": self.errors, "items": self.items})
    }

    fn taken(&mut self, action: &str, index: &str, id: Option<&str>, number: u64) {
        let id = id.map_or_else(|| format!("loggr-{number}"), str::to_owned);
        let shards = json!({"total": 1, "successful": 1, "failed": 0});
        let item = json!({
            "_index": index, "_id": id, "_version": 1, "result": "created", "_shards": shards,
            "_seq_no": number, "_primary_term": 1, "status": 201,
        });
        self.items.push(json!({action: item}));
    }

    fn refused(&mut self, action: &str, index: &str, id: Option<&str>, kind: &str, reason: &str) {
        let error = json!({"type": kind, "reason": reason});
        self.errors = true;
        self.items.push(json!({action: {"_index": index, "_id": id, "status": 400, "error": error}}));
    }
}

/// Reads a body. `usual`: the index that the path names. `number`: that of the first event.
///
/// # Errors
/// What is wrong with the whole; then none of it is taken.
pub fn read(body: &[u8], usual: Option<&str>, number: u64) -> Result<Bulk, String> {
    let mut bulk = Bulk::default();
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut at = 0;
    while let Some(line) = lines.next() {
        at += 1;
        let action: Value = serde_json::from_slice(line)
            .map_err(|error| format!("Malformed action/metadata line [{at}]: {error}"))?;
        let only =
            action.as_object().filter(|action| action.len() == 1).and_then(|action| action.iter().next());
        let Some((name, Value::Object(of))) = only else {
            return Err(format!("Malformed action/metadata line [{at}], expected one action"));
        };
        let text = |key: &str| of.get(key).and_then(Value::as_str);
        let (index, id) = (text("_index").or(usual).unwrap_or("loggr"), text("_id"));
        match name.as_str() {
            "delete" => {
                let why = "documents are events here, and cannot be deleted";
                bulk.refused(name, index, id, "illegal_argument_exception", why);
                continue;
            }
            "index" | "create" | "update" => {}
            _ => return Err(format!("Malformed action/metadata line [{at}], unknown action [{name}]")),
        }
        at += 1;
        let document = lines.next().ok_or("Validation Failed: 1: an action without a document;")?;
        if name == "update" {
            let why = "documents are events here, and cannot be changed";
            bulk.refused(name, index, id, "illegal_argument_exception", why);
        } else if !is_object(document) {
            let why = "failed to parse: it is no JSON object";
            bulk.refused(name, index, id, "document_parsing_exception", why);
        } else {
            let number = number + bulk.gathered.len() as u64;
            bulk.gathered.push(document.strip_suffix(b"\r").unwrap_or(document));
            bulk.taken(name, index, id, number);
        }
    }
    match bulk.items.is_empty() {
        true => Err("request body is required".to_owned()),
        false => Ok(bulk),
    }
}

fn is_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// What is answered to the other questions of clients, with a status; `None`: it is none of them.
pub fn beside(method: &str, path: &str) -> Option<(u16, Value)> {
    let accepted = || Some((200, json!({"acknowledged": true})));
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match (method, first) {
        ("GET" | "HEAD", "") => Some((
            200,
            json!({
                "name": "loggr", "cluster_name": "loggr", "cluster_uuid": "loggr",
                "version": {
                    "number": VERSION, "build_flavor": "default", "build_type": "tar", "build_snapshot": false,
                    "minimum_wire_compatibility_version": "7.17.0",
                    "minimum_index_compatibility_version": "7.0.0",
                },
                "tagline": "You Know, for Search",
            }),
        )),
        ("GET", "_license") => {
            Some((200, json!({"license": {"uid": "loggr", "type": "basic", "status": "active"}})))
        }
        ("GET", "_xpack") => Some((
            200,
            json!({
                "license": {"uid": "loggr", "type": "basic", "mode": "basic", "status": "active"},
                "features": {"ilm": {"available": true, "enabled": true}, "security": {"available": true, "enabled": false}},
            }),
        )),
        ("GET" | "HEAD", "_cat") => Some((200, json!([{"cluster": "loggr", "status": "green"}]))),
        ("GET", "_cluster") => Some((200, json!({"cluster_name": "loggr", "status": "green"}))),
        ("GET", "_nodes") => Some((200, json!({"cluster_name": "loggr", "nodes": {}}))),
        (
            "GET" | "HEAD",
            "_ilm"
            | "_index_template"
            | "_component_template"
            | "_template"
            | "_ingest"
            | "_alias"
            | "_data_stream",
        ) => Some((200, json!({}))),
        (
            "PUT" | "POST",
            "_ilm"
            | "_index_template"
            | "_component_template"
            | "_template"
            | "_ingest"
            | "_alias"
            | "_data_stream",
        ) => accepted(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_taken_and_each_has_its_answer() {
        let body = b"{\"create\":{\"_index\":\"logs\",\"_id\":\"7\"}}\n{\"message\":\"one\"}\n\n\
                     {\"index\":{}}\n{\"message\":\"two\"}\r\n{\"delete\":{\"_id\":\"8\"}}\n\
                     {\"update\":{\"_id\":\"9\"}}\n{\"doc\":{}}\n{\"index\":{}}\nnone\n";
        let bulk = read(body, Some("usual"), 40).unwrap();
        let lines: Vec<_> = bulk.gathered.lines().map(String::from_utf8_lossy).collect();
        assert_eq!(lines, ["{\"message\":\"one\"}", "{\"message\":\"two\"}"]);
        let answer = bulk.answer(3);
        assert_eq!((&answer["took"], &answer["errors"]), (&json!(3), &json!(true)));
        let told: Vec<String> = answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                let (name, of) = item.as_object().unwrap().iter().next().unwrap();
                format!("{name} {} {} {}", of["_index"], of["_id"], of["status"])
            })
            .collect();
        assert_eq!(
            told,
            [
                "create \"logs\" \"7\" 201",
                "index \"usual\" \"loggr-41\" 201",
                "delete \"usual\" \"8\" 400",
                "update \"usual\" \"9\" 400",
                "index \"usual\" null 400"
            ]
        );
    }

    #[track_caller]
    fn check_wrong(body: &str, expect: &str) {
        let why = read(body.as_bytes(), None, 0).unwrap_err();
        assert!(why.contains(expect), "{why}");
    }

    #[test]
    fn what_is_no_bulk_request_is_refused_whole() {
        check_wrong("", "request body is required");
        check_wrong("hello", "Malformed action/metadata line [1]");
        check_wrong(
            "{\"index\":{}}\n{}\n{\"a\":{},\"b\":{}}\n",
            "Malformed action/metadata line [3], expected one action",
        );
        check_wrong("{\"burn\":{}}\n{}", "unknown action [burn]");
        check_wrong("{\"index\":{}}\n", "an action without a document");
    }

    #[test]
    fn clients_ask_other_things() {
        let check = |method: &str, path: &str, expect: Option<u16>| {
            assert_eq!(beside(method, path).map(|(status, _)| status), expect, "{method} {path}");
        };
        check("GET", "/", Some(200));
        check("HEAD", "/", Some(200));
        check("GET", "/_license", Some(200));
        check("GET", "/_xpack", Some(200));
        check("GET", "/_cat/health", Some(200));
        check("PUT", "/_ilm/policy/filebeat", Some(200));
        check("HEAD", "/_index_template/filebeat-8.15.0", Some(200));
        check("GET", "/_search", None);
        check("DELETE", "/logs", None);
    }
}
