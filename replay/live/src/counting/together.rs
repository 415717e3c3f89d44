//! Which hot partials are merged at once.

use arrow::array::RecordBatch;
use clicktrail_catalog::HotPartial;

/// Rows that are merged at once, in memory: partials that are larger stay as they are.
const MERGED_BYTES_MAX: usize = 64 << 20;

/// Partials of an hour that follow each other, and are merged into one: few enough to be in memory at once.
#[derive(Debug, Default)]
pub(super) struct Together {
    count: u32,
    /// What replaces them, without its payload.
    range: Option<HotPartial>,
    rows: Vec<RecordBatch>,
    bytes: usize,
}

impl Together {
    /// Takes one more, or gives its rows back if they are too many beside those that are here.
    pub(super) fn take(&mut self, partial: &HotPartial, rows: Vec<RecordBatch>) -> Result<(), Vec<RecordBatch>> {
        let more: usize = rows.iter().map(RecordBatch::get_array_memory_size).sum();
        if self.count > 0 && self.bytes + more > MERGED_BYTES_MAX {
            return Err(rows);
        }
        let first_seq = self.range.as_ref().map_or(partial.first_seq, |range| range.first_seq);
        self.range = Some(HotPartial { first_seq, payload: Default::default(), ..partial.clone() });
        self.rows.extend(rows);
        (self.count, self.bytes) = (self.count + 1, self.bytes + more);
        Ok(())
    }

    /// What replaces them, without its payload, their rows, and how many they are; `None` if there are not two.
    pub(super) fn several(self) -> Option<(HotPartial, Vec<RecordBatch>, u32)> {
        let Self { count, range, rows, .. } = self;
        range.filter(|_| count > 1).map(|range| (range, rows, count))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::Int64Array,
        datatypes::{DataType, Field, Schema},
    };
    use clicktrail_log::{position::Seq, time::Hour};
    use clicktrail_projections::counters;

    use super::*;

    fn partial(first: u64, last: u64) -> HotPartial {
        let seq = |number| Seq::new(number).unwrap();
        let (first_seq, last_seq) = (seq(first), seq(last));
        HotPartial { hour: Hour::from_i64(1), first_seq, last_seq, last_frame: None, payload: vec![1].into() }
    }

    #[test]
    fn as_many_are_merged_as_fit_into_memory_and_never_one_alone() {
        let rows = || vec![RecordBatch::new_empty(counters::schema())];
        let mut together = Together::default();
        together.take(&partial(1, 3), rows()).unwrap();
        assert!(together.several().is_none());
        let mut together = Together::default();
        together.take(&partial(1, 3), rows()).unwrap();
        together.take(&partial(4, 4), rows()).unwrap();
        together.bytes = MERGED_BYTES_MAX;
        let large = RecordBatch::try_new(
            Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)])),
            vec![Arc::new(Int64Array::from(vec![1; 64]))],
        );
        assert_eq!(together.take(&partial(5, 9), vec![large.unwrap()]).unwrap_err().len(), 1, "its rows come back");
        let (range, rows, count) = together.several().unwrap();
        assert_eq!((range.range(), rows.len(), count), (partial(1, 4).range(), 2, 2));
        assert!(range.payload.is_empty());
    }
}
