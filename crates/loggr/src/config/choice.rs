//! Choices: keys that take one of a few words, and what each word means.
//!
//! A word and its value stand in one table, [`choice!`](choice). The table of keys takes the words
//! from it, the reader the values; a value without a word does not compile. Which key takes which
//! choice is in the file of its section.

/// A value that is written as a word in the file.
pub trait Choice: Copy + 'static {
    /// The words, in the order in which messages list them.
    const WORDS: &'static [&'static str];
    /// Words that a later version brings.
    const LATER: &'static [&'static str];
    /// The values of `WORDS`, in the same order.
    const VALUES: &'static [Self];

    /// The word in the file.
    fn word(self) -> &'static str;

    /// The value of a word.
    fn of(word: &str) -> Option<Self> {
        Self::VALUES.iter().copied().find(|value| value.word() == word)
    }
}

/// The table of a choice: `choice!(Codec { None = "none", Lz4 = "lz4" })`. Words behind `later` are
/// known, but refused as not supported by this version.
macro_rules! choice {
    ($type:ident { $($value:ident = $word:literal),+ $(,)? } $(later $($later:literal),+)?) => {
        impl $crate::config::choice::Choice for $type {
            const WORDS: &'static [&'static str] = &[$($word),+];
            const LATER: &'static [&'static str] = &[$($($later),+)?];
            const VALUES: &'static [$type] = &[$($type::$value),+];

            fn word(self) -> &'static str {
                match self {
                    $($type::$value => $word),+
                }
            }
        }
    };
}

pub(super) use choice;
