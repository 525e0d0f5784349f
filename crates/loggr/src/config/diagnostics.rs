//! The problems of a configuration file, shown with their places in it.
//!
//! All problems of a file are collected and shown together, in the file's order. This file knows
//! only texts, places and sentences, but no keys and values.

use std::fmt;
use std::ops::Range;

use strsim::damerau_levenshtein;

/// More problems than this are counted, not shown.
const MAX_SHOWN: usize = 50;
/// Longer lines are cut around the place that is shown.
const MAX_LINE_CHARS: usize = 160;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place in the text; `None` if the problem has none.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead, shown at the caret.
    pub help: Option<String>,
}

/// The error with all problems of a file. Its text shows each of them.
#[derive(Debug)]
pub struct ConfigError {
    text: String,
}

impl ConfigError {
    /// Renders the problems; `file` is the name of the text in messages.
    pub fn new(file: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| p.span.as_ref().map_or(usize::MAX, |s| s.start));
        problems.dedup();
        let count = match problems.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        let mut out = format!("{count} in `{}`", printable(file));
        for problem in problems.iter().take(MAX_SHOWN) {
            out.push_str("\n\n");
            render(file, text, problem, &mut out);
        }
        if problems.len() > MAX_SHOWN {
            out.push_str(&format!("\n\nand {} more", problems.len() - MAX_SHOWN));
        }
        ConfigError { text: out }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigError {}

/// The word nearest to what was written, if it is near enough to be a slip of the pen.
pub fn nearest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let written = written.to_lowercase();
    words
        .into_iter()
        .map(|word| (damerau_levenshtein(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| {
            let length = word.len().max(written.len());
            *distance <= (length / 3).clamp(1, 4) && *distance < length
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `did you mean …?`, or all the words when none is near.
pub fn suggest(written: &str, words: &[&str]) -> Option<String> {
    match nearest(written, words.iter().copied()).or_else(|| ending(written, words)) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if words.is_empty() || words.len() > 12 => None,
        None => Some(choose(words)),
    }
}

/// The only word that ends with what was written, as `client_ca` with `ca`.
fn ending<'w>(written: &str, words: &[&'w str]) -> Option<&'w str> {
    let end = format!("_{written}");
    let mut longer = words.iter().filter(|word| word.ends_with(&end));
    longer.next().copied().filter(|_| longer.next().is_none())
}

/// The words that are allowed instead.
pub fn choose(words: &[&str]) -> String {
    match words {
        [only] => format!("only `{only}` is possible"),
        words => format!("one of {}", list(words)),
    }
}

/// `` `a`, `b`, `c` ``
pub fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn render(file: &str, text: &str, problem: &Problem, out: &mut String) {
    let message = printable(&problem.message);
    let help = problem.help.as_deref().map(printable);
    let Some(span) = &problem.span else {
        out.push_str(&format!("{}: {message}", printable(file)));
        if let Some(help) = help {
            out.push_str(&format!("\n  = {help}"));
        }
        return;
    };
    let start = floor(text, span.start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = floor(text, span.end).clamp(start, line_end);
    let number = before.matches('\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let (line, indent, width) =
        window(&text[line_start..line_end], column - 1, text[start..end].chars().count());
    let gutter = " ".repeat(number.to_string().len());
    out.push_str(&format!("{}:{number}:{column}: {message}\n", printable(file)));
    out.push_str(&format!("{gutter} |\n{number} | {line}\n{gutter} | "));
    out.push_str(&" ".repeat(indent));
    out.push_str(&"^".repeat(width));
    if let Some(help) = help {
        out.push_str(&format!(" {help}"));
    }
}

/// The line, or its part around the place; where the carets begin and how many they are.
fn window(line: &str, at: usize, width: usize) -> (String, usize, usize) {
    let chars: Vec<char> = printable(line.trim_end()).chars().collect();
    let first = if chars.len() > MAX_LINE_CHARS { at.saturating_sub(MAX_LINE_CHARS / 2) } else { 0 };
    let part: String = chars.iter().skip(first).take(MAX_LINE_CHARS).collect();
    let indent = at - first;
    let room = part.chars().count().saturating_sub(indent).max(1);
    (part, indent, width.clamp(1, room))
}

/// One character for one character, so that the carets stay where they belong.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, span: Range<usize>, expect: &str) {
        let problem = Problem { span: Some(span), message: "wrong".into(), help: Some("right".into()) };
        let error = ConfigError::new("f", text, vec![problem]).to_string();
        assert_eq!(error.split_once("\n\n").unwrap().1, expect);
    }

    #[test]
    fn places() {
        check("ab = 1\n", 0..2, "f:1:1: wrong\n  |\n1 | ab = 1\n  | ^^ right");
        check("\n\ta = \"é\" b", 11..12, "f:2:10: wrong\n  |\n2 |  a = \"é\" b\n  |          ^ right");
        check("a = \"\"\"x\ny\"\"\"", 4..13, "f:1:5: wrong\n  |\n1 | a = \"\"\"x\n  |     ^^^^ right");
        check("a", 900..999, "f:1:2: wrong\n  |\n1 | a\n  |  ^ right");
        check("\x1b[31m", 0..1, "f:1:1: wrong\n  |\n1 | \u{fffd}[31m\n  | ^ right");
    }

    #[test]
    fn problems_stand_in_the_files_order_and_are_counted() {
        let problem = |at: Option<usize>| Problem {
            span: at.map(|at| at..at + 1),
            message: format!("{at:?}"),
            help: None,
        };
        let error =
            ConfigError::new("f", "ab", vec![problem(None), problem(Some(1)), problem(Some(0))]).to_string();
        let heads: Vec<&str> = error.lines().filter(|l| l.contains("f:") || l.contains("mistakes")).collect();
        assert_eq!(heads, ["3 mistakes in `f`", "f:1:1: Some(0)", "f:1:2: Some(1)", "f: None"]);
        let many = (0..60).map(|at| problem(Some(at))).collect();
        assert!(ConfigError::new("f", &"a".repeat(60), many).to_string().ends_with("and 10 more"));
    }

    #[test]
    fn slips_of_the_pen() {
        let words = ["listen", "listener", "localhost_only", "exchange"];
        assert_eq!(nearest("lisen", words), Some("listen"));
        assert_eq!(nearest("EXCHANGE", words), Some("exchange"));
        assert_eq!(nearest("localhost-only", words), Some("localhost_only"));
        assert_eq!(nearest("port", words), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("ab", ["a"]), Some("a"));
    }

    proptest! {
        #[test]
        fn any_place_in_any_text_is_shown(text in "(?s).{0,400}", at in 0usize..450, len in 0usize..450) {
            let problem = Problem { span: Some(at..at + len), message: String::new(), help: None };
            prop_assert!(ConfigError::new("f", &text, vec![problem]).to_string().contains('^'));
        }
    }
}
