//! Verdicts as a kind of archive: how their frames become parts, and how a part is checked.

use arrow::{
    array::{AsArray as _, RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::{Int64Type, SchemaRef},
    error::ArrowError,
};
use bytes::Bytes;
use clicktrail_evidence::salt::HourKey;
use clicktrail_log::{
    archive::{
        keys::StreamPartKey,
        kind::{EncodedPart, Hashed, Kind, NewFile, PartRange},
        part,
        trees::Leaves,
    },
    frame::{Digest, ROWS_MAX},
    invariant,
    log::Stream,
    position::Position,
    time::{Hour, Timestamp},
};
use parquet::errors::ParquetError;

use super::{
    layout::{ROW_GROUP_ROWS, SORTED_BY, write},
    leaves,
    part::{Manifest, Part},
    read_back::{ReadBack, unreadable},
};
use crate::schema;

const _: () = assert!(<Verdicts as Kind>::PART_ROWS + ROWS_MAX <= ROW_GROUP_ROWS, "a part is one row group");

/// The verdict log's kind of archive.
#[derive(Debug, Clone, Copy)]
pub struct Verdicts;

impl Kind for Verdicts {
    type Part = Part;

    const STREAM: Stream = Stream::Verdicts;
    // Fewer than of clicks: rows are wider with their reasons, and smaller parts have narrower ranges of targets.
    const PART_ROWS: usize = 1 << 17;

    fn schema() -> SchemaRef {
        schema::verdicts()
    }

    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError> {
        part::positioned(schema::read(), batch, first, logged_at)
    }

    fn encode(rows: Vec<RecordBatch>, range: PartRange, hashed: Hashed<'_>) -> Result<EncodedPart<Part>, ParquetError> {
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
        check_order(&order, range);
        let target = |key: Option<&(i64, i64, u32)>| {
            let position = key.and_then(|(target, _, _)| Position::from_i64(*target));
            position.ok_or_else(|| ParquetError::General("a target is no position, or there are no rows".into()))
        };
        let (target_min, target_max) = (target(order.first())?, target(order.last())?);
        let indices = UInt32Array::from_iter_values(order.into_iter().map(|(_, _, row)| row));
        let sorted = take_record_batch(&whole, &indices)?;
        let taken = whole.num_rows();
        drop(whole);
        let rows = sorted.num_rows();
        invariant!(I1, rows == taken, "a part of {taken} verdicts holds {rows}");
        let bytes = write(&sorted)?;
        let digest = Digest::of(&bytes);
        let path = StreamPartKey::new(Self::STREAM, range.hour, range.first, range.last, &digest).path();
        let file = NewFile::new(path, bytes, digest);
        let part = Part {
            first_seq: range.first.get(),
            last_seq: range.last.get(),
            rows: sorted.num_rows() as u64,
            target_min,
            target_max,
            file: file.file.clone(),
        };
        let leaves = hashed.leaves(|| leaves::of(&sorted).map(|leaves| leaves::of_tree(&leaves)))?;
        Ok(EncodedPart { part, files: vec![file], leaves })
    }

    fn leaves(files: &[Bytes], _hour: Hour, _key: Option<&HourKey>) -> Result<Leaves, String> {
        let [file] = files else { return Err(format!("it has {} files, not one", files.len())) };
        leaves::stored(file).map(|leaves| leaves::of_tree(&leaves))
    }

    fn check(_manifest: &Manifest, part: &Part, files: &[Bytes]) -> Result<(), String> {
        let [file] = files else { return Err(format!("it has {} files, not one", files.len())) };
        let mut found = ReadBack::default();
        for batch in part::read(file.clone(), None).map_err(unreadable)? {
            found.take(&batch.map_err(unreadable)?, part)?;
        }
        found.compare(part)
    }
}

/// What must hold before a part is written: every verdict once, in its order, and from the part's frames.
fn check_order(order: &[(i64, i64, u32)], range: PartRange) {
    let is_once = order.windows(2).all(|pair| (pair[0].0, pair[0].1) < (pair[1].0, pair[1].1));
    invariant!(I1, is_once, "a verdict of {} would be archived twice", range.hour);
    let mut frames = order.iter().filter_map(|(_, position, _)| Position::from_i64(*position)).map(Position::seq);
    let is_inside = frames.all(|seq| (range.first..=range.last).contains(&seq));
    invariant!(I4, is_inside, "a verdict of {} lies outside frames {} to {}", range.hour, range.first, range.last);
}
