//! Reads one section of the file by its table of keys, and collects the problems.
//!
//! A wrong value is noted and replaced by its default, so that reading goes on and all
//! mistakes of a file are found at once. Asking for a key that the table does not have,
//! or for one without a default as if it had one, is a bug and panics.

mod language;
mod plain;
mod remote;
mod value;

use std::collections::HashMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::choice::Choice;
use super::diagnostics::{Problem, choose, list, suggest};
use super::keys::{Key, Section, Takes};
use value::{Read, Value, expected, is_empty};

pub use plain::check_name;

/// One section while it is read.
pub struct Reader<'r, 't> {
    section: &'static Section,
    /// The name of the section in messages: `[[listener]]`, `[ship.archive]`.
    title: String,
    table: Option<&'r DeTable<'t>>,
    /// The place of its header.
    place: Option<Range<usize>>,
    problems: &'r mut Vec<Problem>,
    failed: Vec<&'static str>,
}

/// Where the values of a section stand, for problems that are found later.
#[derive(Clone, Debug, Default)]
pub struct Places {
    header: Option<Range<usize>>,
    keys: HashMap<String, Range<usize>>,
}

impl Places {
    /// Where the key's value stands, or else the section's header.
    pub fn of(&self, key: &str) -> Option<Range<usize>> {
        self.keys.get(key).or(self.header.as_ref()).cloned()
    }
}

impl<'r, 't> Reader<'r, 't> {
    /// A reader of a section, which the file may or may not have.
    pub fn new(
        section: &'static Section,
        title: String,
        table: Option<&'r DeTable<'t>>,
        place: Option<Range<usize>>,
        problems: &'r mut Vec<Problem>,
    ) -> Self {
        Reader { section, title, table, place, problems, failed: Vec::new() }
    }

    /// Notes every key that the section does not have, or not in this version.
    pub fn check_keys(&mut self) {
        // The keys of a kind that only a later version supports are not known.
        if self.table.into_iter().flatten().any(|(name, value)| self.is_later_word(name.get_ref(), value)) {
            return;
        }
        for (name, value) in self.table.into_iter().flatten() {
            match self.section.key(name.get_ref()) {
                None => {
                    let words: Vec<&str> = self
                        .section
                        .keys()
                        .filter(|k| !matches!(k.takes, Takes::Later | Takes::Elsewhere(_)))
                        .map(|k| k.name)
                        .collect();
                    let message = format!("unknown key `{}` in {}", name.get_ref(), self.titled());
                    self.note(Some(name.span()), message, suggest(name.get_ref(), &words));
                }
                Some(key) => match key.takes {
                    Takes::Later => self.note(
                        Some(name.span()),
                        format!("`{}` of {} is not supported by this version", key.name, self.titled()),
                        None,
                    ),
                    Takes::Elsewhere(instead) if !is_empty(value.get_ref()) => self.note(
                        Some(name.span()),
                        format!("`{}` has no place in {}", key.name, self.titled()),
                        Some(instead.to_owned()),
                    ),
                    _ => {}
                },
            }
        }
    }

    fn is_later_word(&self, name: &str, value: &Value<'_>) -> bool {
        match self.section.key(name).map(|key| key.takes) {
            Some(Takes::Choice(_, later)) => {
                value.get_ref().as_str().is_some_and(|word| later.contains(&word))
            }
            _ => false,
        }
    }

    /// The section's protocol or kind. Notes a problem if it is missing, and for every key that
    /// belongs to another one.
    pub fn kind<C: Choice>(&mut self, key: &'static str, missing: String) -> Option<C> {
        let kind = self.choice_if_any(key);
        match kind {
            Some(kind) => self.check_only(key, kind),
            None => self.needs(key, missing, choose(C::WORDS)),
        }
        kind
    }

    /// Notes that a key is missing, unless it is there and was refused.
    pub fn needs(&mut self, key: &str, message: String, help: String) {
        if !self.failed(key) {
            self.blame("", message, Some(help));
        }
    }

    /// Notes every key that does not belong to this protocol or kind.
    pub fn check_only<C: Choice>(&mut self, what: &str, kind: C) {
        let word = kind.word();
        for (name, _) in self.table.into_iter().flatten() {
            let Some(key) = self.section.key(name.get_ref()) else { continue };
            if !key.only.is_empty() && !key.only.contains(&word) {
                let message = format!("`{}` is not a key of the {what} `{word}`", key.name);
                let help = format!("it belongs to {}", list(key.only));
                self.note(Some(name.span()), message, Some(help));
            }
        }
    }

    /// The section's name with the marks of a word from the file.
    fn titled(&self) -> String {
        if self.title.starts_with('`') { self.title.clone() } else { format!("`{}`", self.title) }
    }

    /// Reads a section that stands within this one, if it is there.
    pub fn within<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl FnOnce(&mut Reader<'_, 't>) -> T,
    ) -> Option<T> {
        let (key, value) = self.table?.get_key_value(name)?;
        let title = format!("`{name}` of `{}`", self.title);
        let Some(table) = value.get_ref().as_table() else {
            let wrong = expected("a table", value);
            self.failed.push(name);
            self.note(Some(value.span()), wrong.message, Some(format!("write `{}`", section.header())));
            return None;
        };
        let mut reader = Reader::new(section, title, Some(table), Some(key.span()), self.problems);
        reader.check_keys();
        Some(read(&mut reader))
    }

    /// Reads each of a list of sections that stand within this one.
    pub fn each_within<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl Fn(&mut Reader<'_, 't>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.table.and_then(|table| table.get(name)) else { return Vec::new() };
        let title = format!("`{name}` of `{}`", self.title);
        let help = || Some(format!("write `{}`", section.header()));
        let Some(items) = value.get_ref().as_array() else {
            let wrong = expected("a list of tables", value);
            self.failed.push(name);
            self.note(Some(value.span()), wrong.message, help());
            return Vec::new();
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                let wrong = expected("a table", item);
                self.failed.push(name);
                self.note(Some(item.span()), wrong.message, help());
                continue;
            };
            let problems = &mut *self.problems;
            let before = problems.len();
            let mut reader = Reader::new(section, title.clone(), Some(table), Some(item.span()), problems);
            reader.check_keys();
            found.push(read(&mut reader));
            if self.problems.len() > before {
                self.failed.push(name);
            }
        }
        found
    }

    /// Notes a problem with the value of a key.
    pub fn blame(&mut self, key: &str, message: String, help: Option<String>) {
        let span = self.places().of(key);
        self.note(span, message, help);
    }

    /// Does the key stand in the file?
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Does the file have the section?
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Was the value of the key refused?
    pub fn failed(&self, key: &str) -> bool {
        self.failed.contains(&key)
    }

    /// Where everything stands.
    pub fn places(&self) -> Places {
        let keys =
            self.table.into_iter().flatten().map(|(k, v)| (k.get_ref().to_string(), v.span())).collect();
        Places { header: self.place.clone(), keys }
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&'static Key, &Value<'_>) -> Read<T>,
    ) -> Option<T> {
        let Some(key) = self.section.key(name) else { panic!("BUG: `{name}` is not in the table of keys") };
        if let Some(value) = self.table.and_then(|table| table.get(name)) {
            match convert(key, value) {
                Ok(read) => return Some(read),
                Err(wrong) => {
                    self.failed.push(name);
                    self.note(wrong.span.or(Some(value.span())), wrong.message, wrong.help);
                }
            }
        }
        if key.default.is_empty() {
            return None;
        }
        let default = DeValue::parse(key.default).ok().and_then(|value| convert(key, &value).ok());
        Some(default.unwrap_or_else(|| panic!("BUG: the default of `{name}` is refused")))
    }

    fn note(&mut self, span: Option<Range<usize>>, message: String, help: Option<String>) {
        self.problems.push(Problem { span, message, help });
    }
}

/// The value read, or the default that the table has.
fn defaulted<T>(read: Option<T>) -> T {
    read.expect("BUG: the key has no default in the table")
}
