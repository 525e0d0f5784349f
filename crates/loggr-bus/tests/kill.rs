//! `kill -9` of a process that publishes and consumes, again and again, on one directory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::*;
use loggr_flow::Sink;
use loggr_flow::contract::lines;

const CHILD_DIR: &str = "LOGGR_BUS_TEST_CHILD_DIR";
const CHILD_FIRST: &str = "LOGGR_BUS_TEST_CHILD_FIRST";
const KILLS: u64 = 8;
const PUBLISHERS: u64 = 3;

/// Says on stdout what happened: `+n` was acknowledged to the publisher, `?n` was given
/// to the consumer, `-n` was acknowledged and another delivery was given out since.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The process that is killed; without its variables it is no test at all.
#[test]
fn child() {
    let (Ok(dir), Ok(first)) = (std::env::var(CHILD_DIR), std::env::var(CHILD_FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    // The harness has begun a line of its own.
    say("\n");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = open(Path::new(&dir));
        for n in 0..PUBLISHERS {
            let mut p = publisher(&bus);
            tokio::spawn(async move {
                for i in (first + n..).step_by(PUBLISHERS as usize) {
                    let text = format!("{i} {}", "x".repeat(i as usize % 700));
                    // Where the consumer is slower the exchange is full for a while.
                    while p.store(&lines(&[&text])).await.is_err() {
                        tokio::task::yield_now().await;
                    }
                    say(&format!("+{i}\n"));
                }
            });
        }
        let mut c = consumer(&bus);
        let mut acked: Vec<String> = Vec::new();
        loop {
            let delivery = next(&mut c).await;
            let done = acked.iter().map(|t| format!("-{}\n", number(t)));
            let given = texts(delivery.batch());
            say(&done.chain(given.iter().map(|t| format!("?{}\n", number(t)))).collect::<String>());
            acked = ack(delivery);
        }
    });
}

fn number(text: &str) -> u64 {
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_consumed_returns() {
    let dir = tempfile::tempdir().unwrap();
    let mut promises = Promises::default();
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD_DIR, dir.path())
            .env(CHILD_FIRST, (round * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        for _ in 0..300 + round * 170 {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "the child lives");
            promises.hear(&line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        line.clear();
        while out.read_line(&mut line).unwrap() > 0 {
            promises.hear(&line);
            line.clear();
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = open(dir.path());
        let left = queue_stats(&bus, "q").waiting_events;
        let waiting = drain(&mut consumer(&bus)).await;
        assert_eq!(waiting.len() as u64, left);
        waiting.iter().for_each(|text| promises.given(number(text)));
    });
    assert!(promises.published.len() > 500 && promises.done.len() > 100, "the test did something");
    let lost: Vec<_> = promises.published.difference(&promises.given).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[derive(Default)]
struct Promises {
    published: BTreeSet<u64>,
    given: BTreeSet<u64>,
    done: BTreeSet<u64>,
}

impl Promises {
    fn hear(&mut self, line: &str) {
        // The last line may be cut off by the kill.
        let Some((what, Ok(n))) =
            line.strip_suffix('\n').and_then(|l| Some((l.get(..1)?, l.get(1..)?.parse())))
        else {
            return;
        };
        match what {
            "+" => drop(self.published.insert(n)),
            "?" => self.given(n),
            "-" => drop(self.done.insert(n)),
            _ => {}
        }
    }

    fn given(&mut self, n: u64) {
        assert!(!self.done.contains(&n), "{n} was acknowledged, and came back");
        self.given.insert(n);
    }
}
