//! The double in trouble: full, too large, away, without a login, and nodes that take over from each other.

use super::double::{Does, Double, Script};
use super::{es, shipping};
use crate::support::{Loggr, RelpSender, free_port, seq_of, until};

fn numbers(doubles: &[&Double]) -> Vec<u64> {
    let texts = doubles.iter().flat_map(|double| double.texts());
    let mut numbers: Vec<u64> = texts.filter_map(|text| seq_of(&text)).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn documents_that_wait_are_sent_again_and_those_that_are_refused_are_not() {
    let full = "rejected execution of coordinating operation [coordinating_and_primary_bytes=1]";
    let script = Script {
        request: Box::new(|before, _, _| match before {
            0 => Does::Says(429, "es_rejected_execution_exception", "full"),
            1 => Does::Says(
                503,
                "cluster_block_exception",
                "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered];",
            ),
            _ => Does::Looks,
        }),
        document: Box::new(move |before, document| {
            let seq = seq_of(document["message"].as_str()?)?;
            match seq {
                _ if seq % 100 == 7 => {
                    let id = document["event"]["id"].as_str()?;
                    let reason =
                        format!("failed to parse field [x] of type [long] in document with id '{id}'");
                    Some((400, "mapper_parsing_exception", reason))
                }
                _ if before < 6 && seq % 3 == 0 => {
                    Some((429, "es_rejected_execution_exception", full.to_owned()))
                }
                _ => None,
            }
        }),
        ..Script::default()
    };
    let double = Double::start(script);
    let mut loggr = Loggr::with(shipping(&format!("urls = {:?}\nindex = \"logs\"", double.url())));
    RelpSender::new(loggr.address("relp"), 1).run(0, 1000);
    loggr.drained(120);
    until("the rescue has them", 60, || loggr.status()["rescue"]["es"] == 10);
    assert_eq!(numbers(&[&double]), (0..1000).filter(|seq| seq % 100 != 7).collect::<Vec<_>>());
    let list = loggr.ask(&["rescue", "list"]);
    assert!(list.contains("mapper_parsing_exception: failed to parse field [x] of type [long]"), "{list}");
    double.assert_sound();
    assert_eq!(double.conflicts(), 0, "what is settled is not sent again");
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn who_is_not_let_in_waits_and_is_told_why() {
    let script = || Script { authorization: Some("Basic bG9nZ3I6cmlnaHQ=".to_owned()), ..Script::default() };
    let double = Double::start(script());
    let keys = format!("urls = {:?}\nuser = \"loggr\"\npassword_file = \"es.pass\"", double.url());
    let mut loggr = Loggr::down(shipping(&keys));
    let file = loggr.config().with_file_name("es.pass");
    std::fs::write(&file, "wrong\n").expect("the password");
    loggr.up();
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    let trouble = format!(
        "trouble: shipper `es`: `{}` does not take events: it does not believe who asks: 401 Unauthorized: \
         security_exception: unable to authenticate user for REST request [/_bulk]; is the password, key or token right?",
        double.url()
    );
    until("the status says why", 60, || loggr.status_text(&[]).contains(&trouble));
    let status = loggr.status();
    assert_eq!((&status["totals"]["rescued"], double.texts().len()), (&0.into(), 0));
    loggr.kill9();
    std::fs::write(&file, "right\n").expect("the password");
    loggr.up();
    loggr.drained(60);
    assert_eq!(numbers(&[&double]), (0..10).collect::<Vec<_>>());
    loggr.stop();
}

#[test]
fn requests_become_as_small_as_the_server_wants_them() {
    let script = Script {
        request: Box::new(|_, documents, _| match documents {
            0..=20 => Does::Looks,
            _ => Does::Says(413, "too_large", ""),
        }),
        ..Script::default()
    };
    let double = Double::start(script);
    let mut loggr = Loggr::down(shipping(&format!("urls = {:?}\nconnections = 1", double.url())));
    loggr.up();
    RelpSender::new(loggr.address("relp"), 4).run(0, 2000);
    loggr.drained(120);
    assert_eq!(numbers(&[&double]), (0..2000).collect::<Vec<_>>());
    assert_eq!(loggr.status()["totals"]["rescued"], 0);
    double.assert_sound();
    loggr.stop();
}

#[test]
fn an_answer_that_is_lost_makes_no_second_document() {
    let script = Script {
        request: Box::new(|before, _, _| if before % 3 == 2 { Does::Looks } else { Does::Vanishes }),
        ..Script::default()
    };
    let double = Double::start(script);
    let mut loggr = Loggr::with(shipping(&format!("urls = {:?}\nconnections = 1", double.url())));
    RelpSender::new(loggr.address("relp"), 1).run(0, 300);
    loggr.drained(120);
    assert_eq!(numbers(&[&double]), (0..300).collect::<Vec<_>>());
    assert!(double.conflicts() >= 300, "{}", double.conflicts());
    assert_eq!(es(&loggr)["stored"], 300);
    loggr.stop();
}

#[test]
fn the_next_node_takes_over_and_the_first_gets_events_when_it_is_back() {
    let (port, second) = (free_port(), Double::start(Script::default()));
    let first = format!("http://127.0.0.1:{port}");
    let keys = format!("urls = [{first:?}, {:?}]\nreturn_after = \"1s\"", second.url());
    let mut loggr = Loggr::with(shipping(&keys));
    let load = RelpSender::new(loggr.address("relp"), 1);
    load.run(0, 100);
    loggr.stored(100, 60);
    assert_eq!(second.texts().len(), 100);
    let seen = es(&loggr);
    assert_eq!(
        (&seen["failing"], &seen["forward"]["current"]),
        (&false.into(), &second.url().into()),
        "{seen}"
    );
    let text = loggr.status_text(&[]);
    assert!(
        text.contains(&format!("trouble: shipper `es`: cannot reach `{first}`: Connection refused")),
        "{text}"
    );
    let first = Double::on(port, Script::default());
    let mut next = 100;
    until("the first node gets events", 60, || {
        load.run(next, 10);
        next += 10;
        loggr.stored(next, 60);
        !first.texts().is_empty()
    });
    assert_eq!(numbers(&[&first, &second]), (0..next).collect::<Vec<_>>());
    until("all is well again", 60, || !loggr.status_text(&[]).contains("trouble: shipper `es`"));
    let log = loggr.log();
    assert_eq!(log.matches("a server takes no events").count(), 1, "{log}");
    assert_eq!(log.matches("the server takes events again").count(), 1, "{log}");
    loggr.stop();
}
