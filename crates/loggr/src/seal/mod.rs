//! Seals on their way: the keys of the configuration, and what a listener, a machine or a shipper does
//! with the seals of its events.
//!
//! How an event is sealed is in `loggr-event`. Invariants: a seal that is broken is never covered by a
//! new one; an event whose seal is broken is marked and goes on, or goes to the rescue, and is dropped
//! nowhere; the work is done off the reactor.

mod keys;
mod source;
mod step;

pub use keys::read;
pub use source::sealed;
pub use step::{SealStats, Sealing, Seen};

/// The prefix of a listener's name in the rescue. No shipper has a dot in its name.
pub const LISTENER_RESCUE_PREFIX: &str = "listener.";
