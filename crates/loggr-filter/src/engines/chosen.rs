//! The fields that an engine can add: which of them a call wants, and under which names.

use super::{Arguments, BuildError};
use crate::nearest::nearest;

/// A field in an engine's table: what it is, its name, and whether it is added if the call names no
/// fields.
pub(super) type Row<F> = (F, &'static str, bool);

/// The fields that the argument `fields` asks for, with the prefix of the argument `prefix`.
pub(super) fn chosen<F: Copy>(
    arguments: &Arguments,
    engine: &str,
    all: &[Row<F>],
) -> Result<Vec<(F, String)>, BuildError> {
    let prefix = arguments.text("prefix");
    let named = |row: &Row<F>| (row.0, format!("{prefix}{}", row.1));
    let wanted = arguments.texts("fields");
    if wanted.is_empty() {
        return Ok(all.iter().filter(|row| row.2).map(named).collect());
    }
    let find = |name: &String| match all.iter().find(|row| row.1 == name) {
        Some(row) => Ok(named(row)),
        None => {
            let error = BuildError::argument("fields", format!("`{engine}` has no field `{name}`"));
            Err(match nearest(name, all.iter().map(|row| row.1)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => {
                    let known: Vec<String> = all.iter().map(|row| format!("`{}`", row.1)).collect();
                    error.hint(format!("its fields are {}", known.join(", ")))
                }
            })
        }
    };
    wanted.iter().map(find).collect()
}
