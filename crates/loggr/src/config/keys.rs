//! The tables of configuration keys: what values each key takes, its default, and what it means.
//!
//! The reader refuses every key that is in no table and takes defaults, ranges and words from the
//! tables; the reference in `docs/` is written from the same tables. Each table is in the file of
//! its section, with the type of its values.

use super::choice::Choice;

/// A section of the file.
#[derive(Debug)]
pub struct Section {
    /// The word at the top level.
    pub name: &'static str,
    /// How often the file may have it.
    pub shape: Shape,
    /// What the section is for: a paragraph of the reference.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))]
    pub about: &'static str,
    /// Its keys, in groups; none for a section that a later version brings.
    pub keys: &'static [&'static [Key]],
}

/// How often a file may have a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[name]`
    Once,
    /// `[name.NAME]`
    Named,
    /// `[[name]]`
    List,
}

impl Section {
    /// How its header is written.
    pub fn header(&self) -> String {
        match self.shape {
            Shape::Once => format!("[{}]", self.name),
            Shape::Named => format!("[{}.NAME]", self.name),
            Shape::List => format!("[[{}]]", self.name),
        }
    }

    /// Whether only a later version supports the section; this one knows its name.
    pub fn is_later(&self) -> bool {
        self.keys.is_empty()
    }

    /// Its keys, in the order of the reference.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().copied().flatten()
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// A key of a section.
#[derive(Debug)]
pub struct Key {
    /// The word in the file.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// The default as the file would write it; empty if there is none.
    pub default: &'static str,
    /// What holds without the key, in words, where `default` cannot say it.
    pub without: &'static str,
    /// The protocols or kinds that it belongs to; none means all.
    pub only: &'static [&'static str],
    /// What it means.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))]
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// The name of an exchange, a queue, …
    Name,
    /// `true` or `false`.
    Bool,
    /// A string with units, in milliseconds from and to.
    Duration(u64, u64),
    /// A number of bytes or a string with a unit, from and to.
    Size(u64, u64),
    /// A string with a unit: bytes a second, from and to.
    Rate(u64, u64),
    /// A number from and to.
    Count(u64, u64),
    /// One of the words of the first list; a later version supports those of the second.
    Choice(&'static [&'static str], &'static [&'static str]),
    /// A path.
    Path,
    /// One URL of a server or a list of them.
    Urls,
    /// `scheme://user@host:port/path`
    Url,
    /// The name of a user or group of this host.
    Account,
    /// Permission bits.
    Mode,
    /// One `host:port` or a list of them.
    Addresses,
    /// One `host:port` or path, or a list of them.
    Endpoints,
    /// A list of networks.
    Networks,
    /// `true`, `false` or a list of networks.
    Trust,
    /// A routing key with wildcards.
    Binding,
    /// IANA name of a time zone.
    Zone,
    /// A template of a path.
    PathTemplate,
    /// A dump format's name or a template of a line.
    LineFormat,
    /// A list of names.
    Names,
    /// One format of a packer's first line, or a list of them.
    StartFormats,
    /// One preset of packers, or a list of them.
    Presets,
    /// A condition of the filter language.
    Condition,
    /// A table: what stands on its left, and on its right.
    Pairs(&'static str, &'static str),
    /// A section of its own.
    Section,
    /// The key belongs to another section: the text says what to do instead.
    Elsewhere(&'static str),
    /// A text with rules of its own; the word says what it is.
    Text(
        #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))] &'static str,
    ),
    /// A list of such texts.
    Texts(
        #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))] &'static str,
    ),
    /// A later version brings it.
    Later,
}

// Units of ranges: a duration's is the millisecond, a size's the byte.
pub const SECOND: u64 = 1_000;
pub const HOUR: u64 = 3_600 * SECOND;
pub const DAY: u64 = 24 * HOUR;
pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;
pub const TIB: u64 = 1 << 40;

/// A key that belongs to all kinds of its section.
pub const fn key(name: &'static str, takes: Takes, default: &'static str, meaning: &'static str) -> Key {
    Key { name, takes, default, without: "", only: &[], meaning }
}

/// One of the words of a choice.
pub const fn one_of<C: Choice>() -> Takes {
    Takes::Choice(C::WORDS, C::LATER)
}

/// A key that a later version brings.
pub const fn later(name: &'static str) -> Key {
    key(name, Takes::Later, "", "")
}

impl Key {
    /// Says what happens without it.
    pub const fn without(mut self, without: &'static str) -> Key {
        self.without = without;
        self
    }

    /// Says to which protocols or kinds it belongs.
    pub const fn only(mut self, only: &'static [&'static str]) -> Key {
        self.only = only;
        self
    }
}
