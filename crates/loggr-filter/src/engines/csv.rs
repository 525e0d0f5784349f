//! `csv`: the columns of a line become fields.
//!
//! RFC 4180 by the csv-core crate: columns may be quoted, two quotes in one stand for one, and a
//! quoted column may have several lines. Most lines have no quote at all and are split in place.

use std::borrow::Cow;
use std::sync::Mutex;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::place::{Finds, Place, part, prefixed};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// Most columns of one text that are looked at.
pub const MAX_CSV_FIELDS: usize = 512;
/// Tag of an event whose text has a quote that is never closed.
pub const FAILURE_TAG: &str = "_csvparsefailure";
/// Tag of an event that had more than [`MAX_CSV_FIELDS`] columns, or no room for them.
pub const LIMIT_TAG: &str = "_csvlimit";
/// The beginning of the name of a column that was given none; its number follows.
const UNNAMED: &str = "column";

/// The mark with which some programs begin a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "csv",
    summary: "reads lines of columns (CSV) and makes a field of each column; if the text has several lines each \
         field gets several values",
    parameters: &[
        optional(
            "columns",
            Kind::Texts,
            "",
            "the names of the columns in order, `\"\"` for a column that makes no field; further columns \
             get the names `column7` and so on, by their number",
        ),
        optional("on", Kind::AnyFields, "message", "the fields whose texts are read"),
        optional("separator", Kind::Text, ",", "the character between columns; `\"\\t\"` is a tab"),
        optional(
            "quote",
            Kind::Text,
            "\"",
            "the character that stands around a column whose text holds the separator; `\"\"` if there is \
             none",
        ),
        optional("prefix", Kind::Text, "", "is put before the name of each field"),
        optional("skip_empty", Kind::Flag, "false", "with `true` an empty column makes no field"),
        optional(
            "overwrite",
            Kind::Flag,
            "false",
            "with `true` the new values replace those that a field had; with `false` they are added to \
             them, and core fields such as `message` and `app_name` are not set",
        ),
    ],
    adds: &[
        ("(names of the columns)", "the text of each column, in a field of its name"),
        (FAILURE_TAG, "tag: a quote is never closed; the columns before it were read"),
        (
            LIMIT_TAG,
            "tag: there were more than 512 columns, or the event could hold no more; only the first were \
             read",
        ),
    ],
    build,
};

struct CsvEngine {
    on: Vec<Place>,
    /// With the prefix; empty where the column is not wanted.
    columns: Vec<String>,
    prefix: String,
    separator: char,
    quote: Option<char>,
    skip_empty: bool,
    overwrite: bool,
    scratches: Mutex<Vec<Scratch>>,
}

/// A reader, the unquoted columns of its record and where each ends.
///
/// A csv-core reader is kept and not cloned: a clone of one has lost the marks of its states.
struct Scratch {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let one = |name: &'static str| -> Result<Option<char>, BuildError> {
        let mut characters = arguments.text(name).chars();
        match (characters.next(), characters.next()) {
            (one @ (None | Some(' '..='~' | '\t')), None) => Ok(one),
            _ => Err(BuildError::argument(name, format!("`{name}` must be one ASCII character or a tab"))),
        }
    };
    let Some(separator) = one("separator")? else {
        return Err(BuildError::argument("separator", "`separator` needs a character"));
    };
    let quote = one("quote")?;
    if quote == Some(separator) {
        let given = if separator == ',' { "quote" } else { "separator" };
        return Err(BuildError::argument(given, "`separator` and `quote` are the same"));
    }
    let prefix = arguments.text("prefix");
    let named = |name: &String| if name.is_empty() { String::new() } else { format!("{prefix}{name}") };
    Ok(Box::new(CsvEngine {
        on: arguments.fields("on").to_vec(),
        columns: arguments.texts("columns").iter().map(named).collect(),
        prefix: prefix.to_owned(),
        separator,
        quote,
        skip_empty: arguments.flag("skip_empty"),
        overwrite: arguments.flag("overwrite"),
        scratches: Mutex::default(),
    }))
}

impl Engine for CsvEngine {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut texts = Vec::new();
        for place in &self.on {
            for at in 0..place.count(call.event) {
                texts.extend(place.value(call.event, at));
            }
        }
        let mut columns = Columns {
            engine: self,
            finds: Finds::new(call.event, self.overwrite, MAX_CSV_FIELDS),
            cut: false,
        };
        let mut closed = true;
        for text in texts {
            // csv-core takes it for the beginning of a file.
            let text = match text.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) => Cow::Owned(rest.trim_start_matches(BYTE_ORDER_MARK).to_owned()),
                None => text,
            };
            if text.is_empty() {
                continue;
            }
            if text.contains(|c| matches!(c, '\r' | '\n') || Some(c) == self.quote) {
                closed &= self.records(&text, |at, column| columns.put(at, Cow::Owned(column.to_owned())));
            } else {
                let mut from = 0;
                for (at, column) in text.split(self.separator).take(MAX_CSV_FIELDS + 1).enumerate() {
                    columns.put(at, part(&text, from..from + column.len()));
                    from += column.len() + self.separator.len_utf8();
                }
            }
        }
        let did = columns.finds.written() > 0;
        if columns.cut || columns.finds.full() {
            call.event.add_tag(LIMIT_TAG);
        }
        match (did, closed) {
            (true, true) => Outcome::Did,
            (false, true) => Outcome::Nothing,
            (false, false) => Outcome::Failed(FAILURE_TAG),
            (true, false) => {
                call.event.add_tag(FAILURE_TAG);
                Outcome::Did
            }
        }
    }
}

/// Columns on their way into the event.
struct Columns<'x, 'e> {
    engine: &'e CsvEngine,
    finds: Finds<'x, 'e>,
    cut: bool,
}

impl<'e> Columns<'_, 'e> {
    fn put(&mut self, at: usize, column: Cow<'e, str>) {
        if at >= MAX_CSV_FIELDS {
            self.cut = true;
            return;
        }
        if column.is_empty() && self.engine.skip_empty {
            return;
        }
        let name = match self.engine.columns.get(at) {
            Some(unwanted) if unwanted.is_empty() => return,
            Some(name) => Cow::Borrowed(name.as_str()),
            None => prefixed(&self.engine.prefix, Cow::Owned(format!("{UNNAMED}{}", at + 1))),
        };
        self.finds.put(name, column);
    }
}

impl CsvEngine {
    /// Calls `put` with each column of each record and its number; false if a quote is never
    /// closed.
    fn records(&self, text: &str, mut put: impl FnMut(usize, &str)) -> bool {
        let mut scratch = self.pool().pop().unwrap_or_else(|| self.scratch());
        // The line feed that ends the last record may turn out to be a part of it.
        scratch.text.resize(scratch.text.len().max(text.len() + 1), 0);
        let closed = read(&mut scratch, text, &mut put);
        scratch.reader.reset();
        self.pool().push(scratch);
        closed
    }

    fn scratch(&self) -> Scratch {
        let mut reader = ReaderBuilder::new();
        reader.delimiter(self.separator as u8).quoting(self.quote.is_some());
        if let Some(quote) = self.quote {
            reader.quote(quote as u8);
        }
        Scratch { reader: reader.build(), text: Vec::new(), ends: vec![0; MAX_CSV_FIELDS + 1] }
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Calls `put` with each column; false if a quote is never closed.
fn read(scratch: &mut Scratch, text: &str, put: &mut dyn FnMut(usize, &str)) -> bool {
    let (mut input, mut ended) = (text.as_bytes(), false);
    let (mut written, mut ends) = (0, 0);
    loop {
        let (output, places) = (scratch.text.get_mut(written..), scratch.ends.get_mut(ends..));
        let (Some(output), Some(places)) = (output, places) else { return true };
        let (result, read, wrote, found) = scratch.reader.read_record(input, output, places);
        input = input.get(read..).unwrap_or_default();
        written += wrote;
        ends += found;
        match result {
            ReadRecordResult::InputEmpty if !ended => {
                input = b"\n";
                ended = true;
            }
            // Only within quotes a line feed does not end a record.
            ReadRecordResult::InputEmpty => return written == 0 && ends == 0,
            ReadRecordResult::End => return true,
            ReadRecordResult::Record | ReadRecordResult::OutputEndsFull | ReadRecordResult::OutputFull => {
                let mut from = 0;
                for (at, end) in scratch.ends.iter().take(ends).enumerate() {
                    let column = scratch.text.get(from..*end).unwrap_or_default();
                    put(at, &String::from_utf8_lossy(column));
                    from = *end;
                }
                if result != ReadRecordResult::Record {
                    // The last of these columns told that there are more.
                    return true;
                }
                (written, ends) = (0, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{one_call, testing};
    use super::MAX_CSV_FIELDS;
    use proptest::prelude::*;

    #[track_caller]
    fn check(call: &str, message: &str, expect: &str) {
        one_call::check(call, message, expect);
    }

    #[test]
    fn columns() {
        check("csv()", "a,b c,,d", "column1=a column2=b c column3= column4=d");
        check("csv(\"x\", \"y\")", "a,b,c", "x=a y=b column3=c");
        check("csv(columns=(\"x\", \"y\", \"z\"))", "a,b", "x=a y=b");
        check("csv(\"x\", \"\", \"z\")", "a,b,c", "x=a z=c");
        check("csv(\"x\", \"y\", prefix=\"p_\", skip_empty=true)", "a,,c", "p_x=a p_column3=c");
        check("csv(\"x\", separator=\"\\t\")", "a\tb", "x=a column2=b");
        check("csv(\"x\", separator=\";\")", "ä,ö;ü", "x=ä,ö column2=ü");
        check("csv()", "", "nothing");
        check("csv()", "\u{feff}a,b", "column1=a column2=b");
        check("csv()", "\u{feff}\u{feff}", "nothing");
        check("csv(\"\")", "a", "nothing");
    }

    #[test]
    fn quotes() {
        check("csv()", r#""a,b","say ""hi""",c"#, r#"column1=a,b column2=say "hi" column3=c"#);
        check("csv()", "\"two\nlines\",b", "column1=two\nlines column2=b");
        check("csv()", r#"a"b,"c"d"#, r#"column1=a"b column2=cd"#);
        check("csv(quote=\"'\")", "'a,b',\"c", "column1=a,b column2=\"c");
        check("csv(quote=\"\")", "\"a,b\"", "column1=\"a column2=b\"");
        check("csv()", r#"a,"b"#, "#_csvparsefailure");
        check("csv()", "a,b\nc,\"d", "column1=a column2=b #_csvparsefailure");
        check("csv()", "\"\"", "column1=");
    }

    #[test]
    fn several_lines_and_values() {
        check("csv(\"x\", \"y\")", "a,b\r\nc,d\n", "x=a|c y=b|d");
        check("csv(\"x\", on=[many])", "", "x=p=1|q=2");
        check("csv(\"x\", on=[missing])", "a", "nothing");
    }

    #[test]
    fn what_was_there_before() {
        check("csv(\"n\")", "1", "n=42|1");
        check("csv(\"n\", \"severity\", overwrite=true)", "1,loud", "n=1 severity=loud");
    }

    #[test]
    fn too_many_columns_are_cut_and_tagged() {
        for quoted in ["", "\"\","] {
            let (did, event) = one_call::run("csv()", &format!("{quoted}{}", ",".repeat(MAX_CSV_FIELDS)));
            assert_eq!(
                (did, event.fields.len(), event.has_tag("_csvlimit")),
                (true, MAX_CSV_FIELDS + 2, true)
            );
        }
    }

    #[test]
    fn wrong_calls() {
        testing::wrong(
            "csv",
            &testing::nothing(),
            &[
                "csv(separator=\"\")",
                "csv(separator=\"ab\")",
                "csv(separator=\"ü\")",
                "csv(separator=\"\\n\")",
                "csv(quote=\",\", \"a\")",
                "csv(separator=\";\", quote=\";\")",
                "csv(columns=3)",
            ],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([,\"\n\r]|.){0,40}") {
            one_call::run("csv(\"a\", \"\", skip_empty=true)", &text);
            one_call::run("csv(separator=\" \", quote=\"'\")", &text);
        }

        #[test]
        fn what_is_written_comes_back(columns in proptest::collection::vec("([,\"\n\r]|[^,]){0,6}", 1..6)) {
            let line: Vec<String> = columns.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
            let event = one_call::run("csv()", &line.join(",")).1;
            let got: Vec<String> = (1..=columns.len()).map(|i| event.field(&format!("column{i}"))[0].to_string()).collect();
            prop_assert_eq!(got, columns);
        }

        #[test]
        fn lines_without_quotes_are_the_same_both_ways(text in "[^\"\r\n]{1,30}") {
            // The line feed sends it through the crate.
            let (quick, whole) = (one_call::run("csv()", &text).1, one_call::run("csv()", &format!("{text}\n")).1);
            prop_assert_eq!(&quick.fields, &whole.fields);
        }
    }
}
