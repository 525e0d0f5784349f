//! The registry: processes of an installation know of each other, and no event depends on it.

use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Loggr, Notices, Redis, RelpSender, Setup, until};

/// The shortest time to live that the configuration takes.
const TTL: &str = "ttl = \"3s\"\n";

fn registered(redis: &Redis, keys: &str) -> Setup {
    let more = format!("[registry]\nkind = \"redis\"\nurl = \"{}\"\n{TTL}{keys}\n", redis.url());
    Setup { more, ..Setup::default() }
}

/// `component` and `state` of each process of the installation.
fn processes(status: &Value) -> Vec<(String, String)> {
    let text = |p: &Value, key: &str| p[key].as_str().unwrap_or_default().to_owned();
    let all = status["processes"].as_array().expect("processes");
    let mut all: Vec<_> = all.iter().map(|p| (text(p, "component"), text(p, "state"))).collect();
    all.sort();
    all
}

#[track_caller]
fn seen_as(observer: &Loggr, expect: &[(&str, &str)]) {
    let mut last = Vec::new();
    until(&format!("the processes are {expect:?}"), 30, || {
        last = processes(&observer.status_now());
        last.iter().map(|(a, b)| (a.as_str(), b.as_str())).eq(expect.iter().copied())
    });
}

#[test]
fn processes_of_other_places_are_seen_in_the_status() {
    let Some(redis) = Redis::start() else { return };
    let mut one = Loggr::down(registered(&redis, ""));
    let mut server = one.part("server");
    let mut other = Loggr::with(registered(&redis, ""));
    // Nothing runs where this one looks from.
    let observer = Loggr::down(registered(&redis, ""));
    seen_as(&observer, &[("all", "running"), ("server", "running")]);
    RelpSender::new(one.address("relp"), 1).run(0, 100);
    RelpSender::new(other.address("relp"), 1).run(0, 50);
    // Two queues each: nothing ships from the first one.
    until("the sums are over both", 30, || {
        let totals = observer.status()["totals"].clone();
        totals["received"] == 300
            && totals["stored"] == 100
            && totals["waiting"] == 200
            && totals["balanced"] == true
    });
    let _client = TcpStream::connect(one.address("tcp")).expect("it accepts");
    until("the client is seen", 30, || {
        let status = observer.status();
        let all = status["listeners"].as_array().expect("listeners");
        all.iter().any(|l| {
            l["name"] == "tcp" && l["clients"][0]["peer"].as_str().is_some_and(|p| p.contains("127.0.0.1"))
        })
    });
    let status = observer.status();
    for list in ["listeners", "queues", "ships"] {
        let all = status[list].as_array().expect("a list");
        assert!(
            all.iter().all(|item| item["process"].as_str().is_some_and(|id| id.contains(":/"))),
            "{list}: {all:?}"
        );
    }
    // The same from the web address of a process, and for eyes.
    until("two processes are shown", 30, || {
        observer.status_text(&[]).starts_with("2 processes of loggr run\n\nPROCESS")
    });
    // Whoever stops takes its leave; whoever is killed is missed.
    assert!(server.stop(30).success());
    seen_as(&observer, &[("all", "running")]);
    other.kill9();
    seen_as(&observer, &[("all", "lost")]);
    let status = observer.status();
    let lost = &status["processes"][0];
    let place = other.data().display().to_string();
    assert_eq!(
        (lost["data_directory"].as_str(), &status["running"]),
        (Some(place.as_str()), &Value::Bool(false))
    );
    assert_eq!(redis.ask("KEYS loggr:process:*"), "*0", "its hash has outlived its time to live");
    // It takes its old place again.
    other.up();
    seen_as(&observer, &[("all", "running")]);
    other.stop();
    seen_as(&observer, &[]);
    until("nothing is left of them", 30, || redis.ask("KEYS *") == "*0");
}

#[test]
fn the_registry_goes_away_and_no_event_cares() {
    let Some(mut redis) = Redis::start() else { return };
    let mut loggr = Loggr::with(registered(&redis, ""));
    let observer = Loggr::down(registered(&redis, ""));
    seen_as(&observer, &[("all", "running")]);
    redis.kill9();
    until("the loss is logged", 30, || loggr.log().contains("the registry cannot be used"));
    RelpSender::new(loggr.address("relp"), 2).run(0, 2000);
    loggr.stored(2000, 60);
    // The own directory is known still.
    let output = loggr.command(&["status", "--json"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "the registry is in trouble, and nothing else: {errors}");
    let expect = format!("warning: Redis at `{}` cannot be reached: ", redis.url());
    assert!(errors.starts_with(&expect), "{errors}");
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(processes(&status), [("all".to_owned(), "running".to_owned())]);
    assert!(
        status["registry"]["problem"].as_str().is_some_and(|p| p.contains("cannot be reached")),
        "{status:#}"
    );
    loggr.assert_balanced();
    redis.up();
    seen_as(&observer, &[("all", "running")]);
    until("the return is logged", 30, || loggr.log().contains("the registry is reachable again"));
    assert_eq!(loggr.log().matches("the registry cannot be used").count(), 1, "{}", loggr.log());
    loggr.stop();
}

#[test]
fn a_wrong_password_is_named_and_stops_nothing() {
    let Some(redis) = Redis::with_password("right") else { return };
    let mut loggr = Loggr::down(registered(&redis, "password_file = \"redis.pass\""));
    let file = loggr.config().with_file_name("redis.pass");
    // Without the file it is a mistake of the configuration.
    for command in ["run", "check", "status"] {
        let output = loggr.command(&[command]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command}: {errors}");
        let expect = format!(
            "error: cannot use the registry `{}`\n  caused by: cannot read the secret in `{}`\n",
            redis.url(),
            file.display()
        );
        assert!(errors.starts_with(&expect), "{command}: {errors}");
    }
    std::fs::write(&file, "wrong\n").expect("the file");
    loggr.up();
    let refused = format!("Redis at `{}` refuses the password or the user", redis.url());
    until("the refusal is logged", 30, || loggr.log().contains(&refused));
    assert!(
        loggr.log().contains("compare `url` and `password_file` in `[registry]` with"),
        "{}",
        loggr.log()
    );
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.stored(10, 30);
    let output = loggr.command(&["status", "--json"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("warning: {refused}\n"));
    loggr.stop();
    std::fs::write(&file, "right\n").expect("the file");
    loggr.up();
    let observer = Loggr::down(registered(&redis, &format!("password_file = {file:?}")));
    seen_as(&observer, &[("all", "running")]);
    loggr.stop();
}

#[test]
fn the_registry_speaks_tls_with_certificates_on_both_sides() {
    let Some(redis) = Redis::with_tls() else { return };
    let tls = redis.tls();
    let keys = format!("tls_ca = {:?}\ntls_cert = {:?}\ntls_key = {:?}", tls.ca, tls.cert, tls.key);
    let mut loggr = Loggr::with(registered(&redis, &keys));
    let observer = Loggr::down(registered(&redis, &keys));
    seen_as(&observer, &[("all", "running")]);
    // Without the authority's certificate the server is not believed.
    let doubting = Loggr::down(registered(&redis, ""));
    let output = doubting.command(&["status", "--json"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("invalid peer certificate"), "{errors}");
    loggr.stop();
}

#[test]
fn what_changes_is_told_to_who_listens() {
    let mut loggr = Loggr::start();
    let mut told = Notices::listen(loggr.address("web"));
    // A file in the place of the directory: nobody can write there, not even root.
    let output = loggr.output_directory();
    std::fs::create_dir_all(&output).expect("the directory");
    std::fs::rename(&output, output.with_extension("aside")).expect("the directory moves");
    std::fs::write(&output, "").expect("a file");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    let notice = told.by_ref().find(|n| n["notice"] == "ship.failing").expect("a notice");
    assert_eq!(notice["subject"], "files");
    assert!(notice["text"].as_str().is_some_and(|t| !t.is_empty()), "{notice}");
    assert_eq!(notice["process"]["component"], "all");
    std::fs::remove_file(&output).expect("the file");
    std::fs::rename(output.with_extension("aside"), &output).expect("the directory comes back");
    let notice = told.next().expect("a notice");
    assert_eq!((&notice["notice"], &notice["subject"]), (&"ship.recovered".into(), &"files".into()));
    loggr.stored(10, 30);
    loggr.stop();
    let last: Vec<String> = told.map(|n| n["notice"].as_str().expect("a word").to_owned()).collect();
    assert_eq!(last.iter().filter(|n| *n == "listener.down").count(), 5, "{last:?}");
    assert_eq!(last.last().map(String::as_str), Some("process.stopped"));
}

/// The guide's command for the user of the registry, with another name and password.
fn user_of_the_guide(name: &str, password: &str) -> String {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/scale.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let command = guide.lines().find(|line| line.starts_with("ACL SETUSER loggr ")).expect("the command");
    command
        .replace("SETUSER loggr ", &format!("SETUSER {name} "))
        .replace(">PASSWORD", &format!(">{password}"))
}

#[test]
fn the_user_of_the_guide_may_do_what_the_registry_does_and_nothing_else() {
    let Some(redis) = Redis::start() else { return };
    assert_eq!(redis.ask(&user_of_the_guide("narrow", "sesame")), "+OK");
    let url = redis.url().replace("redis://", "redis://narrow@");
    let more =
        format!("[registry]\nkind = \"redis\"\nurl = \"{url}\"\npassword_file = \"redis.pass\"\n{TTL}");
    let mut loggr = Loggr::down(Setup { more, ..Setup::default() });
    std::fs::write(loggr.config().with_file_name("redis.pass"), "sesame\n").expect("the password");
    loggr.up();
    seen_as(&loggr, &[("all", "running")]);
    until("it is in Redis", 30, || redis.ask("ZCARD loggr:processes") == ":1");
    let status = loggr.status();
    assert_eq!(status["registry"]["problem"], Value::Null, "{}", status["registry"]);
    // In order: it takes its leave.
    loggr.stop();
    assert_eq!(redis.ask("ZCARD loggr:processes"), ":0");
    assert!(!loggr.log().contains("does not permit"), "{}", loggr.log());
    for command in ["GET loggr:x", "SET loggr:x 1", "HSET other a b", "KEYS *", "CONFIG GET *", "FLUSHALL"] {
        let answer = redis.ask(&format!("AUTH narrow sesame\r\n{command}"));
        assert!(answer.contains("NOPERM"), "{command}: {answer}");
    }
}
