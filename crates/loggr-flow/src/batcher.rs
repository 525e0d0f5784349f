//! The batcher: joins small deliveries into large ones, bounded in events, bytes and age.
//!
//! It joins batches, never events, which is the work of a packer. Joining copies nothing.

use std::time::{Duration, Instant};

use crate::delivery::Delivery;
use crate::traits::Stage;

/// When a batch is large or old enough.
#[derive(Clone, Copy, Debug)]
pub struct BatcherLimits {
    /// Give the batch on at this many events.
    pub max_events: usize,
    /// Or this many bytes.
    pub max_bytes: usize,
    /// Or when its first event is this old.
    pub max_age: Duration,
}

/// Holds deliveries until they make a batch worth storing.
#[derive(Debug)]
pub struct Batcher {
    limits: BatcherLimits,
    held: Vec<Delivery>,
    events: usize,
    bytes: usize,
    due: Option<Instant>,
}

impl Batcher {
    /// An empty batcher.
    pub fn new(limits: BatcherLimits) -> Batcher {
        Batcher { limits, held: Vec::new(), events: 0, bytes: 0, due: None }
    }
}

impl Stage for Batcher {
    fn feed(&mut self, delivery: Delivery, now: Instant) {
        self.events += delivery.batch().len();
        self.bytes += delivery.batch().byte_len();
        self.held.push(delivery);
        let due = self.due.get_or_insert(now + self.limits.max_age);
        if self.events >= self.limits.max_events || self.bytes >= self.limits.max_bytes {
            *due = now;
        }
    }

    fn ready(&mut self, now: Instant) -> Option<Delivery> {
        if self.due? > now {
            return None;
        }
        self.due = None;
        self.events = 0;
        self.bytes = 0;
        Delivery::join(std::mem::take(&mut self.held))
    }

    fn wake_at(&self) -> Option<Instant> {
        self.due
    }

    fn flush(&mut self) {
        if let Some(due) = self.due.as_mut() {
            *due = Instant::now().min(*due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{lines, stage};
    use crate::delivery::Ack;

    fn batcher(max_events: usize) -> Batcher {
        Batcher::new(BatcherLimits { max_events, max_bytes: 1 << 20, max_age: Duration::from_secs(1) })
    }

    fn delivery(texts: &[&str]) -> Delivery {
        Delivery::new(lines(texts), Ack::unreliable(|| ()))
    }

    #[test]
    fn gives_on_at_its_size() {
        let (mut b, now) = (batcher(3), Instant::now());
        b.feed(delivery(&["a", "b"]), now);
        assert!(b.ready(now).is_none());
        b.feed(delivery(&["c"]), now);
        assert_eq!(b.ready(now).unwrap().batch().len(), 3);
        assert!(b.wake_at().is_none());
    }

    #[test]
    fn gives_on_at_its_age() {
        let (mut b, now) = (batcher(3), Instant::now());
        b.feed(delivery(&["a"]), now);
        let due = b.wake_at().unwrap();
        assert!(b.ready(due - Duration::from_millis(1)).is_none());
        assert_eq!(b.ready(due).unwrap().batch().len(), 1);
    }

    #[test]
    fn keeps_the_contract_of_a_stage() {
        stage(|| Box::new(batcher(1000)));
    }
}
