//! A process as somebody else has seen it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Status;

/// How a process is doing, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was heard of as often as it should be.
    Running,
    /// It was not heard of for longer than it should.
    Late,
    /// It ended without stopping, or cannot reach the registry.
    Lost,
}

impl State {
    /// The word in the status.
    pub fn keyword(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Late => "late",
            State::Lost => "lost",
        }
    }
}

/// A process that somebody has seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its status; of a lost one only who it was.
    pub status: Status,
    /// How it is doing.
    pub state: State,
    /// Time since it was last heard of.
    pub age: Duration,
}

impl Seen {
    /// A process that speaks for itself, now.
    pub fn now(status: Status) -> Seen {
        Seen { status, state: State::Running, age: Duration::ZERO }
    }
}
