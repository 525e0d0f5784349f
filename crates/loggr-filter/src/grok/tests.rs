//! Grok as its users see it: patterns, fields, limits.

use proptest::prelude::*;

use super::{Grok, GrokError, Library, Limit, Scratch};

fn found(grok: &Grok, text: &str) -> Option<Vec<(String, String)>> {
    let mut scratch = Scratch::default();
    grok.find(text, &mut scratch).expect("within the limit").then(|| {
        let named = |(field, _, range): (usize, _, std::ops::Range<usize>)| {
            (grok.fields()[field].clone(), text.get(range).unwrap_or("?").to_owned())
        };
        scratch.captures().map(named).collect()
    })
}

#[track_caller]
fn check(pattern: &str, text: &str, expect: Option<&[(&str, &str)]>) {
    check_in(&Library::legacy(), pattern, text, expect);
}

#[track_caller]
fn check_in(library: &Library, pattern: &str, text: &str, expect: Option<&[(&str, &str)]>) {
    let grok = Grok::compile(library, &[pattern]).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let got = found(&grok, text);
    let expect =
        expect.map(|e| e.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>());
    assert_eq!(got, expect, "{pattern} on {text:?}");
}

#[test]
fn syntax() {
    check("%{WORD}", "hello", Some(&[]));
    check("%{WORD:w}", "hello you", Some(&[("w", "hello")]));
    check("%{INT:n:int} %{WORD:w}", "17 x", Some(&[("n", "17"), ("w", "x")]));
    check("%{IP:[source][ip]}", "from 10.0.0.1", Some(&[("source.ip", "10.0.0.1")]));
    check("%{INT:[a][b]:int}", "7", Some(&[("a.b", "7")]));
    check("(?<a>x+)(?<b.c>y)", "xxy", Some(&[("a", "xx"), ("b.c", "y")]));
    check("(?<[a][b]>x)", "x", Some(&[("a.b", "x")]));
    check("(?<n:int>\\d+)", "12", Some(&[("n", "12")]));
    check("%{WORD:w} %{WORD:w}", "a b", Some(&[("w", "a"), ("w", "b")]));
    check("(a|b)(?<c>c)", "bc", Some(&[("c", "c")]));
    check("%{WORD:w}?", "-", Some(&[]));
    check("%{DATA:nothing}x", "x", Some(&[]));
    check("%{MINE=[a-c]+}x", "abcx", Some(&[]));
    check("%{CODE:c=[a-z]{2}\\}\\d{3}}$", "ab}123", Some(&[("c", "ab}123")]));
    check("100%{2}", "100%%", Some(&[]));
    check("%{-}", "%{-}", Some(&[]));
}

#[test]
fn lines() {
    check("a.b", "a\nb", Some(&[]));
    check("(?m)a.b", "a\nb", Some(&[]));
    check("(?-m:a.b)", "a\nb", None);
    check("(?-m:a.b)", "axb", Some(&[]));
    check("^b$", "a\nb\nc", Some(&[]));
    check("\\Ab", "a\nb", None);
    check("b\\z", "b\n", None);
    check("b\\Z", "b\n", Some(&[]));
    check("a\\R(?<x>b)", "a\r\nb", Some(&[("x", "b")]));
    check("%{GREEDYDATA:all}", "a\nb", Some(&[("all", "a\nb")]));
}

#[test]
fn oniguruma() {
    check("\\h+", "zz0aFzz", Some(&[]));
    check("[\\h]{3}(?<r>.)", "12fx", Some(&[("r", "x")]));
    check("\\H", "0aF", None);
    check("[^\\H]x", "gx", None);
    check("(?>a+)b", "aab", Some(&[]));
    check("(?>a+)ab", "aab", None);
    check("a++b", "aab", Some(&[]));
    check("a++ab", "aab", None);
    check("(?<=a)(?<x>b)(?!c)", "abc abd", Some(&[("x", "b")]));
    check("(?<=a|foo|bar )(?<x>.)", "foox", Some(&[("x", "x")]));
    check("(?<!a|foo)x", "foox ax", None);
    check("(?<!a|foo)x", "fox", Some(&[]));
    check("(?i)HELLO", "hello", Some(&[]));
    check("a(?i)b|C", "aB", Some(&[]));
    // `(?i)` holds to the end of the group, with its alternatives.
    check("^a(?i)b|c$", "c", None);
    check("^a(?i)b|c$", "aC", Some(&[]));
    check("(?i:a(?-i:b))", "AB", None);
    check("(?x) a b # comment ( [\n c", "abc", Some(&[]));
    check("(?#comment)x", "x", Some(&[]));
    check("(?<q>[\"']).*?\\k<q>", "say 'hi'", Some(&[("q", "'")]));
    check("(?<q>[\"']).*?\\k<q>", "say 'hi\"", None);
    check("([ab])\\1", "abb", Some(&[]));
    check("([ab])\\k<-1>", "ab", None);
    check("(?:(?<a>x)|(?<a>y))\\k<a>", "xy yy", Some(&[("a", "y")]));
    check("%{WORD:w} \\k<w>", "a b b", Some(&[("w", "b")]));
    check("%{WORD:w} \\k<WORD:w>", "a b b", Some(&[("w", "b")]));
    check("(?<p>\\((?:[^()]|\\g<p>)*\\))", "f(a(b)c)", Some(&[("p", "(a(b)c)")]));
    check("(?<a>x)?(?(<a>)y|z)", "xy", Some(&[("a", "x")]));
    check("^(?<a>x)?(?(<a>)y|z)", "y", None);
    check("a{,2}b", "aab", Some(&[]));
    check("^a{2}+$", "aaaa", Some(&[]));
    check("^a{2}?b", "b", Some(&[]));
    check("a{x", "a{x", Some(&[]));
    check("a**b", "aab", Some(&[]));
    check("\\x41\\u0042\\t", "AB\t", Some(&[]));
    check("\\v", "\u{b}", Some(&[]));
    check("foo\\K(?<x>bar)", "foobar", Some(&[("x", "bar")]));
    check("\\i\\-\\<\\\"", "i-<\"", Some(&[]));
}

#[test]
fn sets() {
    check("[[:alpha:]_]+", "a_b", Some(&[]));
    check("[]x]+", "]x", Some(&[]));
    check("^[a-z&&[^b]]+$", "ac", Some(&[]));
    check("^[a-z&&[^b]]+$", "abc", None);
    check("^[^a-z&&[^b]]+$", "b0", Some(&[]));
    check("^[^a-z&&[^b]]+$", "a", None);
    check("^(/[[[:alnum:]]_%!$@:.,+~-]*)+$", "/var/log/x_1.log", Some(&[]));
    check("^[a[^b-z]]+$", "aA", Some(&[]));
    check("^[a[^b-z]]+$", "ab", None);
    check("^[\\w&&[^\\d]]+$", "ab_", Some(&[]));
    check("^[\\w&&[^\\d]]+$", "ab1", None);
    check("^[[:^digit:]]+$", "ab", Some(&[]));
    check("^\\p{Alpha}\\P{Digit}\\p{^Upper}$", "abc", Some(&[]));
    check("^[\\p{Lu}x]+$", "AxB", Some(&[]));
    check("(?i)^[a-c]+$", "aBC", Some(&[]));
    check("(?i)^[^a]$", "A", None);
}

#[test]
fn letters_of_unicode() {
    check("[äö]x", "öx", Some(&[]));
    check("ä+(?<r>.)", "ääb", Some(&[("r", "b")]));
    check("(?<é>ü+)", "grün über", Some(&[("é", "ü")]));
    check("^.$", "ü", Some(&[]));
    check("^(?<two>.{2})€$", "日本€", Some(&[("two", "日本")]));
    check("(?i)GRÜN", "grün", Some(&[]));
    check("[[:alpha:]]+ (?<x>.)", "grün x", Some(&[("x", "x")]));
    check("^[[:alpha:]&&[^ü]]+$", "grün", None);
    check("^\\p{Greek}+$", "αβγ", Some(&[]));
    check("^\\p{Greek}+$", "abc", None);
    check("[^a]b", "éb", Some(&[]));
    // `\w` is of ASCII, but a word ends where Unicode's letters do.
    check("^\\w+$", "grün", None);
    check("\\bn", "grün", None);
    check("(?u)^\\w+$", "grün", Some(&[]));
    check("%{WORD:w}", "für alle", Some(&[("w", "alle")]));
    check("%{GREEDYDATA:g} %{INT:n}", "naïve 7", Some(&[("g", "naïve"), ("n", "7")]));
    check("%{DATA:d}: %{NOTSPACE:n}", "Fehler: größer", Some(&[("d", "Fehler"), ("n", "größer")]));
    // A long s and the sign for Kelvin are letters in another case.
    check("(?i)^ſK$", "sk", Some(&[]));
    check("(?i)^sk$", "ſK", Some(&[]));
}

#[test]
fn definitions_shadow_others() {
    let mut library = (*Library::legacy()).clone();
    library.add_text("# mine\nWORD [0-9]+\nPAIR %{WORD:k}=%{WORD:v}\n").unwrap();
    check_in(&library, "%{PAIR}", "12=34", Some(&[("k", "12"), ("v", "34")]));
    library.add_text("\u{feff}MARKED x\r\n\tBESIDE\ty").unwrap();
    check_in(&library, "^%{MARKED}%{BESIDE}$", "xy", Some(&[]));
    assert_eq!(library.add_text("ONLYNAME\n").unwrap_err().line, 1);
    assert_eq!(library.add_text("A b\nBAD-NAME x\n").unwrap_err().line, 2);
}

#[track_caller]
fn refused(definitions: &str, pattern: &str, expect: &str) {
    let mut library = (*Library::legacy()).clone();
    library.add_text(definitions).unwrap();
    let error = Grok::compile(&library, &[pattern]).unwrap_err();
    assert!(error.to_string().contains(expect), "{error}");
}

#[test]
fn what_cannot_be_used_says_why() {
    refused("", "%{NOTTHERE}", "there is no pattern `NOTTHERE`");
    refused("A %{NOTTHERE}", "%{A}", "which `A` uses");
    refused("A %{B}\nB %{A}", "%{A}", "contains itself");
    refused("", "%{WORD: w}", "`%{WORD: w}` is neither");
    refused("", "%{WORD w}", "`%{WORD w}` is neither");
    refused("", "%{WORD:a/b}", "`%{WORD:a/b}` is neither");
    refused("", "%{MY-WORD}", "`%{MY-WORD}` is neither");
    refused("", "%{WORD:w", "`%{WORD:w` is neither");
    refused("", "%{W=a{2}", "`%{W=a{2}` is neither");
    refused("", "a(b", "a `(` is not closed, near `a(b`");
    refused("", "a)b", "a `)` has no `(`, near `a)`");
    refused("", "[a", "a `[` is not closed");
    refused("", "*a", "there is nothing to repeat");
    refused("", "(|+)", "there is nothing to repeat");
    refused("", "a{3,2}", "a count that ends before it begins");
    refused("", "a{70000}", "more than 65535 repetitions");
    refused("", "[z-a]", "a range that ends before it begins");
    refused("", "[[:alfa:]]", "there is no set `[:alfa:]`");
    refused("", "\\p{Klingon}", "cannot be used");
    refused("", "a\\", "a backslash at the end");
    refused("", "(?~a)", "the absence operator");
    refused("", "(?y)", "an unknown kind of group");
    refused("", "\\k<x>", "no group is called `x`");
    refused("", "(a)\\2", "there is no group number 2");
    refused("", "(?<>x)", "empty name");
    refused("", "(?<a", "does not end with `>`");
    refused("", &"(".repeat(300), "nested deeper than");
    let near = Grok::compile(&Library::legacy(), &["%{COMBINEDAPACHELOGS}"]).unwrap_err();
    assert!(matches!(near, GrokError::Unknown { near: Some(near), .. } if near == "COMBINEDAPACHELOG"));
    let doubling: String = (0..40).map(|n| format!("D{} %{{D{n}}}%{{D{n}}}\n", n + 1)).collect();
    refused(&format!("D0 xx\n{doubling}"), "%{D40}", "more than");
}

#[test]
fn every_pattern_of_both_libraries_compiles() {
    for library in [Library::legacy(), Library::ecs()] {
        let mut unguarded = Vec::new();
        for name in library.names() {
            match Grok::compile(&library, &[format!("%{{{name}}}")]) {
                Ok(grok) if !grok.has_guards() => unguarded.push(name),
                Ok(_) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        assert!(unguarded.is_empty(), "{unguarded:?}");
    }
}

/// Patterns that try too much, and texts on which they do.
fn catastrophes() -> Vec<(&'static str, String)> {
    let most = 64 << 10;
    let a = format!("{}!", "a".repeat(most));
    let ax = format!("{}yz", "ax".repeat(most / 2));
    let umlauts = format!("{}!", "ä".repeat(most / 2));
    vec![
        ("(a+)+$", a.clone()),
        ("(a|aa)+$", a.clone()),
        ("((a*)*)*b|c$", a.clone()),
        ("(?<x>(a|a)+)\\k<x>!!", a),
        ("(ä+)+$", umlauts),
        ("%{DATA:a}x%{DATA:b}x%{DATA:c}x%{DATA:d}x%{DATA:e}y$", ax.clone()),
        ("%{GREEDYDATA:a}x%{GREEDYDATA:b}x%{GREEDYDATA:c}xy$", ax),
    ]
}

#[test]
fn catastrophic_patterns_end_at_their_limit() {
    for (pattern, hostile) in catastrophes() {
        let grok = Grok::compile(&Library::legacy(), &[pattern]).unwrap().without_guards();
        let mut scratch = Scratch::default();
        assert_eq!(grok.find(&hostile, &mut scratch), Err(Limit), "{pattern}");
        // Short ones have a limit of their own, and the next text is none the worse.
        assert_eq!(grok.find(&hostile[hostile.len() - 401..], &mut scratch), Err(Limit), "{pattern}");
        assert_eq!(grok.find("next", &mut scratch), Ok(false), "{pattern}");
    }
}

/// Few steps, but each reads the text to its end; its last letter makes that worth trying.
#[test]
fn steps_that_read_much_have_a_limit_too() {
    let pattern = "%{NOTSPACE:a}%{NOTSPACE:b}%{NOTSPACE:c} never";
    let grok = Grok::compile(&Library::legacy(), &[pattern]).unwrap().without_guards();
    let text = |length: usize| format!("{}r", "ax".repeat(length / 2));
    let mut scratch = Scratch::default();
    assert_eq!(grok.find(&text(64 << 10), &mut scratch), Err(Limit));
    assert_eq!(grok.find(&text(400), &mut scratch), Ok(false));
}

#[test]
fn a_scratch_of_another_begins_anew() {
    let library = Library::legacy();
    let few = Grok::compile(&library, &["%{WORD:a}"]).unwrap();
    let many = Grok::compile(&library, &["%{WORD:a} %{WORD:b} %{WORD:c} (?<d>\\w)"]).unwrap();
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        assert_eq!(few.find("x y z w", &mut scratch), Ok(true));
        assert_eq!(scratch.captures().count(), 1);
        assert_eq!(many.find("x y z w", &mut scratch), Ok(true));
        assert_eq!(scratch.captures().count(), 4);
    }
}

#[test]
fn the_stack_of_compiled_code_is_a_limit_too() {
    // Every round of the group keeps a place to come back to.
    let grok = Grok::compile(&Library::legacy(), &["^(?:[ab](?<x>c)?)*$"]).unwrap().without_guards();
    let deep = format!("{}!", "ab".repeat(60_000));
    let mut scratch = Scratch::default();
    assert_eq!(grok.find(&deep, &mut scratch), Err(Limit));
    assert_eq!(grok.find("abc", &mut scratch), Ok(true));
}

#[test]
fn the_guard_spares_most_catastrophes() {
    for (pattern, hostile) in catastrophes() {
        let grok = Grok::compile(&Library::legacy(), &[pattern]).unwrap();
        let mut scratch = Scratch::default();
        assert_eq!(grok.find(&hostile, &mut scratch), Ok(false), "{pattern}");
        assert_eq!(grok.find("next", &mut scratch), Ok(false), "{pattern}");
    }
    // To the guard, what is referred to is anything.
    let grok = Grok::compile(&Library::legacy(), &["^(?<x>(?:a|aa)+)\\k<x>!$"]).unwrap();
    let hostile = format!("{}!", "a".repeat(65_535));
    assert_eq!(grok.find(&hostile, &mut Scratch::default()), Err(Limit));
}

/// A text of 60 characters has some 60³ ways to be divided: what needs more steps than there
/// are tries each of them in each.
#[test]
fn no_standard_pattern_tries_everything_with_everything() {
    let pieces =
        ["a", "7", "a b ", "a.", "/a", "a:b;c,d=e ", "\"a\" ", "1.2.3.4 ", "[a] (b) ", "a\n", "ab-1_", "ä "];
    let mut slow = Vec::new();
    for library in [Library::legacy(), Library::ecs()] {
        for name in library.names() {
            let grok =
                Grok::compile(&library, &[format!("%{{{name}}} never there$")]).unwrap().without_guards();
            let mut scratch = Scratch::default();
            for piece in pieces {
                if grok.find(&piece.repeat(60 / piece.len()), &mut scratch) == Err(Limit) {
                    slow.push(format!("{name} on {piece:?}"));
                }
            }
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn what_is_found_does_not_depend_on_the_texts_before() {
    let grok = Grok::compile(&Library::legacy(), &["(?<as>(?:a+)+)$"]).unwrap();
    let hostile = format!("{}!", "a".repeat(1000));
    let mut scratch = Scratch::default();
    for _ in 0..100 {
        assert_eq!(grok.find("aaa", &mut scratch), Ok(true));
    }
    // By now the guard is not asked first any more.
    assert_eq!(grok.find(&hostile, &mut scratch), Ok(false));
    assert_eq!(grok.find(&hostile, &mut scratch), Ok(false));
    assert_eq!(grok.find("aaa", &mut scratch), Ok(true));
}

#[test]
fn places_where_no_match_begins_are_passed_by() {
    let grok = Grok::compile(&Library::legacy(), &["%{NOTSPACE:a}%{NOTSPACE:b}%{NOTSPACE:c} here"]).unwrap();
    let text = format!("{} abc here", "x".repeat(64 << 10));
    assert_eq!(found(&grok, &text), Some(["a", "b", "c"].map(|n| (n.to_owned(), n.to_owned())).to_vec()));
}

#[test]
fn long_texts_may_take_more_steps() {
    let grok = Grok::compile(&Library::legacy(), &["^%{DATA:a} one %{DATA:b} two$"]).unwrap();
    let long = format!("{0} one {0} two", "some words ".repeat(5000));
    assert_eq!(grok.find(&long, &mut Scratch::default()), Ok(true));
}

#[test]
fn many_addresses_are_not_too_large() {
    let pattern: String = (0..40).map(|n| format!("%{{IPORHOST:h{n}}}[ ]")).collect();
    let grok = Grok::compile(&Library::legacy(), &[pattern]).unwrap();
    let text = "10.0.0.1 2001:db8::7 web.example.org ".repeat(14);
    let found = found(&grok, &text).expect("it matches");
    assert_eq!(found.len(), 40);
    assert_eq!(found[1], ("h1".to_owned(), "2001:db8::7".to_owned()));
}

#[test]
fn the_first_of_a_list_that_matches_wins() {
    let grok =
        Grok::compile(&Library::legacy(), &["alpha %{INT:a}", "(?i)BETA (?<b>x)", "%{WORD:w}"]).unwrap();
    assert_eq!(found(&grok, "alpha 1"), Some(vec![("a".to_owned(), "1".to_owned())]));
    assert_eq!(found(&grok, "beta x"), Some(vec![("b".to_owned(), "x".to_owned())]));
    assert_eq!(found(&grok, "gamma"), Some(vec![("w".to_owned(), "gamma".to_owned())]));
    assert_eq!(found(&grok, "--"), None);
}

#[test]
fn products() {
    let apache = r#"203.0.113.7 - frank [10/Oct/2025:13:55:36 -0700] "GET /a.gif HTTP/1.1" 200 2326 "http://example.com/start" "Mozilla/5.0 (X11)""#;
    let names = |library: &Library, pattern: &str, text: &str| {
        found(&Grok::compile(library, &[pattern]).unwrap(), text)
            .unwrap_or_else(|| panic!("{pattern} on {text}"))
    };
    let get = |all: &[(String, String)], name: &str| {
        all.iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .unwrap_or_else(|| panic!("{name} in {all:?}"))
    };
    let legacy = names(&Library::legacy(), "%{COMBINEDAPACHELOG}", apache);
    for (name, value) in [
        ("clientip", "203.0.113.7"),
        ("auth", "frank"),
        ("verb", "GET"),
        ("request", "/a.gif"),
        ("response", "200"),
        ("bytes", "2326"),
    ] {
        assert_eq!(get(&legacy, name), value);
    }
    let ecs = names(&Library::ecs(), "%{COMBINEDAPACHELOG}", apache);
    for (name, value) in [
        ("source.address", "203.0.113.7"),
        ("user.name", "frank"),
        ("http.request.method", "GET"),
        ("url.original", "/a.gif"),
        ("http.response.status_code", "200"),
        ("user_agent.original", "Mozilla/5.0 (X11)"),
    ] {
        assert_eq!(get(&ecs, name), value);
    }
    for (pattern, text, field, value) in [
        (
            "%{NGINX_ACCESS}",
            r#"198.51.100.3 - - [01/Mar/2026:10:00:00 +0000] "GET /x?y=1 HTTP/2.0" 404 153 "-" "curl/8.5.0" "10.0.0.9""#,
            "forwardedfor",
            "10.0.0.9",
        ),
        (
            "%{NGINX_ACCESS}",
            r#"198.51.100.3 - - [01/Mar/2026:10:00:00 +0000] "\x16\x03\x01" 400 157 "-" "-""#,
            "rawrequest",
            "\\x16\\x03\\x01",
        ),
        (
            "%{NGINX_ERROR}",
            r#"2026/03/01 10:00:00 [error] 123#7: *55 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: example.com, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:3000/", host: "example.com""#,
            "upstream",
            "http://127.0.0.1:3000/",
        ),
        ("%{SSHD}", "Failed password for invalid user admin from 192.0.2.4 port 4022 ssh2", "user", "admin"),
        (
            "%{SSHD}",
            "Accepted publickey for deploy from 2001:db8::7 port 50022 ssh2: RSA SHA256:abc",
            "src_ip",
            "2001:db8::7",
        ),
        ("%{SSHD}", "Invalid user test from 192.0.2.4 port 11", "src_port", "11"),
        (
            "%{SSHD}",
            "Disconnected from authenticating user root 192.0.2.4 port 4022 [preauth]",
            "user",
            "root",
        ),
        (
            "%{SUDO}",
            "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/apt update",
            "command",
            "/usr/bin/apt update",
        ),
        (
            "%{SUDO}",
            "bob : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            "reason",
            "user NOT in sudoers",
        ),
        (
            "%{POSTFIX}",
            "4BcD1234567: to=<bob@example.org>, relay=mx.example.org[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
            "status",
            "sent",
        ),
        (
            "%{POSTFIX}",
            "disconnect from unknown[192.0.2.66] ehlo=1 auth=0/1 commands=1/2",
            "client_ip",
            "192.0.2.66",
        ),
        (
            "%{POSTFIX}",
            "A1B2C3D4E5: from=<alice@example.com>, size=1234, nrcpt=1 (queue active)",
            "size",
            "1234",
        ),
        ("%{POSTFIX}", "A1B2C3D4E5: removed", "postfix_event", "removed"),
        (
            "%{DOVECOT}",
            "imap-login: Login: user=<bob>, method=PLAIN, rip=192.0.2.8, lip=192.0.2.1, mpid=77, TLS, session=<aBc>",
            "user",
            "bob",
        ),
        (
            "%{UFW}",
            "[UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.8 DST=192.0.2.1 LEN=60 PROTO=TCP SPT=4444 DPT=22",
            "ufw_action",
            "BLOCK",
        ),
        (
            "%{CRON_COMMAND}",
            "(root) CMD (run-parts /etc/cron.hourly)",
            "command",
            "run-parts /etc/cron.hourly",
        ),
        ("%{SYSLOGBASE2} %{GREEDYDATA:m}", "Mar  1 12:00:00 web1 kernel: [1.2] x", "program", "kernel"),
        (
            "%{TIMESTAMP_ISO8601:t}",
            "at 2026-03-01T12:00:00.123+01:00 it",
            "t",
            "2026-03-01T12:00:00.123+01:00",
        ),
    ] {
        assert_eq!(get(&names(&Library::legacy(), pattern, text), field), value, "{pattern}");
    }
    for (pattern, text) in [
        ("%{NGINX_ACCESS}", "GET / HTTP/1.1"),
        ("%{SSHD}", "Server listening on 0.0.0.0 port 22."),
        ("%{SUDO}", "pam_unix(sudo:session): session opened for user root"),
        ("%{POSTFIX}", "warning: hostname x does not resolve"),
        ("%{DOVECOT_LOGIN}", "master: Dovecot v2.3 starting up"),
        ("%{COMBINEDAPACHELOG}", "nothing of the kind"),
    ] {
        assert_eq!(
            found(&Grok::compile(&Library::legacy(), &[pattern]).unwrap(), text),
            None,
            "{pattern} on {text}"
        );
    }
}

fn piece() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[abx]",
        Just(".".to_owned()),
        Just("\\d".to_owned()),
        Just("\\h".to_owned()),
        Just("[^a]".to_owned()),
        Just("[a\\-x]".to_owned()),
        Just("\\bx".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just("\\{".to_owned()),
        Just("[[:digit:]b]".to_owned()),
        Just("%{INT:n}".to_owned()),
        Just("\\.".to_owned()),
        Just("ä".to_owned()),
        Just("[äx]".to_owned()),
        Just("[^ä]".to_owned()),
        Just("[[:alpha:]&&[^b]]".to_owned()),
        Just("[^\\w[ab]]".to_owned()),
        Just("\\W".to_owned()),
        Just("\\B".to_owned()),
        Just("\\p{Lu}".to_owned()),
        Just("(?<q>[ab])\\k<q>".to_owned()),
        Just("(?i:kS)".to_owned()),
        Just("\\R".to_owned()),
    ];
    atom.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop_oneof![
                    Just("*"),
                    Just("+"),
                    Just("?"),
                    Just("{2}"),
                    Just("{0,2}"),
                    Just("*?"),
                    Just("++"),
                    Just("{1,}+")
                ]
            )
                .prop_map(|(a, q)| format!("(?:{a}){q}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}|{b})")),
            inner.clone().prop_map(|a| format!("(?>{a})")),
            inner.clone().prop_map(|a| format!("(?={a})")),
            inner.clone().prop_map(|a| format!("(?!{a})")),
            inner.clone().prop_map(|a| format!("(?i:{a})")),
            inner.prop_map(|a| format!("(?<f>{a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn guards_never_change_the_answer(pattern in piece(), texts in proptest::collection::vec("[abx0-2A. \n{äÄKskſ-]{0,12}", 1..6)) {
        let library = Library::legacy();
        let (Ok(guarded), Ok(bare)) = (Grok::compile(&library, &[&pattern]), Grok::compile(&library, &[&pattern])) else {
            return Ok(());
        };
        let bare = bare.without_guards();
        let small = Grok::compile_small(&library, &pattern).without_guards();
        let slow = Grok::compile_slow(&library, &pattern).without_guards();
        for text in texts {
            let mut scratches = (Scratch::default(), Scratch::default(), Scratch::default());
            let bare = bare.find(&text, &mut scratches.1);
            if bare.is_ok() {
                prop_assert_eq!(guarded.find(&text, &mut scratches.0), bare, "{} on {:?}", pattern, text);
                let found = |scratch: &Scratch| scratch.captures().collect::<Vec<_>>();
                for (other, name) in [(&small, "smaller"), (&slow, "not compiled")] {
                    let what = other.find(&text, &mut scratches.2);
                    prop_assert_eq!(what, bare, "{}: {} on {:?}", name, pattern, text);
                    prop_assert_eq!(found(&scratches.2), found(&scratches.1), "{}: {} on {:?}", name, pattern, text);
                }
            }
        }
    }

    #[test]
    fn any_expression_is_one_or_an_error(pattern in "(\\(|\\)|\\[|\\]|%\\{|\\}|WORD|:|a|<|\\?|=|\\\\|k|[0-9]|\\*|.){0,20}", text in ".{0,20}") {
        if let Ok(grok) = Grok::compile(&Library::legacy(), &[pattern]) {
            prop_assert!(matches!(grok.find(&text, &mut Scratch::default()), Ok(_) | Err(Limit)));
        }
    }
}
