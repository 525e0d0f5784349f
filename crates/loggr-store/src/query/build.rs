//! Queries that a program makes instead of a person.

use super::ast::{Node, Query, Test};
use super::field::Field;
use super::value::Value;

impl Query {
    /// The events whose core field is this value: as numbers, as addresses, else without regard to case.
    /// An empty value is none: the events without the field. Not for times, severity, facility and the
    /// message, which are no single values.
    pub fn equals(field: Field, value: &str) -> Query {
        let root = match value {
            "" => Node::Not(Box::new(Node::Field(field, Test::Exists))),
            value => Node::Field(field, Test::Equals(Value::new(value))),
        };
        Query { root }
    }

    /// What must all hold, each by itself; one that demands nothing has none.
    pub fn terms(&self) -> Vec<Query> {
        match &self.root {
            Node::All => Vec::new(),
            Node::And(parts) => parts.iter().map(|part| Query { root: part.clone() }).collect(),
            one => vec![Query { root: one.clone() }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let terms = parse(text).unwrap().terms();
        assert_eq!(terms.iter().map(Query::to_string).collect::<Vec<_>>(), expect, "{text}");
    }

    #[test]
    fn a_query_falls_into_what_must_hold() {
        check("", &[]);
        check("a", &["a"]);
        check("a host:b -(c OR d)", &["a", "source:b", "-(c OR d)"]);
        check("a OR b", &["a OR b"]);
    }

    #[test]
    fn an_event_without_the_field_has_the_empty_value() {
        assert_eq!(Query::equals(Field::Source, "").to_string(), "-source:*");
    }

    #[test]
    fn a_value_is_a_value_whatever_is_in_it() {
        let query = Query::equals(Field::Source, "we:\"ird* (host)");
        assert_eq!(parse(&query.to_string()).unwrap(), query);
    }
}
