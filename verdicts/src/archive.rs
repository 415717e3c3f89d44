//! The archive of the verdict log: one file a part, sorted by target, so that what was ruled about an hour of clicks
//! is found by the ranges that manifests list.

use std::{fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::{Int64Type, SchemaRef},
    error::ArrowError,
};
use bytes::Bytes;
use clicktrail_log::{
    archive::{
        self,
        entry::{Entry, File},
        keys::VerdictPartKey,
        kind::{Kind, NewFile, PartRange},
        part,
    },
    frame::Digest,
    log::Stream,
    position::Position,
    schema::{LOGGED_AT, POSITION},
    time::Timestamp,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};
use serde::{Deserialize, Serialize};

use crate::schema;

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
const CREATED_BY: &str = "clicktrail verdict part 1";
/// The order of rows, as Parquet's `sorting_columns` states it.
const SORTED_BY: [&str; 2] = ["target", POSITION];

/// A sealed hour of verdicts.
pub type Manifest = archive::Manifest<Part>;

/// The verdict log's kind of archive.
#[derive(Debug, Clone, Copy)]
pub struct Verdicts;

/// What a manifest says of a part of the verdict log. Positions are texts there: `1.42.0` says more than an integer
/// that half the readers of JSON would round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The first frame in it.
    pub first_seq: u64,
    /// The last frame in it.
    pub last_seq: u64,
    /// Its rows.
    pub rows: u64,
    /// The earliest event that it judges.
    #[serde(with = "position_text")]
    pub target_min: Position,
    /// The latest event that it judges.
    #[serde(with = "position_text")]
    pub target_max: Position,
    /// Its one file.
    pub file: File,
}

mod position_text {
    use clicktrail_log::position::Position;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(position)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Entry for Part {
    fn frames(&self) -> (u64, u64) {
        (self.first_seq, self.last_seq)
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn files(&self) -> Vec<&File> {
        vec![&self.file]
    }
}

impl Kind for Verdicts {
    type Part = Part;

    const STREAM: Stream = Stream::Verdicts;
    // Rows with their reasons are wider than clicks, and ranges of targets narrower in smaller parts.
    const PART_ROWS: usize = 1 << 17;

    fn schema() -> SchemaRef {
        schema::verdicts()
    }

    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let last = first.as_i64() + i64::try_from(rows).expect("a frame has at most 65,536 rows");
        let logged = TimestampMicrosecondArray::from_value(logged_at.micros(), rows).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from_iter_values(first.as_i64()..last)), Arc::new(logged)];
        columns.extend(batch.columns().iter().cloned());
        RecordBatch::try_new(schema::read(), columns)
    }

    fn encode(rows: Vec<RecordBatch>, range: PartRange) -> Result<(Part, Vec<NewFile>), ParquetError> {
        let whole = concat_batches(&schema::read(), &rows)?;
        drop(rows);
        let mut order: Vec<(i64, i64, u32)> = {
            let [targets, positions] =
                SORTED_BY.map(|name| whole.column_by_name(name).expect("a column of the read schema"));
            let (targets, positions) = (targets.as_primitive::<Int64Type>(), positions.as_primitive::<Int64Type>());
            let keys = targets.values().iter().zip(positions.values());
            keys.zip(0_u32..).map(|((target, position), row)| (*target, *position, row)).collect()
        };
        order.sort_unstable();
        let target = |key: Option<&(i64, i64, u32)>| {
            let position = key.and_then(|(target, _, _)| Position::from_i64(*target));
            position.ok_or_else(|| ParquetError::General("a target is no position, or there are no rows".into()))
        };
        let (target_min, target_max) = (target(order.first())?, target(order.last())?);
        let indices = UInt32Array::from_iter_values(order.into_iter().map(|(_, _, row)| row));
        let sorted = take_record_batch(&whole, &indices)?;
        drop(whole);
        let bytes = write(&sorted)?;
        let digest = Digest::of(&bytes);
        let path = VerdictPartKey::new(range.hour, range.first, range.last, &digest).path();
        let file = NewFile::new(path, bytes, digest);
        let part = Part {
            first_seq: range.first.get(),
            last_seq: range.last.get(),
            rows: sorted.num_rows() as u64,
            target_min,
            target_max,
            file: file.file.clone(),
        };
        Ok((part, vec![file]))
    }

    fn check(_manifest: &Manifest, part: &Part, files: &[Bytes]) -> Result<(), String> {
        let [file] = files else { return Err(format!("it has {} files, not one", files.len())) };
        let mut found = Found::default();
        for batch in part::read(file.clone(), None).map_err(unreadable)? {
            found.take(&batch.map_err(unreadable)?, part)?;
        }
        found.compare(part)
    }
}

fn unreadable(error: impl fmt::Display) -> String {
    format!("its rows cannot be read: {error}")
}

/// What reading a part back has seen so far.
#[derive(Default)]
struct Found {
    positions: Vec<i64>,
    first: Option<Position>,
    /// Target and position of the last row.
    last: Option<(Position, i64)>,
}

impl Found {
    fn take(&mut self, batch: &RecordBatch, part: &Part) -> Result<(), String> {
        let verdicts = schema::from_batch(batch).map_err(unreadable)?;
        let positions = schema::primitive::<Int64Type>(batch, POSITION).map_err(unreadable)?;
        for (verdict, position) in verdicts.iter().zip(positions.values()) {
            let seq = Position::from_i64(*position).map(|position| position.seq().get());
            if !seq.is_some_and(|seq| (part.first_seq..=part.last_seq).contains(&seq)) {
                return Err(format!(
                    "position {position} lies outside its frames {}..={}",
                    part.first_seq, part.last_seq
                ));
            }
            let key = (verdict.target, *position);
            if self.last.is_some_and(|last| last >= key) {
                return Err(format!("the verdict at position {position} is out of order"));
            }
            self.first.get_or_insert(verdict.target);
            self.last = Some(key);
            self.positions.push(*position);
        }
        Ok(())
    }

    fn compare(mut self, part: &Part) -> Result<(), String> {
        if self.positions.len() as u64 != part.rows {
            return Err(format!("it has {} rows, its manifest says {}", self.positions.len(), part.rows));
        }
        let targets = (self.first, self.last.map(|(target, _)| target));
        if targets != (Some(part.target_min), Some(part.target_max)) {
            return Err(format!("its targets are not {} to {}", part.target_min, part.target_max));
        }
        self.positions.sort_unstable();
        match self.positions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("position {} stands in it twice", pair[0])),
            None => Ok(()),
        }
    }
}

fn write(sorted: &RecordBatch) -> Result<Bytes, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema::read(), Some(properties(&schema::read())))?;
    writer.write(sorted)?;
    writer.into_inner().map(Bytes::from)
}

fn properties(columns: &SchemaRef) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(1 << 20))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64));
    for name in [POSITION, LOGGED_AT, "target", "decided_at"] {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    let sorting = SORTED_BY.iter().map(|name| SortingColumn {
        column_idx: columns.index_of(name).ok().and_then(|index| i32::try_from(index).ok()).expect("a column of ours"),
        descending: false,
        nulls_first: false,
    });
    builder
        .set_column_dictionary_enabled(ColumnPath::from("event_id"), false)
        .set_sorting_columns(Some(sorting.collect()))
        .build()
}

#[cfg(test)]
mod tests;
