//! The parameters of an endpoint: one table says what each may be, and reading, refusing and the
//! OpenAPI document follow it.
//!
//! Not what a parameter means: that is the endpoint's. Invariant: a name that is not in the table of the
//! endpoint, or is given twice, is refused, so that nothing that was asked is silently left out.

use std::collections::HashMap;
use std::time::Duration;

use loggr_store::query::{self, Field};

use crate::config::nearest;
use crate::web::problem::Problem;

/// Longest value of a parameter that is no query, in bytes.
const MAX_VALUE_BYTES: usize = 1024;

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    /// As it is written.
    pub name: &'static str,
    /// What it may be.
    pub takes: Takes,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// It must be there.
    pub is_required: bool,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Any text.
    Text,
    /// A query of our language.
    Query,
    /// The name of a field.
    Field,
    /// A moment: RFC 3339, `now-15m`, a date.
    Time,
    /// A duration: `1m`, `30s`.
    Duration,
    /// A whole number between two, and the one that holds when it is not given.
    Number {
        /// The least.
        least: usize,
        /// The greatest.
        most: usize,
        /// If it is not given.
        default: usize,
    },
    /// One of these words; the first where it is not given.
    Word(&'static [&'static str]),
    /// `1` or `true`, `0` or `false`; false where it is not given.
    Flag,
}

/// A parameter that may be left out.
pub const fn parameter(name: &'static str, takes: Takes, about: &'static str) -> Parameter {
    Parameter { name, takes, about, is_required: false }
}

/// A parameter that must be there.
pub const fn required(name: &'static str, takes: Takes, about: &'static str) -> Parameter {
    Parameter { name, takes, about, is_required: true }
}

/// The parameters of one request, read after the table of its endpoint.
#[derive(Debug)]
pub struct Params {
    tables: &'static [&'static [Parameter]],
    given: HashMap<&'static str, String>,
}

impl Params {
    /// Reads what was given, in the query string or in the path.
    ///
    /// # Errors
    /// A parameter is unknown, given twice, missing, or not what it may be.
    pub fn read(
        tables: &'static [&'static [Parameter]],
        given: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Params, Problem> {
        let known = || tables.iter().flat_map(|table| table.iter());
        let mut params = Params { tables, given: HashMap::new() };
        for (name, value) in given {
            let Some(parameter) = known().find(|parameter| parameter.name == name) else {
                let problem = Problem::parameter(&name, "there is no parameter of this name here");
                let names = known().map(|parameter| parameter.name);
                return Err(match nearest(&name, names.clone()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint(format!("there are: {}", names.collect::<Vec<_>>().join(", "))),
                });
            };
            parameter.takes.check(parameter.name, &value)?;
            if params.given.insert(parameter.name, value).is_some() {
                return Err(Problem::parameter(
                    parameter.name,
                    format!("`{}` is given twice", parameter.name),
                ));
            }
        }
        match known().find(|p| p.is_required && !params.given.contains_key(p.name)) {
            Some(missing) => Err(Problem::parameter(missing.name, format!("`{}` is missing", missing.name))
                .hint(format!("`{}`: {}", missing.name, missing.about))),
            None => Ok(params),
        }
    }

    /// All that was given, for the log: ` q="failed" limit="5"`. Where a page begins says nothing there.
    pub fn told(&self) -> String {
        let given = self.tables.iter().flat_map(|table| table.iter());
        let given = given.filter(|parameter| !parameter.name.starts_with("cursor"));
        let given = given.filter_map(|parameter| Some((parameter.name, self.given.get(parameter.name)?)));
        given.map(|(name, value)| format!(" {name}={value:?}")).collect()
    }

    /// A text, empty if it was not given.
    pub fn text(&self, name: &str) -> &str {
        self.some(name).unwrap_or_default()
    }

    /// A text, if it was given and is not empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        debug_assert!(self.has(name), "`{name}` is not in the table");
        self.given.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A number, within its bounds.
    pub fn number(&self, name: &str) -> usize {
        let default = match self.takes(name) {
            Some(Takes::Number { default, .. }) => default,
            _ => 0,
        };
        self.some(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// A word of a choice.
    pub fn word(&self, name: &str) -> &str {
        let default = match self.takes(name) {
            Some(Takes::Word(words)) => words.first().copied(),
            _ => None,
        };
        self.some(name).or(default).unwrap_or_default()
    }

    /// Is it switched on?
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.some(name), Some("1" | "true"))
    }

    /// A field, if one was named.
    pub fn field(&self, name: &str) -> Option<Field> {
        self.some(name).map(Field::from_name)
    }

    /// A moment in microseconds since 1970, when it is `now`.
    pub fn moment(&self, name: &str, now: i64) -> Option<i64> {
        self.some(name).and_then(query::parse_moment).map(|point| point.micros(now))
    }

    /// A duration.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        let micros = self.some(name).and_then(query::parse_duration)?;
        u64::try_from(micros).ok().map(Duration::from_micros)
    }

    /// Is there such a parameter here?
    pub fn has(&self, name: &str) -> bool {
        self.takes(name).is_some()
    }

    fn takes(&self, name: &str) -> Option<Takes> {
        self.tables.iter().flat_map(|table| table.iter()).find(|p| p.name == name).map(|p| p.takes)
    }
}

impl Takes {
    fn check(self, name: &str, value: &str) -> Result<(), Problem> {
        let wrong = |detail: String| Problem::parameter(name, detail);
        if self != Takes::Query && value.len() > MAX_VALUE_BYTES {
            return Err(wrong(format!("`{name}` has more than {MAX_VALUE_BYTES} bytes")));
        }
        if value.is_empty() {
            return Ok(());
        }
        match self {
            Takes::Text | Takes::Query | Takes::Field => Ok(()),
            Takes::Time if query::parse_moment(value).is_some() => Ok(()),
            Takes::Time => {
                let (detail, hint) = query::no_time(value);
                Err(wrong(format!("`{name}` cannot be read: {detail}")).hint(hint))
            }
            Takes::Duration => match query::parse_duration(value) {
                Some(micros) if micros > 0 => Ok(()),
                _ => Err(wrong(format!("`{name}` cannot be read: `{value}` is no duration"))
                    .hint("write a number and a unit: `90s`, `15m`, `2h`, `7d`, `1w`")),
            },
            Takes::Number { least, most, .. } => match value.parse::<usize>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(wrong(format!("`{name}` must be a whole number from {least} to {most}"))),
            },
            Takes::Word(words) if words.contains(&value) => Ok(()),
            Takes::Word(words) => {
                let problem = wrong(format!("`{name}` cannot be `{value}`"));
                Err(match nearest(value, words.iter().copied()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint(format!("it is one of: {}", words.join(", "))),
                })
            }
            Takes::Flag if matches!(value, "1" | "true" | "0" | "false") => Ok(()),
            Takes::Flag => Err(wrong(format!("`{name}` is `1` or `0`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Parameter] = &[
        parameter("q", Takes::Query, "The query."),
        parameter("from", Takes::Time, "From here on."),
        parameter("limit", Takes::Number { least: 1, most: 1000, default: 100 }, "At most so many."),
        parameter("order", Takes::Word(&["newest", "oldest"]), "Which first."),
        parameter("width", Takes::Duration, "Width of a bar."),
        parameter("highlight", Takes::Flag, "With matches."),
        required("field", Takes::Field, "The field."),
    ];

    fn read(given: &[(&str, &str)]) -> Result<Params, Problem> {
        Params::read(&[TABLE], given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[track_caller]
    fn check_refused(given: &[(&str, &str)], expect: &str) {
        let mut given = given.to_vec();
        if expect != "`field` is missing" {
            given.push(("field", "app"));
        }
        let problem = read(&given).expect_err("it should be refused");
        assert_eq!(problem.detail(), expect);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_refused(&[], "`field` is missing");
        check_refused(&[("limits", "5")], "there is no parameter of this name here");
        check_refused(&[("limit", "0")], "`limit` must be a whole number from 1 to 1000");
        check_refused(&[("limit", "-1")], "`limit` must be a whole number from 1 to 1000");
        check_refused(&[("limit", "x")], "`limit` must be a whole number from 1 to 1000");
        check_refused(&[("limit", "5"), ("limit", "6")], "`limit` is given twice");
        check_refused(&[("from", "soon")], "`from` cannot be read: `soon` is not a time");
        check_refused(&[("width", "0s")], "`width` cannot be read: `0s` is no duration");
        check_refused(&[("order", "newer")], "`order` cannot be `newer`");
        check_refused(&[("highlight", "yes")], "`highlight` is `1` or `0`");
    }

    #[test]
    fn what_is_given_is_read_and_the_rest_has_its_default() {
        let params =
            read(&[("field", "app"), ("from", "1970-01-02"), ("width", "1m"), ("order", "")]).unwrap();
        assert_eq!(params.text("q"), "");
        assert_eq!(params.field("field"), Some(Field::AppName));
        assert_eq!(params.moment("from", 0), Some(86_400_000_000));
        assert_eq!(params.duration("width"), Some(Duration::from_secs(60)));
        assert_eq!(
            (params.number("limit"), params.word("order"), params.flag("highlight")),
            (100, "newest", false)
        );
        let params =
            read(&[("field", "x"), ("limit", "7"), ("order", "oldest"), ("highlight", "1")]).unwrap();
        assert_eq!(
            (params.number("limit"), params.word("order"), params.flag("highlight")),
            (7, "oldest", true)
        );
    }
}
