//! HTTP: `/metrics`, `/healthz`, `/readyz` and the API on the web address; a part of it and the commands
//! that change something on the control socket, which is its owner's alone.
//!
//! Who may ask on the web address is decided at its `door`. Nothing here takes an event in.

mod door;
mod headers;
mod host;
pub mod problem;
mod serve;
mod welcome;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::Stream;
use futures_util::stream::unfold;
use loggr_event::Timestamp;
use loggr_net::tls::{Identity, Server};
use loggr_net::{Address, bind};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::operate::{days, queues, rescue};
use crate::process::descriptors::{MAX_CONTROL_CONNECTIONS, MAX_WEB_CONNECTIONS, Places};
use crate::process::part::Part;
use crate::registry::Registry;
use crate::registry::notices::Notices;
use crate::status::{self, Installation, Live};
use door::Keeper;
use serve::{Door, serve};

/// Permission bits of the control socket: its owner alone.
const CONTROL_MODE: u32 = 0o600;
/// What is spoken inside TLS.
const ALPN: &str = "http/1.1";
/// Connections that may listen to the notifications at one time: each stays as long as it likes.
const MAX_LISTENING: usize = 64;
/// How long a stop waits for requests that are being answered.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// What serves HTTP.
pub struct Web {
    /// Where the web address really listens.
    pub addresses: Vec<String>,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    keeper: Option<Arc<Keeper>>,
    tls: Option<Server>,
    _control: bind::UnixPath,
}

impl Web {
    /// Reads the certificate again. One that is wrong changes nothing.
    pub fn reload(&self) {
        let (Some(keeper), Some(tls)) = (&self.keeper, &self.tls) else { return };
        let Some((certificate, key)) = &keeper.web.tls else { return };
        match Identity::read(certificate, key) {
            Ok(identity) => {
                tls.show(&identity);
                tracing::info!(certificate = %certificate.display(), "the certificate was read again");
            }
            Err(error) => {
                let error = error.in_one_line();
                tracing::error!(error, "cannot read the certificate again; the old one is kept");
            }
        }
    }

    /// Ends all connections: those that are being answered within a limit.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.serving.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOP_GRACE, ended).await);
        if let Some(keeper) = &self.keeper
            && let Err(error) = keeper.write().await
        {
            tracing::warn!(error = error.in_one_line(), "cannot write who is logged in");
        }
    }
}

/// What requests are answered from.
#[derive(Clone)]
pub struct Site {
    /// What runs in this process.
    pub live: Arc<Live>,
    /// Who else runs.
    pub registry: Arc<Registry>,
    /// What changes in the installation.
    pub notices: Notices,
    /// Where this process answers commands.
    pub socket: PathBuf,
}

/// The web address, bound; nothing is answered there yet.
#[derive(Default)]
pub struct Bound {
    sockets: Vec<std::net::TcpListener>,
    tls: Option<Server>,
}

/// Binds the web address, if the part has one, and reads its certificate.
pub fn bind(config: &Config, part: &Part) -> Result<Bound> {
    let Some(web) = config.web.as_ref().filter(|_| part.has_web()) else { return Ok(Bound::default()) };
    let bind = |address: &Address| bind::tcp(bind::resolve(address)?);
    let bound = || -> Result<Bound> {
        let identity =
            web.tls.as_ref().map(|(certificate, key)| Identity::read(certificate, key)).transpose()?;
        Ok(Bound {
            sockets: web.listen.iter().map(bind).collect::<Result<_, _>>()?,
            tls: identity.map(|identity| Server::new(&identity, &[ALPN])).transpose()?,
        })
    };
    bound().context("cannot start the web server")
}

/// Binds the control socket and serves it, and the web address.
pub async fn start(site: &Site, bound: Bound, places: &Places) -> Result<Web> {
    let (stop, stopped) = watch::channel(false);
    let mut serving = JoinSet::new();
    let until = stopped.clone();
    let ears = Arc::new(Semaphore::new(MAX_LISTENING));
    let tell = move |State(site): State<Site>| async move {
        let Ok(ear) = ears.try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "too many clients listen already\n").into_response();
        };
        let told = notifications(site.notices.listen(), until, ear);
        Sse::new(told).keep_alive(KeepAlive::default()).into_response()
    };
    let public = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status_of_all))
        .route("/api/notifications", get(tell));
    let commands = Router::new()
        .route("/api/process", get(alone))
        .route("/api/queue/purge", post(purge))
        .route("/api/queue/peek", get(peek))
        .route("/api/store/drop", post(drop_days))
        .route("/api/store/prune", post(prune))
        .route("/api/rescue/replay", post(replay))
        .route("/api/rescue/discard", post(discard));
    let (socket, control) = bind::unix_stream(&site.socket, CONTROL_MODE)?;
    let control_app = public.clone().merge(commands).with_state(site.clone());
    let control_app = control_app.layer(axum::middleware::from_fn(door::control));
    let door = Door {
        name: "control socket",
        listener: tokio::net::UnixListener::from_std(socket)?,
        gate: places.gate(MAX_CONTROL_CONNECTIONS),
        is_public: false,
        tls: None,
    };
    serving.spawn(serve(door, control_app, stopped.clone()));
    let gate = places.gate(MAX_WEB_CONNECTIONS);
    let mut web =
        Web { addresses: Vec::new(), stop, serving, keeper: None, tls: bound.tls, _control: control };
    let Some(settings) = site.live.config.web.as_ref().filter(|_| !bound.sockets.is_empty()) else {
        return Ok(web);
    };
    let keeper = Arc::new(Keeper::open(&site.live.config, settings));
    let app = guarded(public.with_state(site.clone()), &keeper);
    let scheme = if web.tls.is_some() { "https" } else { "http" };
    let mut far = None;
    for socket in bound.sockets {
        let address = socket.local_addr()?;
        tracing::info!(web = format!("{scheme}://{address}/"), "listening");
        web.addresses.push(address.to_string());
        if !address.ip().to_canonical().is_loopback() {
            far.get_or_insert(address);
        }
        let listener = tokio::net::TcpListener::from_std(socket)?;
        let tls = web.tls.as_ref().map(|tls| TlsAcceptor::from(tls.config()));
        let door = Door { name: "web address", listener, gate: gate.clone(), is_public: true, tls };
        web.serving.spawn(serve(door, app.clone(), stopped.clone()));
    }
    if let Some(far) = far {
        welcome::tell(&keeper, far, scheme).await;
    }
    web.keeper = Some(keeper);
    Ok(web)
}

/// What is answered on the web address: each request passes the headers, its `Host`, and the door.
fn guarded(public: Router, keeper: &Arc<Keeper>) -> Router {
    // Nobody else can make the name of this host lead elsewhere.
    let names = keeper.web.hosts.iter().cloned().chain([bind::host_name()]);
    let names: Arc<[String]> = names.collect();
    public
        .merge(door::routes(keeper.clone()))
        .layer(axum::middleware::from_fn_with_state(keeper.clone(), door::enter))
        .layer(axum::middleware::from_fn_with_state(names, host::check))
        .layer(axum::middleware::from_fn(headers::add))
}

/// A time as RFC 3339, of microseconds since 1970.
fn stamp(micros: i64) -> String {
    let mut out = Vec::new();
    Timestamp::from_unix_micros(micros).write_rfc3339(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Everything that is told, as server-sent events, until the stop and what was told before it.
fn notifications(
    told: broadcast::Receiver<Arc<Value>>,
    stopped: watch::Receiver<bool>,
    ear: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold((told, stopped, ear), |(mut told, mut stopped, ear)| async move {
        let notice = tokio::select! {
            // What was told before the stop goes out before the end.
            biased;
            notice = told.recv() => notice,
            _ = stopped.wait_for(|s| *s) => return None,
        };
        let event = match notice {
            Ok(notice) => Event::default().data(notice.to_string()),
            Err(RecvError::Lagged(missed)) => {
                Event::default().comment(format!("notices that were missed: {missed}"))
            }
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), (told, stopped, ear)))
    })
}

async fn readyz(State(site): State<Site>) -> Response {
    // Looking at a queue may read from disk.
    let trouble = tokio::task::spawn_blocking(move || status::not_ready(&site.live)).await;
    match trouble {
        Ok(Some(trouble)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
        Ok(None) => "ready\n".into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn metrics(State(site): State<Site>) -> Response {
    let kind = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    // A process that serves only the web address also shows the others.
    let others = match site.live.part {
        Part::Web => site.registry.known(Some(&site.socket)).await.seen,
        _ => Vec::new(),
    };
    let render = move || status::metrics(&status::online(&site.live), &others);
    match tokio::task::spawn_blocking(render).await {
        Ok(text) => (kind, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn status_of_all(State(site): State<Site>) -> axum::Json<Installation> {
    axum::Json(site.registry.installation(&site.live, &site.socket).await)
}

/// This process alone: what the others of the installation ask for.
async fn alone(State(site): State<Site>) -> Response {
    match tokio::task::spawn_blocking(move || status::online(&site.live)).await {
        Ok(status) => axum::Json(status).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(serde::Deserialize)]
struct QueueCommand {
    queue: String,
    #[serde(default = "default_peek")]
    limit: usize,
}

fn default_peek() -> usize {
    10
}

async fn purge(State(site): State<Site>, Query(command): Query<QueueCommand>) -> Response {
    let Some(bus) = &site.live.bus else { return not_here("the bus") };
    answer(queues::purge(bus, &command.queue).await)
}

async fn peek(State(site): State<Site>, Query(command): Query<QueueCommand>) -> Response {
    let Some(bus) = &site.live.bus else { return not_here("the bus") };
    answer(queues::peek(bus, &command.queue, command.limit).await)
}

#[derive(serde::Deserialize)]
struct StoreCommand {
    ship: String,
    before: Option<i64>,
}

async fn drop_days(State(site): State<Site>, Query(command): Query<StoreCommand>) -> Response {
    match days::drop_here(&site.live, &command.ship, command.before).await {
        Some(dropped) => answer(dropped),
        None => not_here(&format!("the store of `{}`", command.ship)),
    }
}

#[derive(serde::Deserialize)]
struct PruneCommand {
    ship: String,
    #[serde(default)]
    accept_clock: bool,
}

async fn prune(State(site): State<Site>, Query(command): Query<PruneCommand>) -> Response {
    match days::prune_here(&site.live, &command.ship, command.accept_clock).await {
        Some(pruned) => answer(pruned),
        None => not_here(&format!("the store of `{}`", command.ship)),
    }
}

#[derive(serde::Deserialize)]
struct RescueCommand {
    sink: String,
    id: Option<String>,
}

async fn replay(State(site): State<Site>, Query(command): Query<RescueCommand>) -> Response {
    match rescue::replay_here(&site.live, &command.sink, command.id.as_deref()).await {
        Some(replayed) => answer(replayed),
        None => not_here(&rescue::whose(&command.sink)),
    }
}

async fn discard(State(site): State<Site>, Query(command): Query<RescueCommand>) -> Response {
    let of = site.live.rescue.clone();
    let RescueCommand { sink, id } = command;
    let discard = move || rescue::discard(&of, &sink, id.as_deref());
    answer(tokio::task::spawn_blocking(discard).await.unwrap_or_else(|error| Err(error.into())))
}

/// Another process of the installation may have it.
fn not_here(what: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("{what} is not in this process\n")).into_response()
}

fn answer(result: Result<impl Serialize>) -> Response {
    match result {
        Ok(value) => axum::Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_was_told_before_the_stop_goes_out() {
        let (sender, told) = broadcast::channel(64);
        let (stop, stopped) = watch::channel(false);
        let ear = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let listening = notifications(told, stopped, ear);
        for n in 0..50 {
            sender.send(Arc::new(json!(n))).unwrap();
        }
        stop.send_replace(true);
        assert_eq!(listening.count().await, 50);
    }
}
