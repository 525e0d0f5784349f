//! Saved searches over HTTP.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Answer, Call, json};
use super::params::{Parameter, Takes, required};
use crate::access::who::{May, Via, Who};
use crate::operate::saved::{Asker, Refused, Saved};
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
    /// Who saved it; null: it was saved while there were no users, and everybody sees it.
    owner: Option<String>,
    /// It is of the one who asks, who may change it.
    mine: bool,
    /// Who asks may remove it: it is theirs, or they administer and it is shared.
    removable: bool,
}

impl Shown {
    fn of(saved: Saved, asker: &Asker) -> Shown {
        let (mine, removable) = (asker.owns(&saved), asker.removes(&saved));
        Shown { mine, removable, search: saved.search, owner: saved.owner }
    }
}

fn asker(who: &Who) -> Asker {
    let is_user = !matches!(who.via, Via::Loopback | Via::Control);
    Asker { user: is_user.then(|| who.name.clone()), administers: who.may(May::Administer) }
}

/// `GET /api/saved`
pub async fn list(call: Call) -> Answer {
    let (saved, asker) = (call.api.saved.clone(), asker(&call.who));
    let asks = asker.clone();
    let all = done(move || saved.of(&asks).map_err(Refused::Failed)).await?;
    json(&Listed { saved: all.into_iter().map(|saved| Shown::of(saved, &asker)).collect() })
}

/// `POST /api/saved`
pub async fn add(mut call: Call) -> Answer {
    let search: Search = call.json().await?;
    // Reading its query may cost as much as asking it.
    let _turn = call.api.turns.take(&call.who.name)?;
    let (saved, asker) = (call.api.saved.clone(), asker(&call.who));
    let asks = asker.clone();
    let kept = done(move || saved.add(&asks, search)).await?;
    Ok((StatusCode::CREATED, axum::Json(Shown::of(kept, &asker))).into_response())
}

/// `PUT /api/saved/{name}`
pub async fn change(mut call: Call) -> Answer {
    let search: Search = call.json().await?;
    let _turn = call.api.turns.take(&call.who.name)?;
    let (saved, asker) = (call.api.saved.clone(), asker(&call.who));
    let (name, asks) = (call.params.text("name").to_owned(), asker.clone());
    let kept = done(move || saved.change(&asks, &name, search)).await?;
    json(&Shown::of(kept, &asker))
}

/// `DELETE /api/saved/{name}`
pub async fn remove(call: Call) -> Answer {
    let (saved, asker) = (call.api.saved.clone(), asker(&call.who));
    let name = call.params.text("name").to_owned();
    done(move || saved.remove(&asker, &name)).await?;
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
