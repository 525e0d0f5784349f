//! Measures the store: loads JSON lines, then asks the queries of the search benchmark.
//!
//! `storebench load DIR FILE.json [ROWS [BATCH]]` appends with durable commits, merging beside it;
//! `storebench query DIR [TRUTH.json]` times each query and compares the answers;
//! `storebench lanes DIR` asks something quick while three dear questions are asked;
//! `storebench uids DIR FILE.json` appends what is there already, which must store nothing;
//! `storebench shapes FILE.json [ROWS]` makes the shapes of the messages.
//! CPU is that of the whole process, the parsing of the JSON taken off.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loggr_event::{Event, Facility, Field, Severity, Timestamp, UidGenerator};
use loggr_store::embedded::{Reader, Writer, WriterOptions};
use loggr_store::query::{Field as QueryField, parse};
use loggr_store::shape::Shaper;
use loggr_store::{PatternOptions, SearchOptions, Store, TopOptions};

/// The moment of asking: the end of the data set, 2026-11-22T00:00:00Z.
const NOW: i64 = 1_795_305_600_000_000;
const HOUR: i64 = 3_600_000_000;
const RUNS: usize = 7;

#[derive(serde::Deserialize)]
struct Line<'a> {
    timereported: &'a str,
    severity: &'a str,
    facility: &'a str,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    app_name: Cow<'a, str>,
    #[serde(borrow, default)]
    procid: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    fields: serde_json::Map<String, serde_json::Value>,
    #[serde(borrow)]
    tags: Vec<Cow<'a, str>>,
}

/// The order in which the generator writes fields; a JSON map has none.
const ORDER: [&str; 6] = ["client_ip", "status", "method", "bytes", "user", "dpt"];

fn event<'a>(line: &'a str, uids: &UidGenerator) -> Event<'a> {
    let line: Line<'a> = serde_json::from_str(line).unwrap();
    let stamp: jiff::Timestamp = line.timereported.parse().unwrap();
    let time = Timestamp::from_unix_micros(stamp.as_microsecond());
    let mut tags = line.tags;
    tags.sort_unstable();
    let fields = ORDER.iter().filter_map(|name| {
        let value = match line.fields.get(*name)? {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(Field { name: Cow::Borrowed(*name), values: vec![Cow::Owned(value)] })
    });
    Event {
        uid: uids.next(time),
        timereported: time,
        timegenerated: time,
        severity: Severity::from_name(line.severity).unwrap(),
        facility: Facility::from_name(line.facility).unwrap(),
        source: line.source,
        app_name: line.app_name,
        procid: line.procid,
        message: line.message,
        fields: fields.collect(),
        tags,
        ..Event::default()
    }
}

/// CPU seconds of the process.
fn process_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit_once(')').unwrap().1;
    let ticks: u64 = after.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

/// CPU seconds of this thread.
fn thread_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// A line of /proc/self/status in MB.
fn memory(line: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn watch_memory() -> Arc<AtomicU64> {
    let peak = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&peak);
    std::thread::spawn(move || {
        loop {
            shared.fetch_max(memory("RssAnon"), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    peak
}

fn each_batch(file: &str, rows: usize, batch: usize, mut work: impl FnMut(&[Event<'_>])) -> (usize, f64) {
    // The seed is fixed: a second run makes the same uids.
    let uids = UidGenerator::new([7; 8]);
    let mut input = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(file).unwrap());
    let (mut done, mut parsing) = (0, 0.0);
    loop {
        let before = thread_cpu();
        let mut text = String::new();
        let mut count = 0;
        while count < batch.min(rows - done) && input.read_line(&mut text).unwrap() > 0 {
            count += 1;
        }
        let events: Vec<Event<'_>> = text.lines().map(|line| event(line, &uids)).collect();
        parsing += thread_cpu() - before;
        if events.is_empty() {
            return (done, parsing);
        }
        work(&events);
        done += events.len();
        let before = thread_cpu();
        drop(events);
        parsing += thread_cpu() - before;
    }
}

fn load(dir: &Path, file: &str, rows: usize, batch: usize) {
    let peak = watch_memory();
    let mut store = Writer::open(dir, WriterOptions::default()).unwrap();
    let (cpu, start) = (process_cpu(), Instant::now());
    let mut commits = Vec::new();
    let (done, parsing) = each_batch(file, rows, batch, |events| {
        let start = Instant::now();
        let appended = store.append(events).unwrap();
        commits.push(start.elapsed());
        assert_eq!(appended.stored, events.len());
    });
    let appended = start.elapsed();
    let compactor = store.compactor();
    while compactor.step().unwrap() {}
    let rest = process_cpu() - cpu - parsing;
    commits.sort_unstable();
    let at = |share: usize| commits[(commits.len() * share / 100).min(commits.len() - 1)].as_secs_f64() * 1e3;
    let bytes: u64 = Reader::open(dir).unwrap().partitions().unwrap().iter().map(|p| p.bytes).sum();
    println!(
        "rows {done}  appended in {:.1} s, merged in {:.1} s",
        appended.as_secs_f64(),
        start.elapsed().as_secs_f64()
    );
    println!(
        "CPU us/row, merges included: {:.2} (parsing of JSON apart: {:.2})",
        rest / done as f64 * 1e6,
        parsing / done as f64 * 1e6
    );
    println!("bytes/row {:.1}  files {}", bytes as f64 / done as f64, store.files());
    println!("commit ms p50 {:.1} p95 {:.1} max {:.1}", at(50), at(95), at(100));
    println!(
        "peak memory: anonymous {} MB (the batch of events and its text included), resident {} MB",
        peak.load(Ordering::Relaxed),
        memory("VmHWM")
    );
}

fn again(dir: &Path, file: &str) {
    let mut store =
        Writer::open(dir, WriterOptions { background_compaction: false, ..WriterOptions::default() })
            .unwrap();
    let cpu = process_cpu();
    let (done, parsing) = each_batch(file, usize::MAX, 20_000, |events| {
        assert_eq!(store.append(events).unwrap().stored, 0);
    });
    println!(
        "{done} events known already: {:.2} CPU us each",
        (process_cpu() - cpu - parsing) / done as f64 * 1e6
    );
}

fn shapes(file: &str, rows: usize) {
    let (mut shaper, mut cpu, mut bytes) = (Shaper::default(), 0.0, 0);
    let mut found = std::collections::HashSet::new();
    let (done, _) = each_batch(file, rows, 20_000, |events| {
        let before = thread_cpu();
        let ids: Vec<_> = events.iter().map(|e| shaper.hash(&e.message)).collect();
        cpu += thread_cpu() - before;
        bytes += events.iter().map(|e| e.message.len()).sum::<usize>();
        found.extend(ids);
    });
    println!(
        "{done} messages of {} bytes: {:.0} CPU ns each, {} shapes",
        bytes / done.max(1),
        cpu / done as f64 * 1e9,
        found.len()
    );
}

/// Answer as the truth counts it.
type Ask = Box<dyn Fn(&Reader) -> u64>;

fn search(text: &'static str, since: Option<i64>) -> Ask {
    let query = parse(text).unwrap();
    let options = SearchOptions { since, ..SearchOptions::new(NOW) };
    Box::new(move |reader| reader.search(&query, &options).unwrap().events.len() as u64)
}

fn count(text: &'static str, since: Option<i64>) -> Ask {
    let query = parse(text).unwrap();
    let options = SearchOptions { since, ..SearchOptions::new(NOW) };
    Box::new(move |reader| reader.count(&query, &options).unwrap().events)
}

fn histogram(text: &'static str) -> Ask {
    let query = parse(text).unwrap();
    Box::new(move |reader| {
        let found = reader.histogram(&query, HOUR / 2, &SearchOptions::new(NOW)).unwrap();
        found.buckets.iter().map(|b| b.total()).sum()
    })
}

fn top(text: &'static str, field: &'static str) -> Ask {
    let query = parse(text).unwrap();
    Box::new(move |reader| {
        let field = QueryField::from_name(field);
        let top = reader.top(&query, &field, 10, &SearchOptions::new(NOW)).unwrap();
        top.values.iter().map(|v| v.events).sum()
    })
}

/// Through the door that asks for the bounds first.
fn patterns(text: &'static str, since: Option<i64>) -> Ask {
    let query = parse(text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store: std::cell::OnceCell<Store> = std::cell::OnceCell::new();
    Box::new(move |reader| {
        let store = store.get_or_init(|| Store::open(reader.directory()).unwrap());
        let options = SearchOptions { since, ..SearchOptions::new(NOW) };
        runtime.block_on(store.patterns(&query, &options, &PatternOptions::default())).unwrap().matched
    })
}

fn queries() -> Vec<(&'static str, Ask)> {
    let hour = Some(NOW - HOUR);
    let mut list: Vec<(&'static str, Ask)> = Vec::new();
    let mut both = |new: &'static str, all: &'static str, text: &'static str, since: Option<i64>| {
        list.push((new, search(text, since)));
        list.push((all, count(text, since)));
    };
    both("rare.new100", "rare.count", "zugzwang", None);
    both("word-err-1h.new100", "word-err-1h.count", "user severity:err", hour);
    both("phrase.new100", "phrase.count", "\"Failed password for root\"", None);
    both("app-host.new100", "app-host.count", "app:sshd host:bastion-1", None);
    both("prefix.new100", "prefix.count", "unreach*", None);
    both("cidr8.new100", "cidr8.count", "client_ip:10.0.0.0/8", None);
    both("all.new100", "all.count", "", None);
    both("regex.new100", "regex.count", r"msg:/root from 185\.1[0-9]+\./", None);
    both("substr.new100", "substr.count", "msg:*imeou*", None);
    both("status.new100", "status.count", "status:>=500", None);
    both("not.new100", "not.count", "app:sshd -\"Failed password\"", None);
    list.push(("cidr24.count", count("client_ip:192.168.7.0/24", None)));
    list.push(("hist.all", histogram("")));
    list.push(("hist.word", histogram("user")));
    list.push(("hist.word2", histogram("timeout")));
    list.push(("top-ip", top("app:nginx", "client_ip")));
    list.push(("fields.all", fields_of("")));
    list.push(("fields.app", fields_of("app:nginx")));
    list.push(("fields.word", fields_of("user")));
    list.push(("values.host", values("host", "b")));
    list.push(("values.app", values("app", "n")));
    list.push(("values.user", values("user", "a")));
    list.push(("hist-by.host", histogram_by("", "host")));
    list.push(("hist-by.status", histogram_by("app:nginx", "status")));
    list.push(("hist-by.word", histogram_by("user", "app")));
    list.push(("patterns.day", patterns("", Some(NOW - 24 * HOUR))));
    list.push(("patterns.all", patterns("", None)));
    list.push(("patterns.word", patterns("user", None)));
    list
}

fn fields_of(text: &'static str) -> Ask {
    let query = parse(text).unwrap();
    Box::new(move |reader| reader.fields_of(&query, &SearchOptions::new(NOW)).unwrap().matched)
}

fn values(field: &'static str, prefix: &'static str) -> Ask {
    let wanted = TopOptions { limit: 10, prefix: prefix.to_owned(), ..TopOptions::default() };
    Box::new(move |reader| {
        let field = QueryField::from_name(field);
        reader.top(&parse("").unwrap(), &field, wanted.clone(), &SearchOptions::new(NOW)).unwrap().distinct
    })
}

fn histogram_by(text: &'static str, field: &'static str) -> Ask {
    let query = parse(text).unwrap();
    Box::new(move |reader| {
        let field = QueryField::from_name(field);
        let options = SearchOptions::new(NOW);
        let found = reader.histogram_by(&query, HOUR / 2, Some(&field), 8, &options).unwrap();
        found.buckets.iter().map(|b| b.events).sum()
    })
}

/// A rare word's first rows, alone and while three dear questions are asked again and again.
fn lanes(dir: &Path) {
    let reader = Reader::open(dir).unwrap();
    let rare = search("zugzwang", None);
    let measure = |name: &str| {
        let mut times: Vec<f64> = (0..50)
            .map(|_| {
                let start = Instant::now();
                rare(&reader);
                std::thread::sleep(Duration::from_millis(20));
                (start.elapsed() - Duration::from_millis(20)).as_secs_f64() * 1e3
            })
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        println!("{name}: p50 {:.1} ms, p90 {:.1} ms, worst {:.1} ms", times[25], times[45], times[49]);
    };
    measure("alone");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for text in [r"msg:/root from .*\.1[0-9]+\./", "msg:*imeou*", "*ser*"] {
            let (reader, stop) = (&reader, &stop);
            scope.spawn(move || {
                let (query, start, mut rounds) = (parse(text).unwrap(), Instant::now(), 0);
                while !stop.load(Ordering::Relaxed) {
                    reader.histogram(&query, HOUR / 2, &SearchOptions::new(NOW)).unwrap();
                    rounds += 1;
                }
                println!("`{text}`: {:.0} ms each", start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds));
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        measure("beside three dear ones");
        stop.store(true, Ordering::Relaxed);
    });
}

fn query(dir: &Path, truth: Option<&str>, only: Option<&str>) {
    let truth: BTreeMap<String, u64> = truth
        .map(|f| serde_json::from_str(&std::fs::read_to_string(f).unwrap()).unwrap())
        .unwrap_or_default();
    let start = Instant::now();
    let reader = Reader::open(dir).unwrap();
    println!(
        "opened in {:.1} ms, {} days",
        start.elapsed().as_secs_f64() * 1e3,
        reader.partitions().unwrap().len()
    );
    println!("| query | first ms | p50 ms | best ms | CPU ms | answer | |\n|---|---|---|---|---|---|---|");
    for (name, ask) in queries() {
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let start = Instant::now();
        let answer = ask(&reader);
        let first = start.elapsed();
        let cpu = process_cpu();
        let mut times: Vec<Duration> = (0..RUNS)
            .map(|_| {
                let start = Instant::now();
                ask(&reader);
                start.elapsed()
            })
            .collect();
        let cpu = (process_cpu() - cpu) / RUNS as f64 * 1e3;
        times.sort_unstable();
        let verdict = match truth.get(name) {
            Some(expect) if *expect == answer => "right",
            Some(_) => "WRONG",
            None => "",
        };
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "| `{name}` | {:.1} | {:.1} | {:.1} | {cpu:.0} | {answer} | {verdict} |",
            ms(first),
            ms(times[RUNS / 2]),
            ms(times[0])
        );
    }
    println!("peak memory: resident {} MB, anonymous now {} MB", memory("VmHWM"), memory("RssAnon"));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |i: usize| arguments.get(i).map(String::as_str);
    match (argument(0), argument(1)) {
        (Some("load"), Some(dir)) => load(
            Path::new(dir),
            argument(2).unwrap(),
            argument(3).map_or(usize::MAX, |n| n.parse().unwrap()),
            argument(4).map_or(20_000, |n| n.parse().unwrap()),
        ),
        (Some("query"), Some(dir)) => query(Path::new(dir), argument(2), argument(3)),
        (Some("lanes"), Some(dir)) => lanes(Path::new(dir)),
        (Some("shapes"), Some(file)) => {
            shapes(file, argument(2).map_or(usize::MAX, |n| n.parse().unwrap()));
        }
        (Some("uids"), Some(dir)) => again(Path::new(dir), argument(2).unwrap()),
        _ => println!(
            "storebench load DIR FILE.json [ROWS [BATCH]] | query DIR [TRUTH.json [NAME]] | uids DIR FILE.json | lanes DIR | shapes FILE.json [ROWS]"
        ),
    }
}
