//! Who may send over HTTP: the lines of a file, each a token or `USER:PASSWORD`. Only hashes of them are kept.
//!
//! | `Authorization` | who is let in |
//! | --- | --- |
//! | `Bearer X`, `ApiKey X`, `Splunk X` | `X` is a token |
//! | `ApiKey base64(ID:KEY)` | `ID:KEY` is a line |
//! | `Basic base64(USER:PASSWORD)` | `USER:PASSWORD` is a line, or the password is a token |

use std::path::Path;

use anyhow::{Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::config::Secret;

/// Lines of the file, at most: each request is compared with all.
const MAX_LOGINS: usize = 1000;

/// Who may send.
#[derive(Debug, Default)]
pub struct Logins {
    /// Of each line.
    hashes: Vec<[u8; 32]>,
    /// Everybody may.
    open: bool,
}

impl Logins {
    /// Everybody may send.
    pub fn everybody() -> Logins {
        Logins { hashes: Vec::new(), open: true }
    }

    /// Those of a file. Blank lines and those that begin with `#` are left out.
    ///
    /// # Errors
    /// The file cannot be read, or lets in nobody, or too many.
    pub fn read(file: &Path) -> Result<Logins> {
        let secret = Secret::read(file)?;
        let lines = secret.expose().lines().map(str::trim);
        let hashes: Vec<[u8; 32]> =
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(hash).collect();
        let shown = file.display();
        match hashes.len() {
            0 => bail!("`{shown}` lets in nobody: it has neither a token nor a `USER:PASSWORD`"),
            1..=MAX_LOGINS => Ok(Logins { hashes, open: false }),
            lines => bail!("`{shown}` has {lines} lines, more than {MAX_LOGINS}"),
        }
    }

    /// Does this value of `Authorization` let in?
    pub fn admit(&self, authorization: Option<&str>) -> bool {
        if self.open {
            return true;
        }
        let Some((scheme, shown)) = authorization.and_then(|value| value.trim().split_once(' ')) else {
            return false;
        };
        let shown = shown.trim();
        let unpacked = STANDARD.decode(shown).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "splunk" => self.has(shown),
            "apikey" => self.has(shown) | unpacked.is_some_and(|unpacked| self.has(&unpacked)),
            "basic" => unpacked.is_some_and(|unpacked| {
                let password = unpacked.split_once(':').map(|(_, password)| password);
                self.has(&unpacked) | password.is_some_and(|password| self.has(password))
            }),
            _ => false,
        }
    }

    fn has(&self, shown: &str) -> bool {
        let hash = hash(shown);
        self.hashes.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&hash)).into()
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(text: &str) -> Result<Logins> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens");
        std::fs::write(&file, text).unwrap();
        Logins::read(&file)
    }

    #[test]
    fn who_is_let_in() {
        let logins = logins("# senders\n\ntok\nshop:pa ss\n").unwrap();
        let check = |authorization: &str, expect| {
            assert_eq!(logins.admit(Some(authorization)), expect, "{authorization}");
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        check("Bearer tok", true);
        check("bearer  tok ", true);
        check("ApiKey tok", true);
        check(&basic("anybody:tok"), true);
        check(&basic("shop:pa ss"), true);
        check(&format!("ApiKey {}", STANDARD.encode("shop:pa ss")), true);
        check(&basic("shop:tok2"), false);
        check(&basic("other:pa ss"), false);
        check("Bearer shop", false);
        check("Bearer # senders", false);
        check("Bearer", false);
        check("Digest tok", false);
        assert!(!logins.admit(None) && Logins::everybody().admit(None));
        assert!(!format!("{logins:?}").contains("tok"));
    }

    #[test]
    fn a_file_that_lets_in_nobody_is_a_mistake() {
        let why = logins("# nobody\n").unwrap_err().to_string();
        assert!(why.contains("lets in nobody"), "{why}");
    }
}
