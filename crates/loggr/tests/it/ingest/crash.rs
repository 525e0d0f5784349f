//! `kill -9` while requests come: of each that was answered every event is there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{ask, listening};
use crate::support::{Loggr, Random, count_seqs, free_port, long, random_moment, say, until};

const SENDERS: u64 = 4;
/// Events of one request.
const EVENTS: u64 = 20;
/// Between two crashes so many requests are answered, at least.
const REQUESTS_A_ROUND: usize = 30;

#[test]
fn of_each_request_that_was_answered_every_event_is_there() {
    let port = free_port();
    let mut loggr = Loggr::with(listening(port, ""));
    let address = loggr.address("http");
    let (next, answered, enough) = (AtomicU64::new(0), Mutex::new(Vec::new()), AtomicBool::new(false));
    let mut random = Random::new();
    let rounds = if long() { 10 } else { 3 };
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let first = next.fetch_add(EVENTS, Ordering::Relaxed);
                    let line = |seq: u64| {
                        format!("{{\"create\":{{}}}}\n{{\"message\":\"seq={seq:09}\",\"host\":\"web{:02}\",\"msgid\":\"ID{}\"}}\n", seq % 20, seq % 7)
                    };
                    let body: String = (first..first + EVENTS).map(line).collect();
                    match ask(address, "POST", "/_bulk", &[], body.as_bytes()) {
                        Ok(answer) if answer.code == 200 => answered.lock().expect("no panic").push(first),
                        // It is down, or was killed in the middle.
                        Ok(_) | Err(_) => std::thread::yield_now(),
                    }
                }
            });
        }
        let count = || answered.lock().expect("no panic").len();
        for _ in 0..rounds {
            let before = count();
            until("requests are answered", 60, || count() >= before + REQUESTS_A_ROUND);
            random_moment(&mut random, 100);
            loggr.kill9();
            loggr.up();
        }
        enough.store(true, Ordering::Relaxed);
    });
    loggr.drained(60);
    let found = count_seqs(loggr.messages().iter().map(String::as_str));
    let answered = answered.into_inner().expect("no panic");
    let missing: Vec<u64> = answered
        .iter()
        .flat_map(|first| *first..first + EVENTS)
        .filter(|seq| found.get(seq) != Some(&1))
        .collect();
    assert!(
        missing.is_empty(),
        "{} events of answered requests are not there once: {missing:?}",
        missing.len()
    );
    say(&format!("{rounds} crashes, {} requests answered, 0 events missing", answered.len()));
    loggr.assert_balanced();
    loggr.stop();
}
