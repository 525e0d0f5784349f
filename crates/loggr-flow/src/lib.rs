//! Responsibility for events, expressed in types: which part holds an event, and when it may let go
//! of it.
//!
//! A [`Source`] gives [`Delivery`]s: a [`Batch`] and the [`Ack`] that settles it,
//! inseparable. A [`Sink`] sees the batch alone and returns a [`Receipt`], which can
//! only be signed for that batch. The [`pump`](mod@pump) alone brings the two together.
//! Whatever is dropped, cancelled or lost in a panic is a nack: the events are
//! delivered again. Nothing here can turn silence into an acknowledgement.
//!
//! This crate knows no concrete source and no concrete sink.
//!
//! Loss is a type error. An ack needs a receipt:
//! ```compile_fail,E0061
//! fn f(d: loggr_flow::Delivery) { d.ack(); }
//! ```
//! one receipt settles once:
//! ```compile_fail,E0382
//! fn f(d: loggr_flow::Delivery, r: loggr_flow::Receipt, s: loggr_flow::Receipt) { d.ack(r); d.ack(s); }
//! ```
//! a batch does not leave its delivery:
//! ```compile_fail,E0616
//! fn f(d: loggr_flow::Delivery) -> loggr_flow::Batch { d.batch }
//! ```
//! nor by taking the delivery apart:
//! ```compile_fail,E0451
//! fn f(d: loggr_flow::Delivery) { let loggr_flow::Delivery { batch, .. } = d; }
//! ```
//! a receipt cannot be made up:
//! ```compile_fail,E0451
//! fn f(d: loggr_flow::Delivery) { d.ack(loggr_flow::Receipt { batch: 0, fate: loggr_flow::Fate::Stored }); }
//! ```
//! and an ack cannot be used twice:
//! ```compile_fail,E0599
//! fn f(a: loggr_flow::Ack) { let b = a.clone(); drop((a, b)); }
//! ```
#![deny(missing_docs)]

mod batch;
mod batcher;
pub mod contract;
mod delivery;
pub mod packer;
mod pump;
mod record;
mod retry;
mod stop;
mod traits;
mod trial;
mod window;

pub use batch::{Batch, BatchBuilder, Chunk, MAX_ORIGINS};
pub use batcher::{Batcher, BatcherLimits};
pub use delivery::{Ack, Delivery, Fate, Outcome, Receipt, Tally};
pub use pump::{LONGEST_TRIAL, MAX_ATTEMPTS, PumpObserver, Quiet, pump, pump_staged};
pub use record::{BadRecords, Payload, RECORD_HEADER_BYTES, Record, Records};
pub use retry::Backoff;
pub use stop::{Phase, Stop, Stopper};
pub use traits::{
    ChannelSource, Reason, Rescue, Sink, Source, SourceError, Stage, StoreError, channel_source,
};
pub use trial::Trial;
pub use window::{Settlements, Slot, Window, window};
