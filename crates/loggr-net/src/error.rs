//! The one error of the crate: what failed, on which object, why, and what to do next.

use std::error::Error;
use std::fmt;

/// An error that an operator can act on. `Display` says what failed and on which object.
#[derive(Debug)]
pub struct NetError {
    what: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
}

impl NetError {
    pub(crate) fn new(what: impl Into<String>) -> NetError {
        NetError { what: what.into(), cause: None, hint: None }
    }

    #[cfg(any(feature = "bind", feature = "names", feature = "tls"))]
    pub(crate) fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> NetError {
        NetError { cause: Some(cause.into()), ..self }
    }

    pub(crate) fn hinted(self, hint: impl Into<String>) -> NetError {
        NetError { hint: Some(hint.into()), ..self }
    }

    /// What to do about it, if that is known: lower case, no full stop.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The cause alone, for an error that has its own words.
    pub fn into_cause(self) -> Option<Box<dyn Error + Send + Sync>> {
        self.cause
    }

    /// The error, its cause and its hint in one line, for places that have no more room.
    pub fn in_one_line(&self) -> String {
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let hint = self.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{}{cause}{hint}", self.what)
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for NetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
