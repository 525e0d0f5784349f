//! One expression, or a list tried in order, against a text.
//!
//! Each text is first searched for the words that an expression requires (one automaton for the
//! whole list), then matched in linear time against a wider expression, and only then by PCRE2,
//! within its limits. The result does not depend on earlier texts.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::engines::{Engines, Slot};
use super::expand::expand;
use super::form::Form;
use super::literal::{Literals, required};
use super::relax::relax;
#[cfg(test)]
use super::syntax::Expression;
use super::syntax::parse;
use super::{GrokError, Kind, Library, Limit};

/// The number of the next [`Grok`]; no [`Grok`] has the number 0.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// Compiled patterns; the first that matches wins.
#[derive(Debug)]
pub struct Grok {
    /// No other [`Grok`] has this number.
    number: u64,
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

/// Memory for one match at a time; one for each worker. It is emptied when another [`Grok`] uses
/// it.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The number of the [`Grok`] that uses it.
    owner: u64,
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

impl Scratch {
    /// The values of the last match: number of the field, its type, and where in the text the value
    /// is.
    pub fn captures(&self) -> impl Iterator<Item = (usize, Kind, Range<usize>)> + '_ {
        self.captures.iter().cloned()
    }
}

impl Grok {
    /// Compiles expressions.
    ///
    /// # Errors
    /// What is wrong with the first wrong expression.
    pub fn compile(library: &Library, patterns: &[impl AsRef<str>]) -> Result<Grok, GrokError> {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mut grok =
            Grok { number, patterns: Vec::with_capacity(patterns.len()), fields: Vec::new(), literals: None };
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

    /// Matches the text; the values are in the scratch.
    ///
    /// # Errors
    /// [`Limit`] where a pattern gave up. Later patterns were not tried.
    pub fn find(&self, text: &str, scratch: &mut Scratch) -> Result<bool, Limit> {
        scratch.captures.clear();
        if scratch.owner != self.number {
            *scratch = Scratch { owner: self.number, ..Scratch::default() };
        }
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
                // A group that matched an empty text gives no value.
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

    /// Compiles a pattern with its engines changed.
    #[cfg(test)]
    fn with(library: &Library, pattern: &str, change: impl Fn(&Expression, &mut Engines)) -> Grok {
        let (text, semantics) = expand(library, pattern).expect("known names");
        let expression = parse(&text, &semantics).expect("an expression");
        let mut grok = Grok::compile(library, &[pattern]).expect("it compiles");
        for pattern in &mut grok.patterns {
            change(&expression, &mut pattern.ascii);
            change(&expression, &mut pattern.unicode);
        }
        grok
    }

    /// Compiles a pattern as if it were too large.
    #[cfg(test)]
    pub(super) fn compile_small(library: &Library, pattern: &str) -> Grok {
        Grok::with(library, pattern, |expression, engines| engines.make_small(expression))
    }

    /// Compiles a pattern as if there were no just-in-time compiler.
    #[cfg(test)]
    pub(super) fn compile_slow(library: &Library, pattern: &str) -> Grok {
        Grok::with(library, pattern, |_, engines| engines.make_slow())
    }

    /// The same without guards, so that PCRE2 alone decides.
    #[cfg(test)]
    pub(super) fn without_guards(mut self) -> Grok {
        self.literals = None;
        for pattern in &mut self.patterns {
            pattern.ascii.leave_guard();
            pattern.unicode.leave_guard();
        }
        self
    }

    #[cfg(test)]
    pub(super) fn has_guards(&self) -> bool {
        self.patterns.iter().all(|p| p.ascii.has_guard() && p.unicode.has_guard())
    }
}
