//! One request that was let in, and what all requests are answered from.

use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::ears::Ears;
use super::params::Params;
use super::tails::Tails;
use super::turns::{Exports, Turns};
use super::watched::Watched;
use crate::access::who::Who;
use crate::operate::rescued::Sums;
use crate::operate::saved::SavedSearches;
use crate::operate::stores::Stores;
use crate::process::told::Told;
use crate::web::Site;
use crate::web::door::{BODY_TIMEOUT, Rights, late};
use crate::web::problem::{Code, Problem};

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
            turns: Arc::default(),
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
