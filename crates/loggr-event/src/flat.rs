//! A JSON document as flat names and texts, as custom fields are.
//!
//! What the names mean is decided in `object`; nothing here makes JSON of fields.

use std::borrow::Cow;

use crate::json;
use crate::object::MAX_NESTED_NAME_BYTES;
use crate::value::{Entry, Value};

/// The scalars of a document in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatJson<'a> {
    /// Name and text. Names of nested objects are joined by dots; the elements of a list
    /// have the list's name, once each, so that a list of objects gives each member a list.
    pub members: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The document had more scalars than the caller wanted; only the first are here.
    pub cut: bool,
    /// Half of a surrogate pair became U+FFFD.
    pub replaced: bool,
}

impl<'a> FlatJson<'a> {
    /// Reads a document, an object or a list of objects, and takes at most `most` scalars. Numbers
    /// stay as they are written; `null` and what is empty gives nothing. The value of a name that
    /// is too long to be repeated stays JSON. Raw control characters, `\P` and `NaN`, which JSON
    /// does not allow, are read as they stand, as in objects that are received.
    ///
    /// # Errors
    /// The offset of the first byte that is not JSON, of a value nested deeper than
    /// [`crate::MAX_DEPTH`] or of the value after [`crate::MAX_VALUES`]; zero if the document is a
    /// scalar.
    pub fn read(text: &'a str, most: usize) -> Result<FlatJson<'a>, usize> {
        let (document, replaced) = json::read_document_leniently(text).map_err(|(at, _)| at)?;
        let objects = match &document {
            Value::Map(_) => true,
            Value::List(all) => all.iter().all(|v| matches!(v, Value::Map(_))),
            _ => false,
        };
        if !objects {
            return Err(0);
        }
        let mut flat = FlatJson { replaced, ..FlatJson::default() };
        flat.take(Cow::Borrowed(""), document, most);
        Ok(flat)
    }

    fn take(&mut self, name: Cow<'a, str>, value: Value<'a>, most: usize) {
        if self.cut {
            return;
        }
        match value {
            Value::Null => {}
            Value::List(values) => values.into_iter().for_each(|v| self.take(name.clone(), v, most)),
            Value::Map(entries) if name.len() <= MAX_NESTED_NAME_BYTES => {
                for Entry { key, value, .. } in entries {
                    let name = if name.is_empty() { key } else { Cow::Owned(format!("{name}.{key}")) };
                    self.take(name, value, most);
                }
            }
            // A member without a name is left out, because no filter or query could name it.
            _ if name.is_empty() => {}
            _ if self.members.len() >= most => self.cut = true,
            value => self.members.push((name, value.into_field_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let got = match FlatJson::read(text, 6) {
            Ok(flat) => {
                let members: Vec<String> = flat.members.iter().map(|(n, v)| format!("{n}={v}")).collect();
                format!("{}{}", members.join(" "), if flat.cut { " …" } else { "" })
            }
            Err(at) => format!("error at {at}"),
        };
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn documents() {
        check(r#"{"a":1,"b":"x","c":true}"#, "a=1 b=x c=true");
        check(r#"{"a":1.50,"b":12345678901234567890123}"#, "a=1.50 b=12345678901234567890123");
        check(r#"{"http":{"status":500,"req":{"id":"7"}}}"#, "http.status=500 http.req.id=7");
        check(r#"{"a":["x","y",null,2]}"#, "a=x a=y a=2");
        check(r#"{"a":[{"b":1,"c":2},{"b":3}]}"#, "a.b=1 a.c=2 a.b=3");
        check(r#"{"a":[[1,[2]],3]}"#, "a=1 a=2 a=3");
        check(r#"{"a":{},"b":[],"c":null,"d":""}"#, "d=");
        check(r#"[{"a":1},{"a":2}]"#, "a=1 a=2");
        check(r#"{"":1,"a":{"":2}}"#, "a.=2");
        check(r#"{"a":1,"a":2}"#, "a=1 a=2");
        check(r#"{"a":[1,2,3,4,5,6,7]}"#, "a=1 a=2 a=3 a=4 a=5 a=6 …");
        check("{}", "");
    }

    #[test]
    fn what_is_nearly_a_document() {
        check(r#"{"path":"C:\Program Files","a":1}"#, r"path=C:\Program Files a=1");
        check("{\"a\":\"x\ty\",\"b\":NaN,\"c\":-Infinity}", "a=x\ty b=NaN c=-Infinity");
        check(r#"{"a":"x\ud83d","b":1}"#, "a=x\u{fffd} b=1");
        assert!(FlatJson::read(r#"{"a":"\ud83d"}"#, 1).unwrap().replaced);
        assert!(!FlatJson::read(r#"{"a":"\P"}"#, 1).unwrap().replaced);
    }

    #[test]
    fn what_is_no_document() {
        check("", "error at 0");
        check("7", "error at 0");
        check("\"a\"", "error at 0");
        check("[1]", "error at 0");
        check("{\"a\":}", "error at 5");
        check("{\"a\":1} x", "error at 8");
        check(&format!("{{\"a\":{}", "[".repeat(100)), "error at 37");
    }

    #[test]
    fn a_long_name_is_not_repeated_for_each_member() {
        let name = "n".repeat(MAX_NESTED_NAME_BYTES + 1);
        let json = format!("{{\"{name}\":{{\"a\":1}}}}");
        let flat = FlatJson::read(&json, 9).unwrap();
        assert_eq!(flat.members, [(Cow::Borrowed(name.as_str()), Cow::Borrowed("{\"a\":1}"))]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\{?([\"\\\\{}:,\\[\\]a0u.e-]|\"[ab]\":){0,30}\\}?", most in 0usize..4) {
            match FlatJson::read(&text, most) {
                Ok(flat) => prop_assert!(flat.members.len() <= most),
                Err(at) => prop_assert!(at <= text.len()),
            }
        }
    }
}
