//! Looking for text in a column: one pass over the folded bytes of all its values.

use arrow_array::{Array, StringArray};

use super::group::{Column, Group};
use crate::StoreError;
use crate::embedded::rows::TextColumn;
use crate::embedded::schema::core;
use crate::embedded::selection::Selection;
use crate::query::Test;
use crate::tokens::Finder;

/// One pass over the whole buffer pays while the rows asked for are at least this share of it.
const SHARE_FOR_ONE_PASS: usize = 4;

/// The rows among `rows` whose text in a column without a dictionary holds what the finder looks for.
pub(crate) fn text(
    group: &Group<'_>,
    position: usize,
    rows: &Selection,
    finder: &Finder,
) -> Result<Selection, StoreError> {
    let read = group.column(position, rows)?;
    let TextColumn::Plain(texts) = TextColumn::new(&*read.array)? else { return Ok(Selection::none()) };
    let folded = read.folded();
    match finder.single() {
        Some(needle) if rows.len() * SHARE_FOR_ONE_PASS >= read.rows.len() && !needle.needle().is_empty() => {
            let mut hits = Selection::none();
            one_pass(
                texts,
                folded,
                needle,
                |value, at| finder.fits(value, at),
                |row| hits.push(row, row + 1),
            );
            Ok(rows_of(&read, &hits).intersect(rows))
        }
        _ => Ok(each(rows, &read, texts, |range| finder.is_match(folded.get(range).unwrap_or_default()))),
    }
}

/// Calls `hit` with each value, by its place in the array, that holds the needle where it fits.
fn one_pass(
    texts: &StringArray,
    folded: &[u8],
    needle: &memchr::memmem::Finder<'_>,
    fits: impl Fn(&[u8], usize) -> bool,
    mut hit: impl FnMut(u32),
) {
    let offsets = texts.value_offsets();
    let last = offsets.last().map_or(0, |o| *o as usize);
    let folded = folded.get(..last).unwrap_or_default();
    let length = needle.needle().len();
    let mut at = offsets.first().map_or(0, |o| *o as usize);
    let mut row = 0;
    while let Some(found) = folded.get(at..).and_then(|rest| needle.find(rest)) {
        let found = at + found;
        // The value that holds the first byte of what was found.
        let ends = offsets.get(row + 1..).unwrap_or_default();
        row += gallop(ends, found);
        let (Some(start), Some(end)) = (offsets.get(row), offsets.get(row + 1)) else { break };
        let (start, end) = (*start as usize, *end as usize);
        let value = folded.get(start..end).unwrap_or_default();
        if found + length <= end && fits(value, found - start) {
            if texts.is_valid(row) {
                hit(row as u32);
            }
            at = end;
        } else {
            at = found + 1;
        }
    }
}

/// How many of the ascending ends are not behind `place`; the answer is small as a rule.
fn gallop(ends: &[i32], place: usize) -> usize {
    let mut step = 1;
    while ends.get(step - 1).is_some_and(|end| *end as usize <= place) {
        step *= 2;
    }
    let low = step / 2;
    let window = ends.get(low..step.min(ends.len())).unwrap_or_default();
    low + window.partition_point(|end| *end as usize <= place)
}

/// Places in a column's array as rows of the row group.
fn rows_of(read: &Column, places: &Selection) -> Selection {
    let mut out = Selection::none();
    let mut ranges = read.rows.ranges().iter();
    let (mut before, mut current) = (0, ranges.next().copied());
    for (start, end) in places.ranges() {
        let mut at = *start;
        while at < *end {
            let Some((a, b)) = current else { return out };
            let length = b - a;
            if at >= before + length {
                before += length;
                current = ranges.next().copied();
                continue;
            }
            let until = (*end).min(before + length);
            out.push(a + at - before, a + until - before);
            at = until;
        }
    }
    out
}

fn each(
    rows: &Selection,
    read: &Column,
    texts: &StringArray,
    mut hit: impl FnMut(std::ops::Range<usize>) -> bool,
) -> Selection {
    let offsets = texts.value_offsets();
    let mut out = Selection::none();
    for (at, row) in rows.positions_in(&read.rows).into_iter().zip(rows.rows()) {
        let at = at as usize;
        if let (Some(start), Some(end)) = (offsets.get(at), offsets.get(at + 1))
            && texts.is_valid(at)
            && hit(*start as usize..*end as usize)
        {
            out.push(row, row + 1);
        }
    }
    out
}

/// The rows among `rows` whose message passes a test that is not running text.
pub(crate) fn message_test(
    group: &Group<'_>,
    rows: &Selection,
    test: &Test,
) -> Result<Selection, StoreError> {
    let read = group.column(core::MESSAGE, rows)?;
    let TextColumn::Plain(texts) = TextColumn::new(&*read.array)? else { return Ok(Selection::none()) };
    let raw = texts.value_data();
    match test {
        Test::Regex(pattern) => {
            let is_match = |range| pattern.regex().is_match(raw.get(range).unwrap_or_default());
            let literal = pattern.required().iter().max_by_key(|l| l.len());
            let Some(literal) = literal else {
                return Ok(each(rows, &read, texts, |range| !range.is_empty() && is_match(range)));
            };
            // Only values that hold the longest literal are worth asking.
            let needle = memchr::memmem::Finder::new(literal);
            let mut hits = Selection::none();
            one_pass(texts, read.folded(), &needle, |_, _| true, |row| hits.push(row, row + 1));
            let candidates = rows_of(&read, &hits).intersect(rows);
            Ok(each(&candidates, &read, texts, is_match))
        }
        _ => Ok(each(rows, &read, texts, |range| {
            let text = raw.get(range).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default();
            !text.is_empty() && test.passes(text)
        })),
    }
}
