//! One expression, or a list tried in order, against a text.
//!
//! Each text first meets the words that an expression cannot do without (one automaton for
//! the whole list), then the wider expression in linear time, and only then PCRE2, which
//! stops at its limit. What is found does not depend on the texts before.

use std::ops::Range;
use std::sync::OnceLock;

use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};
use regex_automata::hybrid::dfa::Cache;

use super::expand::expand;
use super::guard::Guard;
use super::literal::{Literals, required};
use super::pcre::{Form, print, print_compact};
use super::relax::relax;
use super::syntax::{Expression, parse};
use super::{GrokError, Kind, Library, Limit};

/// Steps that PCRE2 may take for one text of up to [`LONG_TEXT_BYTES`].
pub const MATCH_LIMIT: u32 = 100_000;
/// Steps that PCRE2 may take for a longer text.
pub const LONG_MATCH_LIMIT: u32 = 1_600_000;
/// From this length on a text may take more steps, in bytes.
pub const LONG_TEXT_BYTES: usize = 4096;
/// Memory that PCRE2's compiled code may use for its stack, in bytes.
const MAX_STACK_BYTES: usize = 1 << 20;
/// Memory that PCRE2 may use where the processor cannot run compiled code, in KiB.
const MAX_HEAP_KIB: u32 = 16 << 10;
/// After so many matches in a row PCRE2 is asked first.
const TRUSTED_AFTER: u32 = 32;

/// Compiled patterns; the first that matches wins.
#[derive(Debug)]
pub struct Grok {
    patterns: Vec<Pattern>,
    fields: Vec<String>,
    literals: Option<Literals>,
}

#[derive(Debug)]
struct Pattern {
    ascii: Engines,
    unicode: Engines,
    /// Group, field, type.
    groups: Vec<(usize, usize, Kind)>,
}

/// The engines for one form of an expression.
#[derive(Debug)]
struct Engines {
    printed: String,
    form: Form,
    guard: Guard,
    short: Regex,
    /// Long texts are rare.
    long: OnceLock<Option<Regex>>,
}

/// Memory for one match at a time; one for each worker.
#[derive(Debug, Default)]
pub struct Scratch {
    slots: Vec<Slots>,
    candidates: Vec<bool>,
    captures: Vec<(usize, Kind, Range<usize>)>,
}

/// For one pattern: for texts of ASCII, and for others.
#[derive(Debug, Default)]
struct Slots {
    ascii: Slot,
    unicode: Slot,
}

#[derive(Debug, Default)]
struct Slot {
    short: Option<CaptureLocations>,
    long: Option<CaptureLocations>,
    guard: Option<Cache>,
    /// Matches in a row.
    streak: u32,
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
        let mut words = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let (text, semantics) = expand(library, pattern.as_ref())?;
            let expression = parse(&text, &semantics)?;
            let mut groups = Vec::new();
            for (i, group) in expression.groups.iter().enumerate() {
                if let (Some(name), Some(number)) = (&group.name, expression.number(i)) {
                    let (field, kind) = name.field();
                    groups.push((number, grok.field(field), kind));
                }
            }
            let unicode = relax(&expression, Form::Unicode);
            words.push(required(&unicode));
            grok.patterns.push(Pattern {
                ascii: Engines::compile(&expression, Form::Ascii, relax(&expression, Form::Ascii))?,
                unicode: Engines::compile(&expression, Form::Unicode, unicode)?,
                groups,
            });
        }
        grok.literals = Literals::new(&words);
        Ok(grok)
    }

    /// The number of a field.
    fn field(&mut self, name: &str) -> usize {
        self.fields.iter().position(|f| f == name).unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        })
    }

    /// Names of the fields, by number.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Matches the text; what was found is in the scratch.
    ///
    /// # Errors
    /// [`Limit`] where a pattern gave up. Later patterns were not tried.
    pub fn find(&self, text: &str, scratch: &mut Scratch) -> Result<bool, Limit> {
        scratch.captures.clear();
        scratch.slots.resize_with(self.patterns.len(), Slots::default);
        if let Some(literals) = &self.literals {
            literals.candidates(text.as_bytes(), &mut scratch.candidates);
        }
        let is_ascii = text.is_ascii();
        for (i, (pattern, slots)) in self.patterns.iter().zip(&mut scratch.slots).enumerate() {
            if self.literals.is_some() && scratch.candidates.get(i) == Some(&false) {
                continue;
            }
            let (engines, slot) = match is_ascii {
                true => (&pattern.ascii, &mut slots.ascii),
                false => (&pattern.unicode, &mut slots.unicode),
            };
            let Some(locations) = engines.find(text, slot)? else { continue };
            for (group, field, kind) in &pattern.groups {
                // What matched nothing is no value.
                if let Some((start, end)) = locations.get(*group)
                    && start < end
                {
                    scratch.captures.push((*field, *kind, start..end));
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// As it would be if it were too large.
    #[cfg(test)]
    pub(super) fn compile_small(library: &Library, pattern: &str) -> Grok {
        let (text, semantics) = expand(library, pattern).expect("known names");
        let expression = parse(&text, &semantics).expect("an expression");
        Grok::with(library, pattern, |form, _| {
            regex(&print_compact(&expression, form), form, MATCH_LIMIT).expect("it compiles")
        })
    }

    /// As it would be without a just-in-time compiler.
    #[cfg(test)]
    pub(super) fn compile_slow(library: &Library, pattern: &str) -> Grok {
        Grok::with(library, pattern, |form, printed| {
            let printed = format!("(*NO_JIT)(*NO_START_OPT)(*LIMIT_MATCH={MATCH_LIMIT}){printed}");
            let mut builder = RegexBuilder::new();
            builder
                .dotall(true)
                .multi_line(true)
                .utf(form == Form::Unicode)
                .build(&printed)
                .expect("it compiles")
        })
    }

    #[cfg(test)]
    fn with(library: &Library, pattern: &str, regex: impl Fn(Form, &str) -> Regex) -> Grok {
        let mut grok = Grok::compile(library, &[pattern]).expect("it compiles");
        for pattern in &mut grok.patterns {
            for engines in [&mut pattern.ascii, &mut pattern.unicode] {
                engines.short = regex(engines.form, &engines.printed);
            }
        }
        grok
    }

    #[cfg(test)]
    pub(super) fn without_guards(mut self) -> Grok {
        self.literals = None;
        for pattern in &mut self.patterns {
            pattern.ascii.guard = Guard::none();
            pattern.unicode.guard = Guard::none();
        }
        self
    }

    #[cfg(test)]
    pub(super) fn has_guards(&self) -> bool {
        self.patterns.iter().all(|p| p.ascii.guard.is_there() && p.unicode.guard.is_there())
    }
}

impl Engines {
    fn compile(expression: &Expression, form: Form, relaxed: String) -> Result<Engines, GrokError> {
        let mut printed = print(expression, form);
        let short = regex(&printed, form, MATCH_LIMIT).or_else(|error| {
            printed = print_compact(expression, form);
            regex(&printed, form, MATCH_LIMIT).map_err(|_| error)
        });
        let short =
            short.map_err(|e| GrokError::Syntax(format!("this expression cannot be used: {}", plain(&e))))?;
        Ok(Engines { printed, form, guard: Guard::new(relaxed), short, long: OnceLock::new() })
    }

    fn find<'s>(&self, text: &str, slot: &'s mut Slot) -> Result<Option<&'s CaptureLocations>, Limit> {
        let Slot { short, long, guard, streak } = slot;
        let (regex, locations) = match self.long(text) {
            None => (&self.short, short),
            Some(regex) => (regex, long),
        };
        let text = text.as_bytes();
        // Texts of one kind come in a row: then the guard is a second look at the same.
        let trusted = *streak >= TRUSTED_AFTER;
        if !trusted && !self.guard.may_match(text, guard) {
            *streak = 0;
            return Ok(None);
        }
        let locations = locations.get_or_insert_with(|| regex.capture_locations());
        match regex.captures_read(locations, text) {
            Ok(Some(_)) => {
                *streak = streak.saturating_add(1);
                Ok(Some(locations))
            }
            Ok(None) => {
                *streak = 0;
                Ok(None)
            }
            Err(_) => {
                *streak = 0;
                // With the guard it would not have come so far.
                if trusted && !self.guard.may_match(text, guard) { Ok(None) } else { Err(Limit) }
            }
        }
    }

    /// The engine for texts that may take more steps.
    fn long(&self, text: &str) -> Option<&Regex> {
        if text.len() <= LONG_TEXT_BYTES {
            return None;
        }
        self.long.get_or_init(|| regex(&self.printed, self.form, LONG_MATCH_LIMIT).ok()).as_ref()
    }
}

fn regex(printed: &str, form: Form, limit: u32) -> Result<Regex, pcre2::Error> {
    RegexBuilder::new()
        .dotall(true)
        .multi_line(true)
        .utf(form == Form::Unicode)
        .jit_if_available(true)
        .max_jit_stack_size(Some(MAX_STACK_BYTES))
        .build(&format!("(*LIMIT_MATCH={limit})(*LIMIT_HEAP={MAX_HEAP_KIB}){printed}"))
}

/// PCRE2's words without its offset, which speaks of the printed expression.
fn plain(error: &pcre2::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(": ").map_or(text.as_str(), |(_, last)| last);
    text.to_owned()
}
