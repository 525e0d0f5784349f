//! The beginning of a session, however somebody logs in, and how often it may be tried.
//!
//! Not what proves who somebody is: a password or the link of a first start (`login`), or a provider
//! (`oidc`).

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;

use super::client::Client;
use super::cookie;
use super::keeper::{Keeper, Known};
use crate::access::secret;
use crate::access::slow::Try;
use crate::access::who::Via;
use crate::process::clock::now;
use crate::web::problem::{Code, Problem};

/// A try to log in, or how long to wait for it.
pub(super) fn allow<'k>(keeper: &'k Keeper, user: &str, client: Client) -> Result<Try<'k>, Problem> {
    keeper.slow.allow(user, client.ip).map_err(|wait| {
        let seconds = wait.max(Duration::from_millis(1)).as_secs_f64().ceil() as u64;
        Problem::new(Code::TooMany, format!("too many log-ins failed; the next may be tried in {seconds} s"))
            .retry_after(seconds)
    })
}

/// A new session in the place of the one that the browser had. Where a stamp is given, the user must still
/// have it: nothing that ends sessions was done since it was read.
pub(super) async fn session(
    keeper: &Arc<Keeper>,
    (name, stamp): (&str, Option<&str>),
    client: Client,
    headers: &HeaderMap,
) -> Result<(Known, String), Problem> {
    let accounts = keeper.access.accounts()?;
    let gone = || Problem::new(Code::NotLoggedIn, "the user has just been removed or disabled");
    let user = accounts.user(name).ok_or_else(gone)?;
    if stamp.is_some_and(|stamp| !secret::same(stamp, &user.stamp)) {
        let changed = "the user has just been changed, or all their sessions were ended";
        return Err(Problem::new(Code::NotLoggedIn, changed).hint("log in again"));
    }
    let who = accounts.who(user, Via::Session, client.ip)?.ok_or_else(gone)?;
    if let Some(former) = cookie::read(headers, client.tls) {
        keeper.sessions.end(former);
    }
    let now = now().unix_micros();
    let id = keeper.sessions.begin(name, &user.stamp, now)?;
    written(keeper).await;
    let session = keeper.sessions.seen(&id, now).map(|session| keeper.logged_in(&id, &session));
    Ok((Known { who, session }, id))
}

/// A full disk keeps nobody out: the session is then only good until the next restart.
pub async fn written(keeper: &Arc<Keeper>) {
    if let Err(error) = keeper.write().await {
        tracing::error!(
            error = error.in_one_line(),
            "cannot write who is logged in; a restart logs them out"
        );
    }
}
