//! Why something of the journal cannot be read, and how far that reaches.

use std::{fmt, io};

/// Why a file, or an entry of it, cannot be read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The system refuses.
    Io(io::Error),
    /// It is no journal, or one that this reader does not know.
    Foreign(String),
    /// The entry is damaged; those behind it can be read.
    Entry(String),
    /// The list of entries is damaged: nothing behind this place can be read.
    End(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Io(error) => error.fmt(f),
            Trouble::Foreign(what) | Trouble::Entry(what) | Trouble::End(what) => f.write_str(what),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

impl Trouble {
    /// What is wrong with one entry is wrong with all behind it, where the list of entries is damaged.
    pub(super) fn at_the_end(self) -> Trouble {
        match self {
            Trouble::Entry(what) => Trouble::End(what),
            other => other,
        }
    }
}
