//! A set of rows of one row group, as sorted ranges that neither touch nor overlap.

/// Rows `start..end` each, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    ranges: Vec<(u32, u32)>,
}

impl Selection {
    /// Rows `0..rows`.
    pub(crate) fn all(rows: u32) -> Selection {
        Selection { ranges: if rows == 0 { Vec::new() } else { vec![(0, rows)] } }
    }

    pub(crate) fn none() -> Selection {
        Selection::default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.iter().map(|(a, b)| (b - a) as usize).sum()
    }

    pub(crate) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(a, b)| *a..*b)
    }

    /// Appends rows behind all that are there; joins what touches.
    pub(crate) fn push(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.1 >= start => last.1 = last.1.max(end),
            _ => self.ranges.push((start, end)),
        }
    }

    /// From ascending rows.
    pub(crate) fn from_rows(rows: impl IntoIterator<Item = u32>) -> Selection {
        let mut out = Selection::none();
        for row in rows {
            out.push(row, row + 1);
        }
        out
    }

    pub(crate) fn intersect(&self, other: &Selection) -> Selection {
        let mut out = Selection::none();
        let (mut a, mut b) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            out.push(x.0.max(y.0), x.1.min(y.1));
            if x.1 < y.1 {
                a.next();
            } else {
                b.next();
            }
        }
        out
    }

    pub(crate) fn union(&self, other: &Selection) -> Selection {
        let mut all: Vec<(u32, u32)> = self.ranges.iter().chain(&other.ranges).copied().collect();
        all.sort_unstable();
        let mut out = Selection::none();
        for (start, end) in all {
            out.push(start, end);
        }
        out
    }

    /// The rows of `self` that are not in `other`.
    pub(crate) fn minus(&self, other: &Selection) -> Selection {
        let mut out = Selection::none();
        let mut cuts = other.ranges.iter().peekable();
        for (start, end) in &self.ranges {
            let mut at = *start;
            while let Some((a, b)) = cuts.peek() {
                if *b <= at {
                    cuts.next();
                } else if *a >= *end {
                    break;
                } else {
                    out.push(at, *a);
                    at = *b;
                    if *b >= *end {
                        break;
                    }
                    cuts.next();
                }
            }
            out.push(at, *end);
        }
        out
    }

    /// Joins ranges with fewer than `gap` rows between them: fewer, longer reads.
    pub(crate) fn coarsen(&self, gap: u32) -> Selection {
        let mut out = Selection::none();
        for (start, end) in &self.ranges {
            match out.ranges.last_mut() {
                Some(last) if *start - last.1 < gap => last.1 = *end,
                _ => out.ranges.push((*start, *end)),
            }
        }
        out
    }

    /// Calls `each` for the ranges of `self` with where the first row of each lies among the rows of
    /// `wider`, which holds them all: place, first row, number of rows.
    pub(crate) fn each_range_in(&self, wider: &Selection, mut each: impl FnMut(u32, u32, u32)) {
        let mut before = 0;
        let mut wide = wider.ranges.iter().peekable();
        for (start, end) in &self.ranges {
            while let Some((a, b)) = wide.peek().filter(|(_, b)| b <= start) {
                before += b - a;
                wide.next();
            }
            let Some((a, _)) = wide.peek() else { return };
            each(start - a + before, *start, end - start);
        }
    }

    /// For each row of `self` its position among the rows of `wider`, which holds them all.
    pub(crate) fn positions_in(&self, wider: &Selection) -> Vec<u32> {
        let mut out = Vec::with_capacity(self.len());
        self.each_range_in(wider, |place, _, length| out.extend(place..place + length));
        out
    }

    pub(crate) fn contains_all(&self, other: &Selection) -> bool {
        other.minus(self).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(bits: u64) -> Selection {
        Selection::from_rows((0..64).filter(|i| bits >> i & 1 == 1))
    }

    fn bits(selection: &Selection) -> u64 {
        selection.rows().fold(0, |all, row| all | 1 << row)
    }

    proptest! {
        #[test]
        fn behaves_like_a_set_of_rows(a: u64, b: u64, c: u64) {
            let (a, b) = (a & c, b & c.rotate_left(7));
            prop_assert_eq!(bits(&rows(a)), a);
            prop_assert_eq!(bits(&rows(a).intersect(&rows(b))), a & b);
            prop_assert_eq!(bits(&rows(a).union(&rows(b))), a | b);
            prop_assert_eq!(bits(&rows(a).minus(&rows(b))), a & !b);
            prop_assert_eq!(rows(a).contains_all(&rows(b)), b & !a == 0);
            prop_assert_eq!(rows(a).len() as u32, a.count_ones());
            let coarse = rows(a).coarsen(4);
            prop_assert!(coarse.contains_all(&rows(a)));
            let wide: Vec<u32> = coarse.rows().collect();
            let found: Vec<u32> = rows(a).positions_in(&coarse).iter().map(|p| wide[*p as usize]).collect();
            prop_assert_eq!(found, rows(a).rows().collect::<Vec<_>>());
        }
    }
}
