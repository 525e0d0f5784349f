//! The door of the web address: who asks, and whether they may.
//!
//! | file | what |
//! | --- | --- |
//! | `table.rs` | each endpoint with what it demands |
//! | `enter.rs` | every request passes here |
//! | `keeper.rs` | who sent a request: by session, token, proxy, or from this host |
//! | `client.rs`, `cookie.rs`, `origin.rs` | from where it comes, its cookie, the page that sent it |
//! | `oidc.rs` | log-in through a provider |
//! | `login.rs`, `people.rs`, `tokens.rs` | the endpoints |
//! | `said.rs` | what they take and answer |
//!
//! Users and sessions themselves are in `access/`. Invariant: an endpoint that the table does not have is
//! not answered, and one that demands somebody finds [`Who`](crate::access::who::Who) in the request.

mod begin;
mod body;
mod client;
mod cookie;
mod enter;
mod keeper;
mod login;
mod me;
mod oidc;
mod origin;
mod people;
pub mod said;
pub mod table;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, patch, post, put};

pub use body::{BODY_TIMEOUT, late};
pub use client::Peer;
pub use enter::{Rights, control, enter};
pub use keeper::Keeper;

/// Longest body that is read here.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The endpoints of log-in, users, roles and tokens.
pub fn routes(keeper: Arc<Keeper>) -> Router {
    Router::new()
        .route("/api/me", get(me::me))
        .route("/api/me/password", post(login::password))
        .route("/api/login", post(login::login))
        .route("/api/login/link", post(login::link))
        .route("/api/login/oidc", get(oidc::begin))
        .route("/api/login/oidc/return", get(oidc::end))
        .route("/api/logout", post(login::logout))
        .route("/api/logout/all", post(login::logout_all))
        .route("/api/users", get(people::users).post(people::add_user))
        .route("/api/users/{name}", patch(people::change_user).delete(people::remove_user))
        .route("/api/users/{name}/logout", post(people::log_out))
        .route("/api/roles", get(people::roles).post(people::add_role))
        .route("/api/roles/{name}", put(people::change_role).delete(people::remove_role))
        .route("/api/tokens", get(tokens::tokens).post(tokens::add_token))
        .route("/api/tokens/{id}", delete(tokens::remove_token))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(keeper)
}

#[cfg(test)]
mod tests;
