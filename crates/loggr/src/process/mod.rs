//! The ground of a process: which part of the configuration it runs, its places on disk, its
//! privileges and descriptors, the service manager, its log, its memory, its clock and meters, the places of
//! its doors, and what it says of peers.
//!
//! Knows nothing of events.

pub mod clock;
pub mod descriptors;
pub mod gate;
pub mod memory;
pub mod meter;
pub mod part;
pub mod place;
pub mod privileges;
pub mod progress;
pub mod systemd;
pub mod telemetry;
pub mod told;
