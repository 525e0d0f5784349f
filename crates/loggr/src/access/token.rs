//! A token: what a program shows instead of logging in.
//!
//! The secret is shown once, when it is made; only its hash is kept.

use serde::{Deserialize, Serialize};

use super::refused::Refused;
use super::secret;

/// What every token begins with, so that scanners for secrets know one.
pub const PREFIX: &str = "loggr_";

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Names it, and is no secret.
    pub id: String,
    /// What it is for, in words.
    pub name: String,
    /// The hash of the secret.
    pub hash: String,
    /// The name of the role.
    pub role: String,
    /// The user whose token it is; none: it was made on the command line and is nobody's.
    #[serde(default)]
    pub owner: Option<String>,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// When it ends.
    #[serde(default)]
    pub expires: Option<i64>,
}

/// A token that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// The name of the role.
    pub role: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// When it ends.
    pub expires: Option<i64>,
}

impl Token {
    /// Makes one, and gives the secret.
    pub fn new(new: NewToken, now: i64) -> Result<(Token, String), Refused> {
        let secret = format!("{PREFIX}{}", secret::secret()?);
        let token = Token {
            id: secret::id()?,
            name: new.name,
            hash: secret::hash(&secret),
            role: new.role,
            owner: new.owner,
            created: now,
            expires: new.expires,
        };
        Ok((token, secret))
    }

    /// Is it over?
    pub fn is_over(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}
