//! Why something about users, roles or tokens was not done.

use std::error::Error;
use std::fmt;

/// What whoever asked can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no such user, role or token.
    NotFound,
    /// This part of what was asked is wrong.
    Bad(&'static str),
    /// It would leave nobody who may, or whoever asks may not.
    Forbidden,
    /// There are too many.
    Limit,
    /// Ask again.
    Busy,
    /// The accounts cannot be read or written.
    Broken,
}

/// What was refused, and why.
#[derive(Debug)]
pub struct Refused {
    kind: Kind,
    what: String,
    hint: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Refused {
    /// A refusal in words.
    pub fn new(kind: Kind, what: impl Into<String>) -> Refused {
        Refused { kind, what: what.into(), hint: None, cause: None }
    }

    /// There is none of this name.
    pub fn none(what: &str, name: &str) -> Refused {
        Refused::new(Kind::NotFound, format!("there is no {what} `{name}`"))
    }

    /// Says what to do.
    pub fn hinted(mut self, hint: impl Into<String>) -> Refused {
        self.hint = Some(hint.into());
        self
    }

    /// Says what lies behind it.
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Refused {
        self.cause = Some(cause.into());
        self
    }

    /// What can be done about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// With its cause.
    pub fn in_one_line(&self) -> String {
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{}{cause}", self.what)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
