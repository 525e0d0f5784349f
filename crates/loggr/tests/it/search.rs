//! Questions as people type them: a tail that follows, exclusions, and habits from other tools.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::{Loggr, PROGRAM, until};

/// Sends lines over TCP.
fn send(loggr: &Loggr, lines: impl Iterator<Item = String>) {
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    for line in lines {
        writeln!(stream, "{line}").expect("it reads");
    }
}

#[test]
fn a_tail_shows_the_newest_and_then_only_what_is_new() {
    let loggr = Loggr::start();
    let burst = |n: u64| format!("<13>1 2026-03-01T00:00:00Z h app - - - burst {n}");
    send(&loggr, (1..=50).map(burst));
    loggr.stored(50, 60);
    let mut command = Command::new(PROGRAM);
    command.args(["search", "-f", "--limit", "3", "burst", "--config"]).arg(loggr.config());
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
    // Whatever it takes for news comes with these.
    send(&loggr, (51..=53).map(burst));
    until("the new ones are shown", 60, || numbers().contains(&53));
    send(&loggr, (54..=54).map(burst));
    until("the last one is shown", 60, || numbers().contains(&54));
    tail.kill().expect("it runs");
    tail.wait().expect("it ends");
    reading.join().expect("it has read");
    assert_eq!(numbers(), (48..=54).collect::<Vec<_>>());
}

#[test]
fn an_exclusion_may_stand_first_and_an_option_must_be_one() {
    let loggr = Loggr::start();
    let lines = ["sshd", "cron"].map(|app| format!("<13>1 2026-03-01T00:00:00Z h {app} - - - a text"));
    send(&loggr, lines.into_iter());
    loggr.stored(2, 60);
    assert_eq!(loggr.ask(&["count", "-app:sshd"]).trim(), "1");
    assert_eq!(loggr.ask(&["count", "-facility:kern", "-app:cron"]).trim(), "1");
    assert_eq!(loggr.ask(&["search", "-app:sshd", "--limit", "5"]).lines().count(), 1);
    for wrong in [["search", "-n", "5"], ["search", "text", "--limits=5"], ["search", "-n5", "text"]] {
        let output = loggr.command(&wrong);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {said}");
        assert!(
            said.starts_with("error: `loggr search` has no option `-") && said.contains("hint: "),
            "{said}"
        );
    }
}

#[test]
fn an_empty_answer_to_a_habit_of_another_tool_has_a_hint() {
    let loggr = Loggr::start();
    let hint = |command: &[&str], expect: &str| {
        let output = loggr.command(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expect), "{command:?}: {said}");
    };
    hint(&["search", "status >= 500"], "hint: `status >= 500` is written `status:>=500`");
    hint(&["count", "app=sshd"], "hint: `app=sshd` is written `app:sshd`");
    hint(
        &["top", "host", "failed | head"],
        "hint: a query has no pipes; write `loggr search --limit 10 'failed'`",
    );
    hint(&["histogram", "host : x"], "hint: `host : x` is written `host:x`");
    hint(&["search", "host: x"], "hint: `host: x` is written `host:x`");
    hint(&["search", "app:nobody"], "hint: no event has `app:nobody`: `loggr top app_name` shows which");
    hint(&["search", "msg:remov"], "hint: no event has `msg:remov`, which stands for a whole word");
    hint(&["search", "program:sshd"], "did you mean `app`?");
    hint(&["search", "@timestamp:2026"], "did you mean `_time`?");
    hint(&["search", "sshd"], "`app:sshd` finds events of that program");
}
