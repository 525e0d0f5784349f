//! `kv`: `name=value` pairs in a text become fields.
//!
//! Not for JSON or CSV: those have engines. The text is read once from left to right; what is
//! no pair (`DF` of a firewall's line, prose) is passed over.

use std::borrow::Cow;
use std::ops::Range;

use super::place::{Finds, Place, part, prefixed};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// Most values that one call adds to an event.
pub const MAX_KV_FIELDS: usize = 256;
/// Longest name in bytes; what is longer is no name.
pub const MAX_KV_NAME_BYTES: usize = 256;
/// Tag of an event that had more than [`MAX_KV_FIELDS`] pairs, or no room for them.
pub const LIMIT_TAG: &str = "_kvlimit";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "kv",
    summary: "makes fields of `name=value` pairs; values may be quoted with `\"` or `'`, where `\\` stands before a quote or another `\\`",
    parameters: &[
        optional("on", Kind::AnyFields, "message", "the texts that are looked at"),
        optional("prefix", Kind::Text, "", "goes before the name of each field"),
        optional(
            "field_split",
            Kind::Text,
            "",
            "the characters that stand between pairs; white space where it is left out",
        ),
        optional("value_split", Kind::Text, "=", "the characters that stand between name and value"),
        optional(
            "trim",
            Kind::Text,
            "",
            "characters that are taken from both ends of values, such as `<>[],`",
        ),
        optional("trim_name", Kind::Text, "", "the same for names"),
        optional("include", Kind::Texts, "", "only these names, without the prefix"),
        optional("exclude", Kind::Texts, "", "not these names, without the prefix"),
        optional("keep_empty", Kind::Flag, "false", "pairs without a value (`OUT=`) become empty fields"),
        optional(
            "allow_duplicates",
            Kind::Flag,
            "true",
            "a name that comes several times has several values; `false` leaves out those that are equal",
        ),
        optional(
            "overwrite",
            Kind::Flag,
            "false",
            "a field that was there before is replaced, not added to; `message`, `app_name` and other core fields are set only then",
        ),
    ],
    adds: &[
        ("(names of the pairs)", "the value of each pair"),
        (LIMIT_TAG, "tag: more than 256 pairs, or no room in the event; the first ones were taken"),
    ],
    build,
};

struct KvEngine {
    on: Vec<Place>,
    prefix: String,
    pairs: Pairs,
    trim: Vec<char>,
    trim_name: Vec<char>,
    include: Vec<String>,
    exclude: Vec<String>,
    keep_empty: bool,
    allow_duplicates: bool,
    overwrite: bool,
}

/// What stands between and within pairs.
struct Pairs {
    /// Empty is white space.
    field_split: Vec<char>,
    value_split: Vec<char>,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let characters = |name| arguments.text(name).chars().collect::<Vec<char>>();
    let pairs = Pairs { field_split: characters("field_split"), value_split: characters("value_split") };
    if pairs.value_split.is_empty() {
        return Err(BuildError::argument("value_split", "`value_split` needs a character"));
    }
    let quote = |c: &&char| matches!(c, '"' | '\'' | '\\');
    for (name, set) in [("field_split", &pairs.field_split), ("value_split", &pairs.value_split)] {
        if let Some(c) = set.iter().find(quote) {
            return Err(BuildError::argument(name, format!("`{c}` quotes values and cannot split them")));
        }
    }
    if let Some(c) = pairs.value_split.iter().find(|c| pairs.splits(**c)) {
        let message = format!("`{}` cannot be in `field_split` and `value_split`", c.escape_debug());
        let given = if pairs.field_split.is_empty() { "value_split" } else { "field_split" };
        return Err(BuildError::argument(given, message));
    }
    let (include, exclude) = (arguments.texts("include"), arguments.texts("exclude"));
    if let Some(name) = include.iter().find(|n| exclude.contains(n)) {
        return Err(BuildError::argument("exclude", format!("`{name}` is in `include` too")));
    }
    Ok(Box::new(KvEngine {
        on: arguments.fields("on").to_vec(),
        prefix: arguments.text("prefix").to_owned(),
        pairs,
        trim: characters("trim"),
        trim_name: characters("trim_name"),
        include: include.to_vec(),
        exclude: exclude.to_vec(),
        keep_empty: arguments.flag("keep_empty"),
        allow_duplicates: arguments.flag("allow_duplicates"),
        overwrite: arguments.flag("overwrite"),
    }))
}

impl Engine for KvEngine {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut texts = Vec::new();
        for place in &self.on {
            for at in 0..place.count(call.event) {
                if place.look(call.event, at, |text| self.pairs.may_have(text)) == Some(true) {
                    texts.extend(place.value(call.event, at));
                }
            }
        }
        if texts.is_empty() {
            return Outcome::Nothing;
        }
        let mut finds = Finds::new(call.event, self.overwrite, MAX_KV_FIELDS);
        for text in &texts {
            let mut at = 0;
            while let Some(pair) = self.pairs.next(text, &mut at) {
                if finds.full() {
                    break;
                }
                self.take(&pair, text, |range| part(text, range), &mut finds);
            }
        }
        let (did, full) = (finds.written() > 0, finds.full());
        if full {
            call.event.add_tag(LIMIT_TAG);
        }
        if did { Outcome::Did } else { Outcome::Nothing }
    }
}

impl KvEngine {
    /// Writes a pair of the text; `cut` gives parts of it to keep.
    fn take<'e>(
        &'e self,
        pair: &Pair,
        text: &str,
        cut: impl Fn(Range<usize>) -> Cow<'e, str>,
        finds: &mut Finds<'_, 'e>,
    ) {
        let name = trimmed(text, pair.name.clone(), &self.trim_name);
        let Some(bare) = text.get(name.clone()).filter(|n| !n.is_empty() && n.len() <= MAX_KV_NAME_BYTES)
        else {
            return;
        };
        if !self.include.is_empty() && !self.include.iter().any(|n| n == bare)
            || self.exclude.iter().any(|n| n == bare)
        {
            return;
        }
        let range = trimmed(text, pair.value.clone(), &self.trim);
        let raw = text.get(range.clone()).unwrap_or_default();
        if raw.is_empty() && !self.keep_empty {
            return;
        }
        let value = match pair.quote.filter(|_| raw.contains('\\')) {
            Some(quote) => Cow::Owned(unescaped(raw, quote)),
            None => cut(range),
        };
        let name = prefixed(&self.prefix, cut(name));
        if !self.allow_duplicates && finds.values(&name).contains(&value) {
            return;
        }
        finds.put(name, value);
    }
}

/// A pair in a text.
#[derive(Debug, PartialEq)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
    /// What the value was quoted with.
    quote: Option<char>,
}

impl Pairs {
    fn splits(&self, c: char) -> bool {
        match self.field_split.is_empty() {
            true => c.is_whitespace(),
            false => self.field_split.contains(&c),
        }
    }

    fn divides(&self, c: char) -> bool {
        self.value_split.contains(&c)
    }

    fn may_have(&self, text: &str) -> bool {
        match self.value_split.as_slice() {
            [one] if one.is_ascii() => memchr::memchr(*one as u8, text.as_bytes()).is_some(),
            several => text.contains(several),
        }
    }

    /// White space that does not split belongs to nothing where it stands at an end.
    fn is_padding(&self, c: char) -> bool {
        c.is_whitespace() && !self.splits(c) && !self.divides(c)
    }

    /// The next pair behind `at`.
    fn next(&self, text: &str, at: &mut usize) -> Option<Pair> {
        loop {
            *at = skip(text, *at, |c| self.splits(c) || self.is_padding(c));
            if *at >= text.len() {
                return None;
            }
            let (name, _) = self.word(text, *at, true);
            *at = name.1;
            let c = text.get(*at..)?.chars().next()?;
            if !self.divides(c) {
                // A word alone; the next turn passes over what ended it.
                continue;
            }
            *at += c.len_utf8();
            *at = skip(text, *at, |c| self.is_padding(c));
            let (value, quote) = self.word(text, *at, false);
            *at = value.1;
            // What follows a closing quote without a separator belongs to no pair.
            *at = until(text, *at, |c| self.splits(c));
            return Some(Pair { name: name.0, value: value.0, quote });
        }
    }

    /// A name or value that begins at `at`: where its text is, where it ends, its quote.
    fn word(&self, text: &str, at: usize, name: bool) -> ((Range<usize>, usize), Option<char>) {
        let first = text.get(at..).and_then(|rest| rest.chars().next());
        if let Some(quote @ ('"' | '\'')) = first
            && let Some(end) = closing(text, at + 1, quote)
        {
            return ((at + 1..end, skip(text, end + 1, |c| self.is_padding(c))), Some(quote));
        }
        let end = until(text, at, |c| self.splits(c) || name && self.divides(c));
        let bare = text.get(at..end).unwrap_or_default();
        ((at..at + bare.trim_end_matches(|c| self.is_padding(c)).len(), end), None)
    }
}

/// The first place from `at` on where a character is not `over`.
fn skip(text: &str, at: usize, over: impl Fn(char) -> bool) -> usize {
    until(text, at, |c| !over(c))
}

/// The first place from `at` on where a character `ends`, or the end of the text.
fn until(text: &str, at: usize, ends: impl Fn(char) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.find(ends).unwrap_or(rest.len())
}

/// Where the quote is closed; `None` where it is not, and then it was no quote.
fn closing(text: &str, at: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (i, b) in text.as_bytes().get(at..)?.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if u32::from(*b) == u32::from(quote) => return Some(at + i),
            _ => {}
        }
    }
    None
}

/// Without the backslashes that stand before a quote or a backslash.
fn unescaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && (*next == quote || *next == '\\') => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

fn trimmed(text: &str, range: Range<usize>, trim: &[char]) -> Range<usize> {
    if trim.is_empty() {
        return range;
    }
    let whole = text.get(range.clone()).unwrap_or_default();
    let rest = whole.trim_start_matches(trim);
    let start = range.start + whole.len() - rest.len();
    start..start + rest.trim_end_matches(trim).len()
}

#[cfg(test)]
mod tests {
    use super::super::{one_call, testing};
    use super::MAX_KV_FIELDS;
    use proptest::prelude::*;

    #[track_caller]
    fn check(call: &str, message: &str, expect: &str) {
        one_call::check(call, message, expect);
    }

    #[test]
    fn pairs() {
        check("kv()", "a=1 b=two", "a=1 b=two");
        check("kv()", "level=info msg=\"a b\" took=3ms\n next=x", "level=info msg=a b took=3ms next=x");
        check("kv()", "user 'x' logged in", "nothing");
        check("kv()", "a=b=c url=http://h/?q=1&r=2", "a=b=c url=http://h/?q=1&r=2");
        check("kv()", "a=1 a=2 a=1", "a=1|2|1");
        check("kv(allow_duplicates=false)", "a=1 a=2 a=1", "a=1|2");
        check("kv(prefix=\"x_\")", "a=1", "x_a=1");
        check("kv(include=(\"a\", \"c\"))", "a=1 b=2 c=3", "a=1 c=3");
        check("kv(exclude=\"a\")", "a=1 b=2", "b=2");
        check("kv(include=\"z\")", "a=1", "nothing");
        check("kv()", "=1 a==2", "a==2");
    }

    #[test]
    fn a_firewalls_line() {
        let line =
            "[UFW BLOCK] IN=eth0 OUT= MAC=aa:bb SRC=1.2.3.4 LEN=60 DF PROTO=TCP SPT=1 RES=0x00 SYN URGP=0 ";
        check("kv()", line, "IN=eth0 MAC=aa:bb SRC=1.2.3.4 LEN=60 PROTO=TCP SPT=1 RES=0x00 URGP=0");
        check("kv(keep_empty=true, include=(\"IN\", \"OUT\"))", line, "IN=eth0 OUT=");
    }

    #[test]
    fn quotes() {
        check("kv()", r#"a="x y" b='p q' c="""#, "a=x y b=p q");
        check("kv()", r#"a="say \"hi\" \\ \n" b=1"#, r#"a=say "hi" \ \n b=1"#);
        check("kv()", r#"a='it\'s' b="it's""#, "a=it's b=it's");
        check("kv()", r#""a"="1" 'b'='2'"#, "a=1 b=2");
        check("kv()", r#"a="never closed b=1"#, "a=\"never b=1");
        check("kv()", r#"a="x"y b=1"#, "a=x b=1");
        check("kv()", r#"a=5" b=6""#, "a=5\" b=6\"");
    }

    #[test]
    fn separators() {
        check("kv(field_split=\"&?\")", "/p?a=1&b=x y&c=", "a=1 b=x y");
        check("kv(field_split=\",\", value_split=\":\")", "a: 1, b : \"x, y\" ,c:3", "a=1 b=x, y c=3");
        check("kv(field_split=\";\")", " a = 1 ; b=2", "a=1 b=2");
        check("kv(value_split=\":=\")", "a:1 b=2", "a=1 b=2");
        check("kv(field_split=\"§\", value_split=\"→\")", "a→1§b→ü", "a=1 b=ü");
    }

    #[test]
    fn trimming() {
        check("kv(trim=\"<>,\")", "from=<a@b>, to=<c@d>,", "from=a@b to=c@d");
        check("kv(trim_name=\"[\")", "[a=1", "a=1");
    }

    #[test]
    fn several_values_and_fields() {
        check("kv(on=[many])", "", "p=1 q=2");
        check("kv(on=([many], message))", "r=3", "p=1 q=2 r=3");
        check("kv(on=[missing])", "a=1", "nothing");
    }

    #[test]
    fn what_was_there_before() {
        check("kv()", "n=1 message=x", "n=42|1 message=x");
        check("kv(overwrite=true, include=\"n\")", "n=1 n=2 message=x", "n=1|2");
    }

    #[test]
    fn too_many_pairs_are_cut_and_tagged() {
        let line: String = (0..=MAX_KV_FIELDS).map(|i| format!("k{i}=1 ")).collect();
        let fields: String = (0..MAX_KV_FIELDS).map(|i| format!("k{i}=1 ")).collect();
        check("kv()", &line, &format!("{fields}#_kvlimit"));
    }

    #[test]
    fn wrong_calls() {
        testing::wrong(
            "kv",
            &testing::nothing(),
            &[
                "kv(on=\"text\")",
                "kv(on=(message, \"text\"))",
                "kv(value_split=\"\")",
                "kv(field_split=\"\\\"\")",
                "kv(field_split=\"=&\")",
                "kv(value_split=\" =\")",
                "kv(include=\"a\", exclude=(\"b\", \"a\"))",
                "kv(keep_empty=1)",
                "kv(field_spilt=\"&\")",
            ],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([a-c]=|[\"'=\\\\ ,;:\u{a0}]|.){0,30}", split in "|,|;|[ =]{1,2}|ü") {
            one_call::run(&format!("kv(field_split=\"{split}\", value_split=\":\")"), &text);
            one_call::run("kv(keep_empty=true, trim=\"<>\")", &text);
        }

        #[test]
        fn what_is_quoted_comes_back(values in proptest::collection::vec("[^\\\\]{1,8}", 1..5)) {
            let quote = |v: &String| format!("\"{}\"", v.replace('"', "\\\""));
            let line: Vec<String> = values.iter().enumerate().map(|(i, v)| format!("k{i}={}", quote(v))).collect();
            let event = one_call::run("kv()", &line.join(" ")).1;
            let got: Vec<String> = (0..values.len()).map(|i| event.field(&format!("k{i}"))[0].to_string()).collect();
            prop_assert_eq!(got, values);
        }
    }
}
