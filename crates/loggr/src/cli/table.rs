//! Tables for people: names stand left, numbers right, and of several processes each row says whose it is.

use crate::clean::clean;
use crate::status::{Installation, Owned};

/// The heading of a column, and what stands in it.
pub type Column<T> = (&'static str, fn(&Owned<T>) -> String);

/// How the tables of a status are shown.
#[derive(Clone, Copy)]
pub struct Table<'s> {
    /// Rows are of several processes.
    pub several: bool,
    /// What knows their names.
    pub status: &'s Installation,
}

impl Table<'_> {
    /// A table; nothing where there is no row.
    pub fn show<T>(&self, columns: &[Column<T>], rows: &[Owned<T>]) -> String {
        let heads = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        let cells = |row: &Owned<T>| columns.iter().map(|(_, cell)| cell(row)).collect();
        self.lay_out(heads, rows.iter().map(|row| (row.process.as_deref(), row.host.as_deref(), cells(row))))
    }

    /// The names of those that have something to say, and what.
    pub fn said<T>(
        &self,
        head: &str,
        rows: &[Owned<T>],
        say: impl for<'t> Fn(&'t T) -> (&'t str, Option<&'t str>),
    ) -> String {
        let rows = rows.iter().filter_map(|row| {
            let (name, why) = say(&row.item);
            let cells = vec![clean(name).into_owned(), first_line(why?)];
            Some((row.process.as_deref(), row.host.as_deref(), cells))
        });
        self.lay_out(vec![head.to_owned(), "WHY".to_owned()], rows)
    }

    fn lay_out<'r>(
        &self,
        mut heads: Vec<String>,
        rows: impl Iterator<Item = (Option<&'r str>, Option<&'r str>, Vec<String>)>,
    ) -> String {
        let has_host = heads.iter().any(|head| head == "HOST");
        let mut cells: Vec<Vec<String>> = rows
            .map(|(process, host, mut cells)| {
                if self.several {
                    let part = self.status.part_of(process);
                    cells.extend((!has_host).then(|| words(&host.map(str::to_owned))));
                    cells.push(words(&part));
                }
                cells
            })
            .collect();
        if cells.is_empty() {
            return String::new();
        }
        if self.several {
            heads.extend((!has_host).then(|| "HOST".to_owned()));
            heads.push("PROCESS".to_owned());
        }
        cells.insert(0, heads);
        align(&cells)
    }
}

/// The rows below an empty line.
fn align(rows: &[Vec<String>]) -> String {
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0);
    let mut out = "\n".to_owned();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(width(column).saturating_sub(length(cell)));
            let is_number = !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
            out.push_str(&if is_number { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") });
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// A text, or `-` for none.
pub fn words(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "-".to_owned(), first_line)
}

/// A number, or `-` for none.
pub fn number(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// A row has one line; the rest stands elsewhere.
fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => format!("{} …", clean(first)),
        None => clean(text).into_owned(),
    }
}
