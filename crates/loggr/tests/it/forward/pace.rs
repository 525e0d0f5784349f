//! A limit of bandwidth: what has no room waits in the queue, also over a stop, and all of it comes in the end.

use super::{forwarding, siem};
use crate::support::{Loggr, RelpSender, Setup, count_seqs, until};

/// Minutes of the bandwidth of this test.
const LINES: u64 = 3000;

#[test]
fn what_has_no_bandwidth_waits_in_the_queue_and_comes_in_the_end() {
    let receiver = Loggr::with(Setup { listener_keys: "trust = true".to_owned(), ..Setup::default() });
    let keys = |more: &str| format!("targets = \"{}\"\n{more}", receiver.address("relp"));
    let limited = keys("bandwidth = \"4KiB/s\"\ntimeout = \"5s\"\n[process]\ndrain_timeout = \"50s\"");
    let mut sender = Loggr::with(forwarding(&limited));
    RelpSender::new(sender.address("relp"), 1).run(0, LINES);
    let waiting = |sender: &Loggr| {
        let status = sender.status();
        let queues = status["queues"].as_array().expect("queues");
        queues.iter().find(|queue| queue["name"] == "siem").expect("its queue")["waiting"].as_u64()
    };
    let come = || receiver.ask(&["count", ""]).trim().parse::<u64>().expect("a number");
    until("some have come", 60, || come() > 0);
    let (there, here) = (come(), waiting(&sender));
    assert!(there < LINES && here > Some(0), "{there} have come, {here:?} wait");
    // Waiting is no trouble, and nobody waits for it who stops.
    let seen = siem(&sender);
    assert_eq!((&seen["failing"], &seen["failures"]), (&false.into(), &0.into()), "{seen}");
    sender.stop();
    let log = sender.log();
    assert!(!log.contains("the time for an orderly stop"), "{log}");
    sender.change(forwarding(&keys("")).more);
    sender.up();
    until("nothing waits", 60, || waiting(&sender) == Some(0));
    until("all have come", 60, || come() >= LINES);
    let counted = count_seqs(receiver.messages().iter().map(String::as_str));
    assert!(counted.keys().copied().eq(0..LINES), "{} of {LINES} numbers", counted.len());
    assert!(counted.values().all(|times| *times == 1), "some stand there twice");
    sender.stop();
}
