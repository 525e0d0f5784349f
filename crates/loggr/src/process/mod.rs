//! The base of a process: which part of the configuration it runs, its files on disk, its
//! privileges, confinement and descriptors, the service manager, its log, its memory, its clock and counters, work
//! on deliveries beside the reactor,
//! places for connections, and log lines about peers.
//!
//! Nothing here looks into events.

pub mod aside;
mod capabilities;
pub mod certificates;
pub mod clock;
pub mod confine;
pub mod descriptors;
pub mod gate;
pub mod latency;
pub mod memory;
pub mod meter;
pub mod part;
pub mod place;
pub mod privileges;
pub mod progress;
pub mod systemd;
pub mod telemetry;
pub mod told;
