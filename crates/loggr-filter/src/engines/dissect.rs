//! `dissect`: takes a text apart at texts that always stand between its parts.
//!
//! One pass and no expressions: far cheaper than `grok` where every line has the same signs in the
//! same order. The form is Logstash's. A text that does not have it leaves the event as it is.

mod form;

use std::borrow::Cow;
use std::ops::Range;

use loggr_event::Event;

use self::form::{Form, Role};
use super::place::{Finds, Place, part, prefixed};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::field::MAX_VALUE_BYTES;

/// Most values that one call adds to an event.
const MAX_DISSECT_VALUES: usize = 1024;
/// Tag of an event that had no room for all parts.
pub const LIMIT_TAG: &str = "_dissectlimit";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "dissect",
    summary: "takes a text apart at what stands between its parts: `dissect(\"%{client} - %{user} [%{time}]\")`",
    parameters: &[
        required(
            "form",
            Kind::Text,
            "the parts, `%{name}`, and the texts between them. `%{}` and `%{?name}` are parts that make no field; \
             `%{+name}` is added to the part `%{name}` with the text that stands before it, `%{+name/2}` as the \
             second; `%{name->}` may be followed by its text several times; `%{&name}` gets its name from the part \
             `%{?name}`",
        ),
        optional("on", Kind::AnyFields, "message", "the fields whose texts are taken apart"),
        optional("prefix", Kind::Text, "", "is put before the name of each field"),
        optional(
            "overwrite",
            Kind::Flag,
            "false",
            "with `true` the new values replace those that a field had; with `false` they are added to them, and core \
             fields such as `message` and `app_name` are not set",
        ),
    ],
    adds: &[
        ("(names of the parts)", "the text of each part, also an empty one, if the whole text has the form"),
        (LIMIT_TAG, "tag: the event could hold no more; only the first parts were written"),
    ],
    build,
};

struct Dissect {
    form: Form,
    on: Vec<Place>,
    prefix: String,
    overwrite: bool,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let prefix = arguments.text("prefix").to_owned();
    let form = Form::parse(arguments.text("form"), &prefix)
        .map_err(|wrong| BuildError::argument("form", wrong.message).hint(wrong.hint))?;
    let on = arguments.fields("on").to_vec();
    Ok(Box::new(Dissect { form, on, prefix, overwrite: arguments.flag("overwrite") }))
}

impl Engine for Dissect {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut did = false;
        for place in &self.on {
            for at in 0..place.count(call.event) {
                let Some(text) = place.value(call.event, at) else { continue };
                let Some(ranges) = self.form.cut(&text) else { continue };
                did = true;
                if !self.put(call.event, &text, &ranges) {
                    call.event.add_tag(LIMIT_TAG);
                }
            }
        }
        if did { Outcome::Did } else { Outcome::Nothing }
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

impl Dissect {
    /// Writes the parts of a text; false if there was no room for all of them.
    #[allow(
        clippy::ptr_arg,
        reason = "a part of a borrowed text is borrowed as long as the text, a `&str` of it is not"
    )]
    fn put<'e>(&'e self, event: &mut Event<'e>, text: &Cow<'e, str>, ranges: &[Range<usize>]) -> bool {
        let slice = |at: usize| ranges.get(at).and_then(|range| text.get(range.clone())).unwrap_or_default();
        let mut finds = Finds::new(event, self.overwrite, MAX_DISSECT_VALUES);
        for (at, piece) in self.form.pieces.iter().enumerate() {
            let Some(range) = ranges.get(at) else { continue };
            match &piece.role {
                Role::Skip | Role::Appended => {}
                Role::Named(name) => finds.put(Cow::Borrowed(name), part(text, range.clone())),
                Role::Joined(name, pieces) => {
                    let mut joined = String::new();
                    for (number, (at, between)) in pieces.iter().enumerate() {
                        if number > 0 {
                            joined.push_str(between);
                        }
                        joined.push_str(slice(*at));
                    }
                    joined.truncate(joined.floor_char_boundary(MAX_VALUE_BYTES));
                    finds.put(Cow::Borrowed(name), Cow::Owned(joined));
                }
                Role::NamedBy(key) => {
                    let name = slice(*key);
                    if !name.is_empty() {
                        finds.put(
                            prefixed(&self.prefix, Cow::Owned(name.to_owned())),
                            part(text, range.clone()),
                        );
                    }
                }
            }
        }
        !finds.full()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::one_call::{check as check_call, run};
    use super::super::testing::{nothing, wrong};

    #[track_caller]
    fn check(form: &str, message: &str, expect: &str) {
        check_call(&format!("dissect(\"{form}\")"), message, expect);
    }

    #[test]
    fn parts() {
        check("%{a} - %{b} [%{c}] %{d}", "1.2.3.4 - bob [10/Oct] GET /", "a=1.2.3.4 b=bob c=10/Oct d=GET /");
        check("<%{a}>%{b}", "<34>x", "a=34 b=x");
        check("<%{a}>%{b}", "34>x", "nothing");
        check("%{a}, %{b}.", "x, y.", "a=x b=y");
        check("%{a}, %{b}.", "x, y", "nothing");
        check("%{a}, %{b}.", "x, y. z", "nothing");
        check("%{a}|%{b}|%{c}", "||", "a= b= c=");
        check("%{a}|%{b}", "x|y|z", "a=x b=y|z");
        check("%{a}", "", "a=");
        check("%{a}ä%{b}", "öäü", "a=ö b=ü");
        check("%{a} %{a}", "x y", "a=x|y");
        check("%{n}", "7", "n=42|7");
        check("%{[a][b]}", "x", "a.b=x");
        check("%{message}", "x", "message=x");
        check_call("dissect(\"%{n}\", overwrite=true)", "7", "n=7");
        check_call("dissect(\"%{a}=%{b}\", [many], prefix=\"x_\")", "", "x_a=p|q x_b=1|2");
        check_call("dissect(\"%{a}=%{b}\", on=[missing])", "", "nothing");
        let (did, event) = run("dissect(\"%{app_name}: %{message}\", overwrite=true)", "cron: done");
        assert_eq!((did, event.app_name.as_ref(), event.message.as_ref()), (true, "cron", "done"));
    }

    #[test]
    fn parts_that_make_no_field() {
        check("%{} %{?x} %{a}", "1 2 3", "a=3");
        check("%{?k}=%{&k}", "user=bob", "user=bob");
        check("%{*k}=%{&k}; %{*l}=%{&l}", "a=1; b=2", "a=1 b=2");
        check("%{&k}<-%{?k}", "1<-a", "a=1");
        check("%{?k}=%{&k}", "=bob", "");
        check_call("dissect(\"%{?k}=%{&k}\", prefix=\"x_\")", "user=bob", "x_user=bob");
    }

    #[test]
    fn parts_that_are_joined() {
        check("%{t} %{+t} %{+t} %{a}", "Oct 11 22:14 x", "t=Oct 11 22:14 a=x");
        check("%{+t}T%{+t}", "2026-10-11T22:14", "t=2026-10-11T22:14");
        check("%{+t/2}/%{+t/1}", "b/a", "t=a b");
        check("%{+t/3}/%{+t/1}-%{+t/2}", "c/a-b", "t=a-b c");
        check("%{t}|%{a}|%{+t}", "1|2|3", "t=1|3 a=2");
    }

    #[test]
    fn padding() {
        check("%{a->} %{b}", "INFO    x", "a=INFO b=x");
        check("%{a->}  %{b}", "INFO     x", "a=INFO b= x");
        check("%{?x->} %{a}", "INFO    x", "a=x");
        check("%{->}-%{a}", "a---b", "a=b");
        check("%{a} %{b}", "INFO  x", "a=INFO b= x");
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "dissect()",
            "dissect(\"\")",
            "dissect(\"no parts\")",
            "dissect(\"%{a}%{b}\")",
            "dissect(\"%{a\")",
            "dissect(\"%{&a} x\")",
            "dissect(\"%{?k} %{?k} %{&k}\")",
            "dissect(\"%{a/2}\")",
            "dissect(\"%{+a/x}\")",
            "dissect(\"%{a} %{+a->/2}\")",
            "dissect(\"%{a}\", \"b\", \"c\", \"d\", \"e\")",
        ];
        wrong("dissect", &nothing(), &calls);
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_taken_apart(a in "[a-c\u{e4} ]{0,6}", b in "[a-c\u{20ac}]{0,6}", c in any::<String>()) {
            let c = c.replace(|c: char| c.is_control(), "");
            let (did, event) = run("dissect(\"<%{a}> %{b}--%{c}\")", &format!("<{a}> {b}--{c}"));
            prop_assert!(did);
            let got: Vec<&str> = ["a", "b", "c"].map(|name| event.field(name)[0].as_ref()).to_vec();
            prop_assert_eq!(got, [&*a, &*b, &*c]);
        }

        #[test]
        fn any_form_is_read_or_refused_and_cuts_any_text(form in "[%{}?+&*a-c/0-9> -]{0,30}", text in "[a-c %{}>-]{0,30}") {
            if let Ok(form) = super::Form::parse(&form, "")
                && let Some(ranges) = form.cut(&text)
            {
                prop_assert!(ranges.len() == form.pieces.len());
                prop_assert!(ranges.iter().all(|range| text.get(range.clone()).is_some()));
            }
        }
    }
}
