//! Writing frames for the peer's framer.
//!
//! Not here: formatting an event. The line comes ready.

use crate::decimal;

/// Appends `line` octet-counted: any content passes unchanged. An empty line has no octet-counted form
/// and writes nothing.
pub fn write_octet_counted(out: &mut Vec<u8>, line: &[u8]) {
    if line.is_empty() {
        return;
    }
    out.reserve(line.len() + 12);
    decimal::push(out, line.len() as u64);
    out.push(b' ');
    out.extend_from_slice(line);
}

/// Appends `line` ended by LF. One LF at its end is taken as that line end; any other LF is written as
/// `#012`, NUL as `#000` and a CR at the end as `#015` (rsyslog's way), so that the peer sees one line.
/// An empty line writes nothing.
///
/// A peer that chooses the framing by itself can mistake a line such as `12 <13>…` for a counted frame:
/// send it octet-counted.
pub fn write_lf(out: &mut Vec<u8>, line: &[u8]) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if line.is_empty() {
        return;
    }
    out.reserve(line.len() + 1);
    let mut rest = line;
    while let Some(at) = memchr::memchr2(b'\n', 0, rest) {
        let Some((before, from)) = rest.split_at_checked(at) else { break };
        let Some((byte, after)) = from.split_first() else { break };
        out.extend_from_slice(before);
        out.extend_from_slice(if *byte == 0 { b"#000" } else { b"#012" });
        rest = after;
    }
    match rest.strip_suffix(b"\r") {
        Some(rest) => {
            out.extend_from_slice(rest);
            out.extend_from_slice(b"#015");
        }
        None => out.extend_from_slice(rest),
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::{Framer, MAX_FRAME_BYTES, Mode};
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_lf(line: &str, expect: &str) {
        let mut out = Vec::new();
        write_lf(&mut out, line.as_bytes());
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[track_caller]
    fn check_counted(line: &str, expect: &str) {
        let mut out = Vec::new();
        write_octet_counted(&mut out, line.as_bytes());
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn a_line_stays_one_line() {
        check_lf("", "");
        check_lf("\n", "");
        check_lf("<13>a", "<13>a\n");
        check_lf("<13>a\n", "<13>a\n");
        check_lf("a\nb\0c\r", "a#012b#000c#015\n");
        check_lf("a\rb", "a\rb\n");
        check_lf("a\n\n", "a#012\n");
        check_lf("\n\n", "#012\n");
    }

    #[test]
    fn a_counted_line_is_verbatim() {
        check_counted("", "");
        check_counted("<13>a\nb", "7 <13>a\nb");
        check_counted("é", "2 é");
    }

    proptest! {
        #[test]
        fn what_is_counted_comes_back(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8)) {
            let mut out = Vec::new();
            lines.iter().for_each(|line| write_octet_counted(&mut out, line));
            let mut back = Vec::new();
            Framer::new(Mode::OctetCounting, MAX_FRAME_BYTES).feed(&out, |f| back.push(f.bytes.to_vec()));
            prop_assert_eq!(back, lines);
        }

        #[test]
        fn one_line_in_is_one_line_out(line in prop::collection::vec(any::<u8>(), 1..40)) {
            let mut out = b"<13>".to_vec();
            write_lf(&mut out, &line);
            let mut back = Vec::new();
            Framer::new(Mode::Auto, MAX_FRAME_BYTES).feed(&out, |f| back.push(f.bytes.to_vec()));
            prop_assert!(back.len() <= 1 && (back.len() == 1 || line == b"\n"));
        }
    }
}
