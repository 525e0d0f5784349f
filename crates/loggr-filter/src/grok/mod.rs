//! Grok: named patterns, expanded and matched in bounded time.
//!
//! `library` holds the patterns, `expand` puts them into one another, `syntax` reads Oniguruma's
//! dialect, in which grok patterns are written, `pcre` prints it for PCRE2, `relax` prints a wider
//! expression for a linear-time engine that turns away most texts quickly, `literal` finds words
//! that every match contains, `engines` limits the work of both engines, and `matcher` puts all of
//! it together.

mod engines;
mod expand;
mod form;
mod guard;
mod library;
mod literal;
mod matcher;
mod pcre;
mod relax;
mod scan;
mod syntax;

use std::fmt;

pub use engines::{MATCH_BUDGET, MATCH_LIMIT};
pub use library::{Library, LibraryError};
pub use matcher::{Grok, Scratch};
pub use syntax::MAX_GROUP_DEPTH;

/// Longest expression after all names were replaced, in bytes.
pub const MAX_EXPANDED_BYTES: usize = 1 << 20;
/// Deepest nesting of patterns in patterns.
pub const MAX_PATTERN_DEPTH: usize = 64;

/// Matching was given up, because the text took a pattern too much work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit;

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it was found.
    Text,
    /// A whole number, where it is one.
    Int,
    /// A number, where it is one.
    Float,
}

/// A value that `:int` or `:float` has turned into a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
}

impl Kind {
    /// The type of `%{…:field:word}`; other words than `int` and `float` leave the text.
    fn from_word(word: &str) -> Kind {
        match word {
            "int" | "integer" | "long" => Kind::Int,
            "float" | "double" => Kind::Float,
            _ => Kind::Text,
        }
    }

    /// The value as a number of this type: `:int` cuts fractions off. `None` if the type is text,
    /// or if the value is not a number: it then stays a text.
    ///
    /// ```
    /// use loggr_filter::grok::{Kind, Number};
    /// assert_eq!(Kind::Int.number("+042"), Some(Number::Int(42)));
    /// assert_eq!(Kind::Int.number("1.9"), Some(Number::Int(1)));
    /// assert_eq!(Kind::Float.number("3"), Some(Number::Float(3.0)));
    /// assert_eq!(Kind::Int.number("-"), None);
    /// ```
    pub fn number(self, value: &str) -> Option<Number> {
        let float = || value.parse::<f64>().ok().filter(|n| n.is_finite());
        match self {
            Kind::Text => None,
            Kind::Float => float().map(Number::Float),
            Kind::Int => match value.parse::<i64>() {
                Ok(number) => Some(Number::Int(number)),
                // A text with more digits than a number can hold stays a text.
                Err(_) => float()
                    .map(f64::trunc)
                    .filter(|n| n.abs() < MAX_EXACT_FLOAT)
                    .map(|n| Number::Int(n as i64)),
            },
        }
    }
}

/// Every whole number up to this one is exact as a float.
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => number.fmt(f),
            Number::Float(number) => number.fmt(f),
        }
    }
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrokError {
    /// A name that no pattern has.
    Unknown {
        /// The name.
        name: String,
        /// The pattern that uses it; empty is the expression itself.
        within: String,
        /// A name that looks like it.
        near: Option<String>,
    },
    /// A pattern contains itself.
    Cycle {
        /// Its name.
        name: String,
    },
    /// The expression is too long or too deep when all names are replaced.
    TooLarge,
    /// The text is not an expression.
    Syntax(String),
}

impl fmt::Display for GrokError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GrokError::Unknown { name, within, .. } if within.is_empty() => {
                write!(f, "there is no pattern `{name}`")
            }
            GrokError::Unknown { name, within, .. } => {
                write!(f, "there is no pattern `{name}`, which `{within}` uses")
            }
            GrokError::Cycle { name } => write!(f, "the pattern `{name}` contains itself"),
            GrokError::TooLarge => write!(
                f,
                "the expression has more than {MAX_EXPANDED_BYTES} bytes or is nested deeper than {MAX_PATTERN_DEPTH} when its names are replaced"
            ),
            GrokError::Syntax(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for GrokError {}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod names;
#[cfg(test)]
mod tests;
