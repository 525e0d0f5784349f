//! The exchanges and queues of a bus, and the options of their consumers.
//!
//! How a bus keeps them is in its own options.

use std::collections::HashSet;

use crate::binding::Binding;
use crate::error::OpenError;

/// Longest name of an exchange or a queue, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// All exchanges of a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The exchanges; names are unique.
    pub exchanges: Vec<ExchangeSpec>,
}

/// An exchange and the queues that are bound to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// Its name; also the name of its directory.
    pub name: String,
    /// At least one, because events that no queue takes would be lost. Names are unique in the
    /// whole bus.
    pub queues: Vec<QueueSpec>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// Its binding key, see [`Binding`].
    pub binding: String,
}

impl ExchangeSpec {
    /// An exchange with these queues and binding keys.
    pub fn new(name: impl Into<String>, queues: &[(&str, &str)]) -> ExchangeSpec {
        let queue =
            |&(name, binding): &(&str, &str)| QueueSpec { name: name.into(), binding: binding.into() };
        ExchangeSpec { name: name.into(), queues: queues.iter().map(queue).collect() }
    }
}

impl Topology {
    /// Checks names, binding keys, and that every exchange has a queue.
    ///
    /// # Errors
    /// [`OpenError`] of kind `Config` that names the exchange or queue.
    pub fn check(&self) -> Result<(), OpenError> {
        let (mut exchanges, mut queues) = (HashSet::new(), HashSet::new());
        for exchange in &self.exchanges {
            check_name("exchange", &exchange.name)?;
            if !exchanges.insert(exchange.name.as_str()) {
                return Err(OpenError::config(format!("exchange `{}` is named twice", exchange.name)));
            }
            if exchange.queues.is_empty() {
                let text = format!("exchange `{}` has no queue: its events would go nowhere", exchange.name);
                return Err(OpenError::config(text));
            }
            for queue in &exchange.queues {
                check_name("queue", &queue.name)?;
                if !queues.insert(queue.name.as_str()) {
                    return Err(OpenError::config(format!("queue `{}` is named twice", queue.name)));
                }
                let what = || format!("queue `{}` has a bad binding", queue.name);
                Binding::parse(&queue.binding).map_err(|e| OpenError::key(what(), e))?;
            }
        }
        Ok(())
    }
}

fn check_name(what: &str, name: &str) -> Result<(), OpenError> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.starts_with('.') || !name.chars().all(good) {
        let rule = "letters, digits, `.`, `-` and `_`, not beginning with `.`, at most 128";
        return Err(OpenError::config(format!(
            "{what} `{}` has a bad name: allowed are {rule}",
            name.escape_default()
        )));
    }
    Ok(())
}

/// How a consumer takes deliveries.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerOptions {
    /// Deliveries in flight at most, at least 1.
    pub window: usize,
    /// A delivery ends at this many bytes, unless a single published batch is larger.
    pub max_batch_bytes: usize,
    /// A delivery ends at this many events, unless a single published batch has more.
    pub max_batch_events: usize,
    /// Deliveries are kept for a while before they are worked on: an attempt begins only with
    /// [`loggr_flow::Delivery::begin`], not when the delivery is given out.
    pub kept: bool,
}

impl Default for ConsumerOptions {
    fn default() -> ConsumerOptions {
        ConsumerOptions { window: 4, max_batch_bytes: 1 << 20, max_batch_events: 16_384, kept: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenErrorKind;

    #[track_caller]
    fn check(exchanges: &[(&str, &[(&str, &str)])], expect: &str) {
        let exchanges = exchanges.iter().map(|(name, queues)| ExchangeSpec::new(*name, queues)).collect();
        match (Topology { exchanges }.check(), expect) {
            (Ok(()), "") => {}
            (Ok(()), expect) => panic!("accepted, not `{expect}`"),
            (Err(error), expect) => {
                assert_eq!(error.kind(), OpenErrorKind::Config);
                assert!(!expect.is_empty() && error.to_string().contains(expect), "{error}");
            }
        }
    }

    #[test]
    fn topologies() {
        check(&[("received", &[("main", "syslog.*"), ("all", "#")]), ("events", &[("db", "#")])], "");
        check(&[("received", &[])], "`received` has no queue");
        check(&[("a", &[("q", "#")]), ("a", &[("r", "#")])], "`a` is named twice");
        check(&[("a", &[("q", "#")]), ("b", &[("q", "#")])], "`q` is named twice");
        check(&[("../a", &[("q", "#")])], "bad name");
        check(&[("", &[("q", "#")])], "bad name");
        check(&[("a", &[("q/x", "#")])], "bad name");
        check(&[("a", &[("q", "a*")])], "bad binding");
    }
}
