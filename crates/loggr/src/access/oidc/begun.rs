//! Log-ins that began here and went to the provider: what comes back must belong to one of them, once.
//!
//! Nothing is kept for a log-in that began: the browser has a cookie with a secret, until when it holds,
//! and our signature. What the provider and its tokens must repeat (state, nonce, PKCE's verifier) is
//! derived from that secret. Only which ones came back is remembered, until they are over anyway.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::access::{Refused, secret};

/// How long somebody may take to log in at the provider.
pub const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// Log-ins that came back and are remembered; of more the oldest are forgotten.
const MAX_USED: usize = 10_000;
/// Characters of a secret and of a signature.
const HEX: usize = 64;
/// Characters of a time.
const TIME: usize = 16;

/// A log-in that began here.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    secret: String,
    /// Until when it may come back, in microseconds since 1970.
    until: i64,
}

/// Signs them, and knows which came back.
pub struct Beginnings {
    /// Another one in each life of the process: what began before a restart begins anew.
    key: String,
    used: Mutex<HashMap<String, i64>>,
}

impl Begun {
    /// What the provider sends back with the browser.
    pub fn state(&self) -> String {
        secret::derived("oidc state", &self.secret)
    }

    /// What the provider writes into the token.
    pub fn nonce(&self) -> String {
        secret::derived("oidc nonce", &self.secret)
    }

    /// What the provider is shown in the end, and of which it has seen the hash (PKCE).
    pub fn verifier(&self) -> String {
        secret::derived("oidc verifier", &self.secret)
    }
}

impl Beginnings {
    /// None yet.
    pub fn new() -> Result<Beginnings, Refused> {
        Ok(Beginnings { key: secret::secret()?, used: Mutex::default() })
    }

    /// A new one, and what the cookie says.
    pub fn begin(&self, now: i64) -> Result<(Begun, String), Refused> {
        let max_age = i64::try_from(MAX_AGE.as_micros()).unwrap_or(i64::MAX);
        let begun = Begun { secret: secret::secret()?, until: now.saturating_add(max_age) };
        let said = format!("{}{:0TIME$x}", begun.secret, begun.until);
        let cookie = format!("{said}{}", self.signature(&said));
        Ok((begun, cookie))
    }

    /// The one of a cookie with this state; the same is given once.
    pub fn end(&self, cookie: &str, state: &str, now: i64) -> Option<Begun> {
        if !cookie.is_ascii() || cookie.len() != HEX + TIME + HEX {
            return None;
        }
        let (said, signature) = cookie.split_at(HEX + TIME);
        if !secret::same(signature, &self.signature(said)) {
            return None;
        }
        let (secret, until) = said.split_at(HEX);
        let begun = Begun { secret: secret.to_owned(), until: i64::from_str_radix(until, 16).ok()? };
        if now >= begun.until || !secret::same(state, &begun.state()) {
            return None;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| now < *until);
        if used.len() >= MAX_USED
            && let Some(oldest) = used.iter().min_by_key(|(_, until)| **until).map(|(state, _)| state.clone())
        {
            used.remove(&oldest);
        }
        used.insert(state.to_owned(), begun.until).is_none().then_some(begun)
    }

    fn signature(&self, said: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).map(|mac| mac.chain_update(said));
        // HMAC takes a key of any length.
        mac.map(|mac| secret::hex(&mac.finalize().into_bytes())).unwrap_or_default()
    }
}

impl std::fmt::Debug for Beginnings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Beginnings(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: i64 = 60_000_000;

    #[test]
    fn what_began_here_comes_back_once() {
        let ours = Beginnings::new().unwrap();
        let (begun, cookie) = ours.begin(0).unwrap();
        let state = begun.state();
        assert!(cookie.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(ours.end(&cookie, &state, SOON).is_some_and(|same| same == begun));
        assert!(ours.end(&cookie, &state, SOON).is_none());
    }

    #[test]
    fn nothing_else_comes_back() {
        let (ours, theirs) = (Beginnings::new().unwrap(), Beginnings::new().unwrap());
        let (begun, cookie) = ours.begin(0).unwrap();
        let (other, _) = ours.begin(0).unwrap();
        let over = i64::try_from(MAX_AGE.as_micros()).unwrap();
        let check = |by: &Beginnings, cookie: &str, state: &str, now: i64| {
            assert!(by.end(cookie, state, now).is_none(), "{cookie} {state} {now}");
        };
        check(&ours, &cookie, &other.state(), SOON);
        check(&ours, &cookie, "", SOON);
        check(&ours, &cookie, &begun.state(), over);
        check(&theirs, &cookie, &begun.state(), SOON);
        check(&ours, "", &begun.state(), SOON);
        check(&ours, &cookie[1..], &begun.state(), SOON);
        check(&ours, &"\u{e9}".repeat(72), &begun.state(), SOON);
        // Nobody lets it hold for longer.
        let longer = format!("{}{:016x}{}", &cookie[..HEX], i64::MAX, &cookie[HEX + TIME..]);
        check(&ours, &longer, &begun.state(), SOON);
        assert!(ours.end(&cookie, &begun.state(), SOON).is_some());
    }

    #[test]
    fn what_is_derived_shows_nothing_of_the_rest() {
        let (begun, cookie) = Beginnings::new().unwrap().begin(0).unwrap();
        let all = [begun.state(), begun.nonce(), begun.verifier()];
        assert!(all.iter().all(|one| !cookie.contains(one.as_str()) && one.len() == HEX));
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }
}
