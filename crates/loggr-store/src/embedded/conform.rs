//! Rows of one file with the columns of another: for merges.
//!
//! Invariant: the events that the rows stand for stay the same, the order of their fields included.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Float64Builder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array, new_null_array};

use super::encode::encode;
use super::rows::{Decoder, column, field_text};
use super::schema::{FieldColumns, core};
use crate::looks::FieldKind;
use crate::{ErrorKind, StoreError};

/// The rows of `batch`, which has the columns `from`, with the columns `to`.
pub(crate) fn conform(
    batch: RecordBatch,
    from: &FieldColumns,
    to: &FieldColumns,
) -> Result<RecordBatch, StoreError> {
    if from == to {
        return Ok(batch);
    }
    let failed = |e| StoreError::with(ErrorKind::Permanent, "cannot make columns of the events", e);
    if !keeps_order(from, to) {
        let events = Decoder::new().decode(&batch, from)?;
        return encode(&events.iter().collect::<Vec<_>>(), to).map_err(failed);
    }
    let schema = to.arrow();
    let mut arrays: Vec<ArrayRef> = batch.columns().iter().take(core::FIELDS).cloned().collect();
    for (i, column) in to.columns.iter().enumerate() {
        let old = from
            .columns
            .iter()
            .zip(batch.columns().iter().skip(core::FIELDS))
            .find(|(c, _)| c.name == column.name);
        arrays.push(match old {
            Some((old, array)) => convert(array, old.kind, column.kind)?,
            // Values of the name may stand in `rest`; there they stay.
            None => new_null_array(schema.field(core::FIELDS + i).data_type(), batch.num_rows()),
        });
    }
    RecordBatch::try_new(schema, arrays).map_err(failed)
}

/// Does every column have a place in the new file, in the same order?
fn keeps_order(from: &FieldColumns, to: &FieldColumns) -> bool {
    let mut names = to.columns.iter();
    from.columns.iter().all(|c| names.any(|n| n.name == c.name))
}

/// A column with another type. The census of a merge holds what all values looked like, so that
/// the new type can say each of them.
fn convert(array: &ArrayRef, from: FieldKind, to: FieldKind) -> Result<ArrayRef, StoreError> {
    if from == to {
        return Ok(Arc::clone(array));
    }
    let rows = 0..array.len();
    let bad = || {
        StoreError::new(ErrorKind::Permanent, "BUG: a merged column cannot say a value of one of its parts")
    };
    Ok(match (from, to) {
        (FieldKind::Integer, FieldKind::Float) => {
            let old: &Int64Array = column(&**array)?;
            let mut new = Float64Builder::with_capacity(array.len());
            old.iter().for_each(|v| new.append_option(v.map(|v| v as f64)));
            Arc::new(new.finish())
        }
        (FieldKind::Ip4, FieldKind::Ip) => {
            let old: &UInt32Array = column(&**array)?;
            let mut new = FixedSizeBinaryBuilder::with_capacity(array.len(), 16);
            for value in old.iter() {
                match value {
                    Some(v4) => new
                        .append_value(std::net::Ipv4Addr::from(v4).to_ipv6_mapped().octets())
                        .map_err(|_| bad())?,
                    None => new.append_null(),
                }
            }
            Arc::new(new.finish())
        }
        (_, FieldKind::Word) => {
            let mut new = StringDictionaryBuilder::<Int32Type>::new();
            for row in rows {
                match text(array, from, row)? {
                    Some(value) => new.append_value(value),
                    None => new.append_null(),
                }
            }
            Arc::new(new.finish())
        }
        (_, FieldKind::Text) => {
            let mut new = StringBuilder::new();
            for row in rows {
                new.append_option(text(array, from, row)?);
            }
            Arc::new(new.finish())
        }
        _ => return Err(bad()),
    })
}

fn text<'a>(array: &'a ArrayRef, kind: FieldKind, row: usize) -> Result<Option<Cow<'a, str>>, StoreError> {
    field_text(&**array, kind, row)
}
