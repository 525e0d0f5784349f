//! What is followed: each question once, however many follow it.
//!
//! A task looks at the store and tells all who listen; it ends when the last one has gone. Somebody who
//! does not read misses what is told; the others do not notice. Not HTTP.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use loggr_store::query::{Hidden, Query};
use loggr_store::{Limits, Store, StoreError};
use serde_json::json;
use tokio::sync::{broadcast, watch};

use super::event::{MESSAGE_CHARACTERS, Shown};
use crate::operate::follow::{ASKING_PACE, Follow, PACE};
use crate::web::paths;
use crate::web::problem::{Code, Problem};

/// A look that takes longer ends with what it has found.
const MAX_LOOK: Duration = Duration::from_secs(30);
/// After an error the next look comes after this time.
const PAUSE: Duration = Duration::from_secs(4);
/// Looks that somebody may be behind before something is left out.
const BACKLOG: usize = 8;
/// Different questions that are followed at one time.
const MAX_FOLLOWED: usize = 256;

/// What is followed, each question once.
#[derive(Default)]
pub struct Tails(Mutex<HashMap<Followed, Weak<Tail>>>);

/// A question that is followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Followed {
    /// In which store; none: the one of the configuration.
    pub store: Option<String>,
    /// The query as it was asked.
    pub query: String,
    /// The filter of who asks.
    pub filter: Option<String>,
    /// Fields that must not be seen.
    pub hidden: Hidden,
    /// Events a second at most.
    pub rate: usize,
}

/// One look at the store for all who follow the same.
pub struct Tail {
    told: broadcast::Sender<Arc<Told>>,
    cancel: Arc<AtomicBool>,
    begun: watch::Receiver<bool>,
    _stop: watch::Sender<()>,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// What is told: the name of the event, and its data.
pub struct Told {
    /// The name of the event.
    pub name: &'static str,
    /// Its JSON.
    pub data: String,
    /// How many events of the store are in it.
    pub events: u64,
}

impl Tails {
    /// Joins those who follow the same, or begins to follow.
    pub fn join(&self, followed: Followed, store: &Store, query: &Query) -> Result<Arc<Tail>, Problem> {
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
        let cancel = Arc::new(AtomicBool::new(false));
        let (begin, begun) = watch::channel(false);
        let tail = Arc::new(Tail { told: told.clone(), cancel: cancel.clone(), begun, _stop: stop });
        let (store, query) = (store.clone(), query.clone());
        let (hidden, rate) = (followed.hidden.clone(), followed.rate);
        let question = Question { store, query, hidden, rate, cancel };
        tokio::spawn(async move { follow(question, told, begin, stopped).await });
        tails.insert(followed, Arc::downgrade(&tail));
        Ok(tail)
    }
}

impl Tail {
    /// Hears what is told from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Told>> {
        self.told.subscribe()
    }

    /// Waits until what becomes visible from now on is told.
    pub async fn begun(&self) {
        // An error says that nobody looks any more, which is told by others.
        drop(self.begun.clone().wait_for(|begun| *begun).await);
    }
}

/// What a task looks for.
struct Question {
    store: Store,
    query: Query,
    hidden: Hidden,
    rate: usize,
    /// Nobody follows any more.
    cancel: Arc<AtomicBool>,
}

/// Looks again and again, until the last one who follows has gone.
async fn follow(
    question: Question,
    told: broadcast::Sender<Arc<Told>>,
    begin: watch::Sender<bool>,
    mut stopped: watch::Receiver<()>,
) {
    let (mut follow, mut is_failing) = (None, false);
    loop {
        let looked = tokio::select! {
            // An error says that nobody follows any more.
            _ = stopped.changed() => return,
            looked = look(&mut follow, &question, &told) => looked,
        };
        let failed = looked.is_err();
        begin.send_replace(true);
        let pause = looked.unwrap_or_else(|error| {
            if !is_failing {
                tracing::warn!(%error, "a store that is followed cannot be asked; trying again");
            }
            // Several may hear it, and not all of them may know where files lie.
            let detail = paths::without(&error.to_string()).into_owned();
            let data = json!({ "detail": detail, "again_in": PAUSE.as_secs() }).to_string();
            drop(told.send(Arc::new(Told { name: "trouble", data, events: 0 })));
            PAUSE
        });
        is_failing = failed;
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn look(
    following: &mut Option<Follow>,
    question: &Question,
    told: &broadcast::Sender<Arc<Told>>,
) -> Result<Duration, StoreError> {
    let Question { store, query, hidden, rate, cancel } = question;
    let limits = Limits { deadline: Some(Instant::now() + MAX_LOOK), cancel: Some(cancel.clone()) };
    let follow = match following {
        Some(follow) => follow,
        None => {
            let mut new = Follow::new(store.clone(), query.clone(), None, &limits).await?;
            new.glance(0, &limits).await?;
            following.insert(new)
        }
    };
    let pace = match follow.has_changed().await? {
        Some(false) => return Ok(PACE),
        Some(true) => PACE,
        None => ASKING_PACE,
    };
    let most = rate * usize::try_from(pace.as_millis()).unwrap_or(1000) / 1000;
    let look = follow.glance(most.max(1), &limits).await?;
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
