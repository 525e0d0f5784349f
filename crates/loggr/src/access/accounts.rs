//! All users, roles and tokens: what can be changed of them, and who somebody is.
//!
//! Plain values: no file, no clock. What is done with tokens is in `tokens.rs`. Invariants after each change ([`Accounts::check`]): where there are
//! users, one who is not disabled is an administrator; every role that is named is there.

use std::net::IpAddr;

use loggr_store::query::{Hidden, Query};
use serde::{Deserialize, Serialize};

use super::first::First;
use super::refused::{Kind, Refused};
use super::role::{Role, check_sight};
use super::secret;
use super::sight::Sight;
use super::token::Token;
use super::user::{NewUser, User, UserChange};
use super::who::{Level, Via, Who};

/// Users, at most.
pub const MAX_USERS: usize = 10_000;
/// Roles, at most.
pub const MAX_ROLES: usize = 1_000;
/// Tokens, at most.
pub const MAX_TOKENS: usize = 10_000;

mod tokens;

pub use tokens::too_far;

/// Everybody who may, and what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Users, in the order in which they were made.
    #[serde(default)]
    pub users: Vec<User>,
    /// Roles that somebody made.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Tokens.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// The link of a first start.
    #[serde(default)]
    pub first: Option<First>,
}

impl Accounts {
    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The role of this name, built in or made.
    pub fn role(&self, name: &str) -> Result<Role, Refused> {
        match Level::of(name) {
            Some(level) => Ok(Role::built_in(level)),
            None => self
                .roles
                .iter()
                .find(|role| role.name == name)
                .cloned()
                .ok_or_else(|| Refused::new(Kind::Bad("role"), format!("there is no role `{name}`"))),
        }
    }

    /// All roles, the built-in ones first.
    pub fn all_roles(&self) -> Vec<Role> {
        let built_in = Level::WORDS.map(|(_, level)| Role::built_in(level));
        built_in.into_iter().chain(self.roles.iter().cloned()).collect()
    }

    /// Makes a user. The link of a first start is over then.
    pub fn add_user(&mut self, new: NewUser, now: i64) -> Result<(), Refused> {
        if let Some(known) = self.users.iter().find(|user| user.name.eq_ignore_ascii_case(&new.name)) {
            let text = format!("there is a user `{}` already", known.name);
            return Err(Refused::new(Kind::Bad("name"), text));
        }
        if self.users.len() >= MAX_USERS {
            return Err(Refused::new(Kind::Limit, format!("there are {MAX_USERS} users, no more may be")));
        }
        if self.users.is_empty() && (new.disabled || self.role(&new.role)?.level < Level::Admin) {
            let text = "the first user has to be an administrator: nobody could let others in";
            return Err(Refused::new(Kind::Forbidden, text)
                .hinted("make a user with the role `admin` first; others may then have any role"));
        }
        self.users.push(User::new(new, secret::id()?, now)?);
        self.first = None;
        Ok(())
    }

    /// Changes a user.
    pub fn change_user(&mut self, name: &str, change: UserChange) -> Result<(), Refused> {
        let stamp = secret::id()?;
        let user = self.users.iter_mut().find(|user| user.name == name);
        user.ok_or_else(|| Refused::none("user", name))?.change(change, stamp)
    }

    /// Ends all sessions of a user.
    pub fn end_sessions(&mut self, name: &str) -> Result<(), Refused> {
        let stamp = secret::id()?;
        let user = self.users.iter_mut().find(|user| user.name == name);
        user.ok_or_else(|| Refused::none("user", name))?.stamp = stamp;
        Ok(())
    }

    /// Removes a user, with the tokens that are theirs.
    pub fn remove_user(&mut self, name: &str) -> Result<(), Refused> {
        let at = self.users.iter().position(|user| user.name == name);
        let at = at.ok_or_else(|| Refused::none("user", name))?;
        if self.users.len() == 1 {
            // Without users this host would be let in again.
            return Err(no_administrator());
        }
        self.users.remove(at);
        self.tokens.retain(|token| token.owner.as_deref() != Some(name));
        Ok(())
    }

    /// Makes a role.
    pub fn add_role(&mut self, role: Role) -> Result<(), Refused> {
        let role = role.checked()?;
        if self.roles.iter().any(|known| known.name == role.name) {
            let text = format!("there is a role `{}` already", role.name);
            return Err(Refused::new(Kind::Bad("name"), text));
        }
        if self.roles.len() >= MAX_ROLES {
            return Err(Refused::new(Kind::Limit, format!("there are {MAX_ROLES} roles, no more may be")));
        }
        self.roles.push(role);
        Ok(())
    }

    /// Changes a role; it holds at once, also for those who are logged in.
    pub fn change_role(&mut self, role: Role) -> Result<(), Refused> {
        let role = role.checked()?;
        let known = self.roles.iter_mut().find(|known| known.name == role.name);
        let known = known.ok_or_else(|| Refused::none("role", &role.name))?;
        *known = role;
        Ok(())
    }

    /// Removes a role that nobody has.
    pub fn remove_role(&mut self, name: &str) -> Result<(), Refused> {
        if Level::of(name).is_some() {
            return Err(Refused::new(Kind::Forbidden, format!("the role `{name}` is built in and stays")));
        }
        let at = self.roles.iter().position(|role| role.name == name);
        let at = at.ok_or_else(|| Refused::none("role", name))?;
        let user = self.users.iter().find(|user| user.role == name).map(|user| user.name.as_str());
        let token = self.tokens.iter().find(|token| token.role == name).map(|token| token.id.as_str());
        if let Some(holder) = user.or(token) {
            return Err(Refused::new(Kind::Forbidden, format!("`{holder}` has the role `{name}`"))
                .hinted("give those who have it another role first"));
        }
        self.roles.remove(at);
        Ok(())
    }

    /// Does everything fit together?
    pub fn check(&self) -> Result<(), Refused> {
        for user in &self.users {
            check_sight(self.role(&user.role)?.level, &user.sight)?;
        }
        for token in &self.tokens {
            self.role(&token.role)?;
        }
        let administers = |user: &&User| {
            !user.disabled && self.role(&user.role).is_ok_and(|role| role.level == Level::Admin)
        };
        if !self.users.is_empty() && self.users.iter().find(administers).is_none() {
            return Err(no_administrator());
        }
        Ok(())
    }

    /// The roles and users whom nothing is shown until an administrator has changed them, each with what to
    /// do: an earlier loggr took what this one refuses.
    pub fn troubles(&self) -> Vec<String> {
        let roles = self.roles.iter().filter_map(|role| {
            let (name, why) = (&role.name, role.trouble()?);
            Some(format!(
                "role `{name}`: {why}; change it with `loggr role set {name}`, or in the settings of the page"
            ))
        });
        let users = self.users.iter().filter_map(|user| {
            let (name, why) = (&user.name, user.sight.clone().checked().err()?.in_one_line());
            Some(format!(
                "user `{name}`: what is hidden from them cannot be used any more, and they see nothing: {why}; change it \
                 with `loggr user change {name}`, or in the settings of the page"
            ))
        });
        roles.chain(users).collect()
    }

    /// Who a user is. Whoever is disabled is nobody.
    pub fn who(&self, user: &User, via: Via, from: Option<IpAddr>) -> Result<Option<Who>, Refused> {
        if user.disabled {
            return Ok(None);
        }
        let role = self.role(&user.role)?;
        person(&user.name, &user.display, &role, [&role.sight, &user.sight], via, from).map(Some)
    }

    /// Who somebody is that no user is known of, by a role alone.
    pub fn stranger(&self, name: &str, role: &str, via: Via, from: Option<IpAddr>) -> Result<Who, Refused> {
        let role = self.role(role)?;
        person(name, name, &role, [&role.sight, &Sight::default()], via, from)
    }
}

fn no_administrator() -> Refused {
    Refused::new(Kind::Forbidden, "there would be no administrator left")
        .hinted("give another user the role `admin` first")
}

/// Nothing is shown where it is not known what must not be.
fn unusable(name: &str, role: &Role, why: &str) -> Refused {
    let text = format!("what `{name}` with the role `{}` may see is not known any more: {why}", role.name);
    Refused::new(Kind::Forbidden, text).hinted(
        "an administrator has to change the role or the user: `loggr status` says which, and the page under Settings changes it",
    )
}

fn person(
    name: &str,
    display: &str,
    role: &Role,
    sights: [&Sight; 2],
    via: Via,
    from: Option<IpAddr>,
) -> Result<Who, Refused> {
    let mut filter: Option<Query> = None;
    let mut hidden = Vec::new();
    for sight in sights {
        if let Some(query) = sight.query().map_err(|why| unusable(name, role, &why.in_one_line()))? {
            filter = Some(match filter {
                Some(first) => first.and(query),
                None => query,
            });
        }
        hidden.extend(sight.hidden.iter().cloned());
    }
    hidden.sort();
    hidden.dedup();
    Hidden::new(&hidden).map_err(|why| unusable(name, role, &why.to_string()))?;
    Ok(Who {
        name: name.to_owned(),
        display: display.to_owned(),
        role: role.name.clone(),
        level: role.level,
        filter,
        hidden,
        via,
        token: None,
        from,
    })
}

#[cfg(test)]
mod tests;
