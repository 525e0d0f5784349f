//! From `[packers.NAME]` to packers: what a machine makes for each of its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use loggr_filter::lang::Predicate;
use loggr_flow::Stage;
use loggr_flow::packer::{self, PackerCounters, PackerLimits, Rule};

use crate::config::Packer;

/// A packer of a machine: how it is made, and what all of its kind count.
#[derive(Debug)]
pub struct Packing {
    /// Its name in the configuration.
    pub name: String,
    rule: Rule,
    limits: PackerLimits,
    condition: Option<Arc<Predicate>>,
    counters: Arc<PackerCounters>,
}

impl Packing {
    /// As the configuration has it.
    pub fn new(packer: &Packer) -> Packing {
        Packing {
            name: packer.name.clone(),
            rule: packer.rule.clone(),
            limits: packer.limits,
            condition: packer.condition.clone(),
            counters: Arc::default(),
        }
    }

    /// One for a worker.
    pub fn stage(&self) -> Box<dyn Stage> {
        let packer = packer::Packer::new(self.rule.clone(), self.limits, self.counters.clone());
        match self.condition.clone() {
            Some(condition) => Box::new(packer.only(Box::new(move |event| condition.holds(event)))),
            None => Box::new(packer),
        }
    }

    /// How long one holds an event.
    pub fn max_age(&self) -> Duration {
        self.limits.max_age
    }

    /// Does one of them hold something?
    pub fn holds(&self) -> bool {
        self.held() > 0
    }

    /// Events that are held now.
    pub fn held(&self) -> u64 {
        read(&self.counters.held)
    }

    /// Events that were made of several.
    pub fn packed(&self) -> u64 {
        read(&self.counters.packed)
    }

    /// Events that are gone because they became part of another.
    pub fn merged(&self) -> u64 {
        read(&self.counters.merged)
    }

    /// Groups given on because of their age.
    pub fn aged(&self) -> u64 {
        read(&self.counters.aged)
    }

    /// Groups given on because of a limit.
    pub fn limited(&self) -> u64 {
        read(&self.counters.limited)
    }

    /// Groups given on because the window was full or the machine stopped.
    pub fn flushed(&self) -> u64 {
        read(&self.counters.flushed)
    }

    /// Events at which looking failed by our fault; they went on alone.
    pub fn panics(&self) -> u64 {
        read(&self.counters.panics)
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
