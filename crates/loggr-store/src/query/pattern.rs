//! A regular expression in a query: compiled once, with limits, and with the literal
//! pieces that any hit must contain.
//!
//! Case-insensitive unless it says `(?-i)`. Not anchored: `/5../` finds `x500`.
//!
//! Invariant: if a text matches, its folded form contains every piece of [`Pattern::required`]. An
//! index may skip texts that lack one of them.

use std::fmt;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, print::Printer};

/// Limit of one compiled expression, in bytes.
pub const MAX_REGEX_COMPILED_BYTES: usize = 1 << 20;
/// Limit of the lazily built automaton of one expression, in bytes.
pub const MAX_REGEX_CACHE_BYTES: usize = 1 << 20;
/// How deep an expression may be nested.
pub const MAX_REGEX_DEPTH: u32 = 50;

/// A compiled regular expression. Equal to another if their sources are.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    regex: regex::bytes::Regex,
    hir: Hir,
    required: Vec<String>,
}

impl Pattern {
    /// Compiles.
    ///
    /// # Errors
    /// The text of what is wrong with it, on one line.
    pub(super) fn new(source: &str) -> Result<Pattern, String> {
        let hir = regex_syntax::ParserBuilder::new()
            .case_insensitive(true)
            .nest_limit(MAX_REGEX_DEPTH)
            .build()
            .parse(source)
            .map_err(|e| match e {
                regex_syntax::Error::Parse(e) => e.kind().to_string(),
                regex_syntax::Error::Translate(e) => e.kind().to_string(),
                _ => "it cannot be read".to_owned(),
            })?;
        let hir = ascii_letters(&hir);
        let mut printed = String::new();
        Printer::new().print(&hir, &mut printed).map_err(|_| "it cannot be read".to_owned())?;
        let regex = regex::bytes::RegexBuilder::new(&printed)
            .size_limit(MAX_REGEX_COMPILED_BYTES)
            .dfa_size_limit(MAX_REGEX_CACHE_BYTES)
            .build()
            .map_err(|e| match e {
                regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
                _ => "it cannot be compiled".to_owned(),
            })?;
        let mut literals = Literals::default();
        literals.walk(&hir);
        literals.flush();
        Ok(Pattern { source: source.to_owned(), regex, hir, required: literals.found })
    }

    /// As it was written between the slashes, without the escapes of `/`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The compiled expression. It may run over the text as received or folded.
    pub fn regex(&self) -> &regex::bytes::Regex {
        &self.regex
    }

    /// The parsed expression, cases folded: for stores that have an engine of their own.
    pub(crate) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// Folded texts that the folded form of every matching text contains.
    pub fn required(&self) -> &[String] {
        &self.required
    }

    /// Does it match somewhere in a text?
    #[inline]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

/// Takes the long s and the Kelvin sign out of the class of a single letter, where case
/// folding has put them: letters of ASCII fold to letters of ASCII alone, as in words.
fn ascii_letters(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            let folded: &[char] = &['\u{17f}', '\u{212a}'];
            let ranges = class.ranges();
            let kept: Vec<ClassUnicodeRange> = ranges
                .iter()
                .copied()
                .filter(|r| !(r.start() == r.end() && folded.contains(&r.start())))
                .collect();
            match one_letter(&kept) {
                Some(_) if ranges.len() == 3 => Hir::class(Class::Unicode(ClassUnicode::new(kept))),
                _ => hir.clone(),
            }
        }
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(ascii_letters(&repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => ascii_letters(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(ascii_letters).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(ascii_letters).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

/// The lower-case letter, if the ranges are just an ASCII letter in both cases.
fn one_letter(ranges: &[ClassUnicodeRange]) -> Option<u8> {
    let [upper, lower] = ranges else { return None };
    let both_single = upper.start() == upper.end() && lower.start() == lower.end();
    let letter = u8::try_from(lower.start()).ok()?;
    let pair = letter.is_ascii_lowercase() && upper.start() == char::from(letter.to_ascii_uppercase());
    (both_single && pair).then_some(letter)
}

/// Collects the literal runs that every match contains.
#[derive(Default)]
struct Literals {
    run: Vec<u8>,
    found: Vec<String>,
}

impl Literals {
    fn flush(&mut self) {
        let run = std::mem::take(&mut self.run);
        if let Ok(mut text) = String::from_utf8(run)
            && !text.is_empty()
        {
            text.make_ascii_lowercase();
            self.found.push(text);
        }
    }

    fn walk(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Literal(literal) => self.run.extend_from_slice(&literal.0),
            HirKind::Class(Class::Unicode(class)) => match one_letter(class.ranges()) {
                Some(letter) => self.run.push(letter),
                None => self.flush(),
            },
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.walk(part)),
            HirKind::Capture(capture) => self.walk(&capture.sub),
            HirKind::Repetition(repetition) => {
                self.flush();
                if repetition.min > 0 {
                    self.walk(&repetition.sub);
                    self.flush();
                }
            }
            HirKind::Class(Class::Bytes(_)) | HirKind::Alternation(_) => self.flush(),
            // Nothing of the text lies between what stands on both sides of it.
            HirKind::Look(_) | HirKind::Empty => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(source: &str, required: &[&str]) {
        assert_eq!(Pattern::new(source).unwrap().required(), required, "`{source}`");
    }

    #[test]
    fn literals_that_every_match_contains() {
        check("root from 185\\.1[0-9]+\\.", &["root from 185.1", "."]);
        check("Timeout after \\d+ms", &["timeout after ", "ms"]);
        check("a|b", &[]);
        check("(abc)+d?", &["abc"]);
        check("foo\\bbar", &["foobar"]);
        check("x(?:yes|no)z", &["x", "z"]);
        check("Ärger", &["rger"]);
        check("日本", &["日本"]);
        check("(?-i)FOO", &["foo"]);
        check(".*", &[]);
        check("^$", &[]);
    }

    #[test]
    fn letters_of_ascii_fold_to_letters_of_ascii() {
        let pattern = Pattern::new("mask").unwrap();
        assert!(pattern.is_match("MASK") && pattern.is_match("mAsK"));
        assert!(!pattern.is_match("ma\u{17f}k") && !pattern.is_match("mas\u{212a}"));
        assert!(Pattern::new("[^s]").unwrap().is_match("x"));
        assert!(!Pattern::new("[^s]").unwrap().is_match("S"));
    }

    #[track_caller]
    fn check_error(source: &str, expect: &str) {
        assert_eq!(Pattern::new(source).map(|_| ()).unwrap_err(), expect);
    }

    #[test]
    fn errors_are_one_line() {
        check_error("(", "unclosed group");
        check_error("a{1000}{1000}", "it compiles to more than 1048576 bytes");
        check_error(&"(".repeat(60), "unclosed group");
        let deep = format!("{}a{}", "(".repeat(60), ")".repeat(60));
        check_error(&deep, "exceed the maximum number of nested parentheses/brackets (50)");
    }

    proptest! {
        #[test]
        fn a_matching_text_contains_what_is_required(
            source in "[a-cK]{0,3}(\\(a\\|b\\)|\\[ab\\]|\\(bc\\)\\+|\\(\\?-i:K\\)|x\\?|\\.)?[a-cs]{0,2}",
            text in "[a-cA-CkKsS\u{17f}\u{212a}]{0,12}",
        ) {
            let pattern = Pattern::new(&source).unwrap();
            if pattern.is_match(&text) {
                let folded = crate::tokens::fold(&text);
                prop_assert!(pattern.required().iter().all(|r| folded.contains(r.as_str())));
            }
            prop_assert_eq!(pattern.is_match(&text), regex_of(&source).is_match(&text.replace(['\u{17f}', '\u{212a}'], "\u{1}")));
        }
    }

    /// The expression as the regex crate sees it. The texts hold nothing that folds
    /// to ASCII from outside.
    fn regex_of(source: &str) -> regex::Regex {
        regex::RegexBuilder::new(source).case_insensitive(true).build().unwrap()
    }
}
