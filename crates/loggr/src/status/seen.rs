//! A process as seen by another one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Status;

/// How a process is doing, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It reports in time.
    Running,
    /// It has not reported in time.
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

/// A process that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its status; only the identity for a lost process.
    pub status: Status,
    /// How it is doing.
    pub state: State,
    /// Time since it was last heard of.
    pub age: Duration,
}

impl Seen {
    /// The calling process itself, now.
    pub fn now(status: Status) -> Seen {
        Seen { status, state: State::Running, age: Duration::ZERO }
    }
}
