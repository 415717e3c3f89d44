//! Pieces of one ad as one: their rows are complete, and only out of order.
//!
//! A piece is some minutes of an ad with very many rows. No key is in two pieces, but a segment has an ad's
//! publishers before its minutes, so the rows of all its pieces are put into order together.

use datafusion::arrow::{
    array::RecordBatch,
    compute::{SortOptions, interleave_record_batch},
    row::{RowConverter, SortField},
};

use crate::{Error, counters};

/// Rows of a batch of the merged ad.
const BATCH_ROWS: usize = 8_192;
/// The first three keys are the ad's own, and the same in every row.
const AD_KEYS: usize = 3;

/// The rows of an ad in the order of the keys, made batch by batch.
#[derive(Debug)]
pub(super) struct Merged {
    pieces: Vec<RecordBatch>,
    /// Batch and row.
    order: Vec<(usize, usize)>,
    next: usize,
}

impl Merged {
    /// Puts rows of [`counters::CODED`] columns that share an ad into order.
    ///
    /// # Errors
    /// If they are of other columns.
    pub(super) fn new(pieces: Vec<RecordBatch>) -> Result<Self, Error> {
        let options = SortOptions { descending: false, nulls_first: true };
        let fields = counters::CODED.fields()[AD_KEYS..counters::KEYS.len()]
            .iter()
            .map(|field| SortField::new_with_options(field.data_type().clone(), options))
            .collect();
        let converter = RowConverter::new(fields)?;
        let keys = pieces
            .iter()
            .map(|batch| converter.convert_columns(&batch.columns()[AD_KEYS..counters::KEYS.len()]))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = |(index, batch): (usize, &RecordBatch)| (0..batch.num_rows()).map(move |row| (index, row));
        let mut order: Vec<(usize, usize)> = pieces.iter().enumerate().flat_map(rows).collect();
        // Batches are in order by themselves, which a stable sort makes use of.
        order.sort_by(|a, b| keys[a.0].row(a.1).cmp(&keys[b.0].row(b.1)));
        Ok(Self { pieces, order, next: 0 })
    }
}

impl Iterator for Merged {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = (self.next + BATCH_ROWS).min(self.order.len());
        let rows = self.order.get(self.next..end).filter(|rows| !rows.is_empty())?;
        let pieces: Vec<&RecordBatch> = self.pieces.iter().collect();
        let batch = interleave_record_batch(&pieces, rows);
        self.next = end;
        Some(batch.map_err(Error::from))
    }
}
