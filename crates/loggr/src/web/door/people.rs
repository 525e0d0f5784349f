//! Users and roles: `/api/users`, `/api/roles`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::begin;
use super::body::{Body, Segment};
use super::keeper::Keeper;
use super::said::{Ended, PatchUser, PostRole, PostUser, Roles, ShownRole, ShownUser, Users};
use crate::access::accounts::Accounts;
use crate::access::role::Role;
use crate::access::sight::Sight;
use crate::access::user::{NewUser, User, UserChange};
use crate::access::who::{Level, Who};
use crate::access::{Refused, security};
use crate::process::clock::now;
use crate::web::problem::Problem;
use crate::web::stamp;

type Answer<T> = Result<(StatusCode, Json<T>), Problem>;

fn shown(user: &User, sessions: &HashMap<String, usize>) -> ShownUser {
    ShownUser {
        name: user.name.clone(),
        display: user.display.clone(),
        role: user.role.clone(),
        filter: user.sight.filter.clone(),
        hidden: user.sight.hidden.clone(),
        disabled: user.disabled,
        password: user.password.is_some(),
        created: stamp(user.created),
        sessions: sessions.get(&user.name).copied().unwrap_or(0),
    }
}

/// `GET /api/users`
pub async fn users(State(keeper): State<Arc<Keeper>>) -> Result<Json<Users>, Problem> {
    let sessions = keeper.sessions.of_users(now().unix_micros());
    let users = keeper.access.accounts()?.users.iter().map(|user| shown(user, &sessions)).collect();
    Ok(Json(Users { users }))
}

/// `POST /api/users`
pub async fn add_user(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Body(body): Body<PostUser>,
) -> Answer<ShownUser> {
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

/// `PATCH /api/users/{name}`
pub async fn change_user(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Segment(name): Segment,
    Body(body): Body<PatchUser>,
) -> Answer<ShownUser> {
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
    Segment(name): Segment,
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
    Segment(name): Segment,
) -> Result<Json<Ended>, Problem> {
    let of = name.clone();
    keeper.change(move |accounts| accounts.end_sessions(&of)).await?;
    let ended = keeper.sessions.end_all_of(&name);
    begin::written(&keeper).await;
    security::told(&who, "logged a user out everywhere", format!("user={name} sessions={ended}"));
    Ok(Json(Ended { ended }))
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

fn shown_role(role: &Role) -> ShownRole {
    ShownRole {
        name: role.name.clone(),
        level: role.level,
        filter: role.sight.filter.clone(),
        hidden: role.sight.hidden.clone(),
        built_in: Level::of(&role.name).is_some(),
        trouble: role.trouble(),
    }
}

/// `GET /api/roles`
pub async fn roles(State(keeper): State<Arc<Keeper>>) -> Result<Json<Roles>, Problem> {
    let roles = keeper.access.accounts()?.all_roles().iter().map(shown_role).collect();
    Ok(Json(Roles { roles }))
}

impl PostRole {
    fn role(self, name: String) -> Role {
        Role { name, level: self.level, sight: Sight { filter: self.filter, hidden: self.hidden } }
    }
}

/// `POST /api/roles`
pub async fn add_role(
    State(keeper): State<Arc<Keeper>>,
    who: Who,
    Body(body): Body<PostRole>,
) -> Answer<ShownRole> {
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
    Segment(name): Segment,
    Body(body): Body<PostRole>,
) -> Answer<ShownRole> {
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
    Segment(name): Segment,
) -> Result<StatusCode, Problem> {
    let of = name.clone();
    keeper.change(move |accounts| accounts.remove_role(&of)).await?;
    security::told(&who, "removed a role", format!("role={name}"));
    Ok(StatusCode::NO_CONTENT)
}
