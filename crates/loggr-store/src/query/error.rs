//! The errors of a query's text, with their places.
//!
//! Every error is shown to the author of the query, so there are no kinds.

use std::fmt;

/// How many characters of a long line [`QueryError::render`] shows around the place.
const RENDER_WIDTH: usize = 100;

/// A query that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryError {
    offset: usize,
    column: usize,
    message: String,
    hint: Option<String>,
}

impl QueryError {
    pub(super) fn new(text: &str, offset: usize, message: impl Into<String>) -> QueryError {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        QueryError { offset: before.len(), column, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> QueryError {
        self.hint = Some(hint.into());
        self
    }

    /// Offset in bytes from the start of the text.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Column in characters from the start of the line, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead, if that is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Several lines: the message, the line of `text` with a caret below, the hint.
    ///
    /// Control characters of the text come out as spaces, so that a pasted query cannot
    /// reach a terminal. There is no newline at the end.
    ///
    /// ```
    /// let text = "host:web01 (a OR";
    /// let error = loggr_store::query::parse(text).unwrap_err();
    /// assert_eq!(error.render(text), "column 17: `OR` needs something on its right\n  host:web01 (a OR\n                  ^\nhint: to search for the word, write \"OR\" in quotes");
    /// ```
    pub fn render(&self, text: &str) -> String {
        let at = self.offset.min(text.len());
        let start = text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        let line = text.get(start..).unwrap_or("").lines().next().unwrap_or("");
        let skip = self.column.saturating_sub(RENDER_WIDTH / 2 + 1);
        let mut shown = String::new();
        for c in line.chars().skip(skip).take(RENDER_WIDTH) {
            shown.push(if c.is_control() { ' ' } else { c });
        }
        let caret = " ".repeat(self.column - 1 - skip);
        let mut out = format!("{self}\n  {shown}\n  {caret}^");
        if let Some(hint) = &self.hint {
            out.push_str("\nhint: ");
            out.push_str(hint);
        }
        out
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for QueryError {}
