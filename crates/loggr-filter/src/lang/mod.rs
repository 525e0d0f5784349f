//! The filter language: lexer, parser, checker, compiled program, explain.
//!
//! `lexer` → `parser` → `ast` → `compile` → `program`. Nothing here knows an engine by name
//! but through the table in [`crate::engines`].

mod ast;
mod cases;
mod codes;
mod compile;
mod error;
mod evaluate;
mod explain;
mod field;
mod foreign;
mod hint;
mod lexer;
mod parser;
mod predicate;
mod print;
mod program;
mod reference;
#[cfg(test)]
mod tests;

pub use cases::{Cases, CasesError, Failure};
pub use error::{FilterError, FilterErrors, Span};
pub use evaluate::MAX_VALUE_BYTES;
pub use field::{CORE_FIELDS, CoreField, CoreFieldRow};
pub use lexer::{MAX_LITERAL_BYTES, MAX_TEXT_BYTES};
pub use parser::{MAX_ERRORS, MAX_NESTING, MAX_STATEMENTS};
pub use predicate::Predicate;
pub use program::{Counters, Fate, PARSE_TAG, Program, RuleCount, Step};
pub use reference::reference;

pub(crate) use error::nearest;
pub(crate) use evaluate::ASSIGN_TAG;
pub(crate) use field::unseal;
