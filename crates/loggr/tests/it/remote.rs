//! The command line against a loggr elsewhere: the same words, the same output, over the API.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use crate::access::add_user;
use crate::support::{Loggr, PROGRAM, Setup, postgres, until};

/// Sends lines over TCP and waits until they can be found: all that were ever sent are `stored`.
fn fed(loggr: &Loggr, lines: impl Iterator<Item = String>, stored: u64) {
    sent(loggr, lines);
    loggr.stored(stored, 60);
}

fn sent(loggr: &Loggr, lines: impl Iterator<Item = String>) {
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    for line in lines {
        writeln!(stream, "{line}").expect("it reads");
    }
}

fn url(loggr: &Loggr) -> String {
    format!("http://{}", loggr.address("web"))
}

/// A program with users, and a token of this role.
#[track_caller]
fn with_token(loggr: &Loggr, role: &str) -> String {
    if !loggr.ask(&["user", "list"]).contains("root") {
        add_user(loggr, "root", "admin");
    }
    let said = loggr.ask(&["token", "add", role, "--role", role]);
    said.split_whitespace().find(|word| word.starts_with("loggr_")).expect("a token").to_owned()
}

/// `loggr ARGUMENTS` somewhere else, with this token.
fn elsewhere(arguments: &[&str], token: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("NO_COLOR", "1").env("LOGGR_TOKEN", token);
    let none = tempfile::tempdir().expect("a directory");
    command.current_dir(none.path()).env("LOGGR_DATA_DIR", none.path().join("no-data"));
    command.output().expect("loggr starts")
}

/// Exit code, and what it said.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Ten failed log-ins, three lines of another program, one with signs that no terminal should get, and
/// a JSON object.
fn some() -> Vec<String> {
    let line = |severity: u8, host: &str, app: &str, data: &str, text: &str| {
        format!("<{}>1 2026-03-01T00:00:00Z {host} {app} 7 - {data} {text}", 8 + severity)
    };
    let failed = |n: u64| {
        let data = format!("[x@1 user=\"u{}\" port=\"{}\"]", n % 3, 4000 + n);
        line(3, "web1", "sshd", &data, &format!("Failed password for u{n} from 10.0.0.{n}"))
    };
    let mut lines: Vec<String> = (1..=10).map(failed).collect();
    lines.extend((1..=3).map(|n| line(6, "web1", "cron", "-", &format!("job {n} done"))));
    lines.push(line(4, "db1", "postgres", "-", "a \u{1b}[31mred\u{1b}[0m, \"quoted\" \u{fc}\u{202e} line"));
    lines.push(r#"{"host":"web2","app":"shop","level":"warning","msg":"slow","status":200,"client":"10.1.2.3","ms":2.5}"#.to_owned());
    lines
}

#[test]
fn every_question_is_answered_as_there() {
    let loggr = Loggr::start();
    fed(&loggr, some().into_iter(), 15);
    let (token, url) = (with_token(&loggr, "operator"), url(&loggr));
    for question in [
        "search",
        "search failed",
        "search failed --format json",
        "search --format csv --limit 14",
        "search --limit 0",
        "search --oldest-first --limit 3",
        "search app:cron -2",
        "search nothing --since 1h",
        "search msg:red --format json",
        "search app:cro",
        "count host:web9 --since 1h",
        "search status = 200",
        "search --since 1h --until 2h",
        "search --until 1h",
        "count",
        "count failed",
        "count x@1.usr:u1",
        "count zzz:1",
        "top app",
        "top x@1.user --json --limit 2",
        "top nothing",
        "top _time",
        "histogram",
        "histogram --bucket 1h failed",
        "histogram --bucket 7d --json",
        "histogram --bucket soon",
        "fields",
        "fields --json",
        "fields --until 1h",
        "search a (b OR",
        "search msg:/(/",
        "search severity:<=3",
        "search status >= 500 ) x",
        "rescue list",
        "rescue show files 5",
    ] {
        let words: Vec<&str> = question.split(' ').collect();
        let there = said(&loggr.command(&words));
        let here = said(&elsewhere(&[&words[..], &["--url", &url]].concat(), &token));
        let missing = "hint: no event was ever rescued in this data directory\n";
        match question {
            // An empty rescue is an empty list over the API.
            "rescue list" => {
                assert!(here.0 == there.0 && (there.2 == missing || here == there), "{here:?} {there:?}")
            }
            "rescue show files 5" => assert_eq!(here.0, Some(2), "{here:?}"),
            _ => assert_eq!(here, there, "{question}"),
        }
    }
}

#[test]
fn pages_and_a_tail_have_everything_once() {
    let loggr = Loggr::start();
    let line = |n: u64| format!("<13>1 2026-03-01T00:00:00Z h app - - - burst {n}");
    fed(&loggr, (1..=2500).map(line), 2500);
    let (token, url) = (with_token(&loggr, "viewer"), url(&loggr));
    let there = said(&loggr.command(&["search", "--limit", "2400"]));
    let here = said(&elsewhere(&["search", "--limit", "2400", "--url", &url], &token));
    assert_eq!(here.1.lines().count(), 2400);
    assert!(here == there, "pages differ");

    let mut command = Command::new(PROGRAM);
    command.args(["search", "-f", "--limit", "3", "burst", "--url", &url]).env("LOGGR_TOKEN", &token);
    let mut tail = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("loggr starts");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (output, seeing) = (tail.stdout.take().expect("a pipe"), seen.clone());
    let reading = std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let number = line.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok());
            seeing.lock().expect("no panic").extend(number);
        }
    });
    let numbers = || seen.lock().expect("no panic").clone();
    until("the newest are shown", 60, || numbers().len() >= 3);
    fed(&loggr, (2501..=2503).map(line), 2503);
    until("the new ones are shown", 60, || numbers().contains(&2503));
    fed(&loggr, (2504..=2504).map(line), 2504);
    until("the last one is shown", 60, || numbers().contains(&2504));
    tail.kill().expect("it runs");
    tail.wait().expect("it ends");
    reading.join().expect("it has read");
    let mut once = numbers();
    once.sort_unstable();
    assert_eq!(once, (2498..=2504).collect::<Vec<_>>());
}

#[test]
fn status_and_rescue_elsewhere() {
    let Some(database) = postgres() else { return };
    let url_of_it = database.url();
    let more = format!(
        "[ship.db]\nkind = \"postgres\"\nexchange = \"received\"\nurl = {url_of_it:?}\ncommit_age = \"50ms\"\n"
    );
    let loggr = Loggr::with(Setup { more, ..Setup::default() });
    database.sql("ALTER TABLE events ADD CONSTRAINT nothing CHECK (false)");
    sent(&loggr, some().into_iter().take(3));
    until("the events are in the rescue", 120, || loggr.status()["rescue"]["db"] == 3);
    let (token, url) = (with_token(&loggr, "operator"), url(&loggr));
    let ask = |words: &[&str]| said(&elsewhere(&[words, &["--url", &url]].concat(), &token));

    let (code, text, _) = ask(&["status"]);
    assert_eq!(code, Some(1), "{text}");
    for part in ["LISTENER", "QUEUE", "SHIPPER", "STORE", "trouble: the rescue holds 3 events of `db`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let keys = |text: &str| -> Vec<String> {
        let status: serde_json::Value = serde_json::from_str(text).expect("JSON");
        status.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&ask(&["status", "--json"]).1), keys(&said(&loggr.command(&["status", "--json"])).1));

    for words in [&["rescue", "list"][..], &["rescue", "list", "db", "--json"], &["rescue", "list", "nobody"]]
    {
        assert_eq!(ask(words), said(&loggr.command(words)), "{words:?}");
    }
    let list = ask(&["rescue", "list"]).1;
    let id = list.lines().nth(1).and_then(|line| line.split_whitespace().next()).expect("an id");
    let show = ["rescue", "show", "db", id];
    assert_eq!(ask(&show), said(&loggr.command(&show)));
    let none = ["rescue", "show", "db", "00000000-0000-0000-0000-000000000000"];
    assert_eq!(ask(&none).0, said(&loggr.command(&none)).0);
    assert_eq!(
        ask(&["rescue", "discard", "db", id, "--yes"]),
        (Some(0), "deleted 1 event\n".to_owned(), String::new())
    );
    let (code, _, errors) = ask(&["rescue", "replay", "db"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("`db` refused 2 events again"), "{errors}");
    database.sql("ALTER TABLE events DROP CONSTRAINT nothing");
    assert_eq!(ask(&["rescue", "replay", "db"]).1, "`db` took 2 events\n");
}

#[test]
fn what_is_wrong_is_said() {
    let loggr = Loggr::start();
    fed(&loggr, some().into_iter(), 15);
    let (token, url) = (with_token(&loggr, "viewer"), url(&loggr));
    let config = loggr.config().display().to_string();
    let file = loggr.data().join("token");
    std::fs::write(&file, format!("{token}\n")).expect("written");
    let file = file.display().to_string();
    let check = |words: &[&str], token: &str, code: i32, parts: &[&str]| {
        let (exit, out, errors) = said(&elsewhere(words, token));
        assert_eq!(exit, Some(code), "{words:?}: {errors}");
        assert!(
            parts.iter().all(|part| errors.contains(part) || out.contains(part)),
            "{words:?}: {errors}{out}"
        );
        assert!(!errors.contains("loggr_"), "{errors}");
    };
    let wants =
        &["error: `http://127.0.0.1:", "wants a token: nobody is logged in\nhint: `loggr token add NAME`"];
    check(&["count", "--url", &url], "", 2, wants);
    check(&["count", "--url", &url], "loggr_wrong", 2, &["wants a token: the token is unknown"]);
    check(&["count", "--url", &url, "--token", &token], "", 0, &["15\n"]);
    check(&["count", "--url", &url, "--token-file", &file], "loggr_wrong", 0, &["15\n"]);
    check(&["count", "--url", &url, "--token-file", "/none"], "", 2, &["cannot read the secret in `/none`"]);
    check(&["count", "--url", &url, "--token", "x", "--token-file", &file], "", 2, &["exclude each other"]);
    check(&["count", "--token-file", &file], "", 2, &["`--token-file` means nothing without `--url`"]);
    check(&["count", "--url", &url, "--config", &config], "", 2, &["exclude each other"]);
    check(
        &["--config", &config, "count", "--url", &url],
        "",
        2,
        &["`--url` and `--config` exclude each other"],
    );
    check(
        &["count", "--url", "127.0.0.1:8080"],
        "",
        2,
        &["is not the URL of a server", "hint: write `https://"],
    );
    check(
        &["count", "--url", "http://127.0.0.1:1"],
        "",
        1,
        &["error: cannot reach `http://127.0.0.1:1`", "hint: does the server run"],
    );
    check(
        &["count", "--url", &url.replace("http", "https")],
        "",
        1,
        &["speaks no TLS", "hint: write `http://`"],
    );
    check(
        &["count", "--url", &format!("{url}/elsewhere")],
        &token,
        1,
        &["does not answer as loggr does", "hint: does a loggr listen there?"],
    );
    check(
        &["count", "--url", &url, "--store", "serch"],
        &token,
        2,
        &["is called `serch`", "did you mean `search`?"],
    );
    check(
        &["rescue", "list", "--url", &url],
        &token,
        1,
        &["refuses this", "the role `viewer` may not do this"],
    );
    check(&["status", "--url", &url], &token, 0, &["LISTENER"]);
}
