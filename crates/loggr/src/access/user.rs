//! A user: a name, a role, and what is kept of the password.

use serde::{Deserialize, Serialize};

use super::refused::{Kind, Refused};
use super::role::check_name;
use super::sight::Sight;

/// Longest name that is shown.
const MAX_DISPLAY_BYTES: usize = 128;

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// How the page calls them.
    pub display: String,
    /// The name of the role.
    pub role: String,
    /// What is kept of the password; none: the user logs in elsewhere.
    #[serde(default)]
    pub password: Option<String>,
    /// Who they are at a provider of OpenID Connect, if they log in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Bound>,
    /// May not log in.
    #[serde(default)]
    pub disabled: bool,
    /// What they see, beside what the role sees.
    #[serde(flatten)]
    pub sight: Sight,
    /// Sessions that know another word are over: it changes with the password and the role.
    pub stamp: String,
    /// When the user was made, in microseconds since 1970.
    pub created: i64,
}

/// Who a user is at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The provider.
    pub issuer: String,
    /// Who they are there, for ever.
    pub subject: String,
    /// The provider has brought them, so it also says the role.
    pub brought: bool,
}

/// A user who is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The name to log in with.
    pub name: String,
    /// How the page calls them; the name if there is none.
    pub display: Option<String>,
    /// The name of the role.
    pub role: String,
    /// What is kept of the password.
    pub password: Option<String>,
    /// Who they are at a provider.
    pub provider: Option<Bound>,
    /// May not log in yet.
    pub disabled: bool,
    /// What they see.
    pub sight: Sight,
}

/// What is to be changed of a user; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// How the page calls them.
    pub display: Option<String>,
    /// The name of the role.
    pub role: Option<String>,
    /// What is kept of the new password.
    pub password: Option<String>,
    /// May they log in?
    pub disabled: Option<bool>,
    /// The query of the filter; an empty one takes it away.
    pub filter: Option<String>,
    /// Fields that are hidden.
    pub hidden: Option<Vec<String>>,
}

impl User {
    /// Makes one. `stamp` is a random word.
    pub fn new(new: NewUser, stamp: String, now: i64) -> Result<User, Refused> {
        check_name("user", &new.name)?;
        let display = new.display.filter(|display| !display.trim().is_empty());
        Ok(User {
            display: checked_display(display.unwrap_or_else(|| new.name.clone()))?,
            name: new.name,
            role: new.role,
            password: new.password,
            provider: new.provider,
            disabled: new.disabled,
            sight: new.sight.checked()?,
            stamp,
            created: now,
        })
    }

    /// Changes one. Where the password, the role or the right to log in changes, all sessions are over.
    pub fn change(&mut self, change: UserChange, stamp: String) -> Result<(), Refused> {
        let role = change.role.filter(|role| *role != self.role);
        let disabled = change.disabled.filter(|disabled| *disabled != self.disabled);
        if role.is_some() || disabled.is_some() || change.password.is_some() {
            self.stamp = stamp;
        }
        if let Some(display) = change.display {
            self.display = checked_display(display)?;
        }
        self.role = role.unwrap_or_else(|| std::mem::take(&mut self.role));
        self.disabled = disabled.unwrap_or(self.disabled);
        if change.password.is_some() {
            self.password = change.password;
        }
        if change.filter.is_some() || change.hidden.is_some() {
            let Sight { filter, hidden } = std::mem::take(&mut self.sight);
            let sight = Sight { filter: change.filter.or(filter), hidden: change.hidden.unwrap_or(hidden) };
            self.sight = sight.checked()?;
        }
        Ok(())
    }
}

/// Can this be shown as a name?
pub(super) fn checked_display(display: String) -> Result<String, Refused> {
    let display = display.trim().to_owned();
    if display.is_empty() || display.len() > MAX_DISPLAY_BYTES || display.chars().any(char::is_control) {
        let text = format!("the name to show must be one line of at most {MAX_DISPLAY_BYTES} bytes");
        return Err(Refused::new(Kind::Bad("display"), text));
    }
    Ok(display)
}
