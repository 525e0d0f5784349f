//! The tables: their columns, their indexes, and the statements that make them.
//!
//! Only texts; who runs them, and when, is `migrate` and `partitions`. The layout is described
//! for strangers in `docs/format/postgres.md`.
//!
//! | table | what |
//! |---|---|
//! | `events` | one row an event, a partition for each day (UTC) of `timegenerated` |
//! | `events_minutes` | events by minute, severity and app_name |
//! | `events_fields` | names of custom fields by day |
//! | `events_days` | the partitions, and which indexes each of them has |
//! | `events_origins` | listeners, transports and TLS names; rows name them by number |
//! | `events_meta` | one row: the version of all this, and the promoted columns |

use super::names::{MAX_NAME_BYTES, TableName, quote};
use crate::partition;

/// The version of the layout that this program writes and reads.
pub(super) const VERSION: i32 = 1;

/// Characters of a value that an index of names holds; what is longer is compared as a whole
/// behind it. A key of a B-tree is limited to a third of a page.
pub(super) const INDEXED_CHARS: usize = 200;

/// The columns of `events` in the order in which rows are written and read. Promoted columns
/// follow.
pub(super) const COLUMNS: [(&str, &str); 22] = [
    ("timegenerated", "timestamptz NOT NULL"),
    ("timereported", "timestamptz NOT NULL"),
    ("uid", "uuid NOT NULL"),
    ("origin", "integer"),
    ("defects", "integer"),
    ("peer_port", "integer"),
    ("severity", "smallint NOT NULL"),
    ("facility", "smallint NOT NULL"),
    ("timereported_offset", "smallint"),
    ("source", "text COLLATE \"C\""),
    ("app_name", "text COLLATE \"C\""),
    ("procid", "text COLLATE \"C\""),
    ("msgid", "text COLLATE \"C\""),
    ("message", "text COLLATE \"C\" NOT NULL"),
    ("peer", "text COLLATE \"C\""),
    ("tags", "text[] COLLATE \"C\""),
    ("fields", "jsonb"),
    ("structured_data", "jsonb"),
    ("trusted", "jsonb"),
    ("field_order", "bytea"),
    ("rest", "text"),
    ("terms", "integer[]"),
];

/// Which indexes a partition has beside its primary key. Takes effect with the next partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(i16)]
pub enum Indexes {
    /// None: the cheapest to write.
    None = 0,
    /// Hosts, programs, tags and the values of custom fields.
    #[default]
    Fields = 1,
    /// These, and the words of the text.
    Text = 2,
}

impl Indexes {
    /// The word in the configuration.
    pub fn parse(word: &str) -> Option<Indexes> {
        Some(match word {
            "none" => Indexes::None,
            "fields" => Indexes::Fields,
            "text" => Indexes::Text,
            _ => return None,
        })
    }

    /// Of what a newer version may have written nothing is relied on.
    pub(super) fn of_code(code: i16) -> Indexes {
        match code {
            1 => Indexes::Fields,
            2 => Indexes::Text,
            _ => Indexes::None,
        }
    }
}

/// The type of a promoted column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromotedKind {
    /// Addresses.
    Inet,
    /// Integers of 64 bits.
    Integer,
    /// Doubles.
    Float,
    /// Anything.
    Text,
}

impl PromotedKind {
    const WORDS: [(PromotedKind, &'static str, &'static str); 4] = [
        (PromotedKind::Inet, "inet", "inet"),
        (PromotedKind::Integer, "bigint", "bigint"),
        (PromotedKind::Float, "double", "double precision"),
        (PromotedKind::Text, "text", "text COLLATE \"C\""),
    ];

    /// The word in the configuration and in `events_meta`.
    pub(super) fn word(self) -> &'static str {
        PromotedKind::WORDS.iter().find(|(kind, _, _)| *kind == self).map_or("", |(_, word, _)| word)
    }

    fn sql(self) -> &'static str {
        PromotedKind::WORDS.iter().find(|(kind, _, _)| *kind == self).map_or("", |(_, _, sql)| sql)
    }

    pub(super) fn of_word(word: &str) -> Option<PromotedKind> {
        PromotedKind::WORDS.iter().find(|(_, w, _)| *w == word).map(|(kind, _, _)| *kind)
    }
}

/// A custom field with a column of its own, of its name.
///
/// The column holds the value where an event has exactly one and the type can say it; all others
/// stay in `fields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// Name of the field and of the column.
    pub name: String,
    /// Type of the column.
    pub kind: PromotedKind,
}

impl Promoted {
    /// Reads `client_ip inet`. `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Promoted, String> {
        let Some((name, word)) = text.trim().rsplit_once(char::is_whitespace) else {
            return Err(format!("`{text}` lacks a type: `inet`, `bigint`, `double` or `text`"));
        };
        let name = name.trim_end();
        let kind = PromotedKind::of_word(word).ok_or_else(|| {
            format!("`{word}` is no type of a column: `inet`, `bigint`, `double` or `text`")
        })?;
        if name.len() > MAX_NAME_BYTES {
            return Err(format!("`{name}` is longer than {MAX_NAME_BYTES} bytes"));
        }
        if COLUMNS.iter().any(|(column, _)| *column == name) || name.chars().any(char::is_control) {
            return Err(format!("`{name}` cannot be a column of its own"));
        }
        Ok(Promoted { name: name.to_owned(), kind })
    }

    pub(super) fn sql_name(&self) -> String {
        quote(&self.name)
    }
}

/// The names of all columns, promoted ones last.
pub(super) fn column_names(promoted: &[Promoted]) -> String {
    let mut names: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(promoted.iter().map(Promoted::sql_name));
    names.join(", ")
}

/// Makes all tables of version 1, empty, without partitions.
pub(super) fn create(table: &TableName) -> Vec<String> {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("    {name} {kind}")).collect();
    let events = table.sql("");
    vec![
        format!(
            "CREATE TABLE {events} (\n{},\n    PRIMARY KEY (timegenerated, uid)\n) PARTITION BY RANGE (timegenerated)",
            columns.join(",\n")
        ),
        format!(
            "CREATE TABLE {} (\n    minute timestamptz NOT NULL,\n    severity smallint NOT NULL,\n    \
             app_name text COLLATE \"C\" NOT NULL,\n    events bigint NOT NULL,\n    \
             PRIMARY KEY (minute, severity, app_name)\n) WITH (fillfactor = 60)",
            table.sql("_minutes")
        ),
        format!(
            "CREATE TABLE {} (\n    day date NOT NULL,\n    name text COLLATE \"C\" NOT NULL,\n    \
             looks smallint NOT NULL,\n    events bigint NOT NULL,\n    PRIMARY KEY (day, name)\n) \
             WITH (fillfactor = 60)",
            table.sql("_fields")
        ),
        format!(
            "CREATE TABLE {} (\n    day date PRIMARY KEY,\n    indexes smallint NOT NULL\n)",
            table.sql("_days")
        ),
        format!(
            "CREATE TABLE {} (\n    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    \
             key uuid NOT NULL UNIQUE,\n    origin jsonb NOT NULL\n)",
            table.sql("_origins")
        ),
        format!(
            "CREATE TABLE {} (\n    version integer NOT NULL,\n    columns jsonb NOT NULL,\n    \
             long_names boolean NOT NULL\n)",
            table.sql("_meta")
        ),
        format!("INSERT INTO {} VALUES ({VERSION}, '[]', false)", table.sql("_meta")),
        format!("COMMENT ON TABLE {events} IS 'log events, kept by loggr; see its docs/format/postgres.md'"),
    ]
}

/// The suffixes of all helpers.
pub(super) const HELPERS: [&str; 5] = ["_minutes", "_fields", "_days", "_origins", "_meta"];

/// Adds a promoted column.
pub(super) fn add_column(table: &TableName, column: &Promoted) -> String {
    format!("ALTER TABLE {} ADD COLUMN {} {}", table.sql(""), column.sql_name(), column.kind.sql())
}

/// The bounds of the partition of a day.
pub(super) fn bounds(day: i64) -> String {
    format!(
        "FOR VALUES FROM ('{} 00:00:00+00') TO ('{} 00:00:00+00')",
        partition::date(day),
        partition::date(day + 1)
    )
}

/// Makes the indexes of a partition that has no rows yet.
pub(super) fn create_indexes(table: &TableName, day: i64, indexes: Indexes) -> Vec<String> {
    let suffix = TableName::partition_suffix(day);
    let leaf = table.sql(&suffix);
    let index = |what: &str| quote(&table.bare(&format!("{suffix}_{what}")));
    if indexes == Indexes::None {
        return Vec::new();
    }
    vec![
        format!("CREATE INDEX {} ON {leaf} ({}, timegenerated)", index("app"), indexed("app_name")),
        format!("CREATE INDEX {} ON {leaf} ({}, timegenerated)", index("source"), indexed("source")),
        format!("CREATE INDEX {} ON {leaf} USING gin (terms)", index("terms")),
    ]
}

/// What the indexes of names hold: names are compared without regard to the case of ASCII
/// letters, which is what `lower` does under the collation "C".
pub(super) fn indexed(column: &str) -> String {
    format!("\"left\"(lower({column}), {INDEXED_CHARS})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(&str, PromotedKind), &str>) {
        let got = Promoted::parse(text);
        let got = got.as_ref().map(|p| (p.name.as_str(), p.kind)).map_err(String::as_str);
        assert_eq!(got, expect);
    }

    #[test]
    fn promoted_columns() {
        check("client_ip inet", Ok(("client_ip", PromotedKind::Inet)));
        check(" user name  text ", Ok(("user name", PromotedKind::Text)));
        check("status", Err("`status` lacks a type: `inet`, `bigint`, `double` or `text`"));
        check("status int", Err("`int` is no type of a column: `inet`, `bigint`, `double` or `text`"));
        check("source text", Err("`source` cannot be a column of its own"));
        check("a\u{1b} text", Err("`a\u{1b}` cannot be a column of its own"));
    }

    #[test]
    fn a_partition_is_a_day() {
        assert_eq!(
            bounds(20_779),
            "FOR VALUES FROM ('2026-11-22 00:00:00+00') TO ('2026-11-23 00:00:00+00')"
        );
    }
}
