//! How long grok takes for one line: `cargo bench -p loggr-filter --bench grok`.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use loggr_event::{Event, Origin, Timestamp, Uid};
use loggr_filter::engines::Environment;
use loggr_filter::grok::{Grok, Library, Scratch};
use loggr_filter::lang::Program;

const APACHE: &str = r#"203.0.113.7 - frank [10/Oct/2025:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.1" 200 2326 "http://www.example.com/start.html" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0""#;
const NEAR: &str = r#"203.0.113.7 - frank [10/Oct/2025:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.1" 200 2326 "http://www.example.com/start.html Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"#;
const UNRELATED: &str = "Accepted publickey for deploy from 192.0.2.44 port 50022 ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";

fn find(c: &mut Criterion, name: &str, patterns: &[String], text: &str, expect: bool) {
    let grok = Grok::compile(&Library::legacy(), patterns).expect("it compiles");
    let mut scratch = Scratch::default();
    assert_eq!(grok.find(text, &mut scratch), Ok(expect));
    c.bench_function(name, |b| b.iter(|| grok.find(black_box(text), &mut scratch)));
}

fn benches(c: &mut Criterion) {
    let apache = ["%{COMBINEDAPACHELOG}".to_owned()];
    find(c, "COMBINEDAPACHELOG, match", &apache, APACHE, true);
    find(c, "COMBINEDAPACHELOG, near miss", &apache, NEAR, false);
    find(c, "COMBINEDAPACHELOG, unrelated", &apache, UNRELATED, false);
    let umlauts = APACHE.replace("start", "stärt");
    find(c, "COMBINEDAPACHELOG, match, with umlauts", &apache, &umlauts, true);
    // Kinds of lines that take turns: the guard is asked each time.
    let grok = Grok::compile(&Library::legacy(), &apache).expect("it compiles");
    let mut scratch = Scratch::default();
    c.bench_function("COMBINEDAPACHELOG, match and near miss in turn, both", |b| {
        b.iter(|| (grok.find(black_box(APACHE), &mut scratch), grok.find(black_box(NEAR), &mut scratch)));
    });
    find(
        c,
        "SYSLOGLINE, match",
        &["%{SYSLOGLINE}".to_owned()],
        &format!("Mar  1 12:00:00 web1 sshd[7]: {UNRELATED}"),
        true,
    );
    find(c, "SSHD, match", &["%{SSHD}".to_owned()], UNRELATED, true);
    find(c, "SSHD, no match", &["%{SSHD}".to_owned()], APACHE, false);
    let hostile = format!("{}!", "a".repeat(64 << 10));
    let mut scratch = Scratch::default();
    let catastrophe = Grok::compile(&Library::legacy(), &["^(?<x>(?:a|aa)+)\\k<x>!$"]).expect("it compiles");
    c.bench_function("a catastrophe of 64 KiB, until its limit", |b| {
        b.iter(|| catastrophe.find(black_box(&hostile[1..]), &mut scratch).expect_err("it is one"));
    });
    let mut list: Vec<String> = (0..19)
        .map(|n| format!("service{n} %{{WORD:state}} after %{{NUMBER:seconds}} s on %{{IPORHOST:host}}"))
        .collect();
    list.push("%{SSHD_ACCEPTED}".to_owned());
    find(c, "20 patterns, the last matches", &list, UNRELATED, true);
    find(c, "20 patterns, none matches", &list, APACHE, false);
    let filter = "if app_name == \"nginx\" { grok(\"NGINX_ACCESS\", prefix=\"http_\") } else if app_name == \"sshd\" { if grok(\"SSHD\") { tags += \"ssh\" } }";
    let program = Program::compile("bench", filter, &Environment::new(".")).expect("it compiles");
    let origin = Origin::default();
    let now = Timestamp::from_unix_micros(1_800_000_000_000_000);
    let line = format!("<38>1 2026-03-01T12:00:00Z web1 sshd 77 - - {UNRELATED}");
    let mut counters = program.counters();
    c.bench_function("receive and filter an sshd line", |b| {
        b.iter(|| {
            let mut event = Event::receive(black_box(line.as_bytes()), &origin, Uid::default(), now);
            program.run(&mut event, now, &mut counters)
        })
    });
}

criterion_group!(all, benches);
criterion_main!(all);
