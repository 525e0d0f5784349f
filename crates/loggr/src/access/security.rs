//! The security log: who did what, from where. One line for each log-in, change of users, search,
//! export, replay and purge.
//!
//! Not where the lines go: the log of the process takes those of the target [`TARGET`] to a file of
//! their own, if `[log] security` names one.

use std::fmt::Display;
use std::net::IpAddr;

use super::who::Who;
use crate::process::telemetry::SECURITY as TARGET;

/// Characters of a name that somebody only claims.
const MAX_CLAIM: usize = 64;

/// What somebody who was let in did. `what` is a verb and its object in lower case, such as
/// `searched`; `about` says on what, and how it ended: `query="…" rows=12`.
pub fn told(who: &Who, what: &'static str, about: impl Display) {
    let from = who.from.map(|from| from.to_string());
    let about = said(about);
    tracing::info!(target: TARGET, security = what, who = who.name, via = who.via.word(), from, about, "{what}");
}

/// What somebody did who was not let in, or not yet. `name` is what they call themselves.
pub fn told_of(name: &str, from: Option<IpAddr>, what: &'static str, about: impl Display) {
    let from = from.map(|from| from.to_string());
    let name: String = name.chars().take(MAX_CLAIM).collect();
    let about = said(about);
    tracing::warn!(target: TARGET, security = what, who = name, from, about, "{what}");
}

/// What there is to say, if there is anything.
fn said(about: impl Display) -> Option<String> {
    Some(about.to_string()).filter(|about| !about.is_empty())
}
