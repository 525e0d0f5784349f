//! What stores need beside events: a look at the clock every minute, retention, the search for damage.
//!
//! Not which days go (that is the store's `retention`). Everything that changes is logged once.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use loggr_flow::Stop;
use loggr_store::{Look, Moment, StoreError};

use crate::sink::ShipStats;
use crate::sink::postgres::PostgresSink;
use crate::sink::search::SearchSink;

/// How often a store is tidied: retention and, while nothing comes in, compaction.
const UPKEEP: Duration = Duration::from_secs(60);
/// How often a store is tried that could not be opened.
const REOPEN: Duration = Duration::from_secs(5);
/// How often a database is asked for its size: that is not cheap.
const SUMMARY: Duration = Duration::from_secs(600);

/// What the clocks show, the monotonic one since the first call of the process.
pub fn moment() -> Moment {
    static START: OnceLock<Instant> = OnceLock::new();
    let monotonic = START.get_or_init(Instant::now).elapsed();
    Moment { wall: crate::process::clock::now().unix_micros(), monotonic }
}

/// Looks after an embedded store.
pub struct SearchUpkeep {
    sink: SearchSink,
    stats: Arc<ShipStats>,
    clock: ClockTeller,
    /// The store could not be opened.
    closed: bool,
    /// The damaged files that were told.
    told: HashSet<PathBuf>,
}

impl SearchUpkeep {
    /// Of a store that is perhaps not open yet.
    pub fn new(sink: SearchSink, keeps: bool, stats: Arc<ShipStats>) -> SearchUpkeep {
        SearchUpkeep {
            sink,
            stats,
            clock: ClockTeller { keeps, told: false },
            closed: false,
            told: HashSet::new(),
        }
    }

    /// The damage, and from then on everything; ends when draining begins.
    pub async fn run(mut self, mut stop: Stop) {
        loop {
            // Not at the start, which does not wait for a slow disk.
            self.look_for_damage().await;
            let pause = if self.closed { REOPEN } else { UPKEEP };
            tokio::select! {
                () = stop.drain() => return,
                () = tokio::time::sleep(pause) => {}
            }
            self.once().await;
        }
    }

    async fn look_for_damage(&mut self) {
        let ship = self.stats.name();
        if let Err(error) = self.sink.look_for_damage().await {
            tracing::warn!(ship, %error, "cannot look for damage in the store");
        }
        for (path, what) in self.sink.summary().map(|sum| sum.damaged).unwrap_or_default() {
            if self.told.insert(path) {
                let hint = "stop loggr and run `loggr repair`, which saves what can be read";
                tracing::error!(
                    ship,
                    error = what,
                    hint,
                    "a file of the store is damaged and left out of searches; all other files are searched"
                );
            }
        }
    }

    /// Opens the store where it is not open, and does what is due.
    pub async fn once(&mut self) {
        let pruned = self.sink.prune(moment(), false).await;
        let ship = self.stats.name();
        match &pruned {
            Ok(pruned) => {
                self.clock.tell(ship, pruned.clock);
                let dropped = &pruned.dropped;
                if !dropped.days.is_empty() {
                    let (days, events) = (dropped.days.len(), dropped.events);
                    tracing::info!(ship, days, events, "deleted days that are older than the retention");
                }
            }
            Err(error) if self.sink.summary().is_err() => {
                let text = error.to_string();
                if self.stats.progress.stuck(&text) {
                    let hint = error.hint().unwrap_or("loggr tries again every few seconds");
                    tracing::error!(ship, %error, hint, "the store cannot be opened; events wait in the queue");
                }
            }
            Err(error) => {
                tracing::error!(ship, %error, "cannot delete days that are older than the retention")
            }
        }
        let was_closed = std::mem::replace(&mut self.closed, self.sink.summary().is_err());
        if self.closed {
            return;
        }
        if was_closed && self.stats.progress.freed() {
            tracing::info!(ship, "the store could be opened, and takes events again");
        }
        if let Some(error) = self.sink.compaction_error() {
            tracing::error!(
                ship,
                %error,
                "cannot merge small files of the store; no event is lost, but searching becomes slower"
            );
        }
    }
}

/// Says once what retention makes of the clock.
struct ClockTeller {
    /// There is a retention.
    keeps: bool,
    told: bool,
}

impl ClockTeller {
    fn tell(&mut self, ship: &str, look: Look) {
        if !self.keeps {
            return;
        }
        match look {
            Look::Steady => {}
            Look::Stepped(step) => {
                self.told = true;
                tracing::warn!(ship, why = %step, "the clock of this host has jumped, so retention deletes nothing for now");
            }
            Look::Holding(step) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(ship, why = %step, "the clock of this host has jumped, so retention deletes nothing for now");
                }
            }
            Look::Returned(_) => {
                tracing::info!(ship, "the clock is back where it was before it jumped; retention goes on")
            }
            Look::Accepted(_) => {
                tracing::info!(ship, "the new time of the clock is accepted; retention goes on")
            }
        }
    }
}

/// Looks after a database; ends when draining begins, also in the middle of what a server does not
/// answer.
pub async fn postgres(
    sink: PostgresSink,
    retention: Option<Duration>,
    stats: Arc<ShipStats>,
    mut stop: Stop,
) {
    tokio::select! {
        () = stop.drain() => {}
        () = keep_partitions(sink, retention, stats) => {}
    }
}

/// Partitions ahead, retention, and the numbers; for ever.
async fn keep_partitions(sink: PostgresSink, retention: Option<Duration>, stats: Arc<ShipStats>) {
    let mut clock = ClockTeller { keeps: retention.is_some(), told: false };
    let (mut failing, mut counted) = (false, None::<Instant>);
    let ship = stats.name();
    loop {
        let kept = async {
            sink.prepare(ship).await?;
            let pruned = sink.database().prune(moment(), retention, false).await?;
            if counted.is_none_or(|then| then.elapsed() >= SUMMARY) || !pruned.dropped.days.is_empty() {
                sink.see(sink.database().summary().await?);
                counted = Some(Instant::now());
            }
            Ok::<_, StoreError>(pruned)
        };
        match kept.await {
            Ok(pruned) => {
                failing = false;
                clock.tell(ship, pruned.clock);
                sink.see_step(pruned.clock.held());
                let dropped = pruned.dropped;
                if !dropped.days.is_empty() {
                    let (days, events) = (dropped.days.len(), dropped.events);
                    tracing::info!(ship, days, events, "deleted days that are older than the retention");
                }
                if !dropped.busy.is_empty() {
                    tracing::debug!(
                        ship,
                        days = dropped.busy.len(),
                        "days that are older than the retention are in use; they are deleted later"
                    );
                }
            }
            // Said once; the pump says it too when events wait.
            Err(error) if !std::mem::replace(&mut failing, true) => {
                tracing::error!(ship, %error, "cannot create or delete partitions of the table");
            }
            Err(_) => {}
        }
        tokio::time::sleep(UPKEEP).await;
    }
}
