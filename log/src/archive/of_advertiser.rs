//! The rows of one advertiser in a core file, which has them in one contiguous range: groups of rows without it are
//! skipped by their statistics, and of the others only its rows are decoded.

use arrow::{
    array::{RecordBatch, StringArray},
    compute::kernels::cmp,
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter},
    },
    errors::ParquetError,
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use super::{batches::Batches, part::READ_BATCH_ROWS};

const ADVERTISER: &str = "advertiser_id";

/// Reads the named columns of an advertiser's rows, in the order of the file.
///
/// # Errors
/// If the bytes are not a Parquet file, or lack a column.
pub fn read(bytes: Bytes, advertiser: &str, columns: &[&str]) -> Result<Batches, ParquetError> {
    Batches::open(|| open(bytes, advertiser, columns))
}

fn open(bytes: Bytes, advertiser: &str, columns: &[&str]) -> Result<ParquetRecordBatchReader, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(READ_BATCH_ROWS);
    let schema = builder.schema();
    let at = schema.index_of(ADVERTISER)?;
    let indices: Vec<usize> = columns.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>()?;
    let groups = builder.metadata().row_groups().iter().enumerate();
    let groups = groups.filter(|(_, group)| may_hold(group, at, advertiser)).map(|(index, _)| index).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), indices);
    let wanted = StringArray::new_scalar(advertiser);
    let is_of = move |batch: RecordBatch| cmp::eq(batch.column(0), &wanted);
    let of_advertiser = ProjectionMask::roots(builder.parquet_schema(), [at]);
    let filter = RowFilter::new(vec![Box::new(ArrowPredicateFn::new(of_advertiser, is_of))]);
    builder.with_row_groups(groups).with_projection(mask).with_row_filter(filter).build()
}

/// Whether a group of rows may have some of the advertiser. Bounds that are cut are bounds all the same.
fn may_hold(group: &RowGroupMetaData, column: usize, advertiser: &str) -> bool {
    let Some(Statistics::ByteArray(statistics)) = group.column(column).statistics() else { return true };
    let bytes = advertiser.as_bytes();
    let is_below = statistics.min_bytes_opt().is_some_and(|min| bytes < min);
    let is_above = statistics.max_bytes_opt().is_some_and(|max| bytes > max);
    !is_below && !is_above
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray as _};

    use super::*;
    use crate::{
        archive::part,
        position::{Epoch, Position, Seq},
        testing::clicks,
        time::Timestamp,
    };

    fn core(advertisers: &[&str]) -> Bytes {
        let clicks = clicks(0..advertisers.len() as u64, 0);
        let mut columns = clicks.columns().to_vec();
        columns[clicks.schema().index_of(ADVERTISER).unwrap()] =
            Arc::new(StringArray::from(advertisers.to_vec())) as ArrayRef;
        let batch = RecordBatch::try_new(clicks.schema(), columns).unwrap();
        let first = Position::new(Epoch::FIRST, Seq::FIRST, 0);
        let rows = part::with_position(&batch, first, Timestamp::from_micros(0)).unwrap();
        part::encode(&[rows]).unwrap().core
    }

    #[test]
    fn only_rows_of_the_advertiser_are_read_and_all_of_them() {
        let bytes = core(&["b", "a", "bb", "b", "c", "b"]);
        for (advertiser, expected) in [("a", 1), ("b", 3), ("bb", 1), ("", 0), ("B", 0), ("zz", 0)] {
            let read = read(bytes.clone(), advertiser, &["position", ADVERTISER]).unwrap();
            let batches: Vec<RecordBatch> = read.map(Result::unwrap).collect();
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, expected, "{advertiser:?}");
            for batch in &batches {
                let names = batch.column_by_name(ADVERTISER).unwrap().as_string::<i32>();
                assert!(names.iter().all(|name| name == Some(advertiser)), "{advertiser:?}");
            }
        }
        let lacking = read(bytes, "a", &["user_agent"]).map(drop).unwrap_err();
        assert!(lacking.to_string().contains("user_agent"), "{lacking}");
    }
}
