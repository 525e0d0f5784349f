//! A source that gives rescued events out again.
//!
//! Invariant: an event leaves the rescue only after its destination holds it, whenever the caller
//! gives up. Waiting for the database happens on a thread of its own.

use std::collections::VecDeque;

use loggr_flow::{Delivery, Outcome, Settlements, Source, SourceError, Window, window};

use super::{Leaving, RescueError, RescueId, RescueStore};

/// Gives rescued events out again.
#[derive(Debug)]
pub struct Replay {
    store: RescueStore,
    sink: String,
    todo: VecDeque<RescueId>,
    window: Window<RescueId>,
    settlements: Settlements<RescueId>,
    in_flight: usize,
    /// Events whose destination holds them and that are still here.
    arrived: Vec<RescueId>,
}

impl RescueStore {
    /// A source that gives out the events that are here now, oldest first, one event in each
    /// delivery, at most `window` in flight. Events that are stored or dropped by a rule leave the
    /// rescue; events that are nacked or rescued again stay.
    ///
    /// # Errors
    /// [`RescueError`].
    pub fn replay(
        &self,
        sink: &str,
        ids: Option<Vec<RescueId>>,
        window_size: usize,
    ) -> Result<Replay, RescueError> {
        let todo = match ids {
            Some(ids) => ids.into(),
            None => self.ids(sink)?,
        };
        let (window, settlements) = window(window_size);
        Ok(Replay {
            store: self.clone(),
            sink: sink.to_owned(),
            todo,
            window,
            settlements,
            in_flight: 0,
            arrived: Vec::new(),
        })
    }
}

impl Replay {
    fn settle(&mut self, (id, outcome): (RescueId, Outcome)) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if matches!(outcome, Outcome::Ack(tally) if tally.rescued == 0) {
            self.arrived.push(id);
        }
    }

    /// Asks the database off the reactor.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&RescueStore, &str) -> Result<T, RescueError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (store, sink) = (self.store.clone(), self.sink.clone());
        let asked = tokio::task::spawn_blocking(move || question(&store, &sink)).await;
        let broken = "the replay cannot go on";
        asked
            .map_err(|error| SourceError::with_source(broken, error))?
            .map_err(|error| SourceError::with_source(broken, error))
    }
}

impl Source for Replay {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        // The caller may give up at each `await` and call again.
        loop {
            while let Some(settled) = self.settlements.try_next() {
                self.settle(settled);
            }
            if !self.arrived.is_empty() {
                let ids = self.arrived.clone();
                self.ask(move |store, sink| store.remove(sink, &ids, Leaving::Replayed)).await?;
                self.arrived.clear();
            }
            if let Some(id) = self.todo.front().copied()
                && let Some(slot) = self.window.try_reserve()
            {
                let rescued = self.ask(move |store, sink| store.get(sink, id)).await?;
                self.todo.pop_front();
                let Some(rescued) = rescued else { continue };
                self.in_flight += 1;
                return Ok(Some(Delivery::new(rescued.batch, slot.ack(id))));
            }
            if self.in_flight == 0 {
                return Ok(None);
            }
            match self.settlements.next().await {
                Some(settled) => self.settle(settled),
                None => return Ok(None),
            }
        }
    }
}
