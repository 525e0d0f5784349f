//! Secrets, which are read from the files of keys that end in `_file`.
//!
//! Never printed: neither `Debug` nor an error shows it.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Longest secret in bytes.
pub const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A password, key or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Reads a file that holds the secret and nothing else; one newline at its end is dropped.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = loggr_disk::read_text_at_most(path, MAX_SECRET_BYTES)
            .with_context(|| format!("cannot read the secret in `{shown}`"))?;
        let Some(text) = text else {
            bail!("the secret in `{shown}` is longer than {MAX_SECRET_BYTES} bytes");
        };
        let secret = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
        match secret {
            "" => bail!("the secret in `{shown}` is empty"),
            secret => Ok(Secret(secret.to_owned())),
        }
    }

    /// A secret from another place; `None` if it is empty.
    pub fn new(secret: String) -> Option<Self> {
        Some(Secret(secret)).filter(|secret| !secret.0.is_empty())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], expect: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, content).unwrap();
        let secret = Secret::read(&path);
        assert_eq!(secret.as_ref().ok().map(Secret::expose), expect);
        assert!(!format!("{secret:?}").contains("pass"));
    }

    #[test]
    fn secrets() {
        check(b"pass\n", Some("pass"));
        check(b"pass\r\n", Some("pass"));
        check(b"pass word\n\n", Some("pass word\n"));
        check(b" pass", Some(" pass"));
        check(b"\n", None);
        check(b"\xff", None);
        check(&[b'a'; MAX_SECRET_BYTES as usize + 1], None);
    }
}
