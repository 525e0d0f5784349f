//! What the values of one custom field look like, and the type of column that suits them.
//!
//! A type other than text only where *every* value reads back as the same text (`007` stays text).
//! Each engine decides where such a value is kept.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Names of custom fields that are counted, at most. Fields beyond them can be searched, but are in
/// no list.
pub const MAX_CENSUS_NAMES: usize = 1024;
/// Longest name of a custom field that can get a column, in bytes.
pub const MAX_COLUMN_NAME_BYTES: usize = 128;

/// The forms that the values of one name have had: a set of bits that grows by union.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Looks(pub(crate) u8);

impl Looks {
    /// Decimal integers that a double holds exactly.
    pub(crate) const SMALL_INTEGER: u8 = 1;
    /// Other integers of 64 bits.
    pub(crate) const INTEGER: u8 = 2;
    /// Decimal fractions in their shortest form.
    pub(crate) const FLOAT: u8 = 4;
    pub(crate) const IP4: u8 = 8;
    pub(crate) const IP6: u8 = 16;
    pub(crate) const TEXT: u8 = 32;
    /// Many distinct values: no dictionary.
    pub(crate) const MANY: u8 = 64;
    /// Also the name of an SD-PARAM or a trusted field.
    pub(crate) const ELSEWHERE: u8 = 128;

    pub(crate) fn of(value: &str) -> u8 {
        let bytes = value.as_bytes();
        let Some(first) = bytes.first() else { return Looks::TEXT };
        if bytes.len() > 45 || !(first.is_ascii_hexdigit() || matches!(first, b'-' | b':')) {
            return Looks::TEXT;
        }
        if let Some(number) = canonical_integer(value) {
            return if number.unsigned_abs() <= 1 << 53 { Looks::SMALL_INTEGER } else { Looks::INTEGER };
        }
        if bytes.contains(&b':') {
            return if canonical_ip6(value).is_some() { Looks::IP6 } else { Looks::TEXT };
        }
        match bytes.iter().filter(|b| **b == b'.').count() {
            1 if canonical_float(value).is_some() => Looks::FLOAT,
            3 if value.parse::<Ipv4Addr>().is_ok() => Looks::IP4,
            _ => Looks::TEXT,
        }
    }

    pub(crate) fn kind(self) -> FieldKind {
        match self.0 & !(Looks::MANY | Looks::ELSEWHERE) {
            bits if bits != 0 && bits & !(Looks::SMALL_INTEGER | Looks::INTEGER) == 0 => FieldKind::Integer,
            bits if bits != 0 && bits & !(Looks::SMALL_INTEGER | Looks::FLOAT) == 0 => FieldKind::Float,
            Looks::IP4 => FieldKind::Ip4,
            bits if bits != 0 && bits & !(Looks::IP4 | Looks::IP6) == 0 => FieldKind::Ip,
            _ if self.0 & Looks::MANY != 0 => FieldKind::Text,
            _ => FieldKind::Word,
        }
    }
}

/// An integer whose text is the one that Rust would write.
pub(crate) fn canonical_integer(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value).as_bytes();
    let plain = match digits {
        [b'0'] => value.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if plain { value.parse().ok() } else { None }
}

/// A fraction whose shortest text is the one given.
pub(crate) fn canonical_float(value: &str) -> Option<f64> {
    let number: f64 = value.parse().ok()?;
    (number.is_finite() && number.to_string() == value).then_some(number)
}

/// An IPv6 address in its canonical text that cannot be taken for an IPv4 one.
pub(crate) fn canonical_ip6(value: &str) -> Option<Ipv6Addr> {
    let address: Ipv6Addr = value.parse().ok()?;
    (address.to_ipv4_mapped().is_none() && address.to_string() == value).then_some(address)
}

/// The type of the column of a custom field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FieldKind {
    /// 64-bit integers.
    Integer = 1,
    /// Doubles.
    Float = 2,
    /// IPv4 addresses as 32-bit integers.
    Ip4 = 3,
    /// IPv4 and IPv6 addresses as 16 bytes, IPv4 as `::ffff:a.b.c.d`.
    Ip = 4,
    /// Text of few distinct values.
    Word = 5,
    /// Any text.
    Text = 6,
}

impl FieldKind {
    pub(crate) fn from_code(code: u8) -> Option<FieldKind> {
        use FieldKind::{Float, Integer, Ip, Ip4, Text, Word};
        [Integer, Float, Ip4, Ip, Word, Text].into_iter().find(|k| *k as u8 == code)
    }

    /// The word for it in answers; both kinds of addresses have the same.
    pub fn keyword(self) -> &'static str {
        match self {
            FieldKind::Integer => "integer",
            FieldKind::Float => "float",
            FieldKind::Ip4 | FieldKind::Ip => "ip",
            FieldKind::Word => "word",
            FieldKind::Text => "text",
        }
    }

    /// The kind of a word.
    pub fn of(keyword: &str) -> Option<FieldKind> {
        use FieldKind::{Float, Integer, Ip, Text, Word};
        [Integer, Float, Ip, Word, Text].into_iter().find(|kind| kind.keyword() == keyword)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expect: FieldKind) {
        let looks = values.iter().fold(0, |all, v| all | Looks::of(v));
        assert_eq!(Looks(looks).kind(), expect);
    }

    #[test]
    fn a_type_is_chosen_only_where_every_value_reads_back_as_the_same_text() {
        check(&["200", "404"], FieldKind::Integer);
        check(&["0", "-7", "9223372036854775807"], FieldKind::Integer);
        check(&["007"], FieldKind::Word);
        check(&["+7"], FieldKind::Word);
        check(&["-0"], FieldKind::Word);
        check(&["9223372036854775808"], FieldKind::Word);
        check(&["0.5", "12"], FieldKind::Float);
        check(&["0.50"], FieldKind::Word);
        check(&["1e3"], FieldKind::Word);
        check(&["inf"], FieldKind::Word);
        check(&["0.5", "9007199254740993"], FieldKind::Word);
        check(&["10.0.0.1"], FieldKind::Ip4);
        check(&["10.0.0.01"], FieldKind::Word);
        check(&["10.0.0.1", "fe80::1"], FieldKind::Ip);
        check(&["FE80::1"], FieldKind::Word);
        check(&["::ffff:10.0.0.1"], FieldKind::Word);
        check(&["10.0.0.1", "200"], FieldKind::Word);
        check(&["", "200"], FieldKind::Word);
        check(&["alice"], FieldKind::Word);
    }
}
