//! Columns that are the same in every row, made once and shared: most counts of what was ruled are zero everywhere.

use std::sync::{Mutex, PoisonError};

use datafusion::{
    arrow::array::{Array as _, ArrayRef},
    scalar::ScalarValue,
};

use crate::error::Error;

/// Longer columns are not kept: hardly any range has more keys.
const ROWS_MAX: usize = 1 << 18;

/// The columns that were asked for: no more than SQL has constants, and short.
#[derive(Debug, Default)]
pub(super) struct Constants(Mutex<Vec<(ScalarValue, ArrayRef)>>);

impl Constants {
    /// A value so many times.
    ///
    /// # Errors
    /// As Arrow reports.
    pub(super) fn column(&self, value: &ArrayRef, rows: usize) -> Result<ArrayRef, Error> {
        let value = ScalarValue::try_from_array(value, 0)?;
        if rows > ROWS_MAX {
            return Ok(value.to_array_of_size(rows)?);
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, column)) = known.iter().find(|(of, column)| *of == value && column.len() >= rows) {
            return Ok(column.slice(0, rows));
        }
        known.retain(|(of, _)| *of != value);
        let column = value.to_array_of_size(rows.next_power_of_two())?;
        known.push((value, ArrayRef::clone(&column)));
        Ok(column.slice(0, rows))
    }
}
