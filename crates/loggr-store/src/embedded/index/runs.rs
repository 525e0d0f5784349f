//! Runs of rows of one (app_name, source), in row order: with it, the rows of an application
//! on a host are known without reading a column.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | number of runs; 0xffffffff: there is no table, ask the columns |
//! | 8 each | app (2), source (2): positions in the texts below; rows (4) |
//! | 4 | number of texts |
//! | … | the texts, each with its length |

use super::bytes::{Cursor, put_text, put_u16, put_u32};
use crate::embedded::rows::TextColumn;
use crate::embedded::selection::Selection;
use crate::hash::FastMap;

/// Rows for each run below which a row group gets no table: random hosts make it larger than the columns.
pub const MIN_ROWS_PER_RUN: usize = 8;
const MAX_RUNS: usize = 1 << 15;
const NO_TABLE: u32 = u32::MAX;

/// Writes the table of the rows.
pub(crate) fn write(out: &mut Vec<u8>, rows: usize, apps: &TextColumn<'_>, sources: &TextColumn<'_>) {
    let mut runs: Vec<(u16, u16, u32)> = Vec::new();
    let mut ids: FastMap<&str, u16> = FastMap::default();
    let mut texts: Vec<&str> = Vec::new();
    let limit = (rows / MIN_ROWS_PER_RUN).clamp(16, MAX_RUNS);
    let mut last = None;
    for row in 0..rows {
        let pair = (apps.get(row).unwrap_or_default(), sources.get(row).unwrap_or_default());
        if last == Some(pair) {
            if let Some(run) = runs.last_mut() {
                run.2 += 1;
            }
            continue;
        }
        last = Some(pair);
        if runs.len() == limit {
            return put_u32(out, NO_TABLE);
        }
        let mut id = |text| {
            // At most two texts a run: far from 65,536.
            let next = texts.len() as u16;
            let id = *ids.entry(text).or_insert(next);
            if id == next {
                texts.push(text);
            }
            id
        };
        runs.push((id(pair.0), id(pair.1), 1));
    }
    put_u32(out, runs.len() as u32);
    for (app, source, rows) in runs {
        put_u16(out, app);
        put_u16(out, source);
        put_u32(out, rows);
    }
    put_u32(out, texts.len() as u32);
    for text in texts {
        put_text(out, text.as_bytes());
    }
}

/// The table of one row group.
pub(crate) struct Runs<'b> {
    /// Eight bytes each, as in the file.
    runs: &'b [u8],
    texts: Vec<&'b str>,
}

/// Of a run: its application, its source, its number of rows.
pub(crate) type Run<'b> = (&'b str, &'b str, u32);

impl<'b> Runs<'b> {
    /// `None` where there is no table.
    pub(crate) fn new(bytes: &'b [u8]) -> Option<Runs<'b>> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.u32().filter(|c| *c != NO_TABLE)?;
        let runs = cursor.take(count as usize * 8)?;
        let count = cursor.u32()?;
        let texts = (0..count).map(|_| cursor.text()).collect::<Option<_>>()?;
        Some(Runs { runs, texts })
    }

    fn text(&self, id: u16) -> &'b str {
        self.texts.get(usize::from(id)).copied().unwrap_or_default()
    }

    fn numbers(&self) -> impl Iterator<Item = (u16, u16, u32)> + '_ {
        self.runs.as_chunks::<8>().0.iter().map(|[a, b, c, d, rows @ ..]| {
            (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]), u32::from_le_bytes(*rows))
        })
    }

    /// The runs in row order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Run<'b>> + '_ {
        self.numbers().map(|(app, source, rows)| (self.text(app), self.text(source), rows))
    }

    /// The rows whose application, or else whose source, is one that `is_match` takes.
    pub(crate) fn select(&self, by_app: bool, mut is_match: impl FnMut(&str) -> bool) -> Selection {
        let mut verdicts: Vec<Option<bool>> = vec![None; self.texts.len()];
        let mut out = Selection::none();
        let mut at = 0;
        for (app, source, rows) in self.numbers() {
            let id = if by_app { app } else { source };
            let verdict = match verdicts.get_mut(usize::from(id)) {
                Some(known) => *known.get_or_insert_with(|| is_match(self.text(id))),
                None => is_match(""),
            };
            if verdict {
                out.push(at, at + rows);
            }
            at += rows;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Array, StringArray};

    fn build(apps: &[&str], sources: &[&str]) -> Vec<u8> {
        let (apps, sources) = (StringArray::from(apps.to_vec()), StringArray::from(sources.to_vec()));
        let mut out = Vec::new();
        write(&mut out, apps.len(), &TextColumn::Plain(&apps), &TextColumn::Plain(&sources));
        out
    }

    #[test]
    fn selects_the_rows_of_an_application_or_a_host() {
        let bytes = build(&["a", "a", "b", "b", "b"], &["x", "y", "x", "x", "y"]);
        let runs = Runs::new(&bytes).unwrap();
        assert_eq!(runs.iter().map(|r| r.2).sum::<u32>(), 5);
        assert_eq!(runs.select(true, |app| app == "b"), Selection::from_rows([2, 3, 4]));
        assert_eq!(runs.select(false, |host| host == "x"), Selection::from_rows([0, 2, 3]));
        assert!(runs.select(false, |host| host == "z").is_empty());
    }

    #[test]
    fn random_hosts_make_no_table() {
        let hosts: Vec<String> = (0..1000).map(|i| format!("h{i}")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        assert!(Runs::new(&build(&vec!["a"; 1000], &hosts)).is_none());
    }
}
