//! The parts of a query's text, for colouring it as it is read.
//!
//! The parser notes them while it reads, so the colours cannot say anything else than the query
//! means. Not the tree.

use std::ops::Range;

/// A part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it stands, in bytes.
    pub place: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a part of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name of a field and its colon.
    Field,
    /// `AND`, `OR`, a parenthesis, the sign of a comparison.
    Operator,
    /// `NOT`, `-`, `!`.
    Not,
    /// A word, or a value.
    Word,
    /// A number or a range.
    Number,
    /// A text in quotes.
    Quoted,
    /// An expression between slashes.
    Regex,
    /// Where it cannot be read.
    Mistake,
}

impl Kind {
    /// Its word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Field => "field",
            Kind::Operator => "operator",
            Kind::Not => "not",
            Kind::Word => "word",
            Kind::Number => "number",
            Kind::Quoted => "string",
            Kind::Regex => "regex",
            Kind::Mistake => "error",
        }
    }

    /// Of what is written without quotes.
    pub(super) fn of_word(text: &str) -> Kind {
        let is_number = text.parse::<f64>().is_ok() && text.bytes().any(|b| b.is_ascii_digit());
        if is_number { Kind::Number } else { Kind::Word }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parser::{paint, parse, parse_painted};
    use super::super::{Query, QueryError};

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let parts = paint(text);
        let told: Vec<String> = parts
            .iter()
            .map(|part| format!("{}={}", part.kind.word(), text.get(part.place.clone()).unwrap_or("?")))
            .collect();
        assert_eq!(told.join(" | "), expect, "{text}");
    }

    #[test]
    fn each_part_has_its_kind() {
        check("", "");
        check("timeout", "word=timeout");
        check(
            "a AND (b or \"c d\")",
            "word=a | operator=AND | operator=( | word=b | operator=or | string=\"c d\" | operator=)",
        );
        check("not host:web* -x", "not=not | field=host: | word=web* | not=- | word=x");
        check(
            "status:500 status:>=500",
            "field=status: | number=500 | field=status: | operator=>= | number=500",
        );
        check("t:[1 TO 5] m:/a b/", "field=t: | number=[1 TO 5] | field=m: | regex=/a b/");
        check("host:(a OR b)", "field=host: | operator=( | word=a | operator=OR | word=b | operator=)");
    }

    #[test]
    fn a_mistake_is_shown_where_it_is() {
        check("a OR", "word=a | operator=OR");
        check("a )b c", "word=a | error=)b");
        check("host: x", "field=host: | error= x");
        check("say \"hi", "word=say | error=\"hi");
    }

    proptest! {
        #[test]
        fn parts_stand_in_order_on_bounds_of_characters(text in "([a-z:()\"/*<>=\\[\\] -]|AND|OR|ü|\u{202e}){0,40}") {
            let mut last = 0;
            for part in paint(&text) {
                prop_assert!(part.place.start >= last && text.get(part.place.clone()).is_some(), "{part:?}");
                last = part.place.end;
            }
        }

        #[test]
        fn reading_once_gives_what_reading_twice_gives(text in "([a-z:()\"/*<>=\\[\\] -]|AND|OR){0,40}") {
            let (query, parts) = parse_painted(&text);
            prop_assert_eq!(parts, paint(&text));
            let shown = |query: Result<Query, QueryError>| {
                query.map(|query| query.to_string()).map_err(|error| error.to_string())
            };
            prop_assert_eq!(shown(query), shown(parse(&text)));
        }
    }
}
