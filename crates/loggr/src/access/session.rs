//! Who is logged in: sessions, by the hash of their id; when tokens were last used; and in which browsers
//! somebody has logged in before (`browsers.rs`).
//!
//! A session ends after a time without use, at a certain age, at log-out, and when the stamp of its user
//! is another one: then the password or the role has changed. They survive a restart: they are written
//! at log-in and log-out, and at most once a minute for what was used since. Not who the user is.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refused::{Kind, Refused};
use super::secret;
use browsers::Browser;

mod browsers;

pub use browsers::BROWSER_AGE;

/// Sessions at one time; the one that was not used for longest makes room.
pub const MAX_SESSIONS: usize = 10_000;
/// Sessions of one user at one time.
pub const MAX_SESSIONS_OF_A_USER: usize = 64;
/// Oldest session.
pub const MAX_SESSION_AGE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// What was used is written so often at most.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Longest file of sessions.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The user's name.
    pub user: String,
    /// The stamp of the user at log-in.
    pub stamp: String,
    /// When it began, in microseconds since 1970.
    pub began: i64,
    /// When it was last used.
    pub used: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    #[serde(default)]
    sessions: HashMap<String, Session>,
    #[serde(default)]
    tokens_used: HashMap<String, i64>,
    #[serde(default)]
    browsers: HashMap<String, Browser>,
    #[serde(skip)]
    written: i64,
    #[serde(skip)]
    is_dirty: bool,
}

/// All who are logged in.
#[derive(Debug)]
pub struct Sessions {
    file: PathBuf,
    idle: i64,
    state: Mutex<State>,
    /// Held while the file is written, so that an older state never replaces a newer one.
    writing: Mutex<()>,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Sessions {
    /// Reads those of a former life. They end after `idle` without use.
    pub fn open(file: PathBuf, idle: Duration) -> Sessions {
        let state = match read(&file) {
            Ok(state) => state,
            Err(error) => {
                // Nobody is let in by it: everybody logs in again.
                tracing::warn!(file = %file.display(), error = error.in_one_line(), "cannot read the sessions; all users log in again");
                State::default()
            }
        };
        Sessions { file, idle: micros(idle), state: Mutex::new(state), writing: Mutex::new(()) }
    }

    /// Begins one, and gives its id, which is the secret of the cookie. To be written then.
    pub fn begin(&self, user: &str, stamp: &str, now: i64) -> Result<String, Refused> {
        let id = secret::secret()?;
        let session = Session { user: user.to_owned(), stamp: stamp.to_owned(), began: now, used: now };
        let mut state = self.lock();
        state.sessions.retain(|_, session| self.is_on(session, now));
        let of_user = |session: &Session| session.user == user;
        if state.sessions.values().filter(|session| of_user(session)).count() >= MAX_SESSIONS_OF_A_USER {
            make_room(&mut state.sessions, of_user);
        }
        if state.sessions.len() >= MAX_SESSIONS {
            make_room(&mut state.sessions, |_| true);
        }
        state.sessions.insert(secret::hash(&id), session);
        state.is_dirty = true;
        Ok(id)
    }

    /// The session of this id, if it is not over. It counts as used now.
    pub fn used(&self, id: &str, now: i64) -> Option<Session> {
        let mut state = self.lock();
        let hash = secret::hash(id);
        let session = state.sessions.get_mut(&hash)?;
        if !self.is_on(session, now) {
            state.sessions.remove(&hash);
            state.is_dirty = true;
            return None;
        }
        session.used = session.used.max(now);
        let session = session.clone();
        state.is_dirty = true;
        Some(session)
    }

    /// The session of this id, if it is not over. It does not count as used.
    pub fn seen(&self, id: &str, now: i64) -> Option<Session> {
        let state = self.lock();
        state.sessions.get(&secret::hash(id)).filter(|session| self.is_on(session, now)).cloned()
    }

    /// When a session ends that is not used any more.
    pub fn ends(&self, session: &Session) -> i64 {
        session.used.saturating_add(self.idle).min(session.began.saturating_add(micros(MAX_SESSION_AGE)))
    }

    fn is_on(&self, session: &Session, now: i64) -> bool {
        now < self.ends(session)
    }

    /// Ends the session of this id. To be written then.
    pub fn end(&self, id: &str) {
        let mut state = self.lock();
        state.sessions.remove(&secret::hash(id));
        state.is_dirty = true;
    }

    /// Ends all sessions of a user, and gives how many there were. To be written then.
    pub fn end_all_of(&self, user: &str) -> usize {
        let mut state = self.lock();
        let before = state.sessions.len();
        state.sessions.retain(|_, session| session.user != user);
        state.is_dirty = true;
        before - state.sessions.len()
    }

    /// How many sessions each user has now.
    pub fn of_users(&self, now: i64) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for session in self.lock().sessions.values().filter(|session| self.is_on(session, now)) {
            *counts.entry(session.user.clone()).or_default() += 1;
        }
        counts
    }

    /// A token was used now.
    pub fn token_used(&self, id: &str, now: i64) {
        let mut state = self.lock();
        state.tokens_used.insert(id.to_owned(), now);
        state.is_dirty = true;
    }

    /// When tokens were last used, by their ids.
    pub fn tokens_used(&self) -> HashMap<String, i64> {
        self.lock().tokens_used.clone()
    }

    /// Forgets when tokens were used that are no longer there.
    pub fn forget_tokens(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().tokens_used.retain(|id, _| is_there(id));
    }

    /// Has anything changed that is not written yet?
    pub fn is_dirty(&self) -> bool {
        self.lock().is_dirty
    }

    /// Is it time to write what was used?
    pub fn is_due(&self, now: i64) -> bool {
        let state = self.lock();
        state.is_dirty && now.saturating_sub(state.written) >= micros(WRITE_EVERY)
    }

    /// Writes what has changed. Blocks.
    pub fn write(&self, now: i64) -> Result<(), Refused> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = || Refused::new(Kind::Broken, format!("cannot write `{}`", self.file.display()));
        let text = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.is_dirty) {
                return Ok(());
            }
            state.written = now;
            serde_json::to_vec(&*state).map_err(|error| failed().because(error))?
        };
        loggr_disk::replace_private(&self.file, &text).map_err(|error| {
            self.lock().is_dirty = true;
            failed().because(error)
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When tokens were last used, for a process that serves nobody.
pub fn tokens_used(file: &std::path::Path) -> Result<HashMap<String, i64>, Refused> {
    read(file).map(|state| state.tokens_used)
}

fn read(file: &std::path::Path) -> Result<State, Refused> {
    let failed = || Refused::new(Kind::Broken, format!("cannot read `{}`", file.display()));
    let text = match loggr_disk::read_at_most(file, MAX_FILE_BYTES) {
        Ok(text) => text.ok_or_else(|| failed().because("it is too long"))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(failed().because(error)),
    };
    serde_json::from_slice(&text).map_err(|error| failed().because(error))
}

/// Ends the one of these that was not used for longest.
fn make_room(sessions: &mut HashMap<String, Session>, of: impl Fn(&Session) -> bool) {
    let oldest = sessions.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.used);
    if let Some(hash) = oldest.map(|(hash, _)| hash.clone()) {
        sessions.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn sessions() -> (tempfile::TempDir, Sessions) {
        let directory = tempfile::tempdir().unwrap();
        let sessions = Sessions::open(directory.path().join("sessions.json"), HOUR);
        (directory, sessions)
    }

    #[track_caller]
    fn check(uses: &[Duration], expect: bool) {
        let (_directory, sessions) = sessions();
        let id = sessions.begin("anna", "s", 0).unwrap();
        let used = uses.iter().map(|at| sessions.used(&id, micros(*at)).is_some());
        assert_eq!(used.last(), Some(expect), "{uses:?}");
        assert_eq!(sessions.seen(&id, uses.last().map_or(0, |at| micros(*at))).is_some(), expect);
    }

    #[test]
    fn a_session_ends_after_a_time_without_use_and_at_an_age() {
        check(&[HOUR / 2], true);
        check(&[HOUR], false);
        check(&[HOUR / 2, HOUR, HOUR * 3 / 2], true);
        check(&[HOUR / 2, HOUR * 2, HOUR], false);
        let steps = |to: Duration| (1..).map(|n| HOUR / 2 * n).take_while(|at| *at <= to).collect::<Vec<_>>();
        check(&steps(MAX_SESSION_AGE - HOUR), true);
        check(&steps(MAX_SESSION_AGE), false);
    }

    #[test]
    fn a_session_ends_at_log_out() {
        let (_directory, sessions) = sessions();
        let ids: Vec<String> =
            ["anna", "anna", "ben"].map(|user| sessions.begin(user, "s", 0).unwrap()).to_vec();
        sessions.end(&ids[0]);
        let on = || ids.iter().map(|id| sessions.used(id, 1).is_some()).collect::<Vec<_>>();
        assert_eq!(on(), [false, true, true]);
        sessions.end_all_of("anna");
        assert_eq!(on(), [false, false, true]);
        assert_eq!(sessions.used("", 1), None);
    }

    #[test]
    fn sessions_survive_a_restart_and_the_file_does_not_hold_them() {
        let (directory, sessions) = sessions();
        let id = sessions.begin("anna", "s", 5).unwrap();
        sessions.token_used("t", 7);
        sessions.write(5).unwrap();
        let text = std::fs::read_to_string(directory.path().join("sessions.json")).unwrap();
        assert!(!text.contains(&id));
        let again = Sessions::open(directory.path().join("sessions.json"), HOUR);
        assert_eq!(again.used(&id, 6).unwrap().began, 5);
        assert_eq!(again.tokens_used().get("t"), Some(&7));
        again.forget_tokens(|_| false);
        assert!(again.tokens_used().is_empty());
        std::fs::write(directory.path().join("sessions.json"), "x").unwrap();
        assert_eq!(Sessions::open(directory.path().join("sessions.json"), HOUR).used(&id, 6), None);
    }

    #[test]
    fn what_was_used_is_written_now_and_then() {
        let (_directory, sessions) = sessions();
        let minute = micros(WRITE_EVERY);
        assert!(!sessions.is_due(minute));
        let id = sessions.begin("anna", "s", 0).unwrap();
        sessions.write(0).unwrap();
        assert!(!sessions.is_due(minute), "nothing has changed");
        sessions.used(&id, minute / 2);
        assert!(!sessions.is_due(minute / 2) && sessions.is_due(minute));
        sessions.write(minute).unwrap();
        assert!(!sessions.is_due(minute * 2));
    }

    #[test]
    fn a_user_has_so_many_sessions() {
        let (_directory, sessions) = sessions();
        let ids: Vec<String> = (0..=MAX_SESSIONS_OF_A_USER)
            .map(|n| sessions.begin("anna", "s", i64::try_from(n).unwrap()).unwrap())
            .collect();
        assert_eq!(sessions.used(&ids[0], 100), None);
        assert!(sessions.used(&ids[1], 100).is_some());
    }
}
