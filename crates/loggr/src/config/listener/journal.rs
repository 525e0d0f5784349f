//! The keys of a `[[listener]]` that reads the journal of systemd, and what is made of them.

use std::path::{Path, PathBuf};

use super::start::Start;
use crate::config::keys::{Key, Takes, key};
use crate::config::reader::Reader;

/// The keys, beside those that all listeners have.
pub const KEYS: &[Key] = &[
    key(
        "directories",
        Takes::Texts("path"),
        "[\"/var/log/journal\", \"/run/log/journal\"]",
        "the directories of the journal, absolute paths: its files lie in them, or in those of a machine below them",
    )
    .only(JOURNAL),
];

const JOURNAL: &[&str] = &["journal"];

/// A journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Where it lies, at least one directory.
    pub directories: Vec<PathBuf>,
    /// What is read at the very first start.
    pub start: Start,
}

/// Reads the keys.
pub fn read(r: &mut Reader<'_, '_>) -> Journal {
    Journal { directories: r.all_parsed("directories", directory), start: r.choice("start") }
}

fn directory(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.is_absolute() {
        true => Ok(path.to_owned()),
        false => Err(format!("`{text}` is not an absolute path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn a_journal_is_read() {
        let config = read(
            "[[listener]]\nprotocol='journal'\n[[listener]]\nname='r'\nprotocol='journal'\ndirectories=['/j']\nstart='end'",
        );
        let [usual, other] = config.listeners.as_slice() else { panic!("two listeners") };
        let (usual, other) = (usual.journal.clone().unwrap(), other.journal.clone().unwrap());
        assert_eq!((usual.directories.len(), usual.start), (2, Start::Beginning));
        assert_eq!((other.directories, other.start), (vec![PathBuf::from("/j")], Start::End));
        assert!(config.listeners[0].listen.is_empty());
        assert!(config.reach().watched.contains(&PathBuf::from("/j")));
    }

    #[test]
    fn mistakes_are_told() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            let found = problems(text);
            assert!(found.iter().any(|problem| problem.contains(expect)), "{found:?}");
        }
        check("[[listener]]\nprotocol='journal'\ndirectories=['j']", "`j` is not an absolute path");
        check("[[listener]]\nprotocol='journal'\nlisten=':1'", "`listen`");
        check("[[listener]]\nprotocol='tcp'\ndirectories=['/j']", "`directories`");
        check("[[listener]]\nprotocol='journal'\ntrust=true", "`trust`");
    }
}
