//! A double of Elasticsearch: it speaks the bulk interface as its public description says, strictly, keeps what it
//! takes in memory, and fails as a test tells it. It searches nothing.
//!
//! What is against the description is answered with 400 and noted: a test that ends well has none of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use flate2::read::GzDecoder;
use loggr_net::tls::Server;
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use crate::support::free_port;

/// What the double does with a whole request.
pub enum Does {
    /// It looks at each document.
    Looks,
    /// It answers with this status, and an error of this type and reason.
    Says(u16, &'static str, &'static str),
    /// It looks at each document, and ends the connection instead of answering.
    Vanishes,
}

/// Status, type and reason with which a document is not taken.
pub type Refusal = (u16, &'static str, String);

/// What becomes of a document; told how many requests came before.
type OfDocument = Box<dyn Fn(usize, &Value) -> Option<Refusal> + Send + Sync>;

/// A document, with its index and id in front.
type Document = ((String, String), Value);

/// What a double is told.
pub struct Script {
    /// Of a whole request: how many came before it, its documents, its bytes.
    pub request: Box<dyn Fn(usize, usize, usize) -> Does + Send + Sync>,
    /// Of a document.
    pub document: OfDocument,
    /// The value that `Authorization` has to have.
    pub authorization: Option<String>,
    /// TLS.
    pub tls: Option<Arc<Server>>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            request: Box::new(|_, _, _| Does::Looks),
            document: Box::new(|_, _| None),
            authorization: None,
            tls: None,
        }
    }
}

/// What a double has seen.
#[derive(Default)]
struct Seen {
    /// By index and id.
    documents: BTreeMap<(String, String), Value>,
    requests: usize,
    /// Answers that a document is there already.
    conflicts: usize,
    /// What was against the description.
    wrong: Vec<String>,
}

/// A double that listens until the test ends.
pub struct Double {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Double {
    /// On a port that nobody has.
    #[track_caller]
    pub fn start(script: Script) -> Double {
        Double::on(free_port(), script)
    }

    /// On this port.
    #[track_caller]
    pub fn on(port: u16, script: Script) -> Double {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let double = Double { address: listener.local_addr().expect("its address"), seen: Arc::default() };
        let (seen, script) = (double.seen.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), seen, script) = (stream, seen.clone(), script.clone()) else { continue };
                std::thread::spawn(move || match &script.tls {
                    None => serve(stream, &seen, &script),
                    Some(tls) => {
                        if let Ok(connection) = ServerConnection::new(tls.config()) {
                            serve(StreamOwned::new(connection, stream), &seen, &script);
                        }
                    }
                });
            }
        });
        double
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic")
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The texts of all documents.
    pub fn texts(&self) -> Vec<String> {
        let text = |document: &Value| document["message"].as_str().expect("a message").to_owned();
        self.seen().documents.values().map(text).collect()
    }

    /// Answers that a document is there already.
    pub fn conflicts(&self) -> usize {
        self.seen().conflicts
    }

    /// Nothing was against the description.
    #[track_caller]
    pub fn assert_sound(&self) {
        let wrong = self.seen().wrong.clone();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// A request: its first line, its headers with names in lower case, its body.
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Request> {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            match header.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Request { line: line.trim_end().to_owned(), headers, body })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

fn serve(stream: impl Read + Write, seen: &Mutex<Seen>, script: &Script) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader) {
        let (status, answer) = match handle(&request, seen, script) {
            Some(said) => said,
            None => return,
        };
        let head = format!(
            "HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if reader.get_mut().write_all(format!("{head}{answer}").as_bytes()).is_err() {
            return;
        }
        drop(reader.get_mut().flush());
    }
}

fn error(status: u16, kind: &str, reason: &str) -> (u16, String) {
    let cause = json!({"type": kind, "reason": reason});
    let error = json!({"root_cause": [cause], "type": kind, "reason": reason});
    (status, json!({"error": error, "status": status}).to_string())
}

/// `None`: the connection ends without an answer.
fn handle(request: &Request, seen: &Mutex<Seen>, script: &Script) -> Option<(u16, String)> {
    if let Some(authorization) = &script.authorization
        && request.header("authorization") != authorization
    {
        let reason = "unable to authenticate user for REST request [/_bulk]";
        return Some(error(401, "security_exception", reason));
    }
    if request.line == "GET / HTTP/1.1" {
        return Some((200, json!({"tagline": "a double"}).to_string()));
    }
    let documents = match documents(request) {
        Ok(documents) => documents,
        Err(why) => {
            seen.lock().expect("no panic").wrong.push(why.clone());
            return Some(error(400, "illegal_argument_exception", &why));
        }
    };
    let before = {
        let mut seen = seen.lock().expect("no panic");
        seen.requests += 1;
        seen.requests - 1
    };
    match (script.request)(before, documents.len(), request.body.len()) {
        Does::Says(status, kind, reason) => Some(error(status, kind, reason)),
        Does::Looks => Some((200, take(before, documents, seen, script))),
        Does::Vanishes => {
            take(before, documents, seen, script);
            None
        }
    }
}

/// The documents of a request by index and id; or what is against the description.
fn documents(request: &Request) -> Result<Vec<Document>, String> {
    if request.line != "POST /_bulk HTTP/1.1" {
        return Err(format!("no such thing: {}", request.line));
    }
    if request.header("content-type") != "application/x-ndjson" {
        return Err(format!("Content-Type [{}] is not supported", request.header("content-type")));
    }
    let mut text = String::new();
    let read = match request.header("content-encoding") {
        "" => (&request.body[..]).read_to_string(&mut text),
        "gzip" => GzDecoder::new(&request.body[..]).read_to_string(&mut text),
        other => return Err(format!("Content-Encoding [{other}] is not supported")),
    };
    read.map_err(|error| format!("the body cannot be read: {error}"))?;
    let Some(lines) = text.strip_suffix('\n') else {
        return Err("The bulk request must be terminated by a newline [\\n]".to_owned());
    };
    let mut lines = lines.split('\n');
    let mut found = Vec::new();
    while let Some(action) = lines.next() {
        let source = lines.next().ok_or("an action without a document")?;
        let parse = |line: &str| {
            serde_json::from_str::<Value>(line).map_err(|error| format!("malformed line: {error}: {line}"))
        };
        let (action, source) = (parse(action)?, parse(source)?);
        let only =
            action.as_object().filter(|action| action.len() == 1).and_then(|action| action.get("create"));
        let create = only.and_then(Value::as_object).ok_or_else(|| format!("not a create: {action}"))?;
        if create.keys().any(|key| !matches!(key.as_str(), "_index" | "_id")) {
            return Err(format!("unknown parameters: {action}"));
        }
        let part = |key: &str| {
            let text = create.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("no `{key}`: {action}"))
        };
        let (index, id) = (part("_index")?, part("_id")?);
        if index.chars().any(|c| c.is_uppercase() || "\\/*?\"<>| ,#:".contains(c)) || id.len() > 512 {
            return Err(format!("an index or id that cannot be: {action}"));
        }
        let stamp = source["@timestamp"].as_str().unwrap_or_default();
        if !source.is_object() || stamp.len() < 20 || stamp.as_bytes()[10] != b'T' {
            return Err(format!("a document without a time: {source}"));
        }
        found.push(((index, id), source));
    }
    Ok(found)
}

/// Takes the documents that are not refused, and answers for each.
fn take(before: usize, documents: Vec<Document>, seen: &Mutex<Seen>, script: &Script) -> String {
    let mut seen = seen.lock().expect("no panic");
    let mut errors = false;
    let mut items = Vec::new();
    for ((index, id), source) in documents {
        let refusal = (script.document)(before, &source);
        let conflict = seen.documents.contains_key(&(index.clone(), id.clone()));
        let mut item = json!({"_index": index, "_id": id});
        let error = |item: &mut Value, status: u16, kind: &str, reason: &str| {
            item["status"] = status.into();
            item["error"] = json!({"type": kind, "reason": reason});
        };
        match refusal {
            Some((status, kind, reason)) => error(&mut item, status, kind, &reason),
            None if conflict => {
                let reason =
                    format!("[{id}]: version conflict, document already exists (current version [1])");
                error(&mut item, 409, "version_conflict_engine_exception", &reason);
                item["error"]["index"] = index.into();
                item["error"]["shard"] = "0".into();
                seen.conflicts += 1;
            }
            None => {
                item["status"] = 201.into();
                item["result"] = "created".into();
                for (key, value) in [("_version", 1), ("_seq_no", seen.documents.len()), ("_primary_term", 1)]
                {
                    item[key] = value.into();
                }
                item["_shards"] = json!({"total": 2, "successful": 1, "failed": 0});
                seen.documents.insert((index, id), source);
            }
        }
        errors |= item.get("error").is_some();
        items.push(json!({"create": item}));
    }
    json!({"took": 1, "errors": errors, "items": items}).to_string()
}
