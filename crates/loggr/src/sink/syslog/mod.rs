//! The `syslog` sink: events to other syslog servers.
//!
//! | file | what |
//! | --- | --- |
//! | `work.rs` | the lines of a batch, and what became of each |
//! | `caution.rs` | lines on which a target ends the connection |
//! | `question.rs` | a line of loggr's own, with which they are compared |
//! | `targets.rs` | which target gets them |
//! | `connect.rs` | connections, with TLS or without |
//! | `relp.rs`, `stream.rs`, `datagram.rs` | what is spoken on them |
//! | `pace.rs` | how many bytes a second are sent |
//! | `trouble.rs` | why a target takes nothing, in sentences |
//! | `stats.rs` | what is counted |
//!
//! The receipt is signed when the next station has taken responsibility for every line, as far as its
//! protocol can say so: over RELP when it has answered 200 to each. A line that it refuses goes to the rescue.
//! Nothing is dropped while no target can be reached: the batch waits, and the queue with it.
//!
//! A batch comes again after an error, whole or in parts. The lines that have their verdict are remembered
//! until the batch is done, so that they are not sent twice.

mod caution;
mod connect;
mod datagram;
mod pace;
mod question;
mod relp;
mod stats;
mod stream;
mod targets;
mod trouble;
mod work;

use std::sync::Arc;

use loggr_event::DumpFormat;
use loggr_flow::{Batch, Receipt, Sink, Stop, StoreError};

use self::caution::Caution;
use self::targets::Targets;
use self::work::{Settled, Work};
use crate::config::ship::SyslogShip;
use crate::process::clock::now;
use crate::sink::tls::Tls;

pub use stats::{ForwardStats, Standing, TargetStats};
pub use stream::unacknowledged;

/// Sends batches. Clones share the connections; what each remembers of its batch is its own.
pub struct SyslogSink {
    targets: Arc<Targets>,
    format: Arc<DumpFormat>,
    stats: Arc<ForwardStats>,
    settled: Settled,
    caution: Caution,
}

impl Clone for SyslogSink {
    fn clone(&self) -> SyslogSink {
        let (targets, format, stats) = (self.targets.clone(), self.format.clone(), self.stats.clone());
        SyslogSink { targets, format, stats, settled: Settled::default(), caution: Caution::default() }
    }
}

impl std::fmt::Debug for SyslogSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyslogSink")
    }
}

impl SyslogSink {
    /// A sink for targets that may be away at the moment. `name` is the shipper's. Once `stop` drains, nothing
    /// waits for bandwidth any more.
    pub fn new(
        name: &str,
        ship: &SyslogShip,
        tls: Option<Tls>,
        stats: Arc<ForwardStats>,
        stop: Stop,
    ) -> SyslogSink {
        let targets = Targets::new(name, ship.clone(), tls, stats.clone(), stop);
        let (targets, format) = (Arc::new(targets), Arc::new(ship.format.clone()));
        SyslogSink { targets, format, stats, settled: Settled::default(), caution: Caution::default() }
    }

    /// Says farewell to the targets.
    pub async fn close(&self) {
        self.targets.close().await;
    }

    /// Looks now and then whether a target that has failed is back, also while there is nothing to send. Until
    /// `stop` drains.
    pub async fn watch(self, stop: Stop) {
        self.targets.watch(stop).await;
    }

    /// The process stops, and there is more to send than the bandwidth has room for.
    pub fn has_enough(&self) -> bool {
        self.targets.pace.is_enough()
    }

    /// Where no event gets through, none is to blame until the target takes another line.
    async fn ask(&mut self) {
        let Some(about) = self.caution.question() else { return };
        let Some(mut asked) = question::question(about, now(), &self.format) else { return };
        drop(self.targets.send(&mut asked).await);
        if asked.is_settled() {
            self.caution.answered();
        } else if asked.ended().is_some() {
            self.caution.closed();
        }
    }

    fn count(&self, work: &Work) {
        let (taken, refused, resent) = work.counts();
        self.stats.refused.add(refused);
        self.stats.resent.add(resent);
        if self.stats.unanswered {
            self.stats.unacknowledged.add(taken);
        }
    }
}

impl Sink for SyslogSink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let (held, format) = (batch.clone(), self.format.clone());
        // Parsing and writing lines is no work for the reactor.
        let made = tokio::task::spawn_blocking(move || Work::new(&held, &format)).await;
        let mut work = made.map_err(StoreError::permanent)?;
        work.recall(&self.settled);
        self.caution.apply(&mut work);
        let sent = match work.is_settled() {
            true => Ok(()),
            false => self.targets.send(&mut work).await,
        };
        self.count(&work);
        if let Err(trouble) = sent {
            self.caution.note(&work);
            work.remember(&mut self.settled);
            self.ask().await;
            return Err(StoreError::transient(match self.caution.is_targets_fault() {
                true => trouble.whatever_it_gets(),
                false => trouble,
            }));
        }
        self.caution.calm();
        if let Some((why, events)) = work.refusal() {
            work.remember(&mut self.settled);
            return Err(StoreError::refused(events, why));
        }
        self.settled.clear();
        // DURABLE: over RELP the target has answered 200 to every line. The other protocols have no answers:
        // over TCP its system has acknowledged every byte, over UDP the datagrams were sent.
        Ok(Receipt::sign(batch))
    }
}

#[cfg(test)]
mod tests;
