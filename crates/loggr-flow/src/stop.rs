//! Stopping in two steps: drain (take nothing new, finish what is in hand), then abort.
//!
//! Aborting drops the deliveries in hand, and a dropped delivery is nacked, so nothing is lost.

use tokio::sync::watch;

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No stop was asked for.
    Run,
    /// Take nothing new.
    Drain,
    /// Drop everything at once.
    Abort,
}

/// Tells when to stop. Clone it into every task.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Phase>);

/// Gives the signal.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Phase>);

impl Stopper {
    /// A new pair, running.
    pub fn new() -> (Stopper, Stop) {
        let (tx, rx) = watch::channel(Phase::Run);
        (Stopper(tx), Stop(rx))
    }

    /// Asks for the first step.
    pub fn drain(&self) {
        self.raise(Phase::Drain);
    }

    /// Asks for the second step.
    pub fn abort(&self) {
        self.raise(Phase::Abort);
    }

    fn raise(&self, to: Phase) {
        self.0.send_if_modified(|phase| {
            let raised = *phase < to;
            *phase = (*phase).max(to);
            raised
        });
    }
}

impl Stop {
    /// A signal that is never given, for tests and one-shot commands.
    pub fn never() -> Stop {
        let (tx, rx) = watch::channel(Phase::Run);
        // The phase outlives its sender: a lost sender is not a signal.
        drop(tx);
        Stop(rx)
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Resolves when draining begins.
    pub async fn drain(&mut self) {
        self.reached(Phase::Drain).await;
    }

    /// Resolves when everything must be dropped.
    pub async fn abort(&mut self) {
        self.reached(Phase::Abort).await;
    }

    async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|p| *p >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_steps_come_in_order_and_never_go_back() {
        let (stopper, mut stop) = Stopper::new();
        assert_eq!(stop.phase(), Phase::Run);
        stopper.abort();
        stopper.drain();
        stop.drain().await;
        stop.abort().await;
        assert_eq!(stop.phase(), Phase::Abort);
    }
}
