//! Finds in a text what leads to a person: IP addresses, e-mail addresses, card numbers.
//!
//! `anonymize` hides what is found. In doubt too much is found rather than too little, and always
//! the whole: a part that might be the rest of an address belongs to it. The text is read once from
//! left to right, and nothing is allocated if nothing is found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Longest text in quotes before the `@` of an e-mail address, in bytes.
const MAX_QUOTED_BYTES: usize = 128;
/// Most `=` within an e-mail address into which other addresses were written.
const MAX_JOINTS: usize = 4;
/// Digits of card numbers.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Groups of an IPv6 address.
const GROUPS: usize = 8;
/// Most digits of a group.
const GROUP_DIGITS: usize = 4;
/// Most digits of a port.
const PORT_DIGITS: usize = 5;
/// The zone in which names of IPv6 addresses are asked for, digit by digit from the end.
const REVERSE_ZONE: &[u8] = b"ip6.arpa";
/// Digits before this zone from which they lead to a person: half an address, with its network.
const MIN_NIBBLES: usize = 16;

/// The kind of a find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An IP address; `None` if the text is not exactly one.
    Ip(Option<IpAddr>),
    Email,
    Card,
    /// Found by an expression, or several of these in one.
    Other,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Find {
    pub range: Range<usize>,
    pub kind: Kind,
}

fn push(out: &mut Vec<Find>, range: Range<usize>, kind: Kind) {
    if !range.is_empty() {
        out.push(Find { range, kind });
    }
}

/// IPv4 and IPv6 addresses.
pub(super) fn addresses(text: &str, out: &mut Vec<Find>) {
    if memchr::memchr(b'.', text.as_bytes()).is_some() {
        dotted(text, out);
    }
    if memchr::memchr(b':', text.as_bytes()).is_some() {
        colons(text, out);
    }
    if memchr::memmem::find(text.as_bytes(), b"6.").is_some() {
        nibbles(text, out);
    }
}

/// Four numbers up to 255 with dots between them. If more than four stand in a row it is unknown
/// which are meant, and all are taken.
fn dotted(text: &str, out: &mut Vec<Find>) {
    let bytes = text.as_bytes();
    let (mut run, mut octets) = (0..0, 0);
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            at += 1;
            continue;
        }
        let number = (digits <= 3).then(|| text.get(at..at + digits)?.parse::<u16>().ok()).flatten();
        let octet = number.is_some_and(|n| n <= 255);
        let follows = octets > 0 && run.end + 1 == at && bytes.get(run.end) == Some(&b'.');
        if octet && follows {
            run.end = at + digits;
            octets += 1;
        } else {
            flush(text, &run, octets, out);
            (run, octets) = (at..at + digits, usize::from(octet));
        }
        at += digits;
    }
    flush(text, &run, octets, out);
}

fn flush(text: &str, run: &Range<usize>, octets: usize, out: &mut Vec<Find>) {
    if octets >= 4 {
        // Before `.in-addr.arpa` the octets stand in the other order.
        let rest = text.as_bytes().get(run.end..).unwrap_or_default();
        let reverse = rest.get(..8).is_some_and(|r| r.eq_ignore_ascii_case(b".in-addr"));
        let address = text.get(run.clone()).and_then(v4).filter(|_| !reverse);
        push(out, run.clone(), Kind::Ip(address));
    }
}

/// With leading zeros, as some programs write them.
fn v4(text: &str) -> Option<IpAddr> {
    let mut octets = text.split('.').map(|o| o.parse::<u8>().ok());
    let address = [octets.next()??, octets.next()??, octets.next()??, octets.next()??];
    octets.next().is_none().then(|| Ipv4Addr::from(address).into())
}

/// Runs of hexadecimal digits, colons and dots that have `::` in them, or eight groups.
fn colons(text: &str, out: &mut Vec<Find>) {
    let bytes = text.as_bytes();
    let belongs = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let word = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let mut at = 0;
    while at < bytes.len() {
        let len = bytes.iter().skip(at).take_while(|b| belongs(**b)).count();
        let run = at..at + len;
        at += len.max(1);
        let Some(whole) = text.get(run.clone()) else { continue };
        if memchr::memchr_iter(b':', whole.as_bytes()).nth(1).is_none() {
            continue;
        }
        // Letters that touch the run may belong to a word: `IPv6:2001:db8::1`, `std::fmt`.
        let touches = word(run.start.checked_sub(1).and_then(|b| bytes.get(b)));
        let first = if touches { whole.find(':').map_or(whole.len(), |i| i + 1) } else { 0 };
        let last = if word(bytes.get(run.end)) { whole.rfind(':').unwrap_or(0) } else { whole.len() };
        let start = run.start + first + lead(whole.get(first..).unwrap_or_default());
        let end = run.end - trail(whole);
        if whole.get(first..last).is_some_and(|w| trimmed(w).contains("::")) {
            address(text, start..end, out);
        } else {
            eight_groups(text, run, touches, out);
        }
    }
}

/// An address in a part of the text, without the port behind it if that cannot be one of its
/// groups.
fn address(text: &str, range: Range<usize>, out: &mut Vec<Find>) {
    let Some(part) = text.get(range.clone()) else { return };
    let bare = without_port(part);
    if bare.bytes().any(|b| b.is_ascii_hexdigit()) {
        let address = bare.parse::<Ipv6Addr>().ok();
        push(out, range.start..range.start + bare.len(), Kind::Ip(address.map(IpAddr::from)));
    }
}

/// `2001:db8::1` of `2001:db8::1:49225`, as no group has five digits, and of `2001:db8::1.443`,
/// as tcpdump and OpenBSD write it.
fn without_port(part: &str) -> &str {
    let port = |address: &str, port: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&port.len())
            && port.bytes().all(|b| b.is_ascii_digit())
            && address.parse::<Ipv6Addr>().is_ok()
    };
    let colon = part.rsplit_once(':').filter(|(a, p)| port(a, p, PORT_DIGITS..=PORT_DIGITS));
    let dot = part.rsplit_once('.').filter(|(a, p)| port(a, p, 1..=PORT_DIGITS));
    colon.or(dot).map_or(part, |(address, _)| address)
}

/// Rows of eight groups and more in a run without `::`. They are separated by what cannot be a
/// group: a port of five digits, a number before the address.
fn eight_groups(text: &str, run: Range<usize>, touches: bool, out: &mut Vec<Find>) {
    let whole = text.get(run.clone()).unwrap_or_default();
    let mut row = Row::default();
    let mut at = run.start;
    for (i, group) in whole.split(':').enumerate() {
        let range = at..at + group.len();
        at = range.end + 1;
        let head = group.split('.').next().unwrap_or_default();
        if (1..=GROUP_DIGITS).contains(&head.len()) {
            row.take(range, group, i == 0 && touches);
            continue;
        }
        row.flush(text, out);
        // `49225.2001:db8:…`: the group behind the dot may begin an address.
        let tail = group.rsplit('.').next().unwrap_or_default();
        if tail.len() < group.len() && (1..=GROUP_DIGITS).contains(&tail.len()) {
            row.take(range.end - tail.len()..range.end, tail, false);
        }
    }
    row.flush(text, out);
}

/// Groups that follow one another.
#[derive(Default)]
struct Row {
    range: Range<usize>,
    groups: usize,
    /// The first touches a word, and the next begins here.
    touching: Option<usize>,
    /// One of them has not two digits.
    mixed: bool,
}

impl Row {
    fn take(&mut self, range: Range<usize>, group: &str, touches: bool) {
        if self.groups == 0 {
            self.range = range.clone();
        }
        if touches {
            self.touching = Some(range.end + 1);
        }
        self.range.end = range.end;
        self.groups += if group.parse::<Ipv4Addr>().is_ok() { 2 } else { 1 };
        self.mixed |= group.len() != 2;
    }

    fn flush(&mut self, text: &str, out: &mut Vec<Find>) {
        let Row { mut range, mut groups, touching, mixed } = std::mem::take(self);
        if let Some(next) = touching.filter(|_| groups > GROUPS) {
            (range.start, groups) = (next, groups - 1);
        }
        // Fingerprints of keys have pairs of digits too, sixteen of them and more, and so has
        // what firewalls write of an Ethernet head.
        if if mixed { groups >= GROUPS } else { groups == GROUPS } {
            let dots = text.get(range.clone()).unwrap_or_default();
            range.end -= dots.len() - dots.trim_end_matches('.').len();
            address(text, range, out);
        }
    }
}

/// Bytes before the address: dots, and a colon that is no double one.
fn lead(run: &str) -> usize {
    let rest = run.trim_start_matches('.');
    let colon = rest.starts_with(':') && !rest.starts_with("::");
    run.len() - rest.len() + usize::from(colon)
}

/// Bytes behind it.
fn trail(run: &str) -> usize {
    let rest = run.trim_end_matches('.');
    let colon = rest.ends_with(':') && !rest.ends_with("::");
    run.len() - rest.len() + usize::from(colon)
}

fn trimmed(run: &str) -> &str {
    run.get(lead(run)..run.len().saturating_sub(trail(run))).unwrap_or_default()
}

/// The digits before `.ip6.arpa`, by which the name of an address is asked for.
fn nibbles(text: &str, out: &mut Vec<Find>) {
    let bytes = text.as_bytes();
    for six in memchr::memchr_iter(b'6', bytes) {
        let Some(start) = six.checked_sub(2) else { continue };
        if !bytes.get(start..start + REVERSE_ZONE.len()).is_some_and(|z| z.eq_ignore_ascii_case(REVERSE_ZONE))
        {
            continue;
        }
        let mut first = start;
        while let Some([digit, b'.']) = first.checked_sub(2).and_then(|i| bytes.get(i..first))
            && digit.is_ascii_hexdigit()
        {
            first -= 2;
        }
        if start - first >= 2 * MIN_NIBBLES {
            push(out, first..start - 1, Kind::Ip(None));
        }
    }
}

/// `name@host.tld`, also where a query string has `%40` for the `@`.
pub(super) fn emails(text: &str, out: &mut Vec<Find>) {
    let mut floor = 0;
    let mut from = 0;
    while let Some((at, sign)) = next_at(text, from) {
        from = at + sign;
        let Some(mut end) = domain_end(text, at + sign) else { continue };
        let start = local_start(text, floor, at);
        if start == at {
            continue;
        }
        // `a@b.org@c.org`: the whole is one.
        while let Some((next, sign)) = next_at(text, end).filter(|(next, _)| *next == end) {
            match domain_end(text, next + sign) {
                Some(further) => end = further,
                None => break,
            }
        }
        push(out, start..end, Kind::Email);
        floor = end;
        from = end;
    }
}

/// Where the next `@` or `%40` is, and how long.
fn next_at(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.as_bytes().get(from..)?;
    memchr::memchr2_iter(b'@', b'%', rest).find_map(|i| match rest.get(i..i + 3) {
        Some(b"%40") => Some((from + i, 3)),
        _ => (rest.get(i) == Some(&b'@')).then_some((from + i, 1)),
    })
}

fn local_start(text: &str, floor: usize, at: usize) -> usize {
    let before = text.get(floor..at).unwrap_or_default();
    if before.ends_with('"') {
        let quoted = before.get(..before.len() - 1).unwrap_or_default();
        let reach = quoted.len().saturating_sub(MAX_QUOTED_BYTES);
        return match memchr::memrchr(b'"', quoted.as_bytes().get(reach..).unwrap_or_default()) {
            Some(i) => floor + reach + i,
            None => at,
        };
    }
    let mut start = before.len();
    let mut right: Option<char> = None;
    let mut joints = 0;
    for (i, c) in before.char_indices().rev() {
        let left = before.get(..i).and_then(|b| b.chars().next_back());
        let between = left.is_some_and(char::is_alphanumeric) && right.is_some_and(char::is_alphanumeric);
        let belongs = match c {
            c if c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-') => true,
            '\'' | '&' | '~' | '!' | '#' | '$' | '*' | '^' => between,
            // Of `bounces+ann=example.org@lists.example.net` all, of `to=ann@example.org` not.
            '=' if joints < MAX_JOINTS => {
                joints += 1;
                between && returns(before.get(..i).unwrap_or_default())
            }
            _ => false,
        };
        if !belongs {
            break;
        }
        start = i;
        right = Some(c);
    }
    floor + start
}

/// Is it the beginning of an address that another one was written into?
fn returns(before: &str) -> bool {
    let start = before.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-' | '=')));
    let word = start.map_or(before, |i| before.get(i..).unwrap_or_default());
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let begins = |with: &str| word.get(..with.len()).is_some_and(|w| w.eq_ignore_ascii_case(with));
    word.contains('+') || begins("prvs") || begins("srs0") || begins("srs1") || begins("btv1")
}

fn domain_end(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    if let Some(literal) = rest.strip_prefix('[') {
        let end = literal.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':')))?;
        return (end > 0 && literal.get(end..)?.starts_with(']')).then_some(from + end + 2);
    }
    let end =
        rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))).unwrap_or(rest.len());
    let domain = rest.get(..end)?.trim_end_matches(['.', '-', '_']);
    let (name, top) = domain.rsplit_once('.')?;
    let fits = name.contains(char::is_alphanumeric) && top.chars().nth(1).is_some();
    fits.then_some(from + domain.len())
}

/// Numbers of cards, in one piece or in groups, whose check digit fits.
pub(super) fn cards(text: &str, out: &mut Vec<Find>) {
    let mut at = 0;
    while at < text.len() {
        let group = digits(text, at);
        match card_end(text, at) {
            _ if group == 0 => at += 1,
            Some(end) => {
                push(out, at..end, Kind::Card);
                at = end;
            }
            None => at += group,
        }
    }
}

fn digits(text: &str, at: usize) -> usize {
    text.as_bytes().iter().skip(at).take_while(|b| b.is_ascii_digit()).count()
}

/// Where the longest card ends whose first group begins at `at`. Groups have one space or hyphen
/// between them, the first has four digits.
fn card_end(text: &str, at: usize) -> Option<usize> {
    let first = digits(text, at);
    let (mut total, mut end, mut found) = (first, at + first, None);
    while total <= *CARD_DIGITS.end() {
        if CARD_DIGITS.contains(&total) && stands_alone(text, &(at..end)) && is_card(text, &(at..end)) {
            found = Some(end);
        }
        let next = digits(text, end + 1);
        if first != 4 || !(2..=6).contains(&next) || !matches!(text.as_bytes().get(end), Some(b' ' | b'-')) {
            break;
        }
        total += next;
        end += 1 + next;
    }
    found
}

/// Whether it is not part of a word, a hash or a decimal number.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let before = |n: usize| range.start.checked_sub(n).and_then(|i| bytes.get(i));
    let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
    let decimal = before(1) == Some(&b'.') && before(2).is_some_and(u8::is_ascii_digit);
    !decimal && !letter(before(1)) && !letter(bytes.get(range.end))
}

/// A first digit that cards have, and Luhn's check digit.
fn is_card(text: &str, range: &Range<usize>) -> bool {
    let digits = || text.get(range.clone()).unwrap_or_default().bytes().filter(u8::is_ascii_digit);
    if !digits().next().is_some_and(|b| (b'2'..=b'6').contains(&b)) {
        return false;
    }
    let sum: u32 = digits()
        .rev()
        .enumerate()
        .map(|(i, b)| match (i % 2, u32::from(b - b'0')) {
            (0, n) => n,
            (_, n) if n > 4 => n * 2 - 9,
            (_, n) => n * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is found, in `«»`.
    #[track_caller]
    fn check(find: fn(&str, &mut Vec<Find>), marked: &str) {
        let text = marked.replace(['«', '»'], "");
        let mut finds = Vec::new();
        find(&text, &mut finds);
        let all: Vec<_> = finds.iter().map(|f| f.range.clone()).collect();
        // An IPv4 address within one of IPv6 is found twice.
        finds.retain(|f| {
            !all.iter().any(|o| *o != f.range && o.start <= f.range.start && f.range.end <= o.end)
        });
        let mut got = text.clone();
        for find in finds.iter().rev() {
            got.insert(find.range.end, '»');
            got.insert(find.range.start, '«');
        }
        assert_eq!(got, marked);
    }

    #[test]
    fn ipv4() {
        check(addresses, "from «10.1.2.3» port 22");
        check(addresses, "«10.1.2.3», «192.168.001.010».");
        check(addresses, "(«10.1.2.3»:8080) x«10.1.2.3»y");
        check(addresses, "version 1.2.3 and 300.1.2.3 and 1.2.3.999 and 1..2.3.4");
        check(addresses, "IP «10.0.0.1».443 > «10.0.0.2».51312:");
        check(addresses, "«1.2.3.4.5.6»");
        check(addresses, "999.«10.0.0.1»");
        check(addresses, "1234.1.2.3");
    }

    #[test]
    fn ipv6() {
        check(addresses, "from «2001:db8::1» port 22");
        check(addresses, "[«2001:db8::1»]:443, «::1», «fe80::1»%eth0.");
        check(addresses, "«2001:db8:0:1:2:3:4:5»: ok");
        check(addresses, "ended at «2001:db8::1»: bye");
        check(addresses, "[IPv6:«2001:db8::1»]");
        check(addresses, "«2001:db8::1».443 > «fe80::2».49225: tcpdump");
        check(addresses, "a net «2001:db8::»/32");
        check(addresses, "«::ffff:1.2.3.4» and «64:ff9b::1.2.3.4»");
        check(addresses, "«1:2:3:4:5:6:1.2.3.4»");
        check(addresses, "«3:2001:db8:1:2:3:4:5:6» with something before it");
        check(addresses, "at 10:00:00 aa:bb:cc:dd:ee:ff std::vec::Vec, Data::Dumper and :: and a:b:c");
        check(addresses, "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48");
        check(addresses, "«00:11:22:33:44:55:66:77»");
    }

    #[test]
    fn ipv6_with_a_port() {
        check(addresses, "[client «2001:db8:1180:c84c:ad3f:4024:d991:ec2e»:49225] denied");
        check(addresses, "[client «2001:db8:1180:c84c:ad3f:4024:d991:ec2e:4922»] denied");
        check(addresses, "from «2001:db8::1»:49225, [«2001:db8::1»]:49225, «2001:db8::1:443»");
        check(addresses, "«2001:db8:0:1:2:3:4:5».49225 > «2001:db8:0:1:2:3:4:6».53: udp");
        check(addresses, "«2001:db8:0:1:2:3:4:5»:49225: closed, «2001:db8:0:1:2:3:4:5»:49225.");
        check(addresses, "«0:0:0:0:0:ffff:1.2.3.4»:49225 «::ffff:1.2.3.4»:49225 «::ffff:1.2.3.4».443");
        check(addresses, "«fe80:0:0:0:1:2:3:4»%eth0.49225 and «fe80::1»%eth0:49225 and «fe80::1»%12");
        check(addresses, "IPv6:«2001:db8:0:1:2:3:4:5»:49225 addr:«2001:db8:0:1:2:3:4:5»:49225/tcp");
        check(addresses, "123456:«2001:db8:0:1:2:3:4:5»:49225 49226.«2001:db8:0:1:2:3:4:5»/64");
        check(addresses, "v«2001:db8:0:1:2:3:4:5» «2001:db8:0:1:2:3:4:5»_49225 x_«2001:db8::1»_y");
        check(addresses, "«2001:db8:0:1:2:3:4:5»:49225:«2001:db8:0:1:2:3:4:6»:49226");
        check(addresses, "«2001:db8:0:1:2:3:4:5»#53 «2001:db8::1»[49225] «2001:db8::1»,49225");
        check(addresses, "listening on :::49225 and [::]:443");
    }

    #[test]
    fn what_looks_like_ipv6_and_is_none() {
        check(addresses, "MAC=52:54:00:12:34:56:52:54:00:65:43:21:86:dd SRC=«2001:db8:0:1:2:3:4:5» DST=");
        check(addresses, "aa:bb:cc:dd:ee:ff:49225 at eth0:aa:bb:cc:dd:ee:ff, 01:aa:bb:cc:dd:ee:ff");
        check(addresses, "duid 00:01:00:01:2a:3b:4c:5d:52:54:00:12:34:56, 2026-03-01T12:00:00.123456+01:00");
        check(addresses, "SHA1:0a:1b:2c:3d:4e:5f:60:71:82:93:a4:b5:c6:d7:e8:f9:0a:1b:2c:3d");
        check(addresses, "a.rb:12:in b c.c:49225:7: error");
    }

    #[test]
    fn names_of_addresses_that_are_asked_for() {
        let digits = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2";
        check(addresses, &format!("query: «{digits}».ip6.arpa IN PTR"));
        check(addresses, &format!("query: «{}».IP6.ARPA.", &digits[32..]));
        check(addresses, "zone 8.b.d.0.a.0.0.2.ip6.arpa, «4.3.2.1».in-addr.arpa");
    }

    #[test]
    fn mail() {
        check(emails, "to=«ann@example.org», from=«Bob.B-x+tag@mail.example.co.uk».");
        check(emails, "«o'neil@example.org» '«ann@example.org»' \"«ann@example.org»\"");
        check(emails, "«\"ann b\"@example.org» root@web1 @example.org ann@ ann@.org x@y.z");
        check(emails, "/p?to=«ann%40example.org»&cc=«b@example.org»&x=50%");
        check(emails, "«bounces+ann=example.org@lists.example.net» «prvs=12ab=ann@example.org»");
        check(emails, "«SRS0=x=ann@example.org» and «git@github.com»:x");
        check(emails, "«jörg@bücher.example» «ann@[10.0.0.1]» «a@b.org@c.org»");
    }

    #[test]
    fn card_numbers() {
        check(cards, "card «4111111111111111», «4111 1111 1111 1111», «5500-0000-0000-0004»");
        check(cards, "«3782 822463 10005» «30569309025904»;«6011111111111117»");
        check(cards, "4111111111111112 411111111111 0000000000000000 1795341600123456");
        check(cards, "pay 12 «4111 1111 1111 1111» 2027");
        check(cards, "0.4111111111111111 a4111111111111111 4111111111111111b 4111.1111.1111.1111");
        check(cards, "41111111111111111111 4111  1111 1111 1111");
    }

    #[test]
    fn clean_addresses_are_known() {
        let kind = |text: &str| {
            let mut out = Vec::new();
            addresses(text, &mut out);
            out.first().map(|f| f.kind)
        };
        assert_eq!(kind("010.1.2.3"), Some(Kind::Ip("10.1.2.3".parse().ok())));
        assert_eq!(kind("x 2001:DB8:0::1 y"), Some(Kind::Ip("2001:db8::1".parse().ok())));
        assert_eq!(kind("1.2.3.4.5"), Some(Kind::Ip(None)));
        assert_eq!(kind("4.3.2.1.in-addr.arpa"), Some(Kind::Ip(None)));
        for port in [":49225", ".443", ".49225"] {
            let address = Some(Kind::Ip("2001:db8:0:1:2:3:4:5".parse().ok()));
            assert_eq!(kind(&format!("2001:db8:0:1:2:3:4:5{port}")), address);
            assert_eq!(
                kind(&format!("2001:db8::1:2:3:4:5{port}")),
                Some(Kind::Ip("2001:db8::1:2:3:4:5".parse().ok()))
            );
        }
    }

    proptest! {
        #[test]
        fn what_others_write_as_an_address_is_found(v4: [u8; 4], v6: [u16; 8], before in "[^0-9a-zA-Z_.:]?", after in "[^0-9a-zA-Z_.:%]?") {
            for address in [IpAddr::from(v4), IpAddr::from(v6)] {
                let text = format!("{before}{address}{after}");
                let mut out = Vec::new();
                addresses(&text, &mut out);
                let whole = before.len()..text.len() - after.len();
                prop_assert!(out.iter().any(|f| f.range == whole && f.kind == Kind::Ip(Some(address))), "{}", text);
            }
        }

        #[test]
        fn any_text_is_survived(text in "([0-9a-f:.@\" +=-]|%40|.){0,40}") {
            for find in [addresses, emails, cards] {
                let mut out = Vec::new();
                find(&text, &mut out);
                let mut end = 0;
                out.sort_by_key(|f| f.range.start);
                for find in out.iter().filter(|f| f.kind != Kind::Ip(None)) {
                    prop_assert!(text.get(find.range.clone()).is_some_and(|t| !t.is_empty()));
                    prop_assert!(find.range.start >= end || matches!(find.kind, Kind::Ip(_)));
                    end = find.range.end;
                }
            }
        }
    }
}
