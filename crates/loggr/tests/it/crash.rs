//! `kill -9` under load: what was acknowledged is there, and only what was resent is there twice.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::support::{Loggr, Random, RelpSender, Sent, Setup, count_seqs, long, random_moment, say, until};

/// Connections of the load, each with a window of 128 frames.
const CONNECTIONS: u64 = 4;
/// Between two crashes at least so many lines are acknowledged, and at most twice as many.
const LINES_A_ROUND: u64 = 4000;
/// A crash comes at most so long after that.
const AT_MOST_LATER_MS: u64 = 120;
/// Every so many rounds the process is killed while it is starting, too.
const KILL_THE_START_EVERY: u64 = 3;

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    survive(Setup::default());
}

#[test]
fn nothing_acknowledged_is_lost_with_a_filter_in_the_way() {
    let filter =
        "if grok(\"seq=%{INT:seq} %{WORD:what}\") { tags += \"seen\" }\n[twice] := [seq] + \"-\" + [seq]\n";
    survive(Setup { filter: Some(filter.to_owned()), ..Setup::default() });
}

fn survive(setup: Setup) {
    let rounds = if long() { 20 } else { 3 };
    let mut random = Random::new();
    let mut loggr = Loggr::with(setup);
    let sender = RelpSender::new(loggr.address("relp"), CONNECTIONS);
    let sent = std::thread::scope(|scope| {
        let load = scope.spawn(|| sender.run(0, u64::MAX / 2));
        for round in 1..=rounds {
            let goal = sender.acked.load(Ordering::Relaxed) + LINES_A_ROUND + random.below(LINES_A_ROUND);
            let loggr = &mut loggr;
            until("the load goes on", 60, || {
                sender.acked.load(Ordering::Relaxed) >= goal || load.is_finished()
            });
            random_moment(&mut random, AT_MOST_LATER_MS);
            loggr.kill9();
            if round % KILL_THE_START_EVERY == 0 {
                loggr.launch();
                random_moment(&mut random, AT_MOST_LATER_MS);
                loggr.kill9();
            }
            loggr.up();
        }
        sender.enough.store(true, Ordering::Relaxed);
        load.join().expect("the load ends well")
    });
    loggr.drained(120);
    let files = count_seqs(loggr.lines().iter().map(String::as_str));
    let search = count_seqs(loggr.messages().iter().map(String::as_str));
    let resent = sent.values().filter(|s| s.times > 1).count();
    for (place, found) in [("file", &files), ("search", &search)] {
        let twice = compare(place, &sent, found);
        say(&format!(
            "{rounds} crashes, {} lines acknowledged, {resent} resent; in the {place}: 0 missing, {twice} twice",
            sent.len()
        ));
    }
    loggr.assert_balanced();
    loggr.stop();
}

/// No acknowledged line is missing, none is there more often than it was sent. How many stand
/// more than once.
#[track_caller]
fn compare(place: &str, sent: &BTreeMap<u64, Sent>, found: &BTreeMap<u64, u32>) -> usize {
    let missing: Vec<u64> =
        sent.iter().filter(|(n, s)| s.acked && !found.contains_key(n)).map(|(n, _)| *n).collect();
    assert!(
        missing.is_empty(),
        "{} of {} acknowledged lines are missing in the {place}, the first: {:?}",
        missing.len(),
        sent.len(),
        &missing[..missing.len().min(10)]
    );
    let too_often: Vec<(u64, u32, u32)> = found
        .iter()
        .map(|(n, times)| (*n, *times, sent.get(n).map_or(0, |s| s.times)))
        .filter(|(_, there, sent)| there > sent)
        .collect();
    assert!(
        too_often.is_empty(),
        "{} lines are in the {place} more often than they were sent (line, there, sent): {:?}",
        too_often.len(),
        &too_often[..too_often.len().min(10)]
    );
    found.values().filter(|times| **times > 1).count()
}

#[test]
#[should_panic(expected = "1 of 2 acknowledged lines are missing")]
fn a_missing_line_is_noticed() {
    let acked = Sent { times: 1, acked: true };
    compare("file", &[(1, acked), (2, acked)].into(), &[(1, 1)].into());
}

#[test]
#[should_panic(expected = "1 lines are in the file more often than they were sent")]
fn a_line_that_nobody_resent_may_not_stand_twice() {
    let (once, twice) = (Sent { times: 1, acked: true }, Sent { times: 2, acked: true });
    compare("file", &[(1, twice), (2, once)].into(), &[(1, 2), (2, 2)].into());
}
