//! Where reading begins at the very first time: what files, the journal and the kernel's messages have in common.

use crate::config::choice::choice;
use crate::config::keys::{Key, key, one_of};

/// The key, beside those that all listeners have.
pub const KEYS: &[Key] = &[key(
    "start",
    one_of::<Start>(),
    "\"beginning\"",
    "what is read at the very first time: everything that is there, or with `end` what comes from then on. Later loggr \
     goes on where it had come to, and files that appear later are always read from their beginning",
)
.only(READ)];

/// What loggr reads itself.
const READ: &[&str] = &["file", "journal", "kernel"];

/// What is read at the very first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// All that is there.
    Beginning,
    /// Only what comes.
    End,
}

choice!(Start { Beginning = "beginning", End = "end" });
