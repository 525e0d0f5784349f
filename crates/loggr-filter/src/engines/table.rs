//! A table of keys and values, read from CSV or TOML, in which texts are looked up.
//!
//! When a file is read again is decided in `watched`. A table with a mistake is not used at all;
//! errors name the line or the key.

use std::collections::HashMap;
use std::net::IpAddr;

use csv_core::{ReadRecordResult, ReaderBuilder};
use loggr_net::Network;
use regex::{RegexSet, RegexSetBuilder};

/// Most entries of a table.
pub const MAX_TABLE_ENTRIES: usize = 1_000_000;
/// Most entries whose keys are regular expressions.
pub const MAX_TABLE_REGEXES: usize = 1_000;
/// Largest set of compiled regular expressions in bytes.
const MAX_REGEX_SET_BYTES: usize = 32 << 20;

/// How keys are compared with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// The text itself.
    Exact,
    /// The first expression in the order of the table that is found in the text.
    Regex,
    /// The smallest network that an address is in.
    Network,
}

impl Keys {
    /// All with their words.
    pub const ALL: [(Keys, &'static str); 3] =
        [(Keys::Exact, "exact"), (Keys::Regex, "regex"), (Keys::Network, "network")];
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Two columns, without a line of headings.
    Csv,
    /// `"key" = "value"` lines.
    Toml,
}

/// A table.
#[derive(Debug)]
pub(super) enum Table {
    Exact(HashMap<Box<str>, Box<str>>),
    Regex(RegexSet, Vec<Box<str>>),
    /// The lengths of prefixes that there are, long ones first.
    Network(Vec<u8>, HashMap<Network, Box<str>>),
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(bytes: Vec<u8>, form: Form, keys: Keys) -> Result<Table, String> {
        let text = String::from_utf8(bytes).map_err(|e| {
            let before = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
            format!("line {} is not UTF-8", memchr::memchr_iter(b'\n', before).count() + 1)
        })?;
        match form {
            Form::Csv => Table::new(csv(&text)?, keys),
            Form::Toml => Table::new(toml(&text)?, keys),
        }
    }

    /// Makes one of pairs.
    ///
    /// # Errors
    /// Which key is wrong or has two values.
    pub fn new(pairs: Vec<(String, String)>, keys: Keys) -> Result<Table, String> {
        if pairs.len() > MAX_TABLE_ENTRIES {
            return Err(format!("it has more than {MAX_TABLE_ENTRIES} entries"));
        }
        match keys {
            Keys::Exact => {
                let mut map = HashMap::with_capacity(pairs.len());
                for (key, value) in pairs {
                    enter(&mut map, key.as_str().into(), &key, value)?;
                }
                Ok(Table::Exact(map))
            }
            Keys::Regex => regexes(pairs),
            Keys::Network => {
                let mut map = HashMap::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let network = Network::parse_around(&key).map_err(|error| error.in_one_line())?;
                    enter(&mut map, network, &key, value)?;
                }
                let mut lengths: Vec<u8> = map.keys().map(Network::prefix).collect();
                lengths.sort_unstable_by(|a, b| b.cmp(a));
                lengths.dedup();
                Ok(Table::Network(lengths, map))
            }
        }
    }

    /// The value of a text.
    pub fn find(&self, text: &str) -> Option<&str> {
        match self {
            Table::Exact(map) => map.get(text).map(AsRef::as_ref),
            Table::Regex(set, values) => {
                let first = set.matches(text).iter().next()?;
                values.get(first).map(AsRef::as_ref)
            }
            Table::Network(lengths, map) => {
                let address: IpAddr = text.trim().parse().ok()?;
                let found = lengths.iter().find_map(|bits| map.get(&Network::around(address, *bits)?));
                found.map(AsRef::as_ref)
            }
        }
    }
}

/// A key that comes twice must have the same value, because it is unknown which of two would be
/// meant.
fn enter<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, Box<str>>,
    key: K,
    shown: &str,
    value: String,
) -> Result<(), String> {
    match map.get(&key) {
        Some(other) if **other != *value => Err(format!("`{shown}` has two values, `{other}` and `{value}`")),
        Some(_) => Ok(()),
        None => {
            map.insert(key, value.into_boxed_str());
            Ok(())
        }
    }
}

fn regexes(pairs: Vec<(String, String)>) -> Result<Table, String> {
    if pairs.len() > MAX_TABLE_REGEXES {
        return Err(format!("it has more than {MAX_TABLE_REGEXES} regular expressions"));
    }
    let set = |keys: &mut dyn Iterator<Item = &String>| {
        RegexSetBuilder::new(keys).dot_matches_new_line(true).size_limit(MAX_REGEX_SET_BYTES).build()
    };
    match set(&mut pairs.iter().map(|(key, _)| key)) {
        Ok(set) => Ok(Table::Regex(set, pairs.into_iter().map(|(_, value)| value.into()).collect())),
        Err(error) => {
            let alone = |key: &String| set(&mut std::iter::once(key)).err();
            let wrong = pairs.iter().find_map(|(key, _)| Some((key, alone(key)?)));
            let reason = |e: &regex::Error| {
                let text = e.to_string();
                text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            };
            Err(match wrong {
                Some((key, error)) => format!("`{key}` is no regular expression: {}", reason(&error)),
                None => format!("the regular expressions cannot be used together: {}", reason(&error)),
            })
        }
    }
}

/// Records of a key and a value.
fn csv(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut reader = ReaderBuilder::new().build();
    let mut pairs = Vec::new();
    let (mut input, mut ended) = (text.as_bytes(), false);
    let (mut output, mut ends) = (vec![0; 1 << 10], [0; 3]);
    let (mut written, mut columns) = (0, 0);
    let mut line = 1;
    loop {
        let (room, places) = (output.get_mut(written..), ends.get_mut(columns..));
        let (room, places) = (room.unwrap_or_default(), places.unwrap_or_default());
        let (result, read, wrote, found) = reader.read_record(input, room, places);
        input = input.get(read..).unwrap_or_default();
        written += wrote;
        columns += found;
        match result {
            ReadRecordResult::OutputFull => output.resize(output.len() * 2, 0),
            ReadRecordResult::InputEmpty if !ended => {
                input = b"\n";
                ended = true;
            }
            ReadRecordResult::InputEmpty if written == 0 && columns == 0 => return Ok(pairs),
            ReadRecordResult::InputEmpty => {
                return Err(format!(
                    "the record that begins on line {line} has a quote that is never closed"
                ));
            }
            ReadRecordResult::End => return Ok(pairs),
            ReadRecordResult::OutputEndsFull => {
                return Err(format!("line {line} has more than two columns: a key and a value"));
            }
            ReadRecordResult::Record => {
                if columns != 2 {
                    let many = if columns > 2 { "more than two columns" } else { "one column" };
                    return Err(format!("line {line} has {many}: a key and a value are wanted"));
                }
                let text = |range| {
                    let bytes: &[u8] = output.get(range).unwrap_or_default();
                    String::from_utf8_lossy(bytes).into_owned()
                };
                let [key, value, _] = ends;
                pairs.push((text(0..key), text(key..value)));
                if pairs.len() > MAX_TABLE_ENTRIES {
                    return Err(format!("it has more than {MAX_TABLE_ENTRIES} entries"));
                }
                (written, columns) = (0, 0);
                line = reader.line();
            }
        }
    }
}

/// Pairs of a document without tables.
fn toml(text: &str) -> Result<Vec<(String, String)>, String> {
    let document: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let at = e.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: {}", e.message().lines().next().unwrap_or_default())
    })?;
    let text = |value| match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => Ok(value.to_string()),
        toml::Value::Array(_) => Err("a list"),
        toml::Value::Table(_) => Err("a table"),
    };
    let pairs = document.into_iter().map(|(key, value)| match text(value) {
        Ok(value) => Ok((key, value)),
        Err(what) => Err(format!("`{key}` is {what}: each key has one value")),
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(form: Form, keys: Keys, text: &str, asked: &str, expect: &str) {
        let got = match Table::read(text.into(), form, keys) {
            Ok(table) => table.find(asked).unwrap_or("none").to_owned(),
            Err(error) => error,
        };
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn csv_tables() {
        let check =
            |text: &str, asked: &str, expect: &str| check(Form::Csv, Keys::Exact, text, asked, expect);
        check("404,not found\n500,\"error, ours\"\n", "404", "not found");
        check("404,not found\r\n\r\n500,\"error, ours\"", "500", "error, ours");
        check("404,not found", "40", "none");
        check("", "", "none");
        check("a,\n", "a", "");
        check(&format!("a,{}\nb,2", "x".repeat(5000)), "b", "2");
        check("a,1\nb\n", "", "line 2 has one column: a key and a value are wanted");
        check(
            "a,1\n\"b\nc\",2\nd,1,2\n",
            "",
            "line 4 has more than two columns: a key and a value are wanted",
        );
        check("a,1,2,3,4", "", "line 1 has more than two columns: a key and a value");
        check("a,1\nb,\"2\n", "", "the record that begins on line 2 has a quote that is never closed");
        check("a,1\na,1\n", "a", "1");
        check("a,1\na,2\n", "", "`a` has two values, `1` and `2`");
    }

    #[test]
    fn toml_tables() {
        let check =
            |text: &str, asked: &str, expect: &str| check(Form::Toml, Keys::Exact, text, asked, expect);
        check("\"404\" = \"not found\" # comment\nx = 1.5\n", "404", "not found");
        check("x = 7\ny = true\n", "y", "true");
        check("404 = 'not found'", "404", "not found");
        check("x = [1]", "", "`x` is a list: each key has one value");
        check("[x]\ny = 1", "", "`x` is a table: each key has one value");
        check("x = 1\ny", "", "line 2: key with no value, expected `=`");
    }

    #[test]
    fn keys_of_regular_expressions() {
        let check =
            |text: &str, asked: &str, expect: &str| check(Form::Csv, Keys::Regex, text, asked, expect);
        check("^5..$,server\n^4..$,client\n.,other", "404", "client");
        check("^5..$,server\n^4..$,client\n.,other", "200", "other");
        check("^5..$,server", "200", "none");
        check("a,1\n(,2", "", "`(` is no regular expression: unclosed group");
    }

    #[test]
    fn keys_of_networks() {
        let table = "10.0.0.0/8,corp\n10.1.0.0/16,lab\n10.1.2.3,box\n::ffff:192.168.0.0/112,home\n2001:db8::/32,six\n::/0,world";
        let check = |asked: &str, expect: &str| check(Form::Csv, Keys::Network, table, asked, expect);
        check("10.9.9.9", "corp");
        check("10.1.9.9", "lab");
        check(" 10.1.2.3 ", "box");
        check("::ffff:10.1.2.3", "box");
        check("192.168.1.1", "home");
        check("2001:db8::1", "six");
        check("fe80::1", "world");
        check("192.0.2.1", "none");
        check("host", "none");
        let wrong = Table::read(b"10.0.0.0/33,x".to_vec(), Form::Csv, Keys::Network).unwrap_err();
        assert_eq!(wrong, "the prefix of `10.0.0.0/33` is not a number from 0 to 32");
    }

    #[test]
    fn limits() {
        let pairs = |n: usize| (0..n).map(|i| (i.to_string(), String::new())).collect();
        let error = Table::new(pairs(MAX_TABLE_REGEXES + 1), Keys::Regex).unwrap_err();
        assert_eq!(error, "it has more than 1000 regular expressions");
        let error = Table::new(pairs(MAX_TABLE_ENTRIES + 1), Keys::Exact).unwrap_err();
        assert_eq!(error, "it has more than 1000000 entries");
        let error = Table::read(b"a,1\n\xff,2".to_vec(), Form::Csv, Keys::Exact).unwrap_err();
        assert_eq!(error, "line 2 is not UTF-8");
    }

    proptest! {
        #[test]
        fn any_file_is_a_table_or_an_error(bytes in "([\",\n=\\[]|.){0,40}") {
            for (form, (keys, _)) in [Form::Csv, Form::Toml].into_iter().zip(Keys::ALL).chain([(Form::Csv, Keys::ALL[2])]) {
                match Table::read(bytes.clone().into_bytes(), form, keys) {
                    Ok(table) => drop(table.find("x")),
                    Err(error) => prop_assert!(!error.is_empty()),
                }
            }
        }

        #[test]
        fn what_is_in_a_file_is_found(pairs in proptest::collection::hash_map(".{0,6}", ".{0,6}", 0..6)) {
            let quote = |t: &str| format!("\"{}\"", t.replace('"', "\"\""));
            let text: String = pairs.iter().map(|(k, v)| format!("{},{}\n", quote(k), quote(v))).collect();
            let table = Table::read(text.into_bytes(), Form::Csv, Keys::Exact).unwrap();
            for (key, value) in &pairs {
                prop_assert_eq!(table.find(key), Some(value.as_str()));
            }
        }
    }
}
