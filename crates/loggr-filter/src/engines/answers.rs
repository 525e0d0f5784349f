//! A memory of what name servers have answered, and of the questions that are open.
//!
//! The questions are asked by a [`Resolver`], which is handed in and answers from a thread of its
//! own. Invariants: the number of answers and of open questions is bounded; a question is asked
//! once, however many events need the answer; an event waits no longer than it is told to; a
//! question that is never answered does not stay open.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use loggr_event::Timestamp;

use super::keyed::{Key, Keyed};

/// Questions of one call that may be open at a time; while there are so many, no other is asked.
pub const MAX_OPEN_QUESTIONS: usize = 256;
/// Values of an answer that are kept.
pub const MAX_ANSWER_VALUES: usize = 8;
/// Bounds of the time to live that name servers give an answer.
const MIN_TTL: Duration = Duration::from_secs(60);
const MAX_TTL: Duration = Duration::from_secs(86_400);
/// How long after its end an answer is still used while a new one is asked for.
const STALE: Duration = Duration::from_secs(3600);
/// When this many events in a row have waited in vain, no event waits any more until an answer
/// comes.
const SILENT_AFTER: u32 = 8;

/// A question for name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The names of an address.
    NamesOf(IpAddr),
    /// The addresses of a name.
    AddressesOf(String),
}

/// Asks name servers.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// Asks, and comes back at once. The answer is given to `reply`, from any thread, at any time;
    /// dropping the reply means that there was no answer.
    fn ask(&self, question: Question, reply: Reply);
}

/// Makes resolvers; filters are compiled with one.
pub trait Resolvers: Send + Sync + fmt::Debug {
    /// Makes a resolver that asks these name servers; an empty list means those of the system.
    ///
    /// # Errors
    /// Why no resolver can be made.
    fn open(&self, name_servers: &[SocketAddr]) -> Result<Arc<dyn Resolver>, String>;
}

/// Where the answer to a question goes.
pub struct Reply {
    answers: Option<Arc<Answers>>,
    key: Key,
    asked: Timestamp,
}

impl Reply {
    /// Gives the names or addresses, which are valid for `ttl`. No values mean that there are none.
    pub fn answer(mut self, values: Vec<String>, ttl: Option<Duration>) {
        if let Some(answers) = self.answers.take() {
            answers.take(self.key, self.asked, Some((values, ttl)));
        }
    }

    /// No name server could answer.
    pub fn fail(self) {
        drop(self);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(answers) = self.answers.take() {
            answers.take(self.key, self.asked, None);
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The names or addresses; an empty list if there are none.
    Values(Arc<[String]>),
    /// No name server could answer.
    Failed,
}

/// The answers, by question.
pub(super) struct Answers {
    resolver: Arc<dyn Resolver>,
    by_question: Keyed<Entry>,
    /// How long it is remembered that there is no answer, if the name servers do not say how long.
    negative: Duration,
    open: AtomicUsize,
    /// Events in a row that waited in vain.
    in_vain: AtomicU32,
    /// Held between looking and waiting, so that no answer comes in between unseen.
    news: Mutex<()>,
    came: Condvar,
}

/// Times are microseconds as in [`Timestamp`].
#[derive(Default)]
struct Entry {
    known: Option<Known>,
    /// The answer is valid until then.
    until: i64,
    /// The question is not asked again before then.
    again: i64,
    /// The question is open.
    open: bool,
}

impl Entry {
    /// The answer, and whether it is still valid.
    fn known(&self, at: i64) -> Option<(&Known, bool)> {
        let fresh = at < self.until;
        self.known.as_ref().filter(|_| fresh || at < self.until + micros(STALE)).map(|known| (known, fresh))
    }
}

impl Answers {
    pub fn new(resolver: Arc<dyn Resolver>, capacity: usize, negative: Duration) -> Arc<Answers> {
        Arc::new(Answers {
            resolver,
            by_question: Keyed::new(capacity),
            negative,
            open: AtomicUsize::new(0),
            in_vain: AtomicU32::new(0),
            news: Mutex::new(()),
            came: Condvar::new(),
        })
    }

    /// The answer, if need be after asking and waiting for at most `wait`, and how long that took.
    /// `None` means that the answer has not come yet.
    pub fn get(
        self: &Arc<Self>,
        question: Question,
        now: Timestamp,
        wait: Duration,
    ) -> (Option<Known>, Duration) {
        let key = match &question {
            Question::NamesOf(ip) => self.by_question.key([Some("?"), Some(&ip.to_string())].into_iter()),
            Question::AddressesOf(name) => self.by_question.key([Some(name.as_str())].into_iter()),
        };
        let at = now.unix_micros();
        let (known, ask, open) = self.by_question.with(key, Entry::default, |entry| {
            let known = entry.known(at);
            let wanted = known.is_none_or(|(_, fresh)| !fresh) && at >= entry.again && !entry.open;
            let known = known.map(|(known, _)| known.clone());
            let ask = wanted && self.open.load(Ordering::Relaxed) < MAX_OPEN_QUESTIONS;
            entry.open |= ask;
            (known, ask, entry.open)
        });
        if ask {
            self.open.fetch_add(1, Ordering::Relaxed);
            let reply = Reply { answers: Some(self.clone()), key, asked: now };
            self.resolver.ask(question, reply);
        }
        if known.is_some() {
            return (known, Duration::ZERO);
        }
        let silent = self.in_vain.load(Ordering::Relaxed) >= SILENT_AFTER;
        self.wait(key, at, if silent || !open { Duration::ZERO } else { wait })
    }

    /// The answer may have come meanwhile, also where nothing is waited for.
    fn wait(&self, key: Key, at: i64, wait: Duration) -> (Option<Known>, Duration) {
        let start = Instant::now();
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let known = self.by_question.get(key, |entry| entry.known(at).map(|(known, _)| known.clone()));
            let waited = start.elapsed();
            if let Some(Some(known)) = known {
                return (Some(known), waited.min(wait));
            }
            let Some(left) = wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
                if !wait.is_zero() {
                    self.in_vain.fetch_add(1, Ordering::Relaxed);
                }
                return (None, wait);
            };
            news = self.came.wait_timeout(news, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take(&self, key: Key, asked: Timestamp, answer: Option<(Vec<String>, Option<Duration>)>) {
        let (known, ttl) = match answer {
            Some((mut values, ttl)) => {
                let ttl = ttl.map(|ttl| ttl.clamp(MIN_TTL, MAX_TTL));
                let default = if values.is_empty() { self.negative } else { MIN_TTL };
                values.truncate(MAX_ANSWER_VALUES);
                self.in_vain.store(0, Ordering::Relaxed);
                (Known::Values(values.into()), ttl.unwrap_or(default))
            }
            None => (Known::Failed, self.negative),
        };
        self.by_question.with(key, Entry::default, |entry| {
            let asked = asked.unix_micros();
            entry.open = false;
            entry.again = asked + micros(ttl);
            // A failure does not replace an answer that can still be used.
            let usable = matches!(entry.known(asked), Some((Known::Values(_), _)));
            if known != Known::Failed || !usable {
                entry.known = Some(known);
                entry.until = asked + micros(ttl);
            }
        });
        self.open.fetch_sub(1, Ordering::Relaxed);
        drop(self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.came.notify_all();
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
