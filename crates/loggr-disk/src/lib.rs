//! The disk: the one room with `fsync`, `flock` and `rename`.
//!
//! Knows nothing of ours: no events, no formats, no configuration. What it does:
//! - [`Lock`]: one process at a time on a file;
//! - [`replace`], [`publish`], [`rename`], [`make_directory`], [`sync_directory`]: names that a
//!   power cut does not take away;
//! - [`sync`], [`sync_many`], [`write_at`], [`read_at`], [`zero`]: the bytes of an open file;
//! - [`read_at_most`]: small files, of which nobody knows whether they are small;
//! - [`Faults`]: where tests put a fault in the way of all that.
//!
//! Invariants: what is done without the word `unsynced` in its name is durable when it answers
//! `Ok`; every failure is told, and no flush is repeated after one.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod directory;
mod fault;
mod file;
mod lock;
mod many;
mod name;
mod small;

pub use directory::{make_directory, make_directory_with};
pub use fault::Faults;
pub use file::{in_place, read_at, read_at_into, sync, write_at, zero};
pub use lock::{Holder, Lock, LockError};
pub use many::{sync_many, sync_many_directories};
pub use name::{
    NotPublished, Step, publish, publish_with, rename, rename_unsynced, replace, replace_unsynced,
    sync_directory, sync_new, sync_parent, write_new,
};
pub use small::{read_at_most, read_open_at_most, read_text_at_most};
