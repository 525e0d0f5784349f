//! Names of files in a harvest: which are temporary, which nobody should have, and under which one a file
//! is kept.
//!
//! Only texts; nothing is looked at.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Longest name, in bytes, under which a file is put into `done` or `failed`: behind it there is room for a
/// number and an ending, for no file system takes more than 255.
const MAX_KEPT_BYTES: usize = 200;
/// Endings that say how a file is packed, and nothing of what it is.
const PACKED: [&str; 6] = [".gz", ".zst", ".zstd", ".xz", ".bz2", ".z"];
/// Behind the name of a file in `failed`: the file that says why.
pub const REASON: &str = ".reason";

/// Does a name fit a pattern, in which `*` stands for anything and `?` for one byte?
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go on after the last `*` took too little.
    let (mut p, mut n, mut again) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                again = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || Some(byte) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match again {
                Some((star, from)) => {
                    again = Some((star, from + 1));
                    p = star + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Is it the name of a file that is not whole yet?
pub fn is_temporary(name: &OsStr, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| fits(pattern.as_bytes(), name.as_bytes()))
}

/// Why nobody should have this name.
pub fn hostile(name: &OsStr) -> Option<&'static str> {
    let is_control = |byte: &u8| byte.is_ascii_control();
    name.as_bytes().iter().any(is_control).then_some("its name has control characters in it")
}

/// The name that a file has whether it is packed or not.
pub fn unpacked(name: &str) -> &str {
    PACKED.iter().find_map(|ending| name.strip_suffix(ending)).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// A harmless name for it, the same for the same name.
pub fn harmless(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    let mut kept: String =
        text.chars().map(|c| if c.is_control() || c == '\u{fffd}' { '_' } else { c }).collect();
    while kept.len() > MAX_KEPT_BYTES {
        kept.pop();
    }
    kept
}

/// The name for the `n`th file of one name, from 1.
pub fn numbered(name: &str, n: u32) -> OsString {
    if n <= 1 { name.into() } else { format!("{name}.{n}").into() }
}

/// The name with something behind it.
pub fn with(name: &OsStr, behind: &str) -> OsString {
    let mut whole = name.to_owned();
    whole.push(behind);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expect: bool) {
        assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expect, "{pattern} {name}");
    }

    #[test]
    fn patterns() {
        check("*.part", "a.log.part", true);
        check("*.part", ".part", true);
        check("*.part", "a.part.log", false);
        check(".*", ".app.log.Xy12Ab", true);
        check(".*", "app.log", false);
        check("a?c*", "abc", true);
        check("a?c*", "ac", false);
        check("*a*b", "xxaxxbxb", true);
        check("*a*b", "xxaxxbx", false);
        check("", "", true);
        check("", "x", false);
        check("**", "", true);
        check("ab", "a", false);
    }

    #[test]
    fn a_pattern_of_stars_takes_no_long_time() {
        let name = "a".repeat(200);
        check(&"*a".repeat(60), &name, true);
        check(&format!("{}b", "*a".repeat(60)), &name, false);
    }

    #[test]
    fn names_that_nobody_should_have() {
        for (name, is) in
            [("a.log", false), ("a\nb", true), ("\u{1b}[2J", true), ("gr\u{fc}n", false), ("\u{7f}", true)]
        {
            assert_eq!(hostile(OsStr::new(name)).is_some(), is, "{name:?}");
        }
        assert_eq!(harmless(OsStr::from_bytes(b"a\x1b[\xff\n.log")), "a_[__.log");
        assert_eq!(harmless(OsStr::new(&"\u{e4}".repeat(150))).len(), MAX_KEPT_BYTES);
    }

    #[test]
    fn a_packed_file_is_called_as_it_was_before() {
        for (name, expect) in
            [("a.log.gz", "a.log"), ("a.bz2", "a"), ("a.gz.xz", "a.gz"), (".gz", ".gz"), ("a", "a")]
        {
            assert_eq!(unpacked(name), expect);
        }
        assert_eq!([numbered("a", 1), numbered("a", 2)], ["a", "a.2"]);
    }
}
