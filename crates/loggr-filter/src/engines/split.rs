//! `split`: a text becomes several values of a field, or one part of it is taken.
//!
//! The other way is `join`.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;

use super::place::{Place, part};
use super::rewrite::{NO_ROOM, and, integer, text, writable, write};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// Most values that are made of one event's field.
pub const MAX_SPLIT_VALUES: usize = 1024;
/// Tag of an event that had more parts.
pub const LIMIT_TAG: &str = "_splitlimit";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "split",
    summary: "cuts a text at each place where a separator stands, and makes a value of the field of each part; parts \
         with names of their own are for `grok`, `csv` and `kv`",
    parameters: &[
        required("on", Kind::AnyField, "the field whose text is cut; if it has several values, each of them"),
        required("separator", Kind::Text, "the text that stands between the parts"),
        optional(
            "target",
            Kind::AnyField,
            "",
            "the field that gets the parts, instead of the field in `on`; a core field has one value and \
             cannot get several",
        ),
        optional(
            "limit",
            Kind::Number,
            "",
            "how many parts there are at most; the last one has the rest of the text",
        ),
        optional(
            "part",
            Kind::Number,
            "",
            "takes this part alone: 1 is the first, -1 the last; a value without such a part stays, or gives nothing to the target",
        ),
        optional("skip_empty", Kind::Flag, "false", "with `true` an empty part makes no value"),
    ],
    adds: &[
        ("(the same field, or the target)", "the parts, as values of the field"),
        (LIMIT_TAG, "tag: there were more than 1024 parts; the last value has the rest of the text"),
        NO_ROOM,
    ],
    build,
};

struct Split {
    on: Place,
    target: Place,
    in_place: bool,
    separator: String,
    finder: Finder<'static>,
    limit: Option<usize>,
    part: Option<i64>,
    skip_empty: bool,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let on = arguments.fields("on").first().cloned();
    let on = on.ok_or_else(|| BuildError::argument("on", "`on` must be a field"))?;
    let target = arguments.fields("target").first().cloned();
    let part = integer(arguments, "part", -(MAX_SPLIT_VALUES as i64)..=MAX_SPLIT_VALUES as i64)?;
    if part == Some(0) {
        return Err(BuildError::argument("part", "`part` is 1 for the first part, -1 for the last"));
    }
    if part.is_some() && (arguments.flag("skip_empty") || arguments.number("limit").is_some()) {
        return Err(BuildError::argument("part", "`part` takes one part, without `limit` and `skip_empty`"));
    }
    match &target {
        Some(target) => writable(target, "target")?,
        None => text(&on)?,
    }
    let (written, given) = match &target {
        Some(target) => (target, "target"),
        None => (&on, "on"),
    };
    if part.is_none() && matches!(written, Place::Core(_)) {
        let message = format!("`{}` has one value, and cannot get several", written.shown());
        return Err(BuildError::argument(given, message).hint("give a custom field: target=[name]"));
    }
    let separator = arguments.text("separator").to_owned();
    if separator.is_empty() {
        return Err(BuildError::argument("separator", "`separator` needs a character"));
    }
    let limit = integer(arguments, "limit", 1..=MAX_SPLIT_VALUES as i64)?;
    Ok(Box::new(Split {
        in_place: target.is_none(),
        target: target.unwrap_or_else(|| on.clone()),
        on,
        finder: Finder::new(separator.as_bytes()).into_owned(),
        separator,
        limit: limit.and_then(|limit| usize::try_from(limit).ok()),
        part,
        skip_empty: arguments.flag("skip_empty"),
    }))
}

impl Engine for Split {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut values: Vec<Cow<'e, str>> = Vec::new();
        let (mut full, mut cut) = (false, false);
        for at in 0..self.on.count(call.event) {
            let Some(text) = self.on.value(call.event, at) else { continue };
            match self.part {
                Some(nth) => match self.nth(&text, nth) {
                    Some(range) => {
                        cut = true;
                        values.push(part(&text, range));
                    }
                    None if self.in_place => values.push(text),
                    None => {}
                },
                None => self.parts(&text, &mut values, &mut cut, &mut full),
            }
        }
        if values.is_empty() || (self.in_place && !cut) {
            return Outcome::Nothing;
        }
        if full {
            call.event.add_tag(LIMIT_TAG);
        }
        and(Outcome::Nothing, write(call.event, &self.target, values))
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

impl Split {
    /// Adds the parts of a text. `cut`: something was cut or left out; `full`: there were too many.
    #[allow(
        clippy::ptr_arg,
        reason = "a part of a borrowed text is borrowed as long as the text, a `&str` of it is not"
    )]
    fn parts<'e>(
        &self,
        text: &Cow<'e, str>,
        values: &mut Vec<Cow<'e, str>>,
        cut: &mut bool,
        full: &mut bool,
    ) {
        let (mut from, mut count) = (0, 1);
        for found in self.finder.find_iter(text.as_bytes()) {
            if self.limit.is_some_and(|limit| count >= limit) {
                break;
            }
            if values.len() + 1 >= MAX_SPLIT_VALUES {
                *full = true;
                break;
            }
            *cut = true;
            if found > from || !self.skip_empty {
                values.push(part(text, from..found));
                count += 1;
            }
            from = found + self.separator.len();
        }
        if from < text.len() || !self.skip_empty {
            values.push(part(text, from..text.len()));
        } else {
            *cut = true;
        }
    }

    /// The part of this number, from the end if it is less than 0.
    fn nth(&self, text: &str, number: i64) -> Option<Range<usize>> {
        let before = usize::try_from(number.unsigned_abs()).ok()?.checked_sub(2);
        let length = self.separator.len();
        if number > 0 {
            let mut found = text.match_indices(self.separator.as_str());
            let start = before.map_or(Some(0), |nth| found.nth(nth).map(|(at, _)| at + length))?;
            return Some(start..found.next().map_or(text.len(), |(at, _)| at));
        }
        let mut found = text.rmatch_indices(self.separator.as_str());
        let end = before.map_or(Some(text.len()), |nth| found.nth(nth).map(|(at, _)| at))?;
        Some(found.next().map_or(0, |(at, _)| at + length)..end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_call::{check, run};
    use super::{LIMIT_TAG, MAX_SPLIT_VALUES};

    #[test]
    fn parts() {
        check("split(message, \",\", [t])", "a,b,,c", "t=a|b||c");
        check("split(message, \", \", [t])", "ä, b,c", "t=ä|b,c");
        check("split(message, \",\", [t], skip_empty=true)", ",a,,b,", "t=a|b");
        check("split(message, \",\", [t], limit=2)", "a,b,c", "t=a|b,c");
        check("split(message, \",\", [t], limit=2, skip_empty=true)", ",,a,b,c", "t=a|b,c");
        check("split(message, \",\", [t])", "a", "t=a");
        check("split(message, \",\", [t], skip_empty=true)", ",,", "nothing");
        check("split([many], \"=\")", "", "many=p|1|q|2");
        check("split([n], \",\")", "", "nothing");
        check("split([missing], \",\")", "", "nothing");
        check("split([many], \"=\", [n])", "", "n=p|1|q|2");
    }

    #[test]
    fn one_part() {
        let path = "/srv/www/index.html";
        check("split(message, \"/\", [t], part=-1)", path, "t=index.html");
        check("split(message, \"/\", [t], part=2)", path, "t=srv");
        check("split(message, \"/\", [t], part=-4)", path, "t=");
        check("split(message, \"/\", [t], part=5)", path, "nothing");
        check("split(message, \"/\", [t], part=-5)", path, "nothing");
        check("split([many], \"=\", part=1)", "", "many=p|q");
        check("split([many], \"p=\", part=2)", "", "many=1|q=2");
        check("split([many], \"p=\", [t], part=2)", "", "t=1");
        check("split([many], \"/\", part=2)", "", "nothing");
        let (did, event) = run("split(message, \"/\", part=-1)", path);
        assert_eq!((did, event.message.as_ref()), (true, "index.html"));
    }

    #[test]
    fn nothing_is_lost_where_there_are_too_many_parts() {
        let text = "x,".repeat(MAX_SPLIT_VALUES + 5);
        let (did, event) = run("split(message, \",\", [t])", &text);
        assert!(did && event.has_tag(LIMIT_TAG));
        assert_eq!(event.field("t").len(), MAX_SPLIT_VALUES);
        assert_eq!(event.field("t").join(","), text);
    }
}
