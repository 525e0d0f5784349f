#![no_main]
//! Random filters on random events: whatever engines are called with, an event comes out that
//! can be stored, sent on and read again.
//!
//! The bytes choose a filter from the grammar, then the events. Arguments come from the table of
//! engines: numbers and fields at random, texts from what the documentation of the parameter
//! shows in backticks, or at random. What the compiler refuses is left out.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use loggr_event::{DumpFormat, Event, MAX_FIELDS, MAX_TAGS, Origin, Timestamp, Uid};
use loggr_filter::engines::{
    ENGINES, Environment, Kind, Parameter, Question, Reply, Resolver, Resolvers, Spec,
};
use loggr_filter::CORE_FIELDS;
use loggr_filter::lang::{Fate, Program};

const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);
/// Statements of one filter.
const MAX_STATEMENTS: usize = 8;
/// Nested conditions and blocks.
const MAX_DEPTH: usize = 3;
/// Events that one filter gets.
const EVENTS: usize = 3;

/// Lines that engines have something to do with.
const LINES: [&str; 10] = [
    "<38>1 2026-03-01T12:00:00Z web1 sshd 77 ID1 [a@1 ip=\"10.0.0.1\"] Accepted password for root from 10.1.2.3 port 22 ssh2",
    "<4>Mar  1 12:00:00 fw kernel: IN=eth0 OUT= MAC=aa:bb SRC=1.2.3.4 DST=2001:db8::1 DF PROTO=TCP SPT=1",
    "<13>1 - - - - - - {\"a\":{\"b\":[1,2,{\"c\":null}]},\"message\":\"m\",\"severity\":\"err\"}",
    "<13>1 - - - - - - a,\"b \"\"c\"\"\",,d",
    "<13>Mar  1 12:00:00 h nginx: 10.0.0.1 - - [01/Mar/2026:12:00:00 +0100] \"GET /?a=1&mail=ann%40example.org HTTP/1.1\" 200 5 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0\"",
    "<13>1 - - - - - - 4111 1111 1111 1111 ann@example.org 192.168.1.1",
    "<13>1 - - - - - - 2026-11-22 10:00:00,123 1795341600 @400000006b02bd2a0ee6b280",
    "msg=\"a \\\"b\\\" c\" k='v' level=info",
    "{\"message\":\"x\",\"fields\":{\"f\":[\"1\",\"2\"]}}",
    "",
];

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok(text) = filter(&mut bytes) else { return };
    let environment = environment();
    let program = match Program::compile("f.filter", &text, environment) {
        Ok(program) => program,
        Err(errors) => {
            assert!(!errors.to_string().is_empty());
            // Line by line: what remains can be run. A block is one line.
            let kept = text.lines().filter(|l| Program::compile("l", l, environment).is_ok());
            let kept = kept.collect::<Vec<_>>().join("\n");
            match Program::compile("f.filter", &kept, environment) {
                Ok(program) => program,
                Err(_) => return,
            }
        }
    };
    let written = program.text();
    let again = Program::compile("again", &written, environment)
        .unwrap_or_else(|e| panic!("what was written cannot be read again:\n{e}"));
    assert_eq!(again.text(), written, "written twice it differs");

    let origin = Origin { listener: "l".into(), timezone: "Europe/Berlin".into(), ..Origin::default() };
    let mut counters = program.counters();
    for _ in 0..EVENTS {
        let Ok(line) = line(&mut bytes) else { return };
        let mut event = Event::receive(&line, &origin, Uid::default(), NOW);
        fields(&mut bytes, &mut event);
        match program.run(&mut event, NOW, &mut counters) {
            Fate::Keep => {}
            Fate::Route(route) => assert!(route < program.routes().len()),
            Fate::Drop(rule) => assert!(rule < program.rule_count()),
        }
        assert_eq!((event.uid, event.timegenerated), (Uid::default(), NOW), "a filter changed what an event is");
        check(&event);
        program.trace(&mut event, NOW, &mut counters, &mut |step| check(step.after));
    }
    let (changed, errors) = program.refresh();
    assert!(!changed && errors.is_empty(), "no file has changed: {errors:?}");
});

/// The event is whole: others can read it.
fn check(event: &Event<'_>) {
    assert!(event.tags.is_sorted_by(|a, b| a < b), "tags are a set: {:?}", event.tags);
    assert!(event.tags.len() <= MAX_TAGS);
    assert!(event.fields.len() <= MAX_FIELDS);
    for (i, field) in event.fields.iter().enumerate() {
        assert!(!field.values.is_empty(), "`{}` has no value", field.name);
        assert!(!event.fields[..i].iter().any(|f| f.name == field.name), "`{}` is there twice", field.name);
    }
    let mut packed = Vec::new();
    event.to_msgpack(&mut packed);
    let again = Event::from_msgpack(&packed).expect("we read what we write");
    let mut repacked = Vec::new();
    again.to_msgpack(&mut repacked);
    assert_eq!(packed, repacked, "an event read again differs");
    for name in ["JSON", "RFC5424", "RFC3164"] {
        let mut out = Vec::new();
        event.dump(&DumpFormat::parse(name).expect("a format"), &mut out);
        assert!(!out.contains(&b'\n'), "{name} is more than one line");
        if name == "JSON" {
            serde_json::from_slice::<serde_json::Value>(&out).expect("JSON that others read");
        }
    }
}

fn environment() -> &'static Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let directory: PathBuf = std::env::temp_dir().join("loggr-fuzz-filter");
        let write = |name: &str, text: &str| std::fs::write(directory.join(name), text);
        std::fs::create_dir_all(&directory).expect("a directory");
        write("t.csv", "a,1\n404,not found\n10.0.0.0/8,in\n").expect("a table");
        write("t.toml", "a = \"1\"\n\"10.0.0.0/8\" = \"in\"\n").expect("a table");
        write("k", "0123456789abcdef").expect("a key");
        Environment { resolvers: Some(Arc::new(Answering)), ..Environment::new(directory) }
    })
}

/// Answers at once, so that no event waits.
#[derive(Debug)]
struct Answering;

impl Resolvers for Answering {
    fn open(&self, _: &[std::net::SocketAddr]) -> std::result::Result<Arc<dyn Resolver>, String> {
        Ok(Arc::new(Answering))
    }
}

impl Resolver for Answering {
    fn ask(&self, question: Question, reply: Reply) {
        match question {
            Question::NamesOf(address) if address.is_ipv4() => reply.answer(vec!["h.example".into()], None),
            Question::NamesOf(_) => reply.fail(),
            Question::AddressesOf(name) => reply.answer(vec![name], None),
        }
    }
}

fn filter(bytes: &mut Unstructured<'_>) -> Result<String> {
    let mut out = String::new();
    for _ in 0..bytes.int_in_range(1..=MAX_STATEMENTS)? {
        statement(bytes, &mut out, 0)?;
        out.push('\n');
    }
    Ok(out)
}

fn statement(bytes: &mut Unstructured<'_>, out: &mut String, depth: usize) -> Result<()> {
    match bytes.int_in_range(0..=15)? {
        0 if depth < MAX_DEPTH => {
            out.push_str("if ");
            condition(bytes, out, depth)?;
            out.push_str(" { ");
            statement(bytes, out, depth + 1)?;
            out.push_str(" } else { ");
            statement(bytes, out, depth + 1)?;
            out.push_str(" }");
        }
        1 => {
            target(bytes, out)?;
            out.push_str(" := ");
            operand(bytes, out)?;
            out.push_str(" + ");
            operand(bytes, out)?;
        }
        2 => {
            out.push_str(bytes.choose(&["tags += ", "tags -= "])?);
            operand(bytes, out)?;
        }
        3 => {
            out.push_str("delete ");
            target(bytes, out)?;
        }
        4 => {
            out.push_str("rename ");
            target(bytes, out)?;
            out.push_str(" -> ");
            target(bytes, out)?;
        }
        5 if depth > 0 => out.push_str(bytes.choose(&["drop", "stop"])?),
        _ => call(bytes, out)?,
    }
    Ok(())
}

fn condition(bytes: &mut Unstructured<'_>, out: &mut String, depth: usize) -> Result<()> {
    match bytes.int_in_range(0..=6)? {
        0 if depth < MAX_DEPTH => {
            out.push('(');
            condition(bytes, out, depth + 1)?;
            out.push_str(bytes.choose(&[" and ", " or ", " and not "])?);
            condition(bytes, out, depth + 1)?;
            out.push(')');
        }
        1 => {
            operand(bytes, out)?;
            out.push_str(bytes.choose(&[" == ", " != ", " < ", " >= "])?);
            operand(bytes, out)?;
        }
        2 => {
            field(bytes, out)?;
            out.push_str(bytes.choose(&[" ~ ", " ~* "])?);
            text(bytes, out, &["^a", "[0-9]+", "x|y", "."])?;
        }
        3 => {
            operand(bytes, out)?;
            out.push_str(bytes.choose(&[
                " in tags",
                " in custom_fields",
                " in cidr(\"10.0.0.0/8\")",
                " notin ([f], \"a\")",
            ])?);
        }
        4 => field(bytes, out)?,
        _ => call(bytes, out)?,
    }
    Ok(())
}

fn call(bytes: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    let spec: &Spec = bytes.choose(ENGINES)?;
    out.push_str(spec.name);
    out.push('(');
    let mut first = true;
    for parameter in spec.parameters {
        if parameter.default.is_some() && bytes.ratio(2, 3)? {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push_str(", ");
        }
        out.push_str(parameter.name);
        out.push('=');
        argument(bytes, out, parameter)?;
    }
    out.push(')');
    Ok(())
}

fn argument(bytes: &mut Unstructured<'_>, out: &mut String, parameter: &Parameter) -> Result<()> {
    let shown: Vec<&str> = parameter.doc.split('`').skip(1).step_by(2).collect();
    let several = |bytes: &mut Unstructured<'_>, out: &mut String, one: &Write<'_>| -> Result<()> {
        out.push('(');
        one(bytes, out)?;
        for _ in 0..bytes.int_in_range(0..=3)? {
            out.push_str(", ");
            one(bytes, out)?;
        }
        out.push(')');
        Ok(())
    };
    match parameter.kind {
        Kind::Text => text(bytes, out, &shown),
        Kind::Texts => several(bytes, out, &|bytes, out| text(bytes, out, &shown)),
        Kind::Number => {
            let number = match bytes.int_in_range(0..=3)? {
                0 => bytes.int_in_range(-5i64..=5)?,
                1 => bytes.arbitrary::<i32>()?.into(),
                _ => bytes.int_in_range(1i64..=130)?,
            };
            out.push_str(&number.to_string());
            Ok(())
        }
        Kind::Duration => {
            out.push_str(bytes.choose(&["\"1ms\"", "\"30s\"", "\"5m\"", "\"1h\"", "\"7d\""])?);
            Ok(())
        }
        Kind::Flag => {
            out.push_str(bytes.choose(&["true", "false"])?);
            Ok(())
        }
        Kind::Operand => operand(bytes, out),
        Kind::Operands => several(bytes, out, &operand),
        Kind::Field => custom(bytes, out),
        Kind::AnyField => field(bytes, out),
        Kind::AnyFields => several(bytes, out, &field),
    }
}

type Write<'w> = dyn Fn(&mut Unstructured<'_>, &mut String) -> Result<()> + 'w;

fn operand(bytes: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    match bytes.int_in_range(0..=3)? {
        0 => text(bytes, out, &[]),
        1 => {
            out.push_str(&bytes.int_in_range(-9i32..=9999)?.to_string());
            Ok(())
        }
        _ => field(bytes, out),
    }
}

/// A field that is read.
fn field(bytes: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    match bytes.ratio(1, 2)? {
        true => custom(bytes, out),
        false => {
            out.push_str(bytes.choose(&CORE_FIELDS)?.name);
            Ok(())
        }
    }
}

/// A field that is written.
fn target(bytes: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    let writable: Vec<&str> = CORE_FIELDS.iter().filter(|f| f.writable).map(|f| f.name).collect();
    match bytes.ratio(2, 3)? {
        true => custom(bytes, out),
        false => {
            out.push_str(bytes.choose(&writable)?);
            Ok(())
        }
    }
}

fn custom(bytes: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    out.push_str(bytes.choose(&["[f]", "[g]", "[ip]", "[n]", "[a.b]", "[missing]"])?);
    Ok(())
}

/// A literal: something known, or anything.
fn text(bytes: &mut Unstructured<'_>, out: &mut String, known: &[&str]) -> Result<()> {
    const OTHERS: [&str; 18] = [
        "a",
        "",
        "10.0.0.1",
        "0123456789abcdef",
        "k",
        "t.csv",
        "t.toml",
        "hash",
        "SSHD",
        "%{IP:[a][b]}",
        "(?<f>.*)",
        "(a+)+$",
        "%{DATA:x} %{DATA:y} %{DATA:z}$",
        "yyyy-MM-dd HH:mm:ss,SSS",
        "=",
        "|",
        "\\d+",
        "404",
    ];
    let any: String;
    let chosen = match bytes.int_in_range(0..=3)? {
        0 => {
            any = bytes.arbitrary::<&str>()?.chars().take(24).collect();
            any.as_str()
        }
        1 if !known.is_empty() => *bytes.choose(known)?,
        _ => *bytes.choose(&OTHERS)?,
    };
    out.push('"');
    for c in chosen.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

/// A known line, any, or a known one with something in the middle.
fn line(bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let known = bytes.choose(&LINES)?.as_bytes();
    let any = bytes.arbitrary::<Vec<u8>>()?;
    Ok(match bytes.int_in_range(0..=2)? {
        0 => known.to_vec(),
        1 => any,
        _ => {
            let (head, tail) = known.split_at(bytes.int_in_range(0..=known.len())?);
            [head, &any, tail].concat()
        }
    })
}

fn fields(bytes: &mut Unstructured<'_>, event: &mut Event<'_>) {
    for name in ["f", "g", "ip", "n", "a.b"] {
        for _ in 0..bytes.int_in_range(0..=2).unwrap_or(0) {
            let known = *bytes
                .choose(&["10.0.0.1", "2001:db8::1", "404", "a=1 b=2", "x", "2026-11-22", ""])
                .unwrap_or(&"");
            let value = match bytes.ratio(1, 3) {
                Ok(true) => bytes.arbitrary::<String>().unwrap_or_default(),
                _ => known.to_owned(),
            };
            event.add_field_value(name, value);
        }
    }
}
