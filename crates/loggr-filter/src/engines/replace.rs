//! `replace`: what a regular expression finds in a text becomes another text.
//!
//! The replacement is read once, when the filter is: a group that the expression does not have is an
//! error then, and no empty text later. Expressions take linear time (the `regex` crate).

use std::ops::Range;

use regex::{Captures, Regex, RegexBuilder};

use super::rewrite::{NO_ROOM, New, ON, Rewrite, TARGET};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::field::MAX_VALUE_BYTES;

/// Largest compiled expression in bytes.
const MAX_REGEX_BYTES: usize = 4 << 20;
/// What a replacement may hold beside text.
const GROUPS: &str =
    "`$1` or `${name}` is a group of the expression, `$0` all that it found, `$$` a dollar sign";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "replace",
    summary: "replaces what a regular expression finds: `replace(message, \"\\d{12,}\", \"…\")`",
    parameters: &[
        ON,
        required("pattern", Kind::Text, "the regular expression; `(?i)` at its beginning ignores case"),
        required(
            "with",
            Kind::Text,
            "the text that comes in the place of each find; `$1` or `${name}` is a group of the expression, `$0` \
             all that it found, `$$` a dollar sign; an empty text takes away what was found",
        ),
        TARGET,
        optional("all", Kind::Flag, "true", "with `false` only the first find is replaced"),
    ],
    adds: &[
        ("(the same fields, or the target)", "the new text; where nothing is found nothing changes"),
        NO_ROOM,
    ],
    build,
};

/// A piece of the replacement.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The number of a group.
    Group(usize),
}

struct Replace {
    fields: Rewrite,
    regex: Regex,
    with: Vec<Piece>,
    all: bool,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let regex = RegexBuilder::new(arguments.text("pattern"))
        .dot_matches_new_line(true)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| refused(&error))?;
    let with = pieces(arguments.text("with"), &regex)?;
    Ok(Box::new(Replace { fields: Rewrite::of(arguments)?, regex, with, all: arguments.flag("all") }))
}

fn refused(error: &regex::Error) -> BuildError {
    let text = error.to_string();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let message = format!("this regular expression cannot be used: {}", line.trim_start_matches("error: "));
    BuildError::argument("pattern", message)
}

/// Reads a replacement.
fn pieces(with: &str, regex: &Regex) -> Result<Vec<Piece>, BuildError> {
    let wrong = |message: String| BuildError::argument("with", message).hint(GROUPS);
    let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), with);
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, sign) = rest.split_at(at);
        text.push_str(before);
        let behind = sign.get(1..).unwrap_or_default();
        if sign.starts_with('\\') {
            if behind.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(wrong(format!("a group is written `${}`, without `\\`", digits(behind))));
            }
            text.push('\\');
            rest = behind;
            continue;
        }
        if let Some(behind) = behind.strip_prefix('$') {
            text.push('$');
            rest = behind;
            continue;
        }
        let (name, behind) = match behind.strip_prefix('{') {
            Some(inner) => match inner.split_once('}') {
                Some(split) => split,
                None => return Err(wrong("a `${` without its `}`".to_owned())),
            },
            None => behind.split_at(digits(behind).len()),
        };
        let group = match name.parse::<usize>() {
            Ok(number) => (number < regex.captures_len()).then_some(number),
            Err(_) => regex.capture_names().position(|known| known.is_some_and(|known| known == name)),
        };
        match group {
            _ if name.is_empty() => return Err(wrong("a `$` that stands for no group".to_owned())),
            None => return Err(wrong(format!("the regular expression has no group `{name}`"))),
            Some(group) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Group(group));
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn digits(text: &str) -> &str {
    text.get(..text.bytes().take_while(u8::is_ascii_digit).count()).unwrap_or_default()
}

impl Replace {
    /// The new text; one that is too long ends soon behind the limit.
    fn replaced(&self, text: &str) -> New {
        let mut out = String::new();
        let mut end = None;
        let most = if self.all { usize::MAX } else { 1 };
        if self.with.iter().any(|piece| matches!(piece, Piece::Group(number) if *number > 0)) {
            for found in self.regex.captures_iter(text).take(most) {
                let whole = found.get(0).map(|whole| whole.range()).unwrap_or_default();
                if !self.put(text, &mut out, &mut end, whole, Some(&found)) {
                    break;
                }
            }
        } else {
            for found in self.regex.find_iter(text).take(most) {
                if !self.put(text, &mut out, &mut end, found.range(), None) {
                    break;
                }
            }
        }
        let Some(end) = end else { return New::Same };
        out.push_str(text.get(end..).unwrap_or_default());
        if out == text { New::Same } else { New::Text(out) }
    }

    /// Adds what is before a find and what comes in its place; false if there is no room for more.
    fn put(
        &self,
        text: &str,
        out: &mut String,
        end: &mut Option<usize>,
        find: Range<usize>,
        groups: Option<&Captures<'_>>,
    ) -> bool {
        out.push_str(text.get(end.unwrap_or_default()..find.start).unwrap_or_default());
        *end = Some(find.end);
        for piece in &self.with {
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Group(0) => text.get(find.clone()).unwrap_or_default(),
                Piece::Group(number) => {
                    groups.and_then(|groups| groups.get(*number)).map_or("", |group| group.as_str())
                }
            });
        }
        out.len() <= MAX_VALUE_BYTES
    }
}

impl Engine for Replace {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        self.fields.each(call.event, |text| self.replaced(text))
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        self.fields.may_change(outcome)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::one_call::{check, run};
    use super::super::testing::{nothing, wrong};

    #[test]
    fn finds() {
        check("replace(message, \"o\", \"0\", [t])", "foo boo", "t=f00 b00");
        check("replace(message, \"o\", \"0\", [t], all=false)", "foo", "t=f0o");
        check("replace(message, \"x\", \"y\", [t])", "foo", "t=foo");
        check("replace(message, \"x\", \"y\")", "foo", "nothing");
        check("replace([n], \"4\", \"4\")", "", "nothing");
        check("replace([many], \"\\d\", \"#\")", "", "many=p=#|q=#");
        check("replace([many], [n], \"[12]\", \"\")", "", "n=4 many=p=|q=");
        check("replace(message, \"\", \"-\", [t])", "äb", "t=-ä-b-");
        check("replace(message, \"(?i)ä\", \"a\", [t])", "Ää", "t=aa");
        check("replace(message, \"a.b\", \"\", [t])", "xa\nbx", "t=xx");
        check("replace([missing], \"a\", \"b\")", "", "nothing");
        let (did, event) = run("replace(message, \"/+\", \"/\")", "//srv///www/");
        assert_eq!((did, event.message.as_ref()), (true, "/srv/www/"));
    }

    #[test]
    fn groups() {
        check("replace(message, \"(\\w+) (\\w+)\", \"$2 $1\", [t])", "a b, c d", "t=b a, d c");
        check("replace(message, \"(?<k>\\w)=(?<v>\\w)\", \"${v}=${k}\", [t])", "a=b", "t=b=a");
        check("replace(message, \"(a)|(b)\", \"<$1${2}>\", [t])", "ab", "t=<a><b>");
        check("replace(message, \"\\d+\", \"$$$0\\\\\", [t])", "5 7", "t=$5\\ $7\\");
        check("replace(message, \"(.)\", \"${1}1\", [t])", "x", "t=x1");
    }

    #[test]
    fn a_result_that_is_too_long_is_not_made() {
        let call = format!("replace(message, \"\", \"{}\", [t])", "x".repeat(1000));
        check(&call, &"a".repeat(100_000), "#_assignfailure");
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "replace(message)",
            "replace(message, \"a\")",
            "replace(\"a\", \"b\")",
            "replace(message, \"(\", \"b\")",
            "replace(message, \"(a)\", \"\\1\")",
            "replace(message, \"(a)\", \"$2\")",
            "replace(message, \"(?<a>a)\", \"${b}\")",
            "replace(message, \"a\", \"${0\")",
            "replace(message, \"a\", \"5 $\")",
            "replace(severity, \"a\", \"b\")",
            "gsub(\"message\", \"a\", \"b\")",
        ];
        wrong("replace", &nothing(), &calls);
    }

    proptest! {
        #[test]
        fn a_letter_for_a_letter_and_back(text in "[a-c \u{e4}\u{20ac}]{0,40}") {
            let (_, event) = run("replace(message, \"a\", \"z\", [t])", &text);
            prop_assert_eq!(&event.field("t")[0], &text.replace('a', "z"));
            let (_, event) = run("replace(message, \"(?s)(.)\", \"$1$1\", [t])", &text);
            let twice: String = text.chars().flat_map(|c| [c, c]).collect();
            prop_assert_eq!(&event.field("t")[0], &twice);
        }

        #[test]
        fn any_replacement_is_read_or_refused(with in any::<String>()) {
            let regex = regex::Regex::new("(?<a>.)").unwrap();
            drop(super::pieces(&with, &regex));
        }
    }
}
