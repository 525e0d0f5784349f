//! Tokens: `/api/tokens`. Everybody has their own; an administrator sees all.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::{Body, Segment};
use super::keeper::Keeper;
use super::said::{Made, PostToken, ShownToken, Tokens};
use crate::access::accounts::too_far;
use crate::access::security;
use crate::access::token::{NewToken, is_beyond_years};
use crate::access::who::{May, Who};
use crate::access::{Kind, Refused};
use crate::process::clock::now;
use crate::web::problem::Problem;
use crate::web::stamp;

/// `GET /api/tokens`
pub async fn tokens(State(keeper): State<Arc<Keeper>>, who: Who) -> Result<Json<Tokens>, Problem> {
    let accounts = keeper.access.accounts()?;
    let (used, now) = (keeper.sessions.tokens_used(), now().unix_micros());
    let seen = accounts.tokens.iter().filter(|token| is_for(&who, token.owner.as_deref()));
    let tokens = seen.map(|token| ShownToken {
        id: token.id.clone(),
        name: token.name.clone(),
        role: token.role.clone(),
        owner: token.owner.clone(),
        maker: token.maker.clone(),
        created: stamp(token.created),
        expires: token.expires.map(stamp),
        used: used.get(&token.id).copied().map(stamp),
        over: token.is_over(now),
    });
    Ok(Json(Tokens { tokens: tokens.collect() }))
}

/// Whose tokens somebody sees and removes.
fn is_for(who: &Who, owner: Option<&str>) -> bool {
    who.may(May::Administer) || owner == Some(&who.name)
}

/// `POST /api/tokens`: the secret is in the answer and nowhere else.
pub async fn add_token(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Body(body): Body<PostToken>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let expires = body.expires.as_deref().map(read_stamp).transpose()?;
    let (name, asks) = (body.name.clone(), who.clone());
    let role = body.role.unwrap_or_else(|| who.role.clone());
    let (of, now) = (role.clone(), now().unix_micros());
    let made = keeper.change(move |accounts| {
        // A token gives no more than who asks has, whatever its owner may.
        if !accounts.role(&asks.role)?.may_give(&accounts.role(&of)?) {
            return Err(Refused::new(
                Kind::Forbidden,
                format!("the role `{of}` may more than `{}`", asks.role),
            ));
        }
        // Without users it is nobody's.
        let owner = accounts.user(&asks.name).map(|user| user.name.clone());
        if owner.is_none() && !asks.may(May::Administer) {
            return Err(Refused::new(Kind::Forbidden, "only users that loggr knows can have tokens"));
        }
        let (id, secret) =
            accounts.add_token(NewToken { name, role: of, owner, maker: asks.token, expires }, now)?;
        let expires = accounts.tokens.iter().find(|token| token.id == id).and_then(|token| token.expires);
        Ok((id, secret, expires))
    });
    let (id, secret, expires) = made.await?;
    security::told(&who, "added a token", format!("token={id} name={} role={role}", body.name));
    let expires = expires.map(stamp);
    Ok((StatusCode::CREATED, Json(Made { id, token: secret, name: body.name, role, expires })))
}

/// Microseconds since 1970 of an RFC 3339 text.
fn read_stamp(text: &str) -> Result<i64, Problem> {
    let read = text.parse::<jiff::Timestamp>();
    read.map(jiff::Timestamp::as_microsecond).map_err(|_| {
        if is_beyond_years(text) {
            return too_far().into();
        }
        Problem::parameter("expires", format!("`expires` cannot be read: `{text}` is no time with its zone"))
            .hint("write it as in `2027-01-31T00:00:00Z`, or leave it out for a token that does not end")
    })
}

/// `DELETE /api/tokens/{id}`
pub async fn remove_token(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
    let asks = who.clone();
    let removed = keeper.change(move |accounts| {
        let removed = accounts.remove_token(&id)?;
        // Of another's it is not even said that it is there.
        let is_all = removed.iter().all(|token| is_for(&asks, token.owner.as_deref()));
        if is_all { Ok(removed) } else { Err(Refused::none("token", &id)) }
    });
    for token in removed.await? {
        security::told(&who, "removed a token", format!("token={} name={}", token.id, token.name));
    }
    Ok(StatusCode::NO_CONTENT)
}
