//! Frames that were just logged, counted as one range: their rows may come in any order.

use datafusion::arrow::array::RecordBatch;

use super::{codes, columns, plan, ruled::Ruled, threads::Threads};
use crate::{counters::schema::normalize, error::Error};

/// Rows of a batch of counts. Texts stand in it as often as they are used, so it bounds their bytes.
const BATCH_ROWS: usize = 16_384;

/// Counts the rows of frames, all in memory: one tick, on a thread for blocking work. What comes out are rows of
/// [`schema`](crate::counters::schema()) columns in the order of [`KEYS`](crate::counters::KEYS), one per key.
///
/// `rulings` has [`rulings_schema`](crate::counters::rulings_schema) columns and at most one row a position.
///
/// # Errors
/// [`Error::Refused`] if there are two rulings about one position; otherwise as the engine reports, also if the rows
/// are not of the read schema.
pub async fn project_frames(batches: &[RecordBatch], rulings: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
    let with_rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    let slices = with_rows.map(counted).collect::<Result<Vec<_>, _>>()?;
    if slices.is_empty() {
        return Ok(Vec::new());
    }
    let (plan, ruled) = (plan::of_counters().await?, Ruled::new(rulings)?);
    let work = move || {
        let counts = plan.run(&codes::encode(&slices, &ruled)?)?;
        let batches = (0..counts.num_rows()).step_by(BATCH_ROWS);
        batches.map(|row| normalize(&counts.slice(row, BATCH_ROWS.min(counts.num_rows() - row)))).collect()
    };
    Threads::new(1).start(work).done().await
}

/// The columns that are counted, and counted by, of rows as they are read.
fn counted(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let places: Vec<usize> =
        columns::read(true).iter().map(|name| batch.schema().index_of(name)).collect::<Result<_, _>>()?;
    Ok(batch.project(&places)?)
}
