//! The beginning of a session, however somebody logs in, and how often it may be tried.
//!
//! Not what proves who somebody is: a password or the link of a first start (`login`), or a provider
//! (`oidc`).

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};

use super::client::Client;
use super::cookie;
use super::keeper::{Keeper, Known, LoggedIn};
use crate::access::secret;
use crate::access::session::BROWSER_AGE;
use crate::access::slow::{Tries, Try, Wait};
use crate::access::who::Via;
use crate::process::clock::now;
use crate::web::problem::{Code, Problem};

/// A try to log in as a user, or how long to wait for it.
pub(super) fn allow<'k>(
    keeper: &'k Keeper,
    user: &str,
    client: Client,
    headers: &HeaderMap,
) -> Result<Try<'k>, Problem> {
    let now = now().unix_micros();
    let mut said = cookie::values(&cookie::BROWSER, headers, client.tls);
    let browser = said.find_map(|said| keeper.sessions.knows(user, said, now));
    allowed(keeper, Tries { user: Some(user), from: client.ip, browser: browser.as_deref() })
}

/// The same where nothing of a user is guessed: only the address counts.
pub(super) fn allow_address(keeper: &Keeper, client: Client) -> Result<Try<'_>, Problem> {
    allowed(keeper, Tries { from: client.ip, ..Tries::default() })
}

/// The same for who is logged in, whom only their own failures slow.
pub(super) fn allow_session<'k>(keeper: &'k Keeper, session: &LoggedIn) -> Result<Try<'k>, Problem> {
    let browser = secret::derived("tries", &session.id);
    allowed(keeper, Tries { browser: Some(&browser), ..Tries::default() })
}

fn allowed<'k>(keeper: &'k Keeper, tries: Tries<'_>) -> Result<Try<'k>, Problem> {
    keeper.slow.allow(tries).map_err(|Wait { time, is_for_strangers }| {
        let seconds = time.max(Duration::from_millis(1)).as_secs_f64().ceil() as u64;
        let (whose, hint) = match is_for_strangers {
            true => (
                "too many log-ins as this user failed elsewhere",
                "a browser in which the user has logged in before does not wait for this",
            ),
            false => ("too many log-ins failed", "wait, or ask an administrator for another password"),
        };
        Problem::new(Code::TooMany, format!("{whose}; the next may be tried in {seconds} s"))
            .hint(hint)
            .retry_after(seconds)
    })
}

/// A session that has just begun, and the cookies that say so.
pub(super) struct Begun {
    /// Who has logged in.
    pub known: Known,
    /// That of the session, and that of the browser.
    pub cookies: [Option<HeaderValue>; 2],
}

/// A new session in the place of the one that the browser had. Where a stamp is given, the user must still
/// have it: nothing that ends sessions was done since it was read.
pub(super) async fn session(
    keeper: &Arc<Keeper>,
    (name, stamp): (&str, Option<&str>),
    client: Client,
    headers: &HeaderMap,
) -> Result<Begun, Problem> {
    let accounts = keeper.access.accounts()?;
    let gone = || Problem::new(Code::NotLoggedIn, "the user has just been removed or disabled");
    let user = accounts.user(name).ok_or_else(gone)?;
    if stamp.is_some_and(|stamp| !secret::same(stamp, &user.stamp)) {
        let changed = "the user has just been changed, or all their sessions were ended";
        return Err(Problem::new(Code::NotLoggedIn, changed).hint("log in again"));
    }
    let who = accounts.who(user, Via::Session, client.ip)?.ok_or_else(gone)?;
    cookie::read(headers, client.tls).for_each(|former| keeper.sessions.end(former));
    let now = now().unix_micros();
    let id = keeper.sessions.begin(name, &user.stamp, now)?;
    let said = cookie::values(&cookie::BROWSER, headers, client.tls);
    let browser = keeper.sessions.remember(name, said, now)?;
    written(keeper).await;
    let session = keeper.sessions.seen(&id, now).map(|session| keeper.logged_in(&id, &session));
    let stays = cookie::keep(&cookie::BROWSER, &browser, client.tls, BROWSER_AGE);
    Ok(Begun { known: Known { who, session }, cookies: [cookie::set(&id, client.tls), stays] })
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
