//! A source of which a shipper takes only the events that its `if` chooses.
//!
//! The others count as dropped by a rule: in the queue, and by the shipper.

use std::sync::Arc;

use loggr_filter::lang::Predicate;
use loggr_flow::{Delivery, Source};

use crate::process::aside::{Aside, Work};
use crate::process::meter::Counter;

/// A source, and the condition for its events; without one, the source itself. `dropped` counts the events
/// for which it does not hold.
pub fn chosen<S: Source>(source: S, condition: Option<Arc<Predicate>>, dropped: &Arc<Counter>) -> Aside<S> {
    let work = |condition: Arc<Predicate>| -> Arc<Work> {
        let dropped = dropped.clone();
        Arc::new(move |delivery: Delivery| choose(&condition, &dropped, delivery).into_iter().collect())
    };
    Aside::new(source, condition.map(work))
}

fn choose(condition: &Predicate, dropped: &Counter, delivery: Delivery) -> Option<Delivery> {
    let holds: Vec<bool> =
        delivery.batch().records().map(|record| condition.holds(&record.event())).collect();
    let refused = holds.iter().filter(|holds| !**holds).count();
    if refused == 0 {
        return Some(delivery);
    }
    let mut holds = holds.into_iter();
    let rest = delivery.retain(|_| holds.next().unwrap_or(true));
    dropped.add(refused as u64);
    rest
}

#[cfg(test)]
mod tests {
    use loggr_flow::contract::{MemoryRescue, MemorySink, lines};
    use loggr_flow::{Outcome, Quiet, Stop, Tally, channel_source, pump, window};

    use super::*;

    /// Ships events of these programs with a condition: which come, and what became of all.
    async fn check(condition: &str, programs: &[&str], expect: &[&str], dropped: u64) {
        let (window, mut settlements) = window(2);
        let (tx, source) = channel_source(2);
        let slot = window.reserve().await.unwrap();
        let texts: Vec<String> = programs.iter().map(|app| format!("<13>1 - h {app} - - - m")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        tx.send(Delivery::new(lines(&texts), slot.ack(1))).await.unwrap();
        drop((tx, window));
        let (sink, counted) = (MemorySink::default(), Arc::default());
        let condition = Predicate::compile("if", condition).unwrap();
        let source = chosen(source, Some(Arc::new(condition)), &counted);
        pump(source, sink.clone(), MemoryRescue::default(), Stop::never(), Quiet).await.unwrap();
        let stored: Vec<String> = expect.iter().map(|app| format!("<13>1 - h {app} - - - m")).collect();
        assert_eq!(sink.texts(), stored);
        let expect = Tally { stored: stored.len() as u64, rescued: 0, dropped };
        assert_eq!(settlements.next().await, Some((1, Outcome::Ack(expect))));
        assert_eq!(counted.get(), dropped);
    }

    #[tokio::test]
    async fn what_is_not_chosen_is_settled_as_dropped() {
        check("app_name == \"a\"", &["a", "b", "a", "c"], &["a", "a"], 2).await;
        check("app_name != \"a\"", &["a", "b"], &["b"], 1).await;
        check("message", &["a", "b"], &["a", "b"], 0).await;
        check("severity < \"notice\"", &["a", "b", "c"], &[], 3).await;
    }
}
