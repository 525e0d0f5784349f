//! The program on RabbitMQ: in one process and in many, and with a wrong configuration.

use serde_json::Value;

use crate::support::{
    Broker, Loggr, PASSWORD, Random, RelpSender, STRANGER, Setup, count_seqs, eventually, random_moment, say,
    until,
};

/// A program whose events go over a broker; everything is declared, nothing runs.
#[track_caller]
pub fn prepared(setup: Setup) -> Loggr {
    let loggr = Loggr::down(setup);
    loggr.ask(&["init", "rabbitmq"]);
    loggr
}

/// Waits until events can go to the broker: what came before that would go to the spool.
#[track_caller]
pub fn connected(loggr: &Loggr) {
    until("the broker is up", 60, || loggr.status()["brokers"][0]["up"] == true);
}

/// Waits until the output file has so many lines, each once.
#[track_caller]
pub fn arrived(loggr: &Loggr, lines: u64, seconds: u64) {
    until(&format!("{lines} lines are in the file"), seconds, || loggr.lines().len() as u64 >= lines);
    let counts = count_seqs(loggr.lines().iter().map(String::as_str));
    assert_eq!((counts.len() as u64, counts.values().max()), (lines, Some(&1)), "each line once");
}

#[test]
fn events_go_over_the_broker_and_through_a_filter() {
    let Some(broker) = Broker::shared() else { return };
    let filter = "tags += \"seen\"\n".to_owned();
    let mut loggr =
        prepared(Setup { rabbitmq: Some(broker.vhost().url()), filter: Some(filter), ..Setup::default() });
    let declared = loggr.ask(&["init", "rabbitmq"]);
    assert!(declared.contains("exchange received: exists already\n"), "{declared}");
    assert!(declared.contains("queue machine.main: exists already\n"), "{declared}");
    assert!(declared.contains("binding files takes # of events: set\n"), "{declared}");
    loggr.up();
    connected(&loggr);
    RelpSender::new(loggr.address("relp"), 3).run(0, 5000);
    arrived(&loggr, 5000, 60);
    until("the search store has them too", 60, || loggr.ask(&["count", "tag:seen"]).trim() == "5000");
    let queue = |status: &Value, name: &str| {
        let queues = status["queues"].as_array().expect("queues");
        queues
            .iter()
            .find(|q| q["name"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("no `{name}` in {status:#}"))
    };
    // A line is in the file before it is counted.
    let status = eventually("all is counted", 30, || {
        let status = loggr.status();
        let mut names = ["files", "machine.main"].into_iter();
        let counted = names.all(|name| queue(&status, name)["stored"] == 5000);
        counted.then_some(status)
    });
    assert!(queue(&status, "files")["received"].is_null(), "the broker counts no events");
    assert_eq!(queue(&status, "received..syslog.relp")["received"], 0, "nothing had to wait in the spool");
    assert_eq!(status["brokers"][0]["spooling"], false, "{status:#}");
    assert!(status["brokers"][0]["trouble"].is_null(), "{status:#}");
    let text = loggr.status_text(&[]);
    assert!(text.contains("QUEUE OF THE BROKER") && text.contains("WAITING IN SPOOL"), "{text}");
    let listed = loggr.ask(&["queue", "list"]);
    assert!(listed.contains("0 messages"), "{listed}");
    let purged = loggr.ask(&["queue", "purge", "files", "--yes"]);
    assert_eq!(purged, "deleted 0 messages of `files`\n");
    let peeked = loggr.command(&["queue", "peek", "files"]);
    let said = String::from_utf8_lossy(&peeked.stderr).into_owned();
    assert!(
        !peeked.status.success() && said.contains("RabbitMQ shows no message without taking it"),
        "{said}"
    );
    loggr.stop();
}

#[test]
fn json_goes_over_the_broker_for_others_to_read() {
    let Some(broker) = Broker::shared() else { return };
    let keys = "encoding = \"json\"".to_owned();
    let mut loggr =
        prepared(Setup { rabbitmq: Some(broker.vhost().url()), listener_keys: keys, ..Setup::default() });
    loggr.up();
    RelpSender::new(loggr.address("relp"), 2).run(0, 500);
    arrived(&loggr, 500, 60);
    loggr.stop();
}

/// Each part in a process of its own; each is killed now and then.
#[test]
fn parts_share_a_broker_and_survive_kill_9() {
    let Some(broker) = Broker::shared() else { return };
    let filter = "tags += \"seen\"\n".to_owned();
    let mut loggr =
        prepared(Setup { rabbitmq: Some(broker.vhost().url()), filter: Some(filter), ..Setup::default() });
    let parts = ["server", "machine main", "ship files", "ship search"];
    let mut running: Vec<_> = parts.iter().map(|part| loggr.part(part)).collect();
    let sender = RelpSender::new(loggr.address("relp"), 4);
    let mut random = Random::new();
    let sent = sender.during(|load| {
        for (at, part) in parts.iter().enumerate() {
            load.goes_on(2000);
            random_moment(&mut random, 100);
            running[at].kill9();
            running[at] = loggr.part(part);
        }
    });
    let acked = sent.iter().filter(|(_, s)| s.acked).count();
    until("every acknowledged line is in the file", 120, || {
        let found = count_seqs(loggr.lines().iter().map(String::as_str));
        sent.iter().all(|(n, s)| !s.acked || found.contains_key(n))
    });
    let found = count_seqs(loggr.lines().iter().map(String::as_str));
    for (number, times) in &found {
        assert!(*times <= sent[number].times, "{number} is there {times} times, sent {:?}", sent[number]);
    }
    let resent = sent.values().filter(|s| s.times > 1).count();
    say(&format!("4 processes killed, {acked} lines acknowledged, {resent} resent, 0 missing"));
    let unbroken = found.len().to_string();
    until("so it is in the search store", 120, || {
        let count: usize = loggr.ask(&["count", ""]).trim().parse().unwrap_or(0);
        count >= found.len()
    });
    assert!(unbroken.parse::<usize>().is_ok_and(|n| n >= acked));
    for mut process in running {
        assert!(process.stop(60).success());
    }
}

/// What `loggr run` says and how it ends.
#[track_caller]
fn refused(loggr: &Loggr, code: i32, expect: &[&str]) {
    let output = loggr.command(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for line in expect {
        assert!(said.contains(line), "`{line}` is not in\n{said}");
    }
}

#[test]
fn a_wrong_broker_stops_the_start_with_a_hint() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let with = |url: String| Loggr::down(Setup { rabbitmq: Some(url), ..Setup::default() });
    refused(
        &with(vhost.url()),
        2,
        &[
            "error: cannot use the broker\n  caused by: the exchange `received` does not exist on the broker\n",
            "hint: `loggr init rabbitmq` declares everything that the configuration names\n",
        ],
    );
    refused(
        &with(vhost.url().replace(PASSWORD, "wrong")),
        2,
        &["refuses the login of `loggr`", "hint: look at the user in `urls` and at `password_file`\n"],
    );
    refused(
        &with(vhost.url().replace(&vhost.name, "nowhere")),
        2,
        &["has no virtual host `nowhere`", "hint: `rabbitmqctl add_vhost nowhere` makes it"],
    );
    refused(&with(vhost.url_of(STRANGER)), 2, &["does not let `stranger` into the virtual host"]);
    for (url, expect) in [
        (
            "amqp://u:p@no.such.host.invalid/x",
            "the host of the broker `no.such.host.invalid:5672` is not known",
        ),
        ("amqp://u:p@127.0.0.1:1/x", "the broker `127.0.0.1:1` cannot be reached"),
    ] {
        let output = with(url.to_owned()).command(&["init", "rabbitmq"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expect), "{said}");
    }
    let output = Loggr::down(Setup::default()).command(&["init", "rabbitmq"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("hint: to use a broker, set `kind = \"rabbitmq\"` and `urls` in the section `[bus]`\n"),
        "{said}"
    );
}
