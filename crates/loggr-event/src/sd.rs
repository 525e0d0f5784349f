//! STRUCTURED-DATA (RFC 5424, 6.3): reading, unescaping, writing.
//!
//! The meaning of loggr's own element is in `own`.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

use crate::timestamp::Refusal;
use crate::{SdElement, SdParam, escape};

/// A line with more SD-PARAMs than this is read as if it had no structured data.
pub const MAX_SD_PARAMS: usize = 1024;

/// Longest SD-ID and PARAM-NAME (RFC 5424, 6.3.2).
pub const MAX_SD_NAME_BYTES: usize = 32;

/// May the byte stand in an SD-NAME?
#[inline]
pub(crate) fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[usize::from(byte)]
}

const NAME_BYTES: [bool; 256] = {
    let mut name = [false; 256];
    let mut b = 0x21;
    while b < 0x7f {
        name[b] = !matches!(b as u8, b'=' | b']' | b'"');
        b += 1;
    }
    name
};

/// Is the text an SD-NAME?
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_SD_NAME_BYTES && text.bytes().all(is_name_byte)
}

/// Reads the elements that begin at `at`, where a `[` stands; gives their end.
/// Leniently, names may be longer, an id may come twice, a `]` within quotes needs no
/// backslash, and the values of an enterprise's element need no quotes: ESXi writes
/// `[Originator@6876 sub=Vimsvc opID=5f3a]`.
pub(crate) fn elements<'a, const STRICT: bool>(
    text: &'a str,
    mut at: usize,
) -> Result<(Vec<SdElement<'a>>, usize), Refusal> {
    let bytes = text.as_bytes();
    let mut elements: Vec<SdElement<'a>> = Vec::new();
    let mut total = 0;
    while bytes.get(at) == Some(&b'[') {
        let (id, end) = name::<STRICT>(text, at + 1, "an SD-ID")?;
        if STRICT && elements.iter().any(|e| e.id == id) {
            return Err((at + 1, "an SD-ID that did not come before"));
        }
        at = end;
        let mut params = Vec::new();
        loop {
            match bytes.get(at) {
                Some(b']') => {
                    at += 1;
                    break;
                }
                Some(b' ') => {
                    if !STRICT && bytes.get(at + 1) == Some(&b']') {
                        at += 2;
                        break;
                    }
                    let (param, end) = param::<STRICT>(text, at + 1, !STRICT && id.contains('@'))?;
                    params.push(param);
                    at = end;
                }
                _ => return Err((at, "a space or `]`")),
            }
            total += 1;
            if total > MAX_SD_PARAMS {
                return Err((at, "at most 1024 SD-PARAMs"));
            }
        }
        elements.push(SdElement { id: Cow::Borrowed(id), params });
        total += 1;
    }
    Ok((elements, at))
}

/// SD-IDs without an `@` that are registered (RFC 5424, 7; 5674; 5848).
const REGISTERED: [&str; 6] = ["timeQuality", "origin", "meta", "alarm", "ssign", "ssign-cert"];

/// Are the elements a text in brackets, `[main] INFO`? Nothing says that they are structured
/// data: they have no values, no enterprise and no registered name.
pub(crate) fn are_text(elements: &[SdElement<'_>]) -> bool {
    let is_text = |e: &SdElement<'_>| {
        e.params.is_empty() && !e.id.contains('@') && !REGISTERED.contains(&e.id.as_ref())
    };
    !elements.is_empty() && elements.iter().all(is_text)
}

fn name<'a, const STRICT: bool>(
    text: &'a str,
    at: usize,
    expected: &'static str,
) -> Result<(&'a str, usize), Refusal> {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let len = rest.iter().position(|b| !is_name_byte(*b)).unwrap_or(rest.len());
    if len == 0 {
        return Err((at, expected));
    }
    if STRICT && len > MAX_SD_NAME_BYTES {
        return Err((at + MAX_SD_NAME_BYTES, "a name of at most 32 characters"));
    }
    Ok((text.get(at..at + len).unwrap_or_default(), at + len))
}

/// `bare`: a value may stand without quotes.
fn param<'a, const STRICT: bool>(
    text: &'a str,
    at: usize,
    bare: bool,
) -> Result<(SdParam<'a>, usize), Refusal> {
    let bytes = text.as_bytes();
    let (name, end) = name::<STRICT>(text, at, "a PARAM-NAME")?;
    if bytes.get(end) != Some(&b'=') {
        return Err((end, "`=`"));
    }
    if bytes.get(end + 1) != Some(&b'"') {
        if bare && let Some(len) = bare_value(bytes.get(end + 1..).unwrap_or_default()) {
            let value = text.get(end + 1..end + 1 + len).unwrap_or_default();
            return Ok((SdParam { name: Cow::Borrowed(name), value: Cow::Borrowed(value) }, end + 1 + len));
        }
        return Err((end + 1, "`\"`"));
    }
    let (value, end) = value::<STRICT>(text, end + 2)?;
    Ok((SdParam { name: Cow::Borrowed(name), value }, end))
}

/// Length of a value without quotes: up to the next ` name=` or the bracket, since the path of a
/// virtual machine may have blanks.
fn bare_value(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|b| *b == b']')?;
    let value = bytes.get(..end)?;
    let next = value.iter().enumerate().find(|(at, b)| {
        let rest = value.get(at + 1..).unwrap_or_default();
        let name = rest.iter().position(|b| !is_name_byte(*b)).unwrap_or(rest.len());
        **b == b' ' && name > 0 && rest.get(name) == Some(&b'=')
    });
    Some(next.map_or(end, |(at, _)| at))
}

fn value<const STRICT: bool>(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), Refusal> {
    let bytes = text.as_bytes();
    let mut unescaped: Option<String> = None;
    let mut from = start;
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = if STRICT { memchr3(b'"', b'\\', b']', rest) } else { memchr2(b'"', b'\\', rest) };
        let Some(found) = found else { return Err((bytes.len(), "`\"` at the end of the value")) };
        at += found;
        match bytes.get(at) {
            Some(b'"') => {
                let last = text.get(from..at).unwrap_or_default();
                let value = match unescaped {
                    None => Cow::Borrowed(last),
                    Some(mut value) => {
                        value.push_str(last);
                        Cow::Owned(value)
                    }
                };
                return Ok((value, at + 1));
            }
            Some(b'\\') => {
                // A backslash before any other character stands for itself.
                if matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b']')) {
                    let value = unescaped.get_or_insert_default();
                    value.push_str(text.get(from..at).unwrap_or_default());
                    from = at + 1;
                    at += 2;
                } else {
                    at += 1;
                }
            }
            _ => return Err((at, "`\\]` for a bracket in a value")),
        }
    }
}

/// Appends ` name="value"`, with control characters of the value escaped if `escaped`. A byte that may not stand in a name becomes `_`, and a
/// name is cut to the 32 bytes that RFC 5424 allows.
pub(crate) fn write_param(name: &str, value: &str, escaped: bool, out: &mut Vec<u8>) {
    out.push(b' ');
    write_name(name, out);
    out.extend_from_slice(b"=\"");
    if escaped {
        let mut safe = Vec::with_capacity(value.len() + 8);
        escape::write_reversible(value, &mut safe);
        write_value(&safe, out);
    } else {
        write_value(value.as_bytes(), out);
    }
    out.push(b'"');
}

pub(crate) fn write_name(name: &str, out: &mut Vec<u8>) {
    if name.is_empty() {
        out.push(b'_');
    }
    out.extend(name.bytes().take(MAX_SD_NAME_BYTES).map(|b| if is_name_byte(b) { b } else { b'_' }));
}

/// A name as [`write_name`] writes it.
pub(crate) fn written_name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    write_name(name, &mut out);
    out
}

fn write_value(bytes: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for at in memchr::memchr3_iter(b'"', b'\\', b']', bytes) {
        out.extend_from_slice(&bytes[from..at]);
        out.push(b'\\');
        from = at;
    }
    out.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(elements: &[SdElement<'_>]) -> String {
        let mut out = String::new();
        for element in elements {
            out += &format!("{}(", element.id);
            for param in &element.params {
                out += &format!("{}={};", param.name, param.value);
            }
            out += ")";
        }
        out
    }

    #[track_caller]
    fn check<const STRICT: bool>(text: &str, expect: &str, rest: &str) {
        let (found, end) = elements::<STRICT>(text, 0).expect(text);
        assert_eq!((show(&found).as_str(), &text[end..]), (expect, rest), "{text}");
    }

    #[track_caller]
    fn check_refused<const STRICT: bool>(text: &str, offset: usize) {
        assert_eq!(elements::<STRICT>(text, 0).map_err(|e| e.0), Err(offset), "{text}");
    }

    #[test]
    fn reading() {
        check::<true>("[a]", "a()", "");
        check::<true>("[a b=\"c\"][d e=\"\" e=\"f\"] msg", "a(b=c;)d(e=;e=f;)", " msg");
        check::<true>(r#"[a b="x\"y\\z\]"]"#, r#"a(b=x"y\z];)"#, "");
        check::<true>(r#"[a b="C:\new"]"#, r"a(b=C:\new;)", "");
        check::<true>("[a b=\"gr\u{fc}n\"]", "a(b=gr\u{fc}n;)", "");
        check::<false>("[a b=\"x]y\"]", "a(b=x]y;)", "");
        check::<false>("[a b=\"x\" ]", "a(b=x;)", "");
        check::<false>("[a][a]", "a()a()", "");
        check::<false>("[O@6876 sub=Vimsvc opID=5f-3a] x", "O@6876(sub=Vimsvc;opID=5f-3a;)", " x");
        check::<false>("[O@6876 sub=vm:/a b/c.vmx opID=] x", "O@6876(sub=vm:/a b/c.vmx;opID=;)", " x");
        check::<false>("[O@6876 sub=a user=\"b c\"]", "O@6876(sub=a;user=b c;)", "");
    }

    #[test]
    fn refusing() {
        check_refused::<true>("[]", 1);
        check_refused::<true>("[a b]", 4);
        check_refused::<true>("[a b=c]", 5);
        check_refused::<true>("[a b=\"c]", 7);
        check_refused::<false>("[a b=\"c]", 8);
        check_refused::<false>("[thread-1 state=running]", 16);
        check_refused::<true>("[a@1 b=c]", 7);
        check_refused::<true>("[a  b=\"c\"]", 3);
        check_refused::<true>("[a][a]", 4);
        check_refused::<true>("[a b=\"c\" ]", 9);
        check_refused::<true>("[a", 2);
        check_refused::<true>("[a23456789012345678901234567890123]", 33);
        check_refused::<false>(&format!("[a{}]", " b=\"\"".repeat(1025)), 1 + 1 + 5 * 1025);
    }

    proptest! {
           #[test]
           fn any_text_is_survived(text in "\\[.{0,40}") {
               if let Err((at, _)) = elements::<true>(&text, 0) {
    prop_assert!(at <= text.len());
    }
               if let Ok((_, end)) = elements::<false>(&text, 0) {
    prop_assert!(text.is_char_boundary(end));
    }
           }

           #[test]
           fn values_come_back(value in ".{0,40}") {
               let mut out = b"[id".to_vec();
               write_param("name", &value, false, &mut out);
               out.push(b']');
               let text = String::from_utf8(out).unwrap();
               let (found, end) = elements::<true>(&text, 0).unwrap();
               prop_assert_eq!(found[0].params[0].value.as_ref(), value.as_str());
               prop_assert_eq!(end, text.len());
           }
       }
}
