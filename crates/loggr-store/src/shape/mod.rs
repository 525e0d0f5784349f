//! The shape of a message: its words, with what varies replaced.
//!
//! `Failed password for root from 10.1.2.3 port 4711 ssh2` has the shape
//! `Failed password for <*> from <*> port <*> ssh2`. Messages of one shape come from one statement of a
//! program, as a rule. The rule is written down for strangers in `docs/format/shape.md`.
//!
//! Pure: no file, no clock, no table that learns. Not here: where shapes are kept and asked for.
//! Invariants: [`hash`], [`parts`] and [`text`] walk the same parts; the same message has the same shape
//! for ever, or [`VERSION`] changes.

mod walk;
mod words;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use walk::{Sink, walk};

/// The version of the rule. What was stored under another one is worth nothing.
pub const VERSION: u32 = 1;
/// Bytes after which a shape ends; what stands behind is one variable part.
pub const MAX_SHAPE_BYTES: usize = 512;
/// Words that are longer are variable.
pub const MAX_WORD_BYTES: usize = 128;
/// Stands in the text of a shape for what varies.
pub const MARK: &str = "<*>";

/// The identity of a shape: XXH3 (64 bits) of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub u64);

impl fmt::Display for ShapeId {
    /// 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text is no identity of a shape: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoShapeId;

impl FromStr for ShapeId {
    type Err = NoShapeId;

    fn from_str(text: &str) -> Result<ShapeId, NoShapeId> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(id) if digits => Ok(ShapeId(id)),
            _ => Err(NoShapeId),
        }
    }
}

/// What a part of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It makes the shape.
    Fixed,
    /// It varies from message to message.
    Variable,
}

/// The shape of a message. For many of them make a [`Shaper`].
///
/// ```
/// use loggr_store::shape::hash;
/// assert_eq!(hash("took 12 ms"), hash("took 3.5 ms"));
/// assert_ne!(hash("took 12 ms"), hash("takes 12 ms"));
/// ```
pub fn hash(message: &str) -> ShapeId {
    Shaper::default().hash(message)
}

/// The text of the shape of a message.
///
/// ```
/// let message = "Failed password for root from 10.1.2.3 port 4711 ssh2";
/// assert_eq!(loggr_store::shape::text(message), "Failed password for <*> from <*> port <*> ssh2");
/// ```
pub fn text(message: &str) -> String {
    let mut shaper = Shaper::default();
    shaper.write(message);
    // Cut at character boundaries alone, so nothing is lost.
    String::from_utf8_lossy(&shaper.text).into_owned()
}

/// The parts of a message: neighbours of each other, none empty, all of it.
pub fn parts(message: &str) -> Vec<(Range<usize>, Part)> {
    let mut parts = walk(message, Parts::default()).0;
    parts.retain(|(range, _)| !range.is_empty());
    // What lies between two variable parts is fixed.
    let mut all: Vec<(Range<usize>, Part)> = Vec::with_capacity(parts.len() * 2 + 1);
    let mut at = 0;
    for (range, part) in parts {
        if range.start > at {
            all.push((at..range.start, Part::Fixed));
        }
        at = range.end;
        all.push((range, part));
    }
    if at < message.len() {
        all.push((at..message.len(), Part::Fixed));
    }
    all
}

/// Makes shapes, one after the other, in memory that it keeps.
#[derive(Clone, Debug, Default)]
pub struct Shaper {
    text: Vec<u8>,
}

impl Shaper {
    /// The shape of a message.
    pub fn hash(&mut self, message: &str) -> ShapeId {
        self.write(message);
        ShapeId(xxhash_rust::xxh3::xxh3_64(&self.text))
    }

    fn write(&mut self, message: &str) {
        self.text.clear();
        walk(message, Writer { message: message.as_bytes(), out: &mut self.text });
    }
}

/// Writes the text.
struct Writer<'w> {
    message: &'w [u8],
    out: &'w mut Vec<u8>,
}

impl Sink for Writer<'_> {
    #[inline]
    fn fixed(&mut self, from: usize, until: usize) {
        self.out.extend_from_slice(self.message.get(from..until).unwrap_or_default());
    }

    fn blank(&mut self) {
        self.out.push(b' ');
    }

    fn variable(&mut self, _: usize, _: usize) {
        self.out.extend_from_slice(MARK.as_bytes());
    }
}

/// Notes the variable parts.
#[derive(Default)]
struct Parts(Vec<(Range<usize>, Part)>);

impl Sink for Parts {
    fn fixed(&mut self, _: usize, _: usize) {}

    fn blank(&mut self) {}

    fn variable(&mut self, from: usize, until: usize) {
        self.0.push((from..until, Part::Variable));
    }
}

#[cfg(test)]
mod tests;
