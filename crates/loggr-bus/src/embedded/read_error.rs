//! Why a queue cannot be read.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a queue cannot be read further.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The disk cannot read a block; it may be able to later.
    Block { file: PathBuf, offset: u64, source: io::Error },
    /// The cursor could not be written; that may work later.
    Cursor(io::Error),
    /// Frames that were handed out are not where they were.
    Gone(io::Error),
    /// A frame is whole, but this program cannot decode its content.
    Unreadable { seq: u64, source: crate::encoding::DecodeError },
}

impl ReadError {
    /// The error with its causes, on one line.
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
