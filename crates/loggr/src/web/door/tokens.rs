//! Tokens: `/api/tokens`. Everybody has their own; an administrator sees all.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::keeper::Keeper;
use crate::access::security;
use crate::access::token::NewToken;
use crate::access::who::{May, Who};
use crate::access::{Kind, Refused};
use crate::process::clock::now;
use crate::web::problem::Problem;
use crate::web::stamp;

/// `GET /api/tokens`
pub async fn tokens(State(keeper): State<Arc<Keeper>>, who: Who) -> Result<Json<Value>, Problem> {
    let accounts = keeper.access.accounts()?;
    let (used, now) = (keeper.sessions.tokens_used(), now().unix_micros());
    let seen = accounts.tokens.iter().filter(|token| is_for(&who, token.owner.as_deref()));
    let tokens: Vec<Value> = seen
        .map(|token| {
            json!({
                "id": token.id,
                "name": token.name,
                "role": token.role,
                "owner": token.owner,
                "created": stamp(token.created),
                "expires": token.expires.map(stamp),
                "used": used.get(&token.id).copied().map(stamp),
                "over": token.is_over(now),
            })
        })
        .collect();
    Ok(Json(json!({ "tokens": tokens })))
}

/// Whose tokens somebody sees and removes.
fn is_for(who: &Who, owner: Option<&str>) -> bool {
    who.may(May::Administer) || owner == Some(&who.name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostToken {
    name: String,
    role: Option<String>,
    expires: Option<String>,
}

/// `POST /api/tokens`: the secret is in the answer and nowhere else.
pub async fn add_token(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Body(body): Body<PostToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
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
        accounts.add_token(NewToken { name, role: of, owner, expires }, now)
    });
    let (id, secret) = made.await?;
    security::told(&who, "added a token", format!("token={id} name={} role={role}", body.name));
    Ok((StatusCode::CREATED, Json(json!({ "id": id, "token": secret, "name": body.name, "role": role }))))
}

/// Microseconds since 1970 of an RFC 3339 text.
fn read_stamp(text: &str) -> Result<i64, Problem> {
    let read = text.parse::<jiff::Timestamp>();
    read.map(jiff::Timestamp::as_microsecond).map_err(|_| {
        Problem::parameter("expires", format!("`{text}` is no time"))
            .hint("write it as in `2027-01-31T00:00:00Z`, or leave it out")
    })
}

/// `DELETE /api/tokens/{id}`
pub async fn remove_token(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asks = who.clone();
    let removed = keeper.change(move |accounts| {
        let token = accounts.remove_token(&id)?;
        // Of another's it is not even said that it is there.
        if is_for(&asks, token.owner.as_deref()) { Ok(token) } else { Err(Refused::none("token", &id)) }
    });
    let token = removed.await?;
    security::told(&who, "removed a token", format!("token={} name={}", token.id, token.name));
    Ok(StatusCode::NO_CONTENT)
}
