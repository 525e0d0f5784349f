//! A session of HTTP: a request brings events, and is answered when they are durable.
//!
//! | path | what it takes | file |
//! | --- | --- | --- |
//! | `POST /`, `/ingest` | JSON, one object after another or in a list; lines of text | `lines.rs` |
//! | `POST /_bulk`, `/INDEX/_bulk` | what Elasticsearch takes; beside it what its clients ask first | `bulk.rs` |
//! | `POST /loki/api/v1/push` | streams of Loki, JSON or protocol buffers | `loki.rs`, `proto.rs` |
//! | `POST /v1/logs` | records of OpenTelemetry, JSON or protocol buffers | `otlp.rs`, `proto.rs` |
//!
//! `body.rs` reads and unpacks, `logins.rs` knows who may send. Each event is a line (`gathered.rs`), mostly a JSON
//! object; what it means is not known here.
//!
//! Invariant: 2xx is answered only when every event of the request is durable. A request of which not all is
//! is answered with 503 and `Retry-After`; then some of its events may come twice.

mod body;
mod bulk;
mod gathered;
mod lines;
mod logins;
mod loki;
mod otlp;
mod proto;

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use loggr_event::Origin;
use loggr_flow::{Delivery, Outcome, Settlements, Stop, Window, window};
use loggr_wire::framing::Frame;
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use self::body::{Room, Unread};
use self::bulk::Bulk;
use self::gathered::Gathered;
use self::logins::Logins;
use super::clients::Client;
use super::connection::{CONNECTION_WINDOW, Connection};
use super::intake::{Intake, Lines};
use crate::process::clock::now;
use crate::process::telemetry::SECURITY;

/// Bytes of the bodies that a listener has in memory at one time, at most.
pub const MAX_HELD_BYTES: usize = 256 << 20;
/// How long the head of a request may take, and how long a connection may rest between two of them.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long the events of a request may take to become durable, until their sender is told to come again.
const DURABLE_TIMEOUT: Duration = Duration::from_secs(30);
/// After so many seconds a sender is asked to come again.
const RETRY_SECONDS: &str = "5";
/// Bytes and events of one batch, at most.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_EVENTS: usize = 10_000;

/// What a listener of this protocol has beside the others.
#[derive(Debug)]
pub struct Http {
    logins: Logins,
    room: Room,
    /// Bytes of a body, packed and unpacked, at most.
    max_request_bytes: usize,
    /// Events that have come.
    events: AtomicU64,
}

impl Http {
    /// `tokens`: the file that says who may send; without one everybody may.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(tokens: Option<&Path>, max_request_bytes: usize) -> Result<Http> {
        let logins = tokens.map_or_else(|| Ok(Logins::everybody()), Logins::read)?;
        let room = Room::new(MAX_HELD_BYTES.max(max_request_bytes * 2));
        Ok(Http { logins, room, max_request_bytes, events: AtomicU64::new(0) })
    }
}

type Answer = Response<Full<Bytes>>;

/// What takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Lines,
    Bulk,
    Loki,
    Otlp,
}

impl Door {
    /// The door of a path.
    fn of(path: &str) -> Option<Door> {
        Some(match path.trim_end_matches('/') {
            "" | "/ingest" => Door::Lines,
            "/loki/api/v1/push" => Door::Loki,
            "/v1/logs" => Door::Otlp,
            path if path.ends_with("/_bulk") => Door::Bulk,
            _ => return None,
        })
    }
}

/// What a request brings, read.
enum Brought {
    Lines(Gathered),
    Bulk(Box<Bulk>),
}

impl Brought {
    fn gathered(&self) -> &Gathered {
        match self {
            Brought::Lines(gathered) => gathered,
            Brought::Bulk(bulk) => &bulk.gathered,
        }
    }
}

/// Runs until the peer closes, or draining has answered what was being read.
pub(super) async fn session(connection: Connection<'_>, http: &Http) {
    let Connection { stream, origin, client, intake, deliveries, idle_timeout, mut stop, .. } = connection;
    let (window, settlements) = window::<()>(CONNECTION_WINDOW);
    let taking = Taking { lines: Lines::new(intake), window, settlements, deliveries, under_way: 0 };
    let session = Session { http, intake, client, origin, stop: stop.clone(), taking: Mutex::new(taking) };
    let answer = |request| async { Ok::<_, Infallible>(session.answer(request).await) };
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout.unwrap_or(HEAD_TIMEOUT))
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        biased;
        served = &mut serving => {
            if let Err(error) = served {
                let (listener, peer) = (intake.stats.name(), session.origin.peer.as_str());
                tracing::debug!(listener, peer, %error, "a connection ended in the middle");
            }
            return;
        }
        // Others wait for the place.
        () = client.leave() => return,
        () = stop.drain() => {}
    }
    serving.as_mut().graceful_shutdown();
    // What is being answered has limits of its own.
    drop(serving.await);
}

struct Session<'s> {
    http: &'s Http,
    intake: &'s Intake,
    client: &'s Client,
    origin: Arc<Origin>,
    stop: Stop,
    /// One request at a time.
    taking: Mutex<Taking<'s>>,
}

/// What brings events to the bus.
struct Taking<'s> {
    lines: Lines<'s>,
    window: Window<()>,
    settlements: Settlements<()>,
    deliveries: mpsc::Sender<Delivery>,
    under_way: usize,
}

/// Not every event is durable.
struct NotDurable;

impl Session<'_> {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        self.client.busy();
        let answer = self.answered(request).await;
        self.client.moved();
        answer
    }

    async fn answered(&self, request: Request<Incoming>) -> Answer {
        let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        if !self.http.logins.admit(header(AUTHORIZATION)) {
            self.refuse();
            return unauthorized();
        }
        self.client.prove();
        let path = request.uri().path().to_owned();
        let door = Door::of(&path).filter(|_| matches!(*request.method(), Method::POST | Method::PUT));
        let Some(door) = door else { return beside(request.method(), &path) };
        if self.intake.stats.progress.failing.is_raised() {
            return later("the queue takes no events now");
        }
        let (kind, packing) = (
            header(CONTENT_TYPE).unwrap_or_default().to_owned(),
            header(CONTENT_ENCODING).unwrap_or_default(),
        );
        let (packing, begun) = (packing.to_owned(), Instant::now());
        let mut held = self.http.room.hold();
        let most = self.http.max_request_bytes;
        let body = body::read(request.into_body(), most, &mut held, &mut self.stop.clone()).await;
        let first = self.http.events.load(Ordering::Relaxed);
        let read = match body {
            Err(why) => Err(why),
            Ok(body) => {
                let (kind, path) = (kind.clone(), path.clone());
                // Unpacking and parsing are no work for the reactor.
                let read = tokio::task::spawn_blocking(move || {
                    let packing = if is_snappy(door, &kind) { "" } else { packing.as_str() };
                    let body = body::unpack(body, packing, most, &mut held)?;
                    Ok((self::read(door, &kind, &path, body, most, first), held))
                });
                read.await.unwrap_or_else(|panicked| Err(Unread::Damaged(panicked.to_string())))
            }
        };
        let (brought, _held) = match read {
            Ok((Ok(brought), held)) => (brought, held),
            Ok((Err(why), _)) => {
                self.intake.stats.protocol_errors.add(1);
                return wrong(door, StatusCode::BAD_REQUEST, &why);
            }
            Err(why) => return unread(door, &why, most),
        };
        let count = brought.gathered().len();
        let mut taking = self.taking.lock().await;
        let durable = self.take(&mut taking, brought.gathered());
        match tokio::time::timeout(DURABLE_TIMEOUT, durable).await {
            Ok(Ok(())) => {}
            Ok(Err(NotDurable)) | Err(_) => return later("not every event was stored"),
        }
        self.http.events.fetch_add(count as u64, Ordering::Relaxed);
        done(door, &kind, brought, begun)
    }

    /// Counts a request of which nobody knows who sends it, and says so once in a while for each address.
    fn refuse(&self) {
        let (stats, peer) = (&self.intake.stats, self.origin.peer.as_str());
        stats.refused.add(1);
        let address = peer.rsplit_once(':').map_or(peer, |(address, _port)| address);
        if let Some(unsaid) = stats.told_refused.tell(address) {
            let (listener, unsaid) = (stats.name(), (unsaid > 0).then_some(unsaid));
            tracing::warn!(
                target: SECURITY,
                security = "refused",
                listener,
                peer,
                unsaid,
                "refused a request: it shows no token of `tokens_file`"
            );
        }
    }

    /// Returns when all events are durable.
    async fn take(&self, taking: &mut Taking<'_>, gathered: &Gathered) -> Result<(), NotDurable> {
        let at = now();
        self.client.saw(at);
        self.client.brought(gathered.len());
        let most = self.intake.max_message_size;
        for line in gathered.lines() {
            let original_len = (line.len() > most).then_some(line.len() as u64);
            let bytes = line.get(..most).unwrap_or(line);
            taking.lines.push_if_any(&self.origin, at, &Frame { bytes, original_len, incomplete: false });
            if taking.lines.byte_len() >= BATCH_BYTES || taking.lines.len() >= BATCH_EVENTS {
                taking.deliver().await?;
            }
        }
        taking.deliver().await?;
        while taking.under_way > 0 {
            taking.settled().await?;
        }
        Ok(())
    }
}

impl Taking<'_> {
    async fn deliver(&mut self) -> Result<(), NotDurable> {
        let Some(batch) = self.lines.end() else { return Ok(()) };
        let slot = loop {
            match self.window.try_reserve() {
                Some(slot) => break slot,
                None => self.settled().await?,
            }
        };
        self.under_way += 1;
        self.deliveries.send(Delivery::new(batch, slot.ack(()))).await.map_err(|_| NotDurable)
    }

    async fn settled(&mut self) -> Result<(), NotDurable> {
        let settled = self.settlements.next().await;
        self.under_way = self.under_way.saturating_sub(1);
        match settled {
            Some(((), Outcome::Ack(_))) => Ok(()),
            Some(((), Outcome::Nack)) | None => Err(NotDurable),
        }
    }
}

fn is_protobuf(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    matches!(kind, "application/x-protobuf" | "application/protobuf")
}

/// Loki's protocol buffers are packed in the way of snappy's blocks, whatever is said.
fn is_snappy(door: Door, kind: &str) -> bool {
    door == Door::Loki && is_protobuf(kind)
}

/// Reads the events of an unpacked body.
fn read(
    door: Door,
    kind: &str,
    path: &str,
    body: Vec<u8>,
    most: usize,
    first: u64,
) -> Result<Brought, String> {
    let plain = kind.split(';').next().unwrap_or_default().trim();
    Ok(Brought::Lines(match door {
        Door::Lines => lines::read(&body, plain == "text/plain"),
        Door::Bulk => {
            let index =
                path.trim_start_matches('/').strip_suffix("_bulk").map(|index| index.trim_matches('/'));
            let bulk = bulk::read(&body, index.filter(|index| !index.is_empty()), first)?;
            return Ok(Brought::Bulk(Box::new(bulk)));
        }
        Door::Loki if is_protobuf(kind) => {
            let length = snap::raw::decompress_len(&body).map_err(|error| error.to_string())?;
            if length > most {
                return Err(format!("the body has {length} bytes when it is unpacked, more than {most}"));
            }
            let body = snap::raw::Decoder::new().decompress_vec(&body).map_err(|error| error.to_string())?;
            loki::protobuf(&body)?
        }
        Door::Loki => loki::json(&body)?,
        Door::Otlp if is_protobuf(kind) => otlp::protobuf(&body)?,
        Door::Otlp => otlp::json(&body)?,
    }))
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Its clients speak with nobody who does not say this.
    headers.insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    answer
}

fn of_json(status: StatusCode, value: &serde_json::Value) -> Answer {
    answer(status, "application/json", value.to_string())
}

/// Every event is durable.
fn done(door: Door, kind: &str, brought: Brought, begun: Instant) -> Answer {
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match brought {
        Brought::Bulk(bulk) => of_json(StatusCode::OK, &bulk.answer(took)),
        Brought::Lines(gathered) => match door {
            Door::Loki => answer(StatusCode::NO_CONTENT, "application/json", Bytes::new()),
            Door::Otlp if is_protobuf(kind) => answer(StatusCode::OK, "application/x-protobuf", Bytes::new()),
            Door::Otlp => of_json(StatusCode::OK, &json!({})),
            Door::Lines | Door::Bulk => of_json(StatusCode::OK, &json!({"taken": gathered.len()})),
        },
    }
}

/// What is asked beside events.
fn beside(method: &Method, path: &str) -> Answer {
    if *method == Method::GET && matches!(path, "/ready" | "/healthz") {
        return answer(StatusCode::OK, "text/plain", "ready\n");
    }
    match bulk::beside(method.as_str(), path) {
        Some((status, value)) => {
            of_json(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &value)
        }
        None => wrong(Door::Lines, StatusCode::NOT_FOUND, "there is no such path for events"),
    }
}

fn wrong(door: Door, status: StatusCode, why: &str) -> Answer {
    match door {
        Door::Bulk => {
            let error = json!({"type": "illegal_argument_exception", "reason": why});
            of_json(status, &json!({"error": error, "status": status.as_u16()}))
        }
        Door::Lines | Door::Loki | Door::Otlp => of_json(status, &json!({"error": why, "message": why})),
    }
}

/// The same request may be taken later.
fn later(why: &str) -> Answer {
    let mut answer = of_json(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": why, "message": why}));
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    // What of the request is still under way is settled when the connection ends.
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn unread(door: Door, why: &Unread, most: usize) -> Answer {
    let (status, why) = match why {
        Unread::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request has more than {most} bytes; send fewer events at once"),
        ),
        Unread::NoRoom => return later("too many requests are being read"),
        Unread::Stops => return later("loggr stops"),
        Unread::Slow => (StatusCode::REQUEST_TIMEOUT, "nothing came for too long".to_owned()),
        Unread::Broken => (StatusCode::BAD_REQUEST, "the connection broke".to_owned()),
        Unread::Packing(how) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("`{how}` is not unpacked here; gzip, deflate and zstd are"),
        ),
        Unread::Damaged(how) => (StatusCode::BAD_REQUEST, format!("the body is packed and damaged: {how}")),
    };
    let mut answer = wrong(door, status, &why);
    // The rest of the body may still come.
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn unauthorized() -> Answer {
    let why = "a token or a password is needed, in `Authorization`";
    let mut answer = of_json(StatusCode::UNAUTHORIZED, &json!({"error": why, "message": why}));
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"loggr\""));
    answer
}
