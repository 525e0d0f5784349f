//! What the rule of shapes says, case by case, and its laws.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(message: &str, expect: &str) {
    assert_eq!(text(message), expect, "of `{message}`");
    assert_eq!(hash(message), ShapeId(xxhash_rust::xxh3::xxh3_64(expect.as_bytes())));
    check_parts(message);
}

/// Fixed and variable parts make the message, and the text of the shape.
#[track_caller]
fn check_parts(message: &str) {
    let mut at = 0;
    for (range, _) in parts(message) {
        assert!(range.start == at && range.end > at, "{range:?} of `{message}`");
        assert!(message.get(range.clone()).is_some(), "{range:?} of `{message}`");
        at = range.end;
    }
    assert_eq!(at, message.len());
}

#[test]
fn words_stay_and_numbers_go() {
    check("", "");
    check("   ", "");
    check("hello world", "hello world");
    check("Hello  world\t!", "Hello world !");
    check("took 12 ms", "took <*> ms");
    check("took 3.5ms, then -7%", "took <*>, then <*>");
    check("took 1,234.5 s.", "took <*> s.");
    check("[1/3] done: 5!", "[<*>] done: <*>!");
    check("load 0.10 0.20 0.30", "load <*>");
    check("ids 1, 2,3 and 4", "ids <*> and <*>");
    check("item4097 of eth0 on worker-3", "item<*> of eth<*> on worker-<*>");
    check("ssh2 sha256 x86_64 utf8", "ssh2 sha256 x86_64 utf8");
    check("job 3f2a9c and a1b2c3d4 and BCADAAFFDE", "job <*> and <*> and <*>");
    check("key A1B2zz9 of dead beef", "key <*> of dead beef");
    check("0x7fff5694dc58", "<*>");
    check("facade 12", "facade <*>");
    check("pod nginx-deployment-66b6c48dd5-7xk2p up", "pod nginx-deployment-<*> up");
    check("a<*>b", "a<*>b");
}

#[test]
fn addresses_identities_and_times_go() {
    check("from 10.1.2.3 port 22", "from <*> port <*>");
    check("from 10.1.2.3:22", "from <*>");
    check("from fe80::1 port 22", "from <*> port <*>");
    check("from [2001:db8::1]:22", "from <*>");
    check("from [10.1.2.3]:22", "from <*>");
    check("unknown[10.1.2.3]: x", "unknown[<*>]: x");
    check("net 10.0.0.0/8, mac 00:1a:2b:3c:4d:5e", "net <*>, mac <*>");
    check("mac aa:bb:cc:dd:ee:ff", "mac <*>");
    check("id 550e8400-e29b-41d4-a716-446655440000.", "id <*>.");
    check("id f50e8400-e29b-41d4-a716-446655440000.", "id <*>.");
    check("mail to john.doe@example.net now", "mail to <*> now");
    check("at 2026-11-22T10:00:00.123Z", "at <*>");
    check("[2016-12-19 18:01:53,612] INFO", "[<*>] INFO");
    check("Nov 30 09:05:41 and Mon, 30 Nov 2026 09:05:41 +0000", "<*> and <*>");
    check("may 5 and May be", "may <*> and May be");
    check("host042.mail.example.net says no", "<*> says no");
    check("at com.example.Main.run(Main.java:42)", "at com.example.Main.run(Main.java:<*>)");
}

#[test]
fn quoted_values_go_and_quoted_names_stay() {
    check("cannot open 'a b' for \"c\"", "cannot open '<*>' for \"<*>\"");
    check("can't and won't", "can't and won't");
    check("an open \" quote", "an open \" quote");
    check("empty \"\" too", "empty \"<*>\" too");
    check(
        r#"{"level":"info","id":7,"ok":true,"user":"bob","msg":"took 5 ms"}"#,
        r#"{"level":"info","id":<*>,"ok":<*>,"user":"<*>","msg":"took <*> ms"}"#,
    );
    check(r#"level=info msg="took 5 ms" who="bob""#, r#"level=info msg="took <*> ms" who="<*>""#);
    check(r#"said "a \"b\" c" twice"#, r#"said "<*>" twice"#);
    check(r#"{"msg":"he said \"no\" to 5"}"#, r#"{"msg":"he said \"no\" to <*>"}"#);
}

#[test]
fn values_of_names_and_parts_of_paths_go() {
    check("uid=0 tty=ssh user=root rhost=", "uid=<*> tty=ssh user=<*> rhost=<*>");
    check("state=up path=/a/b size=", "state=up path=<*> size=");
    check("a == b => c", "a == b => c");
    check("GET /api/orders/12345?x=y&z=1 ok", "GET /api/orders/<*>?<*> ok");
    check("see https://example.net/a?b=c, please", "see https://<*>, please");
    check("read /etc/hosts", "read /etc/hosts");
    check("1.2.3.4 - bob [19/May/2015:12:05:58 +0000] \"GET / HTTP/1.1\" 200 -", "<*> [<*>] \"<*>\" <*>");
    check(
        "Failed password for bob from 1.2.3.4 port 5 ssh2",
        "Failed password for <*> from <*> port <*> ssh2",
    );
    check(
        "Failed password for invalid user bob from ::1 port 5",
        "Failed password for invalid user <*> from <*> port <*>",
    );
    check(
        "session opened for user bob(uid=0) by (uid=5)",
        "session opened for user <*>(uid=<*>) by (uid=<*>)",
    );
    check("the user is not for sale", "the user is not for sale");
}

#[test]
fn colours_do_not_count_and_case_does() {
    check("\u{1b}[31mERROR\u{1b}[0m  x", "ERROR x");
    check("\u{1b}[1;31m", "");
    assert_ne!(hash("Error"), hash("error"));
}

#[test]
fn a_shape_ends() {
    let long = "word ".repeat(1000);
    let shape = text(&long);
    assert!(shape.len() <= MAX_SHAPE_BYTES + 1 + MARK.len() && shape.ends_with("word <*>"), "{shape}");
    assert_eq!(hash(&long), hash(&format!("{long}more")));
    check(&"x".repeat(MAX_WORD_BYTES + 1), "<*>");
    let (a, b) = (format!("1 {long}"), format!("2222222222 {long}"));
    assert_eq!(hash(&a), hash(&b));
}

#[test]
fn identities_are_16_digits() {
    let id = ShapeId(0xab);
    assert_eq!(id.to_string(), "00000000000000ab");
    assert_eq!("00000000000000AB".parse(), Ok(id));
    for wrong in ["", "ab", "00000000000000ag", "+0000000000000ab", "000000000000000ab", "é000000000000ab"] {
        assert_eq!(wrong.parse::<ShapeId>(), Err(NoShapeId), "{wrong}");
    }
}

/// Two values of one kind.
fn twins() -> impl Strategy<Value = (String, String)> {
    let pair = |s: BoxedStrategy<String>| (s.clone(), s).boxed();
    prop_oneof![
        pair("[0-9]{1,12}".boxed()),
        pair("-?[0-9]{1,5}\\.[0-9]{1,5}".boxed()),
        pair(any::<std::net::Ipv4Addr>().prop_map(|a| a.to_string()).boxed()),
        pair(any::<std::net::IpAddr>().prop_map(|a| a.to_string()).boxed()),
        pair("([0-9a-f]{2}:){5}[0-9a-f]{2}".boxed()),
        pair("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".boxed()),
        pair("[0-9a-f]{5,20}[0-9][0-9a-f]{5}".boxed()),
        pair("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?Z".boxed()),
        pair("[a-z]{1,8}(\\.[a-z]{1,5})?@[a-z]{1,8}\\.(net|org)".boxed()),
        pair("'[a-zA-Z0-9 /.:]{0,20}'".boxed()),
        pair("\"[a-zA-Z0-9 /.:]{0,20}\"".boxed()),
        pair(
            "https?://[a-z]{1,9}\\.example/[a-z0-9/]{0,9}"
                .prop_map(|u| u.replacen("https", "http", 1))
                .boxed()
        ),
    ]
}

fn word() -> impl Strategy<Value = String> {
    "[g-z]{1,9}[.:]?"
        .prop_filter("a word that says what follows", |w| !w.to_ascii_lowercase().starts_with("user"))
}

proptest! {
    #[test]
    fn what_varies_does_not_change_the_shape(
        words in proptest::collection::vec(word(), 2..8),
        (a, b) in twins(),
        place in any::<prop::sample::Index>(),
    ) {
        let at = place.index(words.len());
        let with = |value: &str| {
            let mut words = words.clone();
            words.insert(at, value.to_owned());
            words.join(" ")
        };
        prop_assert_eq!(text(&with(&a)), text(&with(&b)));
        prop_assert_eq!(hash(&with(&a)), hash(&with(&b)));
        check_parts(&with(&a));
    }

    #[test]
    fn other_words_are_another_shape(
        words in proptest::collection::vec(word(), 2..8),
        place in any::<prop::sample::Index>(),
        other in word(),
    ) {
        let mut changed = words.clone();
        let at = place.index(words.len());
        prop_assume!(changed[at] != other);
        changed[at] = other;
        prop_assert_ne!(hash(&words.join(" ")), hash(&changed.join(" ")));
        // Blanks do not count.
        prop_assert_eq!(hash(&words.join(" ")), hash(&format!(" {} ", words.join(" \t "))));
    }

    #[test]
    fn nothing_makes_it_panic(message in any::<String>()) {
        check_parts(&message);
        prop_assert_eq!(hash(&message), Shaper::default().hash(&message));
        prop_assert!(text(&message).len() <= MAX_SHAPE_BYTES + 1 + MARK.len());
    }

    #[test]
    fn odd_punctuation_does_not_either(message in "[ -/:-@a-f0-9\\[-`{-~\u{1b}\u{202e}é\u{0}\n]{0,300}") {
        check_parts(&message);
        // A text is made of parts: as many marks as are in the message, and as there are variable ones.
        let marks = parts(&message).iter().filter(|(_, part)| *part == Part::Variable).count();
        prop_assert!(text(&message).matches(MARK).count() >= marks);
    }
}

#[test]
fn large_hostile_messages_take_linear_time() {
    for part in [
        "\"a", "'", "' ", "\\\"", "[1", "a=", "?/a?", "1,", "\u{1b}[", "://", "a@", "user ", "for ", "-",
        "{\"a\":",
    ] {
        let message = part.repeat((64 << 10) / part.len());
        let start = std::time::Instant::now();
        check_parts(&message);
        hash(&message);
        assert!(start.elapsed().as_secs() < 20, "`{part}`");
    }
}
