//! Issued documents as a kind of archive: how their frames become parts, and how a part is checked.

use arrow::{
    array::{AsArray as _, RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::{Int64Type, SchemaRef},
    error::ArrowError,
};
use bytes::Bytes;
use clicktrail_evidence::{Hash, row, salt::HourKey};
use parquet::errors::ParquetError;

use super::{
    layout::{ROW_GROUP_ROWS, SORTED_BY, write},
    part::{Manifest, Named, Part},
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
    invoices::schema,
    log::Stream,
    position::Position,
    time::{Hour, Timestamp},
};

const _: () = assert!(<Invoices as Kind>::PART_ROWS + ROWS_MAX <= ROW_GROUP_ROWS, "a part is one row group");

/// The kind of archive of what was issued.
#[derive(Debug, Clone, Copy)]
pub struct Invoices;

/// What a row is sorted by, and which row it is.
type Key<'a> = (&'a str, i64, i64, u32);

impl Kind for Invoices {
    type Part = Part;

    const STREAM: Stream = Stream::Invoices;
    // An entry with its list of files is some hundred bytes, a kilobyte or two at most in practice.
    const PART_ROWS: usize = ROWS_MAX;

    fn schema() -> SchemaRef {
        schema::invoices()
    }

    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError> {
        part::positioned(schema::read(), batch, first, logged_at)
    }

    fn encode(rows: Vec<RecordBatch>, range: PartRange, hashed: Hashed<'_>) -> Result<EncodedPart<Part>, ParquetError> {
        let whole = concat_batches(&schema::read(), &rows)?;
        drop(rows);
        let order = {
            let [series, numbers, positions] =
                SORTED_BY.map(|name| whole.column_by_name(name).expect("a column of the read schema"));
            let (numbers, positions) = (numbers.as_primitive::<Int64Type>(), positions.as_primitive::<Int64Type>());
            let series = series.as_string::<i32>();
            let mut order: Vec<Key<'_>> = (0..whole.num_rows())
                .zip(0_u32..)
                .map(|(row, index)| (series.value(row), numbers.value(row), positions.value(row), index))
                .collect();
            order.sort_unstable();
            order
        };
        check_order(&order, range);
        let (document_min, document_max) = (named(order.first())?, named(order.last())?);
        let indices = UInt32Array::from_iter_values(order.into_iter().map(|(.., row)| row));
        let sorted = take_record_batch(&whole, &indices)?;
        invariant!(I1, sorted.num_rows() == whole.num_rows(), "a part of {} documents holds others", whole.num_rows());
        let bytes = write(&sorted)?;
        let digest = Digest::of(&bytes);
        let path = StreamPartKey::new(Self::STREAM, range.hour, range.first, range.last, &digest).path();
        let file = NewFile::new(path, bytes, digest);
        let part = Part {
            first_seq: range.first.get(),
            last_seq: range.last.get(),
            rows: sorted.num_rows() as u64,
            document_min,
            document_max,
            file: file.file.clone(),
        };
        let leaves = hashed.leaves(|| leaves(&sorted).map(Leaves::of_rows))?;
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

/// The leaves of rows of the read schema.
fn leaves(rows: &RecordBatch) -> Result<Vec<Hash>, String> {
    let schema = schema::read();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    Ok(Cells::of(row::Kind::Invoices, &[rows], names)?.leaves(rows.num_rows()))
}

fn named(key: Option<&Key<'_>>) -> Result<Named, ParquetError> {
    let named = key.and_then(|(series, number, ..)| {
        Some(Named { series: (*series).to_owned(), number: u32::try_from(*number).ok()? })
    });
    named.ok_or_else(|| ParquetError::General("a number is out of range, or there are no rows".into()))
}

/// What must hold before a part is written: every entry once, in its order, and from the part's frames.
fn check_order(order: &[Key<'_>], range: PartRange) {
    let is_once = order.windows(2).all(|pair| (pair[0].0, pair[0].1, pair[0].2) < (pair[1].0, pair[1].1, pair[1].2));
    invariant!(I1, is_once, "an entry of {} would be archived twice", range.hour);
    let mut frames = order.iter().filter_map(|(_, _, position, _)| Position::from_i64(*position)).map(Position::seq);
    let is_inside = frames.all(|seq| (range.first..=range.last).contains(&seq));
    invariant!(I4, is_inside, "an entry of {} lies outside frames {} to {}", range.hour, range.first, range.last);
}
