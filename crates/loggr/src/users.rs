//! Names of users, for messages.

use nix::unistd::{Uid, User};

/// The name of a user, or the number if this host has no name for it.
pub fn user_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("the user `{}`", user.name),
        Ok(None) | Err(_) => format!("the user with the number {uid}"),
    }
}
