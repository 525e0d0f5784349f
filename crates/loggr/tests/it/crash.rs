//! `kill -9` under load: what was acknowledged is there, and only what was resent is there twice.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{
    Loggr, Random, RelpSender, Sent, Setup, count_seqs, long, numbered_line, random_moment, say, until,
};

/// A cursor that has something to say is written after so long.
const CURSOR_FLUSH: Duration = Duration::from_secs(1);
/// Connections of the load, each with a window of 128 frames.
const CONNECTIONS: u64 = 4;
/// Between two crashes at least so many lines are acknowledged, and at most twice as many.
const LINES_A_ROUND: u64 = 4000;
/// A crash comes at most so long after that.
const AT_MOST_LATER_MS: u64 = 120;
/// Every so many rounds the process is killed while it is starting, too.
const KILL_THE_START_EVERY: u64 = 3;

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    survive(Setup::default());
}

#[test]
fn nothing_acknowledged_is_lost_with_a_filter_in_the_way() {
    let filter =
        "if grok(\"seq=%{INT:seq} %{WORD:what}\") { tags += \"seen\" }\n[twice] := [seq] + \"-\" + [seq]\n";
    survive(Setup { filter: Some(filter.to_owned()), ..Setup::default() });
}

/// Each source writes a stack trace of seven lines and then a burst of three, and so on.
fn trace_line(seq: u64) -> String {
    let (source, n) = (seq % CONNECTIONS, seq / CONNECTIONS);
    let (app, text) = match n % 10 {
        0 => ("java", "java.lang.IllegalStateException: no".to_owned()),
        frame @ 1..7 => ("java", format!("\tat a.B.c{frame}(B.java:{frame})")),
        _ => ("burst", "something happens".to_owned()),
    };
    // Those of a burst are reported within a tenth of a second.
    format!(
        "<14>1 2026-03-01T{:02}:{:02}:{:02}.{}Z host{source} {app} 7 ID{} - {text} seq={seq:09}",
        n / 36000 % 24,
        n / 600 % 60,
        n / 10 % 60,
        n % 10,
        n / 10 % IDS
    )
}

/// Different MSGIDs of the stack traces.
const IDS: u64 = 8;

const PACKERS: &str = "[packers.traces]\nkind = \"preset\"\npreset = \"java\"\nmax_age = \"300ms\"\n\
                       [packers.bursts]\nkind = \"time\"\nif = 'app_name == \"burst\"'\nmax_age = \"500ms\"\n";

#[test]
fn nothing_acknowledged_is_lost_while_events_are_packed() {
    let setup = Setup {
        filter: Some(
            "[twice] := app_name + \"-\" + app_name\nif message ~ \"\\n\" { tags += \"packed\" }\n"
                .to_owned(),
        ),
        machine_keys: "packers = [\"traces\", \"bursts\"]".to_owned(),
        tables: PACKERS.to_owned(),
        ..Setup::default()
    };
    let mut loggr = Loggr::with(setup);
    let (crashes, sent) = crashes(&mut loggr, trace_line);
    let files = all_seqs(loggr.lines().iter().map(String::as_str));
    let mut messages = Vec::new();
    for (host, id) in (0..CONNECTIONS).flat_map(|host| (0..IDS).map(move |id| (host, id))) {
        let events = loggr.search(&format!("host:host{host} msgid:ID{id}"));
        messages.extend(events.into_iter().map(|e| e["message"].as_str().expect("text").to_owned()));
    }
    let search = all_seqs(messages.iter().map(String::as_str));
    let packed = messages.iter().filter(|m| m.contains('\n')).count();
    assert!(packed > sent.len() / 20, "{packed} of {} events are packed", messages.len());
    // An event may be packed anew after a crash, with other lines than before: then its lines
    // stand in both. A line is delivered once more by each crash, at most.
    for (place, found) in [("file", &files), ("search", &search)] {
        let allowed: BTreeMap<u64, Sent> =
            sent.iter().map(|(n, s)| (*n, Sent { times: s.times + crashes, ..*s })).collect();
        compare(place, &allowed, found);
        let again = found.iter().filter(|(n, times)| **times > sent[n].times).count();
        say(&format!(
            "{crashes} crashes, {} lines acknowledged; in the {place}: 0 missing, {again} more often than sent",
            sent.len()
        ));
    }
    loggr.assert_balanced();
    loggr.stop();
}

/// Of two programs one holds a batch, and the other's block began in the batch before. If that one
/// were let go of, the block would come again without its beginning.
#[test]
fn a_block_of_two_batches_stands_once_after_a_crash() {
    let setup = Setup {
        filter: Some(String::new()),
        machine_keys: "packers = [\"blocks\"]".to_owned(),
        tables: "[packers.blocks]\nkind = \"format\"\nstart = [\"BEGIN $MESSAGE\"]\nmax_age = \"60s\"\n"
            .to_owned(),
        ..Setup::default()
    };
    let mut loggr = Loggr::with(setup);
    let mut taken = 0;
    let mut tell = |loggr: &Loggr, lines: &[(&str, &str)]| {
        relp_at_once(loggr, lines);
        taken += lines.len() as u64;
        // A batch of its own.
        until("the machine has it", 30, || loggr.status()["machines"][0]["received"] == taken);
    };
    tell(&loggr, &[("a", "BEGIN one")]);
    tell(&loggr, &[("a", "and two"), ("b", "BEGIN held")]);
    tell(&loggr, &[("a", "BEGIN three")]);
    until("the block is in the store", 30, || loggr.search("one").len() == 1);
    // Whatever the machine has let go of is written down: nothing has been to write for long.
    let cursor = loggr.data().join("bus/received/machine.main.queue");
    let written = || std::fs::metadata(&cursor).and_then(|m| m.modified()).expect("a cursor");
    until("the cursor rests", 30, || written().elapsed().is_ok_and(|age| age > 2 * CURSOR_FLUSH));
    loggr.kill9();
    loggr.up();
    for (host, text) in [("a", "BEGIN four"), ("b", "BEGIN five")] {
        relp_at_once(&loggr, &[(host, text)]);
    }
    for text in ["three", "held"] {
        until("the blocks are in the store", 60, || loggr.search(text).len() == 1);
    }
    let found = loggr.search("two");
    let messages: Vec<&str> = found.iter().filter_map(|event| event["message"].as_str()).collect();
    assert_eq!(messages, ["BEGIN one\nand two"]);
    assert_eq!(loggr.search("one").len(), 1);
    loggr.stop();
}

/// Lines of hosts in one write, all answered.
fn relp_at_once(loggr: &Loggr, lines: &[(&str, &str)]) {
    let offers = "relp_version=0\ncommands=syslog";
    let mut session = format!("1 open {} {offers}\n", offers.len());
    for (txnr, (host, text)) in (2..).zip(lines) {
        let line = format!("<14>1 2026-03-01T00:00:00Z {host} app 7 - - {text}");
        session.push_str(&format!("{txnr} syslog {} {line}\n", line.len()));
    }
    session.push_str(&format!("{} close 0\n", lines.len() + 2));
    let mut stream = TcpStream::connect(loggr.address("relp")).expect("loggr listens");
    stream.write_all(session.as_bytes()).expect("it is read");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    assert_eq!(answers.matches(" rsp 6 200 OK").count(), lines.len(), "{answers}");
}

/// Like `count_seqs`, with several in one text.
fn all_seqs<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeMap<u64, u32> {
    let parts = texts.into_iter().flat_map(|text| {
        let starts: Vec<usize> = text.match_indices("seq=").map(|(at, _)| at).collect();
        assert!(!starts.is_empty(), "a text without a number: {text}");
        starts.into_iter().map(|at| &text[at..])
    });
    count_seqs(parts)
}

fn survive(setup: Setup) {
    let mut loggr = Loggr::with(setup);
    let (rounds, sent) = crashes(&mut loggr, numbered_line);
    let files = count_seqs(loggr.lines().iter().map(String::as_str));
    let search = count_seqs(loggr.messages().iter().map(String::as_str));
    let resent = sent.values().filter(|s| s.times > 1).count();
    for (place, found) in [("file", &files), ("search", &search)] {
        let twice = compare(place, &sent, found);
        say(&format!(
            "{rounds} crashes, {} lines acknowledged, {resent} resent; in the {place}: 0 missing, {twice} twice",
            sent.len()
        ));
    }
    loggr.assert_balanced();
    loggr.stop();
}

/// Kills it under load again and again; when everything is stored: how many rounds it was,
/// and what became of each line.
fn crashes(loggr: &mut Loggr, line: fn(u64) -> String) -> (u32, BTreeMap<u64, Sent>) {
    let rounds = if long() { 20 } else { 3 };
    let mut random = Random::new();
    let mut kills = 0;
    let sender = RelpSender::of(loggr.address("relp"), CONNECTIONS, line);
    let sent = sender.during(|load| {
        for round in 1..=rounds {
            load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
            random_moment(&mut random, AT_MOST_LATER_MS);
            loggr.kill9();
            kills += 1;
            if round % KILL_THE_START_EVERY == 0 {
                loggr.launch();
                random_moment(&mut random, AT_MOST_LATER_MS);
                loggr.kill9();
                kills += 1;
            }
            loggr.up();
        }
    });
    loggr.drained(120);
    (kills, sent)
}

/// No acknowledged line is missing, none is there more often than it was sent. How many stand
/// more than once.
#[track_caller]
pub fn compare(place: &str, sent: &BTreeMap<u64, Sent>, found: &BTreeMap<u64, u32>) -> usize {
    let missing: Vec<u64> =
        sent.iter().filter(|(n, s)| s.acked && !found.contains_key(n)).map(|(n, _)| *n).collect();
    assert!(
        missing.is_empty(),
        "{} of {} acknowledged lines are missing in the {place}, the first: {:?}",
        missing.len(),
        sent.len(),
        &missing[..missing.len().min(10)]
    );
    let too_often: Vec<(u64, u32, u32)> = found
        .iter()
        .map(|(n, times)| (*n, *times, sent.get(n).map_or(0, |s| s.times)))
        .filter(|(_, there, sent)| there > sent)
        .collect();
    assert!(
        too_often.is_empty(),
        "{} lines are in the {place} more often than they were sent (line, there, sent): {:?}",
        too_often.len(),
        &too_often[..too_often.len().min(10)]
    );
    found.values().filter(|times| **times > 1).count()
}

#[test]
#[should_panic(expected = "1 of 2 acknowledged lines are missing")]
fn a_missing_line_is_noticed() {
    let acked = Sent { times: 1, acked: true };
    compare("file", &[(1, acked), (2, acked)].into(), &[(1, 1)].into());
}

#[test]
#[should_panic(expected = "1 lines are in the file more often than they were sent")]
fn a_line_that_nobody_resent_may_not_stand_twice() {
    let (once, twice) = (Sent { times: 1, acked: true }, Sent { times: 2, acked: true });
    compare("file", &[(1, twice), (2, once)].into(), &[(1, 2), (2, 2)].into());
}
