//! The tables: their columns, their indexes, and the statements that make them.
//!
//! This file only makes the texts of the statements; `migrate` and `partitions` run them. The
//! layout is described in `docs/format/postgres.md`.
//!
//! | table | what |
//! |---|---|
//! | `events` | one row an event, a partition for each day (UTC) of `timegenerated` |
//! | `events_minutes` | events by minute, severity and app_name |
//! | `events_fields` | names of custom fields by day |
//! | `events_days` | the partitions, and which indexes each of them has |
//! | `events_origins` | listeners, transports and TLS names; rows name them by number |
//! | `events_retention` | one row: which clock retention believes, and what it has dropped |
//! | `events_meta` | one row: the version of all this, and the promoted columns |
//! | `events_view` | a view: the events with words for severity, facility and origin |

use loggr_event::{Facility, Severity};

use super::names::{MAX_NAME_BYTES, TableName, literal, quote};
use crate::partition;

/// The version of the layout that this program writes and reads.
pub(super) const VERSION: i32 = 3;

/// Characters of a value that an index of names holds; what is longer is compared as a whole
/// behind it. A key of a B-tree is limited to a third of a page.
pub(super) const INDEXED_CHARS: usize = 200;

/// The columns of `events` in the order in which rows are written and read. Promoted columns
/// follow.
pub(super) const COLUMNS: [(&str, &str); 23] = [
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
    ("shape", "bigint"),
];

/// What PostgreSQL itself gives every table.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

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

    /// A code that only a newer version knows counts as no indexes.
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
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(format!("`{name}` cannot be a column of its own"));
        }
        if Promoted::is_taken(name) {
            return Err(format!(
                "`{name}` cannot be a column of its own: the table has one of this name already"
            ));
        }
        Ok(Promoted { name: name.to_owned(), kind })
    }

    /// Has the table a column of this name of its own?
    pub(super) fn is_taken(name: &str) -> bool {
        COLUMNS.iter().map(|(column, _)| column).chain(&SYSTEM_COLUMNS).any(|column| *column == name)
    }

    pub(super) fn sql_name(&self) -> String {
        quote(&self.name)
    }

    /// The text of the column: as it was received, because others do not get into it.
    pub(super) fn shown(&self) -> String {
        let name = self.sql_name();
        match self.kind {
            PromotedKind::Text => name,
            PromotedKind::Inet => format!("(host({name}) COLLATE \"C\")"),
            PromotedKind::Integer | PromotedKind::Float => format!("({name}::text COLLATE \"C\")"),
        }
    }
}

/// The names of all columns, promoted ones last.
pub(super) fn column_names(promoted: &[Promoted]) -> String {
    let mut names: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(promoted.iter().map(Promoted::sql_name));
    names.join(", ")
}

/// Makes all tables, empty, without partitions and promoted columns.
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
            "CREATE TABLE {} (\n    day date PRIMARY KEY,\n    indexes smallint NOT NULL,\n    written timestamptz\n)",
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
        create_retention(table),
        format!("INSERT INTO {} DEFAULT VALUES", table.sql("_retention")),
        create_view(table, &[]),
        format!("COMMENT ON TABLE {events} IS 'log events, kept by loggr; see its docs/format/postgres.md'"),
    ]
}

/// The suffixes of all helpers.
pub(super) const HELPERS: [&str; 7] =
    ["_minutes", "_fields", "_days", "_origins", "_meta", "_retention", "_view"];

fn create_retention(table: &TableName) -> String {
    format!(
        "CREATE TABLE {} (\n    believed timestamptz,\n    step_from timestamptz,\n    step_to timestamptz,\n    \
         step_held bigint,\n    step_seen boolean,\n    looked timestamptz,\n    \
         dropped bigint NOT NULL DEFAULT 0,\n    purged bigint NOT NULL DEFAULT 0\n)",
        table.sql("_retention")
    )
}

/// The statements that bring version 1 to version 2.
pub(super) fn from_version_1(table: &TableName, promoted: &[Promoted]) -> Vec<String> {
    let retention = table.sql("_retention");
    vec![
        format!("ALTER TABLE {} ADD COLUMN written timestamptz", table.sql("_days")),
        create_retention(table),
        format!("INSERT INTO {retention} DEFAULT VALUES"),
        as_the_events(table, "_retention"),
        create_view(table, promoted),
        as_the_events(table, "_view"),
    ]
}

/// What brings version 2 to version 3. The rows that are there have no shape.
pub(super) fn from_version_2(table: &TableName, _: &[Promoted]) -> Vec<String> {
    vec![format!("ALTER TABLE {} ADD COLUMN shape bigint", table.sql(""))]
}

/// Gives a helper table that was made later the owner and the readers of the events.
pub(super) fn as_the_events(table: &TableName, suffix: &str) -> String {
    let (events, helper) = (literal(&table.sql("")), literal(&table.sql(suffix)));
    format!(
        "DO $new$ DECLARE who text; BEGIN \
         FOR who IN SELECT DISTINCT pg_get_userbyid(a.grantee) FROM pg_class c, aclexplode(c.relacl) a \
         WHERE c.oid = to_regclass({events}) AND a.privilege_type = 'SELECT' AND a.grantee <> 0 \
         AND a.grantee <> c.relowner LOOP EXECUTE format('GRANT SELECT ON %s TO %I', {helper}, who); END LOOP; \
         SELECT pg_get_userbyid(relowner) INTO who FROM pg_class WHERE oid = to_regclass({events}); \
         IF who <> current_user THEN EXECUTE format('ALTER TABLE %s OWNER TO %I', {helper}, who); END IF; \
         END $new$"
    )
}

/// Makes the view in which numbers have their words, or adds promoted columns to it.
pub(super) fn create_view(table: &TableName, promoted: &[Promoted]) -> String {
    /// The columns of the view and what they are made of.
    const OWN: [(&str, &str); 19] = [
        ("timegenerated", "e.timegenerated"),
        ("timereported", "e.timereported"),
        ("severity", ""),
        ("facility", ""),
        ("source", "e.source"),
        ("app_name", "e.app_name"),
        ("procid", "e.procid"),
        ("msgid", "e.msgid"),
        ("message", "e.message"),
        ("listener", "o.origin->>'listener'"),
        ("transport", "o.origin->>'transport'"),
        ("tls_name", "o.origin->>'tls_name'"),
        ("peer", "e.peer"),
        ("peer_port", "e.peer_port"),
        ("tags", "e.tags"),
        ("fields", "e.fields"),
        ("structured_data", "e.structured_data"),
        ("trusted", "e.trusted"),
        ("uid", "e.uid"),
    ];
    let words = |column: &str, words: Vec<&str>| {
        let words: Vec<String> = words.into_iter().map(literal).collect();
        format!("(ARRAY[{}])[e.{column} + 1]", words.join(", "))
    };
    let mut columns: Vec<String> = OWN
        .iter()
        .map(|(name, made)| match *name {
            "severity" => words(name, Severity::ALL.iter().map(|s| s.keyword()).collect()),
            "facility" => words(name, (0..24).filter_map(Facility::from_code).map(Facility::keyword).collect()),
            _ => (*made).to_owned(),
        } + " AS " + name)
        .collect();
    // A field of the name of a column of the view is found in the table alone.
    let others = promoted.iter().filter(|column| OWN.iter().all(|(name, _)| *name != column.name));
    columns.extend(others.map(|column| format!("e.{}", column.sql_name())));
    format!(
        "CREATE OR REPLACE VIEW {} AS SELECT {} FROM {} AS e LEFT JOIN {} AS o ON o.id = e.origin",
        table.sql("_view"),
        columns.join(", "),
        table.sql(""),
        table.sql("_origins")
    )
}

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

/// The expression that the indexes of names hold: names are compared without regard to the case of
/// ASCII letters, which is what `lower` does under the collation "C".
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
        for own in COLUMNS.iter().map(|(name, _)| *name).chain(SYSTEM_COLUMNS) {
            let why =
                format!("`{own}` cannot be a column of its own: the table has one of this name already");
            check(&format!("{own} text"), Err(&why));
        }
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
