//! What is said to those who may not know where files lie: the names of files without their directories.
//!
//! Our errors name files between backticks, those of the system and of libraries anywhere. Not for texts
//! that somebody sent: an expression between slashes would be taken for a path.

use std::borrow::Cow;

/// The text with the last part of each path alone.
pub fn without(text: &str) -> Cow<'_, str> {
    if !text.contains('/') {
        return Cow::Borrowed(text);
    }
    let parts = text.split('`').enumerate();
    let shown: Vec<Cow<'_, str>> = parts
        .map(|(at, part)| match at % 2 {
            1 => Cow::Borrowed(name(part)),
            _ => Cow::Owned(part.split_inclusive(char::is_whitespace).map(word).collect()),
        })
        .collect();
    Cow::Owned(shown.join("`"))
}

/// A word outside of backticks; one that begins with a slash is a path.
fn word(word: &str) -> &str {
    if word.trim_start_matches(['"', '\'', '(']).starts_with('/') { name(word) } else { word }
}

/// What stands behind the last slash, unless nothing does.
fn name(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((_, name)) => name,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(super::without(text), expect);
    }

    #[test]
    fn only_the_names_of_files_are_shown() {
        check("cannot read `/var/lib/loggr/search/a b.parquet`: denied", "cannot read `a b.parquet`: denied");
        check("`data/search/manifest` is damaged: 5/7 bytes", "`manifest` is damaged: 5/7 bytes");
        check("no such file: /etc/loggr/secret (os error 2)", "no such file: secret (os error 2)");
        check("at \"/etc/x\": gone", "at x\": gone");
        check("the store of `search` is away", "the store of `search` is away");
        check("`/`", "`/`");
        check("a `half", "a `half");
        check("", "");
    }
}
