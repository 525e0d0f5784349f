//! The ways on which events leave a machine: for each exchange and routing key a pump that publishes.
//!
//! All workers share them, so that what they hand over in order is published in order. A pump is started when
//! it is first needed, and ends when its way is none any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use loggr_bus::Publisher;
use loggr_flow::{ChannelSource, Delivery, channel_source};
use tokio::sync::mpsc;

use super::{Loaded, STEPS_AHEAD, lock};

/// A pump that somebody has to run: from the channel to an exchange.
pub(super) struct NewPump {
    pub source: ChannelSource,
    pub publisher: Publisher,
}

/// The pumps are gone because the process stops.
pub(super) struct Stopped;

/// The pumps of a machine.
pub(super) struct Ways {
    pumps: mpsc::Sender<NewPump>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// By exchange and routing key.
    senders: HashMap<(String, String), mpsc::Sender<Delivery>>,
    /// Whose outlets they are.
    loaded: Option<Arc<Loaded>>,
}

impl Ways {
    /// None is open; new pumps are given to this channel.
    pub fn new(pumps: mpsc::Sender<NewPump>) -> Ways {
        Ways { pumps, open: Mutex::default() }
    }

    /// Hands a delivery to the pump of a way, and blocks while that has enough. Nothing happens for a way that
    /// the filter does not have.
    ///
    /// # Errors
    /// Nobody publishes any more.
    pub fn send(&self, loaded: &Arc<Loaded>, way: usize, delivery: Delivery) -> Result<(), Stopped> {
        match self.sender(loaded, way)? {
            Some(sender) => sender.blocking_send(delivery).map_err(|_| Stopped),
            None => Ok(()),
        }
    }

    fn sender(&self, loaded: &Arc<Loaded>, way: usize) -> Result<Option<mpsc::Sender<Delivery>>, Stopped> {
        let mut open = lock(&self.open);
        if !open.loaded.as_ref().is_some_and(|known| Arc::ptr_eq(known, loaded)) {
            let outlets = &loaded.outlets;
            open.senders.retain(|(exchange, key), _| {
                outlets.iter().any(|outlet| outlet.exchange == *exchange && outlet.key == *key)
            });
            open.loaded = Some(loaded.clone());
        }
        let Some(outlet) = loaded.outlets.get(way) else { return Ok(None) };
        let name = (outlet.exchange.clone(), outlet.key.clone());
        if let Some(sender) = open.senders.get(&name) {
            return Ok(Some(sender.clone()));
        }
        let (sender, source) = channel_source(STEPS_AHEAD);
        let pump = NewPump { source, publisher: outlet.publisher.clone() };
        self.pumps.blocking_send(pump).map_err(|_| Stopped)?;
        open.senders.insert(name, sender.clone());
        Ok(Some(sender))
    }
}
