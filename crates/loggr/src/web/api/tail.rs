//! `GET /api/tail`: new matching events as they come, as server-sent events.
//!
//! Who does not read falls behind, is told so, and is sent away if it happens too often. Not the looking
//! itself: that is `tails.rs`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::IntoResponse;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::ask::stamp;
use super::call::{Answer, Call};
use super::line::{Line, NO_LONGER};
use super::params::{Parameter, Takes, parameter};
use super::tails::{Followed, Tail, Told};
use crate::process::clock::now;
use crate::web::door::Rights;

/// Events a second if nothing is said, and at most.
const RATE: usize = 100;
const MAX_RATE: usize = 1000;
/// Who is so often behind is sent away.
const MAX_BEHIND: u32 = 16;

/// What it takes.
pub const PARAMETERS: &[Parameter] = &[
    parameter("q", Takes::Query, "The query; an empty one follows everything."),
    parameter("store", Takes::Text, "The shipper whose store is followed."),
    parameter(
        "rate",
        Takes::Number { least: 1, most: MAX_RATE, default: RATE },
        "At most so many events a second; of what else comes only the number is told.",
    ),
];

/// `GET /api/tail`
pub async fn tail(call: Call) -> Answer {
    let asked = call.asked_of_store(call.params.text("q"))?;
    let followed = Followed {
        store: call.params.some("store").map(str::to_owned),
        query: asked.text.clone(),
        filter: call.who.filter.as_ref().map(ToString::to_string),
        hidden: asked.hidden.clone(),
        rate: call.params.number("rate"),
    };
    let tail = call.api.tails.join(followed, &asked.store, &asked.query)?;
    let (_turn, mut line) = asked.into_turn();
    line.begins("follows", "followed");
    let ear = Ear {
        heard: tail.listen(),
        stopped: call.api.stopped.clone(),
        behind: 0,
        has_ended: false,
        rights: call.rights,
        line,
        tail,
        _turn,
    };
    Ok(Sse::new(stream(ear)).keep_alive(KeepAlive::default()).into_response())
}

/// Somebody who follows.
struct Ear {
    heard: broadcast::Receiver<Arc<Told>>,
    stopped: watch::Receiver<bool>,
    behind: u32,
    has_ended: bool,
    rights: Rights,
    line: Line,
    tail: Arc<Tail>,
    /// Who follows takes one of their turns for as long.
    _turn: OwnedSemaphorePermit,
}

impl Ear {
    /// The last that is told.
    fn end(&mut self, reason: &str) -> Sent {
        self.has_ended = true;
        self.line.ended(reason);
        Sent::default().event("end").data(json!({ "reason": reason }).to_string())
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if !self.has_ended && !self.rights.hold() {
            self.line.ended(NO_LONGER);
        }
    }
}

fn stream(ear: Ear) -> impl Stream<Item = Result<Sent, Infallible>> {
    let beginning = ear.tail.clone();
    // What somebody looks up once they have read this is not missed between the answers.
    let hello = async move {
        beginning.begun().await;
        Ok(Sent::default().event("hello").data(json!({ "at": stamp(now().unix_micros()) }).to_string()))
    };
    let told = unfold(ear, |mut ear| async move {
        if ear.has_ended {
            return None;
        }
        let told = tokio::select! {
            told = ear.heard.recv() => Some(told),
            _ = ear.stopped.wait_for(|stopped| *stopped) => None,
        };
        let sent = match told {
            None => ear.end("loggr stops"),
            // Not a row more than they may see now.
            Some(Ok(_)) if !ear.rights.hold() => ear.end(NO_LONGER),
            Some(Ok(told)) => {
                ear.behind = if told.events > 0 { 0 } else { ear.behind };
                ear.line.rows(told.events);
                Sent::default().event(told.name).data(&told.data)
            }
            Some(Err(RecvError::Lagged(_))) if ear.behind >= MAX_BEHIND => {
                ear.end("what was sent was not read")
            }
            Some(Err(RecvError::Lagged(looks))) => {
                ear.behind += 1;
                Sent::default().event("behind").data(json!({ "looks": looks }).to_string())
            }
            Some(Err(RecvError::Closed)) => ear.end("nothing is followed any more"),
        };
        Some((Ok(sent), ear))
    });
    futures_util::StreamExt::chain(futures_util::stream::once(hello), told)
}
