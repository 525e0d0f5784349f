//! `/api/me`: who asks, what they may, and what the page has to know of this server.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, http::HeaderMap};

use super::client::Client;
use super::keeper::{Keeper, Known};
use super::oidc;
use super::said::{Me, Ways};
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
            ways.problem = oidc::why_not(&keeper, &headers, client);
            let ways = serde_json::to_value(ways).unwrap_or_default();
            Problem::new(Code::NotLoggedIn, detail).with("login", ways).into_response()
        }
    }
}

/// How somebody can log in here.
fn ways(keeper: &Keeper) -> Ways {
    let accounts = keeper.access.accounts().unwrap_or_default();
    let oidc = keeper.provider.as_ref().map(|provider| provider.name().to_owned());
    Ways { form: true, oidc, first: accounts.users.is_empty(), problem: None }
}

/// Somebody, for the page.
pub fn described(keeper: &Keeper, known: &Known) -> Me {
    let who = &known.who;
    Me {
        user: who.name.clone(),
        display: who.display.clone(),
        role: who.role.clone(),
        level: who.level,
        filter: who.filter.as_ref().map(|filter| filter.to_string()),
        hidden: who.hidden.clone(),
        restricted: who.is_restricted(),
        via: who.via.word(),
        may: May::WORDS.iter().filter(|(_, may)| who.may(*may)).map(|(word, _)| *word).collect(),
        csrf: known.session.as_ref().map_or("none".to_owned(), |session| session.csrf()),
        session_ends: known.session.as_ref().map(|session| stamp(session.ends)),
        version: env!("CARGO_PKG_VERSION"),
        stores: keeper.stores.clone(),
        login: ways(keeper),
        about: keeper.about.clone(),
    }
}
