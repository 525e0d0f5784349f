//! What changes in one process is told by the web address of another.

use serde_json::Value;

use super::run::prepared;
use crate::support::{Broker, Notices, Setup, until};

#[test]
fn the_page_hears_of_other_processes_over_the_broker() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let mut loggr = prepared(Setup { rabbitmq: Some(vhost.url()), ..Setup::default() });
    let mut web = loggr.part("web");
    let mut told = Notices::listen(loggr.address("web"));
    // Nobody keeps notices: the page has to be there first.
    let consumers = || broker.control(&["list_consumers", "-p", &vhost.name]);
    until("the page listens on the broker", 60, || consumers().contains("amq.gen"));
    let mut server = loggr.part("server");
    let notice = told.by_ref().find(|n| n["notice"] == "process.started").expect("a notice");
    assert_eq!(notice["process"]["component"], "server", "{notice}");
    assert!(server.stop(30).success());
    let kinds: Vec<Value> = told.by_ref().take(6).map(|n| n["notice"].clone()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "listener.down").count(), 5, "{kinds:?}");
    assert_eq!(kinds.last().expect("the sixth"), "process.stopped");
    assert!(web.stop(30).success());
}
