//! Rejected events as a kind of archive: how their frames become parts, and how a part is checked.

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::{Int64Type, SchemaRef},
    error::ArrowError,
};
use bytes::Bytes;
use clicktrail_evidence::{Hash, row, salt::HourKey};
use parquet::errors::ParquetError;

use super::{
    layout::{ROW_GROUP_ROWS, write},
    part::{Manifest, Part},
    read_back::{ReadBack, unreadable},
};
use crate::{
    archive::{
        keys::StreamPartKey,
        kind::{EncodedPart, Hashed, Kind, NewFile, PartRange},
        part,
        trees::{Leaves, cells::Cells},
    },
    frame::{Digest, ROWS_MAX},
    invariant,
    log::{Logged, Stream},
    position::Position,
    rejected::{self, erased::PEOPLE},
    schema::POSITION,
    time::{Hour, Timestamp},
};

const _: () = assert!(<RejectedEvents as Kind>::PART_ROWS + ROWS_MAX <= ROW_GROUP_ROWS, "a part is one row group");

/// The kind of archive of what was rejected.
#[derive(Debug, Clone, Copy)]
pub struct RejectedEvents;

impl Kind for RejectedEvents {
    type Part = Part;

    const STREAM: Stream = Stream::Rejected;
    const PART_ROWS: usize = ROWS_MAX;
    // Programs before this kind erased from the log, and trimmed it.
    const IS_CUT: bool = true;

    fn schema() -> SchemaRef {
        rejected::schema()
    }

    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError> {
        rejected::positioned(batch, first, logged_at, None)
    }

    fn rows_of(logged: &Logged, batch: &RecordBatch, first: Position) -> Result<RecordBatch, ArrowError> {
        rejected::rows(logged, batch, first)
    }

    fn encode(rows: Vec<RecordBatch>, range: PartRange, hashed: Hashed<'_>) -> Result<EncodedPart<Part>, ParquetError> {
        check_order(&rows, range);
        let bytes = write(&rows)?;
        let digest = Digest::of(&bytes);
        let path = StreamPartKey::new(Self::STREAM, range.hour, range.first, range.last, &digest).path();
        let file = NewFile::new(path, bytes, digest);
        let part = Part {
            first_seq: range.first.get(),
            last_seq: range.last.get(),
            rows: rows.iter().map(RecordBatch::num_rows).sum::<usize>() as u64,
            file: file.file.clone(),
        };
        let of_rows = || rows.iter().map(leaves).collect::<Result<Vec<_>, _>>();
        let leaves = hashed.leaves(|| of_rows().map(|leaves| Leaves::of_rows(leaves.concat())))?;
        Ok(EncodedPart { part, files: vec![file], leaves })
    }

    fn leaves(files: &[Bytes], _hour: Hour, _key: Option<&HourKey>) -> Result<Leaves, String> {
        let [file] = files else { return Err(format!("it has {} files, not one", files.len())) };
        let mut rows = Vec::new();
        for batch in part::read(file.clone(), None).map_err(unreadable)? {
            rows.extend(leaves(&batch.map_err(unreadable)?)?);
        }
        Ok(Leaves::of_rows(rows))
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

/// The leaves of rows of the read schema: of all columns but those that may name somebody, so that nothing has to
/// change once these are erased, and nobody can guess them.
fn leaves(rows: &RecordBatch) -> Result<Vec<Hash>, String> {
    let schema = rejected::read();
    let names = schema.fields().iter().map(|field| field.name().as_str()).filter(|name| !PEOPLE.contains(name));
    Ok(Cells::of(row::Kind::Rejected, &[rows], names)?.leaves(rows.num_rows()))
}

/// What must hold before a part is written: every row once, in the order of the log, and from the part's frames.
fn check_order(rows: &[RecordBatch], range: PartRange) {
    let positions = rows.iter().flat_map(|rows| {
        let column = rows.column_by_name(POSITION).expect("a column of the read schema");
        column.as_primitive::<Int64Type>().values().iter().copied()
    });
    let mut last = None;
    for position in positions {
        invariant!(I1, last.is_none_or(|last| last < position), "a row of {} would be archived twice", range.hour);
        let seq = Position::from_i64(position).map(Position::seq);
        let is_inside = seq.is_some_and(|seq| (range.first..=range.last).contains(&seq));
        invariant!(I4, is_inside, "a row of {} lies outside frames {} to {}", range.hour, range.first, range.last);
        last = Some(position);
    }
}
