//! What somebody may see of the events: those that a query finds, without some fields.
//!
//! A role has one and so has a user; both hold. It is checked when it is set.

use std::sync::Arc;

use loggr_store::query::{Hidden, Query};
use serde::{Deserialize, Serialize};

use super::refused::{Kind, Refused};
use crate::reading;

/// Fields that are hidden, at most.
const MAX_HIDDEN: usize = 256;
/// Longest name of a field that is hidden.
const MAX_FIELD_BYTES: usize = 256;

/// What may be seen; the default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Only what this query finds may be seen. None: everything.
    #[serde(default)]
    pub filter: Option<String>,
    /// Fields that must not be seen.
    #[serde(default)]
    pub hidden: Vec<String>,
}

impl Sight {
    /// Is there anything that must not be seen?
    pub fn is_restricted(&self) -> bool {
        self.filter.is_some() || !self.hidden.is_empty()
    }

    /// The query of the filter. Where it can no longer be read nothing may be seen, so it is an error.
    pub fn query(&self) -> Result<Option<Query>, Refused> {
        self.filter.as_deref().map(|filter| read(filter).map(|query| (*query).clone())).transpose()
    }

    /// Looks whether it can be kept, and makes it tidy.
    pub fn checked(mut self) -> Result<Sight, Refused> {
        self.filter = self.filter.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        self.query()?;
        if self.hidden.len() > MAX_HIDDEN {
            return Err(Refused::new(Kind::Limit, format!("at most {MAX_HIDDEN} fields can be hidden")));
        }
        for field in &mut self.hidden {
            *field = field.trim().to_owned();
            if field.is_empty() || field.len() > MAX_FIELD_BYTES {
                return Err(Refused::new(Kind::Bad("hidden"), format!("`{field}` is no field")));
            }
        }
        self.hidden.sort();
        self.hidden.dedup();
        Hidden::new(&self.hidden).map_err(|error| Refused::new(Kind::Bad("hidden"), error.to_string()))?;
        Ok(self)
    }
}

fn read(text: &str) -> Result<Arc<Query>, Refused> {
    reading::parse_kept(text).map_err(|error| {
        let refused = Refused::new(Kind::Bad("filter"), format!("the filter cannot be read: {error}"));
        match error.hint_text() {
            Some(hint) => refused.hinted(hint),
            None => refused,
        }
    })
}
