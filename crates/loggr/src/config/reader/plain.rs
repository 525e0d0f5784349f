//! Plain values: words of a choice, numbers, names, paths.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::value::{Wrong, expected, integer, many, path, text};
use super::{Reader, defaulted};
use crate::config::choice::Choice;
use crate::config::diagnostics::{choose, nearest};
use crate::config::keys::Takes;
use crate::config::quantity::{parse_duration, parse_rate, parse_size, show_duration, show_rate, show_size};

/// Longest name of a listener, machine or ship: it is part of routing keys and file names.
const MAX_NAME_BYTES: usize = 64;
/// Longest name of an exchange or a queue.
const MAX_BUS_NAME_BYTES: usize = 128;
/// Longest name of a user or group (utmp's limit).
const MAX_ACCOUNT_BYTES: usize = 32;
/// All the permission bits that may be given.
const MAX_MODE: u32 = 0o777;

impl Reader<'_, '_> {
    /// The value of the key's word, if there is one.
    pub fn choice_if_any<C: Choice>(&mut self, key: &'static str) -> Option<C> {
        self.read(key, |key, value| {
            assert!(
                matches!(key.takes, Takes::Choice(words, _) if words == C::WORDS),
                "BUG: `{}` is another choice",
                key.name
            );
            let word = text(value)?;
            if let Some(value) = C::of(word) {
                return Ok(value);
            }
            if C::LATER.contains(&word) {
                let wrong = Wrong::from(format!("`{}` `{word}` is not supported by this version", key.name));
                return Err(wrong.help(choose(C::WORDS)));
            }
            let wrong = Wrong::from(format!("`{word}` is not a valid `{}`", key.name));
            Err(match nearest(word, C::WORDS.iter().copied()) {
                Some(near) => wrong.help(format!("did you mean `{near}`?")),
                None => wrong.help(choose(C::WORDS)),
            })
        })
    }

    /// The value of the key's word.
    pub fn choice<C: Choice>(&mut self, key: &'static str) -> C {
        defaulted(self.choice_if_any(key))
    }

    /// `true` or `false`.
    pub fn bool(&mut self, key: &'static str) -> bool {
        let read = self.read(key, |_, value| {
            value.get_ref().as_bool().ok_or_else(|| expected("`true` or `false`", value))
        });
        defaulted(read)
    }

    /// A number.
    pub fn count(&mut self, key: &'static str) -> usize {
        let read = self.read(key, |key, value| {
            let Takes::Count(from, to) = key.takes else { panic!("BUG: `{}` is no number", key.name) };
            let number = value.get_ref().as_integer().ok_or_else(|| expected("a number", value))?;
            match integer(value).filter(|n| (from..=to).contains(n)) {
                Some(n) => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
                None => Err(format!("{number} is not between {from} and {to}").into()),
            }
        });
        defaulted(read)
    }

    /// A number of bytes, if there is one.
    pub fn size_if_any(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, |key, value| {
            let Takes::Size(from, to) = key.takes else { panic!("BUG: `{}` is no size", key.name) };
            let (bytes, shown) = match value.get_ref() {
                DeValue::String(text) => (Some(parse_size(text)?), text.to_string()),
                DeValue::Integer(number) => (integer(value), number.to_string()),
                _ => return Err(expected("a size such as `\"64KiB\"`", value)),
            };
            bytes.filter(|n| (from..=to).contains(n)).ok_or_else(|| {
                format!("{shown} is not between {} and {}", show_size(from), show_size(to)).into()
            })
        })
    }

    /// A number of bytes.
    pub fn size(&mut self, key: &'static str) -> u64 {
        defaulted(self.size_if_any(key))
    }

    /// A number of bytes a second, if there is one.
    pub fn rate_if_any(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, |key, value| {
            let Takes::Rate(from, to) = key.takes else { panic!("BUG: `{}` is no rate", key.name) };
            let DeValue::String(text) = value.get_ref() else {
                return Err(expected("a number of bytes a second such as `\"10MB/s\"`", value));
            };
            match parse_rate(text)? {
                rate if (from..=to).contains(&rate) => Ok(rate),
                _ => Err(format!("{text} is not between {} and {}", show_rate(from), show_rate(to)).into()),
            }
        })
    }

    /// A number of bytes in memory, if there is one.
    pub fn bytes_if_any(&mut self, key: &'static str) -> Option<usize> {
        // The table of keys keeps it below what memory can hold.
        self.size_if_any(key).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// A number of bytes in memory.
    pub fn bytes(&mut self, key: &'static str) -> usize {
        defaulted(self.bytes_if_any(key))
    }

    /// A duration, if there is one.
    pub fn duration_if_any(&mut self, key: &'static str) -> Option<Duration> {
        self.read(key, |key, value| {
            let Takes::Duration(from, to) = key.takes else { panic!("BUG: `{}` is no duration", key.name) };
            let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
            let text = match value.get_ref() {
                DeValue::String(text) => text,
                DeValue::Integer(n) => {
                    let wrong = Wrong::from(format!(
                        "`{n}` has no unit; the units are `ms`, `s`, `m`, `h`, `d`, `w`"
                    ));
                    return Err(wrong.help(format!("write `\"{n}s\"` for seconds")));
                }
                _ => return Err(expected("a duration such as `\"10s\"`", value)),
            };
            match parse_duration(text)? {
                d if (from..=to).contains(&d) => Ok(d),
                d => {
                    let shown = [d, from, to].map(show_duration);
                    Err(format!("{} is not between {} and {}", shown[0], shown[1], shown[2]).into())
                }
            }
        })
    }

    /// A duration.
    pub fn duration(&mut self, key: &'static str) -> Duration {
        defaulted(self.duration_if_any(key))
    }

    /// The name of a listener or a ship, if there is one.
    pub fn name_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| Ok(check_name(text(value)?).map(str::to_owned)?))
    }

    /// A name.
    pub fn name(&mut self, key: &'static str) -> String {
        defaulted(self.name_if_any(key))
    }

    /// A name; an empty one counts as none.
    pub fn name_unless_empty(&mut self, key: &'static str) -> Option<String> {
        let read = self.read(key, |_, value| {
            let name = text(value)?;
            match name.is_empty() {
                true => Ok(String::new()),
                false => Ok(check_name(name)?.to_owned()),
            }
        });
        read.filter(|name| !name.is_empty())
    }

    /// The name of an exchange or a queue, if there is one.
    pub fn bus_name_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| {
            let name = text(value)?;
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if name.is_empty()
                || name.len() > MAX_BUS_NAME_BYTES
                || name.starts_with('.')
                || !name.chars().all(good)
            {
                let help = format!(
                    "letters, digits, `-`, `_` and `.`, not beginning with `.`, at most {MAX_BUS_NAME_BYTES}"
                );
                return Err(
                    Wrong::from(format!("`{name}` cannot be the name of an exchange or queue")).help(help)
                );
            }
            Ok(name.to_owned())
        })
    }

    /// The name of an exchange.
    pub fn bus_name(&mut self, key: &'static str) -> String {
        defaulted(self.bus_name_if_any(key))
    }

    /// The name of a user or group, if there is one. It is not checked whether it exists.
    pub fn account_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| {
            let name = text(value)?;
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$');
            match name.len() {
                1..=MAX_ACCOUNT_BYTES if name.bytes().all(good) && !name.starts_with('-') => {
                    Ok(name.to_owned())
                }
                _ => Err(Wrong::from(format!("`{name}` is not the name of a user or group"))),
            }
        })
    }

    /// Permission bits.
    pub fn mode(&mut self, key: &'static str) -> u32 {
        let read = self.read(key, |_, value| {
            let octal = "octal permission bits such as `\"0640\"` or `0o640`";
            let digits = match value.get_ref() {
                DeValue::String(text) => text.strip_prefix("0o").unwrap_or(text),
                DeValue::Integer(n) if n.radix() == 8 => n.as_str(),
                _ => return Err(expected(octal, value)),
            };
            u32::from_str_radix(digits, 8)
                .ok()
                .filter(|mode| *mode <= MAX_MODE && !digits.starts_with('+'))
                .ok_or_else(|| Wrong::from(format!("`{digits}` is not {octal}, at most `0777`")))
        });
        defaulted(read)
    }

    /// Names.
    pub fn names(&mut self, key: &'static str) -> Vec<String> {
        let read = self.read(key, |_, value| {
            if value.get_ref().is_str() {
                return Err(expected("a list of names", value).help("put it between `[` and `]`"));
            }
            many(value, |item| Ok(check_name(text(item)?)?.to_owned()))
        });
        defaulted(read)
    }

    /// A path, relative to `base`, if there is one.
    pub fn path_if_any(&mut self, key: &'static str, base: &Path) -> Option<PathBuf> {
        self.read(key, |_, value| path(text(value)?, base))
    }

    /// A text with rules of its own, if there is one; the error of `parse` says what is wrong with
    /// it.
    pub fn parsed_if_any<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(key, |_, value| Ok(parse(text(value)?)?))
    }

    /// A text with rules of its own, for a key with a default.
    pub fn parsed<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        defaulted(self.parsed_if_any(key, parse))
    }

    /// A table of names and such texts, in the order of the file; one that is only implied is empty.
    pub fn pairs<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<(String, T)> {
        let read = self.read(key, |key, value| {
            let Takes::Pairs(left, right) = key.takes else { panic!("BUG: `{}` is no table", key.name) };
            let what = format!("a table such as `{{ \"{left}\" = \"{right}\" }}`");
            let table = value.get_ref().as_table().ok_or_else(|| expected(&what, value))?;
            let mut items: Vec<_> = table.iter().collect();
            items.sort_by_key(|(name, _)| name.span().start);
            let mut pairs = Vec::with_capacity(items.len());
            for (name, value) in items {
                let parsed = text(value).and_then(|text| Ok(parse(text)?));
                pairs.push((name.get_ref().to_string(), parsed.map_err(|wrong| wrong.at(value.span()))?));
            }
            Ok(pairs)
        });
        defaulted(read)
    }

    /// One such text or a list of them.
    pub fn some_parsed<T>(
        &mut self,
        key: &'static str,
        what: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let read = self.read(key, |_, value| match value.get_ref() {
            DeValue::String(_) => Ok(vec![parse(text(value)?)?]),
            DeValue::Array(_) => many(value, |item| Ok(parse(text(item)?)?)),
            _ => Err(expected(what, value)),
        });
        defaulted(read)
    }

    /// A list of such texts.
    pub fn all_parsed<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        defaulted(self.all_parsed_if_any(key, parse))
    }

    /// The same, for a key without a default.
    pub fn all_parsed_if_any<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        self.read(key, |_, value| many(value, |item| Ok(parse(text(item)?)?)))
    }
}

/// Checks the name of a listener, a machine or a shipper.
pub fn check_name(name: &str) -> Result<&str, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    match name.len() {
        1..=MAX_NAME_BYTES if name.bytes().all(good) => Ok(name),
        _ => Err(format!(
            "`{name}` is not a valid name: a name has letters, digits, `-` and `_`, at most {MAX_NAME_BYTES}"
        )),
    }
}
