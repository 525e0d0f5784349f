//! How one value is compared, as SQL: as numbers, as addresses, else as folded text.
//!
//! The same rule as [`crate::query::Value`], which is the definition. Texts become numbers and
//! addresses only where an expression has made sure that the server can read them, so that no
//! row of a log makes a question fail.

use std::net::IpAddr;
use std::ops::Bound;

use loggr_net::Network;

use super::param::Param;
use super::schema::{Promoted, PromotedKind};
use super::sql::Sql;
use crate::query::{Range, RangeKind, Value};

/// Texts that [`crate::query::Number`] reads.
const NUMBER: &str = "^-?(0|[1-9][0-9]{0,19})(\\.[0-9]+([eE][-+]?[0-9]{1,3})?|[eE][-+][0-9]{1,3})?$";
/// The largest number that [`crate::query::Number`] can hold; larger ones count as text.
const LARGEST: &str = "170141183460469231731.687303715884105727";

/// IPv4 addresses as Rust and PostgreSQL read them alike.
const IPV4: &str = "((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}\
                    (25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

/// Where a value stands.
pub(super) struct Slot {
    /// Its text, under the collation "C".
    pub(super) text: String,
    /// Its number, where the server has one already: null where it is none.
    number: Option<String>,
    /// The same for an address.
    address: Option<String>,
}

impl Slot {
    /// A column of text.
    pub(super) fn text(column: &str) -> Slot {
        Slot { text: column.to_owned(), number: None, address: None }
    }

    /// A JSON value that is a number or a string.
    pub(super) fn json(value: &str) -> Slot {
        let text = format!("(({value} #>> '{{}}') COLLATE \"C\")");
        let number = format!(
            "CASE jsonb_typeof({value}) WHEN 'number' THEN {value}::numeric ELSE {} END",
            number(&text)
        );
        Slot { number: Some(format!("({number})")), address: None, text }
    }
}

/// A promoted column.
pub(super) fn slot_of_column(column: &Promoted) -> Slot {
    let (text, name) = (column.shown(), column.sql_name());
    match column.kind {
        PromotedKind::Text => Slot::text(&text),
        PromotedKind::Integer => Slot { text, number: Some(format!("{name}::numeric")), address: None },
        PromotedKind::Float => Slot { text, number: None, address: None },
        PromotedKind::Inet => Slot { text, number: None, address: Some(name) },
    }
}

impl Slot {
    fn as_number(&self) -> String {
        self.number.clone().unwrap_or_else(|| number(&self.text))
    }

    fn as_address(&self) -> String {
        self.address.clone().unwrap_or_else(|| address(&self.text))
    }
}

/// The number that a text is, or null.
fn number(text: &str) -> String {
    let value = format!("trunc({text}::numeric, 18)");
    format!("(CASE WHEN {text} ~ '{NUMBER}' THEN CASE WHEN abs({value}) <= {LARGEST} THEN {value} END END)")
}

/// The address that a text is, or null; an IPv4 address written as IPv6 is the IPv4 one.
fn address(text: &str) -> String {
    let six = format!("{text}::inet");
    format!(
        "(CASE WHEN {text} ~ '^{IPV4}$' THEN {text}::inet WHEN length({text}) <= 45 AND {text} ~* '{}' THEN \
         CASE WHEN {six} <<= '::ffff:0.0.0.0/96'::inet THEN '0.0.0.0'::inet + ({six} - '::ffff:0.0.0.0'::inet) \
         ELSE {six} END END)",
        ipv6()
    )
}

/// IPv6 addresses as Rust and PostgreSQL read them alike.
fn ipv6() -> String {
    let h = "[0-9a-f]{1,4}";
    let mut forms = vec![
        format!("({h}:){{7}}{h}"),
        format!("({h}:){{6}}{IPV4}"),
        format!("({h}:){{1,7}}:"),
        format!(":(:{h}){{1,7}}"),
        "::".to_owned(),
        format!("::({h}:){{0,5}}{IPV4}"),
    ];
    for head in 1..=6 {
        forms.push(format!("({h}:){{{head}}}(:{h}){{1,{}}}", 7 - head));
    }
    for head in 1..=5 {
        forms.push(format!("({h}:){{{head}}}:({h}:){{0,{}}}{IPV4}", 5 - head));
    }
    format!("^({})$", forms.join("|"))
}

/// Equal: as numbers, as addresses, else without regard to case.
pub(super) fn equals(sql: &mut Sql<'_>, wanted: &Value, slot: &Slot) -> String {
    let text = sql.text(wanted.text());
    let same = format!("lower({}) = {text}", slot.text);
    if let Some(number) = wanted.number() {
        let number = sql.param(Param::Text(number.to_decimal()));
        return format!("({same} OR {} = {number}::numeric)", slot.as_number());
    }
    if let Some(ip) = wanted.ip() {
        let ip = sql.param(Param::Text(ip.to_string()));
        return format!("({same} OR {} = {ip}::inet)", slot.as_address());
    }
    same
}

/// An address in a network.
pub(super) fn inside(sql: &mut Sql<'_>, network: &Network, slot: &Slot) -> String {
    let network = sql.param(Param::Text(network.to_string()));
    format!("{} <<= {network}::inet", slot.as_address())
}

/// Between two bounds.
pub(super) fn range(sql: &mut Sql<'_>, range: &Range, slot: &Slot) -> String {
    let kind = range.kind();
    let (what, cast) = match kind {
        RangeKind::Number => (slot.as_number(), "::numeric"),
        RangeKind::Ip => (slot.as_address(), "::inet"),
        RangeKind::Text => (format!("lower({})", slot.text), ""),
    };
    let mut parts = Vec::new();
    let mut family = None;
    for (bound, closed, open) in [(&range.low, ">=", ">"), (&range.high, "<=", "<")] {
        let (value, operator) = match bound {
            Bound::Unbounded => continue,
            Bound::Included(value) => (value, closed),
            Bound::Excluded(value) => (value, open),
        };
        let bound = match kind {
            RangeKind::Number => value.number().map(|n| n.to_decimal()),
            RangeKind::Ip => value.ip().map(|ip| ip.to_string()),
            RangeKind::Text => None,
        };
        family = family.or(value.ip());
        let bound = match bound {
            Some(bound) => sql.param(Param::Text(bound)),
            None => sql.text(value.text()),
        };
        parts.push(format!("{what} {operator} {bound}{cast}"));
    }
    if kind == RangeKind::Ip {
        let family = if matches!(family, Some(IpAddr::V6(_))) { 6 } else { 4 };
        parts.push(format!("family({what}) = {family}"));
    }
    format!("({})", parts.join(" AND "))
}
