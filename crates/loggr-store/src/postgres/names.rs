//! Names in the database: of the table and of its helper tables, and how they are quoted.
//!
//! Every name that gets into the text of a statement goes through [`quote`].

use std::fmt;

/// Longest name of the table: its helpers' names are longer, and PostgreSQL cuts at 63 bytes.
pub const MAX_TABLE_BYTES: usize = 40;
/// Longest name of a schema, a column or a role.
pub(super) const MAX_NAME_BYTES: usize = 63;

/// The table that the events lie in: `events`, or `schema.events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    schema: Option<String>,
    name: String,
}

impl TableName {
    /// Reads a name. `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<TableName, String> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        for part in schema.iter().chain([&name]) {
            let plain = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !plain || !part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
                return Err(format!("`{text}` cannot be the name of a table"));
            }
            if part.len() > MAX_TABLE_BYTES {
                return Err(format!("`{part}` is longer than {MAX_TABLE_BYTES} bytes"));
            }
        }
        Ok(TableName { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    /// The table, or with a suffix one of its helpers, as SQL has it.
    pub(super) fn sql(&self, suffix: &str) -> String {
        let name = quote(&self.bare(suffix));
        match &self.schema {
            Some(schema) => format!("{}.{name}", quote(schema)),
            None => name,
        }
    }

    /// The name of the table, or with a suffix of a helper, without schema and quotes.
    pub(super) fn bare(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    /// The schema, where one was named.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The suffix of the partition of a day.
    pub(super) fn partition_suffix(day: i64) -> String {
        format!("_p{}", crate::partition::date(day).replace('-', ""))
    }

    /// The key of the advisory lock under which tables are made and dropped.
    pub(super) fn lock_key(&self) -> i64 {
        let text = format!("loggr {self}");
        i64::from_le_bytes(xxhash_rust::xxh3::xxh3_64(text.as_bytes()).to_le_bytes())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// An identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant; for statements that take no parameters.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, &str>) {
        let got = TableName::parse(text).map(|t| t.sql("_days"));
        assert_eq!(got.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn names_of_tables() {
        check("events", Ok("\"events_days\""));
        check("logs.events", Ok("\"logs\".\"events_days\""));
        check("Events", Err("`Events` cannot be the name of a table"));
        check("a\"b", Err("`a\"b` cannot be the name of a table"));
        check("", Err("`` cannot be the name of a table"));
        check("a.b.c", Err("`a.b.c` cannot be the name of a table"));
        let long = "a".repeat(MAX_TABLE_BYTES + 1);
        assert_eq!(TableName::parse(&long), Err(format!("`{long}` is longer than {MAX_TABLE_BYTES} bytes")));
        assert_eq!(TableName::partition_suffix(20_779), "_p20261122");
    }

    #[test]
    fn quoting() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's a \\"), "E'it''s a \\\\'");
    }
}
