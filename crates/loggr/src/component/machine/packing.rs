//! From `[packers.NAME]` to packers: what a machine makes for each of its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow};
use loggr_filter::lang::Predicate;
use loggr_flow::Stage;
use loggr_flow::packer::{self, PackerCounters, PackerLimits, Rule, StartFormat, preset};

use crate::config::{Config, Machine, Packer, PackerKind};
use crate::exit::Usage;

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

/// The packers of a machine, in their order.
pub fn all(config: &Config, machine: &Machine) -> Result<Vec<Packing>> {
    let named = machine.packers.iter().map(|name| {
        let packer = config.packers.iter().find(|packer| packer.name == *name);
        packer.with_context(|| format!("there is no packer `{name}`")).and_then(Packing::new).usage()
    });
    named.collect()
}

impl Packing {
    fn new(packer: &Packer) -> Result<Packing> {
        let rule = match &packer.kind {
            PackerKind::Time { window } => Rule::by_time(*window),
            PackerKind::Format { start } => {
                Rule::by_format(start.iter().map(|text| StartFormat::parse(text)).collect::<Result<_, _>>()?)
            }
            PackerKind::Preset { languages } => {
                let known = languages.iter().map(|name| preset(name).context("there is no such preset"));
                Rule::traces(&known.collect::<Result<Vec<_>>>()?)
            }
        };
        let condition = packer.condition.as_deref().map(|text| {
            Predicate::compile(&format!("[packers.{}] if", packer.name), text).map_err(|e| anyhow!("{e}"))
        });
        Ok(Packing {
            name: packer.name.clone(),
            rule,
            limits: PackerLimits {
                max_age: packer.max_age,
                max_lines: packer.max_lines,
                max_bytes: packer.max_size,
            },
            condition: condition.transpose()?.map(Arc::new),
            counters: Arc::default(),
        })
    }

    /// One for a worker.
    pub fn stage(&self) -> Box<dyn Stage> {
        let packer = packer::Packer::new(self.rule.clone(), self.limits, self.counters.clone());
        match self.condition.clone() {
            Some(condition) => Box::new(packer.only(Box::new(move |event| condition.holds(event)))),
            None => Box::new(packer),
        }
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
