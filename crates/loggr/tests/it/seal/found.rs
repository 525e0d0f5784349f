//! What somebody changes, on the way or in a store, is found and named.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use serde_json::Value;

use super::{Keys, agent, check_store, number, send, server, verify};
use crate::access::{add_user, browser};
use crate::support::{Loggr, PROGRAM, Setup, postgres, until};

/// Somebody between an agent and its server, who changes each of these words into the other of the same
/// length. Works until both have gone.
fn changing(server: SocketAddr, from: &'static [u8], to: &'static [u8]) -> SocketAddr {
    assert_eq!(from.len(), to.len());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for agent in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(server) else { continue };
            let (mut back, mut forth) = (server.try_clone().expect("a socket"), server);
            let (mut answers, mut asks) = (agent.try_clone().expect("a socket"), agent);
            std::thread::spawn(move || {
                drop(std::io::copy(&mut back, &mut answers));
                drop(answers.shutdown(Shutdown::Both));
            });
            std::thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(n @ 1..) = asks.read(&mut buffer) {
                    let bytes = &mut buffer[..n];
                    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
                        bytes[at..at + to.len()].copy_from_slice(to);
                    }
                    if forth.write_all(bytes).is_err() {
                        break;
                    }
                }
                drop(forth.shutdown(Shutdown::Both));
            });
        }
    });
    address
}

/// The uid of the one event that a query finds.
#[track_caller]
fn uid_of(loggr: &Loggr, query: &str) -> String {
    let found = loggr.search(query);
    assert_eq!(found.len(), 1, "{query}: {found:?}");
    found[0]["uid"].as_str().expect("a uid").to_owned()
}

#[track_caller]
fn names_it(loggr: &Loggr, arguments: &[&str], uid: &str) {
    let (code, broken, _) = verify(loggr, arguments);
    let uids: Vec<&Value> = broken.iter().map(|event| &event["uid"]).collect();
    assert_eq!((code, uids), (Some(1), vec![&Value::from(uid)]));
    let text = loggr.command(&[&["verify"], arguments].concat());
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("           1  broken\n") && text.contains(uid), "{text}");
}

#[test]
fn one_character_that_is_changed_on_the_way_is_found_and_named() {
    let of = Keys::new(&["a"]);
    let hmac = of.section(&["a"]);
    let server = Loggr::with(server(&hmac, "verify"));
    let middle = changing(server.address("relp"), b"transfer 100 to eve", b"transfer 900 to eve");
    let mut agent = Loggr::with(agent(&hmac, middle, ""));
    send(&agent, &["transfer 100 to eve", "transfer 100 to bob", "nothing else"]);
    agent.stored(3, 60);
    server.stored(3, 60);
    let uid = uid_of(&server, "\"transfer 900 to eve\"");
    assert_eq!(uid_of(&agent, "\"transfer 100 to eve\""), uid, "it is the same event");
    names_it(&server, &[], &uid);
    names_it(&server, &["eve"], &uid);
    check_store(&server, &["bob"], [1, 0, 0]);
    check_store(&agent, &[], [3, 0, 0]);
    assert_eq!(uid_of(&server, "defect:bad_hmac"), uid);
    assert_eq!(number(&server, "listener", "relp", "broken"), 1);
    let metric = "loggr_seal_broken_total{kind=\"listener\",name=\"relp\"} 1";
    assert!(server.get("/metrics").contains(metric), "{}", server.get("/metrics"));
    let log = server.log();
    assert_eq!(log.matches("the seal of an event is broken").count(), 1, "{log}");
    assert!(log.contains(&uid), "{log}");
    let page: Value = serde_json::from_str(&server.get(&format!("/api/event/{uid}"))).expect("JSON");
    assert_eq!(page["seal"]["verdict"], "broken");
    let good = uid_of(&server, "bob");
    let page: Value = serde_json::from_str(&server.get(&format!("/api/event/{good}"))).expect("JSON");
    assert_eq!((&page["seal"]["verdict"], &page["seal"]["key"]), (&"good".into(), &"ka".into()));
    agent.stop();
}

#[test]
fn a_loggr_elsewhere_is_asked_for_its_seals_as_far_as_a_role_sees() {
    let of = Keys::new(&["a"]);
    let hmac = of.section(&["a"]);
    let server = Loggr::with(server(&hmac, "verify"));
    let middle = changing(server.address("relp"), b"transfer 100 to eve", b"transfer 900 to eve");
    let mut agent = Loggr::with(agent(&hmac, middle, ""));
    send(&agent, &["transfer 100 to eve", "transfer 100 to bob", "nothing else"]);
    send(&server, &["unsealed"]);
    server.stored(4, 60);
    let uid = uid_of(&server, "\"transfer 900 to eve\"");
    add_user(&server, "root", "admin");
    let url = format!("http://{}", server.address("web"));
    let token = |role: &[&str], name: &str| {
        server.ask(&[&["role", "add", name][..], role].concat());
        let said = server.ask(&["token", "add", name, "--role", name]);
        said.split_whitespace().find(|word| word.starts_with("loggr_")).expect("a token").to_owned()
    };
    let elsewhere = |token: &str, words: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(["verify", "--url", &url]).args(words).env("LOGGR_TOKEN", token).env("NO_COLOR", "1");
        let output = command.output().expect("loggr starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let all = token(&["--level", "viewer"], "all");
    for words in [&[][..], &["--json"], &["eve"], &["bob"], &["--until", "1h"]] {
        let here = server.command(&[&["verify"], words].concat());
        let said = String::from_utf8_lossy(&[here.stdout, here.stderr].concat()).into_owned();
        // Each names its store.
        let store = server.data().join("search").display().to_string();
        let said = said.replace(&format!("`search` (search store in {store})"), &url);
        let said = said.replace("\"store\":\"search\"", &format!("\"store\":{url:?}"));
        assert!(said.contains(&url), "{said}");
        assert_eq!(elsewhere(&all, words), (here.status.code(), said), "{words:?}");
    }
    // Answer by answer: each looks at one event.
    let asks = browser(&server).with("Authorization", &format!("Bearer {all}"));
    let mut cursor = String::new();
    let (mut seen, mut broken) = (0, Vec::new());
    for _ in 0..4 {
        let path = format!("/api/verify?limit=1{cursor}");
        let answer = asks.get(&path).json();
        seen += answer["events"].as_u64().expect("a number");
        broken.extend(answer["broken_events"].as_array().expect("a list").clone());
        cursor = answer["cursor"].as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    }
    assert_eq!((seen, broken.len(), &broken[0]["uid"], cursor.as_str()), (4, 1, &uid.as_str().into(), ""));
    // A role sees the seals of what it finds alone.
    let few = token(&["--filter", "bob"], "few");
    let (code, said) = elsewhere(&few, &["--json"]);
    assert_eq!((code, said.contains("\"events\":1,\"good\":1")), (Some(0), true), "{said}");
    // What is hidden is verified and not told, nor can it be asked for.
    let blind = token(&["--hide", "message", "--hide", "host"], "blind");
    let (code, said) = elsewhere(&blind, &["--json"]);
    assert_eq!((code, said.contains(&uid), said.contains("source")), (Some(1), true, false), "{said}");
    let (code, said) = elsewhere(&blind, &["host:x"]);
    assert!(code == Some(1) && said.contains("is hidden from you"), "{said}");
    agent.stop();
}

#[test]
fn who_has_no_key_is_told_so_elsewhere_too() {
    let loggr = Loggr::start();
    let url = format!("http://{}", loggr.address("web"));
    let mut command = Command::new(PROGRAM);
    let output = command.args(["verify", "--url", &url]).output().expect("loggr starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("the configuration has no `[hmac]`") && said.contains("hint: write `keys"),
        "{said}"
    );
}

#[test]
fn a_row_that_is_changed_in_postgresql_is_found_and_named() {
    let Some(database) = postgres() else { return };
    let of = Keys::new(&["a"]);
    let url = database.url();
    let loggr = Loggr::with(Setup {
        listener_keys: "seal = \"sign\"".to_owned(),
        more: format!(
            "{}[ship.db]\nkind = \"postgres\"\nexchange = \"received\"\nurl = {url:?}\ncommit_age = \"50ms\"\n",
            of.section(&["a"])
        ),
        ..Setup::default()
    });
    send(&loggr, &["root logged in", "bob logged in"]);
    loggr.stored(2, 60);
    check_store(&loggr, &["--store", "db"], [2, 0, 0]);
    let uid = uid_of(&loggr, "root");
    database.sql("UPDATE events SET message = 'nobody logged in' WHERE message LIKE 'root%'");
    names_it(&loggr, &["--store", "db"], &uid);
    check_store(&loggr, &["--store", "search"], [2, 0, 0]);
    // Who takes the seal away with the change is found, too, where everything is sealed.
    database.sql("UPDATE events SET rest = NULL, message = 'x' WHERE message LIKE 'bob%'");
    check_store(&loggr, &["--store", "db"], [0, 1, 1]);
}

#[test]
fn a_broken_seal_is_never_covered_by_a_new_one() {
    let of = Keys::new(&["a", "b"]);
    // Another key than the server's: every seal is broken there.
    let stranger = of.section(&["b"]);
    let filter = "message := \"changed\"\n".to_owned();
    let server = Loggr::with(Setup {
        filter: Some(filter),
        machine_keys: "seal = \"sign\"".to_owned(),
        ..server(&of.section(&["a"]), "sign")
    });
    let mut agent = Loggr::with(agent(&stranger, server.address("relp"), ""));
    send(&agent, &["from the agent"]);
    server.stored(1, 60);
    check_store(&server, &[], [0, 0, 1]);
    // What has none is sealed at once, and anew behind the filter.
    send(&server, &["from nearby"]);
    server.stored(2, 60);
    check_store(&server, &[], [1, 0, 1]);
    assert_eq!(number(&server, "machine", "main", "broken"), 1);
    assert_eq!(number(&server, "machine", "main", "signed"), 1);
    agent.stop();
}

#[test]
fn a_machine_that_does_not_seal_takes_the_seal_of_what_it_changes_and_is_told() {
    let of = Keys::new(&["a"]);
    let setup = |keys: &str| Setup {
        listener_keys: "seal = \"sign\"".to_owned(),
        filter: Some("if message ~ \"secret\" { message := \"hidden\" }\n".to_owned()),
        machine_keys: keys.to_owned(),
        more: of.section(&["a"]),
        ..Setup::default()
    };
    let loggr = Loggr::with(setup(""));
    send(&loggr, &["a secret", "no news"]);
    loggr.stored(2, 60);
    check_store(&loggr, &[], [1, 1, 0]);
    let told = "the machine `main` drops the seal of every event in which its filter changes what is sealed";
    let check = loggr.command(&["check"]);
    assert!(check.status.success() && String::from_utf8_lossy(&check.stderr).contains(told));
    assert!(loggr.log().contains(told), "{}", loggr.log());
    let loggr = Loggr::with(setup("seal = \"sign\""));
    send(&loggr, &["a secret", "no news"]);
    loggr.stored(2, 60);
    check_store(&loggr, &[], [2, 0, 0]);
    assert!(!String::from_utf8_lossy(&loggr.command(&["check"]).stderr).contains("drops the seal"));
    until("both are there", 60, || loggr.search("hidden").len() == 1);
}
