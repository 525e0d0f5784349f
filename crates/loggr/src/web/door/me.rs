//! `/api/me`: who asks, what they may, and what the page has to know of this server.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, http::HeaderMap};
use serde_json::{Value, json};

use super::client::Client;
use super::keeper::{Keeper, Known};
use super::oidc;
use crate::access::who::May;
use crate::web::problem::{Code, Problem};
use crate::web::stamp;

/// `GET /api/me`
pub async fn me(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    known: Option<Extension<Known>>,
    headers: HeaderMap,
) -> Response {
    match known {
        Some(Extension(known)) => Json(described(&keeper, &known)).into_response(),
        None => {
            let said = headers.contains_key(axum::http::header::AUTHORIZATION);
            let detail = if said { "the token is not good" } else { "nobody is logged in" };
            let mut ways = ways(&keeper);
            if let Some(why) = oidc::why_not(&keeper, &headers, client) {
                ways["problem"] = why.into();
            }
            Problem::new(Code::NotLoggedIn, detail).with("login", ways).into_response()
        }
    }
}

/// How somebody can log in here.
fn ways(keeper: &Keeper) -> Value {
    let accounts = keeper.access.accounts().unwrap_or_default();
    let provider = keeper.provider.as_ref().map(|provider| provider.name());
    json!({ "form": true, "oidc": provider, "first": accounts.users.is_empty() })
}

/// Somebody, for the page.
pub fn described(keeper: &Keeper, known: &Known) -> Value {
    let who = &known.who;
    let may: Vec<&str> = May::WORDS.iter().filter(|(_, may)| who.may(*may)).map(|(word, _)| *word).collect();
    let mut described = json!({
        "user": who.name,
        "display": who.display,
        "role": who.role,
        "level": who.level.word(),
        "filter": who.filter.as_ref().map(|filter| filter.to_string()),
        "hidden": who.hidden,
        "restricted": who.is_restricted(),
        "via": who.via.word(),
        "may": may,
        "csrf": known.session.as_ref().map_or("none".to_owned(), |session| session.csrf()),
        "session_ends": known.session.as_ref().map(|session| stamp(session.ends)),
        "version": env!("CARGO_PKG_VERSION"),
        "stores": keeper.stores,
        "login": ways(keeper),
    });
    if let Some(described) = described.as_object_mut() {
        described.extend(keeper.about.clone());
    }
    described
}
