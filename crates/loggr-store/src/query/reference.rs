//! The reference page of the language, written from tables in the code.
//!
//! Invariant: every example in it can be read (a test reads them all).

use std::fmt::Write as _;

use super::field::{CUSTOM_PREFIX, FIELDS};
use super::{
    MAX_DEPTH, MAX_QUERY_BYTES, MAX_REGEX_BYTES, MAX_REGEX_COMPILED_BYTES, MAX_REGEXES, MAX_TERMS, UNITS,
};

/// A form of the language: how it is written and what it finds.
struct Form {
    write: &'static str,
    finds: &'static str,
}

const fn form(write: &'static str, finds: &'static str) -> Form {
    Form { write, finds }
}

const WORDS: [Form; 9] = [
    form("failed password", "both words, in any order, anywhere in the event's text"),
    form("\"failed password\"", "exactly this text, beginning and ending at the edge of a word"),
    form("foo.bar", "a word with punctuation is like a phrase: `foo.bar`, not `foo bar` nor `foo.bars`"),
    form("unreach*", "a word that begins so"),
    form("*fused", "a word that ends so"),
    form("*imeou*", "this text in any place"),
    form("conn*fused", "`connection refused`: a `*` stands for any characters, also for spaces"),
    form("\"connection re\"*", "a phrase whose last word begins so"),
    form("msg:timeout", "the word in the message alone"),
];

const OPERATORS: [Form; 6] = [
    form("failed root", "both (`AND`, `&&` may be written)"),
    form("failed OR timeout", "at least one (also `||`)"),
    form("-root", "not this (also `NOT root`, `!root`)"),
    form("(failed OR invalid) -root", "parentheses; without them `NOT` binds first, then `AND`, then `OR`"),
    form("\"or\"", "the word *or*: in quotes, operators are words"),
    form("*", "everything, as does the empty query"),
];

const TESTS: [Form; 18] = [
    form("app:sshd", "the field has this value"),
    form("user:\"john doe\"", "a value with spaces"),
    form("app:(nginx OR haproxy)", "values of one field; all operators work inside"),
    form("status:500", "a number: `500` and `500.0`"),
    form("status:[500 TO 599]", "from 500 to 599, both included"),
    form("status:{500 TO 599}", "the same without the bounds; `[` and `}` may be mixed"),
    form("status:[500 TO *]", "an open end"),
    form("bytes:>1024", "comparisons: `>` `>=` `<` `<=`"),
    form("severity:>=warning", "warning or graver"),
    form("client_ip:10.0.0.0/8", "addresses of a network, IPv4 or IPv6"),
    form("client_ip:2001:db8::1", "an address, however it is written"),
    form("path:*/admin*", "the whole value, `*` for any characters"),
    form("path:/admin", "a value may begin with a slash"),
    form(
        "msg:/timeout after \\d+ms/",
        "a regular expression, found anywhere in the value; `/` inside is `\\/`",
    ),
    form("geo_country:*", "the field is there"),
    form("-geo_country:*", "the field is not there"),
    form("user:\"\"", "the custom field is there and empty"),
    form("tag:security", "one of the tags"),
];

const TIMES: [Form; 8] = [
    form("_time:5m", "the last five minutes, and what is newer"),
    form("_time:2026-11-22", "that day (also a year, month, hour, minute, second)"),
    form("_time:[2026-11-22 TO 2026-11-23T10:00:00Z]", "from the start of the first to the end of the last"),
    form("_time:[2026-11-22T10:00:00Z TO 2026-11-22T11:00:00Z}", "without the last: an hour exactly"),
    form("_time:>=now-1h", "points may be relative to now"),
    form("_time:today", "today in UTC; also `yesterday`, `today-2d`"),
    form("_time:>=1795132800", "seconds, milliseconds or microseconds since 1970"),
    form(
        "timereported:>=2026-11-22T10:00:00+01:00",
        "the time that the sender wrote; a time without a zone is UTC",
    ),
];

fn table(out: &mut String, head: [&str; 2], rows: impl Iterator<Item = (String, String)>) {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut lines = format!("| {} | {} |\n| --- | --- |\n", head[0], head[1]);
    for (left, right) in rows {
        lines.push_str(&format!("| {} | {} |\n", cell(&left), cell(&right)));
    }
    out.push_str(&lines);
    out.push('\n');
}

fn forms(out: &mut String, title: &str, forms: &[Form]) {
    out.push_str(&format!("## {title}\n\n"));
    let rows = forms.iter().map(|form| (format!("`{}`", form.write), form.finds.to_owned()));
    table(out, ["write", "to find"], rows);
}

/// The reference in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Query language\n\n\
         The language of `loggr search`, `count`, `top` and `histogram`. \
         This page is generated from the code.\n\n\
         Case does not matter for the letters a to z, in words, values and operators; it matters for \
         the names of custom fields. A letter outside of ASCII is found as it is written: \
         `Ärger` does not find `ärger`.\n\n",
    );
    forms(&mut out, "Words", &WORDS);
    out.push_str(
        "A word consists of letters, digits and `_`; everything else separates words. \
         Words without a field are searched in the message, in the values of custom fields and in the \
         values of structured data: not in the host, the program, the tags or the names of fields. \
         All of a phrase must stand in one of these texts.\n\n\
         A backslash takes the meaning from the character after it: `a\\*b`, `\\-x`, `\\\"`. \
         Before a letter or digit it is itself: `CORP\\john`. \
         In quotes only `\\\"` and `\\\\` have a meaning, and a `*` is a star.\n\n",
    );
    forms(&mut out, "Operators", &OPERATORS);
    forms(&mut out, "Fields", &TESTS);
    out.push_str(
        "The value follows the colon without a space. Only the first colon splits: `url:http://x`. \
         What cannot be a field is text: `10:30`, `std::io`, `http://x`.\n\n\
         Values compare as numbers if both sides are numbers, as addresses if both are addresses, else \
         as text. `007`, `+1` and `12e4` are text. A range of numbers holds numbers alone, a range of \
         addresses those of its family.\n\n\
         Where a field has several values, one of them must pass; `-role:admin` means that none is \
         `admin`.\n\n\
         Regular expressions are those of the Rust `regex` crate, in any case unless they begin with \
         `(?-i)`. Without a second slash at the end of the word, a value that begins with a slash is a \
         path.\n\n",
    );
    forms(&mut out, "Time", &TIMES);
    let mut units = String::new();
    for (name, _) in UNITS.iter().take(UNITS.len() - 1) {
        // Writing to a String cannot fail.
        write!(units, " `{name}`").unwrap_or_default();
    }
    out.push_str(&format!(
        "Units:{units}; `1h30m` and `1.5h` are the same. A year has 365 days. Where dates have spaces, \
         put them in quotes. `--since` and `--until` take the same words: a duration there means that long \
         ago, and a date its first moment.\n\n## Names of fields\n\n"
    ));
    let rows = FIELDS.iter().map(|info| {
        let names: Vec<String> =
            [info.name].iter().chain(info.aliases).map(|name| format!("`{name}`")).collect();
        (names.join(" "), info.about.to_owned())
    });
    table(&mut out, ["name", "field"], rows);
    out.push_str(&format!(
        "These names may be written in any case. Every other name is:\n\n\
         - a custom field: `status:500`;\n\
         - a parameter of structured data, as `SD-ID.NAME`: `origin.ip:192.0.2.1`;\n\
         - what the kernel said about a local sender, where rsyslog passes it on (`SysSock.Annotate=\"on\"`): \
         `_PID:4242`.\n\n\
         A custom field that has the name of a field in the table is `{CUSTOM_PREFIX}NAME`: \
         `{CUSTOM_PREFIX}level:x`. Other characters than letters, digits and `_ . - @ /` in a name need a \
         backslash: `user\\ name:x`. A name that no event has finds nothing.\n\n## Limits\n\n"
    ));
    let limits = [
        ("length of a query", format!("{MAX_QUERY_BYTES} bytes")),
        ("words and tests", MAX_TERMS.to_string()),
        ("nested parentheses", MAX_DEPTH.to_string()),
        ("regular expressions", MAX_REGEXES.to_string()),
        ("length of a regular expression", format!("{MAX_REGEX_BYTES} bytes")),
        ("size of a compiled regular expression", format!("{MAX_REGEX_COMPILED_BYTES} bytes")),
    ];
    table(&mut out, ["what", "at most"], limits.into_iter().map(|(what, most)| (what.to_owned(), most)));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_examples_can_be_read() {
        for form in WORDS.iter().chain(&OPERATORS).chain(&TESTS).chain(&TIMES) {
            let read = crate::query::parse(form.write);
            assert!(read.is_ok(), "{}", read.map(|_| String::new()).unwrap_or_else(|e| e.render(form.write)));
        }
    }

    #[test]
    fn the_page_in_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/query.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == reference(),
            "`{path}` is old: run `UPDATE=1 cargo test -p loggr-store reference`"
        );
    }

    #[test]
    fn the_page_names_every_field_and_every_limit() {
        let page = reference();
        for info in &FIELDS {
            assert!(page.contains(&format!("`{}`", info.name)));
        }
        assert!(page.contains("65536 bytes") && page.ends_with("|\n"));
    }
}
