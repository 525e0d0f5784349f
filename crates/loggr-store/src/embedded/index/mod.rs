//! The index of one row group: what it cannot hold, answered without reading a column.
//!
//! It is built once, when the row group is written, and lies in the data file
//! behind the rows. Invariant: an index may say *perhaps* too often, never *no* wrongly.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | rows |
//! | 8, 8 | lowest and highest timegenerated, microseconds |
//! | 8 | bytes of text in the rows |
//! | 8 | mask of the columns, by position, that hold anything but nulls |
//! | 4 × 8 | where each section begins, and the end; one less in files without shapes |
//! | … | runs, histogram, words of the message, words of the custom fields, uids, census, shapes |

pub(crate) mod bloom;
pub(crate) mod bytes;
pub(crate) mod census;
pub(crate) mod histogram;
pub(crate) mod runs;
pub(crate) mod shapes;
pub(crate) mod uids;
pub(crate) mod words;

use std::io::Write as _;
use std::net::Ipv4Addr;

use arrow_array::{
    Array, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
    UInt8Array, UInt32Array, UInt64Array,
};

use crate::StoreError;
use crate::embedded::rows::{TextColumn, Uids, column, ip_text, sixteen};
use crate::embedded::schema::{Census, FieldCensus, FieldColumn, FieldColumns, core};
use crate::embedded::selection::Selection;
use crate::hash::{FastMap, FastSet, NameMap};
use crate::looks::{FieldKind, Looks, MAX_CENSUS_NAMES};
use bytes::{Cursor, put_i64, put_u32, put_u64, u32_at};
use words::{Words, WordsBuilder};

const SECTIONS: usize = 7;
/// Bytes before the places of the sections.
const HEAD: usize = 4 + 8 + 8 + 8 + 8;
const HEADER: usize = HEAD + 4 * (SECTIONS + 1);
/// Blocks of rows that a mask of words distinguishes.
pub(crate) const BLOCKS: u32 = 64;

/// Appends the index of a row group that holds the rows of `batch` in this order; `looks` is what
/// is known of the values of the custom fields with columns.
pub(crate) fn write(
    out: &mut Vec<u8>,
    batch: &RecordBatch,
    columns: &FieldColumns,
    looks: &Census,
) -> Result<(), StoreError> {
    let rows = batch.num_rows();
    let block_rows = (rows as u32).div_ceil(BLOCKS).max(1);
    let times = column::<TimestampMicrosecondArray>(&**batch.column(core::TIME))?.values();
    let severities = column::<UInt8Array>(&**batch.column(core::SEVERITY))?.values();
    let message = TextColumn::new(&**batch.column(core::MESSAGE))?;
    let rest = TextColumn::new(&**batch.column(core::REST))?;

    let start = out.len();
    out.resize(start + HEADER, 0);
    let mut offsets = Vec::with_capacity(SECTIONS + 1);
    let mut begin = |out: &mut Vec<u8>| offsets.push((out.len() - start) as u32);

    begin(out);
    let (apps, sources) =
        (TextColumn::new(&**batch.column(core::APP_NAME))?, TextColumn::new(&**batch.column(core::SOURCE))?);
    runs::write(out, rows, &apps, &sources);
    begin(out);
    histogram::write(out, times, severities);

    begin(out);
    let mut text_bytes = 0u64;
    let mut words = WordsBuilder::new();
    for row in 0..rows {
        let text = message.get(row).unwrap_or_default().as_bytes();
        text_bytes += text.len() as u64;
        words.add(text, row as u32 / block_rows);
    }
    words.write(out, rows);

    begin(out);
    let mut words = WordsBuilder::new();
    let mut census = CensusOfRows::default();
    for (i, field) in columns.columns.iter().enumerate() {
        let array = &**batch.column(core::FIELDS + i);
        let single = (array.len() - array.null_count()) as u32;
        if single > 0 {
            census.add_column(field, looks, single, blocks_of(array, block_rows));
            add_field(&mut words, array, field.kind, block_rows)?;
        }
    }
    for row in 0..rows {
        let Some(json) = rest.get(row) else { continue };
        text_bytes += json.len() as u64;
        let document = crate::rest::parse(json);
        document.each_text(|text| words.add(text.as_bytes(), row as u32 / block_rows));
        document
            .each_named(|name, value, single| census.add_value(name, value, single, row as u32 / block_rows));
    }
    words.write(out, rows);

    begin(out);
    uids::write(out, Uids::of(batch)?.iter());
    begin(out);
    census::write(out, &census.census);
    begin(out);
    let shapes = column::<UInt64Array>(&**batch.column(columns.shape_position()))?;
    shapes::write(out, shapes.values());
    begin(out);

    let mut header = Vec::with_capacity(HEADER);
    put_u32(&mut header, rows as u32);
    put_i64(&mut header, times.iter().min().copied().unwrap_or(0));
    put_i64(&mut header, times.iter().max().copied().unwrap_or(0));
    put_u64(&mut header, text_bytes);
    put_u64(&mut header, present(batch));
    for offset in offsets {
        put_u32(&mut header, offset);
    }
    if let Some(place) = out.get_mut(start..start + HEADER) {
        place.copy_from_slice(&header);
    }
    Ok(())
}

/// The mask of the columns that hold something.
fn present(batch: &RecordBatch) -> u64 {
    let held = |(i, array): (usize, &arrow_array::ArrayRef)| u64::from(array.null_count() < array.len()) << i;
    batch.columns().iter().take(64).enumerate().map(held).sum()
}

/// The mask of the blocks in which a column holds something.
fn blocks_of(array: &dyn Array, block_rows: u32) -> u64 {
    let Some(nulls) = array.nulls() else { return !0 };
    let rows = array.len();
    (0..BLOCKS).zip((0..rows).step_by(block_rows as usize)).fold(0, |mask, (block, start)| {
        let length = (block_rows as usize).min(rows - start);
        mask | u64::from(nulls.slice(start, length).null_count() < length) << block
    })
}

/// Counts the names of one row group while its words are collected.
#[derive(Default)]
struct CensusOfRows {
    census: Census,
    ids: NameMap<usize>,
}

impl CensusOfRows {
    fn entry(&mut self, name: &str) -> Option<&mut FieldCensus> {
        let id = match self.ids.get(name) {
            Some(id) => *id,
            None if self.ids.len() >= MAX_CENSUS_NAMES => {
                self.census.incomplete = true;
                return None;
            }
            None => {
                let id = self.census.fields.len();
                self.ids.insert(name.to_owned(), id);
                self.census.fields.push(FieldCensus {
                    name: name.to_owned(),
                    looks: Looks::default(),
                    single: 0,
                    in_rest: 0,
                    blocks: 0,
                });
                id
            }
        };
        self.census.fields.get_mut(id)
    }

    fn add_column(&mut self, column: &FieldColumn, looks: &Census, single: u32, blocks: u64) {
        let looks =
            looks.fields.iter().find(|f| f.name == column.name).map_or(Looks(Looks::TEXT), |f| f.looks);
        if let Some(entry) = self.entry(&column.name) {
            entry.looks.0 |= looks.0;
            entry.single += single;
            entry.blocks |= blocks;
        }
    }

    fn add_value(&mut self, name: &str, value: &str, single: bool, block: u32) {
        if let Some(entry) = self.entry(name) {
            entry.in_rest += 1;
            entry.blocks |= 1 << block;
            entry.single += u32::from(single);
            entry.looks.0 |= if single { Looks::of(value) } else { Looks::ELSEWHERE };
        }
    }
}

/// Adds the tokens of the column of a custom field, each distinct value as seldom as possible.
fn add_field(
    words: &mut WordsBuilder,
    array: &dyn Array,
    kind: FieldKind,
    block_rows: u32,
) -> Result<(), StoreError> {
    let mut text = Vec::new();
    let mut print = |words: &mut WordsBuilder, value: &dyn std::fmt::Display, block: u32| {
        text.clear();
        write!(text, "{value}").expect("BUG: writing to memory failed");
        words.add(&text, block);
    };
    let valid = |row: &usize| array.is_valid(*row);
    let block = |row: usize| row as u32 / block_rows;
    match kind {
        // Tokens of digits alone go to the filter, which knows no blocks: once is enough.
        FieldKind::Integer => {
            let (numbers, mut seen) = (column::<Int64Array>(array)?, FastSet::default());
            for row in (0..array.len()).filter(valid) {
                if seen.insert(numbers.value(row)) {
                    print(words, &numbers.value(row), 0);
                }
            }
        }
        FieldKind::Float => {
            let (numbers, mut seen) = (column::<Float64Array>(array)?, FastSet::default());
            for row in (0..array.len()).filter(valid) {
                if seen.insert(numbers.value(row).to_bits()) {
                    print(words, &numbers.value(row), 0);
                }
            }
        }
        FieldKind::Ip4 => {
            let (addresses, mut seen) = (column::<UInt32Array>(array)?, [false; 256]);
            for row in (0..array.len()).filter(valid) {
                for octet in Ipv4Addr::from(addresses.value(row)).octets() {
                    if let Some(seen) = seen.get_mut(usize::from(octet)) {
                        *seen = true;
                    }
                }
            }
            for (octet, _) in seen.iter().enumerate().filter(|(_, seen)| **seen) {
                print(words, &octet, 0);
            }
        }
        FieldKind::Ip => {
            let addresses: &FixedSizeBinaryArray = column(array)?;
            let mut seen: FastMap<[u8; 16], u64> = FastMap::default();
            for row in (0..array.len()).filter(valid) {
                let address = sixteen(addresses.value(row));
                let blocks = seen.entry(address).or_default();
                if *blocks >> block(row) & 1 == 0 {
                    *blocks |= 1 << block(row);
                    print(words, &ip_text(address), block(row));
                }
            }
        }
        FieldKind::Word => {
            let TextColumn::Dictionary(keys, values) = TextColumn::new(array)? else { return Ok(()) };
            let mut seen = vec![0u64; values.len()];
            for row in 0..array.len() {
                let Some(key) = keys.key(row) else { continue };
                let Some(blocks) = seen.get_mut(key) else { continue };
                if *blocks >> block(row) & 1 == 0 {
                    *blocks |= 1 << block(row);
                    words.add(values.value(key).as_bytes(), block(row));
                }
            }
        }
        FieldKind::Text => {
            let texts = TextColumn::new(array)?;
            for row in 0..array.len() {
                if let Some(value) = texts.get(row) {
                    words.add(value.as_bytes(), block(row));
                }
            }
        }
    }
    Ok(())
}

/// The index of one row group as it lies in the file.
#[derive(Clone)]
pub(crate) struct RowGroupIndex<'b> {
    bytes: &'b [u8],
    pub(crate) rows: u32,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) text_bytes: u64,
    present: u64,
}

impl<'b> RowGroupIndex<'b> {
    /// `None` where the bytes are no index.
    pub(crate) fn new(bytes: &'b [u8]) -> Option<RowGroupIndex<'b>> {
        let mut cursor = Cursor::new(bytes);
        let index = RowGroupIndex {
            bytes,
            rows: cursor.u32()?,
            min_time: cursor.i64()?,
            max_time: cursor.i64()?,
            text_bytes: cursor.u64()?,
            present: cursor.u64()?,
        };
        cursor.take(4 * SECTIONS)?;
        Some(index)
    }

    /// False where the column holds nothing but nulls.
    pub(crate) fn has_values(&self, column: usize) -> bool {
        column >= 64 || self.present >> column & 1 == 1
    }

    fn section(&self, number: usize) -> &'b [u8] {
        let offset = |i: usize| u32_at(self.bytes, HEAD + 4 * i) as usize;
        // The first section begins where the places end.
        if HEAD + 4 * (number + 1) >= offset(0) {
            return &[];
        }
        self.bytes.get(offset(number)..offset(number + 1)).unwrap_or_default()
    }

    pub(crate) fn runs(&self) -> Option<runs::Runs<'b>> {
        runs::Runs::new(self.section(0))
    }

    pub(crate) fn histogram(&self) -> Option<Vec<(i64, u8, u32)>> {
        histogram::read(self.section(1))
    }

    pub(crate) fn message_words(&self) -> Option<Words<'b>> {
        Words::new(self.section(2))
    }

    pub(crate) fn field_words(&self) -> Option<Words<'b>> {
        Words::new(self.section(3))
    }

    pub(crate) fn uids(&self) -> Option<uids::UidFilter<'b>> {
        uids::UidFilter::new(self.section(4))
    }

    pub(crate) fn census(&self) -> Option<Census> {
        census::read(self.section(5))
    }

    /// The shapes of the rows; `None` where they are not listed.
    pub(crate) fn shapes(&self) -> Option<shapes::Shapes<'b>> {
        shapes::Shapes::new(self.section(6))
    }

    /// The rows of a mask of blocks.
    pub(crate) fn rows_of_blocks(&self, mask: u64) -> Selection {
        if mask == !0 {
            return Selection::all(self.rows);
        }
        let block_rows = self.rows.div_ceil(BLOCKS).max(1);
        let mut out = Selection::none();
        for block in (0..BLOCKS).filter(|b| mask >> b & 1 == 1) {
            out.push((block * block_rows).min(self.rows), ((block + 1) * block_rows).min(self.rows));
        }
        out
    }
}
