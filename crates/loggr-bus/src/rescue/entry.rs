//! An entry of the rescue, encoded as bytes.
//!
//! Where it is kept is in `rescue`.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 3 | 0 |
//! | 4 | 4 | attempts |
//! | 8 | 8 | time, microseconds since 1970 |
//! | 16 | 4 | length of the reason, at most [`MAX_REASON_BYTES`] |
//! | 20 | | reason, then a chunk of one record, see [`crate::encoding`] |

use bytes::Bytes;
use loggr_event::Timestamp;
use loggr_flow::{Batch, BatchBuilder, Reason, Record};

use super::{MAX_REASON_BYTES, RescueError, RescueId, Rescued};
use crate::encoding::{DecodeError, Decoder, Encoder};

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 20;

pub(super) fn encode(encoder: &mut Encoder, record: &Record<'_>, reason: &Reason, now: i64) -> Vec<u8> {
    let mut one = BatchBuilder::default();
    one.push_record(record);
    let batch = one.finish().expect("BUG: one record was pushed");
    let text = reason.text.get(..reason.text.floor_char_boundary(MAX_REASON_BYTES)).unwrap_or_default();
    let mut out = vec![VERSION, 0, 0, 0];
    out.extend_from_slice(&reason.attempts.to_le_bytes());
    out.extend_from_slice(&now.to_le_bytes());
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    for chunk in batch.chunks() {
        let encoded =
            encoder.encode(chunk).expect("BUG: one record of a batch is within the limits of a chunk");
        out.extend_from_slice(&encoded.head);
        out.extend_from_slice(&encoded.records);
    }
    out
}

/// The chunk behind the reason.
pub(super) fn chunk_bytes(value: &[u8]) -> Option<&[u8]> {
    let fixed = value.first_chunk::<FIXED_BYTES>()?;
    let reason = u32::from_le_bytes([fixed[16], fixed[17], fixed[18], fixed[19]]) as usize;
    value.get(FIXED_BYTES.checked_add(reason)?..)
}

pub(super) fn decode(id: RescueId, value: &[u8]) -> Result<Rescued, RescueError> {
    let bad = |what| RescueError::Entry(id, DecodeError::Header(what));
    let (Some(fixed), Some(chunk)) = (value.first_chunk::<FIXED_BYTES>(), chunk_bytes(value)) else {
        return Err(bad("the entry is cut off"));
    };
    if fixed[0] != VERSION {
        return Err(RescueError::Entry(id, DecodeError::Version(fixed[0])));
    }
    let [_, _, _, _, a, b, c, d, t @ ..] = fixed;
    let attempts = u32::from_le_bytes([*a, *b, *c, *d]);
    let micros = i64::from_le_bytes(t.first_chunk::<8>().copied().unwrap_or_default());
    let reason = value.get(FIXED_BYTES..value.len() - chunk.len()).unwrap_or_default();
    let chunk =
        Decoder::default().decode(&Bytes::copy_from_slice(chunk)).map_err(|e| RescueError::Entry(id, e))?;
    Ok(Rescued {
        id,
        time: Timestamp::from_unix_micros(micros),
        attempts,
        reason: String::from_utf8_lossy(reason).into_owned(),
        batch: Batch::new(vec![chunk]).ok_or_else(|| bad("no record"))?,
    })
}
