//! Which custom fields the rows of a row group carry, and where their values stand.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | 1: names were left out |
//! | 4 | number of names |
//! | … each | name with its length, looks (1), rows with one value (4), values in `rest` (4), mask of the blocks of rows that carry it (8) |

use super::bytes::{Cursor, put_text, put_u32, put_u64};
use crate::embedded::schema::{Census, FieldCensus};
use crate::looks::Looks;

pub(crate) fn write(out: &mut Vec<u8>, census: &Census) {
    out.push(u8::from(census.incomplete));
    put_u32(out, census.fields.len() as u32);
    for field in &census.fields {
        put_text(out, field.name.as_bytes());
        out.push(field.looks.0);
        put_u32(out, field.single);
        put_u32(out, field.in_rest);
        put_u64(out, field.blocks);
    }
}

pub(crate) fn read(bytes: &[u8]) -> Option<Census> {
    let mut cursor = Cursor::new(bytes);
    let incomplete = cursor.u8()? != 0;
    let count = cursor.u32()?;
    let fields = (0..count)
        .map(|_| {
            Some(FieldCensus {
                name: cursor.text()?.to_owned(),
                looks: Looks(cursor.u8()?),
                single: cursor.u32()?,
                in_rest: cursor.u32()?,
                blocks: cursor.u64()?,
            })
        })
        .collect::<Option<_>>()?;
    Some(Census { fields, incomplete })
}
