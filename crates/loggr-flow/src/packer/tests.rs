//! The packer as a stage: what goes in comes out, once, in order, and is settled with it.

mod headless;

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

#[test]
fn groups_lines_and_bytes_are_bounded() {
    let limits = PackerLimits { max_lines: 3, max_bytes: 30, max_age: MAX_AGE };
    let bounded = || Packer::new(Rule::traces(&[preset("java").unwrap()]), limits, Arc::default());
    let (head, at) = ("a.Error: x", "\tat a()");
    check(
        bounded(),
        &[&[line(1, head), line(2, at), line(3, at), line(4, at), line(5, at), line(6, "end")]],
        &[&["a.Error: x\n\tat a()\n\tat a()", "\tat a()\n\tat a()", "end"], &[]],
    );
    let long = "\tat a.long.name()";
    check(
        bounded(),
        &[&[line(1, head), line(2, long), line(3, at)]],
        &[&["a.Error: x\n\tat a.long.name()"], &["\tat a()"]],
    );
    let mut packer = java();
    let now = Instant::now();
    let mut heard = Vec::new();
    for n in 0..=MAX_PACKER_GROUPS {
        let app = format!("app{n}");
        let event = Event { app_name: app.as_str().into(), ..event(&line(1, head)) };
        let (delivery, hears) = delivery_of(&[event]);
        packer.feed(delivery, now);
        heard.push(hears);
    }
    let out = packer.ready(now).unwrap();
    assert_eq!(out.batch().records().next().unwrap().event().app_name, "app0");
    assert!(packer.ready(now).is_none());
    assert_eq!(packer.groups.len(), MAX_PACKER_GROUPS);
    drop((out, packer));
    assert!(heard.iter().all(|hears| hears.get() == Some(Outcome::Nack)));
}

#[test]
fn the_bytes_of_all_groups_are_bounded() {
    let limits = PackerLimits { max_bytes: usize::MAX, max_lines: usize::MAX, max_age: MAX_AGE };
    let mut packer = Packer::new(Rule::by_time(Duration::from_millis(1)), limits, Arc::default());
    let text = "x".repeat(MAX_PACKER_BYTES / 4 + 1);
    for number in 0..4 {
        let (delivery, _) = delivery(&[Line { app: ["a", "b", "c", "d"][number], ..line(1, &text) }]);
        packer.feed(delivery, Instant::now());
        assert!(packer.cost <= MAX_PACKER_BYTES);
    }
    assert_eq!(packer.ready(Instant::now()).unwrap().batch().len(), 1);
    assert_eq!(packer.groups.len(), 3);
}

#[test]
fn the_merged_event_has_what_its_parts_have() {
    let part = |number: u8, at: i64, message: &'static str| {
        let mut event = event(&Line { at, ..line(number, message) });
        event.procid = number.to_string().into();
        event.add_tag(["b", "a", "b"][usize::from(number)]);
        event.add_field_value("user", ["root", "eve", "root"][usize::from(number)]);
        event.add_field_value("n", number.to_string());
        event.severity = [Severity::Notice, Severity::Error, Severity::Debug][usize::from(number)];
        let param =
            |name: &'static str, value: &'static str| SdParam { name: name.into(), value: value.into() };
        let id = ["x@1", "x@1", "y@1"][usize::from(number)].into();
        event.structured_data =
            vec![SdElement { id, params: vec![param("k", ["1", "2", "3"][usize::from(number)])] }];
        event.hmac = Some("seal".into());
        event
    };
    let parts = [part(0, 100, "one"), part(1, 0, "two"), part(2, 50, "three")];
    let mut packer = packer(Rule::by_time(Duration::from_millis(200)));
    let (delivery, _) = delivery_of(&parts);
    packer.feed(delivery, Instant::now());
    packer.flush();
    let out = packer.ready(Instant::now()).unwrap();
    let merged = out.batch().records().next().unwrap().event();
    assert_eq!(merged.message, "one\ntwo\nthree");
    assert_eq!(merged.uid, Uid::of_several(&[uid(0), uid(1), uid(2)]));
    assert_eq!(merged.timereported.unix_micros(), START);
    assert_eq!(merged.timegenerated.unix_micros(), START);
    assert_eq!(merged.severity, Severity::Error);
    assert_eq!(merged.procid, "0");
    assert_eq!(merged.tags, ["a", "b"]);
    let fields: Vec<(&str, Vec<&str>)> = merged
        .fields
        .iter()
        .map(|Field { name, values }| (&**name, values.iter().map(|v| &**v).collect()))
        .collect();
    assert_eq!(fields, [("user", vec!["root", "eve"]), ("n", vec!["0", "1", "2"])]);
    let params: Vec<(&str, Vec<&str>)> = merged
        .structured_data
        .iter()
        .map(|e| (&*e.id, e.params.iter().map(|p| &*p.value).collect()))
        .collect();
    assert_eq!(params, [("x@1", vec!["1", "2"]), ("y@1", vec!["3"])]);
    assert_eq!((merged.hmac, merged.raw, merged.original_len), (None, None, None));
}

#[test]
fn bytes_that_are_no_text_and_cut_lines_stay_known() {
    let origin = Arc::new(Origin::default());
    let mut builder = BatchBuilder::default();
    let now = Timestamp::from_unix_micros(START);
    builder.push_line(&origin, uid(1), now, b"<13>1 2026-03-01T12:00:00Z h app - - - one");
    builder.push_line(&origin, uid(2), now, b"<13>1 2026-03-01T12:00:00Z h app - - - tw\xff");
    builder.push_frame(&origin, uid(3), now, b"<13>1 2026-03-01T12:00:00Z h app - - - th", Some(1000), false);
    let mut packer = packer(Rule::by_time(Duration::from_millis(200)));
    packer.feed(Delivery::new(builder.finish().unwrap(), Ack::unreliable(|| ())), Instant::now());
    packer.flush();
    let out = packer.ready(Instant::now()).unwrap();
    let merged = out.batch().records().next().unwrap().event();
    assert_eq!(out.batch().len(), 1);
    assert!(merged.raw.as_ref().is_some_and(|raw| raw.ends_with(b"app - - - th") && raw.contains(&0xff)));
    assert!(merged.original_len > Some(1000));
    let words: Vec<&str> = merged.defects.words().collect();
    assert_eq!(words, ["not_utf8", "truncated"]);
}

#[test]
fn what_does_not_fit_into_one_event_makes_two() {
    let part = |number: u8| {
        let mut event = event(&line(number, "x"));
        for n in 0..600 {
            event.add_field_value("n", format!("{number}.{n}"));
        }
        event
    };
    let mut packer = packer(Rule::by_time(Duration::from_millis(200)));
    let (delivery, heard) = delivery_of(&[part(1), part(1), part(2), part(2)]);
    packer.feed(delivery, Instant::now());
    packer.flush();
    let out = packer.ready(Instant::now()).unwrap();
    let values: Vec<usize> = out.batch().records().map(|r| r.event().field("n").len()).collect();
    assert_eq!((texts(&out), values), (vec!["x\nx".to_owned(), "x\nx".to_owned()], vec![600, 600]));
    store(out);
    assert_eq!(heard.get(), stored(4));
}

#[test]
fn what_is_dropped_or_rescued_later_counts_all_its_lines() {
    let (head, at) = ("java.lang.Error: x", "\tat a.b(C.java:1)");
    let mut packer = java();
    let (delivery, heard) =
        delivery(&[line(1, "one"), line(2, head), line(3, at), line(4, "two"), line(5, "three")]);
    packer.feed(delivery, Instant::now());
    let out = packer.ready(Instant::now()).unwrap();
    assert_eq!((out.batch().len(), out.events()), (4, 5));
    let out = out.retain(|record| !record.event().message.contains('\n')).unwrap();
    let (first, second) = out.halve().unwrap();
    store(second);
    let receipt = Receipt::sign_rescue(first.batch());
    first.ack(receipt);
    assert_eq!(heard.get(), Some(Outcome::Ack(Tally { stored: 2, rescued: 1, dropped: 2 })));
}

#[test]
fn a_redelivery_makes_the_same_event() {
    let lines: Vec<Line<'_>> =
        [(1, "java.lang.Error: x"), (2, "\tat a.b(C.java:1)"), (3, "end")].map(|(n, t)| line(n, t)).to_vec();
    let uids = |cuts: &[usize]| {
        let mut packer = java();
        let mut uids = Vec::new();
        let mut from = 0;
        for cut in cuts {
            packer.feed(delivery(&lines[from..*cut]).0, Instant::now());
            from = *cut;
            while let Some(out) = packer.ready(Instant::now()) {
                uids.extend(out.batch().records().map(|r| r.uid));
            }
        }
        uids
    };
    assert_eq!(uids(&[3]), uids(&[1, 2, 3]));
    assert_eq!(uids(&[3]).len(), 2);
}

#[test]
fn other_parts_never_hide_behind_the_same_uid() {
    // First it was given on with two lines, and the crash came before the queue was told; then
    // the third line was there in time. With the uid of the first line both times, a sink
    // would take the second event for the first, and the third line would be lost.
    let trace = [line(1, "java.lang.Error: x"), line(2, "\tat a.b(C.java:1)"), line(3, "\tat a.c(C.java:2)")];
    let uid_of = |lines: &[Line<'_>]| {
        let mut packer = java();
        packer.feed(delivery(lines).0, Instant::now());
        packer.flush();
        packer.ready(Instant::now()).unwrap().batch().records().next().unwrap().uid
    };
    assert_ne!(uid_of(&trace[..2]), uid_of(&trace));
}

/// One step of the property.
#[derive(Clone, Debug)]
enum Step {
    /// Lines: which program says which text.
    Feed(Vec<(usize, usize)>),
    /// Milliseconds pass.
    Wait(u64),
    Flush,
    /// A ready delivery is stored, or given back.
    Take(bool),
}

const APPS: [(&str, &str); 4] =
    [("192.0.2.1:1", "a"), ("192.0.2.1:1", "b"), ("192.0.2.2:1", "a"), ("192.0.2.1:7", "a")];

/// Texts with a place for their number at the end.
const TEXTS: [&str; 7] = [
    "plain",
    "java.lang.Error: x",
    "\tat a.b(C.java:1)",
    "Caused by: y",
    "",
    "panic: z",
    "goroutine 1 [running]:",
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => proptest::collection::vec((0..APPS.len(), 0..TEXTS.len()), 1..12).prop_map(Step::Feed),
        2 => (1u64..1500).prop_map(Step::Wait),
        1 => Just(Step::Flush),
        3 => proptest::bool::weighted(0.9).prop_map(Step::Take),
    ]
}

fn rules() -> impl Strategy<Value = usize> {
    0usize..3
}

fn rule(which: usize) -> Rule {
    match which {
        0 => Rule::by_time(Duration::from_millis(300)),
        1 => {
            Rule::by_format(vec![StartFormat::parse("p$WORD").unwrap(), StartFormat::parse("java").unwrap()])
        }
        _ => Rule::traces(&PRESETS),
    }
}

proptest! {
    #[test]
    fn every_event_is_in_exactly_one_output(
        which in rules(),
        some_pass in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let limits = PackerLimits { max_age: MAX_AGE, max_lines: 5, max_bytes: 80 };
        let mut packer = Packer::new(rule(which), limits, Arc::default());
        if some_pass {
            packer = packer.only(Box::new(|event| !event.message.starts_with("plain")));
        }
        let counters = packer.counters.clone();
        let begin = Instant::now();
        let mut passed = Duration::ZERO;
        let mut number = 0usize;
        // By key: the numbers that went in, and those that came out.
        let mut fed: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        let mut out: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        let mut waiting: VecDeque<Delivery> = VecDeque::new();
        let mut heard: Vec<(Heard, u64)> = Vec::new();
        let (mut lost, mut merged) = (BTreeSet::new(), 0);
        // The numbers of each event that came out.
        let mut together: Vec<Vec<usize>> = Vec::new();
        let mut steps = steps;
        steps.push(Step::Flush);
        for step in steps {
            match step {
                Step::Feed(ref lines) => {
                    let texts: Vec<(usize, String)> = lines.iter().map(|(app, text)| {
                        number += 1;
                        (*app, format!("{} #{number}", TEXTS[*text]))
                    }).collect();
                    let events: Vec<Event<'_>> = texts.iter().enumerate().map(|(i, (app, text))| {
                        let (peer, app) = APPS[*app];
                        let n = number - texts.len() + i + 1;
                        let key = (peer.split(':').next().unwrap(), app);
                        fed.entry(key).or_default().push(n);
                        let at = i64::try_from(passed.as_millis()).unwrap();
                        let mut event = event(&Line { number: 0, peer, app, text, at });
                        event.uid = Uid::from_bytes((n as u128).to_be_bytes());
                        event
                    }).collect();
                    let (delivery, hears) = delivery_of(&events);
                    heard.push((hears, events.len() as u64));
                    packer.feed(delivery, begin + passed);
                }
                Step::Wait(millis) => passed += Duration::from_millis(millis),
                Step::Flush => packer.flush(),
                Step::Take(_) => {}
            }
            let ready = |packer: &mut Packer| packer.ready(begin + passed);
            while let Some(delivery) = ready(&mut packer) {
                waiting.push_back(delivery);
            }
            // What is held is due, in time.
            let held = counters.held.load(Ordering::Relaxed);
            prop_assert_eq!(held > 0, packer.wake_at().is_some());
            if let Some(wake) = packer.wake_at() {
                prop_assert!(wake > begin + passed && wake <= begin + passed + MAX_AGE);
            }
            if let Step::Take(store_it) = step && let Some(delivery) = waiting.pop_front() {
                settle(delivery, store_it, &mut out, &mut lost, &mut merged, &mut together)?;
            }
        }
        while let Some(delivery) = waiting.pop_front() {
            settle(delivery, true, &mut out, &mut lost, &mut merged, &mut together)?;
        }
        prop_assert_eq!(counters.held.load(Ordering::Relaxed), 0);
        prop_assert_eq!(counters.merged.load(Ordering::Relaxed), merged);
        // Each once, in the order of what each program said.
        let fed: BTreeMap<(String, String), Vec<usize>> =
            fed.into_iter().map(|((p, a), numbers)| ((p.to_owned(), a.to_owned()), numbers)).collect();
        prop_assert_eq!(&fed, &out);
        // Whatever was stored is acked with all its events, whatever was given back is nacked; and
        // with it what came before and became one event with it.
        let heard: Vec<(usize, u64, Option<Outcome>)> = heard
            .iter()
            .scan(1, |first, (hears, count)| {
                let mine = *first;
                *first += usize::try_from(*count).unwrap();
                Some((mine, *count, hears.get()))
            })
            .collect();
        let of = |n: usize| heard.partition_point(|(first, ..)| *first <= n) - 1;
        for (at, (first, count, outcome)) in heard.iter().enumerate() {
            let mut mine = *first..*first + usize::try_from(*count).unwrap();
            if mine.any(|n| lost.contains(&n)) {
                prop_assert_eq!(*outcome, Some(Outcome::Nack));
            } else if *outcome == Some(Outcome::Nack) {
                prop_assert!(heard.iter().skip(at + 1).any(|(.., later)| *later == Some(Outcome::Nack)));
            } else {
                prop_assert_eq!(*outcome, stored(*count));
            }
        }
        for numbers in together {
            for pair in numbers.windows(2) {
                let (earlier, later) = (heard[of(pair[0])].2, heard[of(pair[1])].2);
                prop_assert!(later != Some(Outcome::Nack) || earlier == Some(Outcome::Nack));
            }
        }
    }
}

#[test]
fn a_source_hears_of_an_event_of_two_deliveries_when_neither_can_come_again() {
    let (head, at) = ("java.lang.Error: x", "\tat a.b(C.java:1)");
    let other = |number, text| Line { app: "other", ..line(number, text) };
    let mut packer = java();
    let now = Instant::now();
    let deliveries: [&[Line<'_>]; 3] = [&[line(1, head)], &[line(2, at), other(3, head)], &[line(4, "end")]];
    let heard: Vec<Heard> = deliveries
        .iter()
        .map(|lines| {
            let (delivery, heard) = delivery(lines);
            packer.feed(delivery, now);
            heard
        })
        .collect();
    let outcomes = || heard.iter().map(Heard::get).collect::<Vec<_>>();
    let trace = packer.ready(now).unwrap();
    assert_eq!(texts(&trace), ["java.lang.Error: x\n\tat a.b(C.java:1)", "end"]);
    store(trace);
    // The second comes again if the process ends now, and its frame would stand alone.
    assert_eq!(outcomes(), [None, None, stored(1)]);
    packer.flush();
    store(packer.ready(now).unwrap());
    assert_eq!(outcomes(), [stored(1), stored(2), stored(1)]);
}

#[test]
fn a_chain_of_deliveries_may_be_long() {
    let (head, at) = ("java.lang.Error: x", "\tat a.b(C.java:1)");
    let mut packer = java();
    let now = Instant::now();
    let mut heard = Vec::new();
    for i in 0..20_000 {
        let (opens, goes_on) = if i % 2 == 0 { ("a", "b") } else { ("b", "a") };
        let lines = [Line { app: goes_on, ..line(1, at) }, Line { app: opens, ..line(2, head) }];
        let lines = lines.map(|l| if i == 0 { Line { app: "a", ..l } } else { l });
        let (delivery, hears) = delivery(&lines);
        packer.feed(delivery, now);
        heard.push(hears);
        while let Some(delivery) = packer.ready(now) {
            store(delivery);
        }
    }
    packer.flush();
    while let Some(delivery) = packer.ready(now) {
        store(delivery);
    }
    assert!(heard.iter().all(|hears| hears.get() == stored(2)));
}

/// Notes the numbers of a delivery and settles it.
fn settle(
    delivery: Delivery,
    store_it: bool,
    out: &mut BTreeMap<(String, String), Vec<usize>>,
    lost: &mut BTreeSet<usize>,
    merged: &mut u64,
    together: &mut Vec<Vec<usize>>,
) -> Result<(), TestCaseError> {
    for record in delivery.batch().records() {
        let event = record.event();
        let key = (record.origin.peer_host().to_owned(), event.app_name.to_string());
        let numbers: Vec<usize> = event
            .message
            .split('\n')
            .map(|line| line.rsplit_once('#').and_then(|(_, n)| n.parse().ok()).unwrap())
            .collect();
        prop_assert!(numbers.len() <= 5 && (numbers.len() == 1 || event.message.len() <= 80));
        *merged += numbers.len() as u64 - 1;
        if !store_it {
            // With a joined delivery all its events come again.
            lost.extend(&numbers);
        }
        together.push(numbers.clone());
        out.entry(key).or_default().extend(numbers);
    }
    if store_it {
        store(delivery)
    } else {
        delivery.nack()
    }
    Ok(())
}
