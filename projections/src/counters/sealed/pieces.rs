//! Pieces of one ad as one: their rows are complete, and only out of order.
//!
//! A piece is some minutes of an ad with very many rows. No key is in two pieces, but a segment has an ad's
//! publishers before its minutes, so the rows of all its pieces are put into order together.

use datafusion::arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{SortOptions, concat_batches, take_record_batch},
    row::{RowConverter, SortField},
};

use crate::{
    counters::schema::{CODED, KEYS},
    error::Error,
};

/// Rows of a batch of the merged ad.
const BATCH_ROWS: usize = 8_192;
/// The first three keys are the ad's own, and the same in every row.
const AD_KEYS: usize = 3;

/// The rows of an ad in the order of the keys, made batch by batch.
#[derive(Debug)]
pub(super) struct Merged {
    /// Of all pieces, one behind the other: so their dictionaries are put together once.
    rows: RecordBatch,
    order: UInt32Array,
    next: usize,
}

impl Merged {
    /// Puts rows of [`CODED`] columns that share an ad into order.
    ///
    /// # Errors
    /// If they are of other columns.
    pub(super) fn new(pieces: &[RecordBatch]) -> Result<Self, Error> {
        let rows = concat_batches(&CODED, pieces)?;
        let options = SortOptions { descending: false, nulls_first: true };
        let fields = CODED.fields()[AD_KEYS..KEYS.len()]
            .iter()
            .map(|field| SortField::new_with_options(field.data_type().clone(), options))
            .collect();
        let converter = RowConverter::new(fields)?;
        let keys = converter.convert_columns(&rows.columns()[AD_KEYS..KEYS.len()])?;
        let too_many = |_| Error::Refused("an ad has more than 2^32 keys in an hour".to_owned());
        let mut order: Vec<u32> = (0..u32::try_from(rows.num_rows()).map_err(too_many)?).collect();
        // Pieces are in order by themselves, which a stable sort makes use of.
        order.sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
        Ok(Self { rows, order: UInt32Array::from(order), next: 0 })
    }
}

impl Iterator for Merged {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = BATCH_ROWS.min(self.order.len() - self.next);
        let batch = (rows > 0).then(|| take_record_batch(&self.rows, &self.order.slice(self.next, rows)));
        self.next += rows;
        batch.map(|batch| batch.map_err(Error::from))
    }
}
