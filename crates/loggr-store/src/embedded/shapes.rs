//! The column of shapes: one number for each row, made of its message.
//!
//! It is no part of the event. Not here: the rule (`crate::shape`), which row groups hold a shape
//! (`index::shapes`). Invariant: where a file has the column, it says what the rule says.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};

use super::rows::TextColumn;
use super::schema::{FieldColumns, core};
use crate::shape::Shaper;
use crate::{ErrorKind, StoreError};

/// The shapes of a column of messages.
pub(crate) fn of_messages(messages: &dyn Array) -> Result<ArrayRef, StoreError> {
    let texts = TextColumn::new(messages)?;
    let mut shaper = Shaper::default();
    let shapes = (0..messages.len()).map(|row| shaper.hash(texts.get(row).unwrap_or_default()).0);
    Ok(Arc::new(UInt64Array::from_iter_values(shapes)))
}

/// A batch of events with their shapes behind them: those that it has, those given, or new ones.
pub(crate) fn attached(
    batch: &RecordBatch,
    columns: &FieldColumns,
    shapes: Option<ArrayRef>,
) -> Result<RecordBatch, StoreError> {
    if batch.num_columns() > columns.shape_position() {
        return Ok(batch.clone());
    }
    let mut arrays = batch.columns().to_vec();
    arrays.push(match shapes {
        Some(shapes) => shapes,
        None => of_messages(&**batch.column(core::MESSAGE))?,
    });
    RecordBatch::try_new(columns.stored(), arrays)
        .map_err(|e| StoreError::with(ErrorKind::Permanent, "cannot make a column of shapes", e))
}
