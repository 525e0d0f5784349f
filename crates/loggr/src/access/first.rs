//! The link of a first start: whoever has it may make the first administrator, once.

use serde::{Deserialize, Serialize};

use super::refused::Refused;
use super::secret;

/// How long it is good for, in microseconds.
pub const FIRST_LINK_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// What is kept of the code in the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Its hash.
    pub hash: String,
    /// When it ends, in microseconds since 1970.
    pub expires: i64,
}

impl First {
    /// Makes one, and gives the code.
    pub fn new(now: i64) -> Result<(First, String), Refused> {
        let code = secret::secret()?;
        Ok((First { hash: secret::hash(&code), expires: now.saturating_add(FIRST_LINK_MICROS) }, code))
    }

    /// Is it this code, and in time?
    pub fn is(&self, code: &str, now: i64) -> bool {
        secret::same(&self.hash, &secret::hash(code)) && now < self.expires
    }
}
