//! Users and roles: `/api/users`, `/api/roles`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::begin;
use super::body::Body;
use super::keeper::Keeper;
use crate::access::accounts::Accounts;
use crate::access::role::Role;
use crate::access::sight::Sight;
use crate::access::user::{NewUser, User, UserChange};
use crate::access::who::{Level, Who};
use crate::access::{Refused, security};
use crate::process::clock::now;
use crate::web::problem::Problem;
use crate::web::stamp;

type Answer = Result<(StatusCode, Json<Value>), Problem>;

fn shown(user: &User, sessions: &HashMap<String, usize>) -> Value {
    json!({
        "name": user.name,
        "display": user.display,
        "role": user.role,
        "filter": user.sight.filter,
        "hidden": user.sight.hidden,
        "disabled": user.disabled,
        "password": user.password.is_some(),
        "created": stamp(user.created),
        "sessions": sessions.get(&user.name).copied().unwrap_or(0),
    })
}

/// `GET /api/users`
pub async fn users(State(keeper): State<Arc<Keeper>>) -> Result<Json<Value>, Problem> {
    let sessions = keeper.sessions.of_users(now().unix_micros());
    let users: Vec<Value> =
        keeper.access.accounts()?.users.iter().map(|user| shown(user, &sessions)).collect();
    Ok(Json(json!({ "users": users })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostUser {
    name: String,
    display: Option<String>,
    role: String,
    password: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    hidden: Vec<String>,
    #[serde(default)]
    disabled: bool,
}

/// `POST /api/users`
pub async fn add_user(State(keeper): State<Arc<Keeper>>, who: Who, Body(body): Body<PostUser>) -> Answer {
    let password = hashed(&keeper, body.password).await?;
    let name = body.name.clone();
    let new = NewUser {
        name: body.name,
        display: body.display,
        role: body.role,
        password,
        provider: None,
        disabled: body.disabled,
        sight: Sight { filter: body.filter, hidden: body.hidden },
    };
    let now = now().unix_micros();
    let made = change(&keeper, &name, move |accounts| accounts.add_user(new, now)).await?;
    security::told(&who, "added a user", format!("user={name} role={}", made.role));
    Ok((StatusCode::CREATED, Json(shown(&made, &HashMap::new()))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchUser {
    display: Option<String>,
    role: Option<String>,
    password: Option<String>,
    filter: Option<String>,
    hidden: Option<Vec<String>>,
    disabled: Option<bool>,
}

/// `PATCH /api/users/{name}`
pub async fn change_user(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Path(name): Path<String>,
    Body(body): Body<PatchUser>,
) -> Answer {
    let parts = [
        ("display", body.display.is_some()),
        ("role", body.role.is_some()),
        ("password", body.password.is_some()),
        ("filter", body.filter.is_some()),
        ("hidden", body.hidden.is_some()),
        ("disabled", body.disabled.is_some()),
    ];
    let parts: Vec<&str> = parts.iter().filter(|(_, is)| *is).map(|(part, _)| *part).collect();
    let what = UserChange {
        display: body.display,
        role: body.role,
        password: hashed(&keeper, body.password).await?,
        disabled: body.disabled,
        filter: body.filter,
        hidden: body.hidden,
    };
    let of = name.clone();
    let user = change(&keeper, &name, move |accounts| accounts.change_user(&of, what)).await?;
    let about =
        format!("user={name} changed={} role={} disabled={}", parts.join(","), user.role, user.disabled);
    security::told(&who, "changed a user", about);
    Ok((StatusCode::OK, Json(shown(&user, &keeper.sessions.of_users(now().unix_micros())))))
}

/// `DELETE /api/users/{name}`
pub async fn remove_user(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let of = name.clone();
    keeper.change(move |accounts| accounts.remove_user(&of)).await?;
    keeper.sessions.end_all_of(&name);
    security::told(&who, "removed a user", format!("user={name}"));
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/users/{name}/logout`: ends all their sessions. Their tokens stay.
pub async fn log_out(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let of = name.clone();
    keeper.change(move |accounts| accounts.end_sessions(&of)).await?;
    let ended = keeper.sessions.end_all_of(&name);
    begin::written(&keeper).await;
    security::told(&who, "logged a user out everywhere", format!("user={name} sessions={ended}"));
    Ok(Json(json!({ "ended": ended })))
}

async fn hashed(keeper: &Keeper, password: Option<String>) -> Result<Option<String>, Refused> {
    match password {
        Some(password) => keeper.turns.hash(password).await.map(Some),
        None => Ok(None),
    }
}

/// Changes the accounts, and gives the user as they are then.
async fn change(
    keeper: &Arc<Keeper>,
    name: &str,
    change: impl FnOnce(&mut Accounts) -> Result<(), Refused> + Send + 'static,
) -> Result<User, Refused> {
    let name = name.to_owned();
    let changed = move |accounts: &mut Accounts| {
        change(accounts)?;
        accounts.user(&name).cloned().ok_or_else(|| Refused::none("user", &name))
    };
    keeper.change(changed).await
}

fn shown_role(role: &Role) -> Value {
    json!({
        "name": role.name,
        "level": role.level.word(),
        "filter": role.sight.filter,
        "hidden": role.sight.hidden,
        "built_in": Level::of(&role.name).is_some(),
    })
}

/// `GET /api/roles`
pub async fn roles(State(keeper): State<Arc<Keeper>>) -> Result<Json<Value>, Problem> {
    let roles: Vec<Value> = keeper.access.accounts()?.all_roles().iter().map(shown_role).collect();
    Ok(Json(json!({ "roles": roles })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostRole {
    name: Option<String>,
    level: Level,
    filter: Option<String>,
    #[serde(default)]
    hidden: Vec<String>,
}

impl PostRole {
    fn role(self, name: String) -> Role {
        Role { name, level: self.level, sight: Sight { filter: self.filter, hidden: self.hidden } }
    }
}

/// `POST /api/roles`
pub async fn add_role(State(keeper): State<Arc<Keeper>>, who: Who, Body(body): Body<PostRole>) -> Answer {
    let name = body.name.clone().unwrap_or_default();
    let role = body.role(name.clone());
    let made = set_role(&keeper, name, move |accounts| accounts.add_role(role)).await?;
    security::told(&who, "added a role", told(&made));
    Ok((StatusCode::CREATED, Json(shown_role(&made))))
}

/// `PUT /api/roles/{name}`
pub async fn change_role(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Path(name): Path<String>,
    Body(body): Body<PostRole>,
) -> Answer {
    if body.name.as_ref().is_some_and(|other| *other != name) {
        return Err(Problem::parameter("name", "a role keeps its name"));
    }
    let role = body.role(name.clone());
    let made = set_role(&keeper, name, move |accounts| accounts.change_role(role)).await?;
    security::told(&who, "changed a role", told(&made));
    Ok((StatusCode::OK, Json(shown_role(&made))))
}

fn told(role: &Role) -> String {
    let sight = &role.sight;
    let filter = sight.filter.as_deref().unwrap_or_default();
    format!(
        "role={} level={} filter={filter:?} hidden={}",
        role.name,
        role.level.word(),
        sight.hidden.join(",")
    )
}

async fn set_role(
    keeper: &Arc<Keeper>,
    name: String,
    set: impl FnOnce(&mut Accounts) -> Result<(), Refused> + Send + 'static,
) -> Result<Role, Refused> {
    let done = move |accounts: &mut Accounts| {
        set(accounts)?;
        accounts.role(&name)
    };
    keeper.change(done).await
}

/// `DELETE /api/roles/{name}`
pub async fn remove_role(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let of = name.clone();
    keeper.change(move |accounts| accounts.remove_role(&of)).await?;
    security::told(&who, "removed a role", format!("role={name}"));
    Ok(StatusCode::NO_CONTENT)
}
