//! Named patterns: the standard ones, and those of an operator's files.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::GrokError;

/// Longest line of a pattern file in bytes.
pub const MAX_PATTERN_BYTES: usize = 64 << 10;

/// Patterns by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    patterns: HashMap<String, String>,
}

/// What is wrong with a pattern file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for LibraryError {}

/// The files of one directory below `patterns`.
macro_rules! files {
    ($directory:literal: $($name:literal)*) => {
        &[$(include_str!(concat!("../../patterns/", $directory, "/", $name, ".grok"))),*]
    };
}

/// Patterns of both libraries that the data crate lacks, or has in another form.
const COMMON: &[&str] = files!("common":
    "bacula" "cisco" "core" "database" "exim" "firewall" "java" "mail" "syslog" "web");
/// Patterns with the classic names of fields.
const LEGACY: &[&str] = files!("legacy":
    "aws" "bacula" "cisco" "database" "dns" "exim" "firewall" "java" "mail" "nagios" "ruby" "syslog" "web"
    "zeek");
/// Patterns with the names of the Elastic Common Schema.
const ECS: &[&str] = files!("ecs":
    "aws" "bacula" "cisco" "database" "dns" "exim" "firewall" "haproxy" "java" "junos" "mail" "nagios" "ruby"
    "syslog" "web" "zeek");

impl Library {
    /// The standard patterns with the classic names of fields (`clientip`, `verb`, …).
    pub fn legacy() -> Arc<Library> {
        static LIBRARY: OnceLock<Arc<Library>> = OnceLock::new();
        LIBRARY.get_or_init(|| Arc::new(Library::standard(LEGACY))).clone()
    }

    /// The standard patterns with the names of the Elastic Common Schema
    /// (`source.address`, `http.request.method`, …) where there are such.
    pub fn ecs() -> Arc<Library> {
        static LIBRARY: OnceLock<Arc<Library>> = OnceLock::new();
        LIBRARY.get_or_init(|| Arc::new(Library::standard(ECS))).clone()
    }

    fn standard(texts: &[&str]) -> Library {
        let mut library = Library::default();
        for (name, pattern) in grok::patterns() {
            library.patterns.insert((*name).to_owned(), (*pattern).to_owned());
        }
        for text in COMMON.iter().chain(texts) {
            if let Err(error) = library.add_text(text) {
                unreachable!("BUG: a pattern file of ours: {error}");
            }
        }
        library
    }

    /// Adds the patterns of a file: a name, white space, the expression; `#` begins a comment line.
    /// A pattern replaces one of the same name.
    ///
    /// # Errors
    /// The first line that is not a definition; the lines before it were added.
    pub fn add_text(&mut self, text: &str) -> Result<(), LibraryError> {
        // Some editors begin a file with a mark that is no part of its text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            self.add(line).map_err(|message| LibraryError { line: number + 1, message })?;
        }
        Ok(())
    }

    /// Adds one pattern: a name, white space, the expression.
    ///
    /// # Errors
    /// Why it is not a definition.
    pub fn add(&mut self, definition: &str) -> Result<(), String> {
        if definition.len() > MAX_PATTERN_BYTES {
            return Err(format!("longer than {MAX_PATTERN_BYTES} bytes"));
        }
        let Some((name, pattern)) = definition.trim_start().split_once(char::is_whitespace) else {
            return Err(format!("`{definition}` is a name without an expression"));
        };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("`{name}` is no name: letters, digits and `_` alone"));
        }
        self.patterns.insert(name.to_owned(), pattern.trim_start().to_owned());
        Ok(())
    }

    /// The expression that a user means: a name alone stands for its pattern.
    ///
    /// # Errors
    /// The text looks like a name (capital letters, digits, `_`), but no pattern has this name.
    pub fn meant(&self, text: &str) -> Result<String, GrokError> {
        if self.get(text).is_some() {
            return Ok(format!("%{{{text}}}"));
        }
        let in_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if text.starts_with(|c: char| c.is_ascii_uppercase()) && text.len() > 1 && text.bytes().all(in_name) {
            let near = crate::nearest::nearest(text, self.names()).map(str::to_owned);
            return Err(GrokError::Unknown { name: text.to_owned(), within: String::new(), near });
        }
        Ok(text.to_owned())
    }

    /// The expression of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.patterns.get(name).map(String::as_str)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.patterns.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.into_iter()
    }
}
