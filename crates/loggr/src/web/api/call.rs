//! One request that was let in, and what all requests are answered from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::ears::Ears;
use super::export::Exports;
use super::params::Params;
use super::tails::Tails;
use super::watched::Watched;
use crate::access::who::Who;
use crate::operate::rescued::Sums;
use crate::operate::saved::SavedSearches;
use crate::operate::stores::Stores;
use crate::process::told::Told;
use crate::web::Site;
use crate::web::door::{BODY_TIMEOUT, Rights, late};
use crate::web::problem::{Code, Problem};

/// Queries of one user that may run at one time; a page asks about six at once.
pub const MAX_AT_ONCE: usize = 24;
/// Largest JSON body of a request, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How a request ends.
pub type Answer = Result<Response, Problem>;

/// What requests are answered from.
#[derive(Clone)]
pub struct Api {
    /// What runs here, and who else.
    pub site: Site,
    /// The stores that can be asked.
    pub stores: Arc<Stores>,
    /// Searches that people have saved.
    pub saved: Arc<SavedSearches>,
    /// What is in the rescue, summed up.
    pub rescued: Arc<Sums>,
    /// Who follows what.
    pub tails: Arc<Tails>,
    /// Who watches the status.
    pub watched: Arc<Watched>,
    /// Whose turn it is.
    pub turns: Arc<Turns>,
    /// Who may listen.
    pub ears: Ears,
    /// Who exports.
    pub exports: Exports,
    /// Warnings whose paths were not shown to somebody, and stand in the log.
    pub unshown: Arc<Told>,
    /// Becomes true when loggr stops.
    pub stopped: watch::Receiver<bool>,
}

impl Api {
    /// Of a site, over these stores, until the stop.
    pub fn new(site: Site, stores: Stores, stopped: watch::Receiver<bool>) -> Api {
        let saved = SavedSearches::new(&site.live.config.data.directory);
        Api {
            site,
            stores: Arc::new(stores),
            saved: Arc::new(saved),
            rescued: Arc::default(),
            tails: Arc::default(),
            watched: Arc::default(),
            turns: Arc::new(Turns::new(MAX_AT_ONCE, "queries")),
            ears: Ears::default(),
            exports: Exports::default(),
            unshown: Arc::default(),
            stopped,
        }
    }
}

/// One request.
pub struct Call {
    /// What it is answered from.
    pub api: Api,
    /// Who asks.
    pub who: Who,
    /// Whether they still may, for what takes long.
    pub rights: Rights,
    /// What they ask: method and path.
    pub asks: String,
    /// With which parameters.
    pub params: Params,
    /// What was said about it.
    pub headers: HeaderMap,
    /// What was sent.
    pub body: Body,
}

impl Call {
    /// The body as JSON.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let body = std::mem::take(&mut self.body);
        let read = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY_BYTES));
        let bytes = read.await.map_err(|_| late())?.map_err(|_| {
            Problem::new(Code::TooLarge, format!("the body has more than {MAX_BODY_BYTES} bytes"))
        })?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Problem::parameter("body", format!("the body cannot be read: {error}")))
    }
}

/// An answer as JSON.
pub fn json(value: &impl Serialize) -> Answer {
    Ok(axum::Json(value).into_response())
}

/// How many questions, or what else may be asked, of each user run.
#[derive(Debug)]
pub struct Turns {
    most: usize,
    of_what: &'static str,
    users: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    /// Names that are kept at least before those that ask nothing are forgotten.
    const KEPT: usize = 256;

    /// So many of each user.
    pub fn new(most: usize, of_what: &'static str) -> Turns {
        Turns { most, of_what, users: Mutex::default() }
    }

    /// A turn, if the user has one left. It is given back when it is dropped.
    pub fn take(&self, user: &str) -> Result<OwnedSemaphorePermit, Problem> {
        let Turns { most, of_what, users } = self;
        let mut users = users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() > Turns::KEPT {
            users.retain(|_, turns| turns.available_permits() < *most);
        }
        let turns = users.entry(user.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(*most)));
        turns.clone().try_acquire_owned().map_err(|_| {
            Problem::new(Code::TooMany, format!("{most} {of_what} of `{user}` run already"))
                .hint("wait until one of them has ended")
                .retry_after(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_turns_and_gets_them_back() {
        let turns = Turns::new(MAX_AT_ONCE, "queries");
        let taken: Vec<_> = (0..MAX_AT_ONCE).map(|_| turns.take("anna").expect("a turn")).collect();
        assert!(turns.take("anna").is_err() && turns.take("bert").is_ok());
        drop(taken);
        assert!(turns.take("anna").is_ok());
    }
}
