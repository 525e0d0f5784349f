//! Fields that engines read and write, core fields and custom ones with all their values, and the
//! writer that makes fields of what an engine found.
//!
//! [`super::Call::operands`] has the first value of each operand and is enough for most engines;
//! the other engines use this file.

use std::borrow::Cow;

use loggr_event::{Event, MAX_FIELDS};

use crate::field::CoreField;

/// Most values that all custom fields of an event may have for an engine to add another.
pub const MAX_EVENT_VALUES: usize = 16_384;

/// A field by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A core field.
    Core(CoreField),
    /// A custom field.
    Custom(String),
}

impl Place {
    /// The field of a name.
    pub fn named(name: &str) -> Place {
        match CoreField::from_name(name) {
            Some(field) => Place::Core(field),
            None => Place::Custom(name.to_owned()),
        }
    }

    /// Its name as filters write it, for errors.
    pub fn shown(&self) -> String {
        match self {
            Place::Core(field) => field.row().name.to_owned(),
            Place::Custom(name) => format!("[{name}]"),
        }
    }

    /// May it be written?
    pub fn writable(&self) -> bool {
        match self {
            Place::Core(field) => field.row().writable,
            Place::Custom(_) => true,
        }
    }

    /// How many values it has.
    pub fn count(&self, event: &Event<'_>) -> usize {
        match self {
            Place::Core(_) => 1,
            Place::Custom(name) => event.field(name).len(),
        }
    }

    /// One of its values; no copy of what the event has borrowed.
    pub fn value<'e>(&self, event: &Event<'e>, at: usize) -> Option<Cow<'e, str>> {
        match self {
            Place::Core(field) => (at == 0).then(|| field.read(event)),
            Place::Custom(name) => event.field(name).get(at).cloned(),
        }
    }

    /// Looks at one of its values without a copy; `None` where there is none.
    pub fn look<R>(&self, event: &Event<'_>, at: usize, look: impl FnOnce(&str) -> R) -> Option<R> {
        match self {
            Place::Core(_) if at > 0 => None,
            Place::Core(CoreField::Message) => Some(look(&event.message)),
            Place::Core(CoreField::Source) => Some(look(&event.source)),
            Place::Core(CoreField::AppName) => Some(look(&event.app_name)),
            Place::Core(field) => Some(look(&field.read(event))),
            Place::Custom(name) => event.field(name).get(at).map(|v| look(v)),
        }
    }

    /// Replaces one of its values; false where it does not fit or there is none.
    pub fn replace<'e>(&self, event: &mut Event<'e>, at: usize, value: Cow<'e, str>) -> bool {
        match self {
            Place::Core(field) => at == 0 && field.row().writable && field.write(event, value),
            Place::Custom(name) => {
                let field = event.fields.iter_mut().find(|f| f.name == *name);
                match field.and_then(|f| f.values.get_mut(at)) {
                    Some(place) => {
                        *place = value;
                        true
                    }
                    None => false,
                }
            }
        }
    }
}

/// Writes what an engine found: each value is added to the field of its name, or replaces the
/// values that the field had before.
#[derive(Debug)]
pub(super) struct Finds<'x, 'e> {
    event: &'x mut Event<'e>,
    overwrite: bool,
    /// Fields that were there before and were replaced.
    replaced: Vec<usize>,
    /// How many fields there were before.
    before: usize,
    /// How many values may still come.
    left: usize,
    written: usize,
    full: bool,
}

impl<'x, 'e> Finds<'x, 'e> {
    /// A writer of at most `most` values.
    pub fn new(event: &'x mut Event<'e>, overwrite: bool, most: usize) -> Finds<'x, 'e> {
        let before = event.fields.len();
        let values: usize = event.fields.iter().map(|f| f.values.len()).sum();
        let left = most.min(MAX_EVENT_VALUES.saturating_sub(values));
        Finds { event, overwrite, replaced: Vec::new(), before, left, written: 0, full: false }
    }

    /// Writes one value.
    pub fn put(&mut self, name: Cow<'e, str>, value: Cow<'e, str>) {
        if self.left == 0 {
            self.full = true;
            return;
        }
        let value = if self.overwrite {
            match CoreField::from_name(&name).filter(|f| f.row().writable) {
                // A value that does not fit the core field goes to a custom one.
                Some(core) if core.write(self.event, value.clone()) => {
                    self.left -= 1;
                    self.written += 1;
                    return;
                }
                _ => value,
            }
        } else {
            value
        };
        match self.event.fields.iter().position(|f| f.name == name) {
            Some(at) => {
                let Some(field) = self.event.fields.get_mut(at) else { return };
                if self.overwrite && at < self.before && !self.replaced.contains(&at) {
                    self.replaced.push(at);
                    field.values.clear();
                }
                field.values.push(value);
            }
            None if self.event.fields.len() >= MAX_FIELDS => {
                self.full = true;
                return;
            }
            None => self.event.fields.push(loggr_event::Field { name, values: vec![value] }),
        }
        self.left -= 1;
        self.written += 1;
    }

    /// Values that the field of a name has now.
    pub fn values(&self, name: &str) -> &[Cow<'e, str>] {
        self.event.field(name)
    }

    /// Whether the event had no room for a value.
    pub fn full(&self) -> bool {
        self.full
    }

    /// How many values were written.
    pub fn written(&self) -> usize {
        self.written
    }
}

/// A name behind a prefix; no copy where there is no prefix.
pub(super) fn prefixed<'e>(prefix: &str, name: Cow<'e, str>) -> Cow<'e, str> {
    match prefix.is_empty() {
        true => name,
        false => Cow::Owned([prefix, &name].concat()),
    }
}

/// A part of a text, borrowed from the received line where the text is.
pub(super) fn part<'e>(text: &Cow<'e, str>, range: std::ops::Range<usize>) -> Cow<'e, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes `name=value` words into an event that has `a=1` and gives its fields.
    #[track_caller]
    fn check(overwrite: bool, most: usize, put: &str, expect: &str) {
        let mut event = Event::default();
        event.set_field("a", "1");
        let mut finds = Finds::new(&mut event, overwrite, most);
        for word in put.split(' ') {
            let (name, value) = word.split_once('=').unwrap();
            finds.put(Cow::Borrowed(name), Cow::Borrowed(value));
        }
        let full = if finds.full() { " full" } else { "" };
        let fields: Vec<_> =
            event.fields.iter().map(|f| format!("{}={}", f.name, f.values.join("|"))).collect();
        assert_eq!(format!("{}{full} {}", fields.join(" "), event.message), expect);
    }

    #[test]
    fn finds() {
        check(false, 9, "a=2 b=3", "a=1|2 b=3 ");
        check(true, 9, "a=2 a=3 b=4 b=5", "a=2|3 b=4|5 ");
        check(true, 9, "message=m severity=loud", "a=1 severity=loud m");
        check(false, 9, "message=m", "a=1 message=m ");
        check(false, 2, "b=1 c=2 d=3", "a=1 b=1 c=2 full ");
    }

    #[test]
    fn an_event_does_not_get_more_fields_than_it_can_carry() {
        let mut event = Event::default();
        let mut finds = Finds::new(&mut event, false, usize::MAX);
        for i in 0..=MAX_FIELDS {
            finds.put(Cow::Owned(i.to_string()), Cow::Borrowed("x"));
        }
        assert!(finds.full());
        assert_eq!(event.fields.len(), MAX_FIELDS);
        let mut finds = Finds::new(&mut event, false, usize::MAX);
        for _ in 0..MAX_EVENT_VALUES {
            finds.put(Cow::Borrowed("0"), Cow::Borrowed("x"));
        }
        assert!(finds.full());
        assert_eq!(finds.written(), MAX_EVENT_VALUES - MAX_FIELDS);
    }
}
