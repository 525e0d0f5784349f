//! Whose turn it is: how much one user, and all together, may ask at one time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::web::problem::{Code, Problem};

/// Queries of one user that may run at one time; a page asks about six at once.
pub const MAX_AT_ONCE: usize = 24;
/// Exports that may be read at one time, whoever reads them.
const MAX_EXPORTS: usize = 16;
/// Exports that one user may read at one time, so that the others can have theirs.
const MAX_EXPORTS_OF_ONE: usize = 4;

/// How many questions, or what else may be asked, of each user run.
#[derive(Debug)]
pub struct Turns {
    most: usize,
    of_what: &'static str,
    users: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns::new(MAX_AT_ONCE, "queries")
    }
}

impl Turns {
    /// Names that are kept at least before those that ask nothing are forgotten.
    const KEPT: usize = 256;

    /// So many of each user.
    fn new(most: usize, of_what: &'static str) -> Turns {
        Turns { most, of_what, users: Mutex::default() }
    }

    /// A turn, if the user has one left. It is given back when it is dropped.
    pub fn take(&self, user: &str) -> Result<OwnedSemaphorePermit, Problem> {
        let Turns { most, of_what, users } = self;
        let mut users = users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() > Turns::KEPT {
            users.retain(|_, turns| turns.available_permits() < *most);
        }
        let turns = users.entry(user.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(*most)));
        turns.clone().try_acquire_owned().map_err(|_| {
            Problem::new(Code::TooMany, format!("{most} {of_what} of `{user}` run already"))
                .hint("wait until one of them has ended")
                .retry_after(1)
        })
    }
}

/// Places for those who export.
#[derive(Clone, Debug)]
pub struct Exports {
    all: Arc<Semaphore>,
    of_one: Arc<Turns>,
}

impl Default for Exports {
    fn default() -> Exports {
        Exports {
            all: Arc::new(Semaphore::new(MAX_EXPORTS)),
            of_one: Arc::new(Turns::new(MAX_EXPORTS_OF_ONE, "exports")),
        }
    }
}

/// A place; it is given back when it is dropped.
pub type Place = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Exports {
    /// A place, if the user and everybody together have one left.
    pub fn lend(&self, user: &str) -> Result<Place, Problem> {
        let own = self.of_one.take(user)?;
        let place = self.all.clone().try_acquire_owned().map_err(|_| {
            Problem::new(Code::TooMany, format!("{MAX_EXPORTS} exports are read already"))
                .hint("wait until one of them has ended")
                .retry_after(10)
        })?;
        Ok((own, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_turns_and_gets_them_back() {
        let turns = Turns::default();
        let taken: Vec<_> = (0..MAX_AT_ONCE).map(|_| turns.take("anna").expect("a turn")).collect();
        assert!(turns.take("anna").is_err() && turns.take("bert").is_ok());
        drop(taken);
        assert!(turns.take("anna").is_ok());
    }

    #[test]
    fn exports_have_places_of_all_and_of_each() {
        let exports = Exports::default();
        let user = |n: usize| format!("user{}", n / MAX_EXPORTS_OF_ONE);
        let taken: Vec<_> = (0..MAX_EXPORTS).map(|n| exports.lend(&user(n)).expect("a place")).collect();
        assert!(exports.lend("somebody").is_err());
        drop(taken);
        let _own: Vec<_> = (0..MAX_EXPORTS_OF_ONE).map(|_| exports.lend("anna").expect("a place")).collect();
        assert!(exports.lend("anna").is_err() && exports.lend("bert").is_ok());
    }
}
