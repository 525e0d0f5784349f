//! The progress of a part of the process: what it counts, its trouble, the log lines about it, and
//! why it ended if it ended too early.
//!
//! Each listener, machine, shipper and route of the spool has one, so that all of them report in
//! the same way. A trouble is logged when it comes, when it becomes another one, and when it is
//! over; if it comes and goes many times a second, as with a queue that is nearly full, it is
//! logged once in a while.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use loggr_flow::{Phase, PumpObserver, Reason, Stop, StoreError};

use super::latency::Latency;
use super::meter::{Counter, Flag};
use crate::news::is_same;

/// How often it is logged, at most, that events go to the rescue for the same reason.
const RESCUE_TOLD_EVERY: Duration = Duration::from_secs(60);
/// A trouble that comes back sooner than this after its end is logged only when it has lasted as
/// long.
const CALM: Duration = Duration::from_secs(10);

/// The words of log lines about a kind of part.
#[derive(Debug)]
pub struct Words {
    /// The kind of part: `listener`, `ship`.
    pub kind: &'static str,
    /// The message when it cannot pass events on.
    pub stuck: &'static str,
    /// The message when it can again.
    pub again: &'static str,
    /// Events went to the rescue.
    pub rescued: &'static str,
}

/// The progress of one part since the process started.
#[derive(Debug)]
pub struct Progress {
    /// Its name in the configuration.
    pub name: String,
    /// Events that the next place holds durably.
    pub stored: Counter,
    /// Events that went to the rescue.
    pub rescued: Counter,
    /// Tries that failed.
    pub failures: Counter,
    /// How long events take from here until they are acknowledged.
    pub latency: Latency,
    /// The next place takes nothing at the moment.
    pub failing: Flag,
    words: &'static Words,
    told: Mutex<Told>,
}

/// The state of log lines about the part.
#[derive(Debug, Default)]
struct Told {
    /// The last error of the next place, while it takes nothing.
    error: Option<String>,
    /// Whether that error was logged.
    is_said: bool,
    /// When it was last logged that events go on.
    calm: Option<Instant>,
    /// Why it has ended.
    ended: Option<String>,
    /// The reason why events went to the rescue, when it was logged, and how many have gone since.
    rescue: Option<(String, Instant, usize)>,
}

impl Progress {
    /// The progress of a part of this kind and name.
    pub fn new(name: &str, words: &'static Words) -> Progress {
        Progress {
            name: name.to_owned(),
            stored: Counter::default(),
            rescued: Counter::default(),
            failures: Counter::default(),
            latency: Latency::default(),
            failing: Flag::default(),
            words,
            told: Mutex::default(),
        }
    }

    /// An observer through which a pump reports.
    pub fn observer(self: &Arc<Progress>) -> Observer {
        Observer(self.clone())
    }

    /// The last error of the next place, while it takes nothing.
    pub fn last_error(&self) -> Option<String> {
        self.told().error.clone()
    }

    /// Why it has ended.
    pub fn ended(&self) -> Option<String> {
        self.told().ended.clone()
    }

    /// Does the part's work until it ends. If it ends before the process stops, that is reported,
    /// because nothing else would show it. `doing`: words for the work, for the case that it
    /// panics.
    pub async fn watch<E: std::fmt::Display>(
        &self,
        stop: Stop,
        doing: &str,
        ends: &str,
        work: impl Future<Output = Result<(), E>>,
    ) {
        let why = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(())) => ends.to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => format!("{doing} failed because of a bug of loggr"),
        };
        self.end(&stop, &why);
    }

    /// Notes that the part has ended, and reports it unless the process stops.
    pub fn end(&self, stop: &Stop, why: &str) {
        if stop.phase() == Phase::Run {
            let (kind, name) = (self.words.kind, self.name.as_str());
            tracing::error!(
                kind,
                name,
                why,
                "this part has ended unexpectedly; its events stay where they are"
            );
            self.told().ended.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Notes that the next place takes nothing, for this reason. True if that should be logged.
    pub fn stuck(&self, error: &str) -> bool {
        let mut told = self.told();
        let is_new = self.failing.raise() || !told.error.as_deref().is_some_and(|last| is_same(last, error));
        told.error = Some(error.to_owned());
        let calm = told.calm.is_none_or(|calm| calm.elapsed() >= CALM);
        let say = calm && (is_new || !told.is_said);
        told.is_said |= say;
        say
    }

    /// Notes that it takes events again. True if that should be logged.
    pub fn freed(&self) -> bool {
        if !self.failing.clear() {
            return false;
        }
        let mut told = self.told();
        told.error = None;
        let say = std::mem::take(&mut told.is_said);
        if say {
            told.calm = Some(Instant::now());
        }
        say
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of events for the log line, if the reason should be logged.
    fn rescued_for(&self, events: usize, reason: &str) -> Option<usize> {
        let mut told = self.told();
        if let Some((last, at, unsaid)) = &mut told.rescue
            && last == reason
        {
            *unsaid += events;
            if at.elapsed() < RESCUE_TOLD_EVERY {
                return None;
            }
        }
        let unsaid = told.rescue.take().filter(|(last, ..)| last == reason).map_or(0, |(.., unsaid)| unsaid);
        told.rescue = Some((reason.to_owned(), Instant::now(), 0));
        Some(events.max(unsaid))
    }
}

/// Counts for a [`Progress`], and logs news.
#[derive(Clone, Debug)]
pub struct Observer(Arc<Progress>);

impl PumpObserver for Observer {
    fn stored(&mut self, events: usize) {
        self.0.stored.add(events as u64);
    }

    fn took(&mut self, age: Duration) {
        self.0.latency.add(age);
    }

    fn retrying(&mut self, error: &StoreError, tries: u32) {
        self.0.failures.add(1);
        let error = error.chain();
        if self.0.stuck(&error) {
            let Words { kind, stuck, .. } = self.0.words;
            tracing::error!(kind, name = self.0.name.as_str(), tries, error, "{stuck}");
        }
    }

    fn recovered(&mut self, tries: u32) {
        if self.0.freed() {
            let Words { kind, again, .. } = self.0.words;
            tracing::info!(kind, name = self.0.name.as_str(), tries, "{again}");
        }
    }

    fn rescued(&mut self, events: usize, reason: &Reason) {
        self.0.rescued.add(events as u64);
        if let Some(events) = self.0.rescued_for(events, &reason.text) {
            let Words { kind, rescued, .. } = self.0.words;
            let (name, reason) = (self.0.name.as_str(), reason.text.as_str());
            tracing::warn!(
                kind,
                name,
                events,
                reason,
                "{rescued}; they are kept in the rescue, see `loggr rescue list`"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use loggr_flow::Stopper;

    use super::*;

    const WORDS: Words =
        Words { kind: "ship", stuck: "it cannot write", again: "it can write again", rescued: "refused" };

    fn progress() -> Progress {
        Progress::new("a", &WORDS)
    }

    #[test]
    fn a_trouble_is_said_when_it_comes_changes_and_goes() {
        let of = progress();
        assert!(of.stuck("no space"));
        assert!(!of.stuck("no space"));
        assert!(of.stuck("no such directory"));
        assert_eq!(of.last_error().as_deref(), Some("no such directory"));
        assert!(of.freed());
        assert!(!of.freed());
        assert_eq!(of.last_error(), None);
    }

    #[test]
    fn what_comes_and_goes_all_the_time_is_said_once() {
        let of = progress();
        assert!(of.stuck("full") && of.freed());
        for _ in 0..100 {
            assert!(!of.stuck("full"));
            assert!(of.failing.is_raised(), "it is seen where people look");
            assert!(!of.freed());
        }
    }

    #[test]
    fn events_of_one_reason_are_said_together() {
        let of = progress();
        assert_eq!(of.rescued_for(3, "too long"), Some(3));
        assert_eq!(of.rescued_for(2, "too long"), None);
        assert_eq!(of.rescued_for(1, "no queue"), Some(1));
    }

    #[tokio::test]
    async fn an_end_before_its_time_is_told() {
        let (stopper, stop) = Stopper::new();
        let ended = async |work: Result<(), &'static str>, stop: &Stop| {
            let of = progress();
            of.watch(stop.clone(), "shipping", "its queue is gone", async { work }).await;
            of.ended()
        };
        assert_eq!(ended(Ok(()), &stop).await.as_deref(), Some("its queue is gone"));
        assert_eq!(ended(Err("it broke"), &stop).await.as_deref(), Some("it broke"));
        let of = progress();
        let broken = async { std::panic::panic_any("a bug") };
        of.watch(stop.clone(), "shipping", "", async {
            broken.await;
            Ok::<(), &str>(())
        })
        .await;
        assert_eq!(of.ended().as_deref(), Some("shipping failed because of a bug of loggr"));
        stopper.drain();
        assert_eq!(ended(Ok(()), &stop).await, None);
    }
}
