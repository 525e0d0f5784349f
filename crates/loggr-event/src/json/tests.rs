//! JSON: what is read and written.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, expect: Result<usize, usize>) {
    assert_eq!(read_object(text).map(|e| e.len()).map_err(|e| e.0), expect, "{text}");
}

#[test]
fn reading() {
    check("{}", Ok(0));
    check(" {\"a\" : [1, -2.5e+3, true, null, {}, []] , \"b\":\"\"} \n", Ok(2));
    check("", Err(0));
    check("[]", Err(0));
    check("{\"a\":1,}", Err(7));
    check("{\"a\" 1}", Err(5));
    check("{\"a\":01}", Err(6));
    check("{\"a\":tru}", Err(5));
    check("{\"a\":1} x", Err(8));
    check("{\"a\":\"\n\"}", Err(6));
    check(r#"{"a":"\x"}"#, Err(7));
    check(r#"{"a":"\ud800"}"#, Err(12));
    check(r#"{"a":"\udc00"}"#, Err(6));
    check("{\"a\":\"", Err(6));
    check(&format!("{{\"a\":{}", "[".repeat(100)), Err(5 + 32));
    check(&format!("{{\"a\":[{}0]}}", "0,".repeat(65_534)), Err(6 + 2 * 65_534));
}

#[track_caller]
fn check_mended(json: &str, expect: &str, replaced: bool) {
    let document = format!("{{\"a\":{json},\"b\":1}}");
    assert!(read_object(&document).is_err(), "{json}");
    let (entries, found) = read_object_leniently(&document).expect(json);
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].value.as_str(), found), (Some(expect), replaced), "{json}");
}

#[test]
fn one_bad_character_does_not_lose_the_others() {
    check_mended(r#""cut \ud83d""#, "cut \u{fffd}", true);
    check_mended(r#""\ude00 x""#, "\u{fffd} x", true);
    check_mended(r#""\ud83dx""#, "\u{fffd}x", true);
    check_mended(r#""\ud83d\n""#, "\u{fffd}\n", true);
    check_mended(r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}", true);
    check_mended(r#""\ud83d\u0041""#, "\u{fffd}A", true);
    check_mended("\"a\tb\nc\"", "a\tb\nc", false);
    check_mended(r#""C:\Program Files\x""#, r"C:\Program Files\x", false);
    check_mended(r#""\u12""#, r"\u12", false);
    check_mended("NaN", "NaN", false);
    check_mended("-Infinity", "-Infinity", false);
}

#[track_caller]
fn check_text(json: &str, expect: &str) {
    let document = format!("{{\"a\":\"{json}\"}}");
    let entries = read_object(&document).unwrap();
    assert_eq!(entries[0].value.as_str(), Some(expect));
}

#[test]
fn escapes() {
    check_text(r"a\n\t\r\b\f\/\\\u0041", "a\n\t\r\u{8}\u{c}/\\A");
    check_text(r"\ud83d\ude00x", "\u{1f600}x");
}

proptest! {
       #[test]
       fn texts_come_back(text in "([\u{0}-\u{ff}\u{2027}-\u{202a}]|.){0,30}") {
           let mut out = b"{\"k\":".to_vec();
           write_string(&text, &mut out);
           out.push(b'}');
           let document = String::from_utf8(out).unwrap();
           let ends_line = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
           prop_assert!(!document.contains(ends_line));
           let entries = read_object(&document).unwrap();
           prop_assert_eq!(entries[0].value.as_str(), Some(text.as_str()));
       }

       #[test]
       fn any_text_is_survived(text in "\\{[\"\\\\{}:,\\[\\]a0u.e-]{0,40}") {
           if let Err((at, _)) = read_object(&text) {
prop_assert!(at <= text.len());
}
           if let Err((at, _)) = read_object_leniently(&text) {
               prop_assert!(at <= text.len());
           }
       }
   }
