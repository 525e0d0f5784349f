//! The disk: the only crate that calls `fsync`, `flock` and `rename`.
//!
//! It knows no events, no formats and no configuration. It has:
//! - [`Lock`]: one process at a time on a file;
//! - [`replace`], [`publish`], [`rename`], [`make_directory`], [`sync_directory`]: names that a
//!   power cut does not take away;
//! - [`replace_private`]: the same for what only its owner may read;
//! - [`sync`], [`sync_many`], [`write_at`], [`read_at`], [`zero`]: the bytes of an open file;
//! - [`read_at_most`]: reading of files that should be small, with a limit;
//! - [`Folder`]: a directory into which others put files;
//! - [`Faults`]: points at which tests let all of that fail.
//!
//! Invariants: the work of a function without `unsynced` in its name is durable when it returns
//! `Ok`; every failure is returned, and no flush is repeated after one.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod directory;
mod fault;
mod file;
mod folder;
mod lock;
mod many;
mod name;
mod private;
mod small;

pub use directory::{make_directory, make_directory_with};
pub use fault::Faults;
pub use file::{in_place, read_at, read_at_into, sync, write_at, zero};
pub use folder::{Folder, Kind, Looks};
pub use lock::{Holder, Lock, LockError};
pub use many::{sync_many, sync_many_directories};
pub use name::{
    NotPublished, Step, publish, publish_with, rename, rename_unsynced, replace, replace_unsynced,
    sync_directory, sync_new, sync_parent, write_new,
};
pub use private::{make_private_directory, replace_private};
pub use small::{read_at_most, read_open_at_most, read_text_at_most};
