//! Terms: numbers that stand for the values and words by which a row can be found, for one index
//! over all of them.
//!
//! A term is a hash of a tag, of a value of a custom field with its name, or of a word of the
//! text, each in the form in which the query language compares it: numbers as numbers,
//! addresses as addresses, text folded. Rows and queries make them here, so that both agree.
//!
//! Invariant: a row that a query matches has every term that the query asks for. The reverse is
//! not true (hashes collide), so a term never stands alone in a condition.

use loggr_event::Event;
use xxhash_rust::xxh3::xxh3_64;

use crate::query::{Number, Value, parse_ip};
use crate::tokens;

/// The kind of value that a term stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Field = 1,
    Tag = 2,
    Word = 3,
    /// A host or program whose text is another than that of the address or number it means.
    Source = 4,
    AppName = 5,
}

/// Makes terms; holds the buffers.
#[derive(Default)]
pub(super) struct Terms {
    buffer: Vec<u8>,
    folded: Vec<u8>,
    found: Vec<i32>,
}

impl Terms {
    /// The terms of an event, sorted, none twice.
    pub(super) fn of_event(&mut self, event: &Event<'_>, words: bool) -> &[i32] {
        self.found.clear();
        for tag in &event.tags {
            self.folded(Kind::Tag, "", tag);
        }
        for field in &event.fields {
            field.values.iter().for_each(|value| self.value(Kind::Field, &field.name, value));
        }
        for element in &event.structured_data {
            for param in &element.params {
                let name = format!("{}.{}", element.id, param.name);
                self.value(Kind::Field, &name, &param.value);
            }
        }
        for field in &event.trusted {
            self.value(Kind::Field, &field.name, &field.value);
        }
        self.alias(Kind::Source, &event.source);
        self.alias(Kind::AppName, &event.app_name);
        if words {
            self.words(&event.message);
            event.fields.iter().flat_map(|f| &f.values).for_each(|value| self.words(value));
            event.structured_data.iter().flat_map(|e| &e.params).for_each(|p| self.words(&p.value));
        }
        self.found.sort_unstable();
        self.found.dedup();
        &self.found
    }

    fn add(&mut self, kind: Kind, name: &str, form: u8, canonical: &[u8]) {
        self.found.push(term(&mut self.buffer, kind, name, form, canonical));
    }

    fn folded(&mut self, kind: Kind, name: &str, text: &str) {
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        tokens::fold_into(&mut folded, text.as_bytes());
        self.add(kind, name, TEXT, &folded);
        self.folded = folded;
    }

    fn value(&mut self, kind: Kind, name: &str, text: &str) {
        if !self.number_or_address(kind, name, text) {
            self.folded(kind, name, text);
        }
    }

    fn number_or_address(&mut self, kind: Kind, name: &str, text: &str) -> bool {
        if let Some(number) = Number::parse(text) {
            self.add(kind, name, NUMBER, &number.to_bytes());
        } else if let Some(ip) = parse_ip(text) {
            self.address(kind, name, ip);
        } else {
            return false;
        }
        true
    }

    fn address(&mut self, kind: Kind, name: &str, ip: std::net::IpAddr) {
        match ip {
            std::net::IpAddr::V4(v4) => self.add(kind, name, ADDRESS, &v4.octets()),
            std::net::IpAddr::V6(v6) => self.add(kind, name, ADDRESS, &v6.octets()),
        }
    }

    /// The index of hosts or programs holds texts: what is written in another way than usual
    /// is found by its term.
    fn alias(&mut self, kind: Kind, text: &str) {
        if !text.starts_with(|c: char| c.is_ascii_hexdigit() || matches!(c, '-' | ':')) {
            return;
        }
        let plain = match (Number::parse(text), parse_ip(text)) {
            (Some(number), _) => number.to_decimal() == text,
            (None, Some(ip)) => ip.to_string() == text,
            (None, None) => true,
        };
        if !plain {
            self.number_or_address(kind, "", text);
        }
    }

    fn words(&mut self, text: &str) {
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        tokens::fold_into(&mut folded, text.as_bytes());
        for token in tokens::tokens(&folded) {
            self.add(Kind::Word, "", TEXT, token);
        }
        self.folded = folded;
    }
}

const TEXT: u8 = b't';
const NUMBER: u8 = b'n';
const ADDRESS: u8 = b'a';

fn term(buffer: &mut Vec<u8>, kind: Kind, name: &str, form: u8, canonical: &[u8]) -> i32 {
    buffer.clear();
    buffer.push(kind as u8);
    buffer.extend_from_slice(name.as_bytes());
    buffer.extend_from_slice(&[0, form]);
    buffer.extend_from_slice(canonical);
    // The lower half of the hash.
    xxh3_64(buffer) as u32 as i32
}

fn of_value(kind: Kind, name: &str, value: &Value) -> i32 {
    let mut buffer = Vec::new();
    match (value.number(), value.ip()) {
        (Some(number), _) => term(&mut buffer, kind, name, NUMBER, &number.to_bytes()),
        (None, Some(std::net::IpAddr::V4(v4))) => term(&mut buffer, kind, name, ADDRESS, &v4.octets()),
        (None, Some(std::net::IpAddr::V6(v6))) => term(&mut buffer, kind, name, ADDRESS, &v6.octets()),
        (None, None) => term(&mut buffer, kind, name, TEXT, value.text().as_bytes()),
    }
}

/// The term of an equal value of a custom field.
pub(super) fn field(name: &str, value: &Value) -> i32 {
    of_value(Kind::Field, name, value)
}

/// The term of an equal tag. `None` where equal tags are not all equal texts.
pub(super) fn tag(value: &Value) -> Option<i32> {
    let plain = value.number().is_none() && value.ip().is_none();
    plain.then(|| of_value(Kind::Tag, "", value))
}

/// The terms of a host or program that means the same address or number, written in another way.
pub(super) fn source_alias(value: &Value) -> i32 {
    of_value(Kind::Source, "", value)
}

/// See [`source_alias`].
pub(super) fn app_alias(value: &Value) -> i32 {
    of_value(Kind::AppName, "", value)
}

/// The term of a word; it must be folded.
pub(super) fn word(token: &str) -> i32 {
    term(&mut Vec::new(), Kind::Word, "", TEXT, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{ALL, NOW_MICROS, events};
    use crate::query::{Field, Node, Test, parse};
    use loggr_event::Event;

    /// A row that a test of equality matches has the term of the test.
    #[test]
    fn equal_values_have_one_term() {
        let mut checked = 0;
        for text in ALL.iter().flat_map(|(_, cases)| cases.iter()).map(|(text, _)| *text) {
            let query = parse(text).unwrap();
            let wanted = match query.root() {
                Node::Field(Field::Custom(name), Test::Equals(value)) => field(name, value),
                Node::Field(Field::Tag, Test::Equals(value)) => tag(value).unwrap(),
                _ => continue,
            };
            for event in events().iter().filter(|e| query.matches(e, NOW_MICROS)) {
                assert!(Terms::default().of_event(event, false).contains(&wanted), "`{text}`");
                checked += 1;
            }
        }
        assert!(checked > 200, "{checked}");
    }

    #[track_caller]
    fn check_alias(source: &str, query: &str, expect: bool) {
        let event = Event { source: source.into(), ..Event::default() };
        let mut terms = Terms::default();
        let found = terms.of_event(&event, false);
        assert_eq!(found.contains(&source_alias(&Value::new(query))), expect, "`{source}` for `{query}`");
    }

    #[test]
    fn odd_spellings_of_hosts_have_a_term() {
        check_alias("10.0.0.1", "10.0.0.1", false);
        check_alias("::ffff:10.0.0.1", "10.0.0.1", true);
        check_alias("FE80::1", "fe80::1", true);
        check_alias("7.0", "7", true);
        check_alias("7", "7", false);
        check_alias("web01", "web01", false);
    }

    #[test]
    fn words_of_message_and_values() {
        let mut event = Event { message: "GET /a.b".into(), ..Event::default() };
        event.set_field("user", "John Doe");
        let mut terms = Terms::default();
        let found = terms.of_event(&event, true);
        assert!(["get", "a", "b", "john", "doe"].iter().all(|w| found.contains(&word(w))));
        assert!(!found.contains(&word("user")));
    }
}
