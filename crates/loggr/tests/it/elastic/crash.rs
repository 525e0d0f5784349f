//! `kill -9` of loggr under load, at random moments: what was acknowledged to the sender is at the server, once by
//! its id.

use std::collections::BTreeMap;

use serde_json::json;

use super::double::{Does, Double, Script};
use super::shipping;
use crate::crash::compare;
use crate::support::{
    Engine, Loggr, Random, RelpSender, SearchServer, count_seqs, long, numbered_line, random_moment, say,
};

const CONNECTIONS: u64 = 2;
/// Between two crashes at least so many lines are acknowledged, and at most twice as many.
const LINES_A_ROUND: u64 = 500;
/// A crash comes at most so long after that.
const AT_MOST_LATER_MS: u64 = 150;

/// `texts` gives those that the server has.
#[track_caller]
fn check(url: &str, rounds: u64, texts: impl Fn() -> Vec<String>) {
    let mut loggr = Loggr::with(shipping(&format!("urls = {url:?}\nindex = \"logs\"\nbatch_events = 200")));
    let mut random = Random::new();
    let sender = RelpSender::of(loggr.address("relp"), CONNECTIONS, numbered_line);
    let sent = sender.during(|load| {
        for _ in 0..rounds {
            load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
            random_moment(&mut random, AT_MOST_LATER_MS);
            loggr.kill9();
            loggr.up();
        }
    });
    loggr.drained(120);
    let texts = texts();
    let there: BTreeMap<u64, u32> = count_seqs(texts.iter().map(String::as_str));
    let here: BTreeMap<u64, u32> = count_seqs(loggr.messages().iter().map(String::as_str));
    let twice = compare("the server", &sent, &there);
    assert_eq!(here, there, "a line stands as often as its sender has sent it");
    say(&format!("{rounds} crashes, {} lines acknowledged, 0 missing, {twice} sent twice", sent.len()));
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_loggr_is_killed() {
    let Some(server) = SearchServer::start(Engine::Osmem) else { return };
    check(&server.url(), if long() { 5 } else { 3 }, || {
        // Host by host: one search does not answer all.
        let of_host =
            |host: u32| server.find("logs", &json!({"term": {"host.name.keyword": format!("web{host:02}")}}));
        let found = (0..20).flat_map(of_host);
        found.map(|(_, document)| document["message"].as_str().expect("text").to_owned()).collect()
    });
}

/// Every third answer does not come, and every fifth is that there is too much to do.
#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_loggr_is_killed_and_the_server_fails() {
    let script = Script {
        request: Box::new(|before, _, _| match before {
            _ if before % 3 == 1 => Does::Vanishes,
            _ if before % 5 == 4 => Does::Says(429, "es_rejected_execution_exception", "full"),
            _ => Does::Looks,
        }),
        ..Script::default()
    };
    let double = Double::start(script);
    check(&double.url(), if long() { 20 } else { 3 }, || double.texts());
    double.assert_sound();
}
