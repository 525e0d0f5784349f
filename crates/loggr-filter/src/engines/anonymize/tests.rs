//! Tests of `anonymize`.

use loggr_event::{Event, SdElement, SdParam, Timestamp};
use proptest::prelude::*;

use super::super::{Environment, one_call, testing};
use super::personal;

const KEY: &str = "method=\"hash\", key=\"0123456789abcdef\"";

/// The message afterwards.
#[track_caller]
fn check(call: &str, message: &str, expect: &str) {
    let (did, event) = one_call::run(call, message);
    assert_eq!(event.message, expect, "{call}");
    assert_eq!(did, message != expect, "{call} on {message}");
}

#[test]
fn masks() {
    check("anonymize()", "from 10.1.22.3 to ann@example.org", "from **.*.**.* to ***@*******.***");
    check("anonymize()", "pay 4111 1111 1111 1111 now", "pay **** **** **** **** now");
    check("anonymize()", "from 2001:db8::1, port 22", "from ****:***::*, port 22");
    check("anonymize()", "nothing here", "nothing here");
    check("anonymize(what=\"email\")", "10.1.2.3 a@b.org", "10.1.2.3 *@*.***");
    check("anonymize(what=(\"ip\", \"credit_card\"))", "10.1.2.3 a@b.org", "**.*.*.* a@b.org");
    check("anonymize(what=\"ip\", keep_ipv4_bits=24)", "10.1.22.3 and 10.1.22.0", "10.1.22.0 and 10.1.22.0");
    check(
        "anonymize(keep_ipv4_bits=16, keep_ipv6_bits=32)",
        "10.1.22.3 2001:db8:1::1",
        "10.1.0.0 2001:db8::",
    );
    check("anonymize(keep_ipv4_bits=24)", "10.1.22.0", "10.1.22.0");
    check("anonymize(keep_ipv4_bits=32)", "10.1.22.3", "10.1.22.3");
    check("anonymize(keep_ipv4_bits=24)", "1.2.3.4.5", "*.*.*.*.*");
}

#[test]
fn no_address_is_left_in_clear_because_of_its_port() {
    check(
        "anonymize()",
        "[client 2001:db8:1180:c84c:ad3f:4024:d991:ec2e:49225] denied",
        "[client ****:***:****:****:****:****:****:****:49225] denied",
    );
    let keep = "anonymize(keep_ipv6_bits=32)";
    check(keep, "2001:db8:1:2:3:4:5:6:49225", "[2001:db8::]:49225");
    check(keep, "[2001:db8::1]:443 2001:db8::1.443", "[2001:db8::]:443 2001:db8::.443");
    check(keep, "2001:db8:1:2:3:4:5:6:443", "****:***:*:*:*:*:*:*:***");
    let hash = |text: &str| one_call::run(&format!("anonymize({KEY})"), text).1.message.into_owned();
    let plain = hash("2001:db8:1:2:3:4:5:6");
    assert_eq!(hash("2001:db8:1:2:3:4:5:6:49225"), format!("{plain}:49225"));
    assert_eq!(hash("2001:db8:1:2:3:4:5:6.443"), format!("{plain}.443"));
}

#[test]
fn hashes() {
    let hash = |text: &str| one_call::run(&format!("anonymize({KEY})"), text).1.message.into_owned();
    assert_eq!(hash("from 10.1.2.3"), "from kpxzrkyjxrqygvpp");
    assert_eq!(hash("10.1.2.3"), hash("010.001.2.3"));
    assert_eq!(hash("10.1.2.3"), hash("::ffff:10.1.2.3"));
    assert_eq!(hash("2001:db8::1"), hash("2001:DB8:0:0::1"));
    assert_eq!(hash("Ann@Example.org"), hash("ann%40example.org"));
    assert_eq!(hash("4111111111111111"), hash("4111-1111 1111-1111"));
    assert_ne!(hash("10.1.2.3"), hash("10.1.2.4"));
    let other = one_call::run("anonymize(method=\"hash\", key=\"0123456789abcdeF\")", "10.1.2.3").1;
    assert_ne!(hash("10.1.2.3"), other.message);
}

#[test]
fn expressions() {
    check("anonymize(regex=\"session=(\\w+)\")", "session=ab1 10.0.0.1", "session=*** 10.0.0.1");
    check(
        "anonymize(regex=(\"(?i)user \\w+\", \"(a)(b)?\"), what=\"ip\")",
        "User ann 1.2.3.4 a",
        "**** *** *.*.*.* *",
    );
    check("anonymize(regex=\"x*\")", "axxb", "a**b");
    let many = "a b ".repeat(super::MAX_REGEX_FINDS + 1);
    let (_, event) = one_call::run("anonymize(regex=\"a\")", &many);
    assert!(event.message.ends_with("* b * * ") && !event.message.contains('a'), "{}", event.message);
}

#[test]
fn what_overlaps_is_one() {
    check(
        "anonymize()",
        "ann@[10.0.0.1] ann@10.0.0.1.example.org",
        "***@[**.*.*.*] ***@**.*.*.*.*******.***",
    );
    let (_, event) = one_call::run(&format!("anonymize({KEY})"), "ann@10.0.0.1.example.org");
    assert_eq!(event.message.len(), 16);
    check("anonymize(what=\"ip\", regex=\"1\\.2 \\w+\")", "10.0.1.2 ann", "**.*.*.* ***");
}

#[test]
fn several_fields_and_values() {
    let call = "if anonymize(on=(message, source, [ips])) { tags += \"did\" }";
    let bench = testing::Bench::new(call);
    let mut event =
        bench.event(&[("message", "m 10.0.0.1"), ("ips", "10.0.0.2"), ("ips", "x"), ("ips", "10.0.0.3")]);
    event.source = "10.0.0.4".into();
    bench.run(&mut event, 0);
    assert_eq!((event.message.as_ref(), event.source.as_ref()), ("m **.*.*.*", "**.*.*.*"));
    assert_eq!(event.field("ips"), ["**.*.*.*", "x", "**.*.*.*"]);
    assert!(event.has_tag("did"));
}

fn everything(event: &mut Event<'_>) {
    event.structured_data = vec![SdElement {
        id: "origin".into(),
        params: vec![SdParam { name: "ip".into(), value: "10.0.0.1".into() }],
    }];
    event.raw = Some(b"<13>10.0.0.1".to_vec().into());
    event.seal(b"key", Timestamp::from_unix_micros(1));
}

#[test]
fn everywhere() {
    let bench = testing::Bench::new("anonymize(everywhere=true)");
    let mut event = bench.event(&[("message", "m"), ("a", "10.0.0.1"), ("b", "x ann@example.org")]);
    everything(&mut event);
    bench.run(&mut event, 0);
    assert_eq!(
        (event.field("a")[0].as_ref(), event.field("b")[0].as_ref()),
        ("**.*.*.*", "x ***@*******.***")
    );
    assert_eq!(event.sd_param("origin", "ip"), Some("**.*.*.*"));
    assert_eq!((event.raw, event.hmac), (None, None));
}

#[test]
fn bytes_and_seal_stay_where_nothing_was_found() {
    let bench = testing::Bench::new("anonymize()");
    let mut event = bench.event(&[("message", "m")]);
    everything(&mut event);
    bench.run(&mut event, 0);
    assert!(event.raw.is_some() && event.hmac.is_some());
    event.message = "10.0.0.1".into();
    bench.run(&mut event, 0);
    assert_eq!((event.raw, event.hmac, event.timehmac), (None, None, None));
}

#[test]
fn keys_from_files() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("k"), "0123456789abcdef\n").unwrap();
    let environment = Environment::new(dir.path());
    let (_, event) = one_call::run_in("anonymize(method=\"hash\", key_file=\"k\")", "10.1.2.3", &environment);
    assert_eq!(event.message, one_call::run(&format!("anonymize({KEY})"), "10.1.2.3").1.message);
    let call = "anonymize(method=\"hash\", key_file=\"none\")";
    let error = crate::lang::Program::compile("x", call, &environment).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn wrong_calls() {
    testing::wrong(
        "anonymize",
        &testing::nothing(),
        &[
            "anonymize(what=\"emial\")",
            "anonymize(what=\"phone\")",
            "anonymize(on=(message, uid))",
            "anonymize(on=severity)",
            "anonymize(regex=\"(\")",
            "anonymize(method=\"md5\")",
            "anonymize(method=\"hash\")",
            "anonymize(method=\"hash\", key=\"short\")",
            "anonymize(method=\"hash\", key=\"0123456789abcdef\", key_file=\"k\")",
            "anonymize(method=\"hash\", key=\"0123456789abcdef\", keep_ipv4_bits=24)",
            "anonymize(key=\"0123456789abcdef\")",
            "anonymize(keep_ipv4_bits=33)",
            "anonymize(keep_ipv6_bits=1.5)",
        ],
    );
}

proptest! {
    #[test]
    fn its_own_detectors_find_nothing_more(
        text in "([0-9]{1,3}[.: -]|[0-9a-f]{1,4}::?|[ab]@[ab][.]|a[.]org|4111111111111111|[4 -]|.){0,24}",
        method in prop_oneof![Just(KEY), Just("method=\"mask\"")],
    ) {
        let (did, event) = one_call::run(&format!("anonymize({method})"), &text);
        let mut finds = Vec::new();
        for find in [personal::addresses, personal::emails, personal::cards] {
            find(&event.message, &mut finds);
        }
        prop_assert!(finds.is_empty(), "{} has {:?}", event.message, finds);
        prop_assert_eq!(did, event.message != text);
        for word in event.message.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_'))) {
            let word = word.trim_matches('.');
            prop_assert!(word == "::" || word.parse::<std::net::IpAddr>().is_err(), "{}", word);
        }
    }

    #[test]
    fn twice_is_once(text in "([0-9]{1,3}[.]|[0-9a-f]{1,4}::?|a@b[.]org|.){0,16}") {
        let once = one_call::run("anonymize()", &text).1.message;
        let (did, twice) = one_call::run("anonymize()", &once);
        prop_assert!(!did);
        prop_assert_eq!(once, twice.message);
    }
}
