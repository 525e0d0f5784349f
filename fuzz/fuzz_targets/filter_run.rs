#![no_main]
//! Filters at work: a random program over all engines and fields, on random events, comes to an
//! end without panic, and what it leaves can be written and read again.
//!
//! The bytes choose among what the tables of the language offer, so that nearly every input is
//! a program that can be run.

use libfuzzer_sys::fuzz_target;
use loggr_event::{DumpFormat, Event, Origin, Timestamp, Uid};
use loggr_filter::engines::{ENGINES, Environment, Kind};
use loggr_filter::lang::{CORE_FIELDS, Fate, Program};

const NOW: i64 = 1_795_341_600_000_000;
/// Events that one program sees.
const EVENTS: usize = 4;
/// Statements inside of statements.
const MAX_DEPTH: usize = 3;

/// Texts that mean something to one engine or another, or to none.
const TEXTS: [&str; 28] = [
    "", " ", ",", "=", "\\t", "a", "x", "message", "SSHD", "COMBINEDAPACHELOG", "%{IP:ip} %{WORD:w:int}",
    "(?<n>\\\\d+)", "%{DATA:a}%{DATA:b}%{DATA:a}$", "ISO8601", "UNIX", "dd/MMM/yyyy:HH:mm:ss Z", "MMM  d HH:mm:ss",
    "%d/%b/%Y", "UTC", "Europe/Paris", "mask", "hash", "ip", "email", "reverse", "forward", "1m", "events",
];

/// What is left of the input, eaten from the front.
struct Choices<'b>(&'b [u8]);

impl<'b> Choices<'b> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn coin(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.byte() % all.len()]
    }

    fn text(&mut self) -> String {
        format!("\"{}\"", self.of(&TEXTS))
    }

    fn number(&mut self) -> &'static str {
        self.of(&["0", "1", "10", "42.5", "1000000"])
    }

    fn custom(&mut self) -> &'static str {
        self.of(&["[a]", "[ip]", "[n]", "[many]", "[b.c]"])
    }

    fn core(&mut self) -> &'static str {
        CORE_FIELDS[self.byte() % CORE_FIELDS.len()].name
    }

    fn field(&mut self) -> &'static str {
        if self.coin() { self.core() } else { self.custom() }
    }

    fn operand(&mut self) -> String {
        match self.byte() % 4 {
            0 => self.text(),
            1 => self.number().to_owned(),
            _ => self.field().to_owned(),
        }
    }

    fn call(&mut self) -> String {
        let spec = &ENGINES[self.byte() % ENGINES.len()];
        let mut arguments = Vec::new();
        for parameter in spec.parameters {
            if parameter.default.is_some() && self.coin() {
                continue;
            }
            let value = match parameter.kind {
                Kind::Text => self.text(),
                Kind::Texts => format!("({}, {})", self.text(), self.text()),
                Kind::Number => self.number().to_owned(),
                Kind::Duration => self.of(&["\"250ms\"", "\"10s\"", "\"1h\""]).to_owned(),
                Kind::Flag => self.of(&["true", "false"]).to_owned(),
                Kind::Operand => self.operand(),
                Kind::Operands => format!("({}, {})", self.operand(), self.operand()),
                Kind::Field => self.custom().to_owned(),
                Kind::AnyField => self.field().to_owned(),
                Kind::AnyFields => format!("({}, {})", self.field(), self.field()),
            };
            arguments.push(format!("{}={value}", parameter.name));
        }
        format!("{}({})", spec.name, arguments.join(", "))
    }

    fn condition(&mut self, depth: usize) -> String {
        match self.byte() % 8 {
            0 => format!("{} in tags", self.text()),
            1 => format!("{} in cidr(\"10.0.0.0/8\", \"::/0\")", self.field()),
            2 => self.custom().to_owned(),
            3 if depth < MAX_DEPTH => {
                format!("({} or not {})", self.condition(depth + 1), self.condition(depth + 1))
            }
            4 => format!("{} ~* \"(a+)+b|[0-9]{{1,3}}$\"", self.field()),
            5 | 6 => self.call(),
            _ => {
                let sign = self.of(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {sign} {}", self.field(), self.operand())
            }
        }
    }

    fn statement(&mut self, depth: usize) -> String {
        match self.byte() % 9 {
            0 if depth < MAX_DEPTH => {
                let condition = self.condition(depth);
                format!("if {condition} {{\n{}}} else {{\n{}}}\n", self.block(depth + 1), self.block(depth + 1))
            }
            1 => format!("{} := {} + {}\n", self.field(), self.operand(), self.operand()),
            2 => format!("tags += {}\n", self.operand()),
            3 => format!("tags -= {}\n", self.operand()),
            4 => format!("delete {}\n", self.custom()),
            5 => format!("rename {} -> {}\n", self.field(), self.field()),
            6 if depth > 0 && self.0.first().is_some_and(|b| b % 8 == 0) => "drop\n".to_owned(),
            _ => format!("{}\n", self.call()),
        }
    }

    fn block(&mut self, depth: usize) -> String {
        (0..1 + self.byte() % 3).map(|_| self.statement(depth)).collect()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let text = choices.block(0);
    let environment = Environment::new("/nonexistent");
    let Ok(program) = Program::compile("fuzz.filter", &text, &environment) else { return };
    let mut counters = program.counters();
    let (origin, now) = (Origin::default(), Timestamp::from_unix_micros(NOW));
    let lines = choices.0.chunks(choices.0.len().div_ceil(EVENTS).max(1)).take(EVENTS);
    for (number, line) in lines.enumerate() {
        let uid = Uid::from_bytes((number as u128 + 1).to_be_bytes());
        let mut event = Event::receive(line, &origin, uid, now);
        event.set_field("ip", "10.1.2.3");
        event.set_field("n", "42");
        event.add_field_value("many", "a");
        event.add_field_value("many", String::from_utf8_lossy(line));
        match program.run(&mut event, now, &mut counters) {
            Fate::Keep => {}
            Fate::Route(route) => assert!(route < program.routes().len()),
            Fate::Drop(rule) => assert!(rule < program.rule_count()),
        }
        assert_eq!((event.uid, event.timegenerated), (uid, now), "a filter changed what an event is\n{text}");
        let (mut packed, mut again) = (Vec::new(), Vec::new());
        event.to_msgpack(&mut packed);
        let read = Event::from_msgpack(&packed).unwrap_or_else(|e| panic!("{e} after\n{text}"));
        read.to_msgpack(&mut again);
        assert_eq!(packed, again, "an event read again differs after\n{text}");
        let mut json = Vec::new();
        event.dump(&DumpFormat::Json, &mut json);
        let parsed: serde_json::Value = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{e} after\n{text}"));
        assert!(parsed.is_object());
    }
    assert!(counters.events as usize <= EVENTS);
});
