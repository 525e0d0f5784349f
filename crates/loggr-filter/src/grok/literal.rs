//! Words that a text must contain for an expression to match, and one automaton that looks for
//! those of a whole list of expressions.

use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::hir::{Hir, HirKind};

/// Shorter literals than this turn hardly any text away.
const MIN_LITERAL_BYTES: usize = 2;
/// Most alternative words of one expression.
const MAX_WORDS: usize = 16;

/// Words of which every match contains one at least; `None` where none are known.
/// The expression is one of `relax`.
pub(super) fn required(pattern: &str) -> Option<Vec<Vec<u8>>> {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
    words(&hir).filter(|words| shortest(words) >= MIN_LITERAL_BYTES)
}

fn shortest(words: &[Vec<u8>]) -> usize {
    words.iter().map(Vec::len).min().unwrap_or(0)
}

fn words(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => words(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => words(&repetition.sub),
        // The longer and the fewer, the better.
        HirKind::Concat(parts) => parts.iter().filter_map(words).max_by_key(|words| {
            (shortest(words).min(8), MAX_WORDS.saturating_sub(words.len()), shortest(words))
        }),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(words(part)?);
            }
            all.sort();
            all.dedup();
            (all.len() <= MAX_WORDS).then_some(all)
        }
        _ => None,
    }
}

/// The required words of a list of expressions.
#[derive(Debug)]
pub(super) struct Literals {
    automaton: AhoCorasick,
    /// The expressions of each word.
    owners: Vec<Vec<usize>>,
    /// Expressions without words.
    always: Vec<bool>,
}

impl Literals {
    /// `None` where no expression has words.
    pub fn new(required: &[Option<Vec<Vec<u8>>>]) -> Option<Literals> {
        let mut needles: Vec<&[u8]> = Vec::new();
        let mut owners: Vec<Vec<usize>> = Vec::new();
        for (i, words) in required.iter().enumerate() {
            for word in words.iter().flatten() {
                match needles.iter().position(|n| n == word) {
                    Some(at) => owners.get_mut(at).into_iter().for_each(|same| same.push(i)),
                    None => {
                        needles.push(word);
                        owners.push(vec![i]);
                    }
                }
            }
        }
        if needles.is_empty() {
            return None;
        }
        // With one expression the first word decides, and the quickest search is enough, although
        // it finds no overlapping words.
        let kind = if required.len() == 1 { MatchKind::LeftmostFirst } else { MatchKind::Standard };
        let automaton = AhoCorasick::builder().match_kind(kind).build(&needles).ok()?;
        Some(Literals { automaton, owners, always: required.iter().map(Option::is_none).collect() })
    }

    /// Which expressions may match.
    pub fn candidates(&self, text: &[u8], out: &mut Vec<bool>) {
        out.clear();
        out.extend_from_slice(&self.always);
        if out.len() == 1 {
            let there = self.automaton.is_match(text);
            for pattern in self.owners.iter().flatten() {
                out.get_mut(*pattern).into_iter().for_each(|candidate| *candidate |= there);
            }
            return;
        }
        for found in self.automaton.find_overlapping_iter(text) {
            for pattern in self.owners.get(found.pattern().as_usize()).into_iter().flatten() {
                out.get_mut(*pattern).into_iter().for_each(|candidate| *candidate = true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grok::expand::expand;
    use crate::grok::form::Form;
    use crate::grok::relax::relax;
    use crate::grok::{Library, syntax::parse};

    #[track_caller]
    fn check(pattern: &str, expect: Option<&[&str]>) {
        let (text, semantics) = expand(&Library::legacy(), pattern).expect("known names");
        let expression = parse(&text, &semantics).expect("an expression");
        let words = required(&relax(&expression, Form::Unicode));
        let words =
            words.map(|all| all.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect());
        assert_eq!(
            words,
            expect.map(|all| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()),
            "{pattern}"
        );
    }

    #[test]
    fn words_that_every_match_has() {
        check("foo", Some(&["foo"]));
        check("a foo %{WORD:x} barbar", Some(&[" barbar"]));
        check("(?:foo|bar)+x", Some(&["bar", "foo"]));
        check("(?:foo|bar)*x", None);
        check("(?:foo|%{WORD})", None);
        check("(?i)foo", None);
        check("(?!foo)[a-z]", None);
        check("%{SSHD_FAILED}|%{SSHD_INVALID_USER}", Some(&["Failed ", "Invalid user "]));
    }
}
