//! Two hosts, one broker: a search store and files belong to one process.

use crate::support::{Broker, Loggr, Redis, RelpSender, Setup, until};

use super::run::{connected, prepared};

/// A host of an installation on this broker.
fn host(url: &str, more: &str) -> Setup {
    let bus_keys = "heartbeat = \"1s\"".to_owned();
    Setup { rabbitmq: Some(url.to_owned()), bus_keys, more: more.to_owned(), ..Setup::default() }
}

/// The second one must end at its start and name what it shares.
#[track_caller]
fn refused(second: &Loggr, expect: &str) {
    let output = second.command(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is not alone: another process") && said.contains(expect), "{said}");
    assert!(
        said.contains("hint: run this shipper on one host and `loggr run server` on the others"),
        "{said}"
    );
}

#[test]
fn a_second_host_that_would_share_a_store_is_refused() {
    let Some(broker) = Broker::shared() else { return };
    let url = broker.vhost().url();
    let mut first = prepared(host(&url, ""));
    first.up();
    connected(&first);
    // What it has stored it has taken from its queues.
    RelpSender::new(first.address("relp"), 1).run(0, 1);
    until("the first has stored it", 60, || {
        first.lines().len() == 1 && first.ask(&["count", ""]).trim() == "1"
    });
    let mut second = Loggr::down(host(&url, ""));
    refused(&second, "takes from the queue `files` already");
    // It may receive all the same.
    let mut server = second.part("server");
    RelpSender::new(second.address("relp"), 1).run(1, 100);
    until("the one store has everything", 60, || first.ask(&["count", ""]).trim() == "101");
    server.stop(60);
    // When the first has gone, the second may take its place.
    first.kill9();
    second.up();
    second.stop();
}

#[test]
fn with_a_registry_the_other_host_is_named() {
    let Some(broker) = Broker::shared() else { return };
    let Some(redis) = Redis::start() else { return };
    let url = broker.vhost().url();
    let more = format!("[registry]\nkind = \"redis\"\nurl = \"{}\"\n", redis.url());
    let mut first = prepared(host(&url, &more));
    first.up();
    connected(&first);
    let second = Loggr::down(host(&url, &more));
    until("the registry knows the first", 30, || second.status_now()["processes"][0]["state"] == "running");
    refused(&second, &format!("data in `{}`", first.data().display()));
    first.stop();
}
