//! Browsers in which somebody has logged in before: a cookie that stays behind a log-out names each.
//!
//! It lets nobody in. It says that the one who tries to log in is probably the user, who then does not
//! wait for what strangers do under the same name (`slow.rs`). A browser gets another name at each log-in
//! of a user who is new in it, so nobody is known by a name that somebody else has put there.

use serde::{Deserialize, Serialize};

use super::{Sessions, micros};
use crate::access::refused::Refused;
use crate::access::secret;

/// Browsers that are remembered; the one in which nobody has logged in for longest makes room.
const MAX_BROWSERS: usize = 10_000;
/// Browsers of one user.
const MAX_BROWSERS_OF_A_USER: usize = 32;
/// For how long one is remembered after a log-in.
pub const BROWSER_AGE: std::time::Duration = std::time::Duration::from_secs(180 * 24 * 3_600);

/// A browser, by the hash of its name and the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Browser {
    user: String,
    /// The last log-in, in microseconds since 1970.
    used: i64,
}

fn key(user: &str, said: &str) -> String {
    secret::derived(&format!("browser of {user}"), said)
}

impl Sessions {
    /// The key of the browser that says this, if the user has logged in there before.
    pub fn knows(&self, user: &str, said: &str, now: i64) -> Option<String> {
        let key = key(user, said);
        let state = self.lock();
        let browser = state.browsers.get(&key)?;
        (now < browser.used.saturating_add(micros(BROWSER_AGE))).then_some(key)
    }

    /// Remembers the browser in which the user has just logged in, and gives its name: the one that is known
    /// of those that it says, or else a new one. To be written then.
    pub fn remember<'s>(
        &self,
        user: &str,
        mut said: impl Iterator<Item = &'s str>,
        now: i64,
    ) -> Result<String, Refused> {
        let name = match said.find(|said| self.knows(user, said, now).is_some()) {
            Some(said) => said.to_owned(),
            None => secret::secret()?,
        };
        let mut state = self.lock();
        let browsers = &mut state.browsers;
        browsers.retain(|_, browser| now < browser.used.saturating_add(micros(BROWSER_AGE)));
        let key = key(user, &name);
        browsers.remove(&key);
        let of_user = |browser: &Browser| browser.user == user;
        if browsers.values().filter(|browser| of_user(browser)).count() >= MAX_BROWSERS_OF_A_USER {
            make_room(browsers, of_user);
        }
        if browsers.len() >= MAX_BROWSERS {
            make_room(browsers, |_| true);
        }
        browsers.insert(key, Browser { user: user.to_owned(), used: now });
        state.is_dirty = true;
        Ok(name)
    }
}

fn make_room(browsers: &mut std::collections::HashMap<String, Browser>, of: impl Fn(&Browser) -> bool) {
    let oldest = browsers.iter().filter(|(_, browser)| of(browser)).min_by_key(|(_, browser)| browser.used);
    if let Some(key) = oldest.map(|(key, _)| key.clone()) {
        browsers.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_browser_is_known_to_who_has_logged_in_there() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sessions.json");
        let sessions = Sessions::open(file.clone(), Duration::from_secs(60));
        let remember = |sessions: &Sessions, user: &str, said: &[&str], now: i64| {
            sessions.remember(user, said.iter().copied(), now)
        };
        let name = remember(&sessions, "anna", &["planted"], 5).unwrap();
        assert_ne!(name, "planted");
        let knows =
            |sessions: &Sessions, user: &str, said: &str, now: i64| sessions.knows(user, said, now).is_some();
        assert!(knows(&sessions, "anna", &name, 6));
        assert!(!knows(&sessions, "ben", &name, 6) && !knows(&sessions, "anna", "planted", 6));
        assert_eq!(remember(&sessions, "anna", &["planted", &name], 7).unwrap(), name);
        assert_ne!(remember(&sessions, "ben", &[&name], 7).unwrap(), name);
        // A restart forgets none, and the file does not hold the name.
        sessions.write(7).unwrap();
        assert!(!std::fs::read_to_string(&file).unwrap().contains(&name));
        let again = Sessions::open(file, Duration::from_secs(60));
        let end = micros(BROWSER_AGE) + 7;
        assert!(knows(&again, "anna", &name, end - 1) && !knows(&again, "anna", &name, end));
    }

    #[test]
    fn a_user_has_so_many_browsers() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = Sessions::open(directory.path().join("sessions.json"), Duration::from_secs(60));
        let names: Vec<String> = (0..=MAX_BROWSERS_OF_A_USER)
            .map(|n| sessions.remember("anna", std::iter::empty(), i64::try_from(n).unwrap()).unwrap())
            .collect();
        assert!(sessions.knows("anna", &names[0], 100).is_none());
        assert!(sessions.knows("anna", &names[1], 100).is_some());
    }
}
