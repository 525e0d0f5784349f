//! The exit codes, all of them.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything went well.
    Fine = 0,
    /// Something failed while running.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// `loggr status`: nothing runs.
    NotRunning = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit as u8)
    }
}

/// Marks an error as one of usage or configuration.
#[derive(Debug)]
pub struct UsageError(pub anyhow::Error);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for UsageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Whether it is an error of usage or configuration.
pub fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<UsageError>()) || error.downcast_ref::<UsageError>().is_some()
}

/// Marks errors as ones of usage or configuration.
pub trait Usage<T> {
    /// Marks the error as one of usage, so that the program ends with [`Exit::Usage`].
    fn usage(self) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Usage<T> for Result<T, E> {
    fn usage(self) -> anyhow::Result<T> {
        self.map_err(|e| anyhow::Error::new(UsageError(e.into())))
    }
}
