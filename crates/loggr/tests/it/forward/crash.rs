//! `kill -9` of either end under load, in turn, at random moments: what was acknowledged at the first loggr
//! stands once in the search store of the second.

use std::collections::BTreeMap;

use super::forwarding;
use crate::crash::compare;
use crate::support::{Loggr, Random, RelpSender, Setup, count_seqs, long, numbered_line, random_moment, say};

const CONNECTIONS: u64 = 2;
/// Between two crashes at least so many lines are acknowledged, and at most twice as many.
const LINES_A_ROUND: u64 = 3000;
/// A crash comes at most so long after that.
const AT_MOST_LATER_MS: u64 = 150;
/// The target is away while so many lines come.
const LINES_WITHOUT_TARGET: u64 = 3000;

#[test]
fn over_relp_nothing_acknowledged_is_lost_or_doubled_when_either_end_is_killed() {
    check("relp", true);
}

/// A target that ends may lose what it had not read; a forwarder that is killed loses nothing.
#[test]
fn over_tcp_nothing_acknowledged_is_lost_or_doubled_when_the_forwarder_is_killed() {
    check("tcp", false);
}

#[track_caller]
fn check(protocol: &str, kill_target: bool) {
    // Both ends start anew many times: the first rejoins the second at once.
    let mut target = Loggr::with(Setup { listener_keys: "trust = true".to_owned(), ..Setup::default() });
    let mut forwarder = Loggr::with(forwarding(&format!(
        "targets = \"{}\"\nprotocol = \"{protocol}\"",
        target.address(protocol)
    )));
    let rounds = if long() { 10 } else { 2 };
    let mut random = Random::new();
    let sender = RelpSender::of(forwarder.address("relp"), CONNECTIONS, numbered_line);
    let sent = sender.during(|load| {
        for _ in 0..rounds {
            load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
            random_moment(&mut random, AT_MOST_LATER_MS);
            forwarder.kill9();
            forwarder.up();
            if !kill_target {
                continue;
            }
            load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
            random_moment(&mut random, AT_MOST_LATER_MS);
            target.kill9();
            target.up();
            load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
            random_moment(&mut random, AT_MOST_LATER_MS);
            // Away for a while: the load goes on, and its events wait.
            target.kill9();
            load.goes_on(LINES_WITHOUT_TARGET);
            target.up();
        }
    });
    forwarder.drained(120);
    target.drained(120);
    let stored = |loggr: &Loggr| count_seqs(loggr.messages().iter().map(String::as_str));
    let (here, there): (BTreeMap<u64, u32>, BTreeMap<u64, u32>) = (stored(&forwarder), stored(&target));
    let twice = compare("search store of the target", &sent, &there);
    assert_eq!(here.len(), there.len(), "lines at both ends");
    let differ: Vec<_> = here.iter().filter(|(n, times)| there.get(n) != Some(times)).take(10).collect();
    assert!(differ.is_empty(), "the target has other lines, or has them more often: {differ:?}");
    say(&format!(
        "{protocol}: {} crashes, {} lines acknowledged; at the target: 0 missing, {twice} twice, as at the forwarder",
        rounds * if kill_target { 3 } else { 1 },
        sent.len()
    ));
    for loggr in [&mut forwarder, &mut target] {
        loggr.assert_balanced();
        loggr.stop();
    }
}
