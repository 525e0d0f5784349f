//! The columns of a data file: the core ones, and the custom fields that got a column of their own.
//!
//! Custom fields are open ended. A census over the events decides, file by file, which names
//! become columns (the most frequent ones, [`MAX_FIELD_COLUMNS`] of them) and of which type:
//! a type other than text only where *every* value of the file reads back as the same text
//! (`007` stays text). Everything else stands in the JSON column `rest`.
//! The layout is described for strangers in `docs/format/store.md`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use loggr_event::Event;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::hash::NameMap;
use crate::looks::{FieldKind, Looks, MAX_CENSUS_NAMES, MAX_COLUMN_NAME_BYTES};

/// Custom fields that get a column of their own in one file.
pub const MAX_FIELD_COLUMNS: usize = 32;
/// Values looked at to decide whether a text column has few distinct values.
const CARDINALITY_SAMPLE: usize = 256;
/// Rows to a page of the message column: the unit of decompression when single rows are fetched.
const MESSAGE_PAGE_ROWS: usize = 2048;
/// Rows to a page of every other column.
const PAGE_ROWS: usize = 4096;

/// The column of shapes: no part of the event, made of the message.
pub(crate) const SHAPE: &str = "shape";
/// Prefix of the column of a custom field.
pub(crate) const FIELD_PREFIX: &str = "fields.";

/// Positions of the core columns.
pub(crate) mod core {
    pub(crate) const TIME: usize = 0;
    pub(crate) const TIMEREPORTED: usize = 1;
    pub(crate) const REPORTED_OFFSET: usize = 2;
    pub(crate) const SEVERITY: usize = 3;
    pub(crate) const FACILITY: usize = 4;
    pub(crate) const APP_NAME: usize = 5;
    pub(crate) const SOURCE: usize = 6;
    pub(crate) const PROCID: usize = 7;
    pub(crate) const MSGID: usize = 8;
    pub(crate) const MESSAGE: usize = 9;
    pub(crate) const TAGS: usize = 10;
    pub(crate) const ORIGIN: usize = 11;
    pub(crate) const FIELD_ORDER: usize = 12;
    pub(crate) const REST: usize = 13;
    pub(crate) const UID_HIGH: usize = 14;
    pub(crate) const UID_LOW: usize = 15;
    /// The columns of custom fields follow.
    pub(crate) const FIELDS: usize = 16;
}

/// What is known of one name in one row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldCensus {
    pub(crate) name: String,
    pub(crate) looks: Looks,
    /// Rows that carry the name as a custom field with one value.
    pub(crate) single: u32,
    /// Values of the name that stand in `rest`.
    pub(crate) in_rest: u32,
    /// The blocks of rows that carry it.
    pub(crate) blocks: u64,
}

/// The names of custom fields in a set of events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) fields: Vec<FieldCensus>,
    /// Names were left out.
    pub(crate) incomplete: bool,
}

impl Census {
    pub(crate) fn of<'e, 'a: 'e>(events: impl Iterator<Item = &'e Event<'a>>) -> Census {
        let mut census = Census::default();
        let mut ids: NameMap<usize> = NameMap::default();
        let mut samples: Vec<(u32, HashSet<u64>)> = Vec::new();
        // The event before usually had the same names, in the same order.
        let mut last: Vec<usize> = Vec::new();
        for event in events {
            for (place, field) in event.fields.iter().enumerate() {
                let guess = last.get(place).and_then(|id| census.fields.get(*id).map(|f| (*id, f)));
                let guess = guess.filter(|(_, f)| f.name == field.name).map(|(id, _)| id);
                let id = match guess.or_else(|| ids.get(&*field.name).copied()) {
                    Some(id) => id,
                    None if census.fields.len() >= MAX_CENSUS_NAMES => {
                        census.incomplete = true;
                        continue;
                    }
                    None => {
                        let id = census.fields.len();
                        ids.insert(field.name.to_string(), id);
                        samples.push((0, HashSet::new()));
                        census.fields.push(FieldCensus {
                            name: field.name.to_string(),
                            looks: Looks::default(),
                            single: 0,
                            in_rest: 0,
                            blocks: !0,
                        });
                        id
                    }
                };
                match last.get_mut(place) {
                    Some(slot) => *slot = id,
                    None => last.push(id),
                }
                let (Some(entry), Some(sample)) = (census.fields.get_mut(id), samples.get_mut(id)) else {
                    continue;
                };
                let [value] = &field.values[..] else { continue };
                entry.single += 1;
                if entry.looks.0 & Looks::TEXT == 0 {
                    entry.looks.0 |= Looks::of(value);
                }
                if (sample.0 as usize) < CARDINALITY_SAMPLE {
                    sample.0 += 1;
                    sample.1.insert(xxhash_rust::xxh3::xxh3_64(value.as_bytes()));
                    if sample.1.len() > CARDINALITY_SAMPLE / 2 {
                        entry.looks.0 |= Looks::MANY;
                    }
                }
            }
        }
        census
    }

    /// Adds what another row group knows.
    pub(crate) fn merge(&mut self, other: &Census) {
        self.incomplete |= other.incomplete;
        for field in &other.fields {
            let full = self.fields.len() >= MAX_CENSUS_NAMES;
            match self.fields.iter_mut().find(|f| f.name == field.name) {
                Some(mine) => {
                    mine.looks.0 |= field.looks.0;
                    mine.single += field.single;
                    mine.in_rest += field.in_rest;
                    mine.blocks |= field.blocks;
                }
                None if full => self.incomplete = true,
                None => self.fields.push(field.clone()),
            }
        }
    }

    /// The names that get a column, in the order given by `rank`.
    pub(crate) fn choose_columns(&self, rank: impl Fn(&str) -> usize) -> FieldColumns {
        let mut chosen: Vec<&FieldCensus> =
            self.fields.iter().filter(|f| f.single > 0 && f.name.len() <= MAX_COLUMN_NAME_BYTES).collect();
        chosen.sort_by(|a, b| b.single.cmp(&a.single).then(a.name.cmp(&b.name)));
        chosen.truncate(MAX_FIELD_COLUMNS);
        chosen.sort_by(|a, b| rank(&a.name).cmp(&rank(&b.name)).then(a.name.cmp(&b.name)));
        FieldColumns {
            columns: chosen
                .iter()
                .map(|f| FieldColumn {
                    name: f.name.clone(),
                    kind: f.looks.kind(),
                    many: f.looks.0 & Looks::MANY != 0,
                })
                .collect(),
        }
    }
}

/// One custom field with a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldColumn {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) many: bool,
}

/// The custom fields with columns, in column order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldColumns {
    pub(crate) columns: Vec<FieldColumn>,
}

impl FieldColumns {
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The custom fields with columns of a file with this schema.
    pub(crate) fn of_schema(schema: &Schema) -> Option<FieldColumns> {
        let kind = |data: &DataType| {
            Some(match data {
                DataType::Int64 => FieldKind::Integer,
                DataType::Float64 => FieldKind::Float,
                DataType::UInt32 => FieldKind::Ip4,
                DataType::FixedSizeBinary(16) => FieldKind::Ip,
                DataType::Dictionary(..) => FieldKind::Word,
                DataType::Utf8 => FieldKind::Text,
                _ => return None,
            })
        };
        let fields = schema.fields().iter().skip(core::FIELDS).filter(|field| field.name() != SHAPE);
        let columns = fields.map(|field| {
            let name = field.name().strip_prefix(FIELD_PREFIX)?.to_owned();
            Some(FieldColumn { name, kind: kind(field.data_type())?, many: false })
        });
        Some(FieldColumns { columns: columns.collect::<Option<_>>()? })
    }

    /// Where the column of shapes stands, in files that have it: behind all others.
    pub(crate) fn shape_position(&self) -> usize {
        core::FIELDS + self.columns.len()
    }

    /// The Arrow schema of a file with these columns: that of the events, and the shapes.
    pub(crate) fn stored(&self) -> SchemaRef {
        let mut fields: Vec<_> = self.arrow().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(SHAPE, DataType::UInt64, false)));
        Arc::new(Schema::new(fields))
    }

    /// The Arrow schema of events with these columns.
    pub(crate) fn arrow(&self) -> SchemaRef {
        let dictionary = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = vec![
            Field::new("timegenerated", time(), false),
            Field::new("timereported", time(), true),
            Field::new("timereported_offset", DataType::Int16, true),
            Field::new("severity", DataType::UInt8, false),
            Field::new("facility", DataType::UInt8, false),
            Field::new("app_name", dictionary(), false),
            Field::new("source", dictionary(), false),
            Field::new("procid", DataType::Utf8, true),
            Field::new("msgid", dictionary(), true),
            Field::new("message", DataType::Utf8, false),
            Field::new("tags", dictionary(), true),
            Field::new("origin", dictionary(), true),
            Field::new("field_order", dictionary(), true),
            Field::new("rest", DataType::Utf8, true),
            Field::new("uid_high", DataType::UInt64, false),
            Field::new("uid_low", DataType::UInt64, false),
        ];
        for column in &self.columns {
            let kind = match column.kind {
                FieldKind::Integer => DataType::Int64,
                FieldKind::Float => DataType::Float64,
                FieldKind::Ip4 => DataType::UInt32,
                FieldKind::Ip => DataType::FixedSizeBinary(16),
                FieldKind::Word => dictionary(),
                FieldKind::Text => DataType::Utf8,
            };
            fields.push(Field::new(format!("{FIELD_PREFIX}{}", column.name), kind, true));
        }
        Arc::new(Schema::new(fields))
    }

    /// How the columns are encoded; `level` is zstd's.
    pub(crate) fn properties(&self, level: i32) -> Result<WriterProperties, parquet::errors::ParquetError> {
        let mut builder = WriterProperties::builder()
            .set_created_by("loggr".to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_column_statistics_enabled("timegenerated".into(), EnabledStatistics::Chunk)
            .set_max_row_group_row_count(None)
            .set_write_batch_size(1024)
            .set_data_page_size_limit(8 << 20)
            .set_dictionary_page_size_limit(4 << 20)
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_column_data_page_row_count_limit("message".into(), MESSAGE_PAGE_ROWS)
            .set_column_data_page_size_limit("message".into(), 1 << 20)
            .set_column_dictionary_enabled("message".into(), false)
            .set_column_dictionary_enabled("procid".into(), false)
            .set_column_dictionary_enabled("rest".into(), false);
        for half in ["uid_high", "uid_low"] {
            builder = builder
                .set_column_dictionary_enabled(half.into(), false)
                .set_column_encoding(half.into(), Encoding::BYTE_STREAM_SPLIT);
        }
        for time in ["timegenerated", "timereported"] {
            builder = builder
                .set_column_dictionary_enabled(time.into(), false)
                .set_column_encoding(time.into(), Encoding::DELTA_BINARY_PACKED);
        }
        for column in &self.columns {
            let path = ColumnPath::from(format!("{FIELD_PREFIX}{}", column.name));
            match column.kind {
                FieldKind::Integer if column.many => {
                    builder = builder
                        .set_column_dictionary_enabled(path.clone(), false)
                        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
                }
                FieldKind::Float if column.many => {
                    builder = builder
                        .set_column_dictionary_enabled(path.clone(), false)
                        .set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT);
                }
                FieldKind::Text => builder = builder.set_column_dictionary_enabled(path, false),
                _ => {}
            }
        }
        Ok(builder.build())
    }
}

/// The order in which custom fields appear in events, learned by one process.
///
/// Columns stand in this order in every file, so that few events need a column of their own
/// (`field_order`) to say how their fields were ordered. It only ever grows: two files of one
/// process never disagree about two names.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldOrder {
    names: Vec<String>,
    ranks: NameMap<usize>,
}

impl FieldOrder {
    /// Takes in one sequence of names: a new one stands behind the one before it.
    pub(crate) fn learn<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        let mut place = 0;
        for name in names {
            match self.ranks.get(name) {
                Some(rank) => place = rank + 1,
                None if self.names.len() >= MAX_CENSUS_NAMES => return,
                None => {
                    self.names.insert(place, name.to_owned());
                    self.ranks = self.names.iter().enumerate().map(|(i, n)| (n.clone(), i)).collect();
                    place += 1;
                }
            }
        }
    }

    /// Are all names of the census known?
    pub(crate) fn knows(&self, census: &Census) -> bool {
        census.fields.iter().all(|f| self.ranks.contains_key(&f.name))
    }

    pub(crate) fn rank(&self, name: &str) -> usize {
        self.ranks.get(name).copied().unwrap_or(usize::MAX)
    }
}
