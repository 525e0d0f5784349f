//! Servers that can be searched: what they find is what was received, one refused event is alone in the rescue, and
//! events wait while a server is away.

use serde_json::{Value, json};

use super::{es, shipping};
use crate::support::{Engine, Loggr, RelpSender, SearchServer, Setup, seq_of, until};

/// The numbers of the documents of an index, each as often as it is there.
#[track_caller]
fn numbers(server: &SearchServer, index: &str) -> Vec<u64> {
    let found = server.find(index, &json!({"match_all": {}}));
    let mut numbers: Vec<u64> =
        found.values().filter_map(|document| seq_of(document["message"].as_str()?)).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn what_was_received_is_found_by_its_fields() {
    for engine in [Engine::Osmem, Engine::Noida] {
        let Some(server) = SearchServer::start(engine) else { return };
        let keys = format!("urls = {:?}\nindex = \"logs-${{year}}\"", server.url());
        let mut loggr = Loggr::with(shipping(&keys));
        RelpSender::new(loggr.address("relp"), 2).run(0, 1000);
        loggr.stored(1000, 60);
        assert_eq!(numbers(&server, "logs-*"), (0..1000).collect::<Vec<_>>(), "{engine:?}");
        let term = |name: &str, value: Value| json!({"term": {name: value}});
        let of_host = server.find("logs-*", &term("host.name.keyword", "web07".into()));
        assert_eq!(of_host.len(), 50, "{engine:?}");
        for (id, document) in &of_host {
            assert_eq!(document["event"]["id"], id.as_str(), "{document}");
            let number = seq_of(document["message"].as_str().expect("text")).expect("a number");
            assert_eq!(document["log"]["syslog"]["structured_data"]["sd@32473"]["n"], number.to_string());
        }
        let of_severity = server.find("logs-*", &term("log.syslog.severity.code", 3.into()));
        assert_eq!(of_severity.len(), 125, "{engine:?}");
        assert!(of_severity.values().all(|document| document["log"]["level"] == "err"));
        let since = json!({"range": {"@timestamp": {"gte": "2026-03-28T00:00:00Z"}}});
        let expect = (0..1000).filter(|seq| seq % 28 == 27).count();
        assert_eq!(server.find("logs-*", &since).len(), expect, "{engine:?}");
        loggr.assert_balanced();
        loggr.stop();
    }
}

#[test]
fn documents_have_the_names_of_loggr_where_the_file_says_so() {
    let Some(server) = SearchServer::start(Engine::Osmem) else { return };
    let keys =
        format!("urls = {:?}\nindex = \"plain\"\nfields = \"plain\"\ncompress = \"none\"", server.url());
    let mut loggr = Loggr::with(shipping(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.stored(10, 60);
    let found = server.find("plain", &json!({"term": {"source.keyword": "web03"}}));
    let [(id, document)] = &found.into_iter().collect::<Vec<_>>()[..] else { panic!("not one") };
    assert_eq!((document["uid"].as_str(), &document["severity"]), (Some(id.as_str()), &json!("err")));
    assert_eq!(document["@timestamp"], document["timereported"]);
    loggr.stop();
}

#[test]
fn one_event_that_a_server_refuses_is_alone_in_the_rescue_with_the_reason() {
    for engine in [Engine::Osmem, Engine::Noida] {
        let Some(server) = SearchServer::start(engine) else { return };
        server.ask("PUT", "/orders", &json!({"mappings": {"properties": {"order": {"type": "long"}}}}));
        let keys = format!("urls = {:?}\nindex = \"orders\"", server.url());
        let filter = "if message ~ \"seq=000000042 \" { [order] := \"none\" } else { [order] := \"7\" }\n";
        let setup = Setup {
            more: format!("[ship.es]\nkind = \"elastic\"\n{keys}\n"),
            filter: Some(filter.to_owned()),
            ..Setup::default()
        };
        let mut loggr = Loggr::with(setup);
        RelpSender::new(loggr.address("relp"), 1).run(0, 200);
        until("the rescue has it", 60, || loggr.status()["rescue"]["es"] == 1);
        loggr.drained(60);
        assert_eq!(
            numbers(&server, "orders"),
            (0..200).filter(|n| *n != 42).collect::<Vec<_>>(),
            "{engine:?}"
        );
        let list = loggr.ask(&["rescue", "list"]);
        assert!(list.contains("failed to parse field [order] of type [long]"), "{list}");
        assert!(!list.contains("in document with id"), "{list}");
        assert_eq!(es(&loggr)["forward"]["refused"], 1);
        loggr.assert_balanced();
        loggr.stop();
    }
}

#[test]
fn while_the_server_is_away_events_wait_and_then_each_is_there_once() {
    let Some(mut server) = SearchServer::start(Engine::Noida) else { return };
    let keys = format!("urls = {:?}\nindex = \"logs\"", server.url());
    let mut loggr = Loggr::with(shipping(&keys));
    let load = RelpSender::new(loggr.address("relp"), 1);
    load.run(0, 500);
    loggr.stored(500, 60);
    server.down();
    load.run(500, 500);
    let trouble = format!("trouble: shipper `es`: cannot reach `{}`: Connection refused", server.url());
    until("the status says why", 60, || loggr.status_text(&[]).contains(&trouble));
    // Also over an end of loggr itself.
    loggr.kill9();
    loggr.up();
    until("the status says why again", 60, || loggr.status_text(&[]).contains(&trouble));
    server.up();
    loggr.drained(60);
    assert_eq!(numbers(&server, "logs"), (0..1000).collect::<Vec<_>>());
    assert_eq!(loggr.status()["totals"]["rescued"], 0);
    assert!(!loggr.status_text(&[]).contains("trouble: shipper"));
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn check_says_where_documents_go() {
    let loggr =
        Loggr::down(shipping("urls = [\"http://es1:9200\", \"http://es2:9200/search\"]\nqueue = \"q\""));
    let said = loggr.ask(&["check"]);
    let expect = "ship es: queue q to index loggr-${year}.${month}.${day} at http://es1:9200, http://es2:9200/search\n";
    assert!(said.contains(expect), "{said}");
}
