//! Passwords: how they are kept and compared.
//!
//! argon2id with the parameters that OWASP names for it. Slow on purpose, so it runs off the reactor and
//! only a few at one time. Whoever is unknown costs the same time as whoever is known.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::refused::{Kind, Refused};

/// Memory of one hash, in KiB (OWASP: 19 MiB with two passes and one lane).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes at one time: each takes a thread and its memory.
const AT_ONCE: usize = 2;
/// How long somebody waits for their turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shortest password, in characters.
pub const MIN_PASSWORD_CHARACTERS: usize = 8;
/// Longest password.
pub const MAX_PASSWORD_BYTES: usize = 1024;

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("BUG: the parameters are within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Can this be a password? Rules on its letters only make people write it down.
pub fn check(password: &str) -> Result<(), Refused> {
    let refused = |text: String| Err(Refused::new(Kind::Bad("password"), text));
    if password.chars().count() < MIN_PASSWORD_CHARACTERS {
        return refused(format!("the password has fewer than {MIN_PASSWORD_CHARACTERS} characters"));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return refused(format!("the password has more than {MAX_PASSWORD_BYTES} bytes"));
    }
    Ok(())
}

/// What is kept of a password. Slow.
pub fn hash(password: &str) -> Result<String, Refused> {
    check(password)?;
    let hashed = hasher().hash_password(password.as_bytes());
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| Refused::new(Kind::Broken, "cannot hash a password").because(error.to_string()))
}

/// Is it this one? Slow, also where there is nothing to compare with.
pub fn verify(password: &str, kept: Option<&str>) -> bool {
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this one").ok());
    if password.len() > MAX_PASSWORD_BYTES {
        return false;
    }
    let Some(text) = kept.or(NOBODY.as_deref()) else { return false };
    let Ok(hash) = PasswordHash::new(text) else { return false };
    hasher().verify_password(password.as_bytes(), &hash).is_ok() && kept.is_some()
}

/// Where passwords wait for their turn.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Turns {
    /// [`hash`], off the reactor.
    pub async fn hash(&self, password: String) -> Result<String, Refused> {
        self.work(move || hash(&password)).await?
    }

    /// [`verify`], off the reactor.
    pub async fn verify(&self, password: String, kept: Option<String>) -> Result<bool, Refused> {
        self.work(move || verify(&password, kept.as_deref())).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
        let busy = || Refused::new(Kind::Busy, "too many passwords are being checked");
        let turn = tokio::time::timeout(PATIENCE, self.0.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| Refused::new(Kind::Broken, "cannot check a password").because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash("correct horse").unwrap());
        assert!(verify("correct horse", Some(&kept)));
        assert!(!verify("Correct horse", Some(&kept)));
        assert!(!verify("", Some(&kept)));
        assert!(!verify("correct horse", Some("no hash")));
        assert!(!verify("nobody has this one", None));
    }

    #[track_caller]
    fn check_length(password: &str, expect: bool) {
        assert_eq!(check(password).is_ok(), expect, "{} bytes", password.len());
    }

    #[test]
    fn passwords_have_a_length() {
        check_length("1234567", false);
        check_length("ääääääää", true);
        check_length(&"x".repeat(MAX_PASSWORD_BYTES), true);
        check_length(&"x".repeat(MAX_PASSWORD_BYTES + 1), false);
    }

    #[tokio::test]
    async fn passwords_take_turns() {
        let turns = Turns::default();
        let kept = turns.hash("correct horse".to_owned()).await.unwrap();
        let all = (0..4).map(|_| turns.verify("correct horse".to_owned(), Some(kept.clone())));
        for verified in futures_util::future::join_all(all).await {
            assert!(verified.unwrap());
        }
    }
}
