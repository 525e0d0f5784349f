//! Roles: what a user or a token may, and what they see.

use serde::{Deserialize, Serialize};

use super::refused::{Kind, Refused};
use super::sight::Sight;
use super::who::Level;

/// Longest name of a role, a user or a token.
pub const MAX_NAME_BYTES: usize = 64;

/// A role. The built-in ones have the name of their level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it may.
    pub level: Level,
    /// What it sees.
    #[serde(flatten)]
    pub sight: Sight,
}

impl Role {
    /// The built-in role of a level.
    pub fn built_in(level: Level) -> Role {
        Role { name: level.word().to_owned(), level, sight: Sight::default() }
    }

    /// Looks whether it can be kept, and makes it tidy.
    pub fn checked(mut self) -> Result<Role, Refused> {
        check_name("role", &self.name)?;
        if Level::of(&self.name).is_some() {
            let text = format!("the role `{}` is built in and stays as it is", self.name);
            return Err(Refused::new(Kind::Bad("name"), text));
        }
        self.sight = self.sight.checked()?;
        check_sight(self.level, &self.sight)?;
        Ok(self)
    }

    /// Why nobody who has it sees anything: it was made by an earlier loggr that still took what it says.
    pub fn trouble(&self) -> Option<String> {
        let why = self.clone().sight.checked().err()?.in_one_line();
        Some(format!("it cannot be used any more, and who has it sees nothing: {why}"))
    }

    /// May a holder of this role give a token that role? Never more than they have.
    pub fn may_give(&self, other: &Role) -> bool {
        let sees_all = !self.sight.is_restricted() || self.name == other.name;
        self.level >= other.level && sees_all
    }
}

/// Nothing can be hidden from whoever may change roles.
pub fn check_sight(level: Level, sight: &Sight) -> Result<(), Refused> {
    if level < Level::Admin || !sight.is_restricted() {
        return Ok(());
    }
    let text = "the level `admin` goes with no filter and no hidden fields";
    Err(Refused::new(Kind::Bad("level"), text)
        .hinted("whoever may change roles could lift them; use the level `viewer` or `operator`"))
}

/// Can this be the name of a role, a user or a token?
pub fn check_name(what: &str, name: &str) -> Result<(), Refused> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'+');
    match name.len() {
        1..=MAX_NAME_BYTES if name.bytes().all(good) => Ok(()),
        _ => Err(Refused::new(Kind::Bad("name"), format!("`{name}` cannot be the name of a {what}")).hinted(
            format!("letters, digits and `-`, `_`, `.`, `@`, `+` are allowed, at most {MAX_NAME_BYTES}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, level: Level, filter: &str, hidden: &[&str]) -> Role {
        let hidden = hidden.iter().map(|h| (*h).to_owned()).collect();
        Role { name: name.to_owned(), level, sight: Sight { filter: Some(filter.to_owned()), hidden } }
    }

    #[track_caller]
    fn check(name: &str, level: Level, filter: &str, hidden: &[&str], expect: Result<(), Kind>) {
        let checked = role(name, level, filter, hidden).checked();
        assert_eq!(checked.map(drop).map_err(|e| e.kind()), expect, "{name} {filter}");
    }

    #[test]
    fn a_role_is_checked_when_it_is_set() {
        check("web", Level::Viewer, "host:web*", &["password"], Ok(()));
        check("web", Level::Operator, "", &[], Ok(()));
        check("web", Level::Admin, " ", &[], Ok(()));
        check("web", Level::Viewer, "host:web* (a OR", &[], Err(Kind::Bad("filter")));
        check("web", Level::Admin, "host:web*", &[], Err(Kind::Bad("level")));
        check("web", Level::Admin, "", &["password"], Err(Kind::Bad("level")));
        check("web", Level::Viewer, "", &[" "], Err(Kind::Bad("hidden")));
        check("admin", Level::Viewer, "", &[], Err(Kind::Bad("name")));
        check("web site", Level::Viewer, "", &[], Err(Kind::Bad("name")));
        check("", Level::Viewer, "", &[], Err(Kind::Bad("name")));
    }

    #[test]
    fn a_role_that_an_earlier_loggr_took_is_found() {
        let trouble = |filter: &str, hidden: &[&str]| role("web", Level::Viewer, filter, hidden).trouble();
        assert_eq!(trouble("host:web*", &["password"]), None);
        assert_eq!(
            trouble("host:web*", &["structured_data"]).as_deref(),
            Some(
                "it cannot be used any more, and who has it sees nothing: `structured_data` is no field, but stands \
                 for many: hide each by its own name, such as `id.name`"
            )
        );
        assert!(trouble("(a OR", &[]).is_some_and(|why| why.contains("the filter cannot be read")));
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let [viewer, operator, admin] = Level::WORDS.map(|(_, level)| Role::built_in(level));
        let web = role("web", Level::Operator, "host:web*", &[]).checked().unwrap();
        let check = |of: &Role, to: &Role, expect| assert_eq!(of.may_give(to), expect, "{of:?} {to:?}");
        check(&admin, &admin, true);
        check(&admin, &web, true);
        check(&operator, &admin, false);
        check(&operator, &web, true);
        check(&viewer, &web, false);
        check(&web, &web, true);
        check(&web, &viewer, false);
        check(&web, &operator, false);
    }
}
