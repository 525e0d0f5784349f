//! `resolve`: the names of an address, or the addresses of a name.
//!
//! A resolver of the program asks the name servers on a thread of its own, and `answers` remembers
//! what they said. An event waits for an answer as long as its batch may be held; after that it
//! goes on with a tag, and events after it will find the answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::answers::{Answers, Known, Question};
use super::keyed::whole;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::nearest::nearest;

/// Tag of an event whose answer was not there in time.
pub const TIMEOUT_TAG: &str = "_resolvetimeout";
/// Tag of an event for which no name server had an answer.
pub const FAILURE_TAG: &str = "_resolvefailure";
/// Most answers that a filter may ask to remember.
const MAX_CACHE: u64 = 10_000_000;
/// Longest name (RFC 1035, 2.3.4).
const MAX_NAME_BYTES: usize = 253;
/// Longest part of a name between dots (RFC 1035, 2.3.4).
const MAX_LABEL_BYTES: usize = 63;
/// The port of name servers.
const DNS_PORT: u16 = 53;
const KINDS: [&str; 2] = ["reverse", "forward"];

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "resolve",
    summary: "asks name servers (DNS) for the names of an IP address or, with `kind=\"forward\"`, for the \
         addresses of a name",
    parameters: &[
        required(
            "value",
            Kind::Operand,
            "the IP address, such as `[client_ip]`, or with `kind=\"forward\"` the name; any other value \
             adds nothing",
        ),
        optional(
            "target",
            Kind::Field,
            "",
            "the field that is set; without this argument `[resolved_name]`, or `[resolved_ip]` with \
             `kind=\"forward\"`",
        ),
        optional(
            "kind",
            Kind::Text,
            "reverse",
            "what is asked for: `reverse`, the names of an address; `forward`, the addresses of a name",
        ),
        optional(
            "timeout",
            Kind::Duration,
            "500ms",
            "how long an event waits for an answer that is not remembered yet",
        ),
        optional(
            "batch_limit",
            Kind::Duration,
            "1s",
            "how long all events of a batch (up to some thousands) wait together; after that they do not \
             wait any more, but the name servers are still asked, and later events find the answers",
        ),
        optional(
            "cache",
            Kind::Number,
            "10000",
            "how many answers are remembered; each is kept as long as the name server says, but at least a \
             minute and at most a day",
        ),
        optional(
            "negative",
            Kind::Duration,
            "1m",
            "how long loggr remembers that no name server answered, or that there is no such name, if the \
             name server does not say how long",
        ),
        optional(
            "nameservers",
            Kind::Texts,
            "",
            "the addresses of the name servers, with a port if it is not 53; without this argument loggr \
             looks in `/etc/hosts` and then asks the name servers in `/etc/resolv.conf`",
        ),
    ],
    adds: &[
        (
            "(field of target)",
            "the names, in lower case and without a dot at the end, or the addresses; at most eight",
        ),
        (TIMEOUT_TAG, "tag: the answer did not come in time; later events will find it"),
        (FAILURE_TAG, "tag: no name server could answer"),
    ],
    build,
};

struct Resolve {
    value: usize,
    target: String,
    reverse: bool,
    timeout: Duration,
    batch_limit: Duration,
    answers: Arc<Answers>,
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let kind = arguments.text("kind");
    if !KINDS.contains(&kind) {
        let error = BuildError::argument("kind", format!("there is no kind `{kind}`"));
        let near = nearest(kind, KINDS)
            .map_or("it is `reverse` or `forward`".to_owned(), |n| format!("did you mean `{n}`?"));
        return Err(error.hint(near));
    }
    let reverse = kind == "reverse";
    let name_servers = arguments.texts("nameservers").iter().map(|text| {
        let address =
            text.parse::<SocketAddr>().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, DNS_PORT)));
        address.ok_or_else(|| {
            BuildError::argument("nameservers", format!("`{text}` is not the address of a name server"))
                .hint("it is written `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`")
        })
    });
    let name_servers = name_servers.collect::<Result<Vec<_>, _>>()?;
    let Some(resolvers) = &environment.resolvers else {
        return Err(BuildError {
            argument: None,
            message: "`resolve` cannot be used here, because no name servers are asked".to_owned(),
            hint: None,
        });
    };
    let resolver = resolvers.open(&name_servers).map_err(|message| {
        let argument = (!name_servers.is_empty()).then_some("nameservers");
        let hint = argument.is_none().then(|| "name the servers: `nameservers=\"192.0.2.53\"`".to_owned());
        BuildError { argument, message, hint }
    })?;
    let cache = whole(arguments, "cache", MAX_CACHE)?.unwrap_or(1);
    let target = match arguments.text("target") {
        "" if reverse => "resolved_name",
        "" => "resolved_ip",
        target => target,
    };
    Ok(Box::new(Resolve {
        value: arguments.operand("value").unwrap_or(0),
        target: target.to_owned(),
        reverse,
        timeout: duration(arguments, "timeout"),
        batch_limit: duration(arguments, "batch_limit"),
        answers: Answers::new(resolver, cache as usize, duration(arguments, "negative")),
    }))
}

fn duration(arguments: &Arguments, name: &str) -> Duration {
    Duration::from_secs_f64(arguments.number(name).unwrap_or(0.0))
}

impl Engine for Resolve {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(Some(text)) = call.operands.get(self.value) else { return Outcome::Nothing };
        let text = text.trim();
        let question = if self.reverse {
            text.parse::<IpAddr>().ok().map(|ip| Question::NamesOf(ip.to_canonical()))
        } else {
            name(text).map(Question::AddressesOf)
        };
        let Some(question) = question else { return Outcome::Nothing };
        let wait = self.timeout.min(call.pass.may_wait(call.now, self.batch_limit));
        let (known, waited) = self.answers.get(question, call.now, wait);
        call.pass.waited(waited);
        match known {
            Some(Known::Values(values)) => {
                for (n, value) in values.iter().enumerate() {
                    match n {
                        0 => call.event.set_field(self.target.as_str(), value.clone()),
                        _ => call.event.add_field_value(self.target.as_str(), value.clone()),
                    }
                }
                if values.is_empty() { Outcome::Nothing } else { Outcome::Did }
            }
            Some(Known::Failed) => Outcome::Failed(FAILURE_TAG),
            None => Outcome::Failed(TIMEOUT_TAG),
        }
    }
}

/// The name in lower case; `None` if it cannot be a name, since a log may have any text there.
fn name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_name =
        text.len() <= MAX_NAME_BYTES && text.split('.').all(fits) && text.parse::<IpAddr>().is_err();
    is_name.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Mutex;

    use super::super::testing::{Bench, at, wrong};
    use super::super::{MAX_OPEN_QUESTIONS, Reply, Resolver, Resolvers};
    use super::*;
    use crate::lang::Counters;

    type Answering = Box<dyn Fn(&Question, Reply) + Send + Sync>;

    /// Name servers as a test wants them.
    struct Fake {
        asked: Mutex<Vec<Question>>,
        answering: Answering,
    }

    impl fmt::Debug for Fake {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Fake")
        }
    }

    impl Resolver for Fake {
        fn ask(&self, question: Question, reply: Reply) {
            self.asked.lock().unwrap().push(question.clone());
            (self.answering)(&question, reply);
        }
    }

    #[derive(Debug)]
    struct Opens(Arc<Fake>);

    impl Resolvers for Opens {
        fn open(&self, name_servers: &[SocketAddr]) -> Result<Arc<dyn Resolver>, String> {
            match name_servers {
                [one] if one.port() == 1 => Err("nobody is there".to_owned()),
                _ => Ok(self.0.clone()),
            }
        }
    }

    fn fake(answering: impl Fn(&Question, Reply) + Send + Sync + 'static) -> (Arc<Fake>, Environment) {
        let fake = Arc::new(Fake { asked: Mutex::default(), answering: Box::new(answering) });
        let resolvers = Some(Arc::new(Opens(fake.clone())) as Arc<dyn Resolvers>);
        (fake, Environment { resolvers, ..Environment::new("/nonexistent") })
    }

    /// Knows the names of 192.0.2.1 and .2, and the addresses of `web`; fails for .3.
    fn answers(question: &Question, reply: Reply) {
        let known: &[&str] = match question {
            Question::NamesOf(ip) => match ip.to_string().as_str() {
                "192.0.2.1" => &["one.example"],
                "192.0.2.2" => &["two.example", "zwei.example"],
                "192.0.2.3" => return reply.fail(),
                _ => &[],
            },
            Question::AddressesOf(name) if name == "web" => &["192.0.2.1", "2001:db8::1"],
            Question::AddressesOf(_) => &[],
        };
        reply.answer(known.iter().map(|k| (*k).to_owned()).collect(), Some(Duration::from_secs(300)));
    }

    /// Fields and tags after the filter, at a moment, as a batch.
    fn after(bench: &Bench, value: &str, ms: i64, counters: &mut Counters) -> String {
        let mut event = bench.event(&[("v", value)]);
        bench.run_as(&mut event, ms, counters);
        let fields = event.fields.iter().skip(1).map(|f| format!("{}={}", f.name, f.values.join("+")));
        fields.chain(event.tags.iter().map(|t| t.to_string())).collect::<Vec<_>>().join(" ")
    }

    fn once(bench: &Bench, value: &str, ms: i64) -> String {
        after(bench, value, ms, &mut bench.program().counters())
    }

    #[track_caller]
    fn check(arguments: &str, value: &str, expect: &str) {
        let (_, environment) = fake(answers);
        let bench = Bench::with(&format!("if resolve([v]{arguments}) {{ tags += \"yes\" }}"), &environment);
        for _ in 0..2 {
            assert_eq!(once(&bench, value, 0), expect, "{arguments} {value}");
        }
    }

    #[test]
    fn names_and_addresses() {
        check("", "192.0.2.1", "resolved_name=one.example yes");
        check("", "::ffff:192.0.2.1", "resolved_name=one.example yes");
        check("", " 192.0.2.2", "resolved_name=two.example+zwei.example yes");
        check("", "192.0.2.3", "_resolvefailure");
        check("", "192.0.2.4", "");
        check("", "web", "");
        check(", target=[client][name]", "192.0.2.1", "client.name=one.example yes");
        check(", [n], kind=\"forward\"", "web", "n=192.0.2.1+2001:db8::1 yes");
        check(", kind=\"forward\"", "WEB.", "resolved_ip=192.0.2.1+2001:db8::1 yes");
        check(", kind=\"forward\"", "192.0.2.1", "");
    }

    #[test]
    fn only_names_are_asked_for() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(name(text).as_deref(), expect, "{text}");
        check("Web1.Example.net", Some("web1.example.net"));
        check("_dmarc.example.net.", Some("_dmarc.example.net"));
        check("xn--bcher-kva.example", Some("xn--bcher-kva.example"));
        for text in ["", ".", "a..b", "bücher.example", "two words", "a/b", "192.0.2.1", "::1", "a\n"] {
            check(text, None);
        }
        check(&"a".repeat(63), Some(&"a".repeat(63)));
        check(&"a".repeat(64), None);
        check(&"a.".repeat(128), None);
    }

    #[test]
    fn a_question_is_asked_once_while_its_answer_is_good() {
        let (fake, environment) = fake(answers);
        let bench = Bench::with("resolve([v])", &environment);
        let asked = |ms: i64, value: &str, expect: &str, count: usize| {
            assert_eq!(once(&bench, value, ms), expect, "{ms}");
            assert_eq!(fake.asked.lock().unwrap().len(), count, "{ms}");
        };
        let (second, hour) = (1000, 3_600_000);
        asked(0, "192.0.2.1", "resolved_name=one.example", 1);
        asked(299 * second, "192.0.2.1", "resolved_name=one.example", 1);
        asked(300 * second, "192.0.2.1", "resolved_name=one.example", 2);
        asked(599 * second, "192.0.2.1", "resolved_name=one.example", 2);
        asked(5 * hour, "192.0.2.1", "resolved_name=one.example", 3);
        // That there is nothing, and that nobody could say, is remembered too.
        asked(0, "192.0.2.4", "", 4);
        asked(299 * second, "192.0.2.4", "", 4);
        asked(0, "192.0.2.3", "_resolvefailure", 5);
        asked(59 * second, "192.0.2.3", "_resolvefailure", 5);
        asked(60 * second, "192.0.2.3", "_resolvefailure", 6);
    }

    #[test]
    fn an_old_answer_is_used_while_a_new_one_is_asked_for_or_nobody_can_say() {
        let fails = Arc::new(Mutex::new(false));
        let failing = fails.clone();
        let (fake, environment) = fake(move |question, reply| match *failing.lock().unwrap() {
            true => reply.fail(),
            false => answers(question, reply),
        });
        let bench = Bench::with("resolve([v])", &environment);
        let asked = |seconds: i64, expect: &str, count: usize| {
            assert_eq!(once(&bench, "192.0.2.1", seconds * 1000), expect, "{seconds}");
            assert_eq!(fake.asked.lock().unwrap().len(), count, "{seconds}");
        };
        asked(0, "resolved_name=one.example", 1);
        *fails.lock().unwrap() = true;
        asked(301, "resolved_name=one.example", 2);
        asked(360, "resolved_name=one.example", 2);
        asked(362, "resolved_name=one.example", 3);
        asked(3_899, "resolved_name=one.example", 4);
        asked(3_960, "_resolvefailure", 5);
        *fails.lock().unwrap() = false;
        asked(4_021, "_resolvefailure", 6);
        asked(4_022, "resolved_name=one.example", 6);
    }

    #[test]
    fn a_batch_is_not_held_longer_than_its_limit() {
        let (fake, environment) = fake(|_, reply| OPEN.lock().unwrap().push(reply));
        static OPEN: Mutex<Vec<Reply>> = Mutex::new(Vec::new());
        let bench = Bench::with("resolve([v], timeout=\"20ms\", batch_limit=\"30ms\")", &environment);
        let mut counters = bench.program().counters();
        let limit = Duration::from_millis(30);
        for n in 1..=4 {
            assert_eq!(after(&bench, &format!("192.0.2.{n}"), 0, &mut counters), TIMEOUT_TAG);
        }
        assert_eq!(counters.pass.waiting, (Some(at(0)), limit));
        assert_eq!(fake.asked.lock().unwrap().len(), 4, "those that did not wait are asked too");
        // Another batch may wait again, but the same questions are not asked again.
        assert_eq!(after(&bench, "192.0.2.1", 1, &mut counters), TIMEOUT_TAG);
        assert_eq!(counters.pass.waiting, (Some(at(1)), Duration::from_millis(20)));
        assert_eq!(fake.asked.lock().unwrap().len(), 4);
        // The answers come late, and are there for the next event.
        for (reply, name) in OPEN.lock().unwrap().drain(..).zip(["a", "b", "c", "d"]) {
            reply.answer(vec![name.to_owned()], None);
        }
        assert_eq!(after(&bench, "192.0.2.4", 2, &mut counters), "resolved_name=d");
        assert_eq!(counters.pass.waiting, (Some(at(2)), Duration::ZERO));
    }

    #[test]
    fn name_servers_that_are_silent_are_not_waited_for_until_they_answer() {
        let (fake, environment) = fake(|_, reply| OPEN.lock().unwrap().push(reply));
        static OPEN: Mutex<Vec<Reply>> = Mutex::new(Vec::new());
        let bench = Bench::with("resolve([v], timeout=\"1ms\", batch_limit=\"1h\")", &environment);
        let mut counters = bench.program().counters();
        for n in 0..20 {
            assert_eq!(after(&bench, &format!("192.0.2.{n}"), 0, &mut counters), TIMEOUT_TAG);
        }
        assert_eq!(counters.pass.waiting.1, Duration::from_millis(8), "eight waited, twelve did not");
        assert_eq!(fake.asked.lock().unwrap().len(), 20);
        OPEN.lock().unwrap().pop().unwrap().answer(vec!["x".to_owned()], None);
        assert_eq!(after(&bench, "192.0.2.100", 0, &mut counters), TIMEOUT_TAG);
        assert_eq!(counters.pass.waiting.1, Duration::from_millis(9), "it is waited for again");
    }

    #[test]
    fn an_event_that_waits_gets_the_answer_when_it_comes() {
        let (ask, asked) = std::sync::mpsc::channel();
        let ask = Mutex::new(ask);
        let (_, environment) =
            fake(move |question, reply| ask.lock().unwrap().send((question.clone(), reply)).unwrap());
        let servers =
            std::thread::spawn(move || asked.iter().for_each(|(question, reply)| answers(&question, reply)));
        let bench = Bench::with("resolve([v], timeout=\"1h\", batch_limit=\"1h\")", &environment);
        std::thread::scope(|threads| {
            for n in 0..8 {
                let bench = &bench;
                threads.spawn(move || {
                    let expect =
                        ["resolved_name=one.example", "resolved_name=two.example+zwei.example"][n % 2];
                    assert_eq!(once(bench, ["192.0.2.1", "192.0.2.2"][n % 2], 0), expect);
                });
            }
        });
        drop((bench, environment));
        servers.join().unwrap();
    }

    #[test]
    fn open_questions_are_bounded_and_close() {
        let (fake, environment) = fake(|_, reply| OPEN.lock().unwrap().push(reply));
        static OPEN: Mutex<Vec<Reply>> = Mutex::new(Vec::new());
        let bench = Bench::with("resolve([v], timeout=\"1ms\")", &environment);
        let many = |hosts: std::ops::Range<usize>| {
            for n in hosts {
                assert_eq!(once(&bench, &format!("10.0.{}.{}", n / 200, n % 200), 0), TIMEOUT_TAG);
            }
            fake.asked.lock().unwrap().len()
        };
        assert_eq!(many(0..MAX_OPEN_QUESTIONS + 50), MAX_OPEN_QUESTIONS);
        // Nobody answered those, and the places are free again.
        OPEN.lock().unwrap().clear();
        assert_eq!(many(1000..1010), MAX_OPEN_QUESTIONS + 10);
    }

    #[test]
    fn of_an_answer_that_is_too_long_the_first_values_are_kept() {
        let (_, environment) =
            fake(|_, reply| reply.answer((0..1000).map(|n| n.to_string()).collect(), None));
        let bench = Bench::with("resolve([v])", &environment);
        assert_eq!(once(&bench, "192.0.2.1", 0), "resolved_name=0+1+2+3+4+5+6+7");
    }

    #[test]
    fn wrong_calls() {
        let (_, environment) = fake(answers);
        let calls = [
            "resolve()",
            "resolve([ip], kind=\"forwad\")",
            "resolve([ip], kind=\"both\")",
            "resolve([ip], target=\"name\")",
            "resolve([ip], timeout=500)",
            "resolve([ip], cache=0)",
            "resolve([ip], nameservers=\"dns.example\")",
            "resolve([ip], nameservers=\"192.0.2.1:1\")",
        ];
        wrong("resolve", &environment, &calls);
        let error = crate::lang::Program::compile("x", "resolve([ip])", &super::super::testing::nothing())
            .unwrap_err();
        assert!(error.to_string().contains("`resolve` cannot be used here"), "{error}");
    }
}
