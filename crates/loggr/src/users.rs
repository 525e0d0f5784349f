//! Names of users, for people.

use nix::unistd::{Uid, User};

/// A user in words: the name, where this host has one for the number.
pub fn user_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("the user `{}`", user.name),
        Ok(None) | Err(_) => format!("the user with the number {uid}"),
    }
}
