//! Power cuts under load, and a file system that aborts its journal: what was acknowledged is on
//! the disk itself, in each destination once.
//!
//! Not `kill -9`, which leaves the page cache: that is `crash`. A cut is a reflink clone of the
//! image that everything lies on, taken while it is written to. Needs root, loop devices and
//! xfsprogs; skipped with a word without them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::images::{Disk, Ext4};
use crate::support::{Loggr, Random, RelpSender, Setup, count_seqs, long, random_moment, say, until};

/// Connections of the load, each with a window of 128 frames.
const CONNECTIONS: u64 = 4;
const WINDOW: u64 = 128;
/// Before a cut at least so many lines are acknowledged, and at most twice as many.
const LINES_A_ROUND: u64 = 3000;
/// A cut comes at most so long after that, or after the start that follows a cut.
const AT_MOST_LATER_MS: u64 = 400;
/// A line of a round and a connection: so many numbers for each.
const NUMBERS: u64 = 1_000_000;
/// Files that an aborted journal takes along.
const PATHS: &str = "path = \"${source}/all.log\"";

/// Sends every line once, over connections that end with the receiver.
struct Once {
    address: SocketAddr,
    round: u64,
    /// Of each connection, in order.
    acked: Vec<AtomicU64>,
    line: fn(u64) -> String,
    /// No new line is sent from now on.
    enough: AtomicBool,
}

/// Ends the load even where its test fails.
struct Enough<'o>(&'o AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Once {
    fn total(&self) -> u64 {
        self.acked.iter().map(|a| a.load(Ordering::Acquire)).sum()
    }

    /// The numbers of all lines that are acknowledged by now.
    fn numbers(&self) -> Vec<u64> {
        let of = |c: usize, n: u64| (self.round * CONNECTIONS + c as u64) * NUMBERS + n;
        let counts = self.acked.iter().map(|a| a.load(Ordering::Acquire)).enumerate();
        counts.flat_map(|(c, count)| (0..count).map(move |n| of(c, n))).collect()
    }

    fn connection(&self, c: usize) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut answers = BufReader::new(stream.try_clone()?);
        let offers = "relp_version=0\nrelp_software=loggr-test\ncommands=syslog";
        stream.write_all(format!("1 open {} {offers}\n", offers.len()).as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"commands=syslog\n") {
            let mut byte = [0];
            answers.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let (mut sent, mut acked) = (0, 0);
        while !self.enough.load(Ordering::Acquire) {
            let mut frames = String::new();
            while sent - acked < WINDOW {
                let number = (self.round * CONNECTIONS + c as u64) * NUMBERS + sent;
                let line = (self.line)(number);
                frames.push_str(&format!("{} syslog {} {line}\n", sent + 2, line.len()));
                sent += 1;
            }
            stream.write_all(frames.as_bytes())?;
            loop {
                let mut answer = String::new();
                if answers.read_line(&mut answer)? == 0 {
                    return Ok(());
                }
                let expect = format!("{} rsp 6 200 OK\n", acked + 2);
                assert_eq!(answer, expect, "answers come in order");
                acked += 1;
                self.acked[c].store(acked, Ordering::Release);
                if answers.buffer().is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn plain_line(number: u64) -> String {
    format!("<14>1 2026-03-01T00:00:00Z host{} app 7 - - seq={number:09} an order was shipped", number % 3)
}

/// Traces of four lines each, so that what is packed together is the same after a cut.
fn trace_line(number: u64) -> String {
    let host = number / NUMBERS;
    let text = match number % 4 {
        0 => "java.lang.IllegalStateException: no".to_owned(),
        frame => format!("\tat a.B.c{frame}(B.java:{frame})"),
    };
    format!("<14>1 2026-03-01T00:00:00Z host{host} java 7 - - {text} seq={number:09}")
}

/// Cuts the power under load and again while it recovers, round by round; each line that was
/// acknowledged before the first cut is there, and `more` times at most.
fn survive(setup: Setup, line: fn(u64) -> String, packed: bool) {
    // Dropped before it: what is mounted over its directory.
    let mut loggr = Loggr::down(setup);
    let directory = loggr.config().parent().expect("it has one").to_owned();
    let Some(mut disk) = Disk::mount(&directory) else { return };
    let rounds = if long() { 8 } else { 1 };
    let mut random = Random::new();
    let mut acked: Vec<u64> = Vec::new();
    for round in 0..rounds {
        loggr.up();
        let counters = (0..CONNECTIONS).map(|_| AtomicU64::new(0)).collect();
        let load = Once {
            address: loggr.address("relp"),
            round,
            acked: counters,
            line,
            enough: AtomicBool::new(false),
        };
        std::thread::scope(|scope| {
            let load = &load;
            let _enough = Enough(&load.enough);
            for c in 0..CONNECTIONS as usize {
                // It ends with the receiver, however that ends.
                scope.spawn(move || drop(load.connection(c)));
            }
            let goal = LINES_A_ROUND + random.below(LINES_A_ROUND);
            until("the load goes on", 120, || load.total() >= goal);
            random_moment(&mut random, AT_MOST_LATER_MS);
            acked.extend(load.numbers());
            disk.cut();
            loggr.kill9();
        });
        disk.power_up();
        // The power fails again while the last cut is being mended.
        for _ in 0..1 + round % 2 {
            loggr.launch();
            random_moment(&mut random, AT_MOST_LATER_MS);
            disk.cut();
            loggr.kill9();
            disk.power_up();
        }
        loggr.up();
        loggr.drained(120);
        check(&loggr, &acked, round, packed);
        loggr.assert_balanced();
        loggr.stop();
    }
}

#[track_caller]
fn check(loggr: &Loggr, acked: &[u64], round: u64, packed: bool) {
    let lines = loggr.lines();
    let texts = lines.iter().flat_map(|line| {
        let starts: Vec<usize> = line.match_indices("seq=").map(|(at, _)| at).collect();
        starts.into_iter().map(|at| &line[at..])
    });
    let found: BTreeMap<u64, u32> = count_seqs(texts);
    let missing: Vec<&u64> = acked.iter().filter(|n| !found.contains_key(n)).collect();
    let twice = found.values().filter(|times| **times > 1).count();
    let events = loggr.ask(&["count", ""]);
    let (total, first) = (acked.len(), missing.first());
    say(&format!(
        "round {}: {total} lines acknowledged before the cut, {} missing, {twice} twice",
        round + 1,
        missing.len()
    ));
    assert!(
        missing.is_empty(),
        "{} of {total} acknowledged lines are missing, the first: {first:?}",
        missing.len()
    );
    // A trace at whose end the power failed may have been packed with fewer lines before.
    let allowed = if packed { 8 * CONNECTIONS as usize * (round as usize + 1) } else { 0 };
    assert!(twice <= allowed, "{twice} lines stand twice");
    assert_eq!(events.trim(), lines.len().to_string(), "the search store and the file differ");
}

#[test]
fn a_power_cut_loses_and_doubles_nothing() {
    survive(Setup::default(), plain_line, false);
}

#[test]
fn a_power_cut_loses_and_doubles_nothing_behind_a_machine() {
    let filter = Some("if message ~ \"order\" { tags += \"order\" }\n".to_owned());
    survive(Setup { filter, ..Setup::default() }, plain_line, false);
}

#[test]
fn a_power_cut_loses_nothing_that_is_being_packed() {
    let setup = Setup {
        machine_keys: "packers = [\"traces\"]".to_owned(),
        tables: "[packers.traces]\nkind = \"preset\"\npreset = \"java\"\nmax_age = \"300ms\"\n".to_owned(),
        ..Setup::default()
    };
    survive(setup, trace_line, true);
}

#[test]
fn a_file_system_that_aborts_its_journal_loses_and_doubles_no_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let (image, at) = (directory.path().join("files.img"), directory.path().join("files"));
    std::fs::create_dir(&at).expect("a directory");
    let Some(disk) = Ext4::new(&image, &at) else { return };
    // A process that is confined does not reach a file system that is mounted anew.
    let more = format!(
        "[process]\nconfine = false\n\n[ship.hosts]\nkind = \"files\"\ndirectory = {:?}\n{PATHS}\nformat = \"$MESSAGE\"\n",
        at.join("logs")
    );
    let mut loggr = Loggr::with(Setup { more, ..Setup::default() });
    let rounds = if long() { 8 } else { 2 };
    let mut random = Random::new();
    let sender = RelpSender::new(loggr.address("relp"), CONNECTIONS);
    let sent = sender.during(|load| {
        for _ in 0..rounds {
            load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
            random_moment(&mut random, AT_MOST_LATER_MS);
            disk.abort();
            until("the shipper says so", 60, || loggr.log().contains("the shipper cannot write"));
            disk.repair();
            load.goes_on(LINES_A_ROUND);
        }
    });
    loggr.drained(120);
    let mut text = String::new();
    for host in std::fs::read_dir(at.join("logs")).expect("files").flatten() {
        text.push_str(&std::fs::read_to_string(host.path().join("all.log")).unwrap_or_default());
    }
    let found = count_seqs(text.lines());
    let missing = sent.keys().filter(|n| !found.contains_key(n)).count();
    let twice = found.iter().filter(|(n, times)| **times > sent[n].times).count();
    say(&format!(
        "{rounds} aborted journals, {} lines acknowledged: {missing} missing, {twice} twice",
        sent.len()
    ));
    assert_eq!((missing, twice), (0, 0));
    loggr.stop();
}
