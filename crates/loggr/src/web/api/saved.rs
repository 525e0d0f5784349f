//! Saved searches over HTTP.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Answer, Call, json};
use super::params::{Parameter, Takes, required};
use crate::access::who::May;
use crate::operate::saved::{Refused, Saved};
use crate::web::problem::{Code, Problem};

pub use crate::operate::saved::Search;

/// Which is meant.
pub const NAME: &[Parameter] = &[required("name", Takes::Text, "The name of the saved search.")];

/// The saved searches that one may see.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// By name.
    saved: Vec<Shown>,
}

/// A saved search.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SavedSearch")]
pub struct Shown {
    #[serde(flatten)]
    search: Search,
    /// Who saved it.
    owner: String,
    /// It is of the one who asks, who may change it.
    mine: bool,
}

impl Shown {
    fn of(saved: Saved, user: &str) -> Shown {
        Shown { mine: saved.owner == user, search: saved.search, owner: saved.owner }
    }
}

/// `GET /api/saved`
pub async fn list(call: Call) -> Answer {
    let (saved, user) = (call.api.saved.clone(), call.who.name.clone());
    let all = done(move || saved.of(&user).map_err(Refused::Failed)).await?;
    json(&Listed { saved: all.into_iter().map(|saved| Shown::of(saved, &call.who.name)).collect() })
}

/// `POST /api/saved`
pub async fn add(mut call: Call) -> Answer {
    let search: Search = call.json().await?;
    let (saved, user) = (call.api.saved.clone(), call.who.name.clone());
    let kept = done(move || saved.add(&user, search)).await?;
    Ok((StatusCode::CREATED, axum::Json(Shown::of(kept, &call.who.name))).into_response())
}

/// `PUT /api/saved/{name}`
pub async fn change(mut call: Call) -> Answer {
    let search: Search = call.json().await?;
    let (saved, user) = (call.api.saved.clone(), call.who.name.clone());
    let name = call.params.text("name").to_owned();
    let kept = done(move || saved.change(&user, &name, search)).await?;
    json(&Shown::of(kept, &call.who.name))
}

/// `DELETE /api/saved/{name}`
pub async fn remove(call: Call) -> Answer {
    let (saved, user) = (call.api.saved.clone(), call.who.name.clone());
    let (name, any) = (call.params.text("name").to_owned(), call.who.may(May::Administer));
    done(move || saved.remove(&user, &name, any)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Writes to disk where nobody else waits.
async fn done<T: Send + 'static>(
    change: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(change).await.map_err(Problem::internal)?;
    done.map_err(|refused| match refused {
        Refused::NotFound => Problem::new(Code::NotFound, "you have saved no search of this name"),
        Refused::Wrong(part, text) => Problem::parameter(part, text),
        Refused::Failed(error) => Problem::internal(format!("{error:#}")),
    })
}
