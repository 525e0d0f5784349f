//! Binding keys, which say by AMQP's topic rules which routing keys a queue takes.
//!
//! Words are separated by dots; `*` is one word, `#` is any number of words, none
//! included. Knows nothing of queues and exchanges.

use std::error::Error;
use std::fmt;

/// Longest routing key and longest binding key, in bytes (AMQP's short string).
pub const MAX_KEY_BYTES: usize = 255;

/// The text of the key that no event fits.
const NOTHING: &str = "(nothing)";

/// A checked binding key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    text: Box<str>,
}

/// The error of a text that cannot be a binding key or routing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey {
    key: String,
    what: &'static str,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key `{}`: {}", self.key, self.what)
    }
}

impl Error for BadKey {}

impl Binding {
    /// Reads a binding key.
    ///
    /// # Errors
    /// [`BadKey`] if it is too long or mixes a wildcard with other letters in a word.
    pub fn parse(text: &str) -> Result<Binding, BadKey> {
        if text.len() > MAX_KEY_BYTES {
            return Err(BadKey { key: text.to_owned(), what: "is longer than 255 bytes" });
        }
        if text.split('.').any(|word| word.len() > 1 && word.contains(['*', '#'])) {
            let what = "`*` and `#` stand for whole words between dots";
            return Err(BadKey { key: text.to_owned(), what });
        }
        Ok(Binding { text: text.into() })
    }

    /// The one of a queue that gets no more events.
    pub fn nothing() -> Binding {
        Binding { text: NOTHING.into() }
    }

    /// No event fits it.
    pub fn is_nothing(&self) -> bool {
        &*self.text == NOTHING
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if an event published with this routing key belongs to the queue.
    pub fn matches(&self, key: &str) -> bool {
        if &*self.text == "#" {
            return true;
        }
        if self.is_nothing() {
            return false;
        }
        // The last `#` met is the only one to come back to: what an earlier one could
        // take, the later one can take as well.
        let (mut pattern, mut words) = (Words::of(&self.text), Words::of(key));
        let mut again: Option<(Words<'_>, Words<'_>)> = None;
        loop {
            let at_words = words;
            match (pattern.next(), words.next()) {
                (None, None) => return true,
                (Some("#"), _) => {
                    again = Some((pattern, at_words));
                    words = at_words;
                }
                (Some(p), Some(w)) if p == "*" || p == w => {}
                _ => {
                    let Some((after, mut from)) = again else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    again = Some((after, from));
                    (pattern, words) = (after, from);
                }
            }
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks a routing key.
///
/// # Errors
/// [`BadKey`] if it is longer than [`MAX_KEY_BYTES`].
pub fn check_routing_key(key: &str) -> Result<(), BadKey> {
    if key.len() > MAX_KEY_BYTES {
        return Err(BadKey { key: key.to_owned(), what: "is longer than 255 bytes" });
    }
    Ok(())
}

/// The words of a key; the empty key has none.
#[derive(Clone, Copy)]
struct Words<'a>(Option<&'a str>);

impl<'a> Words<'a> {
    fn of(key: &'a str) -> Words<'a> {
        Words(if key.is_empty() { None } else { Some(key) })
    }

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0?;
        match text.split_once('.') {
            Some((word, rest)) => {
                self.0 = Some(rest);
                Some(word)
            }
            None => {
                self.0 = None;
                Some(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(binding: &str, key: &str, expect: bool) {
        assert_eq!(Binding::parse(binding).unwrap().matches(key), expect, "`{binding}` on `{key}`");
    }

    #[track_caller]
    fn check_refused(binding: &str) {
        assert!(Binding::parse(binding).is_err(), "`{binding}`");
    }

    #[test]
    fn topics() {
        check("#", "", true);
        check("#", "syslog.tcp", true);
        check("", "", true);
        check("", "a", false);
        check("a", "", false);
        check("*", "", false);
        check("*", "a", true);
        check("*", "a.b", false);
        check("syslog.*", "syslog.tcp", true);
        check("syslog.*", "syslog", false);
        check("syslog.*", "syslog.tcp.x", false);
        check("syslog.#", "syslog", true);
        check("syslog.#", "syslog.a.b.c", true);
        check("syslog.#", "harvest.a", false);
        check("#.tcp", "tcp", true);
        check("#.tcp", "syslog.tcp", true);
        check("#.tcp", "tcp.tcp.udp", false);
        check("#.tcp.#", "a.tcp.b.c", true);
        check("#.a.#.b.#", "x.a.y.a.z.b", true);
        check("#.a.#.b.#", "x.b.y.a", false);
        check("*.#.*", "a", false);
        check("*.#.*", "a.b", true);
        check("a..b", "a..b", true);
        check("a.*.b", "a..b", true);
        check("#.#", "", true);
    }

    #[test]
    fn wildcards_inside_a_word_are_refused() {
        check_refused("sys*");
        check_refused("a.b#");
        check_refused("##");
        check_refused(&"x".repeat(256));
    }

    /// The rules written down without care for speed.
    fn slow(pattern: &[&str], words: &[&str]) -> bool {
        match (pattern.split_first(), words.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => (0..=words.len()).any(|n| slow(rest, &words[n..])),
            (Some((p, ps)), Some((w, ws))) => (*p == "*" || p == w) && slow(ps, ws),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_rules(
            pattern in proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("*"), Just("#")], 1..6),
            words in proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..7),
        ) {
            let binding = Binding::parse(&pattern.join(".")).unwrap();
            prop_assert_eq!(binding.matches(&words.join(".")), slow(&pattern, &words));
        }
    }
}
