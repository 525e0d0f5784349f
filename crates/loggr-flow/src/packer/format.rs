//! Formats that say how the first line of an event looks: `$DATETIME [$SEVERITY] $MESSAGE`.
//!
//! A format only says whether a text begins so; a filter takes texts apart. A format becomes one
//! regular expression, matched in linear time.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Longest format in bytes.
pub const MAX_FORMAT_BYTES: usize = 1024;
/// Largest compiled format in bytes.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// The variables: name, what it stands for, expression.
pub const VARIABLES: [(&str, &str, &str); 7] = [
    (
        "DATETIME",
        "a date with its time, as programs write it: ISO 8601, syslog, ctime, the common log format, seconds since 1970, …",
        DATETIME,
    ),
    ("SEVERITY", "a severity by name, in any case: `ERROR`, `warn`, `Info`, …", SEVERITY),
    ("FACILITY", "a facility by name: `daemon`, `local0`, …", FACILITY),
    ("APP_NAME", "a program's name: no white space and no `[`", r"[^\s\[]+"),
    ("MESSAGE", "anything, also nothing", r".*"),
    ("WORD", "anything without white space", r"\S+"),
    ("INT", "a number, maybe with a sign", r"[+-]?\d+\b"),
];

const DATETIME: &str = concat!(
    r"(?:",
    // 2026-03-01T12:00:00.123+01:00, 2026/03/01 12:00:00,123
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:T|[ \t]+)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?",
    // 20260301T120000Z
    r"|\d{8}[T-]?\d{6}(?:Z|[+-]\d{4})?",
    // 01/Mar/2026:12:00:00 +0000, 01.03.2026 12:00, 1-Mar-26 12:00:00
    r"|\d{1,2}[-/. ](?:\d{1,2}|[A-Z][a-z]{2})[-/. ]\d{2,4}(?::|,?[ \t]+)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?(?:[AP]M|Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?",
    // Mar  1 12:00:00, Sun Mar  1 12:00:00 2026, Mar 01, 2026 3:23:29 PM
    r"|(?:[A-Z][a-z]{2},? +)?[A-Z][a-z]{2} +\d{1,2}(?:,? \d{4})?,? +\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?(?: [AP]M)?(?: [A-Z]{2,5}| [+-]\d{4})?(?: \d{4})?",
    // Sun, 01 Mar 2026 12:00:00 +0000
    r"|[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{2,4} \d{2}:\d{2}:\d{2}(?: (?:[A-Z]{1,5}|[+-]\d{4}))?",
    // 1772366400.123, 1772366400123
    r"|\d{10}(?:\.\d+)?\b|\d{13}\b",
    r")"
);

const SEVERITY: &str = r"(?i:emerg(?:ency)?|panic|alert|crit(?:ical)?|fatal|severe|err(?:or)?|warn(?:ing)?|notice|info(?:rmation(?:al)?)?|debug|trace|verbose|fine(?:r|st)?)\b";

const FACILITY: &str = r"(?i:kern|user|mail|daemon|auth(?:priv)?|security|syslog|lpr|news|uucp|cron|ftp|ntp|audit|clock|local[0-7])\b";

/// How the first line of an event looks.
#[derive(Clone, Debug)]
pub struct StartFormat {
    text: String,
    regex: Regex,
}

/// What is wrong with a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// Where in the format, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Two formats are equal if they were read from the same text.
impl PartialEq for StartFormat {
    fn eq(&self, other: &StartFormat) -> bool {
        self.text == other.text
    }
}

impl Eq for StartFormat {}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FormatError {}

impl StartFormat {
    /// Reads a format: text, and the variables of [`VARIABLES`] as `$NAME` or `${NAME}`. `$$`
    /// is a dollar sign. White space stands for any amount of it.
    ///
    /// # Errors
    /// An unknown variable, or a format that fits everything.
    pub fn parse(text: &str) -> Result<StartFormat, FormatError> {
        let wrong = |offset, message: String, hint: Option<String>| FormatError { offset, message, hint };
        if text.len() > MAX_FORMAT_BYTES {
            let message = format!("a format has at most {MAX_FORMAT_BYTES} bytes, this one {}", text.len());
            return Err(wrong(MAX_FORMAT_BYTES, message, None));
        }
        let mut regex = String::from("^");
        let mut says_something = false;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let at = text.len() - rest.len();
            if let Some(name) = rest.strip_prefix('$') {
                if let Some(after) = name.strip_prefix('$') {
                    regex.push_str(r"\$");
                    says_something = true;
                    rest = after;
                    continue;
                }
                let (name, after) = variable(name);
                let Some((_, _, expression)) = VARIABLES.iter().find(|(known, ..)| *known == name) else {
                    let message = match name {
                        "" => "a `$` without a name".to_owned(),
                        name => format!("there is no variable `${name}` in a format"),
                    };
                    let known: Vec<String> = VARIABLES.iter().map(|(n, ..)| format!("`${n}`")).collect();
                    let hint = format!("the variables are {}; `$$` is a dollar sign", known.join(", "));
                    return Err(wrong(at, message, Some(hint)));
                };
                says_something |= name != "MESSAGE";
                regex.push_str(expression);
                rest = after;
            } else if first.is_whitespace() {
                regex.push_str(r"\s+");
                rest = rest.trim_start();
            } else {
                regex.push_str(&regex::escape(first.encode_utf8(&mut [0; 4])));
                says_something = true;
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        if !says_something {
            let message = "this format fits every line".to_owned();
            let hint = "say how the first line of an event differs: `$DATETIME $MESSAGE`".to_owned();
            return Err(wrong(0, message, Some(hint)));
        }
        let built =
            RegexBuilder::new(&regex).dot_matches_new_line(true).size_limit(MAX_COMPILED_BYTES).build();
        match built {
            Ok(regex) => Ok(StartFormat { text: text.to_owned(), regex }),
            Err(_) => Err(wrong(0, "this format is too large".to_owned(), None)),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text begins like this format.
    pub fn fits(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// The name behind a `$`, and what follows it.
fn variable(text: &str) -> (&str, &str) {
    if let Some(braced) = text.strip_prefix('{')
        && let Some((name, after)) = braced.split_once('}')
    {
        return (name, after);
    }
    let end = text.bytes().position(|b| !b.is_ascii_uppercase() && b != b'_').unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(format: &str, text: &str, expect: bool) {
        assert_eq!(StartFormat::parse(format).unwrap().fits(text), expect, "{format} on {text}");
    }

    #[test]
    fn dates_and_times() {
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.123456+01:00",
            "2026-03-01 12:00:00,123",
            "2026-03-01 12:00:00.123 UTC",
            "2026/03/01 12:00:00",
            "2026-03-01 12:00",
            "20260301T120000Z",
            "01/Mar/2026:12:00:00 +0000",
            "01.03.2026 12:00:00",
            "03/01/2026, 3:00:00 PM",
            "01-Mar-2026 12:00:00.5",
            "1 Mar 2026 12:00:00",
            "Mar  1 12:00:00",
            "Sun Mar  1 12:00:00 2026",
            "Sun Mar  1 12:00:00 CET 2026",
            "Mar 01, 2026 3:23:29 PM",
            "Sun, 01 Mar 2026 12:00:00 +0000",
            "1772366400.123",
            "1772366400123",
        ] {
            check("$DATETIME", text, true);
            check("[$DATETIME] $MESSAGE", &format!("[{text}] x"), true);
            check("$DATETIME|$INT", &format!("{text}|7"), true);
        }
        for text in ["", "12:00:00", "March", "2026-03-01", "at 2026-03-01T12:00:00Z", "177236640", "1.2.3.4"]
        {
            check("$DATETIME", text, false);
        }
    }

    #[test]
    fn variables_and_text() {
        check("$SEVERITY: $MESSAGE", "ERROR: it failed", true);
        check("$SEVERITY: $MESSAGE", "Warning:  it failed", true);
        check("$SEVERITY $MESSAGE", "errors happen", false);
        check("$DATETIME $SEVERITY $MESSAGE", "2026-03-01 12:00:00,123 INFO started", true);
        check("$DATETIME $SEVERITY $MESSAGE", "2026-03-01 12:00:00,123 started", false);
        check("$FACILITY.$SEVERITY $APP_NAME[$INT]: $MESSAGE", "local0.err sshd[77]: x", true);
        check("$FACILITY.$SEVERITY $APP_NAME[$INT]: $MESSAGE", "local9.err sshd[77]: x", false);
        check("[$WORD] $INT", "[main] -12 x", true);
        check("[$WORD] $INT", "[main] 12x", false);
        check("$WORD  $WORD", "a \t b", true);
        check("$WORD $WORD", "ab", false);
        check("$$5 (+ tax)", "$5 (+ tax) and more", true);
        check("${INT}x", "12x", false);
        check("${WORD}x", "12x", true);
        check("$MESSAGE: $INT", "anything\nat all: 5", true);
        check("größe $INT", "größe 7", true);
    }

    #[test]
    fn what_cannot_be_a_format() {
        #[track_caller]
        fn check(format: &str, offset: usize, message: &str) {
            let error = StartFormat::parse(format).unwrap_err();
            assert_eq!((error.offset, error.message.as_str()), (offset, message));
        }
        check("$DATETIME $NAME x", 10, "there is no variable `$NAME` in a format");
        check("cost: $", 6, "a `$` without a name");
        check("$MESSAGE", 0, "this format fits every line");
        check("  ", 0, "this format fits every line");
        check("", 0, "this format fits every line");
        let long = "x".repeat(MAX_FORMAT_BYTES + 1);
        check(&long, MAX_FORMAT_BYTES, "a format has at most 1024 bytes, this one 1025");
        assert_eq!(
            StartFormat::parse("$FOO").unwrap_err().hint.as_deref(),
            Some(
                "the variables are `$DATETIME`, `$SEVERITY`, `$FACILITY`, `$APP_NAME`, `$MESSAGE`, `$WORD`, `$INT`; \
                 `$$` is a dollar sign"
            )
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_format_or_an_error(text in "(\\$\\$|\\$[A-Z]{0,8}|\\$\\{|[ \\[\\]x}é]|.){0,12}", line in ".{0,40}") {
            if let Ok(format) = StartFormat::parse(&text) {
                format.fits(&line);
            }
        }

        #[test]
        fn a_text_without_variables_fits_itself(text in "[!-#%-~é]{1,20}", tail in ".{0,10}") {
            let format = StartFormat::parse(&text).unwrap();
            let line = text + &tail;
            prop_assert!(format.fits(&line));
        }
    }
}
