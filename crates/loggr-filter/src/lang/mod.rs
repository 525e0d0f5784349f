//! The filter language: lexer, parser, checker, compiled program, explain.
//!
//! `lexer` → `parser` → `ast` → `compile` → `node` → `program`. Engines are known here only through
//! the table in [`crate::engines`].

mod ast;
mod calls;
mod cases;
mod codes;
mod compile;
mod counters;
mod error;
mod evaluate;
mod explain;
mod foreign;
mod hint;
mod include;
mod lexer;
mod node;
mod parser;
mod predicate;
mod print;
mod program;
mod reference;
#[cfg(test)]
mod tests;

pub use crate::field::MAX_VALUE_BYTES;
pub use cases::{Cases, CasesError, Failure};
pub use counters::{Counters, RuleCount, Step};
pub use error::{FilterError, FilterErrors, Span};
pub use include::MAX_INCLUDES;
pub use lexer::{MAX_LITERAL_BYTES, MAX_TEXT_BYTES};
pub use parser::{MAX_ERRORS, MAX_NESTING, MAX_STATEMENTS};
pub use predicate::Predicate;
pub use program::{Fate, PARSE_TAG, Program};
pub use reference::reference;
