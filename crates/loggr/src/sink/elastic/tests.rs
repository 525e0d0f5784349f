//! The sink against a server of the test, which does what no real one can be asked for: it is full, refuses, falls
//! silent and vanishes in the middle. Others that take documents are in the integration tests.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::read::GzDecoder;
use loggr_event::Template;
use loggr_flow::contract::{self, MemoryRescue};
use loggr_flow::{Ack, Delivery, Quiet, Stop, channel_source, pump};
use loggr_net::http::Url;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What the server does with a request.
#[derive(Clone, Debug)]
enum Does {
    /// It takes the documents, those apart whose text has one of these words.
    Takes(Vec<(&'static str, u16, &'static str)>),
    /// It answers with this status, and takes nothing.
    Says(u16, &'static str),
    /// It takes the documents, and ends the connection instead of answering.
    Vanishes,
    /// It answers nothing.
    Sleeps,
}

fn takes() -> Does {
    Does::Takes(Vec::new())
}

/// What a server has got.
#[derive(Clone, Debug, Default)]
struct Got(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// By index and id.
    documents: BTreeMap<(String, String), Value>,
    /// For each request how many documents it had.
    requests: Vec<usize>,
    /// The heads of the requests.
    heads: Vec<String>,
}

impl Got {
    fn texts(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        let mut texts: Vec<String> = kept
            .documents
            .values()
            .map(|document| document["message"].as_str().unwrap().to_owned())
            .collect();
        texts.sort();
        texts
    }

    fn requests(&self) -> Vec<usize> {
        self.0.lock().unwrap().requests.clone()
    }
}

/// A server; `does` is told how many requests came before, and the lines of this one.
async fn server(does: impl Fn(usize, &str) -> Does + Send + Sync + 'static) -> (SocketAddr, Got) {
    server_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), does)
}

fn server_at(
    listener: TcpListener,
    does: impl Fn(usize, &str) -> Does + Send + Sync + 'static,
) -> (SocketAddr, Got) {
    let (address, got) = (listener.local_addr().unwrap(), Got::default());
    let (kept, does) = (got.clone(), Arc::new(does));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (kept, does) = (kept.clone(), does.clone());
            tokio::spawn(async move { connection(stream, &kept, &*does).await });
        }
    });
    (address, got)
}

/// Head and body of the next request.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

async fn connection(mut stream: TcpStream, got: &Got, does: &(impl Fn(usize, &str) -> Does + Send + Sync)) {
    while let Some((head, body)) = request(&mut stream).await {
        if head.starts_with("GET /x/ ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.unwrap_or_default();
            continue;
        }
        let mut lines = String::new();
        match head.to_lowercase().contains("content-encoding: gzip") {
            true => GzDecoder::new(&body[..]).read_to_string(&mut lines).map(drop).unwrap(),
            false => lines = String::from_utf8(body).unwrap(),
        }
        let before = got.requests().len();
        got.0.lock().unwrap().requests.push(lines.lines().count() / 2);
        got.0.lock().unwrap().heads.push(head);
        let (status, answer) = match does(before, &lines) {
            Does::Says(status, text) => (status, text.to_owned()),
            Does::Takes(refusals) => (200, take(&lines, &refusals, got)),
            Does::Vanishes => {
                take(&lines, &[], got);
                return;
            }
            Does::Sleeps => return std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap_or_default();
    }
}

/// Takes the documents, and says so as the bulk interface does.
fn take(lines: &str, refusals: &[(&str, u16, &str)], got: &Got) -> String {
    assert!(lines.ends_with('\n'), "{lines}");
    let lines: Vec<&str> = lines.lines().collect();
    let mut items = Vec::new();
    for pair in lines.chunks(2) {
        let [action, document] = pair else { panic!("an action without a document: {pair:?}") };
        let action: Value = serde_json::from_str(action).unwrap();
        let create = action["create"].as_object().unwrap();
        let key = ["_index", "_id"].map(|key| create[key].as_str().unwrap().to_owned());
        let refusal = refusals.iter().find(|(word, ..)| document.contains(word));
        let status = match refusal {
            Some((_, status, _)) => *status,
            None => {
                let documents = &mut got.0.lock().unwrap().documents;
                let [index, id] = key;
                match documents.insert((index, id), serde_json::from_str(document).unwrap()) {
                    None => 201,
                    Some(_) => 409,
                }
            }
        };
        let error = refusal.map(|(_, _, why)| json!({"type": "t", "reason": why}));
        items.push(json!({"create": {"status": status, "error": error}}));
    }
    json!({"took": 1, "errors": false, "items": items}).to_string()
}

/// An address on which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn ship(servers: &[SocketAddr]) -> ElasticShip {
    ElasticShip {
        urls: servers.iter().map(|at| Url::parse(&format!("http://{at}/x")).unwrap()).collect(),
        index: Template::parse("logs-${year}").unwrap(),
        index_text: String::new(),
        names: DocumentNames::Ecs,
        pipeline: None,
        login: None,
        connections: 1,
        batch_events: 1000,
        batch_bytes: 1 << 20,
        timeout: Duration::from_secs(20),
        return_after: Duration::from_secs(600),
        gzip: true,
        tls: None,
    }
}

fn sink(ship: &ElasticShip) -> ElasticSink {
    ElasticSink::new("es", ship, None, None, Arc::new(ForwardStats::of_servers(ship)))
}

fn to(servers: &[SocketAddr]) -> ElasticSink {
    sink(&ship(servers))
}

/// What is wrong with storing these lines.
async fn error(sink: &mut ElasticSink, batch: &Batch) -> String {
    match sink.store(batch).await {
        Ok(_) => panic!("it is stored"),
        Err(StoreError::Transient(cause)) => format!("waits: {cause}"),
        Err(StoreError::Permanent(cause)) => format!("permanent: {cause}"),
        Err(StoreError::Refused { events, cause }) => format!("refused {events:?}: {cause}"),
    }
}

#[tokio::test]
async fn the_sink_keeps_the_contract() {
    let (address, got) = server(|_, _| takes()).await;
    contract::sink(to(&[address]), |_| got.texts()).await;
}

#[tokio::test]
async fn an_event_is_there_once_however_often_it_is_sent() {
    let (address, got) = server(|_, _| takes()).await;
    contract::idempotent_sink(to(&[address]), |_| got.texts()).await;
}

#[tokio::test]
async fn requests_look_as_the_bulk_interface_wants_them() {
    let (address, got) = server(|_, _| takes()).await;
    let ship = ElasticShip { pipeline: Some("a b".to_owned()), ..ship(&[address]) };
    for gzip in [true, false] {
        let ship = ElasticShip { gzip, ..ship.clone() };
        sink(&ship).store(&contract::lines(&["a"])).await.map(drop).unwrap();
        let head = got.0.lock().unwrap().heads.pop().unwrap().to_lowercase();
        assert!(head.starts_with("post /x/_bulk?pipeline=a%20b http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-ndjson\r\n"), "{head}");
        assert_eq!(head.contains("content-encoding: gzip\r\n"), gzip, "{head}");
    }
    let kept = got.0.lock().unwrap();
    let ((index, id), document) = kept.documents.iter().next().unwrap();
    assert_eq!((index.as_str(), id.len()), ("logs-2026", 36));
    assert_eq!(document["event"]["id"].as_str(), Some(id.as_str()));
}

#[tokio::test]
async fn only_what_waits_is_sent_again() {
    let full = || Does::Takes(vec![("wait", 429, "full")]);
    let (address, got) = server(move |before, _| if before < 2 { full() } else { takes() }).await;
    let (mut sink, batch) = (to(&[address]), contract::lines(&["a", "wait b", "c", "wait d"]));
    for _ in 0..2 {
        let told = error(&mut sink, &batch).await;
        assert_eq!(
            told,
            format!("waits: `http://{address}/x` does not take events: 2 documents wait: t: full")
        );
    }
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!((got.requests(), got.texts().len()), (vec![4, 2, 2], 4));
    assert_eq!(sink.stats.resent.get(), 4);
    // Everything is forgotten when the batch is done.
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!(got.requests(), [4, 2, 2, 4]);
}

#[tokio::test]
async fn refused_documents_go_to_the_rescue_each_with_its_reason() {
    let (address, got) =
        server(|_, _| Does::Takes(vec![("bad", 400, "no number"), ("worse", 400, "no date")])).await;
    let (tx, source) = channel_source(1);
    let batch = contract::lines(&["a", "bad 1", "b", "worse", "bad 2"]);
    tx.send(Delivery::new(batch, Ack::new(|_| ()))).await.unwrap();
    drop(tx);
    let (sink, rescue) = (to(&[address]), MemoryRescue::default());
    let stats = sink.stats.clone();
    pump(source, sink, rescue.clone(), Stop::never(), Quiet).await.unwrap();
    assert_eq!((got.texts(), got.requests()), (vec!["a".to_owned(), "b".to_owned()], vec![5]));
    let mut texts = rescue.texts();
    texts.sort();
    assert_eq!(texts, ["bad 1", "bad 2", "worse"]);
    assert_eq!((stats.refused.get(), stats.targets[0].refused.get(), stats.targets[0].sent.get()), (3, 3, 2));
}

#[tokio::test]
async fn trouble_that_is_no_events_fault_waits_and_is_said() {
    for (status, why) in [
        (401, "it wants to know who asks: 401 Unauthorized: no; see `user`, `api_key_file` and `token_file`"),
        (
            403,
            "it does not allow that: 403 Forbidden: no; whoever asks needs the right to create documents in the index",
        ),
        (404, "it does not know what is asked: 404 Not Found: no; is the path in `urls` right?"),
        (429, "it has too much to do: 429 Too Many Requests: no"),
        (503, "it cannot do it now: 503 Service Unavailable: no"),
    ] {
        let (address, got) = server(move |_, _| Does::Says(status, r#"{"error":"no"}"#)).await;
        let mut sink = to(&[address]);
        let told = error(&mut sink, &contract::lines(&["a"])).await;
        assert_eq!(told, format!("waits: `http://{address}/x` does not take events: {why}"));
        assert_eq!(got.texts(), Vec::<String>::new());
        assert_eq!(sink.stats.targets[0].now().trouble.as_deref(), told.strip_prefix("waits: "));
    }
    let told = error(&mut to(&[nobody().await]), &contract::lines(&["a"])).await;
    assert!(told.starts_with("waits: cannot reach `http://127.0.0.1:"), "{told}");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved() {
    let large = |_: usize, lines: &str| match lines.lines().count() {
        0..=4 => takes(),
        _ => Does::Says(413, ""),
    };
    let (address, got) = server(large).await;
    let mut sink = to(&[address]);
    let texts: Vec<String> = (0..8).map(|n| format!("line {n} {}", "x".repeat(50_000))).collect();
    let batch = contract::lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!((got.texts().len(), got.requests()), (8, vec![8, 4, 2, 2, 2, 2]));
    // It is known from now on.
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!(got.requests()[6..], [2, 2, 2, 2]);
}

#[tokio::test]
async fn a_document_that_alone_is_too_large_is_refused() {
    let (address, got) = server(|_, lines| match lines.contains("long") {
        true => Does::Says(413, ""),
        false => takes(),
    })
    .await;
    let mut sink = to(&[address]);
    let told = error(&mut sink, &contract::lines(&["a", "long", "b"])).await;
    assert!(told.starts_with("refused [false, true, false]: the server takes no request of "), "{told}");
    assert_eq!(got.texts(), ["a", "b"]);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_blames_a_document_only_where_others_are_read() {
    let (address, got) = server(|_, lines| match lines.contains("odd") {
        true => Does::Says(400, r#"{"error":"what?"}"#),
        false => takes(),
    })
    .await;
    let mut sink = to(&[address]);
    let told = error(&mut sink, &contract::lines(&["odd"])).await;
    let why = "it cannot read what it gets: 400 Bad Request: what?";
    assert_eq!(told, format!("waits: `http://{address}/x` does not take events: {why}"));
    let told = error(&mut sink, &contract::lines(&["a", "odd", "b"])).await;
    assert_eq!(told, "refused [false, true, false]: 400 Bad Request: what?");
    assert_eq!(got.texts(), ["a", "b"]);
}

#[tokio::test]
async fn an_answer_that_is_not_about_each_document_proves_nothing() {
    for answer in ["{}", r#"{"errors":false,"items":[]}"#, "OK"] {
        let (address, _) = server(move |_, _| Does::Says(200, answer)).await;
        let told = error(&mut to(&[address]), &contract::lines(&["a"])).await;
        assert!(told.starts_with("waits: "), "{told}");
    }
}

#[tokio::test]
async fn what_a_vanished_server_had_taken_is_there_once() {
    let (address, got) = server(|before, _| if before < 2 { Does::Vanishes } else { takes() }).await;
    let (mut sink, batch) = (to(&[address]), contract::lines(&["a", "b"]));
    assert!(error(&mut sink, &batch).await.starts_with("waits: "));
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!(got.texts(), ["a", "b"]);
}

#[tokio::test]
async fn the_next_server_gets_what_the_first_does_not_take() {
    for first in [Does::Says(503, ""), Does::Says(401, ""), Does::Sleeps] {
        let (bad, of_bad) = server(move |_, _| first.clone()).await;
        let (good, of_good) = server(|_, _| takes()).await;
        let ship = ElasticShip { timeout: Duration::from_secs(1), ..ship(&[bad, good]) };
        let mut sink = sink(&ship);
        for text in ["a", "b"] {
            sink.store(&contract::lines(&[text])).await.map(drop).unwrap();
        }
        // The second event does not go to the server that has failed.
        assert_eq!((of_bad.requests().len(), of_good.texts().len()), (1, 2));
        let states: Vec<&str> =
            sink.stats.targets.iter().map(|target| target.now().state.keyword()).collect();
        assert_eq!(states, ["failing", "in use"]);
    }
}

#[tokio::test]
async fn events_return_to_the_first_server_when_it_is_back() {
    let away = nobody().await;
    let (good, _) = server(|_, _| takes()).await;
    let ship = ElasticShip { return_after: Duration::from_millis(20), ..ship(&[away, good]) };
    let mut sink = sink(&ship);
    sink.store(&contract::lines(&["a"])).await.map(drop).unwrap();
    let watching = tokio::spawn(sink.clone().watch(Stop::never()));
    let (_, got) = server_at(TcpListener::bind(away).await.unwrap(), |_, _| takes());
    while sink.stats.targets[0].trouble().is_some() {
        tokio::task::yield_now().await;
    }
    sink.store(&contract::lines(&["b"])).await.map(drop).unwrap();
    assert_eq!(got.texts(), ["b"]);
    watching.abort();
}
