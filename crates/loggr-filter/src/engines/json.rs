//! `json`: makes fields of the members of a JSON object in a text.
//!
//! Events that are received as JSON are read in loggr-event, which knows what the members mean.
//! Here the members become custom fields, unless `overwrite` says otherwise.

use std::borrow::Cow;

use loggr_event::{Defect, FlatJson};

use super::place::{Finds, Place, prefixed};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// Most values that one call adds to an event.
pub const MAX_JSON_FIELDS: usize = 512;
/// Tag of an event whose text is no JSON.
pub const FAILURE_TAG: &str = "_jsonparsefailure";
/// Tag of an event that had more than [`MAX_JSON_FIELDS`] values, or no room for them.
pub const LIMIT_TAG: &str = "_jsonlimit";
/// What structured messages of syslog begin with.
const CEE_COOKIE: &str = "@cee:";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "json",
    summary: "reads a JSON object and makes a field of each member; the names of members in nested objects are \
         joined by dots, a list gives a field several values, and `@cee:` may stand before the object",
    parameters: &[
        optional("on", Kind::AnyFields, "message", "the fields whose texts are read as JSON"),
        optional("prefix", Kind::Text, "", "is put before the name of each field"),
        optional(
            "skip_invalid",
            Kind::Flag,
            "false",
            "with `true` a text that is not JSON is left alone and gets no tag",
        ),
        optional(
            "overwrite",
            Kind::Flag,
            "false",
            "with `true` the new values replace those that a field had; with `false` they are added to \
             them, and core fields such as `message` and `app_name` are not set",
        ),
    ],
    adds: &[
        (
            "(names of the members)",
            "the value of each member: numbers as they are written, `true` and `false` as words; `null` \
             makes no field. An escape that is only half of a character becomes U+FFFD, and the event gets \
             the defect `not_utf8`. Escapes that JSON does not know, raw control characters and `NaN` are \
             taken as they are written",
        ),
        (FAILURE_TAG, "tag: a text is not a JSON object, or its objects are nested more than 32 deep"),
        (
            LIMIT_TAG,
            "tag: there were more than 512 values, or the event could hold no more; only the first were \
             read",
        ),
    ],
    build,
};

struct JsonEngine {
    on: Vec<Place>,
    prefix: String,
    skip_invalid: bool,
    overwrite: bool,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    Ok(Box::new(JsonEngine {
        on: arguments.fields("on").to_vec(),
        prefix: arguments.text("prefix").to_owned(),
        skip_invalid: arguments.flag("skip_invalid"),
        overwrite: arguments.flag("overwrite"),
    }))
}

impl Engine for JsonEngine {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut texts = Vec::new();
        let mut failed = false;
        for place in &self.on {
            for at in 0..place.count(call.event) {
                match place.look(call.event, at, may_be_json) {
                    Some(true) => texts.extend(place.value(call.event, at)),
                    Some(false) => failed = true,
                    None => {}
                }
            }
        }
        let mut did = false;
        for text in texts {
            match text {
                Cow::Borrowed(text) => match FlatJson::read(document(text), MAX_JSON_FIELDS) {
                    Ok(flat) => did |= self.take(text, flat, call, |c| c),
                    Err(_) => failed = true,
                },
                Cow::Owned(text) => match FlatJson::read(document(&text), MAX_JSON_FIELDS) {
                    Ok(flat) => did |= self.take(&text, flat, call, |c| Cow::Owned(c.into_owned())),
                    Err(_) => failed = true,
                },
            }
        }
        match (did, failed && !self.skip_invalid) {
            (false, true) => Outcome::Failed(FAILURE_TAG),
            (true, true) => {
                call.event.add_tag(FAILURE_TAG);
                Outcome::Did
            }
            (true, false) => Outcome::Did,
            (false, false) => Outcome::Nothing,
        }
    }
}

impl JsonEngine {
    /// Writes the members of a document to the event; true if there were any.
    fn take<'d, 'e>(
        &'e self,
        text: &str,
        flat: FlatJson<'d>,
        call: &mut Call<'_, 'e>,
        keep: impl Fn(Cow<'d, str>) -> Cow<'e, str>,
    ) -> bool {
        if flat.replaced {
            // One bad character does not lose the object; the event notes the defect.
            call.event.defects.insert(Defect::NotUtf8);
            if self.overwrite && call.event.raw.is_none() {
                call.event.raw = Some(Cow::Owned(text.as_bytes().to_vec()));
            }
        }
        let mut finds = Finds::new(call.event, self.overwrite, MAX_JSON_FIELDS);
        for (name, value) in flat.members {
            if finds.full() {
                break;
            }
            finds.put(prefixed(&self.prefix, keep(name)), keep(value));
        }
        let (did, cut) = (finds.written() > 0, finds.full() || flat.cut);
        if cut {
            call.event.add_tag(LIMIT_TAG);
        }
        did
    }
}

/// The text behind a cookie.
fn document(text: &str) -> &str {
    let trimmed = text.trim_start();
    trimmed.strip_prefix(CEE_COOKIE).unwrap_or(trimmed)
}

fn may_be_json(text: &str) -> bool {
    document(text).trim_start().starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use super::super::{one_call, testing};
    use super::MAX_JSON_FIELDS;
    use proptest::prelude::*;

    #[track_caller]
    fn check(call: &str, message: &str, expect: &str) {
        one_call::check(call, message, expect);
    }

    #[test]
    fn objects() {
        check("json()", r#"{"a":1,"b":"x y","c":true,"d":null,"e":1.50}"#, "a=1 b=x y c=true e=1.50");
        check("json()", r#" @cee: {"a":{"b":{"c":1}}}"#, "a.b.c=1");
        check("json(prefix=\"app.\")", r#"{"a":{"b":1}}"#, "app.a.b=1");
        check("json()", r#"{"a":["x","y"],"b":[{"c":1},{"c":2,"d":3}]}"#, "a=x|y b.c=1|2 b.d=3");
        check("json()", r#"{"a":"\u00e9\n\ud83d\ude00"}"#, "a=é\n😀");
        check("json()", r#"[{"a":1},{"a":2}]"#, "a=1|2");
        check("json()", "{}", "nothing");
    }

    #[test]
    fn half_a_surrogate_pair_does_not_lose_the_object() {
        check("json()", r#"{"a":"x\ud83d","b":1}"#, "a=x\u{fffd} b=1");
        check(
            "json()",
            r#"{"a":"\uDE00\uD83Dy\ud83d\ude00","\ud800":"\\ud800"}"#,
            "a=\u{fffd}\u{fffd}y😀 \u{fffd}=\\ud800",
        );
        check("json()", r#"{"a":"\ud83d\u0041\n","b":{"c":["\udfff"]}}"#, "a=\u{fffd}A\n b.c=\u{fffd}");
        check("json()", r#"{"a":"\ud83"}"#, r"a=\ud83");
        let (_, event) = one_call::run("json(overwrite=true)", r#"{"message":"cut \ud83d"}"#);
        assert_eq!(event.message, "cut \u{fffd}");
        assert_eq!(event.raw.as_deref(), Some(r#"{"message":"cut \ud83d"}"#.as_bytes()));
        assert_eq!(event.defects.words().collect::<Vec<_>>(), ["not_utf8"]);
        let (_, event) = one_call::run("json()", r#"{"a":"\u00e9 \ud83d\ude00"}"#);
        assert_eq!((event.field("a")[0].as_ref(), event.defects.words().count()), ("é 😀", 0));
    }

    #[test]
    fn what_a_listener_reads_is_read() {
        check("json()", r#"{"path":"C:\Program Files","a":1}"#, r"path=C:\Program Files a=1");
        check("json()", "{\"a\":\"x\ty\",\"b\":1}", "a=x\ty b=1");
        check("json()", r#"{"a":NaN,"b":-Infinity,"c":1}"#, "a=NaN b=-Infinity c=1");
        let (_, event) = one_call::run("json()", r#"{"path":"C:\Program Files"}"#);
        assert_eq!(event.defects.words().count(), 0);
    }

    #[test]
    fn what_is_no_json() {
        check("json()", "", "#_jsonparsefailure");
        check("json()", "hello", "#_jsonparsefailure");
        check("json()", r#"{"a":1"#, "#_jsonparsefailure");
        check("json()", r#"{"a":1} and more"#, "#_jsonparsefailure");
        check("json()", "[1,2]", "#_jsonparsefailure");
        check("json()", &format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40)), "#_jsonparsefailure");
        check("json(skip_invalid=true)", "hello", "nothing");
        check("json(skip_invalid=true)", r#"{"a":1"#, "nothing");
    }

    #[test]
    fn what_was_there_before() {
        check("json()", r#"{"n":1}"#, "n=42|1");
        check("json(overwrite=true)", r#"{"n":1,"severity":"loud"}"#, "n=1 severity=loud");
        let (_, event) =
            one_call::run("json(overwrite=true)", r#"{"message":"m","severity":"err","source":"h"}"#);
        assert_eq!(
            (event.message.as_ref(), event.severity.keyword(), event.source.as_ref()),
            ("m", "err", "h")
        );
        let (_, event) = one_call::run("json()", r#"{"message":"m"}"#);
        assert_eq!((event.message.as_ref(), event.field("message")[0].as_ref()), (r#"{"message":"m"}"#, "m"));
    }

    #[test]
    fn several_texts() {
        check("json(on=([missing], message))", r#"{"a":1}"#, "a=1");
        check("json(on=(message, [n]))", r#"{"a":1}"#, "a=1 #_jsonparsefailure");
        check("json(on=[missing])", "", "nothing");
    }

    #[test]
    fn too_many_values_are_cut_and_tagged() {
        let text = format!("{{\"a\":[{}0]}}", "0,".repeat(MAX_JSON_FIELDS));
        let (did, event) = one_call::run("json()", &text);
        assert_eq!((did, event.field("a").len(), event.has_tag("_jsonlimit")), (true, MAX_JSON_FIELDS, true));
    }

    #[test]
    fn wrong_calls() {
        testing::wrong("json", &testing::nothing(), &["json(\"text\")", "json(overwrite=\"yes\")"]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\{?([\"\\\\{}:,\\[\\]a0u.e-]|\"[ab]\":|.){0,30}\\}?") {
            one_call::run("json(overwrite=true)", &text);
        }
    }
}
