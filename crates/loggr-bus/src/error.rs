//! Why the bus could not be opened, or a queue could not be reached.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use crate::binding::BadKey;

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The configuration is wrong: exit code 2.
    Config,
    /// Another process holds the directory.
    Locked,
    /// An operation on disk failed.
    Io,
}

/// Why the bus could not be opened, or a queue could not be reached.
#[derive(Debug)]
pub struct OpenError {
    kind: OpenErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl OpenError {
    pub(crate) fn config(what: impl Into<String>) -> OpenError {
        OpenError { kind: OpenErrorKind::Config, what: what.into(), hint: None, source: None }
    }

    pub(crate) fn key(what: impl Into<String>, source: BadKey) -> OpenError {
        OpenError { source: Some(source.into()), ..OpenError::config(what) }
    }

    pub(crate) fn locked(what: impl Into<String>) -> OpenError {
        let hint = Some("stop the other process, or give this one another data directory".to_owned());
        OpenError { kind: OpenErrorKind::Locked, what: what.into(), hint, source: None }
    }

    pub(crate) fn io(what: &str, path: &Path, source: io::Error) -> OpenError {
        let what = format!("{what} `{}`", path.display());
        OpenError { kind: OpenErrorKind::Io, what, hint: None, source: Some(source.into()) }
    }

    /// Adds what the operator can do about it.
    pub(crate) fn hinted(self, hint: &str) -> OpenError {
        OpenError { hint: Some(hint.to_owned()), ..self }
    }

    pub(crate) fn caused_by(self, cause: &dyn Error) -> OpenError {
        OpenError { source: Some(cause.to_string().into()), ..self }
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> OpenErrorKind {
        self.kind
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|e| &**e as _)
    }
}
