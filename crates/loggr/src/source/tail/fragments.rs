//! Lines that a container runtime has broken into fragments, joined again, for each stream.
//!
//! Docker ends a fragment without a line feed in `log`; the container runtime interface marks it with `P`. A
//! joined line has the form of an unbroken one, with the time of its first fragment, and is read like any
//! other. Only bytes; invariant as in `lines`: the same bytes give the same lines.

use std::borrow::Cow;

use loggr_event::Cri;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::{Line, Text};

/// Which runtime wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// Docker's driver `json-file`.
    Docker,
    /// The container runtime interface.
    Cri,
}

/// What a line of the file is.
#[derive(Debug)]
struct Fragment<'b> {
    is_error: bool,
    goes_on: bool,
    /// What stands before the text in the line, up to the text itself, and behind it.
    before: Cow<'b, [u8]>,
    text: &'b [u8],
    behind: &'b [u8],
}

/// Of a line of Docker; the values as they are written.
#[derive(Deserialize)]
struct Docker<'b> {
    #[serde(borrow)]
    log: &'b RawValue,
    #[serde(borrow, default)]
    stream: Option<&'b RawValue>,
    #[serde(borrow, default)]
    attrs: Option<&'b RawValue>,
    #[serde(borrow, default)]
    time: Option<&'b RawValue>,
}

/// How Docker writes a line feed at the end of a text.
const END: &[u8] = b"\\n";

impl Runtime {
    fn fragment(self, line: &[u8]) -> Option<Fragment<'_>> {
        match self {
            Runtime::Cri => {
                let found = Cri::parse(line)?;
                let head = [found.time, b" ", found.stream, b" F "].concat();
                Some(Fragment {
                    is_error: found.stream == b"stderr",
                    goes_on: found.is_partial,
                    before: Cow::Owned(head),
                    text: found.text,
                    behind: b"",
                })
            }
            Runtime::Docker => {
                let found: Docker<'_> = serde_json::from_slice(line).ok()?;
                let text = found.log.get().strip_prefix('"')?.strip_suffix('"')?.as_bytes();
                let mut head = b"{".to_vec();
                let is_error = found.stream.is_some_and(|stream| stream.get() == "\"stderr\"");
                for (name, value) in [("stream", found.stream), ("attrs", found.attrs), ("time", found.time)]
                {
                    if let Some(value) = value {
                        head.extend_from_slice(format!("\"{name}\":{},", value.get()).as_bytes());
                    }
                }
                head.extend_from_slice(b"\"log\":\"");
                Some(Fragment {
                    is_error,
                    goes_on: !ends(text),
                    before: Cow::Owned(head),
                    text,
                    behind: b"\"}",
                })
            }
        }
    }

    /// Where the last line ends behind which no line goes on; 0 if there is none.
    pub fn lines_end(self, bytes: &[u8]) -> usize {
        let (mut at, mut end, mut going_on) = (0, 0, [false; 2]);
        while let Some(len) = bytes.get(at..).and_then(|rest| Text::Bytes.line_end(rest)) {
            let line = bytes.get(at..at + len).unwrap_or_default();
            let line = Text::Bytes.line(at, line, len as u64, usize::MAX, false);
            if let Some(fragment) = self.fragment(&line.bytes)
                && let Some(place) = going_on.get_mut(usize::from(fragment.is_error))
            {
                *place = fragment.goes_on;
            }
            at += len;
            if going_on == [false; 2] {
                end = at;
            }
        }
        end
    }

    /// Gives each line, joined; `limit`: bytes of one at most. What goes on at the end is given as it is.
    pub fn cut<'b>(self, bytes: &'b [u8], limit: usize, mut give: impl FnMut(Line<'b>)) {
        let mut open: [Option<Joined>; 2] = [None, None];
        Text::Bytes.cut(bytes, usize::MAX, |line| {
            let Line { at, bytes: Cow::Borrowed(whole), is_open, .. } = line else { return };
            let Some(fragment) = self.fragment(whole) else {
                return give(Text::Bytes.line(at, whole, whole.len() as u64, limit, is_open));
            };
            let Some(place) = open.get_mut(usize::from(fragment.is_error)) else { return };
            match (place.as_mut(), fragment.goes_on) {
                (None, false) => {
                    let long = whole.len() > limit;
                    match long {
                        false => give(Line { at, bytes: Cow::Borrowed(whole), original_len: None, is_open }),
                        true => give(Joined::begin(at, &fragment, limit).end()),
                    }
                }
                (None, true) => *place = Some(Joined::begin(at, &fragment, limit)),
                (Some(joined), goes_on) => {
                    joined.add(fragment.text);
                    if !goes_on {
                        place.take().into_iter().for_each(|joined| give(joined.end()));
                    }
                }
            }
        });
        let mut rest: Vec<Joined> = open.into_iter().flatten().collect();
        rest.sort_by_key(|joined| joined.at);
        rest.into_iter().for_each(|joined| give(Line { is_open: true, ..joined.end() }));
    }
}

/// A line of which more may come.
struct Joined {
    at: usize,
    line: Vec<u8>,
    behind: &'static [u8],
    /// Bytes of its text.
    len: usize,
    /// So many more may be kept; nothing is kept behind what was left out.
    room: usize,
    is_cut: bool,
}

impl Joined {
    fn begin(at: usize, fragment: &Fragment<'_>, limit: usize) -> Joined {
        let behind: &[u8] = if fragment.behind.is_empty() { b"" } else { b"\"}" };
        let line = fragment.before.to_vec();
        let mut joined = Joined { at, line, behind, len: 0, room: limit, is_cut: false };
        joined.add(fragment.text);
        joined
    }

    fn add(&mut self, text: &[u8]) {
        self.len += text.len();
        if self.is_cut {
            return;
        }
        self.is_cut = text.len() > self.room;
        let part = match (self.is_cut, self.behind.is_empty()) {
            (false, _) => text,
            (true, true) => text.get(..self.room).unwrap_or(text),
            (true, false) => whole_characters(text, self.room),
        };
        self.line.extend_from_slice(part);
        self.room -= part.len();
    }

    fn end(mut self) -> Line<'static> {
        let original_len = self.is_cut.then_some(self.len as u64);
        self.line.extend_from_slice(self.behind);
        Line { at: self.at, bytes: Cow::Owned(self.line), original_len, is_open: false }
    }
}

/// Does a text as JSON writes it end with a line feed?
fn ends(text: &[u8]) -> bool {
    // A backslash before it would be escaped itself.
    text.strip_suffix(END)
        .is_some_and(|before| before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0)
}

/// At most so many bytes of a text as JSON writes it, no escape torn.
fn whole_characters(text: &[u8], most: usize) -> &[u8] {
    let (mut at, mut end) = (0, 0);
    while at < text.len() {
        let len = match (text.get(at), text.get(at + 1)) {
            (Some(b'\\'), Some(b'u')) => 6,
            (Some(b'\\'), _) => 2,
            (Some(byte), _) if byte & 0xc0 == 0x80 || byte.is_ascii() => 1,
            (Some(byte), _) => byte.leading_ones() as usize,
            (None, _) => break,
        };
        at += len;
        if at > most {
            break;
        }
        end = at;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(runtime: Runtime, text: &str, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        runtime.cut(text.as_bytes(), limit, |line| {
            let len = line.original_len.map(|len| format!(" of {len}")).unwrap_or_default();
            let open = if line.is_open { " open" } else { "" };
            found.push(format!("{}{len}{open} {}", line.at, String::from_utf8_lossy(&line.bytes)));
        });
        found
    }

    #[test]
    fn fragments_of_the_runtime_interface_are_joined_by_stream() {
        let text = "T1 stdout P one \nT2 stderr F err\nT3 stdout P and \nT4 stdout F two\nno line\n"
            .replace('T', "2026-1");
        let joined = ["17 2026-12 stderr F err", "0 2026-11 stdout F one and two", "70 no line"];
        let got = cut(Runtime::Cri, &text, 99);
        assert_eq!(got.len(), joined.len(), "{got:?}");
        assert!(got[0].ends_with("2026-12 stderr F err") && got[1] == "0 2026-11 stdout F one and two");
        let end = Runtime::Cri.lines_end(text.as_bytes());
        assert_eq!(end, text.len());
        let half = &text[..text.find("2026-14").unwrap()];
        assert_eq!(Runtime::Cri.lines_end(half.as_bytes()), 0);
        assert_eq!(cut(Runtime::Cri, half, 99).last().unwrap(), "0 open 2026-11 stdout F one and ");
    }

    #[test]
    fn fragments_of_docker_are_joined_by_stream() {
        let text = r#"{"log":"half \u00e4 ","stream":"stdout","time":"t1"}
{"log":"err\n","stream":"stderr","time":"t2"}
{"log":"whole\\\n","stream":"stdout","attrs":{"a":"b"},"time":"t3"}
{"log":"not \\n","stream":"stdout","time":"t4"}
"#;
        let got = cut(Runtime::Docker, text, 99);
        assert_eq!(got[1], "0 {\"stream\":\"stdout\",\"time\":\"t1\",\"log\":\"half \\u00e4 whole\\\\\\n\"}");
        assert!(got[0].ends_with("{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"t2\"}"), "{got:?}");
        assert!(got[2].contains(" open ") && got.len() == 3, "{got:?}");
        assert_eq!(Runtime::Docker.lines_end(text.as_bytes()), text.rfind("{\"log\":\"not").unwrap());
    }

    #[test]
    fn a_joined_line_is_cut_between_characters() {
        let text = "{\"log\":\"ab\\u00e4cd\",\"stream\":\"stdout\",\"time\":\"t\"}\n{\"log\":\"ef\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n";
        let got = cut(Runtime::Docker, text, 4);
        assert_eq!(got, ["0 of 14 {\"stream\":\"stdout\",\"time\":\"t\",\"log\":\"ab\"}"]);
        assert_eq!(whole_characters("aé\\n".as_bytes(), 2), b"a");
        assert_eq!(whole_characters("aé\\n".as_bytes(), 9), "aé\\n".as_bytes());
    }

    #[test]
    fn a_stretch_without_a_whole_line_has_no_end() {
        for (runtime, text) in
            [(Runtime::Cri, "2026 stdout P x\n"), (Runtime::Cri, "2026 stdout F x"), (Runtime::Cri, "")]
        {
            assert_eq!(runtime.lines_end(text.as_bytes()), 0, "{text}");
        }
        assert_eq!(Runtime::Cri.lines_end(b"2026 stdout F x\n"), 16);
        assert_eq!(Runtime::Cri.lines_end(b"2026 stdout F x\n2026 stdout P y\n"), 16);
    }
}
