//! The durable queues: looking into one, and dropping what waits in it.

use anyhow::Result;
use loggr_bus::{Bus, Purged};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events;

/// What was dropped of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// How many.
    pub dropped: u64,
    /// Of what: a broker counts messages.
    pub unit: Unit,
    /// Events of it that somebody works on.
    pub in_hand: u64,
    /// What becomes of those.
    pub in_hand_is: InHand,
}

/// What a queue counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Events.
    Events,
    /// Messages of a broker.
    Messages,
}

/// What becomes of events that somebody works on while their queue is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InHand {
    /// They are stored, or dropped as soon as they come back.
    Doomed,
    /// They are stored, or wait in the queue again.
    Kept,
}

impl Unit {
    /// One of them.
    pub fn noun(self) -> &'static str {
        match self {
            Unit::Events => "event",
            Unit::Messages => "message",
        }
    }
}

/// Drops everything that waits in a queue.
pub async fn purge(bus: &Bus, queue: &str) -> Result<Dropped> {
    Ok(match bus.purge(queue).await? {
        Purged::Events(dropped) => Dropped {
            dropped: dropped.events,
            unit: Unit::Events,
            in_hand: dropped.in_hand,
            in_hand_is: InHand::Doomed,
        },
        Purged::Messages { messages, in_hand } => {
            Dropped { dropped: messages, unit: Unit::Messages, in_hand, in_hand_is: InHand::Kept }
        }
    })
}

/// The oldest events that wait in a queue; they stay there.
pub async fn peek(bus: &Bus, queue: &str, limit: usize) -> Result<Vec<Value>> {
    Ok(events::json(bus.peek(queue, limit).await?.as_ref(), limit))
}
