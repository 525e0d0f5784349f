//! `GET /api/tail`: new matching events as they come, as server-sent events.
//!
//! Who follows the same question shares one look at the store, however many they are. Somebody who
//! does not read falls behind and is told how much was left out; the others do not notice. Not the
//! looking itself: that is `operate/follow.rs`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use loggr_store::query::{Hidden, Query};
use loggr_store::{Store, StoreError};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::ask::stamp;
use super::call::{Answer, Call};
use super::event::{MESSAGE_CHARACTERS, Shown};
use super::params::{Parameter, Takes, parameter};
use crate::access::security;
use crate::operate::follow::Follow;
use crate::process::clock::now;
use crate::web::problem::{Code, Problem};

/// Events a second if nothing is said, and at most.
const RATE: usize = 100;
const MAX_RATE: usize = 1000;
/// How often a store is looked at whether there is something new.
const PACE: Duration = Duration::from_millis(250);
/// How often a store that has to be asked for that is asked.
const ASKING_PACE: Duration = Duration::from_secs(1);
/// After an error the next look comes after this time.
const PAUSE: Duration = Duration::from_secs(4);
/// Looks that somebody may be behind before something is left out.
const BACKLOG: usize = 8;
/// Different questions that are followed at one time.
const MAX_FOLLOWED: usize = 256;
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
    parameter("timeout", Takes::Duration, "Not used: a tail ends when its client goes."),
];

/// What is followed, each question once.
#[derive(Default)]
pub struct Tails(Mutex<HashMap<Followed, Weak<Tail>>>);

/// A question that is followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Followed {
    store: Option<String>,
    query: String,
    hidden: Hidden,
    rate: usize,
}

/// One look at the store for all who follow the same.
struct Tail {
    told: broadcast::Sender<Arc<Told>>,
    _stop: watch::Sender<()>,
}

/// What is told: the name of the event, and its data.
struct Told {
    name: &'static str,
    data: String,
    events: u64,
}

impl Tails {
    fn join(&self, followed: Followed, store: &Store, query: &Query) -> Result<Arc<Tail>, Problem> {
        let mut tails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tail) = tails.get(&followed).and_then(Weak::upgrade) {
            return Ok(tail);
        }
        tails.retain(|_, tail| tail.strong_count() > 0);
        if tails.len() >= MAX_FOLLOWED {
            return Err(Problem::new(
                Code::TooMany,
                format!("{MAX_FOLLOWED} questions are followed already"),
            )
            .retry_after(10));
        }
        let (told, _) = broadcast::channel(BACKLOG);
        let (stop, stopped) = watch::channel(());
        let tail = Arc::new(Tail { told: told.clone(), _stop: stop });
        let (store, query) = (store.clone(), query.clone());
        let (hidden, rate) = (followed.hidden.clone(), followed.rate);
        tokio::spawn(async move { follow(store, query, hidden, rate, told, stopped).await });
        tails.insert(followed, Arc::downgrade(&tail));
        Ok(tail)
    }
}

/// Looks again and again, until the last one who follows has gone.
async fn follow(
    store: Store,
    query: Query,
    hidden: Hidden,
    rate: usize,
    told: broadcast::Sender<Arc<Told>>,
    mut stopped: watch::Receiver<()>,
) {
    let mut follow = None;
    loop {
        let pause = match look(&mut follow, &store, &query, &hidden, rate, &told).await {
            Ok(pause) => pause,
            Err(error) => {
                let data = json!({ "detail": error.to_string(), "again_in": PAUSE.as_secs() }).to_string();
                drop(told.send(Arc::new(Told { name: "trouble", data, events: 0 })));
                PAUSE
            }
        };
        tokio::select! {
            // An error says that nobody follows any more.
            _ = stopped.changed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn look(
    following: &mut Option<Follow>,
    store: &Store,
    query: &Query,
    hidden: &Hidden,
    rate: usize,
    told: &broadcast::Sender<Arc<Told>>,
) -> Result<Duration, StoreError> {
    let follow = match following {
        Some(follow) => follow,
        None => {
            let mut new = Follow::new(store.clone(), query.clone(), None).await?;
            new.glance(0).await?;
            following.insert(new)
        }
    };
    let pace = match follow.has_changed().await? {
        Some(false) => return Ok(PACE),
        Some(true) => PACE,
        None => ASKING_PACE,
    };
    let most = rate * usize::try_from(pace.as_millis()).unwrap_or(1000) / 1000;
    let look = follow.glance(most.max(1)).await?;
    if !look.events.is_empty() {
        let count = look.events.len() as u64;
        let shown = look.events.into_iter().map(|event| Shown::of(event, hidden, MESSAGE_CHARACTERS));
        let shown: Vec<Shown> = shown.collect();
        let data = serde_json::to_string(&json!({ "events": shown })).unwrap_or_default();
        // An error says that nobody follows at the moment.
        drop(told.send(Arc::new(Told { name: "events", data, events: count })));
    }
    if look.left_out > 0 {
        let data = json!({ "events": look.left_out }).to_string();
        drop(told.send(Arc::new(Told { name: "skipped", data, events: 0 })));
    }
    Ok(pace)
}

/// `GET /api/tail`
pub async fn tail(call: Call) -> Answer {
    let asked = call.asked_of_store(call.params.text("q"))?;
    let followed = Followed {
        store: call.params.some("store").map(str::to_owned),
        query: asked.query.to_string(),
        hidden: asked.hidden.clone(),
        rate: call.params.number("rate"),
    };
    let tail = call.api.tails.join(followed, &asked.store, &asked.query)?;
    security::told(&call.who, "follows", format_args!("query={:?}", asked.text));
    let stopped = call.api.stopped.clone();
    Ok(Sse::new(stream(tail, stopped)).keep_alive(KeepAlive::default()).into_response())
}

/// Somebody who follows.
struct Ear {
    heard: broadcast::Receiver<Arc<Told>>,
    stopped: watch::Receiver<bool>,
    behind: u32,
    has_ended: bool,
    _tail: Arc<Tail>,
}

fn stream(tail: Arc<Tail>, stopped: watch::Receiver<bool>) -> impl Stream<Item = Result<Sent, Infallible>> {
    let hello = Sent::default().event("hello").data(json!({ "at": stamp(now().unix_micros()) }).to_string());
    let ear = Ear { heard: tail.told.subscribe(), stopped, behind: 0, has_ended: false, _tail: tail };
    let told = unfold(ear, |mut ear| async move {
        if ear.has_ended {
            return None;
        }
        let told = tokio::select! {
            told = ear.heard.recv() => Some(told),
            _ = ear.stopped.wait_for(|stopped| *stopped) => None,
        };
        let sent = match told {
            None => {
                ear.has_ended = true;
                end("loggr stops")
            }
            Some(Ok(told)) => {
                ear.behind = if told.events > 0 { 0 } else { ear.behind };
                Sent::default().event(told.name).data(&told.data)
            }
            Some(Err(RecvError::Lagged(looks))) => {
                ear.behind += 1;
                ear.has_ended = ear.behind > MAX_BEHIND;
                match ear.has_ended {
                    true => end("what was sent was not read"),
                    false => Sent::default().event("behind").data(json!({ "looks": looks }).to_string()),
                }
            }
            Some(Err(RecvError::Closed)) => {
                ear.has_ended = true;
                end("nothing is followed any more")
            }
        };
        Some((Ok(sent), ear))
    });
    futures_util::StreamExt::chain(futures_util::stream::once(async move { Ok(hello) }), told)
}

fn end(reason: &str) -> Sent {
    Sent::default().event("end").data(json!({ "reason": reason }).to_string())
}
