//! HTTP: `/metrics`, `/healthz`, `/readyz` and `/api/status` on the web address; the
//! same and the commands that change something on the control socket alone.
//!
//! The page itself is not here yet. Nothing here takes an event in.

mod metrics;
pub mod status;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::component::process::Process;
use crate::net;

/// Permission bits of the control socket: its owner alone.
const CONTROL_MODE: u32 = 0o600;

/// What serves HTTP.
pub struct Web {
    /// Where the web address really listens.
    pub addresses: Vec<String>,
    stop: watch::Sender<bool>,
    _control: net::UnixPath,
}

impl Web {
    /// Ends all connections.
    pub async fn stop(self) {
        self.stop.send_replace(true);
    }
}

type Shared = Arc<Process>;

/// Binds the control socket and serves it; the web address too if the process has it.
pub async fn start(process: &Shared, socket: &Path) -> Result<Web> {
    let (stop, stopped) = watch::channel(false);
    let public = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status));
    let commands = Router::new()
        .route("/api/queue/purge", post(purge))
        .route("/api/queue/peek", get(peek))
        .route("/api/rescue/replay", post(replay))
        .route("/api/rescue/discard", post(discard));
    let (socket, control) = net::unix_stream(socket, CONTROL_MODE)?;
    let control_app = public.clone().merge(commands).with_state(process.clone());
    serve(tokio::net::UnixListener::from_std(socket)?, control_app, stopped.clone());
    let mut addresses = Vec::new();
    let web = process.config.web.as_ref().filter(|_| process.part.has_web());
    for address in web.iter().flat_map(|web| &web.listen) {
        let socket = net::tcp(net::resolve(&address.to_string())?).context("cannot start the web address")?;
        addresses.push(socket.local_addr()?.to_string());
        let app = public.clone().with_state(process.clone());
        serve(tokio::net::TcpListener::from_std(socket)?, app, stopped.clone());
    }
    Ok(Web { addresses, stop, _control: control })
}

fn serve<L>(listener: L, app: Router, mut stopped: watch::Receiver<bool>)
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    tokio::spawn(async move {
        let stop = async move { drop(stopped.wait_for(|s| *s).await) };
        tokio::select! {
            served = axum::serve(listener, app) => {
                if let Err(error) = served {
                    tracing::error!(%error, "http ended");
                }
            }
            () = stop => {}
        }
    });
}

/// Who runs here and where it listens; written to `run.json`.
pub fn card(process: &Process, web: &[String]) -> Value {
    let listeners: Vec<Value> = process
        .listeners
        .iter()
        .flat_map(|l| {
            l.addresses
                .iter()
                .map(|a| json!({ "name": l.stats.name, "protocol": l.stats.protocol, "address": a }))
        })
        .collect();
    json!({
        "pid": std::process::id(), "component": process.part.component(), "name": process.part.name(),
        "listeners": listeners, "web": web.first(),
    })
}

async fn readyz(State(process): State<Shared>) -> Response {
    let stalled = process.listeners.iter().any(|l| l.stats.stalled.is_raised());
    match stalled {
        true => (StatusCode::SERVICE_UNAVAILABLE, "the queue takes nothing\n").into_response(),
        false => "ready\n".into_response(),
    }
}

async fn metrics(State(process): State<Shared>) -> Response {
    let kind = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::render(&process)).into_response()
}

async fn status(State(process): State<Shared>) -> axum::Json<Value> {
    axum::Json(status::online(&process))
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

async fn purge(State(process): State<Shared>, Query(command): Query<QueueCommand>) -> Response {
    let Some(bus) = &process.bus else { return not_here("the bus") };
    answer(bus.purge(&command.queue).await.map(|n| json!({ "dropped": n })).map_err(Into::into))
}

async fn peek(State(process): State<Shared>, Query(command): Query<QueueCommand>) -> Response {
    let Some(bus) = &process.bus else { return not_here("the bus") };
    let peeked = bus.peek(&command.queue, command.limit).await;
    answer(peeked.map(|batch| crate::cli::events_json(batch.as_ref(), command.limit)).map_err(Into::into))
}

#[derive(serde::Deserialize)]
struct RescueCommand {
    sink: String,
    id: Option<String>,
}

async fn replay(State(process): State<Shared>, Query(command): Query<RescueCommand>) -> Response {
    let Some(ship) = process.ships.iter().find(|s| s.stats.name == command.sink) else {
        return not_here(&format!("a shipper `{}`", command.sink));
    };
    answer(crate::cli::replay(&process, ship, command.id.as_deref()).await)
}

async fn discard(State(process): State<Shared>, Query(command): Query<RescueCommand>) -> Response {
    answer(crate::cli::discard(&process.rescue, &command.sink, command.id.as_deref()))
}

/// Another process of the installation may have it.
fn not_here(what: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("{what} is not here\n")).into_response()
}

fn answer(result: Result<Value>) -> Response {
    match result {
        Ok(value) => axum::Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}\n")).into_response(),
    }
}
