//! What was found when an exchange was opened, for the operator.

use super::span::Damage;

/// What was found when one exchange was opened.
#[derive(Clone, Debug, Default)]
pub struct ExchangeReport {
    /// Its name.
    pub name: String,
    /// True if it was not there before.
    pub created: bool,
    /// Bytes at the end that a crash left half written; they were never acknowledged.
    pub torn_bytes: u64,
    /// Events that cannot be read any more.
    pub damage: Vec<Damage>,
    /// Events that are missing because a file is missing.
    pub missing_events: u64,
    /// What cannot be read now, in words; the events there wait in their queues.
    pub unreadable: Vec<String>,
    /// What else the operator should know, in words.
    pub notes: Vec<String>,
    /// Queues that were made now; those of an older exchange begin at its end.
    pub new_queues: Vec<String>,
    /// Queues on disk that the configuration does not name, and the events that wait
    /// in them. They are kept and hold space until they are deleted.
    pub unconfigured_queues: Vec<(String, u64)>,
}
