//! `kv`: makes fields of the `name=value` pairs in a text.
//!
//! `pairs` finds the pairs in the text; here they are written to the event. JSON and CSV have
//! engines of their own.

use std::borrow::Cow;
use std::ops::Range;

use super::pairs::{Pair, Pairs, Reader};
use super::place::{Finds, Place, part, prefixed};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// Most values that one call adds to an event.
pub const MAX_KV_FIELDS: usize = 256;
/// Longest name in bytes; a longer word is not taken for a name.
pub const MAX_KV_NAME_BYTES: usize = 256;
/// Tag of an event that had more than [`MAX_KV_FIELDS`] pairs, or no room for them.
pub const LIMIT_TAG: &str = "_kvlimit";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "kv",
    summary: "finds pairs `name=value` and makes a field of each; there may be blanks around the `=`. A value \
         may stand in brackets, or in quotes `\"` or `'`, within which `\\` stands before a quote or \
         another `\\`",
    parameters: &[
        optional("on", Kind::AnyFields, "message", "the fields whose texts are read"),
        optional("prefix", Kind::Text, "", "is put before the name of each field"),
        optional(
            "field_split",
            Kind::Text,
            "",
            "the characters that separate pairs; without this argument white space",
        ),
        optional("value_split", Kind::Text, "=", "the characters that separate a name from its value"),
        optional(
            "trim",
            Kind::Text,
            "",
            "characters that are removed from both ends of values, such as `<>[],`",
        ),
        optional("trim_name", Kind::Text, "", "characters that are removed from both ends of names"),
        optional(
            "include",
            Kind::Texts,
            "",
            "the names that become fields, without the prefix; without this argument all",
        ),
        optional("exclude", Kind::Texts, "", "names that do not become fields, without the prefix"),
        optional(
            "keep_empty",
            Kind::Flag,
            "false",
            "with `true` a pair without a value (`OUT=`) becomes an empty field",
        ),
        optional(
            "allow_duplicates",
            Kind::Flag,
            "true",
            "with `true` a field gets all values of a name that comes several times; with `false` each \
             different value once",
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
        ("(names of the pairs)", "the value of each pair, in a field of its name"),
        (
            LIMIT_TAG,
            "tag: there were more than 256 pairs, or the event could hold no more; only the first were \
             read",
        ),
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
            let mut reader = Reader::new(&self.pairs, text);
            while let Some(pair) = reader.next() {
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
        check("kv()", r#"a="x y" b='p q' c="" d="x""#, "a=x y b=p q d=x");
        check("kv()", r#"a="say \"hi\" \\ \n" b=1"#, r#"a=say "hi" \ \n b=1"#);
        check("kv()", r#"a='it\'s' b="it's""#, "a=it's b=it's");
        check("kv()", r#""a"="1" 'b'='2'"#, "a=1 b=2");
        check("kv()", r#"a="never closed b=1"#, "a=\"never b=1");
        check("kv()", r#"a="x"y b=1"#, "a=\"x\"y b=1");
        check("kv()", r#"a=5" b=6""#, "a=5\" b=6\"");
    }

    #[test]
    fn blanks_around_the_sign() {
        check(
            "kv()",
            "user = bob ip = 192.0.2.1 action =login x= 1",
            "user=bob ip=192.0.2.1 action=login x=1",
        );
        check("kv()", "a= \"x y\" b = 'p q' c\t=\t5", "a=x y b=p q c=5");
        check("kv()", "IN=eth0 OUT= MAC=aa:bb LEN=60 DF PROTO=TCP", "IN=eth0 MAC=aa:bb LEN=60 PROTO=TCP");
        check("kv()", "a = b = c d= e=f", "b=c e=f");
        check("kv(keep_empty=true)", "a = b = c d= e=f g=", "a= b=c d= e=f g=");
        check("kv()", "x = a=b y=1", "x=a=b y=1");
        check("kv()", "first =\nsecond = 2", "second=2");
        check("kv()", "if a == b and c => d or e =~ f or <= 5 and - = -", "nothing");
        check("kv(value_split=\":\")", "time: 12:00:00 user: ann x:1", "time=12:00:00 user=ann x=1");
        check("kv(field_split=\" \")", "a = 1 b= 2", "a=1 b=2");
        check("kv(field_split=\"|\")", "a = 1|b = |c=x y", "a=1 c=x y");
    }

    #[test]
    fn quotes_in_quotes() {
        check(
            "kv()",
            r#"id=firewall msg="User "bob" logged in" src=10.0.0.1"#,
            r#"id=firewall msg=User "bob" logged in src=10.0.0.1"#,
        );
        check("kv()", r#"msg="say "hi"" b=1"#, r#"msg=say "hi" b=1"#);
        check("kv()", r#"msg=""hi" he said" b=1"#, r#"msg="hi" he said b=1"#);
        check("kv()", r#"msg="rule user="bob" hit" b=1"#, r#"msg=rule user="bob" hit b=1"#);
        check("kv()", r#"msg='user's name' b=1"#, "msg=user's name b=1");
        check("kv()", r#"msg="a 5" disk failed" b=1"#, r#"msg=a 5" disk failed b=1"#);
        check("kv()", r#"msg="by "bob logged in" b=1"#, r#"msg=by "bob logged in b=1"#);
        check("kv()", r#"a="x" said "y" b="z""#, "a=x b=z");
        check("kv()", r#"a="open b="x" c=1"#, "a=\"open b=x c=1");
        check("kv()", r#"path="C:\temp\" user="bob""#, r"path=C:\temp\ user=bob");
        check("kv()", r#"a="x y" DF b="z" and more"#, "a=x y b=z");
        check("kv()", r#"'tis a=1 b='x y'"#, "a=1 b=x y");
    }

    #[test]
    fn commas_semicolons_and_what_stands_behind_a_value() {
        check("kv()", "a=1, b=\"x\"; c='y', d=2;", "a=1 b=x c=y d=2");
        check("kv()", r#"a="1",b="2";c="x,y""#, "a=1 b=2 c=x,y");
        check("kv()", "dn=cn=ann,ou=it list=a,b sep=,", "dn=cn=ann,ou=it list=a,b sep=,");
        check(
            "kv()",
            r#"failed (user=ann, ip=192.0.2.1). [a="1" b="2"] then"#,
            "user=ann ip=192.0.2.1). a=1 b=2",
        );
        check("kv()", "{a=1, b=2} f(c=3) d[0]=x", "a=1 b=2 c=3 d[0]=x");
    }

    #[test]
    fn brackets() {
        check("kv()", "e=[x y] f=(a b) g=\"q r\" h=<i j>", "e=x y f=a b g=q r h=i j");
        check("kv()", "a=(b (c) d) l=[1, 2], x=[] y=1", "a=b (c) d l=1, 2 y=1");
        check("kv()", "from=<a@b.example>, to=<c@d.example>,", "from=a@b.example to=c@d.example");
        check("kv()", "addr=[2001:db8::1]:443 a=[x b=<1", "addr=[2001:db8::1]:443 a=[x b=<1");
        check("kv()", r#"d={"x": 1, "y": {"z": 2}} b=3"#, r#"d={"x": 1, "y": {"z": 2}} b=3"#);
        check("kv()", "a=f(x) b=(null) c=audit(1.2:3): d=1", "a=f(x) b=null c=audit(1.2:3): d=1");
    }

    #[test]
    fn lines_of_devices_and_programs() {
        check(
            "kv()",
            r#"date=2026-03-01 time=12:00:00 devname="FG 1" type="event" level="notice" user="ann" msg="User "ann" from 192.0.2.1 failed, "bad" password" action="login""#,
            r#"date=2026-03-01 time=12:00:00 devname=FG 1 type=event level=notice user=ann msg=User "ann" from 192.0.2.1 failed, "bad" password action=login"#,
        );
        check(
            "kv()",
            r#"  id=firewall sn=00AB time="2026-03-01 12:00:00 UTC" fw=192.0.2.1 pri=1 src=192.0.2.7:51234:X1 note="TCP ports: 1, 2, 3""#,
            "id=firewall sn=00AB time=2026-03-01 12:00:00 UTC fw=192.0.2.1 pri=1 src=192.0.2.7:51234:X1 note=TCP ports: 1, 2, 3",
        );
        check(
            "kv()",
            "type=USER_LOGIN msg=audit(1764500000.1:7): pid=9 key=(null) tty=? msg='op=login acct=\"root\" res=success'\u{1d}UID=\"root\"",
            "type=USER_LOGIN msg=audit(1764500000.1:7):|op=login acct=\"root\" res=success pid=9 key=null tty=? UID=root",
        );
        check(
            "kv()",
            r#"ts=2026-03-01T12:00:00Z level=info msg="GET \"/a b\"" err= took=3ms ok"#,
            r#"ts=2026-03-01T12:00:00Z level=info msg=GET "/a b" took=3ms"#,
        );
    }

    #[test]
    fn ends_that_are_never_found_are_not_looked_for_for_ever() {
        for piece in ["a=\"x\"y ", "a=[ ", "a=\"\" f ", "a='x b=\"'y\"z ", "a=(x\" "] {
            let text = piece.repeat(200_000 / piece.len());
            one_call::run("kv(include=\"none\")", &text);
        }
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
