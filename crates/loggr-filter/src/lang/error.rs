//! The errors of a filter's text, with their places.
//!
//! Every error is shown to the author of the filter, so there are no kinds.

use std::fmt;

/// How many characters of a long line are shown around the place.
const RENDER_WIDTH: usize = 100;

/// A range of bytes in a filter's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    pub(crate) fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }

    /// The range that holds both and everything between them, whichever comes first.
    pub(crate) fn through(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Line and column (in characters) of the beginning, both from 1.
    pub fn place(self, text: &str) -> (usize, usize) {
        let before = text.get(..self.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where.
    pub span: Span,
    /// What, without the place.
    pub message: String,
    /// What to write instead, if that is known.
    pub hint: Option<String>,
}

impl FilterError {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> FilterError {
        FilterError { span, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> FilterError {
        self.hint = Some(hint.into());
        self
    }

    /// `file:line:column: message`, the line, a caret below, the hint. No newline at the end.
    ///
    /// Control characters come out as spaces, so that a filter from elsewhere cannot reach a
    /// terminal.
    pub fn render(&self, file: &str, text: &str) -> String {
        let (line, column) = self.span.place(text);
        let shown = text.split('\n').nth(line - 1).unwrap_or("");
        let skip = column.saturating_sub(RENDER_WIDTH / 2 + 1);
        let visible: String = shown.chars().skip(skip).take(RENDER_WIDTH).map(harmless).collect();
        let marked = text.get(self.span.start..self.span.end).unwrap_or("");
        let marked = marked.split('\n').next().unwrap_or("").chars().count();
        let room = visible.chars().count().saturating_sub(column - 1 - skip);
        let caret = format!("{}{}", " ".repeat(column - 1 - skip), "^".repeat(marked.clamp(1, room.max(1))));
        let margin = " ".repeat(line.to_string().len());
        // Messages quote the text, and those about regular expressions have several lines.
        let said = |text: &str| -> String {
            text.chars().map(|c| if c == '\n' { c } else { harmless(c) }).collect()
        };
        let message = said(&self.message);
        let mut out = format!("{file}:{line}:{column}: {message}\n{line} | {visible}\n{margin} | {caret}");
        if let Some(hint) = &self.hint {
            out.push_str("\nhint: ");
            out.push_str(&said(hint));
        }
        out
    }
}

fn harmless(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// All that is wrong with one filter, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterErrors {
    file: String,
    text: String,
    errors: Vec<FilterError>,
    included: Vec<FilterErrors>,
}

impl FilterErrors {
    pub(crate) fn new(file: &str, text: &str, mut errors: Vec<FilterError>) -> FilterErrors {
        errors.sort_by_key(|e| e.span.start);
        FilterErrors { file: file.to_owned(), text: text.to_owned(), errors, included: Vec::new() }
    }

    /// With what is wrong with filters that this one includes; each has an error of its own here.
    pub(crate) fn with(mut self, included: Vec<FilterErrors>) -> FilterErrors {
        self.included = included;
        self
    }

    /// Each of them, without those of included filters.
    pub fn errors(&self) -> &[FilterError] {
        &self.errors
    }
}

impl fmt::Display for FilterErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&error.render(&self.file, &self.text))?;
        }
        for included in &self.included {
            write!(f, "\n{included}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FilterErrors {}
