//! The rows of one part in the order of the log. In its files they are sorted by ad, or by what a verdict is about.
//!
//! A part is held decoded as long as it is given, so memory is bounded by one part. What is given is gathered from it
//! in slices of [`SLICE_ROWS`].

use arrow::{
    array::{AsArray as _, RecordBatch},
    compute::interleave_record_batch,
    datatypes::Int64Type,
};
use clicktrail_log::{
    archive::{Archive, Error as ArchiveError, entry::File, part},
    invariant,
    position::Position,
    schema::POSITION,
};

use super::source::{SealedPart, Source};

/// Rows that are given at once: a consumer that is slow holds no more of them than these.
const SLICE_ROWS: usize = 8_192;

/// A part that is given slice by slice.
#[derive(Debug)]
pub(super) struct PartRows {
    batches: Vec<RecordBatch>,
    /// Each row as its batch and its number there, in log order.
    order: Vec<(usize, usize)>,
    given: usize,
}

impl PartRows {
    /// Reads a part whose files are what its manifest says, without the rows before `from`.
    pub(super) async fn read(
        archive: &Archive,
        source: Source,
        part: &SealedPart,
        from: Position,
    ) -> Result<Self, ArchiveError> {
        let mut readers = Vec::with_capacity(part.files.len());
        for file in &part.files {
            let bytes = archive.get_file(file).await?;
            readers.push((file, part::read(bytes, None).map_err(|error| damaged(file, &error))?));
        }
        let mut batches = Vec::new();
        loop {
            let mut halves = Vec::with_capacity(readers.len());
            for (file, reader) in &mut readers {
                halves.extend(reader.next().transpose().map_err(|error| damaged(file, &error))?);
            }
            let Some(first) = halves.first() else { break };
            let named = &part.files[0];
            if halves.len() != part.files.len() || halves.iter().any(|half| positions(half) != positions(first)) {
                return Err(damaged(named, &"its files hold other rows, or another order"));
            }
            batches.push(source.select(&halves).map_err(|error| damaged(named, &error))?);
        }
        Self::in_log_order(batches, part, from)
    }

    fn in_log_order(batches: Vec<RecordBatch>, part: &SealedPart, from: Position) -> Result<Self, ArchiveError> {
        let mut rows: Vec<(i64, (usize, usize))> = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let found = positions(batch).unwrap_or_default();
            rows.extend(found.iter().enumerate().map(|(row, position)| (*position, (number, row))));
        }
        rows.sort_unstable();
        let frames = part.first..=part.last;
        let is_inside = |position: i64| Position::from_i64(position).is_some_and(|at| frames.contains(&at.seq()));
        let once = rows.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if rows.len() as u64 != part.rows || !once || !rows.iter().all(|(position, _)| is_inside(*position)) {
            let reason = format!("its rows are not the {} of frames {} to {}", part.rows, part.first, part.last);
            return Err(damaged(&part.files[0], &reason));
        }
        let before = rows.partition_point(|(position, _)| *position < from.as_i64());
        let order = rows.into_iter().skip(before).map(|(_, at)| at).collect();
        Ok(Self { batches, order, given: 0 })
    }

    /// The next rows, if there are more.
    pub(super) fn next(&mut self) -> Option<RecordBatch> {
        let rest = &self.order[self.given..];
        let slice = &rest[..rest.len().min(SLICE_ROWS)];
        if slice.is_empty() {
            return None;
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let rows = interleave_record_batch(&batches, slice).expect("batches of one schema hold these rows");
        invariant!(I1, rows.num_rows() == slice.len(), "{} rows became {}", slice.len(), rows.num_rows());
        self.given += slice.len();
        Some(rows)
    }
}

/// The positions of rows; `None` if they have none.
fn positions(batch: &RecordBatch) -> Option<&[i64]> {
    let column = batch.column_by_name(POSITION)?.as_primitive_opt::<Int64Type>()?;
    Some(column.values())
}

fn damaged(file: &File, reason: &dyn std::fmt::Display) -> ArchiveError {
    ArchiveError::Damaged { key: file.key.clone(), reason: format!("its rows cannot be read: {reason}") }
}
