//! `POST /` and `/ingest`: JSON, one object after another or in a list, or lines of text.
//!
//! Nothing is refused because it is odd: what is no object is a line, and what a line means is found where events
//! are read.

use serde_json::value::RawValue;

use super::gathered::Gathered;

/// The events of a body. `is_text`: its sender says that it is plain text.
pub fn read(body: &[u8], is_text: bool) -> Gathered {
    let mut gathered = Gathered::default();
    let mut rest = body;
    if !is_text {
        rest = values(body, &mut gathered);
    }
    for line in rest.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.trim_ascii().is_empty() {
            gathered.push(line);
        }
    }
    gathered
}

/// Takes objects, and lists of them, from the beginning of a body; what is behind them.
fn values<'b>(body: &'b [u8], gathered: &mut Gathered) -> &'b [u8] {
    let mut rest = body.trim_ascii_start();
    while matches!(rest.first(), Some(b'{' | b'[')) {
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
        let Some(Ok(value)) = stream.next() else { return rest };
        let behind = rest.get(stream.byte_offset()..).unwrap_or_default();
        // A line that only begins like a list is a line.
        let ends =
            behind.first().is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'{' | b','));
        match value.get().starts_with('{') {
            true if ends => gathered.push(value.get().as_bytes()),
            false if ends && list(value, gathered) => {}
            _ => return rest,
        }
        rest = behind.trim_ascii_start();
    }
    rest
}

/// Takes the members of a list; false where it is none of events.
fn list(value: &RawValue, gathered: &mut Gathered) -> bool {
    let Ok(members) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else { return false };
    if !members.iter().all(|member| member.get().starts_with(['{', '"'])) {
        return false;
    }
    for member in members {
        match serde_json::from_str::<String>(member.get()) {
            Ok(text) => gathered.push(text.as_bytes()),
            Err(_) => gathered.push(member.get().as_bytes()),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, is_text: bool, expect: &[&str]) {
        let gathered = read(body.as_bytes(), is_text);
        let lines: Vec<_> = gathered.lines().map(String::from_utf8_lossy).collect();
        assert_eq!(lines, expect, "{body}");
        assert_eq!(gathered.len(), expect.len());
    }

    #[test]
    fn objects_and_lists_of_them() {
        check("{\"a\":1}", false, &["{\"a\":1}"]);
        check("{\"a\":1}\n{\"b\":2}\n", false, &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1}{\"b\":2}", false, &["{\"a\":1}", "{\"b\":2}"]);
        check("{\n  \"a\": 1\n}\n", false, &["{\n  \"a\": 1\n}"]);
        check("[{\"a\":1},\n {\"b\":2}]", false, &["{\"a\":1}", "{\"b\":2}"]);
        check("[\"one\", {\"b\":2}]", false, &["one", "{\"b\":2}"]);
        check("[]", false, &[]);
        check("", false, &[]);
        check("\n\n", false, &[]);
    }

    #[test]
    fn what_is_no_object_is_a_line() {
        check("one\ntwo\r\n\nthree", false, &["one", "two", "three"]);
        check("[error] a line\n{\"b\":2}\n", false, &["[error] a line", "{\"b\":2}"]);
        check("[1] a line", false, &["[1] a line"]);
        check("{\"a\":1}\n{broken\n{\"b\":2}", false, &["{\"a\":1}", "{broken", "{\"b\":2}"]);
        check("{\"a\":1} and more", false, &["{\"a\":1}", "and more"]);
        check("{\"a\":1}\n{\"b\":2}", true, &["{\"a\":1}", "{\"b\":2}"]);
        check("{\n}", true, &["{", "}"]);
    }
}
