//! Questions of the API beside the search: numbers of values, the way of an event, what changed around a
//! spike, what the status tells of listeners and shippers.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{add_user, browser, logged_in, start};
use crate::api::{fed, get, some};
use crate::support::{Browser, until};

/// The states of the stations of an event's way, each behind its name.
#[track_caller]
fn way(browser: &Browser, query: &str) -> Vec<String> {
    let page = get(browser, &format!("/api/search?limit=1&q={query}"));
    let uid = page["events"][0]["uid"].as_str().expect("a uid");
    let steps = get(browser, &format!("/api/event/{uid}"))["way"].as_array().expect("a way").clone();
    let text = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
    steps
        .iter()
        .map(|step| [text(step, "step"), text(step, "name"), text(step, "state")].join(" ").trim().to_owned())
        .collect()
}

#[test]
fn fields_tell_their_number_of_values_and_only_of_what_may_be_seen() {
    let loggr = start("");
    fed(&loggr, &some());
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let role = json!({ "name": "web", "level": "viewer", "filter": "app:sshd", "hidden": ["x@1.secret"] });
    assert_eq!(anna.ask("POST", "/api/roles", role).code, 201);
    add_user(&loggr, "ben", "web");
    let distinct = |of: &Browser, name: &str| {
        let fields = get(of, "/api/fields?distinct=1")["fields"].as_array().expect("fields").clone();
        let field = fields.into_iter().find(|field| field["name"] == name);
        field.map(|field| (field["distinct"].clone(), field["distinct_more"] == false))
    };
    let ben = logged_in(&loggr, "ben");
    for (of, name, expect) in [
        (&anna, "app_name", Some(3)),
        (&anna, "source", Some(2)),
        (&anna, "x@1.user", Some(10)),
        (&anna, "x@1.secret", Some(10)),
        (&ben, "app_name", Some(1)),
        (&ben, "x@1.user", Some(10)),
        (&ben, "x@1.secret", None),
    ] {
        assert_eq!(distinct(of, name), expect.map(|n| (json!(n), true)), "{name}");
    }
    assert!(get(&anna, "/api/fields")["fields"][0]["distinct"].is_null(), "nobody asked for it");
}

#[test]
fn an_event_tells_its_way_and_what_nobody_can_know_of_it() {
    let loggr = start("");
    fed(&loggr, &some());
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let role = json!({ "name": "web", "level": "viewer", "filter": "app:sshd" });
    assert_eq!(anna.ask("POST", "/api/roles", role).code, 201);
    add_user(&loggr, "ben", "web");
    let all = way(&anna, "app:sshd");
    assert_eq!(all[..3], ["reported web1 done", "received tcp done", "published received done"]);
    let mut stores = all[3..].to_vec();
    stores.sort();
    assert_eq!(stores, ["stored files done", "stored search done"]);
    assert_eq!(
        way(&logged_in(&loggr, "ben"), "app:sshd"),
        ["reported web1 done", "received tcp done", "stored search done"]
    );
}

#[test]
fn a_spike_is_compared_with_what_is_around_it() {
    let loggr = start("");
    fed(&loggr, &some());
    let here = browser(&loggr);
    let changes = get(&here, "/api/compare?from=now-1h&before_from=now-5h&before_to=now%2B1h&exclude=1");
    assert_eq!((&changes["now"]["events"], &changes["before"]["events"]), (&json!(14), &json!(0)));
    let all = changes["changes"].as_array().expect("changes");
    let shape = all.iter().find(|change| change["what"] == "shape").expect("a shape");
    assert_eq!((&shape["kind"], &shape["severities"]), (&json!("new"), &json!({ "err": 10 })));
    assert_eq!(shape["parts"][0], json!(["Failed password for ", false]));
    let empty = here.get("/api/compare?from=now-1h&to=now&before_from=now-1h&before_to=now&exclude=1");
    assert_eq!(empty.problem(), (400, "bad_parameter".to_owned()));
}

#[test]
fn what_excludes_everything_is_named_as_it_was_written() {
    let loggr = start("");
    fed(&loggr, &some());
    let why =
        get(&browser(&loggr), "/api/explain-nothing?q=host:web1%20AND%20(app:cron%20OR%20pid:9)%20failed");
    let texts: Vec<&str> =
        why["terms"].as_array().expect("terms").iter().filter_map(|term| term["text"].as_str()).collect();
    assert_eq!(texts, ["host:web1", "(app:cron OR pid:9)", "failed"]);
}

#[test]
fn the_status_tells_how_long_events_take_and_who_sends_them() {
    let loggr = start("");
    let mut client = std::net::TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    fed(&loggr, &some());
    std::io::Write::write_all(&mut client, b"<13>one\n<13>two\n").expect("it reads");
    loggr.stored(16, 60);
    let status = loggr.status();
    let of = |kind: &str, name: &str| -> Value {
        let mut all = status[kind].as_array().expect("a list").iter();
        all.find(|one| one["name"] == name).cloned().unwrap_or_else(|| panic!("no {name} in {status:#}"))
    };
    for (kind, name) in [("listeners", "tcp"), ("ships", "search"), ("ships", "files")] {
        let one = of(kind, name);
        let (half, most) = (one["ack_p50_ms"].as_f64(), one["ack_p99_ms"].as_f64());
        assert!(half > Some(0.0) && most >= half, "{one:#}");
    }
    assert!(of("listeners", "udp")["ack_p50_ms"].is_null());
    let clients = of("listeners", "tcp")["clients"].clone();
    assert_eq!((&clients[0]["events"], &clients[0]["tls"]), (&json!(2), &json!(false)), "{clients:#}");
    assert!(clients[0]["last_seen"].as_f64() > Some(1.7e9), "{clients:#}");
    assert!(
        browser(&loggr).get("/metrics").body.contains("loggr_listener_ack_p99_seconds{listener=\"tcp\"}")
    );
    let me = browser(&loggr).get("/api/me").json();
    assert_eq!((&me["limits"]["rows"], &me["limits"]["timeout_seconds"]), (&json!(1000), &json!(300)));
    assert!(me["installation"].is_string(), "{me}");
}

#[test]
fn all_who_watch_the_status_hear_of_it_again_and_again() {
    let loggr = start("");
    let here = browser(&loggr);
    let mut feeds: Vec<_> = (0..3).map(|_| here.open("GET", "/api/status/feed", &Value::Null)).collect();
    for feed in &mut feeds {
        feed.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let (mut heard, mut piece) = (String::new(), [0; 65536]);
        while heard.matches("event: status").count() < 2 {
            let read = feed.read(&mut piece).expect("it speaks");
            assert!(read > 0, "it ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
        }
        assert!(heard.contains("\"troubles\":[]"), "what is wrong is told as well: {heard}");
    }
    drop(feeds);
    // Who comes after the last one has gone hears of it as well.
    let mut feed = here.open("GET", "/api/status/feed", &Value::Null);
    let mut piece = [0; 65536];
    until("it speaks", 60, || {
        let read = feed.read(&mut piece).expect("it speaks");
        String::from_utf8_lossy(piece.get(..read).unwrap_or_default()).contains("event: status")
    });
}
