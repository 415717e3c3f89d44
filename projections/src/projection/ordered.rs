//! Checks rows as they come out of the engine: the columns' types, what is never null, one row a key, whole times.
//!
//! The plan was looked at before (see [`crate::lint`]); this looks at every row, because a segment is kept for ever.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::TimestampMicrosecondType,
    row::{OwnedRow, RowConverter, SortField},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::definition::{Projection, Rows};
use crate::error::Error;

/// The rows of a projection, each checked.
///
/// # Errors
/// If keys of these types cannot be ordered.
pub(super) fn checked(projection: &Projection, rows: Rows) -> Result<Rows, Error> {
    let types = projection.key().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let checker = Checker { projection: projection.clone(), converter: RowConverter::new(types)?, last: None };
    let checked = stream::try_unfold((rows, checker), async |(mut rows, mut checker)| {
        let Some(batch) = rows.try_next().await? else { return Ok::<_, Error>(None) };
        let batch = checker.check(&batch)?;
        Ok(Some((batch, (rows, checker))))
    });
    Ok(checked.boxed())
}

struct Checker {
    projection: Projection,
    converter: RowConverter,
    /// The key of the last row that was seen.
    last: Option<OwnedRow>,
}

impl Checker {
    fn check(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let name = self.projection.name();
        let schema = self.projection.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            let column = cast(column, field.data_type())?;
            if !field.is_nullable() && column.null_count() > 0 {
                let column = field.name();
                return Err(Error::Refused(format!("{name}: column {column} is never null, and a row has none")));
            }
            Ok(column)
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, Error>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        self.whole_times(&batch)?;
        self.one_row_a_key(&batch)?;
        Ok(batch)
    }

    fn whole_times(&self, batch: &RecordBatch) -> Result<(), Error> {
        let (time, unit) = (self.projection.time(), self.projection.unit());
        let column = batch.column_by_name(time).expect("the key has the time column");
        let times = column.as_primitive::<TimestampMicrosecondType>();
        match times.values().iter().find(|micros| micros.rem_euclid(unit.micros()) != 0) {
            None => Ok(()),
            Some(micros) => {
                let (name, unit) = (self.projection.name(), unit.as_str());
                let at = clicktrail_log::time::Timestamp::from_micros(*micros);
                let reason = format!(
                    "{name}: {time} has {at}, which is no whole {unit}: use date_trunc('{unit}', event_time) AS {time}"
                );
                Err(Error::Refused(reason))
            }
        }
    }

    fn one_row_a_key(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let key: Vec<ArrayRef> = batch.columns()[..self.projection.key().len()].to_vec();
        let keys = self.converter.convert_columns(&key)?;
        let mut last = self.last.as_ref().map(OwnedRow::row);
        for row in &keys {
            if last.is_some_and(|last| last >= row) {
                let name = self.projection.name();
                let reason = format!("{name}: two rows have the same key: group by the columns of the key alone");
                return Err(Error::Refused(reason));
            }
            last = Some(row);
        }
        self.last = last.map(|row| row.owned());
        Ok(())
    }
}
