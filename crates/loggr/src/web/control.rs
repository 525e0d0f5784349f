//! The commands of the control socket, which is its owner's alone: what other processes of the
//! installation and the command line ask a process that runs.
//!
//! Not the API of the web address, of which the two that tell what is so are answered here too.

use anyhow::Result;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::Site;
use super::api::{Api, notices};
use crate::operate::{days, queues, rescue};
use crate::status::{self, Installation};

/// All commands.
pub fn router(api: &Api) -> Router {
    // Pages that listen take no place from other processes.
    let of = Api { ears: Default::default(), ..api.clone() };
    let tell = || async move { notices(&of).into_response() };
    Router::new()
        .route("/api/status", get(status_of_all))
        .route("/api/notifications", get(tell))
        .route("/api/process", get(alone))
        .route("/api/queue/purge", post(purge))
        .route("/api/queue/peek", get(peek))
        .route("/api/store/drop", post(drop_days))
        .route("/api/store/prune", post(prune))
        .route("/api/rescue/replay", post(replay))
        .route("/api/rescue/discard", post(discard))
        .with_state(api.site.clone())
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
