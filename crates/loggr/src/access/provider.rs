//! Users whom a provider of OpenID Connect names: which user of loggr somebody from there is.
//!
//! A user is bound to who they are at the provider (its issuer and their subject), not to a name, which may
//! be given to somebody else there. A user that loggr knew before keeps the role that loggr knows; one that
//! the provider has brought has the role that the settings give, anew at each log-in. Invariant: nobody
//! becomes a user who has a password here, and nobody gets a role that the settings do not give.

use super::accounts::Accounts;
use super::oidc::Person;
use super::refused::{Kind, Refused};
use super::user::{Bound, NewUser, UserChange, checked_display};

/// What became of somebody whom the provider names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// They are this user.
    User(String),
    /// They have no role, so they are not let in; if loggr knew them, all their sessions are over.
    NoRole,
}

impl Accounts {
    /// Which user somebody is whom the provider `issuer` names; makes one, or binds one, if need be.
    ///
    /// # Errors
    /// The name is somebody else's, or there would be no administrator.
    pub fn named(&mut self, issuer: &str, person: Person, now: i64) -> Result<Named, Refused> {
        let Person { name, display, subject, role } = person;
        let is_them = |bound: &Bound| bound.issuer == issuer && bound.subject == subject;
        let user = self.users.iter().find(|user| user.provider.as_ref().is_some_and(is_them));
        let same_name = || self.users.iter().find(|user| user.name.eq_ignore_ascii_case(&name));
        let Some(user) = user.or_else(same_name) else {
            let Some(role) = role else { return Ok(Named::NoRole) };
            let provider = Some(Bound { issuer: issuer.to_owned(), subject, brought: true });
            // What cannot be shown keeps nobody out.
            let display = display.and_then(|display| checked_display(display).ok());
            self.add_user(
                NewUser { name: name.clone(), display, role, provider, ..NewUser::default() },
                now,
            )?;
            return Ok(Named::User(name));
        };
        let (known, has_password) = (user.name.clone(), user.password.is_some());
        match user.provider.clone() {
            Some(bound) if !is_them(&bound) => {
                let text = format!("the user `{known}` is somebody else at the provider");
                return Err(Refused::new(Kind::Forbidden, text).hinted(format!(
                    "if the name was given to another person, `loggr user remove {known}` first"
                )));
            }
            Some(bound) if bound.brought => match role {
                // It ends all sessions if it is another role.
                Some(role) => {
                    self.change_user(&known, UserChange { role: Some(role), ..UserChange::default() })?;
                }
                None => {
                    self.end_sessions(&known)?;
                    return Ok(Named::NoRole);
                }
            },
            Some(_) => {}
            None if has_password => {
                let text = format!("the user `{known}` logs in by password");
                return Err(Refused::new(Kind::Forbidden, text).hinted(
                    "remove the user and add them again with `--no-password`, or let the provider use another name",
                ));
            }
            None => {
                let bound = Bound { issuer: issuer.to_owned(), subject, brought: false };
                for user in self.users.iter_mut().filter(|user| user.name == known) {
                    user.provider = Some(bound.clone());
                }
            }
        }
        Ok(Named::User(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example";

    fn person(name: &str, subject: &str, role: Option<&str>) -> Person {
        let role = role.map(str::to_owned);
        Person { name: name.to_owned(), display: None, subject: subject.to_owned(), role }
    }

    /// With a user `root` who has a password, and `ben` who has none.
    fn accounts() -> Accounts {
        let mut all = Accounts::default();
        let user = |name: &str, role: &str, password: Option<&str>| NewUser {
            name: name.to_owned(),
            role: role.to_owned(),
            password: password.map(str::to_owned),
            ..NewUser::default()
        };
        all.add_user(user("root", "admin", Some("x")), 1).unwrap();
        all.add_user(user("ben", "operator", None), 1).unwrap();
        all
    }

    fn role(all: &Accounts, name: &str) -> String {
        all.user(name).map(|user| user.role.clone()).unwrap_or_default()
    }

    #[track_caller]
    fn check(all: &mut Accounts, person: Person, expect: Result<Named, &str>) {
        let named = all.named(ISSUER, person.clone(), 2).map_err(|refused| refused.to_string());
        assert_eq!(named, expect.map_err(str::to_owned), "{person:?}");
    }

    fn user(name: &str) -> Result<Named, &'static str> {
        Ok(Named::User(name.to_owned()))
    }

    #[test]
    fn whom_the_provider_brings_has_the_role_of_the_settings() {
        let mut all = accounts();
        check(&mut all, person("anna", "1", None), Ok(Named::NoRole));
        assert_eq!(all.users.len(), 2);
        check(&mut all, person("anna", "1", Some("viewer")), user("anna"));
        let first = all.user("anna").unwrap().stamp.clone();
        check(&mut all, person("anna", "1", Some("viewer")), user("anna"));
        assert_eq!(all.user("anna").unwrap().stamp, first);
        check(&mut all, person("anna", "1", Some("operator")), user("anna"));
        assert_eq!(role(&all, "anna"), "operator");
        assert_ne!(all.user("anna").unwrap().stamp, first, "sessions with the former role are over");
        let second = all.user("anna").unwrap().stamp.clone();
        check(&mut all, person("anna", "1", None), Ok(Named::NoRole));
        assert_ne!(all.user("anna").unwrap().stamp, second, "sessions of who has no role any more are over");
    }

    #[test]
    fn whom_loggr_knew_keeps_the_role() {
        let mut all = accounts();
        check(&mut all, person("ben", "2", Some("admin")), user("ben"));
        assert_eq!(role(&all, "ben"), "operator");
        check(&mut all, person("ben", "2", None), user("ben"));
    }

    #[test]
    fn a_name_is_not_a_person() {
        let mut all = accounts();
        check(&mut all, person("anna", "1", Some("viewer")), user("anna"));
        // Another one gets the name, in whatever letters; and the one gets another.
        let other = Err("the user `anna` is somebody else at the provider");
        check(&mut all, person("Anna", "9", Some("admin")), other);
        check(&mut all, person("anna.smith", "1", Some("viewer")), user("anna"));
        let elsewhere = all.named("https://other.example", person("anna", "1", Some("admin")), 2);
        assert!(elsewhere.is_err(), "{elsewhere:?}");
    }

    #[test]
    fn nobody_becomes_who_has_a_password() {
        let mut all = accounts();
        check(&mut all, person("ROOT", "3", Some("admin")), Err("the user `root` logs in by password"));
    }

    #[test]
    fn a_role_that_is_not_there_is_none() {
        let mut all = accounts();
        all.named(ISSUER, person("anna", "1", Some("web-team")), 2).unwrap();
        assert_eq!(all.check().unwrap_err().to_string(), "there is no role `web-team`");
    }
}
