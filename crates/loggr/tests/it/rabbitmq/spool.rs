//! The broker is away, and the senders do not notice.

use super::run::{arrived, connected, prepared};
use crate::support::{Broker, Loggr, RelpSender, Setup, long, say, until};

/// What senders send, over all their connections.
const LINES_A_SECOND: u64 = 20_000;
/// The broker is away so long; in the ordinary test not as long.
const SECONDS_AWAY: u64 = 60;
const SECONDS_AWAY_ORDINARY: u64 = 3;
/// A broker may take so long to start, with time to spare.
const STANDING_STILL_SECONDS: u64 = 240;

/// A broker of its own, and a program on it whose queues survive.
#[track_caller]
fn setting(more: &str) -> Option<(Broker, Loggr)> {
    let broker = Broker::own(&[])?;
    let vhost = broker.vhost();
    let (url, name) = (vhost.url(), vhost.name.clone());
    let loggr = prepared(Setup { rabbitmq: Some(url), more: more.to_owned(), ..Setup::default() });
    for queue in ["files", "search"] {
        broker.keeps(&name, queue);
    }
    Some((broker, loggr))
}

fn broker_status(loggr: &Loggr, key: &str) -> serde_json::Value {
    loggr.status()["brokers"][0][key].clone()
}

/// The lines of each connection are in the file in the order in which they were sent.
#[track_caller]
fn in_order(loggr: &Loggr, connections: u64) {
    let mut last = vec![0; connections as usize];
    for line in loggr.lines() {
        let seq = crate::support::seq_of(&line).expect("its number");
        let last = &mut last[(seq % connections) as usize];
        assert!(seq == 0 || seq > *last, "line {seq} is behind line {last}");
        *last = seq;
    }
}

#[test]
fn senders_notice_nothing_of_a_broker_that_goes_and_everything_arrives_in_order() {
    let Some((mut broker, mut loggr)) = setting("") else { return };
    loggr.up();
    connected(&loggr);
    let sender = RelpSender::new(loggr.address("relp"), 4).paced(LINES_A_SECOND);
    let away = LINES_A_SECOND * if long() { SECONDS_AWAY } else { SECONDS_AWAY_ORDINARY };
    let sent = sender.during(|load| {
        load.goes_on(5000);
        broker.kill9();
        for _ in 0..away / LINES_A_SECOND {
            load.goes_on(LINES_A_SECOND);
        }
        assert_eq!(broker_status(&loggr, "spooling"), true);
        assert!(broker_status(&loggr, "spool_waiting").as_u64() > Some(away / 2));
        assert!(broker_status(&loggr, "trouble").is_string());
        loggr.status_text(&[]);
        broker.up();
        // The load goes on all the while: straight again without a word of it out of order.
        until("events go to the broker again", 120, || broker_status(&loggr, "spooling") == false);
        load.goes_on(5000);
        assert_eq!(broker_status(&loggr, "spool_waiting"), 0);
    });
    assert!(sent.values().all(|s| s.acked && s.times == 1), "no connection was cut, nothing was sent twice");
    arrived(&loggr, sent.len() as u64, 120);
    in_order(&loggr, 4);
    say(&format!("the broker was away for {away} lines; {} arrived once each, in order", sent.len()));
    let log = loggr.log();
    let said = |text: &str| log.lines().filter(|l| l.contains(text)).count();
    assert_eq!(said("the broker takes no events: they go to the spool"), 1, "{log}");
    assert_eq!(said("nothing waits in the spool any more"), 1, "{log}");
    // The spool's own books balance.
    let status = loggr.status();
    let spool = status["queues"].as_array().expect("queues").iter().find(|q| q["exchange"] == "spool");
    assert_eq!(spool.expect("the spool's queue")["balanced"], true, "{status:#}");
    loggr.stop();
}

#[test]
fn a_start_without_a_broker_takes_events_and_the_collector_alone_brings_them_later() {
    let Some((mut broker, mut loggr)) = setting("") else { return };
    broker.kill9();
    let mut server = loggr.part("server");
    RelpSender::new(loggr.address("relp"), 2).run(0, 3000);
    until("all wait in the spool", 30, || broker_status(&loggr, "spool_waiting") == 3000);
    // Who receives has the spool: nobody else may take from it.
    let output = loggr.command(&["run", "collector"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    server.kill9();
    assert_eq!(loggr.status()["totals"]["waiting"], 3000, "told without a process, too");
    broker.up();
    let mut collector = loggr.part("collector");
    until("the spool is empty", 60, || broker_status(&loggr, "spool_waiting") == 0);
    assert!(collector.stop(30).success());
    let mut ship = loggr.part("ship files");
    arrived(&loggr, 3000, 60);
    in_order(&loggr, 2);
    assert!(ship.stop(30).success());
}

#[test]
fn a_full_spool_stops_reading_and_loses_nothing() {
    let Some((mut broker, mut loggr)) = setting("[spool]\nmax_size = \"8MiB\"\n") else { return };
    loggr.up();
    broker.kill9();
    // The senders stand still while the broker starts.
    let sender = RelpSender::new(loggr.address("relp"), 4).patient(STANDING_STILL_SECONDS);
    let sent = sender.during(|load| {
        until("the senders have to wait", 120, || {
            let listeners = loggr.status()["listeners"].clone();
            listeners
                .as_array()
                .expect("listeners")
                .iter()
                .any(|l| l["name"] == "relp" && l["stalled"] == true)
        });
        assert!(broker_status(&loggr, "spool_bytes").as_u64() <= Some(8 << 20));
        load.enough();
        broker.up();
    });
    arrived(&loggr, sent.len() as u64, 120);
    in_order(&loggr, 4);
    loggr.stop();
}
