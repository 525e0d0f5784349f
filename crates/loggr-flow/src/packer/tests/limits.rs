//! What a packer holds is bounded, and what it makes of several events has all that they had.

use loggr_event::Defect;

use super::*;

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
fn a_broken_seal_does_not_become_none() {
    let part = |number: u8, broken: bool| {
        let mut event = event(&line(number, "text"));
        event.hmac = Some(format!("seal {number}").into());
        event.timehmac = Some(Timestamp::from_unix_micros(i64::from(number)));
        if broken {
            event.defects.insert(Defect::BadHmac);
        }
        event
    };
    let mut packer = packer(Rule::by_time(Duration::from_millis(200)));
    packer.feed(delivery_of(&[part(0, false), part(1, true), part(2, true)]).0, Instant::now());
    packer.flush();
    let out = packer.ready(Instant::now()).unwrap();
    let merged = out.batch().records().next().unwrap().event();
    assert_eq!((merged.message.as_ref(), merged.hmac.as_deref()), ("text\ntext\ntext", Some("seal 1")));
    assert_eq!(merged.timehmac, Some(Timestamp::from_unix_micros(1)));
    assert!(merged.defects.contains(Defect::BadHmac));
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
