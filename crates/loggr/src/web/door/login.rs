//! Log-in and log-out, and the link of a first start.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::begin::{allow, allow_address, allow_session, session, written};
use super::body::Body;
use super::client::Client;
use super::cookie;
use super::keeper::{Keeper, Known, LoggedIn};
use super::me::described;
use super::said::{First, Login, Password};
use crate::access::user::{NewUser, UserChange};
use crate::access::who::Level;
use crate::access::{Kind, Refused, password, secret, security};
use crate::process::clock::now;
use crate::web::problem::{Code, Problem};

/// `POST /api/login`
pub async fn login(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Body(body): Body<Login>,
) -> Result<Response, Problem> {
    let allowed = allow(&keeper, &body.user, client, &headers)?;
    let Some(stamp) = with_password(&keeper, &body.user, body.password).await? else {
        security::told_of(&body.user, client.ip, "a log-in failed", "");
        return Err(Problem::new(Code::NotLoggedIn, "the user or the password is wrong"));
    };
    allowed.went_well();
    begin(&keeper, (&body.user, Some(&stamp)), client, &headers, "logged in").await
}

/// The stamp of the user whose password this is: it takes a while to find out, and what is done then is
/// done only where the password is still the same. Whoever is unknown, disabled, or logs in elsewhere has
/// none, and it takes as long to say so.
async fn with_password(keeper: &Keeper, name: &str, password: String) -> Result<Option<String>, Problem> {
    let accounts = keeper.access.accounts()?;
    let user = accounts.user(name).filter(|user| !user.disabled);
    let kept = user.and_then(|user| user.password.clone());
    let stamp = user.map(|user| user.stamp.clone());
    Ok(keeper.turns.verify(password, kept).await?.then_some(stamp).flatten())
}

/// Begins a session and answers as `/api/me` does.
async fn begin(
    keeper: &Arc<Keeper>,
    user: (&str, Option<&str>),
    client: Client,
    headers: &HeaderMap,
    what: &'static str,
) -> Result<Response, Problem> {
    let begun = session(keeper, user, client, headers).await?;
    security::told(&begun.known.who, what, "");
    let response = Json(described(keeper, &begun.known)).into_response();
    Ok(with_cookies(response, begun.cookies))
}

/// The answer with these cookies.
fn with_cookies(mut response: Response, cookies: [Option<HeaderValue>; 2]) -> Response {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// `POST /api/login/link`: makes the first administrator.
pub async fn link(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Body(body): Body<First>,
) -> Result<Response, Problem> {
    let allowed = allow_address(&keeper, client)?;
    let now = now().unix_micros();
    let over = || {
        Refused::new(Kind::Forbidden, "the link is not the one that was printed, was used, or is over")
            .hinted(
                "restart loggr, which prints another one if there is no user yet, or use `loggr user add`",
            )
    };
    let accounts = keeper.access.accounts()?;
    if !accounts.first.as_ref().is_some_and(|first| first.is(&body.code, now)) {
        security::told_of(&body.user, client.ip, "the link of a first start was refused", "");
        return Err(over().into());
    }
    allowed.went_well();
    password::check(&body.password)?;
    let hash = keeper.turns.hash(body.password).await?;
    let (name, code) = (body.user.clone(), body.code);
    let made = move |accounts: &mut crate::access::accounts::Accounts| {
        // Somebody else may have been faster.
        if !accounts.first.as_ref().is_some_and(|first| first.is(&code, now)) {
            return Err(over());
        }
        let new = NewUser {
            name,
            role: Level::Admin.word().to_owned(),
            password: Some(hash),
            ..NewUser::default()
        };
        accounts.add_user(new, now)
    };
    keeper.change(made).await?;
    begin(&keeper, (&body.user, None), client, &headers, "became the first administrator").await
}

/// `POST /api/logout`
pub async fn logout(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    known: Option<Extension<Known>>,
) -> Response {
    if let Some(Extension(known)) = known
        && let Some(session) = &known.session
    {
        keeper.sessions.end(&session.id);
        written(&keeper).await;
        security::told(&known.who, "logged out", "");
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(cookie::clear(client.tls).map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// `POST /api/logout/all`: on every browser.
pub async fn logout_all(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    Extension(known): Extension<Known>,
) -> Result<Response, Problem> {
    own_session(&known)?;
    let name = known.who.name.clone();
    keeper.change(move |accounts| accounts.end_sessions(&name)).await?;
    keeper.sessions.end_all_of(&known.who.name);
    written(&keeper).await;
    security::told(&known.who, "logged out everywhere", "");
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(cookie::clear(client.tls).map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}

/// `POST /api/me/password`: all other sessions of the user end, and this one gets another cookie.
pub async fn password(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    Extension(known): Extension<Known>,
    headers: HeaderMap,
    Body(body): Body<Password>,
) -> Result<Response, Problem> {
    let logged_in = own_session(&known)?;
    let name = known.who.name.clone();
    password::check(&body.new).map_err(|refused| Problem::parameter("new", refused.to_string()))?;
    let allowed = allow_session(&keeper, logged_in)?;
    let Some(stamp) = with_password(&keeper, &name, body.old).await? else {
        security::told(&known.who, "could not change the password", "the old one is wrong");
        return Err(Problem::parameter("old", "this is not the password"));
    };
    allowed.went_well();
    let change = UserChange { password: Some(keeper.turns.hash(body.new).await?), ..UserChange::default() };
    let of = name.clone();
    let changed = move |accounts: &mut crate::access::accounts::Accounts| {
        // Somebody else may have been faster.
        if !accounts.user(&of).is_some_and(|user| secret::same(&stamp, &user.stamp)) {
            return Err(
                Refused::new(Kind::Forbidden, "the user has just been changed").hinted("log in again")
            );
        }
        accounts.change_user(&of, change)
    };
    keeper.change(changed).await?;
    keeper.sessions.end_all_of(&name);
    security::told(&known.who, "changed the password", "");
    let begun = session(&keeper, (&name, None), client, &headers).await?;
    Ok(with_cookies(StatusCode::NO_CONTENT.into_response(), begun.cookies))
}

/// Only who has logged in here, not a program, does this.
fn own_session(known: &Known) -> Result<&LoggedIn, Problem> {
    match &known.session {
        Some(session) => Ok(session),
        None => Err(Problem::new(Code::Forbidden, "only somebody who has logged in by password may do this")),
    }
}
