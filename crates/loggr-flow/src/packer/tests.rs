//! The packer as a stage: what goes in comes out, once, in order, and is settled with it.

mod headless;
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use loggr_event::{Field, Origin, SdElement, SdParam, Severity, Timestamp, Transport, Uid};
use proptest::prelude::*;

use super::*;
use crate::contract;
use crate::delivery::{Ack, Outcome, Receipt, Tally};

const START: i64 = 1_790_000_000_000_000;
const MAX_AGE: Duration = Duration::from_secs(1);

/// One line as it is received.
#[derive(Clone, Copy, Debug)]
struct Line<'t> {
    number: u8,
    peer: &'static str,
    app: &'static str,
    text: &'t str,
    /// Milliseconds since the beginning, for both times.
    at: i64,
}

fn line(number: u8, text: &str) -> Line<'_> {
    Line { number, peer: "192.0.2.1:1", app: "app", text, at: 0 }
}

fn uid(number: u8) -> Uid {
    Uid::from_bytes([number; 16])
}

fn event<'t>(line: &Line<'t>) -> Event<'t> {
    let time = Timestamp::from_unix_micros(START + line.at * 1000);
    Event {
        uid: uid(line.number),
        timereported: time,
        timegenerated: time,
        source: "host".into(),
        app_name: line.app.into(),
        message: line.text.into(),
        origin: Some(std::borrow::Cow::Owned(Origin {
            peer: line.peer.into(),
            transport: Transport::Relp,
            ..Origin::default()
        })),
        ..Event::default()
    }
}

/// What the source hears of a delivery.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Option<Outcome>>>);

impl Heard {
    fn get(&self) -> Option<Outcome> {
        *self.0.lock().unwrap()
    }
}

fn delivery_of(events: &[Event<'_>]) -> (Delivery, Heard) {
    let mut builder = BatchBuilder::default();
    events.iter().for_each(|event| builder.push_event(event));
    let heard = Heard::default();
    let tell = heard.clone();
    let ack = Ack::new(move |outcome| *tell.0.lock().unwrap() = Some(outcome));
    (Delivery::new(builder.finish().unwrap(), ack), heard)
}

fn delivery(lines: &[Line<'_>]) -> (Delivery, Heard) {
    delivery_of(&lines.iter().map(event).collect::<Vec<_>>())
}

fn packer(rule: Rule) -> Packer {
    let limits = PackerLimits { max_age: MAX_AGE, ..PackerLimits::default() };
    Packer::new(rule, limits, Arc::default())
}

fn java() -> Packer {
    packer(Rule::traces(&[preset("java").unwrap()]))
}

fn texts(delivery: &Delivery) -> Vec<String> {
    delivery.batch().records().map(|r| r.event().message.into_owned()).collect()
}

fn store(delivery: Delivery) {
    let receipt = Receipt::sign(delivery.batch());
    delivery.ack(receipt);
}

fn stored(n: u64) -> Option<Outcome> {
    Some(Outcome::Ack(Tally { stored: n, ..Tally::default() }))
}

/// Feeds each list of lines as a delivery; gives what leaves at once for each, and at the end.
#[track_caller]
fn check(mut packer: Packer, deliveries: &[&[Line<'_>]], expect: &[&[&str]]) {
    let now = Instant::now();
    let mut out: Vec<Vec<String>> = Vec::new();
    let mut heard = Vec::new();
    for lines in deliveries {
        let (delivery, hears) = delivery(lines);
        packer.feed(delivery, now);
        heard.push((hears, lines.len() as u64));
        let mut leaves = Vec::new();
        while let Some(delivery) = packer.ready(now) {
            leaves.extend(texts(&delivery));
            store(delivery);
        }
        out.push(leaves);
    }
    packer.flush();
    let mut leaves = Vec::new();
    while let Some(delivery) = packer.ready(now) {
        leaves.extend(texts(&delivery));
        store(delivery);
    }
    out.push(leaves);
    assert_eq!(out, expect);
    for (hears, count) in heard {
        assert_eq!(hears.get(), stored(count));
    }
    assert_eq!(packer.counters.held.load(Ordering::Relaxed), 0);
    assert!(packer.wake_at().is_none());
}

#[test]
fn every_kind_keeps_the_contract_of_a_stage() {
    contract::stage(|| Box::new(java()));
    contract::stage(|| Box::new(packer(Rule::by_time(Duration::from_millis(200)))));
    let format = StartFormat::parse("st$WORD").unwrap();
    contract::stage(move || Box::new(packer(Rule::by_format(vec![format.clone()]))));
}

#[test]
fn a_trace_within_one_delivery_and_over_several() {
    let (head, at) = ("java.lang.Error: x", "\tat a.b(C.java:1)");
    check(
        java(),
        &[
            &[line(1, "one"), line(2, head), line(3, at), line(4, "two")],
            &[line(5, head)],
            &[line(6, at)],
            &[line(7, at), line(8, "three")],
        ],
        &[
            &["one", "java.lang.Error: x\n\tat a.b(C.java:1)", "two"],
            &[],
            &[],
            &["java.lang.Error: x\n\tat a.b(C.java:1)\n\tat a.b(C.java:1)", "three"],
            &[],
        ],
    );
}

#[test]
fn lines_that_turn_out_to_be_no_part_follow_alone() {
    check(
        packer(Rule::traces(&[preset("go").unwrap()])),
        &[&[line(1, "panic: x")], &[line(2, "")], &[line(3, "next")]],
        &[&[], &[], &["panic: x", "", "next"], &[]],
    );
    check(
        packer(Rule::traces(&[preset("go").unwrap()])),
        &[&[line(1, "panic: x"), line(2, ""), line(3, "goroutine 1 [running]:"), line(4, ""), line(5, "")]],
        &[&[], &["panic: x\n\ngoroutine 1 [running]:", "", ""]],
    );
}

#[test]
fn no_more_than_some_lines_are_doubtful() {
    let mut lines = vec![line(0, "java.lang.Error: x")];
    lines.extend((1..=40).map(|n| line(n, "and so on")));
    lines.push(line(41, "\tat a.b(C.java:1)"));
    let mut packer = java();
    let (delivery, heard) = delivery(&lines);
    packer.feed(delivery, Instant::now());
    let out = packer.ready(Instant::now()).unwrap();
    // The frame came too late to be one of the first line.
    assert_eq!(out.batch().len(), lines.len());
    assert!(packer.ready(Instant::now()).is_none() && packer.wake_at().is_none());
    store(out);
    assert_eq!(heard.get(), stored(42));
}

#[test]
fn a_message_of_several_lines_belongs_to_the_trace_over_deliveries() {
    let trace = "java.sql.SQLException: no query:\nselect 1\n  from x\n\tat a.b(C.java:1)";
    let parts: Vec<&str> = trace.splitn(3, '\n').collect();
    check(
        java(),
        &[
            &[line(1, parts[0])],
            &[line(2, parts[1])],
            &[line(3, "  from x"), line(4, "\tat a.b(C.java:1)"), line(5, "next")],
        ],
        &[&[], &[], &[trace, "next"], &[]],
    );
    let head = "java.lang.Error: x";
    check(java(), &[&[line(1, head), line(2, "next")]], &[&[], &[head, "next"]]);
}

#[test]
fn the_merged_event_sorts_where_its_first_line_stood() {
    let generator = loggr_event::UidGenerator::new([0xff; 8]);
    let now = Timestamp::from_unix_micros(START);
    let other = |number, text| Line { app: "other", ..line(number, text) };
    let lines = [
        other(1, "before"),
        line(2, "java.lang.Error: x"),
        other(3, "between"),
        line(4, "\tat a.b(C.java:1)"),
        line(5, "behind"),
    ];
    let events: Vec<Event<'_>> =
        lines.iter().map(|line| Event { uid: generator.next(now), ..event(line) }).collect();
    let mut packer = java();
    packer.feed(delivery_of(&events).0, Instant::now());
    let out = packer.ready(Instant::now()).unwrap();
    let mut sorted: Vec<(Timestamp, Uid, String)> =
        out.batch().records().map(|r| (r.timegenerated, r.uid, r.event().message.into_owned())).collect();
    sorted.sort_by_key(|(time, uid, _)| (time.unix_micros(), *uid));
    let texts: Vec<&str> = sorted.iter().map(|(.., text)| text.as_str()).collect();
    assert_eq!(texts, ["before", "java.lang.Error: x\n\tat a.b(C.java:1)", "between", "behind"]);
}

#[test]
fn by_time_what_lies_within_the_window_is_one() {
    let at = |number, text, at| Line { at, ..line(number, text) };
    check(
        packer(Rule::by_time(Duration::from_millis(200))),
        &[&[at(1, "a", 0), at(2, "b", 150), at(3, "c", 100)], &[at(4, "d", 200)], &[at(5, "e", 201)]],
        &[&[], &[], &["a\nb\nc\nd"], &["e"]],
    );
    // An event from before the window, and one after a long time.
    check(
        packer(Rule::by_time(Duration::from_millis(200))),
        &[&[at(1, "a", 1000), at(2, "b", 799), at(3, "c", 5000)]],
        &[&["a", "b"], &["c"]],
    );
}

#[test]
fn by_format_what_fits_no_start_is_appended() {
    let start = ["[$INT]", "$SEVERITY:"].map(|format| StartFormat::parse(format).unwrap());
    check(
        packer(Rule::by_format(start.to_vec())),
        &[
            &[line(1, "x"), line(2, "[7] a"), line(3, "  b")],
            &[line(4, "c"), line(5, "ERROR: d"), line(6, "e")],
        ],
        &[&["x"], &["[7] a\n  b\nc"], &["ERROR: d\ne"]],
    );
}

#[test]
fn who_speaks_is_never_mixed() {
    let (head, at) = ("java.lang.Error: x", "\tat a.b(C.java:1)");
    let other_peer = |number, text| Line { peer: "192.0.2.2:1", ..line(number, text) };
    let other_port = |number, text| Line { peer: "192.0.2.1:2", ..line(number, text) };
    let other_app = |number, text| Line { app: "other", ..line(number, text) };
    check(
        java(),
        &[&[
            line(1, head),
            other_peer(2, at),
            other_app(3, at),
            other_app(4, head),
            other_port(5, at),
            other_app(6, at),
            line(7, "end"),
        ]],
        &[
            &[at, at, "java.lang.Error: x\n\tat a.b(C.java:1)", "end"],
            &["java.lang.Error: x\n\tat a.b(C.java:1)"],
        ],
    );
    // Two processes of one program write at the same time.
    let process =
        |number, procid: &'static str, text| Event { procid: procid.into(), ..event(&line(number, text)) };
    let mut packer = java();
    let (delivery, _) = delivery_of(&[
        process(1, "7", head),
        process(2, "8", head),
        process(3, "7", at),
        process(4, "8", at),
    ]);
    packer.feed(delivery, Instant::now());
    packer.flush();
    let merged = "java.lang.Error: x\n\tat a.b(C.java:1)";
    assert_eq!(texts(&packer.ready(Instant::now()).unwrap()), [merged, merged]);
}

#[test]
fn only_selected_events_are_held() {
    let packer =
        packer(Rule::by_time(Duration::from_millis(200))).only(Box::new(|event| event.app_name == "vpn"));
    let vpn = |number, text| Line { app: "vpn", ..line(number, text) };
    check(packer, &[&[vpn(1, "a"), line(2, "x"), vpn(3, "b"), line(4, "y")]], &[&["x", "y"], &["a\nb"]]);
}

#[test]
fn an_event_that_passes_does_not_overtake_what_its_program_said_before() {
    let packer = || {
        packer(Rule::by_time(Duration::from_millis(200))).only(Box::new(|event| event.message != "passes"))
    };
    let other = |number, text| Line { app: "other", ..line(number, text) };
    check(
        packer(),
        &[&[line(1, "a"), other(2, "x"), line(3, "b"), line(4, "passes"), line(5, "c")]],
        &[&["a\nb", "passes"], &["x", "c"]],
    );
    check(
        packer(),
        &[&[line(1, "a")], &[line(2, "passes")], &[line(3, "b")]],
        &[&[], &["a", "passes"], &[], &["b"]],
    );
}

#[test]
fn nothing_is_held_for_longer_than_its_age() {
    let mut packer = java();
    let now = Instant::now();
    let (delivery, heard) = delivery(&[line(1, "java.lang.Error: x"), line(2, "\tat a.b(C.java:1)")]);
    packer.feed(delivery, now);
    assert!(packer.ready(now + MAX_AGE - Duration::from_millis(1)).is_none());
    assert_eq!(packer.wake_at(), Some(now + MAX_AGE));
    assert_eq!(packer.counters.held.load(Ordering::Relaxed), 2);
    let out = packer.ready(now + MAX_AGE).unwrap();
    assert_eq!(texts(&out), ["java.lang.Error: x\n\tat a.b(C.java:1)"]);
    assert_eq!(heard.get(), None);
    store(out);
    assert_eq!(heard.get(), stored(2));
    let counters = &packer.counters;
    let read = [&counters.packed, &counters.merged, &counters.aged, &counters.limited, &counters.flushed]
        .map(|counter| counter.load(Ordering::Relaxed));
    assert_eq!(read, [1, 1, 1, 0, 0]);
}

#[test]
fn times_of_reception_age_a_group_too() {
    let late = Line { at: 1001, ..line(2, "\tat a.b(C.java:1)") };
    check(
        java(),
        &[&[line(1, "java.lang.Error: x"), late]],
        &[&["java.lang.Error: x", "\tat a.b(C.java:1)"], &[]],
    );
}
