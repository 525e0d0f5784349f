//! The language as its users see it: what programs do, and what wrong ones are told.

use loggr_event::{Defect, Event, Origin, Severity, Timestamp, Uid, Verdict};
use proptest::prelude::*;

use super::parser::parse;
use super::print::print;
use super::{Fate, Program};
use crate::engines::Environment;

const NOW: Timestamp = Timestamp::from_unix_micros(1_800_000_000_000_000);
const LINE: &[u8] =
    b"<38>1 2026-03-01T12:00:00Z web1 sshd 77 ID1 - Accepted password for root from 10.1.2.3 port 22 ssh2";

fn environment() -> Environment {
    Environment::new("/nonexistent")
}

#[track_caller]
fn program(text: &str) -> Program {
    Program::compile("t.filter", text, &environment()).unwrap_or_else(|e| panic!("{e}"))
}

fn event(origin: &Origin) -> Event<'_> {
    let mut event = Event::receive(LINE, origin, Uid::default(), NOW);
    event.add_tag("first");
    event.set_field("n", "42");
    event.set_field("ip", "10.1.2.3");
    event.add_field_value("many", "a");
    event.add_field_value("many", "b");
    event
}

/// Does the condition hold for the event?
#[track_caller]
fn holds(condition: &str, expect: bool) {
    let program = program(&format!("if {condition} {{ tags += \"yes\" }}"));
    let origin = Origin { listener: "l1".into(), peer: "192.0.2.9:514".into(), ..Origin::default() };
    let mut event = event(&origin);
    program.run(&mut event, NOW, &mut program.counters());
    assert_eq!(event.has_tag("yes"), expect, "{condition}");
}

#[test]
fn conditions() {
    holds("app_name == \"sshd\"", true);
    holds("app_name != \"sshd\"", false);
    holds("app_name == \"SSHD\"", false);
    holds("message ~ \"^Accepted (password|publickey)\"", true);
    holds("message ~ \"accepted\"", false);
    holds("message ~* \"ACCEPTED\"", true);
    holds("not (app_name == \"x\" or source == \"web1\")", false);
    holds("app_name == \"x\" or source == \"web1\" and facility == \"auth\"", true);
    holds("severity >= \"info\"", true);
    holds("severity >= \"warning\"", false);
    holds("severity < \"warning\"", true);
    holds("severity == 6", true);
    holds("\"warning\" > severity", true);
    holds("facility == \"auth\"", true);
    holds("[n] == 42", true);
    holds("[n] == 42.0", true);
    holds("[n] == \"42.0\"", false);
    holds("[n] > 9", true);
    holds("[n] > \"9\"", true);
    holds("[n] < -1", false);
    holds("[missing] == \"\"", false);
    holds("[missing] != \"x\"", true);
    holds("[missing]", false);
    holds("[ip]", true);
    holds("procid", true);
    holds("[many] == \"b\"", true);
    holds("[many] != \"b\"", false);
    holds("\"b\" in [many]", true);
    holds("\"c\" in ([many], \"d\")", false);
    holds("\"first\" in tags", true);
    holds("\"first\" notin tags", false);
    holds("\"n\" in custom_fields", true);
    holds("[ip] in cidr(\"10.0.0.0/8\")", true);
    holds("[ip] notin cidr(\"10.0.0.0/8\", \"::/0\")", false);
    holds("[ip] in cidr(\"::ffff:10.0.0.0/104\")", true);
    holds("[ip] in cidr(\"10.9.9.9/8\")", true);
    holds("message in cidr(\"10.0.0.0/8\")", false);
    holds("app_name in (\"a\", \"sshd\")", true);
    holds("timereported < \"2026-03-01T13:00:00+01:00\"", false);
    holds("timereported <= \"2026-03-01T13:00:00+01:00\"", true);
    holds("listener == \"l1\" and peer == \"192.0.2.9\"", true);
    holds("\"first\" not in tags", false);
    holds("[ip] not in cidr(\"192.0.2.0/24\")", true);
    holds("[fields.message]", false);
    holds("grok(\"SSHD\")", true);
    holds("grok(\"SUDO\")", false);
}

/// The event's field or core field after the program.
#[track_caller]
fn gives(text: &str, field: &str, expect: &[&str]) {
    let program = program(text);
    let origin = Origin::default();
    let mut event = event(&origin);
    program.run(&mut event, NOW, &mut program.counters());
    let got: Vec<String> = match crate::field::CoreField::from_name(field) {
        Some(core) => vec![core.read(&event).into_owned()],
        None if field == "tags" => event.tags.iter().map(|t| t.to_string()).collect(),
        None => event.field(field).iter().map(|v| v.to_string()).collect(),
    };
    assert_eq!(got, expect, "{text}");
}

#[test]
fn statements() {
    gives("[a] := \"x\" + source + [n]", "a", &["xweb142"]);
    gives("[a] := [missing]", "a", &[]);
    gives("[a] := \"x\" + [missing]", "a", &["x"]);
    gives("message := \"new\"", "message", &["new"]);
    gives("[fields.peer] := \"x\"\n[fields.other] := [fields.peer]", "fields.other", &["x"]);
    gives("severity := \"err\"", "severity", &["err"]);
    gives("severity := [n]", "severity", &["info"]);
    gives("severity := [n]", "tags", &["_assignfailure", "first"]);
    gives("facility := \"local3\"", "facility", &["local3"]);
    gives("timereported := \"2026-01-01T00:00:00Z\"", "timereported", &["2026-01-01T00:00:00.000000Z"]);
    gives("tags += \"b\", [many]", "tags", &["a", "b", "first"]);
    gives("tags -= \"first\"", "tags", &[]);
    gives("delete [n]", "n", &[]);
    gives("delete procid", "procid", &[""]);
    gives("rename [many] -> [other]", "other", &["a", "b"]);
    gives("rename [many] -> [n]", "n", &["a", "b"]);
    gives("rename procid -> [pid]", "pid", &["77"]);
    gives("rename [ip] -> source", "source", &["10.1.2.3"]);
    gives(
        "if [n] == 1 { [r] := \"1\" } else if [n] == 42 { [r] := \"2\" } else { [r] := \"3\" }",
        "r",
        &["2"],
    );
    gives("if [n] == 1 { [r] := \"1\" } else { [r] := \"3\" }", "r", &["3"]);
    gives("if [n] { stop }\n[r] := \"never\"", "r", &[]);
    gives("grok(\"SSHD\", prefix=\"ssh_\")", "ssh_user", &["root"]);
    gives("grok(\"NOTHING %{WORD:x}\", \"for %{WORD:who} from %{IP:[src][ip]}\")", "src.ip", &["10.1.2.3"]);
    gives("grok(\"(?<n>%{INT})\", on=[ip], overwrite=true)", "n", &["10"]);
    gives("grok(\"for %{WHO:w}\", define=(\"WHO %{FIRST}.\", \"FIRST r\"))", "w", &["ro"]);
    gives("grok(\"(?<n>%{INT})\", on=[ip])", "n", &["42", "10"]);
    gives("grok(\"for (?<app_name>%{WORD})\", overwrite=true)", "app_name", &["root"]);
    gives("grok(\"%{WORD:app_name} %{WORD:app_name}\", overwrite=true)", "app_name", &["Accepted"]);
}

/// The event of a line after the program, which was changed and failed so many times.
#[track_caller]
fn failing(text: &str, event: Event<'_>, failures: u64) -> Event<'static> {
    let program = program(text);
    let mut counters = program.counters();
    let mut event: Event<'_> = event;
    let (_, changed) = program.run_marked(&mut event, NOW, &mut counters);
    assert!(changed, "{text}");
    assert_eq!(counters.rules.iter().map(|r| r.failed).sum::<u64>(), failures, "{text}");
    event.into_owned()
}

#[test]
fn a_value_that_is_too_long_is_not_assigned() {
    let origin = Origin::default();
    let mut event = event(&origin);
    event.set_field("half", "x".repeat(super::MAX_VALUE_BYTES / 2));
    let event = failing("[all] := [half] + [half]\n[more] := [all] + \"y\"\n[n] := [all] + [half]", event, 2);
    assert_eq!(event.field("all").first().map(|v| v.len()), Some(super::MAX_VALUE_BYTES));
    assert!(event.field("more").is_empty() && event.has_tag("_assignfailure"));
    assert_eq!(event.field("n"), ["42"], "what was there stays");
}

#[test]
fn fields_and_tags_have_their_limits() {
    let origin = Origin::default();
    let mut many = event(&origin);
    for n in many.fields.len()..loggr_event::MAX_FIELDS {
        many.set_field(format!("f{n}"), "x");
    }
    let rename = "rename procid -> [pid]";
    let after = failing(&format!("[new] := \"x\"\n{rename}\n[n] := \"7\""), many, 2);
    assert_eq!(after.fields.len(), loggr_event::MAX_FIELDS);
    assert_eq!(after.field("n"), ["7"]);
    assert!(after.has_tag("_assignfailure") && after.procid == "77");
    let mut many = event(&origin);
    for n in 0..loggr_event::MAX_TAGS {
        many.add_field_value("list", format!("t{n}"));
    }
    let after = failing("tags += [list]\ntags += \"first\"", many, 1);
    assert_eq!(after.tags.len(), loggr_event::MAX_TAGS);
    assert!(after.has_tag("_assignfailure") && after.has_tag("first"));
}

#[test]
fn a_line_that_nobody_could_read_has_a_tag() {
    let origin = Origin::default();
    let unreadable = Event::receive(b"no syslog at all", &origin, Uid::default(), NOW);
    let event = failing("if \"_parsefailure\" in tags { [unread] := \"yes\" }", unreadable.clone(), 0);
    assert_eq!(event.field("unread"), ["yes"]);
    assert_eq!(event.tags, [super::PARSE_TAG]);
    let event = failing("tags -= \"_parsefailure\"", unreadable, 0);
    assert!(event.tags.is_empty());
    let program = program("stop");
    let mut readable = self::event(&origin);
    assert!(!program.run_marked(&mut readable, NOW, &mut program.counters()).1);
    assert!(!readable.has_tag(super::PARSE_TAG));
}

#[test]
fn a_drop_names_its_rule() {
    let program = program("if app_name == \"sshd\" {\n    drop\n}");
    let origin = Origin::default();
    let mut counters = program.counters();
    let mut event = event(&origin);
    let fate = program.run(&mut event, NOW, &mut counters);
    let Fate::Drop(rule) = fate else { panic!("{fate:?}") };
    assert_eq!(program.rule(rule), (2, "drop"));
    assert_eq!(counters.rules[rule].did, 1);
}

#[test]
fn the_last_route_wins_and_a_drop_wins_over_all() {
    #[track_caller]
    fn check(text: &str, expect: &str) {
        let program = program(text);
        let origin = Origin::default();
        let fate = program.run(&mut event(&origin), NOW, &mut program.counters());
        let shown = match fate {
            Fate::Keep => "on".to_owned(),
            Fate::Drop(_) => "dropped".to_owned(),
            Fate::Route(number) => program.routes()[number].to_string(),
        };
        assert_eq!(shown, expect, "{text}");
    }
    check("tags += \"x\"", "on");
    check("router(\"security\")", "to `security`");
    check("router(event_type=\"login\")", "as `login`");
    check("router(\"a\")\nrouter(\"b\", \"c\")", "to `b` as `c`");
    check("router(\"a\")\nif [n] == 1 { router(\"b\") }", "to `a`");
    check("if router(\"a\") { tags += \"x\" }", "to `a`");
    check("router(\"a\")\nstop", "to `a`");
    check("router(\"a\")\ndrop", "dropped");
    let program = program("router(\"a\")\nif [n] { router(\"a\") } else { router(\"a\", \"b\") }");
    let routes: Vec<String> = program.routes().iter().map(ToString::to_string).collect();
    assert_eq!(routes, ["to `a`", "to `a` as `b`"]);
}

#[test]
fn it_is_known_whether_an_event_may_have_changed() {
    #[track_caller]
    fn check(text: &str, expect: bool) {
        let program = program(text);
        let origin = Origin::default();
        let (_, changed) = program.run_marked(&mut event(&origin), NOW, &mut program.counters());
        assert_eq!(changed, expect, "{text}");
    }
    check("", false);
    check("if app_name == \"sshd\" { stop }", false);
    check("if [n] == 1 { tags += \"x\" }", false);
    check("tags += \"first\"", false);
    check("delete [missing]", false);
    check("rename [missing] -> [b]", false);
    check("grok(\"SUDO\")", false);
    check("router(\"a\")", false);
    check("sample(rate=1)", false);
    check("dedupe(message, window=\"1s\")", false);
    check("dedupe(message, window=\"1s\", repeats=[n])", true);
    check("tags += \"x\"", true);
    check("severity := \"nonsense\" + \"\"", true);
    check("if grok(\"SSHD\") { stop }", true);
    check("delete [n]", true);
}

#[test]
fn rules_are_counted() {
    let program = program("if severity >= \"err\" { drop }\ntags += \"x\"\nseverity := [ip]");
    let origin = Origin::default();
    let mut counters = program.counters();
    for _ in 0..3 {
        program.run(&mut event(&origin), NOW, &mut counters);
    }
    let seen: Vec<_> = counters.rules.iter().map(|r| (r.reached, r.did, r.failed)).collect();
    assert_eq!(seen, [(3, 0, 0), (0, 0, 0), (3, 3, 0), (3, 0, 3)]);
    assert_eq!((counters.events, counters.rules[0].timed), (3, 1));
}

#[test]
fn a_trace_tells_what_each_rule_changed() {
    let program = program("if [n] == 42 { severity := \"err\" }");
    let origin = Origin::default();
    let mut seen = Vec::new();
    let mut event = event(&origin);
    program.trace(&mut event, NOW, &mut program.counters(), &mut |step| {
        seen.push((step.rule, step.before.severity, step.after.severity));
    });
    assert_eq!(
        seen,
        [
            (0, Severity::Informational, Severity::Informational),
            (1, Severity::Informational, Severity::Error)
        ]
    );
}

#[track_caller]
fn check_seal(text: &str, stays: bool) {
    let program = program(text);
    let origin = Origin::default();
    let mut event = event(&origin);
    event.seal(b"key", NOW);
    program.run(&mut event, NOW, &mut program.counters());
    let expect = if stays { Verdict::Good } else { Verdict::Unsealed };
    assert_eq!(event.verify(b"key"), expect, "{text}");
}

#[test]
fn a_seal_does_not_survive_a_change_of_what_is_sealed() {
    check_seal("message := \"other\"", false);
    check_seal("severity := \"debug\"", false);
    check_seal("facility := \"local7\"", false);
    check_seal("source := \"other\"", false);
    check_seal("app_name := \"other\"", false);
    check_seal("timereported := \"2026-11-22T10:00:00Z\"", false);
    check_seal("delete message", false);
    check_seal("procid := \"1\"", true);
    check_seal("msgid := \"ID\"", true);
    check_seal("[team] := \"a\"", true);
    check_seal("[team] := \"a\" rename [team] -> [crew] delete [crew]", true);
    check_seal("tags += \"t\"", true);
}

#[test]
fn a_seal_that_is_known_to_be_broken_stays_with_what_is_changed() {
    let program = program("message := \"other\"");
    let origin = Origin::default();
    let mut event = event(&origin);
    event.seal(b"key", NOW);
    event.message = "changed on its way".into();
    event.defects.insert(Defect::BadHmac);
    program.run(&mut event, NOW, &mut program.counters());
    assert_eq!(event.verify(b"key"), Verdict::Bad);
}

/// Wrong programs and what is said about them, in one file.
#[test]
fn errors_say_where_what_and_what_instead() {
    let wrong = [
        "sevrity := \"err\"",
        "severity := \"eror\"",
        "facility := \"nope\"",
        "uid := \"x\"",
        "timereported := \"yesterday\"",
        "frobnicate",
        "if app_name = \"x\" { drop }",
        "if app_name == 'x' { drop }",
        "if app_name == \"x\" && true { drop }",
        "if app_nam == \"x\" { drop }",
        "if tags == \"x\" { drop }",
        "if \"x\" { drop }",
        "if app_name ~ [n] { drop }",
        "if app_name ~ \"(\" { drop }",
        "if app_name ~ \"(?=x)\" { drop }",
        "if severity >= \"warnin\" { drop }",
        "if [ip] in cidr(\"10.0.0.0/99\") { drop }",
        "if (app_name == \"x\" { drop }",
        "if app_name == \"x\" {\n    drop\n",
        "drop\ntags += \"x\"",
        "[a] = \"x\"",
        "[a := \"x\"",
        "message := \"x",
        "delete severity",
        "rename severity -> [s]",
        "rename [a] [b]",
        "tags = \"x\"",
        "grk(\"X\")",
        "grok()",
        "grok(\"SSHDD\")",
        "grok(\"%{SSHDD}\")",
        "grok(\"(\")",
        "grok(\"x\", define=\"NAME\")",
        "grok(\"SSHD\", prefx=\"a\")",
        "grok(\"SSHD\", prefix=3)",
        "grok(\"SSHD\", ecs=\"yes\")",
        "grok(\"SSHD\", prefix=\"a\", prefix=\"b\")",
        "router()",
        "router([exchange])",
        "router(\"a b\")",
        "router(\"a\", \"b.c\")",
        "}",
        "1.2.3",
        "if severity <= 3 { drop }",
        "[message] := \"x\"",
        "if [severity] >= \"err\" { drop }",
        "delete [source]",
        "if \"_grokparsefailure\" in [tags] { drop }",
        "if \"a.b\" in message { drop }",
        "if [user] in message { drop }",
        "if message in \"text\" { drop }",
        "if app_name in [\"a\", \"b\"] { drop }",
        "[n] := [a] + 1",
        "[n] := [a] - 1",
        "[n] := [a] * 2",
        "message := 'x y'",
        "if host == \"web1\" { drop }",
        "program := \"sshd\"",
        "msg += \"x\"",
        "if level == \"error\" { drop }",
        "if [a] == 1 { drop } elif [a] == 2 { stop } elsif [a] == 3 { stop } elseif [a] == 4 { stop }",
        "if [a] == 1 { drop }\nelse\nstop",
        "else { stop }",
        "elif [a] { stop }",
        "if [a] == 1 then\n    drop\nendif",
        "endif",
        "unless [a] { drop }",
        "tolower([a])",
        "if lowercase(message) == \"x\" { drop }",
        "mutate { lowercase => [\"a\"] }",
        "mutate(lowercase=\"a\")",
        "gsub([a], \"x\", \"y\")",
        "grok { match => { \"message\" => \"%{IP:ip}\" } }",
        "grok \"SSHD\"",
        "filter { drop }",
        "drop()",
        "drop { }",
        "discard",
        "set [a] = \"x\"",
        "add_tag(\"x\")",
        "if message contains \"a.b\" { drop }",
        "if message startswith \"a\" { drop }",
        "if message endswith [a] { drop }",
        "if contains(message, \"a\") { drop }",
        "if app_name matches \"^a\" { drop }",
        "if app_name is \"a\" { drop }",
        "if app_name === \"x\" and message =~ \"y\" or message !~ \"z\" { drop }",
        "if !([a] == 1) || [b] <> 2 { drop }",
        "if $msg == \"x\" { drop }",
        "if [a] == null { drop }",
        "if [a] == true { drop }",
        "if message ~ /x/ { drop }",
        "// a comment\nstop",
        "if [a] == 1: drop",
        "for x in [a] { drop }",
        "sevrity := \"err\"\n\nif app_name = 1 {\n    drop\n}\nmesage := \"\u{1b}[31m\"",
    ];
    let mut out = String::new();
    for text in wrong {
        let error = Program::compile("x.filter", text, &environment()).expect_err(text);
        out.push_str(&format!(
            "{}\n{error}\n\n",
            text.lines().map(|l| format!("> {}", l.escape_debug())).collect::<Vec<_>>().join("\n")
        ));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lang/errors.snapshot");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &out).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), out, "run it with UPDATE=1");
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    for text in ["(".repeat(5000), "if [a] {".repeat(5000), format!("if {} [a] {{}}", "not ".repeat(5000))] {
        let error = Program::compile("x", &text, &environment()).unwrap_err();
        assert!(!error.errors().is_empty());
    }
    assert!(
        parse(&format!("if {} [a] {{}}", "not ".repeat(5000))).unwrap_err()[0].message.contains("nested")
    );
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("message".to_owned()),
        Just("source".to_owned()),
        Just("[fields.message]".to_owned()),
        name().prop_map(|n| format!("[{n}]"))
    ]
}

/// The name of a custom field that no core field has.
fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,4}".prop_filter("the name of a core field", |n| !crate::field::is_taken(n))
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![field(), ".{0,6}".prop_map(|t| super::lexer::quoted(&t)), "-?[0-9]{1,3}"]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (field(), prop_oneof!["==", "!=", "<", ">="].prop_map(|s| s.replace('\\', "")), operand())
            .prop_map(|(a, c, b)| format!("{a} {c} {b}")),
        field(),
        operand().prop_map(|o| format!("{o} in tags")),
        (field(), operand(), operand()).prop_map(|(f, a, b)| format!("{f} notin ({a}, {b})")),
        Just("[ip] in cidr(\"10.0.0.0/8\")".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            inner.prop_map(|a| format!("not {a}")),
        ]
    })
}

fn filter() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (field(), operand(), operand()).prop_map(|(f, a, b)| format!("{f} := {a} + {b}\n")),
        operand().prop_map(|o| format!("tags += {o}\n")),
        field().prop_map(|f| format!("delete {f}\n")),
        name().prop_map(|f| format!("rename [{f}] -> [b]\n")),
        operand().prop_map(|o| format!("grok(\"%{{WORD:w}}\", on={o}, prefix=\"p_\")\n")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            (condition(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("if {c} {{\n{a}}} else {{\n{b}}}\n")),
        ]
    })
}

/// Without places.
fn shape(text: &str) -> String {
    let parsed = parse(text).unwrap_or_else(|e| panic!("{text}\n{e:?}"));
    let debug = format!("{parsed:?}");
    regex::Regex::new(r"Span \{ start: \d+, end: \d+ \}").unwrap().replace_all(&debug, "_").into_owned()
}

proptest! {
    #[test]
    fn what_is_printed_is_the_same_program(text in filter()) {
        let printed = print(&parse(&text).unwrap());
        prop_assert_eq!(shape(&printed), shape(&text));
        prop_assert_eq!(print(&parse(&printed).unwrap()), printed);
    }

    #[test]
    fn any_text_is_a_program_or_an_error(text in "(if|drop|\\[a\\]|:=|==|\\{|\\}|\\(|\\)|\"x\"|tags|grok|and|not|in|message|[ \n]|.){0,30}") {
        drop(Program::compile("f", &text, &environment()));
    }

    #[test]
    fn any_program_ends_well_on_any_event(text in filter(), line in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(program) = Program::compile("f", &text, &environment()) {
            let origin = Origin::default();
            let mut event = Event::receive(&line, &origin, Uid::default(), NOW);
            // Also that an event that is said to be unchanged is.
            program.run_marked(&mut event, NOW, &mut program.counters());
        }
    }
}

#[test]
fn no_control_character_of_a_filter_reaches_a_terminal() {
    for text in
        ["\"}\\\u{10}1\"}\\", "if message ~ \"(\u{1b}[31m\" { drop }", "x\u{7f}y()", "grok(\"(\u{1b}\")"]
    {
        let shown = Program::compile("t.filter", text, &environment()).expect_err(text).to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    }
}
