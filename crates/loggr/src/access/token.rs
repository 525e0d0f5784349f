//! A token: what a program shows instead of logging in.
//!
//! The secret is shown once, when it is made; only its hash is kept.

use serde::{Deserialize, Serialize};

use super::refused::Refused;
use super::secret;

/// What every token begins with, so that scanners for secrets know one.
pub const PREFIX: &str = "loggr_";

/// Digits of a year in RFC 3339, and the last such year, not all of whose moments are known.
const YEAR_DIGITS: usize = 4;
const LAST_YEAR: &str = "9999";
/// When a token ends, it ends within so many days.
pub const MAX_LIFE_DAYS: i64 = 36_500;
/// The same in microseconds.
pub const MAX_LIFE_MICROS: i64 = MAX_LIFE_DAYS * 86_400_000_000;

/// Does a text that is no time begin with the last year that can be written, or one of more digits?
pub fn is_beyond_years(text: &str) -> bool {
    let year = text.trim_start_matches('+').split('-').next().unwrap_or_default();
    let is_late = year.len() > YEAR_DIGITS || year == LAST_YEAR;
    is_late && text.contains('-') && year.bytes().all(|b| b.is_ascii_digit())
}

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
    /// The id of the token that was shown when this one was made, if it was made by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
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
    /// The id of the token that makes it.
    pub maker: Option<String>,
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
            maker: new.maker,
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
