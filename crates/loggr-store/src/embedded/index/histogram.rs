//! Counts of a row group by minute and severity: the histogram over everything reads no column.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | number of counts; 0xffffffff: too many minutes, ask the columns |
//! | 8 | first minute since 1970 |
//! | 8 each | minutes after the first (4), severity (1) over count (3) |

use std::collections::BTreeMap;

use super::bytes::{Cursor, put_i64, put_u32};

/// One minute, in microseconds.
pub(crate) const MINUTE: i64 = 60_000_000;
/// Counts beyond which a row group gets no table.
pub const MAX_HISTOGRAM_COUNTS: usize = 16_384;
const NO_TABLE: u32 = u32::MAX;

/// Writes the counts of the rows; a row group has fewer than 2^24 of them.
pub(crate) fn write(out: &mut Vec<u8>, times: &[i64], severities: &[u8]) {
    let first = times.iter().min().map_or(0, |t| t.div_euclid(MINUTE));
    let mut counts: BTreeMap<(i64, u8), u32> = BTreeMap::new();
    let mut near = vec![[0u32; 8]; 0];
    for (time, severity) in times.iter().zip(severities) {
        let minute = time.div_euclid(MINUTE) - first;
        if minute < 1440 {
            if near.len() <= minute as usize {
                near.resize(minute as usize + 1, [0; 8]);
            }
            if let Some(count) = near.get_mut(minute as usize).and_then(|m| m.get_mut(usize::from(*severity)))
            {
                *count += 1;
            }
        } else {
            *counts.entry((minute, *severity)).or_default() += 1;
        }
    }
    for (minute, row) in near.iter().enumerate() {
        for (severity, count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            counts.insert((minute as i64, severity as u8), *count);
        }
    }
    let last = counts.keys().next_back().map_or(0, |k| k.0);
    if counts.len() > MAX_HISTOGRAM_COUNTS || last > i64::from(u32::MAX) || times.len() >= 1 << 24 {
        return put_u32(out, NO_TABLE);
    }
    put_u32(out, counts.len() as u32);
    put_i64(out, first);
    for ((minute, severity), count) in counts {
        put_u32(out, minute as u32);
        put_u32(out, u32::from(severity) << 24 | count);
    }
}

/// Minute (as microseconds since 1970), severity, count of each; `None` where there is no table.
pub(crate) fn read(bytes: &[u8]) -> Option<Vec<(i64, u8, u32)>> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.u32().filter(|c| *c != NO_TABLE)?;
    let first = cursor.i64()?;
    (0..count)
        .map(|_| {
            let (minute, word) = (cursor.u32()?, cursor.u32()?);
            Some(((first + i64::from(minute)) * MINUTE, (word >> 24) as u8, word & 0xff_ffff))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back() {
        let mut out = Vec::new();
        write(&mut out, &[5 * MINUTE + 1, 5 * MINUTE + 2, 2000 * MINUTE, -1], &[3, 3, 6, 0]);
        let expect = vec![(-MINUTE, 0, 1), (5 * MINUTE, 3, 2), (2000 * MINUTE, 6, 1)];
        assert_eq!(read(&out), Some(expect));
    }
}
