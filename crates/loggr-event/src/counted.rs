//! How many there are of something, in words: `1 event`, `2 events`.
//!
//! For English nouns with a regular plural. Not for amounts with a unit (`5 s`, `3 MiB`).

use std::fmt::Display;

/// The number and the noun, which is given in the singular.
///
/// ```
/// use loggr_event::counted;
/// assert_eq!(counted(1, "line"), "1 line");
/// assert_eq!(counted(0, "entry"), "0 entries");
/// ```
pub fn counted(number: impl Display, noun: &str) -> String {
    let number = number.to_string();
    if number == "1" {
        return format!("{number} {noun}");
    }
    let before_y = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    match before_y {
        Some(stem) => format!("{number} {stem}ies"),
        None if ["s", "x", "ch", "sh"].iter().any(|end| noun.ends_with(end)) => format!("{number} {noun}es"),
        None => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(number: u64, noun: &str, expect: &str) {
        assert_eq!(super::counted(number, noun), expect);
    }

    #[test]
    fn nouns_follow_their_number() {
        check(0, "line", "0 lines");
        check(1, "line", "1 line");
        check(1, "process", "1 process");
        check(2, "process", "2 processes");
        check(2, "batch", "2 batches");
        check(21, "day", "21 days");
        check(3, "query", "3 queries");
    }
}
