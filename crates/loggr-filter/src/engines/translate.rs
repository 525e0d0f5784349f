//! `translate`: looks a value up in a table and writes what it finds to a field.
//!
//! The table is in the filter or in a file; a changed file is read again outside the way of
//! events, and a wrong one leaves the old table in use.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::place::Place;
use super::table::{Form, Keys, Table};
use super::watched::Watched;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::field::ASSIGN_TAG;
use crate::nearest::nearest;

/// Largest file of a table in bytes.
pub const MAX_TABLE_BYTES: u64 = 64 << 20;

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "translate",
    summary: "looks a value up in a table of keys and values, and sets a field to the value that it finds",
    parameters: &[
        required("on", Kind::AnyField, "the field whose value is looked up; if it has several, each of them"),
        optional(
            "file",
            Kind::Text,
            "",
            "the file of the table: a `.csv` file with a key and a value on each line and no headings, or \
             a `.toml` file with lines `\"key\" = \"value\"`; loggr reads it again when it changes",
        ),
        optional("pairs", Kind::Texts, "", "the table itself, instead of a file: key, value, key, value, …"),
        optional(
            "target",
            Kind::AnyField,
            "",
            "the field that is set; without this argument the field in `on` gets the new value",
        ),
        optional(
            "default",
            Kind::Text,
            "",
            "the result for a value that is not in the table; without this argument nothing changes then",
        ),
        optional(
            "keys",
            Kind::Text,
            "exact",
            "how a key is compared with the value: `exact`, they are equal; `regex`, the key is a regular \
             expression, and the first that matches counts; `network`, the key is a network, and the \
             smallest that holds the address counts",
        ),
    ],
    adds: &[
        (
            "(the target)",
            "the value from the table, or the default; several values if the field in `on` has several",
        ),
        ("_assignfailure", "tag: the target is a core field that cannot have the value from the table"),
    ],
    build,
};

struct Translate {
    on: Place,
    table: Source,
    target: Option<Place>,
    default: Option<String>,
}

enum Source {
    Inline(Table),
    File(Watched<Table>),
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let on = arguments.fields("on").first().cloned();
    let on = on.ok_or_else(|| BuildError::argument("on", "`on` must be a field"))?;
    let target = arguments.fields("target").first().cloned();
    let (written, given) = match &target {
        Some(target) => (target, "target"),
        None => (&on, "on"),
    };
    if !written.writable() {
        let error = BuildError::argument(given, format!("`{}` cannot be changed", written.shown()));
        return Err(if given == "on" { error.hint("give a `target`: target=[name]") } else { error });
    }
    let word = arguments.text("keys");
    let Some((keys, _)) = Keys::ALL.iter().find(|(_, w)| *w == word) else {
        let error = BuildError::argument("keys", format!("`{word}` is no kind of keys"));
        let near = nearest(word, Keys::ALL.iter().map(|(_, w)| *w));
        return Err(error.hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "they are `exact`, `regex` or `network`".to_owned(),
        }));
    };
    let (file, pairs) = (arguments.text("file"), arguments.texts("pairs"));
    let table = match (file.is_empty(), pairs.is_empty()) {
        (true, false) => Source::Inline(inline(pairs, *keys)?),
        (false, true) => Source::File(open(file, &environment.directory, *keys)?),
        (true, true) => {
            let error = BuildError { argument: None, message: "`translate` has no table".into(), hint: None };
            return Err(error.hint("give `file=\"name.csv\"` or `pairs=(\"key\", \"value\")`"));
        }
        (false, false) => {
            return Err(BuildError::argument("pairs", "there is a `file` already, one table is enough"));
        }
    };
    let default = arguments.get("default").map(|_| arguments.text("default").to_owned());
    Ok(Box::new(Translate { on, table, target, default }))
}

fn inline(texts: &[String], keys: Keys) -> Result<Table, BuildError> {
    if !texts.len().is_multiple_of(2) {
        let message = format!("`pairs` has {} texts: the last key has no value", texts.len());
        return Err(BuildError::argument("pairs", message));
    }
    let pairs = texts.chunks_exact(2).filter_map(|pair| match pair {
        [key, value] => Some((key.clone(), value.clone())),
        _ => None,
    });
    Table::new(pairs.collect(), keys).map_err(|e| BuildError::argument("pairs", e))
}

fn open(name: &str, directory: &Path, keys: Keys) -> Result<Watched<Table>, BuildError> {
    let path = directory.join(name);
    let form = match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => Form::Csv,
        Some("toml") => Form::Toml,
        _ => {
            return Err(BuildError::argument("file", format!("`{name}` is neither `.csv` nor `.toml`")));
        }
    };
    Watched::open(path, MAX_TABLE_BYTES, move |bytes, _| Table::read(bytes, form, keys))
        .map_err(|e| BuildError::argument("file", e))
}

impl Engine for Translate {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let count = self.on.count(call.event);
        match &self.table {
            Source::Inline(table) => self.each(call, count, |text| table.find(text).map(Cow::Borrowed)),
            Source::File(file) => {
                // One table for all values of an event.
                let table = file.get();
                self.each(call, count, |text| table.find(text).map(|value| Cow::Owned(value.to_owned())))
            }
        }
    }

    fn refresh(&self) -> Result<bool, String> {
        match &self.table {
            Source::Inline(_) => Ok(false),
            Source::File(file) => file.refresh(),
        }
    }

    fn reads(&self) -> Vec<PathBuf> {
        match &self.table {
            Source::Inline(_) => Vec::new(),
            Source::File(file) => vec![file.path().to_owned()],
        }
    }
}

impl Translate {
    fn each<'e>(
        &'e self,
        call: &mut Call<'_, 'e>,
        count: usize,
        find: impl Fn(&str) -> Option<Cow<'e, str>>,
    ) -> Outcome {
        let mut values = Vec::new();
        let mut outcome = Outcome::Nothing;
        for at in 0..count {
            let found = self.on.look(call.event, at, &find).flatten();
            let Some(value) = found.or_else(|| self.default.as_deref().map(Cow::Borrowed)) else { continue };
            match &self.target {
                Some(_) => values.push(value),
                None => outcome = worse(outcome, self.on.replace(call.event, at, value)),
            }
        }
        match (&self.target, values.is_empty()) {
            (Some(Place::Custom(name)), false) => {
                match call.event.fields.iter_mut().find(|f| f.name == *name) {
                    Some(field) => field.values = values,
                    None => call.event.fields.push(loggr_event::Field { name: name.as_str().into(), values }),
                }
                Outcome::Did
            }
            // A core field has one value.
            (Some(target @ Place::Core(_)), false) => {
                let first = values.into_iter().next();
                first.map_or(outcome, |value| worse(outcome, target.replace(call.event, 0, value)))
            }
            _ => outcome,
        }
    }
}

/// The outcome after one more write.
fn worse(outcome: Outcome, fits: bool) -> Outcome {
    match (outcome, fits) {
        (Outcome::Failed(tag), _) => Outcome::Failed(tag),
        (_, false) => Outcome::Failed(ASSIGN_TAG),
        (_, true) => Outcome::Did,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, one_call, testing};

    const STATUS: &str = "pairs=(\"404\", \"not found\", \"42\", \"the answer\", \"p=1\", \"one\")";

    #[track_caller]
    fn check(call: &str, message: &str, expect: &str) {
        one_call::check(&call.replace("STATUS", STATUS), message, expect);
    }

    #[test]
    fn pairs() {
        check("translate([n], STATUS, target=[t])", "", "t=the answer");
        check("translate([n], STATUS)", "", "n=the answer");
        check("translate(message, STATUS, target=[t])", "404", "t=not found");
        check("translate(message, STATUS, target=[t])", "40", "nothing");
        check("translate(message, STATUS, target=[t], default=\"?\")", "40", "t=?");
        check("translate(message, STATUS, target=[t], default=\"\")", "40", "t=");
        check("translate([missing], STATUS, target=[t], default=\"?\")", "", "nothing");
        check("translate([many], STATUS, target=[t])", "", "t=one");
        check("translate([many], STATUS, target=[t], default=\"-\")", "", "t=one|-");
        check("translate([many], STATUS)", "", "many=one|q=2");
        check("translate([n], STATUS, target=[many])", "", "many=the answer");
        check("translate([n], pairs=(\"^4\", \"four\"), keys=\"regex\")", "", "n=four");
        check(
            "translate(message, pairs=(\"10.0.0.0/8\", \"in\"), keys=\"network\", target=[t])",
            "10.1.1.1",
            "t=in",
        );
    }

    #[test]
    fn core_fields() {
        let (did, event) = one_call::run("translate([n], pairs=(\"42\", \"err\"), target=severity)", "");
        assert_eq!((did, event.severity.keyword()), (true, "err"));
        check("translate([n], STATUS, target=severity)", "", "#_assignfailure");
        let (did, event) = one_call::run("translate(message, pairs=(\"a\", \"b\"))", "a");
        assert_eq!((did, event.message.as_ref()), (true, "b"));
    }

    #[test]
    fn a_changed_file_is_taken_and_a_wrong_one_leaves_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let replace = |text: &str| {
            std::fs::write(dir.path().join("new"), text).unwrap();
            std::fs::rename(dir.path().join("new"), dir.path().join("t.csv")).unwrap();
        };
        replace("a,1\n");
        let bench =
            testing::Bench::with("translate([k], \"t.csv\", target=[v])", &Environment::new(dir.path()));
        let check = |refreshed: (bool, usize), expect: &str| {
            let (changed, errors) = bench.program().refresh();
            assert_eq!((changed, errors.len()), refreshed, "{errors:?}");
            let mut event = bench.event(&[("k", "a")]);
            bench.run(&mut event, 0);
            assert_eq!(event.field("v"), [expect]);
        };
        check((false, 0), "1");
        replace("a,2\n");
        check((true, 0), "2");
        replace("a,2,3\n");
        check((false, 1), "2");
        check((false, 0), "2");
        replace("a,4\n");
        check((true, 0), "4");
    }

    #[test]
    fn wrong_calls() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("t.csv"), "a,1\nb\n").unwrap();
        std::fs::write(dir.path().join("t.toml"), "a = 1\n[b]\n").unwrap();
        testing::wrong(
            "translate",
            &Environment::new(dir.path()),
            &[
                "translate([a])",
                "translate([a], pairs=(\"a\", \"b\", \"c\"))",
                "translate([a], pairs=(\"a\", \"b\", \"a\", \"c\"))",
                "translate([a], \"t.csv\", pairs=(\"a\", \"b\"))",
                "translate([a], \"t.yaml\")",
                "translate([a], pairs=(\"(\", \"b\"), keys=\"regex\")",
                "translate([a], pairs=(\"10.0.0.0/99\", \"b\"), keys=\"network\")",
                "translate([a], pairs=(\"a\", \"b\"), keys=\"networks\")",
                "translate([a], pairs=(\"a\", \"b\"), keys=\"x\")",
                "translate(uid, pairs=(\"a\", \"b\"))",
                "translate([a], pairs=(\"a\", \"b\"), target=uid)",
            ],
        );
        for (file, expect) in [
            ("t.csv", "line 2 has one column: a key and a value are wanted"),
            ("t.toml", "`b` is a table: each key has one value"),
            ("none.csv", "No such file or directory"),
        ] {
            let call = format!("translate([a], \"{file}\")");
            let error = crate::lang::Program::compile("x", &call, &Environment::new(dir.path())).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }
}
