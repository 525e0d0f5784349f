//! Tasks that are started one by one and stopped together.

use std::time::Duration;

use loggr_flow::{Stop, Stopper};
use tokio::task::JoinSet;

/// Some tasks, and the signal that stops them.
pub struct Crew {
    /// The signal that its tasks obey.
    pub stop: Stop,
    /// Its tasks.
    pub tasks: JoinSet<()>,
    stopper: Stopper,
}

impl Crew {
    /// A crew without tasks.
    pub fn new() -> Crew {
        let (stopper, stop) = Stopper::new();
        Crew { stop, tasks: JoinSet::new(), stopper }
    }

    /// Tells the tasks to take nothing new.
    pub fn drain(&self) {
        self.stopper.drain();
    }

    /// Tells the tasks to drop their deliveries, which nacks them.
    pub fn abort(&self) {
        self.stopper.abort();
    }

    /// Waits for all tasks. A panic has been logged already, and does not change the order of
    /// stopping.
    pub async fn ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of loggr ended unexpectedly, which is a bug of loggr");
            }
        }
    }

    /// Waits for all tasks, but not for longer than this.
    pub async fn ended_within(&mut self, grace: Duration) {
        drop(tokio::time::timeout(grace, self.ended()).await);
    }
}
