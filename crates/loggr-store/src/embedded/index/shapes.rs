//! The shapes of a row group, with how many rows have each.
//!
//! | bytes | what |
//! |---|---|
//! | 8 + 4 each | shape and rows, by shape |
//!
//! Exact where it is there at all.

use super::bytes::{put_u32, put_u64, u32_at, u64_at};
use crate::hash::FastMap;
use crate::shape::ShapeId;

/// Shapes of one row group that are listed; with more there is no list.
pub const MAX_LISTED_SHAPES: usize = 4096;
const ENTRY: usize = 12;

pub(crate) fn write(out: &mut Vec<u8>, shapes: &[u64]) {
    let mut counts: FastMap<u64, u32> = FastMap::default();
    // Rows stand by program and host: the next one often has the same.
    for run in shapes.chunk_by(|a, b| a == b) {
        let Some(shape) = run.first() else { continue };
        *counts.entry(*shape).or_default() += run.len() as u32;
        if counts.len() > MAX_LISTED_SHAPES {
            return;
        }
    }
    let mut counts: Vec<(u64, u32)> = counts.into_iter().collect();
    counts.sort_unstable();
    for (shape, rows) in counts {
        put_u64(out, shape);
        put_u32(out, rows);
    }
}

/// The list of one row group.
#[derive(Clone, Copy)]
pub(crate) struct Shapes<'b> {
    entries: &'b [u8],
}

impl<'b> Shapes<'b> {
    pub(crate) fn new(entries: &'b [u8]) -> Option<Shapes<'b>> {
        (!entries.is_empty()).then_some(Shapes { entries })
    }

    /// How many rows have the shape.
    pub(crate) fn count(&self, shape: ShapeId) -> u32 {
        let (mut low, mut high) = (0, self.entries.len() / ENTRY);
        while low < high {
            let middle = (low + high) / 2;
            match u64_at(self.entries, middle * ENTRY).cmp(&shape.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return u32_at(self.entries, middle * ENTRY + 8),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shapes: &[u64], expect: &[(u64, u32)]) {
        let mut out = Vec::new();
        write(&mut out, shapes);
        let list = Shapes::new(&out);
        for (shape, rows) in expect {
            assert_eq!(list.map(|l| l.count(ShapeId(*shape))), Some(*rows), "{shape}");
        }
        assert_eq!(list.is_none(), expect.is_empty());
    }

    #[test]
    fn a_row_group_knows_its_shapes() {
        check(&[], &[]);
        check(&[7, 7, 3, 7, u64::MAX], &[(7, 3), (3, 1), (u64::MAX, 1), (8, 0), (0, 0)]);
        check(&(0..=MAX_LISTED_SHAPES as u64).collect::<Vec<_>>(), &[]);
    }
}
