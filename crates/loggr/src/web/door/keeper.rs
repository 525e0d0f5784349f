//! What the door knows: the accounts, who is logged in, who is slowed. It says who sent a request.
//!
//! Not what they may do with it: that is the table's. Invariant: whatever cannot be read lets nobody in.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use super::client::Client;
use super::cookie;
use crate::access::accounts::Accounts;
use crate::access::first::First;
use crate::access::kept::Access;
use crate::access::oidc::Provider;
use crate::access::password::Turns;
use crate::access::session::{Session, Sessions};
use crate::access::slow::Slow;
use crate::access::who::{Via, Who};
use crate::access::{Refused, secret, security};
use crate::config::{Config, Secret, Web};
use crate::process::clock::now;
use crate::process::told::Told;

/// The name of whoever asks from this host while there are no users.
const SOMEBODY_HERE: &str = "loopback";

/// What the door knows.
#[derive(Debug)]
pub struct Keeper {
    /// Users, roles, tokens.
    pub access: Access,
    /// Who is logged in.
    pub sessions: Sessions,
    /// Who is slowed.
    pub slow: Slow,
    /// Passwords that are being checked.
    pub turns: Turns,
    /// `[web]`
    pub web: Web,
    /// Stores that can be asked.
    pub stores: Vec<String>,
    /// What the page has to know of this server, the same for everybody.
    pub about: Map<String, Value>,
    /// Who else logs users in.
    pub provider: Option<Provider>,
    pretenders: Told,
    bad_tokens: Told,
}

/// Somebody who was let in, and the session if there is one.
#[derive(Clone, Debug)]
pub struct Known {
    /// Who it is.
    pub who: Who,
    /// The session, if they have logged in.
    pub session: Option<LoggedIn>,
}

/// A session that is on.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// What the cookie says.
    pub id: String,
    /// When it ends if it is not used any more, in microseconds since 1970.
    pub ends: i64,
}

impl LoggedIn {
    /// What a request that changes something has to say.
    pub fn csrf(&self) -> String {
        secret::derived("csrf", &self.id)
    }
}

/// Who sent a request.
#[derive(Debug)]
pub enum Asker {
    /// Somebody who is let in.
    Known(Box<Known>),
    /// Somebody who has shown nothing.
    Nobody,
    /// Somebody who has shown what is not good, or no longer.
    Refused(&'static str),
}

impl Keeper {
    /// Reads who was logged in. `secret` is that of the provider.
    pub fn open(
        config: &Config,
        web: &Web,
        about: Map<String, Value>,
        secret: Option<Secret>,
    ) -> Result<Keeper, Refused> {
        let access = Access::new(&config.data.directory);
        let sessions = Sessions::open(access.sessions_file(), web.session_timeout);
        let stores = config.ships.iter().filter(|ship| ship.kind.store().is_some());
        Ok(Keeper {
            provider: web.oidc.clone().map(|oidc| Provider::new(oidc, secret)).transpose()?,
            stores: stores.map(|ship| ship.name.clone()).collect(),
            about,
            access,
            sessions,
            slow: Slow::default(),
            turns: Turns::default(),
            web: web.clone(),
            pretenders: Told::default(),
            bad_tokens: Told::default(),
        })
    }

    /// Who sends this? `counts` says whether a session is used by it.
    pub fn who(&self, headers: &HeaderMap, client: Client, counts: bool) -> Result<Asker, Refused> {
        let accounts = self.access.accounts()?;
        let now = now().unix_micros();
        if let Some(said) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())
            && let Some(token) = bearer(said)
        {
            return Ok(match accounts.bearer(token, client.ip, now)? {
                Some(who) => {
                    if let Some(id) = &who.token {
                        self.sessions.token_used(id, now);
                    }
                    Asker::Known(Box::new(Known { who, session: None }))
                }
                None => {
                    self.tell_token(client);
                    Asker::Refused("the token is unknown, over, or its owner may no longer do so")
                }
            });
        }
        if let Some(named) = self.named_by_proxy(headers, client) {
            return self.by_proxy(&accounts, named, client);
        }
        let mut is_over = false;
        for id in cookie::read(headers, client.tls) {
            if let Some(known) = self.by_session(&accounts, id, client, now, counts)? {
                return Ok(Asker::Known(Box::new(known)));
            }
            is_over = true;
        }
        if self.is_open_to(&accounts, client) {
            return Ok(somebody_here(client));
        }
        Ok(if is_over { Asker::Refused("the log-in is over") } else { Asker::Nobody })
    }

    /// Is everything allowed, because there are no users and it is asked from this host?
    fn is_open_to(&self, accounts: &Accounts, client: Client) -> bool {
        accounts.users.is_empty() && client.is_here()
    }

    fn by_session(
        &self,
        accounts: &Accounts,
        id: &str,
        client: Client,
        now: i64,
        counts: bool,
    ) -> Result<Option<Known>, Refused> {
        let session = if counts { self.sessions.used(id, now) } else { self.sessions.seen(id, now) };
        let Some(session) = session else { return Ok(None) };
        let user = accounts.user(&session.user).filter(|user| secret::same(&user.stamp, &session.stamp));
        let who = user.map(|user| accounts.who(user, Via::Session, client.ip)).transpose()?.flatten();
        let Some(who) = who else {
            self.sessions.end(id);
            return Ok(None);
        };
        Ok(Some(Known { who, session: Some(self.logged_in(id, &session)) }))
    }

    /// A session that is on, for who asks about it.
    pub fn logged_in(&self, id: &str, session: &Session) -> LoggedIn {
        LoggedIn { id: id.to_owned(), ends: self.sessions.ends(session) }
    }

    /// The user that a proxy names. From others the header is ignored, which is told once.
    fn named_by_proxy<'h>(&self, headers: &'h HeaderMap, client: Client) -> Option<Option<&'h str>> {
        let mut said = headers.get_all(self.web.proxy_header.as_deref()?).iter();
        let first = said.next()?;
        if client.proxied {
            // Two of them are one too many: one may be the client's own.
            let alone = said.next().is_none();
            return Some(first.to_str().ok().map(str::trim).filter(|name| alone && !name.is_empty()));
        }
        let from = client.ip.map(|ip| ip.to_string()).unwrap_or_default();
        if self.pretenders.tell(&from).is_some() {
            let header = self.web.proxy_header.as_deref();
            tracing::warn!(
                from,
                header,
                "a header of `proxy_header` that does not come from a trusted proxy is ignored"
            );
        }
        None
    }

    fn by_proxy(&self, accounts: &Accounts, name: Option<&str>, client: Client) -> Result<Asker, Refused> {
        const NOBODY: Asker = Asker::Refused("the proxy names a user who is not let in");
        let Some(name) = name else { return Ok(NOBODY) };
        let who = match (accounts.user(name), &self.web.proxy_role) {
            (Some(user), _) => accounts.who(user, Via::Proxy, client.ip)?,
            (None, Some(role)) if crate::access::role::check_name("user", name).is_ok() => {
                Some(accounts.stranger(name, role, Via::Proxy, client.ip)?)
            }
            (None, _) => None,
        };
        Ok(who.map_or(NOBODY, |who| Asker::Known(Box::new(Known { who, session: None }))))
    }

    fn tell_token(&self, client: Client) {
        let from = client.ip.map(|ip| ip.to_string()).unwrap_or_default();
        if let Some(unsaid) = self.bad_tokens.tell(&from) {
            security::told_of("", client.ip, "a token was refused", format!("unsaid={unsaid}"));
        }
    }

    /// Writes who is logged in, off the reactor.
    pub async fn write(self: &Arc<Self>) -> Result<(), Refused> {
        if !self.sessions.is_dirty() {
            return Ok(());
        }
        let keeper = self.clone();
        let write = move || {
            keeper.access.make_directory()?;
            let accounts = keeper.access.accounts()?;
            keeper.sessions.forget_tokens(|id| accounts.tokens.iter().any(|token| token.id == id));
            keeper.sessions.write(now().unix_micros())
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|error| {
            Refused::new(crate::access::Kind::Broken, "cannot write the sessions").because(error)
        })?
    }

    /// Changes the accounts, off the reactor.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Accounts) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let keeper = self.clone();
        let changed = tokio::task::spawn_blocking(move || keeper.access.change(change)).await;
        changed.map_err(|error| {
            Refused::new(crate::access::Kind::Broken, "cannot change the accounts").because(error)
        })?
    }

    /// The code of a link for a first start, if there is nobody who could log in.
    pub fn first_code(&self) -> Result<Option<String>, Refused> {
        if !self.access.accounts()?.users.is_empty() {
            return Ok(None);
        }
        let (first, code) = First::new(now().unix_micros())?;
        self.access.change(|accounts| {
            accounts.first = Some(first);
            Ok(())
        })?;
        Ok(Some(code))
    }
}

fn somebody_here(client: Client) -> Asker {
    let who = Who::everything(SOMEBODY_HERE, Via::Loopback, client.ip);
    Asker::Known(Box::new(Known { who, session: None }))
}

/// What stands behind `Bearer`.
fn bearer(said: &str) -> Option<&str> {
    let (scheme, token) = said.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
