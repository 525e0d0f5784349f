//! `kill -9` changes no verdict: what comes again after a crash is sealed again, and good.

use super::{Keys, agent, check_store, server, verify};
use crate::support::{Loggr, Random, RelpSender, Setup, random_moment, until};

#[test]
fn kill_9_changes_no_verdict() {
    let of = Keys::new(&["a"]);
    let hmac = of.section(&["a"]);
    let mut server = Loggr::with(Setup {
        filter: Some("if message ~ \"1\" { app_name := \"changed\" }\n".to_owned()),
        machine_keys: "seal = \"sign\"".to_owned(),
        ..server(&hmac, "require")
    });
    let mut agent = Loggr::with(agent(&hmac, server.address("relp"), ""));
    let sender = RelpSender::new(agent.address("relp"), 2).paced(500);
    let mut random = Random::new();
    let sent = sender.during(|load| {
        load.goes_on(200);
        for _ in 0..3 {
            random_moment(&mut random, 300);
            server.kill9();
            server.up();
            agent.kill9();
            agent.up();
            load.goes_on(200);
        }
        load.enough();
    });
    agent.drained(60);
    let acked = sent.values().filter(|line| line.acked).count() as u64;
    until("everything is in the store", 120, || {
        let (code, broken, numbers) = verify(&server, &[]);
        assert!(code == Some(0) && broken.is_empty(), "{numbers} {broken:?}");
        server.status()["totals"]["waiting"] == 0 && numbers["good"].as_u64() >= Some(acked)
    });
    let (_, _, numbers) = verify(&server, &[]);
    let good = numbers["good"].as_u64().expect("a number");
    check_store(&server, &[], [good, 0, 0]);
    let (_, _, numbers) = verify(&server, &["app:changed"]);
    assert!(numbers["good"].as_u64() > Some(0), "the filter has changed some: {numbers}");
}
