//! Decides what is news for the log: a trouble is logged once, whichever numbers its text contains.
//!
//! Texts about the same trouble differ in the numbers of files and tries. Only the number of a
//! system error counts as a difference, because it is the trouble itself.

/// The text before the number of a system error.
const SYSTEM: &str = "os error ";

/// Whether both texts are about the same trouble.
pub fn is_same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a, b);
    loop {
        let (head_a, number_a, rest_a) = cut(a);
        let (head_b, number_b, rest_b) = cut(b);
        if head_a != head_b || number_a.is_empty() != number_b.is_empty() {
            return false;
        }
        if number_a.is_empty() {
            return true;
        }
        if head_a.ends_with(SYSTEM) && number_a != number_b {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// The text before the first number, the number, and the rest. Hexadecimal numbers, as in the names
/// of files, count too.
fn cut(text: &str) -> (&str, &str, &str) {
    let Some(digit) = text.find(|c: char| c.is_ascii_digit()) else { return (text, "", "") };
    let (before, _) = text.split_at(digit);
    let from = before.trim_end_matches(|c: char| c.is_ascii_hexdigit()).len();
    let whole = text.get(from..).unwrap_or_default();
    let len = whole.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(whole.len());
    let (number, rest) = whole.split_at(len);
    (text.get(..from).unwrap_or_default(), number, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, expect: bool) {
        assert_eq!(is_same(a, b), expect, "{a} | {b}");
        assert_eq!(is_same(b, a), expect, "{b} | {a}");
    }

    #[test]
    fn numbers_make_no_news() {
        check("cannot write `/s/12.parquet`", "cannot write `/s/9.parquet`", true);
        check(
            "cannot write `/s/00000000000000ff.seg`: no",
            "cannot write `/s/0000000000000100.seg`: no",
            true,
        );
        check("cannot write `/s/12.parquet`: full", "cannot write `/s/13.parquet`: gone", false);
        check("no (os error 5)", "no (os error 28)", false);
        check("try 3: no (os error 5)", "try 4: no (os error 5)", true);
        check("a", "a", true);
        check("a", "b", false);
        check("a1", "a", false);
        check("", "", true);
        check("é7é", "é8é", true);
    }
}
