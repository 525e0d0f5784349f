//! How often somebody may try to log in: after some failures each try waits, longer each time.
//!
//! Counted by user and by address (IPv6 by its /64, which is one subscriber). Nobody is locked out: the
//! waits have an end, that of a user a near one, since anybody can fail under another's name. What is
//! remembered has a limit; whoever waits longest is remembered longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use loggr_net::Network;

/// Tries that wait for nothing.
const FREE_TRIES: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait of a user.
const MAX_WAIT_OF_A_USER: Duration = Duration::from_secs(30);
/// Longest wait of an address.
const MAX_WAIT_OF_AN_ADDRESS: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after so long without another one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// Users and addresses that are remembered.
const MAX_REMEMBERED: usize = 10_000;
/// Bits of an IPv6 address that are one subscriber's.
const SUBSCRIBER_BITS: u8 = 64;

/// Whose failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    User(String),
    Address(Network),
}

impl Of {
    fn longest(&self) -> Duration {
        match self {
            Of::User(_) => MAX_WAIT_OF_A_USER,
            Of::Address(_) => MAX_WAIT_OF_AN_ADDRESS,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn until(&self, of: &Of) -> Instant {
        match self.count.checked_sub(FREE_TRIES) {
            None => self.last,
            Some(doubled) => {
                let wait = FIRST_WAIT.saturating_mul(1 << doubled.min(16)).min(of.longest());
                self.last + wait
            }
        }
    }
}

/// The failures that are remembered.
#[derive(Debug, Default)]
pub struct Slow(Mutex<HashMap<Of, Failures>>);

/// A try that was allowed. It counts as failed until it is said to have gone well.
#[derive(Debug)]
#[must_use]
pub struct Try<'s> {
    slow: &'s Slow,
    user: Of,
    address: Option<Of>,
}

impl Slow {
    /// Allows a try, or says how long to wait. `user` and `from` are those of whoever tries.
    pub fn allow(&self, user: &str, from: Option<IpAddr>) -> Result<Try<'_>, Duration> {
        self.allow_at(user, from, Instant::now())
    }

    fn allow_at(&self, user: &str, from: Option<IpAddr>, now: Instant) -> Result<Try<'_>, Duration> {
        let bits = |from: IpAddr| if from.to_canonical().is_ipv4() { 32 } else { SUBSCRIBER_BITS };
        let address = from.and_then(|from| Network::around(from, bits(from))).map(Of::Address);
        // However long the name: what is kept of it is short.
        let user = Of::User(super::secret::hash(&user.to_ascii_lowercase()));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let both = || [Some(&user), address.as_ref()].into_iter().flatten();
        let until = both().filter_map(|of| all.get(of).map(|failures| failures.until(of))).max();
        if let Some(wait) = until.map(|until| until.saturating_duration_since(now)).filter(|w| !w.is_zero()) {
            return Err(wait);
        }
        for of in both() {
            if !all.contains_key(of) {
                make_room(&mut all, now);
            }
            let failures = all.entry(of.clone()).or_insert(Failures { count: 0, last: now });
            if now.saturating_duration_since(failures.last) >= FORGOTTEN_AFTER {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
        drop(all);
        Ok(Try { slow: self, user, address })
    }
}

impl Try<'_> {
    /// It went well. The user begins anew; of the address only this try is taken back, since somebody
    /// with an account could try others' in between.
    pub fn went_well(self) {
        let mut all = self.slow.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.user);
        if let Some(failures) = self.address.and_then(|address| all.get_mut(&address)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

/// Forgets what is old, or else who waits least.
fn make_room(all: &mut HashMap<Of, Failures>, now: Instant) {
    if all.len() < MAX_REMEMBERED {
        return;
    }
    all.retain(|_, failures| now.saturating_duration_since(failures.last) < FORGOTTEN_AFTER);
    if all.len() >= MAX_REMEMBERED
        && let Some(least) =
            all.iter().min_by_key(|(of, failures)| failures.until(of)).map(|(of, _)| of.clone())
    {
        all.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "anna";

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Fails until it has to wait; gives how long.
    fn fail(slow: &Slow, user: &str, from: Option<IpAddr>, now: Instant) -> Duration {
        loop {
            match slow.allow_at(user, from, now) {
                Ok(allowed) => drop(allowed),
                Err(wait) => return wait,
            }
        }
    }

    #[test]
    fn waits_grow_and_have_an_end() {
        let (slow, mut now) = (Slow::default(), Instant::now());
        let from = address("10.0.0.1");
        let mut waits = Vec::new();
        for _ in 0..20 {
            let wait = fail(&slow, USER, from, now);
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits[..6], [1, 2, 4, 8, 16, 32]);
        assert_eq!(*waits.last().unwrap(), MAX_WAIT_OF_AN_ADDRESS.as_secs());
        // From elsewhere the user waits a little at most.
        let wait = fail(&slow, USER, address("10.0.0.2"), now);
        assert!(wait <= MAX_WAIT_OF_A_USER, "{wait:?}");
        now += FORGOTTEN_AFTER;
        assert!(slow.allow_at(USER, from, now).is_ok());
    }

    #[test]
    fn a_user_who_gets_in_begins_anew_and_an_address_does_not() {
        let (slow, now) = (Slow::default(), Instant::now());
        for n in 0..100 {
            // One who has an account tries another's in between.
            let Ok(allowed) = slow.allow_at("mallory", address("10.0.0.1"), now) else { break };
            allowed.went_well();
            let Ok(failed) = slow.allow_at(&format!("u{n}"), address("10.0.0.1"), now) else { break };
            drop(failed);
        }
        assert!(slow.allow_at("mallory", address("10.0.0.1"), now).is_err());
        slow.allow_at("mallory", address("10.0.0.2"), now).unwrap().went_well();
        for _ in 0..FREE_TRIES * 3 {
            slow.allow_at(USER, address("10.0.0.3"), now).unwrap().went_well();
        }
    }

    #[track_caller]
    fn check_address(a: &str, b: &str, one: bool) {
        let (slow, now) = (Slow::default(), Instant::now());
        fail(&slow, USER, address(a), now);
        assert_eq!(slow.allow_at("other", address(b), now).is_err(), one, "{a} {b}");
    }

    #[test]
    fn an_address_is_a_subscriber() {
        check_address("10.0.0.1", "10.0.0.1", true);
        check_address("10.0.0.1", "::ffff:10.0.0.1", true);
        check_address("10.0.0.1", "10.0.0.2", false);
        check_address("2001:db8::1", "2001:db8::2", true);
        check_address("2001:db8::1", "2001:db8:0:1::1", false);
    }

    #[test]
    fn a_crowd_does_not_make_who_waits_forgotten() {
        let (slow, now) = (Slow::default(), Instant::now());
        fail(&slow, USER, None, now);
        for n in 0..MAX_REMEMBERED + 10 {
            slow.allow_at(&n.to_string(), None, now).map(drop).unwrap_or_default();
        }
        assert!(slow.0.lock().unwrap().len() <= MAX_REMEMBERED);
        assert!(slow.allow_at(USER, None, now).is_err());
    }
}
