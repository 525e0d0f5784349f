//! One expression, or a list tried in order, against a text.
//!
//! Each text first meets the literals that an expression cannot do without (one automaton
//! for the whole list), then the relaxed expression in linear time, and only then PCRE2,
//! which stops at [`MATCH_LIMIT`].

use std::ops::Range;

use aho_corasick::AhoCorasick;
use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use super::expand::expand;
use super::relax::relax;
use super::translate::{Translated, translate};
use super::{GrokError, Kind, Library, Limit};

/// Steps that PCRE2 may take for one text.
pub const MATCH_LIMIT: u32 = 100_000;
/// Memory that PCRE2's compiled code may use for its stack, in bytes.
const MAX_STACK_BYTES: usize = 1 << 20;
/// Largest compiled guard in bytes.
const MAX_GUARD_BYTES: usize = 4 << 20;
/// Shorter literals than this turn hardly any text away.
const MIN_LITERAL_BYTES: usize = 2;

/// Compiled patterns; the first that matches wins.
#[derive(Debug)]
pub struct Grok {
    patterns: Vec<Pattern>,
    fields: Vec<String>,
    literals: Option<Literals>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    guard: Option<regex::bytes::Regex>,
    /// Group, field, type.
    groups: Vec<(usize, usize, Kind)>,
}

/// What patterns cannot do without.
#[derive(Debug)]
struct Literals {
    automaton: AhoCorasick,
    /// The literal's patterns.
    patterns: Vec<Vec<usize>>,
    /// Patterns without a literal.
    always: Vec<bool>,
}

/// Memory for one match at a time; one for each worker.
#[derive(Debug, Default)]
pub struct Scratch {
    locations: Vec<Option<CaptureLocations>>,
    candidates: Vec<bool>,
    captures: Vec<(usize, Kind, Range<usize>)>,
}

impl Scratch {
    /// What the last match found: number of the field, and where in the text its value is.
    pub fn captures(&self) -> impl Iterator<Item = (usize, Kind, Range<usize>)> + '_ {
        self.captures.iter().cloned()
    }
}

impl Grok {
    /// Compiles expressions.
    ///
    /// # Errors
    /// What is wrong with the first that is wrong.
    pub fn compile(library: &Library, patterns: &[impl AsRef<str>]) -> Result<Grok, GrokError> {
        let mut grok =
            Grok { patterns: Vec::with_capacity(patterns.len()), fields: Vec::new(), literals: None };
        let mut literals = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let (text, semantics) = expand(library, pattern.as_ref())?;
            let translated = translate(&text, &semantics)?;
            let (pattern, literal) = compile(&translated, &mut grok.fields)?;
            grok.patterns.push(pattern);
            literals.push(literal);
        }
        grok.literals = Literals::new(&literals);
        Ok(grok)
    }

    /// Names of the fields, by number.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Matches the text; what was found is in the scratch.
    ///
    /// # Errors
    /// [`Limit`] where a pattern gave up. Later patterns were not tried.
    pub fn find(&self, text: &[u8], scratch: &mut Scratch) -> Result<bool, Limit> {
        scratch.captures.clear();
        scratch.locations.resize_with(self.patterns.len(), || None);
        if let Some(literals) = &self.literals {
            literals.candidates(text, &mut scratch.candidates);
        }
        for (i, pattern) in self.patterns.iter().enumerate() {
            if self.literals.is_some() && scratch.candidates.get(i) == Some(&false) {
                continue;
            }
            if pattern.guard.as_ref().is_some_and(|guard| !guard.is_match(text)) {
                continue;
            }
            let Some(slot) = scratch.locations.get_mut(i) else { continue };
            let locations = slot.get_or_insert_with(|| pattern.regex.capture_locations());
            match pattern.regex.captures_read(locations, text) {
                Err(_) => return Err(Limit),
                Ok(None) => {}
                Ok(Some(_)) => {
                    for (group, field, kind) in &pattern.groups {
                        if let Some((start, end)) = locations.get(*group)
                            && start < end
                        {
                            scratch.captures.push((*field, *kind, start..end));
                        }
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    #[cfg(test)]
    pub(super) fn without_guards(mut self) -> Grok {
        self.literals = None;
        self.patterns.iter_mut().for_each(|p| p.guard = None);
        self
    }

    #[cfg(test)]
    pub(super) fn has_guards(&self) -> bool {
        self.patterns.iter().all(|p| p.guard.is_some())
    }
}

fn compile(
    translated: &Translated,
    fields: &mut Vec<String>,
) -> Result<(Pattern, Option<Vec<u8>>), GrokError> {
    let limited = format!("(*LIMIT_MATCH={MATCH_LIMIT}){}", translated.pattern);
    let regex = RegexBuilder::new()
        .dotall(true)
        .multi_line(true)
        .utf(!translated.pattern.is_ascii())
        .jit_if_available(true)
        .max_jit_stack_size(Some(MAX_STACK_BYTES))
        .build(&limited)
        .map_err(|e| GrokError::Syntax(format!("this expression cannot be used: {}", plain(&e))))?;
    let relaxed = if translated.refers { None } else { relax(&translated.pattern) };
    let guard = relaxed
        .as_deref()
        .and_then(|text| regex::bytes::RegexBuilder::new(text).size_limit(MAX_GUARD_BYTES).build().ok());
    let literal = relaxed.as_deref().filter(|_| guard.is_some()).and_then(required_literal);
    let groups = translated.groups.iter().map(|(group, field, kind)| {
        let name = translated.fields.get(*field).cloned().unwrap_or_default();
        let index = fields.iter().position(|f| *f == name).unwrap_or_else(|| {
            fields.push(name);
            fields.len() - 1
        });
        (*group, index, *kind)
    });
    let groups = groups.collect();
    Ok((Pattern { regex, guard, groups }, literal))
}

/// PCRE2's words without its offset, which speaks of the expanded expression.
fn plain(error: &pcre2::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(": ").map_or(text.as_str(), |(_, last)| last);
    text.to_owned()
}

/// The longest literal that every match contains.
fn required_literal(pattern: &str) -> Option<Vec<u8>> {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
    longest(&hir).filter(|l| l.len() >= MIN_LITERAL_BYTES)
}

fn longest(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_vec()),
        HirKind::Capture(capture) => longest(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(longest).max_by_key(Vec::len),
        _ => None,
    }
}

impl Literals {
    fn new(literals: &[Option<Vec<u8>>]) -> Option<Literals> {
        let mut needles: Vec<Vec<u8>> = Vec::new();
        let mut patterns: Vec<Vec<usize>> = Vec::new();
        for (i, literal) in literals.iter().enumerate() {
            let Some(literal) = literal else { continue };
            match needles.iter().position(|n| n == literal) {
                Some(at) => {
                    if let Some(same) = patterns.get_mut(at) {
                        same.push(i);
                    }
                }
                None => {
                    needles.push(literal.clone());
                    patterns.push(vec![i]);
                }
            }
        }
        if needles.is_empty() {
            return None;
        }
        let automaton = AhoCorasick::new(&needles).ok()?;
        let always = literals.iter().map(Option::is_none).collect();
        Some(Literals { automaton, patterns, always })
    }

    fn candidates(&self, text: &[u8], out: &mut Vec<bool>) {
        out.clear();
        out.extend_from_slice(&self.always);
        for found in self.automaton.find_overlapping_iter(text) {
            for pattern in self.patterns.get(found.pattern().as_usize()).into_iter().flatten() {
                if let Some(candidate) = out.get_mut(*pattern) {
                    *candidate = true;
                }
            }
        }
    }
}
