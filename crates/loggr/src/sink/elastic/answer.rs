//! What a server says to a request of documents, and what follows from it.
//!
//! | the whole answer | what follows |
//! | --- | --- |
//! | 2xx with an item for each document | see below |
//! | 413 | fewer documents in one request |
//! | 400, 422 | a part of the documents, to find the one that is to blame |
//! | all others | no document is to blame: they wait |
//!
//! | an item | what follows |
//! | --- | --- |
//! | 200, 201, 409 | a server has the document |
//! | 401, 403, 404, 408, 429, 5xx, and what `WAITS` lists | the document waits |
//! | all others | it is refused for good |
//!
//! Not here: sockets, and which document an item is about.

use std::fmt;

use loggr_net::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::documents::Verdict;

/// A reason is cut to this many characters.
const MAX_REASON_CHARS: usize = 600;
/// Causes within causes that are looked into.
const MAX_CAUSES: usize = 8;

/// Errors of a document that are none of its own, whatever status they come with: something is to be mended at the
/// server, or it has too much to do.
const WAITS: [&str; 9] = [
    "circuit_breaking_exception",
    "cluster_block_exception",
    "es_rejected_execution_exception",
    "index_not_found_exception",
    "process_cluster_event_timeout_exception",
    "rejected_execution_exception",
    "security_exception",
    "unavailable_shards_exception",
    // The cluster has as many shards as it may have.
    "validation_exception",
];

/// Beginnings of reasons that are of the same kind, of errors whose type says nothing.
const WAITS_FOR: [&str; 2] = ["pipeline with id [", "no matching index template found for data stream ["];

/// What a server says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// This to each document, in their order.
    Each(Vec<Told>),
    /// The request has too many bytes.
    TooLarge,
    /// The request cannot be read, and why.
    Unreadable(String),
    /// Nothing about any document, and why.
    Nothing(String),
}

/// What a server says to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What became of it.
    Settled(Verdict),
    /// It is to come again, and why.
    Waits(String),
}

/// Why documents wait: it names the server, and says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

#[derive(Deserialize)]
struct Bulk {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(alias = "index", alias = "update")]
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: Option<Value>,
}

/// What an answer to so many documents means. `shows_login`: the request said who asks.
pub fn said(status: StatusCode, body: &[u8], documents: usize, shows_login: bool) -> Said {
    if status.is_success() {
        return match serde_json::from_slice::<Bulk>(body) {
            Ok(bulk) if bulk.items.len() == documents => Said::Each(bulk.items.iter().map(told).collect()),
            Ok(bulk) => Said::Nothing(format!(
                "its answer is about {} documents, and {documents} were sent",
                bulk.items.len()
            )),
            Err(error) => Said::Nothing(format!(
                "its answer says nothing about each document ({error}); is that the bulk interface, and is the path \
                 in `urls` right?"
            )),
        };
    }
    let reason = reason_of(status, body);
    match status.as_u16() {
        413 => Said::TooLarge,
        400 | 422 => Said::Unreadable(reason),
        401 if shows_login => Said::Nothing(format!(
            "it does not believe who asks: {reason}; is the password, key or token right?"
        )),
        401 => Said::Nothing(format!(
            "it wants to know who asks: {reason}; see `user`, `api_key_file` and `token_file`"
        )),
        403 => Said::Nothing(format!(
            "it does not allow that: {reason}; whoever asks needs the right to create documents in the index"
        )),
        404 | 405 | 406 | 410 | 415 => {
            Said::Nothing(format!("it does not know what is asked: {reason}; is the path in `urls` right?"))
        }
        429 => Said::Nothing(format!("it has too much to do: {reason}")),
        300..=399 => Said::Nothing(format!("it points to another place: {reason}; write that into `urls`")),
        _ => Said::Nothing(format!("it cannot do it now: {reason}")),
    }
}

fn told(Item { create: Outcome { status, error } }: &Item) -> Told {
    let reason = || match error {
        Some(error) => reason(error),
        None => format!("the server answers {status} without a reason"),
    };
    let text = |key: &str| error.as_ref().and_then(|error| error[key].as_str()).unwrap_or_default();
    let waits = WAITS.contains(&text("type")) || WAITS_FOR.iter().any(|why| text("reason").starts_with(why));
    match status {
        // It is created, or it was: under its uid there is only itself.
        200 | 201 | 409 => Told::Settled(Verdict::Stored),
        401 | 403 | 404 | 408 | 429 | 500.. => Told::Waits(reason()),
        _ if waits => Told::Waits(reason()),
        _ => Told::Settled(Verdict::Refused(reason())),
    }
}

/// The status, and what the body says about it.
fn reason_of(status: StatusCode, body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let said = match &parsed {
        Some(Value::Object(object)) => object.get("error").or_else(|| object.get("message")).map(reason),
        Some(_) => None,
        None => Some(shorten(String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).trim())),
    };
    let words = status.canonical_reason().map(|words| format!(" {words}")).unwrap_or_default();
    match said.filter(|said| !said.is_empty()) {
        Some(said) => format!("{}{words}: {said}", status.as_u16()),
        None => format!("{}{words}", status.as_u16()),
    }
}

/// An error in one line: its type and reason, and the deepest cause. The id of the document is left out: it is the
/// uid of the event, and without it equal reasons are equal.
fn reason(error: &Value) -> String {
    let Some(object) = error.as_object() else {
        return shorten(error.as_str().unwrap_or(&error.to_string()));
    };
    let text = |object: &serde_json::Map<String, Value>, key: &str| {
        object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (kind, why) = (text(object, "type"), text(object, "reason"));
    let mut out = match (kind.is_empty(), why.is_empty()) {
        (false, false) => format!("{kind}: {why}"),
        _ => format!("{kind}{why}"),
    };
    let mut deepest = object;
    for _ in 0..MAX_CAUSES {
        match deepest.get("caused_by").and_then(Value::as_object) {
            Some(next) => deepest = next,
            None => break,
        }
    }
    let cause = text(deepest, "reason");
    if !cause.is_empty() && !out.contains(&cause) {
        out = format!("{out}: {cause}");
    }
    if out.is_empty() {
        out = error.to_string();
    }
    shorten(&without_id(&out))
}

/// Cuts ` in document with id '…'` out.
fn without_id(text: &str) -> String {
    const BEGINS: &str = " in document with id '";
    let Some((before, rest)) = text.split_once(BEGINS) else { return text.to_owned() };
    match rest.split_once('\'') {
        Some((_, after)) => format!("{before}{after}"),
        None => text.to_owned(),
    }
}

fn shorten(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut out: String = plain.clone().take(MAX_REASON_CHARS).collect();
    if plain.count() > MAX_REASON_CHARS {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Told {
        let body = format!(r#"{{"took":3,"errors":true,"items":[{{"create":{text}}}]}}"#);
        match said(StatusCode::OK, body.as_bytes(), 1, false) {
            Said::Each(mut told) => told.remove(0),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check_stored(text: &str) {
        assert_eq!(item(text), Told::Settled(Verdict::Stored));
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        assert_eq!(item(text), Told::Settled(Verdict::Refused(why.to_owned())));
    }

    #[track_caller]
    fn check_waits(text: &str, why: &str) {
        assert_eq!(item(text), Told::Waits(why.to_owned()));
    }

    #[test]
    fn documents_that_a_server_has() {
        check_stored(r#"{"_index":"l","_id":"1","_version":1,"result":"created","_seq_no":0,"status":201}"#);
        check_stored(r#"{"status":200}"#);
        check_stored(
            r#"{"_id":"1","status":409,"error":{"type":"version_conflict_engine_exception","reason":"[1]: version conflict, document already exists (current version [1])"}}"#,
        );
        let of_index = br#"{"errors":false,"items":[{"index":{"status":201}}]}"#;
        assert_eq!(
            said(StatusCode::OK, of_index, 1, false),
            Said::Each(vec![Told::Settled(Verdict::Stored)])
        );
    }

    #[test]
    fn documents_that_a_server_will_never_take() {
        check_refused(
            r#"{"_id":"1","status":400,"error":{"type":"document_parsing_exception","reason":"[1:69] failed to parse field [n] of type [long] in document with id '01a-b'. Preview of field's value: 'x'","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"x\""}}}"#,
            "document_parsing_exception: [1:69] failed to parse field [n] of type [long]. Preview of field's value: 'x': \
             For input string: \"x\"",
        );
        check_refused(
            r#"{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse"}}"#,
            "mapper_parsing_exception: failed to parse",
        );
        check_refused(
            r#"{"status":400,"error":{"type":"illegal_argument_exception","reason":"Limit of total fields [1000] has been exceeded"}}"#,
            "illegal_argument_exception: Limit of total fields [1000] has been exceeded",
        );
        check_refused(r#"{"status":400,"error":"no"}"#, "no");
        check_refused(r#"{"status":400,"error":{"what":1}}"#, r#"{"what":1}"#);
        check_refused(r#"{"status":418}"#, "the server answers 418 without a reason");
    }

    #[test]
    fn documents_that_wait() {
        check_waits(
            r#"{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation"}}"#,
            "es_rejected_execution_exception: rejected execution of coordinating operation",
        );
        check_waits(
            r#"{"status":503,"error":{"type":"unavailable_shards_exception","reason":"x"}}"#,
            "unavailable_shards_exception: x",
        );
        check_waits(
            r#"{"status":403,"error":{"type":"security_exception","reason":"action is unauthorized"}}"#,
            "security_exception: action is unauthorized",
        );
        check_waits(
            r#"{"status":404,"error":{"type":"index_not_found_exception","reason":"no such index [l]"}}"#,
            "index_not_found_exception: no such index [l]",
        );
        check_waits(
            r#"{"status":400,"error":{"type":"validation_exception","reason":"this action would add [2] shards"}}"#,
            "validation_exception: this action would add [2] shards",
        );
        check_waits(
            r#"{"status":400,"error":{"type":"illegal_argument_exception","reason":"pipeline with id [p] does not exist"}}"#,
            "illegal_argument_exception: pipeline with id [p] does not exist",
        );
    }

    #[track_caller]
    fn check(status: u16, body: &str, expect: &str) {
        let told = match said(StatusCode::from_u16(status).unwrap(), body.as_bytes(), 2, false) {
            Said::Each(told) => format!("{} documents", told.len()),
            Said::TooLarge => "too large".to_owned(),
            Said::Unreadable(why) => format!("unreadable: {why}"),
            Said::Nothing(why) => format!("nothing: {why}"),
        };
        assert_eq!(told, expect);
    }

    #[test]
    fn answers_to_the_whole() {
        check(200, r#"{"items":[{"create":{"status":201}},{"create":{"status":201}}]}"#, "2 documents");
        check(200, r#"{"items":[]}"#, "nothing: its answer is about 0 documents, and 2 were sent");
        check(413, "", "too large");
        check(
            400,
            r#"{"error":{"type":"x_content_parse_exception","reason":"no","root_cause":[]},"status":400}"#,
            "unreadable: 400 Bad Request: x_content_parse_exception: no",
        );
        check(
            429,
            r#"{"error":{"type":"es_rejected_execution_exception","reason":"full"},"status":429}"#,
            "nothing: it has too much to do: 429 Too Many Requests: es_rejected_execution_exception: full",
        );
        check(503, "<html>\n", "nothing: it cannot do it now: 503 Service Unavailable: <html>");
        check(
            401,
            r#"{"error":"no"}"#,
            "nothing: it wants to know who asks: 401 Unauthorized: no; see `user`, `api_key_file` and `token_file`",
        );
        check(
            403,
            r#"{"message":"not you"}"#,
            "nothing: it does not allow that: 403 Forbidden: not you; whoever asks needs the right to create documents \
             in the index",
        );
        check(
            404,
            "404 page not found",
            "nothing: it does not know what is asked: 404 Not Found: 404 page not found; is the path in `urls` right?",
        );
        check(302, "", "nothing: it points to another place: 302 Found; write that into `urls`");
    }

    #[test]
    fn a_page_of_the_web_is_no_answer() {
        let Said::Nothing(why) = said(StatusCode::OK, b"<html>", 1, false) else { panic!("an answer") };
        assert!(why.starts_with("its answer says nothing about each document ("), "{why}");
    }

    #[test]
    fn long_reasons_are_cut_and_cleaned() {
        let long = format!("a\u{1b}\n{}", "x".repeat(2000));
        let cut = shorten(&long);
        assert!(
            cut.starts_with("a  xxx") && cut.ends_with('…') && cut.chars().count() == MAX_REASON_CHARS + 1
        );
    }
}
