//! Writes the reference page of the query language, `docs/reference/query.md`, from the tables in
//! the code.
//!
//! Invariant: every example in it can be read (a test reads them all).

use std::fmt::Write as _;

use super::field::{CUSTOM_PREFIX, FIELDS};
use super::{
    MAX_DEPTH, MAX_QUERY_BYTES, MAX_REGEX_BYTES, MAX_REGEX_COMPILED_BYTES, MAX_REGEXES, MAX_TERMS, UNITS,
};

/// One form of a query: how it is written and what it finds.
struct Form {
    write: &'static str,
    finds: &'static str,
}

const fn form(write: &'static str, finds: &'static str) -> Form {
    Form { write, finds }
}

const WORDS: [Form; 9] = [
    form("failed password", "events with both words, in any order, anywhere in the event's text"),
    form("\"failed password\"", "exactly this text; it must begin and end at the edge of a word"),
    form(
        "foo.bar",
        "a word with punctuation is read like a phrase: it finds `foo.bar`, but neither `foo bar` nor \
         `foo.bars`",
    ),
    form("unreach*", "words that begin with `unreach`"),
    form("*fused", "words that end with `fused`"),
    form("*imeou*", "this text anywhere, also in the middle of a word"),
    form("conn*fused", "`connection refused`, for example: a `*` stands for any characters, also for spaces"),
    form("\"connection re\"*", "a phrase of which only the beginning of the last word is given"),
    form("msg:timeout", "the word, but in the message only"),
];

const OPERATORS: [Form; 6] = [
    form("failed root", "events with both words; `AND` or `&&` may stand between them"),
    form("failed OR timeout", "events with at least one of the words; `||` means the same"),
    form("-root", "events without the word; `NOT root` and `!root` mean the same"),
    form(
        "(failed OR invalid) -root",
        "events with one of the first two words and without the third; without parentheses `NOT` binds \
         first, then `AND`, then `OR`",
    ),
    form("\"or\"", "the word *or*: in quotes an operator is an ordinary word"),
    form("*", "all events, as does the empty query"),
];

const TESTS: [Form; 19] = [
    form("app:sshd", "events in which the field has this value"),
    form("user:\"john doe\"", "a value with spaces in it"),
    form(
        "app:(nginx OR haproxy)",
        "one of several values of a field; all operators can be used in the parentheses",
    ),
    form("status:500", "a number, however it is written: it finds `500` and `500.0`"),
    form("status:[500 TO 599]", "numbers from 500 to 599, both included"),
    form(
        "status:{500 TO 599}",
        "numbers between 500 and 599, both excluded; `[500 TO 599}` includes only the first",
    ),
    form("status:[500 TO *]", "numbers from 500 up; `*` leaves an end open"),
    form("bytes:>1024", "numbers greater than 1024; there are also `>=`, `<` and `<=`"),
    form("severity:>=warning", "events of severity `warning` or more severe"),
    form("client_ip:10.0.0.0/8", "addresses in a network, IPv4 or IPv6"),
    form("client_ip:2001:db8::1", "an address, whichever way the event writes it"),
    form(
        "path:*/admin*",
        "values of this form; `*` stands for any characters, and the pattern must fit the whole value",
    ),
    form("path:/admin", "the value `/admin`: a value may begin with a slash"),
    form(
        "msg:/timeout after \\d+ms/",
        "a value in which the regular expression matches somewhere; write `\\/` for a slash in it",
    ),
    form("geo_country:*", "events that have the field"),
    form("-geo_country:*", "events that do not have the field"),
    form("user:\"\"", "events that have the custom field, with an empty value"),
    form("tag:security", "events with this tag"),
    form(
        "shape:7d3c0a91e2f4b865",
        "events whose message has this shape: the same words, whatever varies in them",
    ),
];

const TIMES: [Form; 8] = [
    form("_time:5m", "events of the last five minutes (and any with a time in the future)"),
    form(
        "_time:2026-11-22",
        "events of that day; a year, month, hour, minute or second can be given in the same way",
    ),
    form(
        "_time:[2026-11-22 TO 2026-11-23T10:00:00Z]",
        "events from the start of the first time to the end of the last",
    ),
    form(
        "_time:[2026-11-22T10:00:00Z TO 2026-11-22T11:00:00Z}",
        "the same without the last second: exactly one hour",
    ),
    form("_time:>=now-1h", "events since a time that is given relative to now"),
    form("_time:today", "events of today in UTC; there are also `yesterday` and `today-2d`"),
    form("_time:>=1795132800", "events since a time in seconds, milliseconds or microseconds since 1970"),
    form(
        "timereported:>=2026-11-22T10:00:00+01:00",
        "the same with the time that the sender wrote into the event; a time without a zone is in UTC",
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
         A query says which events `loggr search`, `count`, `top`, `histogram` and the web page look at. \
         This page is made from the tables in the code \
         (`UPDATE=1 cargo test -p loggr-store reference`).\n\n\
         Upper and lower case are the same for the letters a to z in words, values and operators, but \
         not in the names of custom fields. Letters outside of ASCII must be written as they stand in \
         the event: `Ärger` does not find `ärger`.\n\n",
    );
    forms(&mut out, "Words", &WORDS);
    out.push_str(
        "A word consists of letters, digits and `_`; everything else separates words. \
         A word without a field is searched in the message, in the values of custom fields and in the \
         values of structured data, but not in the host, the program, the tags or the names of fields. \
         A phrase must stand in one of these texts as a whole.\n\n\
         A backslash makes the character after it an ordinary one: `a\\*b`, `\\-x`, `\\\"`. \
         Before a letter or digit it stands for itself: `CORP\\john`. \
         In quotes only `\\\"` and `\\\\` are special, and a `*` is an ordinary star.\n\n",
    );
    forms(&mut out, "Operators", &OPERATORS);
    forms(&mut out, "Fields", &TESTS);
    out.push_str(
        "The value follows the colon without a space. Only the first colon separates a field from its value: \
         `url:http://x`. If what stands before the colon cannot be the name of a field, the whole is a \
         word: `10:30`, `std::io`, `http://x`.\n\n\
         Two values are compared as numbers if both are numbers, as addresses if both are addresses, and \
         otherwise as text. `007`, `+1` and `12e4` count as text. A range of numbers contains only \
         numbers, and a range of addresses only addresses of the same family (IPv4 or IPv6).\n\n\
         If a field has several values, it is enough that one of them passes; `-role:admin` means that \
         none of them is `admin`.\n\n\
         Regular expressions are those of the Rust `regex` crate. They ignore case unless they begin with \
         `(?-i)`. A value that begins with a slash and does not end with one is not a regular expression \
         but text, such as a path.\n\n",
    );
    forms(&mut out, "Time", &TIMES);
    let mut units = String::new();
    for (name, _) in UNITS.iter().take(UNITS.len() - 1) {
        // Writing to a String cannot fail.
        write!(units, " `{name}`").unwrap_or_default();
    }
    out.push_str(&format!(
        "The units of durations are{units}; `1h30m` and `1.5h` are the same. A year has 365 days. Put a date \
         that has a space in quotes. `--since` and `--until` take the same words: a duration there means that \
         long ago, and a date stands for its first moment.\n\n## Names of fields\n\n"
    ));
    let rows = FIELDS.iter().map(|info| {
        let names: Vec<String> =
            [info.name].iter().chain(info.aliases).map(|name| format!("`{name}`")).collect();
        (names.join(" "), info.about.to_owned())
    });
    table(&mut out, ["name", "field"], rows);
    out.push_str(&format!(
        "Upper and lower case do not matter in these names. Every other name is one of these:\n\n\
         - a custom field: `status:500`;\n\
         - a parameter of structured data, written `SD-ID.NAME`: `origin.ip:192.0.2.1`;\n\
         - what the kernel knows about a local sender, where a listener asks for it (`credentials = true`) or rsyslog \
         passes it on (`SysSock.Annotate=\"on\"`): \
         `_PID:4242`.\n\n\
         A custom field that has the same name as a field of the table is written `{CUSTOM_PREFIX}NAME`: \
         `{CUSTOM_PREFIX}level:x`. In a name, characters other than letters, digits and `_ . - @ /` need a \
         backslash: `user\\ name:x`. A query for a name that no event has finds nothing.\n\n## Limits\n\n\
         loggr refuses a query that is over one of these limits.\n\n"
    ));
    let limits = [
        ("length of a query", format!("{MAX_QUERY_BYTES} bytes")),
        ("words and tests of fields in a query", MAX_TERMS.to_string()),
        ("depth of nested parentheses", MAX_DEPTH.to_string()),
        ("regular expressions in a query", MAX_REGEXES.to_string()),
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
    fn the_reference_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/query.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, reference()).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert!(kept == reference(), "`{file}` is old: run `UPDATE=1 cargo test -p loggr-store reference`");
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
