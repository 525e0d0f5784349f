//! How often somebody may try to log in: guessing is slow, and nobody is kept out by the failures of others.
//!
//! | who tries | what slows them |
//! | --- | --- |
//! | a browser in which the user has logged in before (a cookie says so) | its own failures |
//! | an address from which the user has logged in before, as long as this process runs | the failures of the address |
//! | anybody else: a stranger | the failures of the address, and those of all strangers who try this user |
//!
//! After some failures each further one makes the wait of a browser or an address longer, up to an end.
//! An address is a subscriber: IPv6 counts by its /64. Strangers who try one user share a number of tries
//! that comes back at a steady pace. Whoever has a handful of addresses does not use it up, because each of
//! them is slowed; whoever has thousands guesses no faster than that pace, and keeps away strangers alone.
//! Where nothing is guessed of a user (the link of a first start, a provider) only the address counts.
//!
//! Not whether a cookie is known: that is `session/browsers.rs`. What is remembered has a limit; whoever
//! waits longest is remembered longest. A restart forgets all but the cookies.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loggr_net::Network;

/// Tries of a browser or an address that wait for nothing.
const FREE_TRIES: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest.
const MAX_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after so long without another one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// Tries of all strangers together at one user that wait for nothing.
const TRIES_OF_STRANGERS: u32 = 200;
/// Another one of them every so often.
const STRANGERS_PACE: Duration = Duration::from_secs(30);
/// An address from which a user has logged in is remembered for so long.
const HOME_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Browsers and addresses, users, and addresses of users that are remembered, of each at most.
const MAX_REMEMBERED: usize = 10_000;
/// Bits of an IPv6 address that are one subscriber's.
const SUBSCRIBER_BITS: u8 = 64;

/// The network of one subscriber: the address, and of IPv6 its /64.
pub fn subscriber(address: IpAddr) -> Option<Network> {
    let bits = if address.to_canonical().is_ipv4() { 32 } else { SUBSCRIBER_BITS };
    Network::around(address, bits)
}

/// Whose failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    Browser(String),
    Address(Network),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn until(&self) -> Instant {
        match self.count.checked_sub(FREE_TRIES) {
            None => self.last,
            Some(doubled) => self.last + FIRST_WAIT.saturating_mul(1 << doubled.min(16)).min(MAX_WAIT),
        }
    }
}

/// Who tries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries<'t> {
    /// The user whose password is tried; none where nothing of a user is guessed.
    pub user: Option<&'t str>,
    /// From where.
    pub from: Option<IpAddr>,
    /// What names a browser in which this user has logged in before.
    pub browser: Option<&'t str>,
}

/// How long somebody has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// From now.
    pub time: Duration,
    /// Others have failed under this name, not who tries.
    pub is_for_strangers: bool,
}

#[derive(Debug, Default)]
struct Remembered {
    failures: HashMap<Of, Failures>,
    /// When all tries of strangers at a user have come back.
    strangers: HashMap<String, Instant>,
    /// When a user last logged in from an address.
    homes: HashMap<(String, Network), Instant>,
}

/// What is remembered of those who tried.
#[derive(Debug, Default)]
pub struct Slow(Mutex<Remembered>);

/// A try that was allowed. It counts as failed until it is said to have gone well.
#[derive(Debug)]
#[must_use]
pub struct Try<'s> {
    slow: &'s Slow,
    of: Option<Of>,
    /// The user at whom it counts as a stranger's.
    strange_to: Option<String>,
    /// The user and the address that belong together if it goes well.
    home: Option<(String, Network)>,
}

impl Slow {
    /// Allows a try, or says how long to wait.
    pub fn allow(&self, tries: Tries<'_>) -> Result<Try<'_>, Wait> {
        self.allow_at(tries, Instant::now())
    }

    fn allow_at(&self, tries: Tries<'_>, now: Instant) -> Result<Try<'_>, Wait> {
        // However long the name: what is kept of it is short.
        let user = tries.user.map(|user| super::secret::hash(&user.to_ascii_lowercase()));
        let address = tries.from.and_then(subscriber);
        let browser = tries.browser.map(|browser| Of::Browser(browser.to_owned()));
        let is_known = browser.is_some();
        let of = browser.or(address.map(Of::Address));
        let home = user.clone().zip(address);
        let mut all = self.lock();
        let is_home = home.as_ref().and_then(|home| all.homes.get(home));
        let is_home = is_home.is_some_and(|last| now.saturating_duration_since(*last) < HOME_FOR);
        let strange_to = user.filter(|_| !is_known && !is_home);
        let own = of.as_ref().and_then(|of| all.failures.get(of)).map(Failures::until);
        let own = own.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let back = strange_to.as_ref().and_then(|user| all.strangers.get(user));
        let back = back.map_or(Duration::ZERO, |back| back.saturating_duration_since(now));
        let strange = back.saturating_sub(STRANGERS_PACE * (TRIES_OF_STRANGERS - 1));
        if !own.is_zero() || !strange.is_zero() {
            return Err(Wait { time: own.max(strange), is_for_strangers: own.is_zero() });
        }
        if let Some(of) = &of {
            let is_old = |last: &Failures| now.saturating_duration_since(last.last) >= FORGOTTEN_AFTER;
            make_room(&mut all.failures, of, is_old, |failures| failures.until());
            let failures = all.failures.entry(of.clone()).or_insert(Failures { count: 0, last: now });
            let count = if is_old(failures) { 0 } else { failures.count };
            *failures = Failures { count: count.saturating_add(1), last: now };
        }
        if let Some(user) = &strange_to {
            make_room(&mut all.strangers, user, |back| *back <= now, |back| *back);
            let back = all.strangers.entry(user.clone()).or_insert(now);
            *back = (*back).max(now) + STRANGERS_PACE;
        }
        drop(all);
        Ok(Try { slow: self, of, strange_to, home })
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// It went well. A browser begins anew. Of an address, and of what strangers have, only this try is
    /// taken back, since somebody with an account could try others' in between.
    pub fn went_well(self) {
        self.went_well_at(Instant::now());
    }

    fn went_well_at(self, now: Instant) {
        let mut all = self.slow.lock();
        match &self.of {
            Some(of @ Of::Browser(_)) => drop(all.failures.remove(of)),
            Some(of @ Of::Address(_)) => {
                if let Some(failures) = all.failures.get_mut(of) {
                    failures.count = failures.count.saturating_sub(1);
                }
            }
            None => {}
        }
        if let Some(back) = self.strange_to.as_ref().and_then(|user| all.strangers.get_mut(user)) {
            *back = back.checked_sub(STRANGERS_PACE).unwrap_or(*back);
        }
        if let Some(home) = self.home {
            let is_old = |last: &Instant| now.saturating_duration_since(*last) >= HOME_FOR;
            make_room(&mut all.homes, &home, is_old, |last| *last);
            all.homes.insert(home, now);
        }
    }

    /// It was no try: nothing was guessed.
    pub fn was_none(self) {
        let home = None;
        Try { home, ..self }.went_well();
    }
}

/// Makes room for another one: forgets what is old, or else the least.
fn make_room<K: Hash + Eq + Clone, V>(
    all: &mut HashMap<K, V>,
    for_this: &K,
    is_old: impl Fn(&V) -> bool,
    rank: impl Fn(&V) -> Instant,
) {
    if all.len() < MAX_REMEMBERED || all.contains_key(for_this) {
        return;
    }
    all.retain(|_, value| !is_old(value));
    if all.len() >= MAX_REMEMBERED
        && let Some(least) = all.iter().min_by_key(|(_, value)| rank(value)).map(|(key, _)| key.clone())
    {
        all.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "anna";

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + n)))
    }

    fn at(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Somebody from there, of whom nothing else is known.
    fn stranger(user: &str, from: Option<IpAddr>) -> Tries<'_> {
        Tries { user: Some(user), from, browser: None }
    }

    /// Fails until it has to wait; gives how often, and for how long it waits.
    fn fail(slow: &Slow, tries: Tries<'_>, now: Instant) -> (u32, Wait) {
        let mut count = 0;
        loop {
            match slow.allow_at(tries, now) {
                Ok(allowed) => drop(allowed),
                Err(wait) => return (count, wait),
            }
            count += 1;
        }
    }

    /// So many strangers fail at the user as often as they may, for so long.
    fn siege(slow: &Slow, strangers: u32, begin: Instant, lasts: Duration) -> u32 {
        let (mut now, mut tried) = (begin, 0);
        while now < begin + lasts {
            tried += (0..strangers).map(|n| fail(slow, stranger(USER, address(n)), now).0).sum::<u32>();
            now += Duration::from_secs(1);
        }
        tried
    }

    #[test]
    fn waits_grow_and_have_an_end() {
        for browser in [None, Some("b")] {
            let (slow, mut now) = (Slow::default(), Instant::now());
            let tries = Tries { browser, ..stranger(USER, address(1)) };
            let mut waits = Vec::new();
            for _ in 0..20 {
                let (_, wait) = fail(&slow, tries, now);
                assert!(!wait.is_for_strangers);
                waits.push(wait.time.as_secs());
                now += wait.time;
            }
            assert_eq!(waits[..6], [1, 2, 4, 8, 16, 32]);
            assert_eq!(*waits.last().unwrap(), MAX_WAIT.as_secs());
            // From elsewhere nobody waits for it.
            assert!(slow.allow_at(stranger(USER, address(2)), now).is_ok());
            now += FORGOTTEN_AFTER;
            assert!(slow.allow_at(tries, now).is_ok());
        }
    }

    #[test]
    fn strangers_do_not_keep_a_user_out_who_has_been_there_before() {
        let (slow, begin) = (Slow::default(), Instant::now());
        slow.allow_at(stranger(USER, address(7_000)), begin).unwrap().went_well_at(begin);
        let lasts = STRANGERS_PACE * 3 / 2;
        siege(&slow, 300, begin, lasts);
        let now = begin + lasts;
        let wait = slow.allow_at(stranger(USER, address(8_000)), now).unwrap_err();
        assert!(wait.is_for_strangers && wait.time <= STRANGERS_PACE, "{wait:?}");
        // In a browser that is known, even beside those who fail; from an address that is known; and
        // another user is not meant.
        let known = Tries { browser: Some("b"), ..stranger(USER, address(1)) };
        assert!(slow.allow_at(known, now).is_ok());
        assert!(slow.allow_at(stranger(USER, address(7_000)), now).is_ok());
        assert!(slow.allow_at(stranger("ben", address(8_000)), now).is_ok());
    }

    #[test]
    fn guessing_is_slow_from_however_many_addresses() {
        let (slow, begin) = (Slow::default(), Instant::now());
        let tried = siege(&slow, 300, begin, STRANGERS_PACE * 20);
        assert_eq!(tried, TRIES_OF_STRANGERS + 19);
    }

    #[test]
    fn who_has_a_few_addresses_keeps_no_stranger_away() {
        let (slow, begin) = (Slow::default(), Instant::now());
        for minute in 0..120 {
            let now = begin + Duration::from_secs(60) * minute;
            siege(&slow, 10, now, Duration::from_secs(60));
            let rightful = slow.allow_at(stranger(USER, address(9_000)), now + Duration::from_secs(60));
            rightful.unwrap().was_none();
        }
    }

    #[test]
    fn an_address_that_gets_in_does_not_begin_anew_and_nobody_pays_for_going_well() {
        let (slow, now) = (Slow::default(), Instant::now());
        for n in 0..100 {
            // One who has an account tries another's in between.
            let Ok(allowed) = slow.allow_at(stranger("mallory", address(1)), now) else { break };
            allowed.went_well_at(now);
            let user = format!("u{n}");
            let Ok(failed) = slow.allow_at(stranger(&user, address(1)), now) else { break };
            drop(failed);
        }
        assert!(slow.allow_at(stranger("mallory", address(1)), now).is_err());
        for _ in 0..TRIES_OF_STRANGERS * 2 {
            slow.allow_at(stranger(USER, address(3)), now).unwrap().was_none();
        }
        // Where nothing of a user is guessed, the address counts alone.
        let nobody = Tries { from: address(4), ..Tries::default() };
        assert_eq!(fail(&slow, nobody, now).0, FREE_TRIES);
    }

    #[track_caller]
    fn check_address(a: &str, b: &str, one: bool) {
        let (slow, now) = (Slow::default(), Instant::now());
        fail(&slow, stranger(USER, at(a)), now);
        assert_eq!(slow.allow_at(stranger("other", at(b)), now).is_err(), one, "{a} {b}");
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
        fail(&slow, stranger(USER, None), now);
        for n in 0..u32::try_from(MAX_REMEMBERED).unwrap() + 10 {
            let user = n.to_string();
            slow.allow_at(stranger(&user, address(n)), now).unwrap().went_well_at(now);
            drop(slow.allow_at(stranger(&user, address(n)), now));
        }
        let all = slow.lock();
        let sizes = [all.failures.len(), all.strangers.len(), all.homes.len()];
        drop(all);
        assert!(sizes.iter().all(|size| *size <= MAX_REMEMBERED), "{sizes:?}");
        assert!(slow.allow_at(stranger(USER, None), now).is_err());
    }
}
