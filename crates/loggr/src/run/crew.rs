//! Tasks that are started one by one and stopped together.

use std::time::Duration;

use loggr_flow::{Stop, Stopper};
use tokio::task::JoinSet;

/// Some tasks, and the word that stops them.
pub struct Crew {
    /// What its tasks listen to.
    pub stop: Stop,
    /// Its tasks.
    pub tasks: JoinSet<()>,
    stopper: Stopper,
}

impl Crew {
    /// Nobody yet.
    pub fn new() -> Crew {
        let (stopper, stop) = Stopper::new();
        Crew { stop, tasks: JoinSet::new(), stopper }
    }

    /// Says that nothing new is to be taken.
    pub fn drain(&self) {
        self.stopper.drain();
    }

    /// Says that what is in hand is to be dropped, which nacks it.
    pub fn abort(&self) {
        self.stopper.abort();
    }

    /// Waits for all of them. One that panicked has said so itself, and is no reason to stop in
    /// another order.
    pub async fn ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of loggr ended unexpectedly, which is a bug of loggr");
            }
        }
    }

    /// Waits for all of them, but not for longer than this.
    pub async fn ended_within(&mut self, grace: Duration) {
        drop(tokio::time::timeout(grace, self.ended()).await);
    }
}
