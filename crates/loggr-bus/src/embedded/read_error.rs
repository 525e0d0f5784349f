//! Why a queue cannot be read.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a queue cannot be read further.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The disk said no; it may be better later.
    Block { file: PathBuf, offset: u64, source: io::Error },
    /// The cursor could not be written; it may be better later.
    Cursor(io::Error),
    /// What was handed out is not where it was.
    Gone(io::Error),
    /// A frame is whole, but this program cannot read what is in it.
    Unreadable { seq: u64, source: crate::encoding::DecodeError },
}

impl ReadError {
    /// With its cause.
    pub fn chain(&self) -> String {
        let cause = self.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{self}{cause}")
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Block { file, offset, .. } => {
                write!(f, "cannot read `{}` at offset {offset}", file.display())
            }
            ReadError::Cursor(_) => f.write_str("cannot write the cursor"),
            ReadError::Gone(_) => f.write_str("cannot read the log"),
            ReadError::Unreadable { seq, .. } => write!(f, "cannot read batch {seq}"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::Block { source, .. } => Some(source),
            ReadError::Cursor(e) | ReadError::Gone(e) => Some(e),
            ReadError::Unreadable { source, .. } => Some(source),
        }
    }
}
