//! A range as it is counted: its keys in their order, and its rows by what is counted of them.

use std::sync::Arc;

use clicktrail_log::schema;
use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch, TimestampMicrosecondArray, UInt32Array},
    compute::{concat, take},
    datatypes::{Int64Type, TimestampMicrosecondType},
};

use super::{
    classes::{self, Class},
    columns,
    numbers::number_keys,
    ranks::Ranks,
    ruled::Ruled,
};
use crate::{counters::schema::KEYS, error::Error};

/// The rows of a range in the order of their keys, and the keys.
#[derive(Debug)]
pub(super) struct Coded {
    /// The columns of [`KEYS`], texts as dictionaries; one row a key.
    pub(super) keys: Vec<ArrayRef>,
    /// Every row is of one.
    pub(super) classes: Vec<Class>,
    /// The columns from [`columns::PRICE`] on that are counted, in the order of the range.
    amounts: Vec<ArrayRef>,
}

/// Numbers the keys of a range and puts its rows into their order.
///
/// # Errors
/// If the columns are not those of [`columns::read`].
pub(super) fn encode(slices: &[RecordBatch], ruled: &Ruled) -> Result<Coded, Error> {
    let ranks: [Ranks; columns::TEXTS.len()] = std::array::from_fn(|column| Ranks::of(slices, column));
    let minutes: Vec<i64> = slices
        .iter()
        .flat_map(|slice| slice.column(columns::EVENT_TIME).as_primitive::<TimestampMicrosecondType>().values())
        .map(|time| time.div_euclid(columns::MINUTE_MICROS))
        .collect();
    let numbered = number_keys(&ranks, &minutes);
    let amounts = (columns::PRICE..columns::POSITION).map(|column| {
        let parts: Vec<_> = slices.iter().map(|slice| slice.column(column).as_ref()).collect();
        Ok(concat(&parts)?)
    });
    let amounts = amounts.collect::<Result<_, Error>>()?;
    let classes = classes::deal(&numbered, &Ranks::of(slices, columns::KIND), &categories(slices, ruled), ruled);
    let key = |name: &&str| -> Result<ArrayRef, Error> {
        match columns::TEXTS.iter().position(|text| text == name) {
            Some(text) => Ok(Arc::new(ranks[text].texts_of(&numbered.first_rows)?)),
            None => Ok(Arc::new(minutes_of(&minutes, &numbered.first_rows)?)),
        }
    };
    let keys = KEYS.iter().map(key).collect::<Result<_, _>>()?;
    Ok(Coded { keys, classes, amounts })
}

/// What was ruled about every row; nothing if that is nothing.
fn categories(slices: &[RecordBatch], ruled: &Ruled) -> Vec<u32> {
    if ruled.is_empty() {
        return Vec::new();
    }
    let positions = slices.iter().map(|slice| slice.column(columns::POSITION).as_primitive::<Int64Type>().values());
    positions.flat_map(|positions| positions.iter().map(|position| ruled.category_of(*position))).collect()
}

impl Coded {
    /// How many different ones there are.
    pub(super) fn key_count(&self) -> usize {
        self.keys.first().map_or(0, |column| column.len())
    }

    /// A column of [`columns::COUNTED`] in the rows of a class.
    ///
    /// # Errors
    /// As Arrow reports.
    pub(super) fn column(&self, class: &Class, column: usize) -> Result<ArrayRef, Error> {
        Ok(match column.checked_sub(columns::COUNTED_PRICE) {
            Some(amount) => take(&self.amounts[amount], &class.rows, None)?,
            None => take(&class.value(column), &UInt32Array::from(vec![0; class.keys.len()]), None)?,
        })
    }
}

/// The minutes of some rows as times.
///
/// # Errors
/// [`Error::Refused`] for a time within a minute of the earliest there is: its minute begins before that.
fn minutes_of(minutes: &[i64], rows: &[u32]) -> Result<TimestampMicrosecondArray, Error> {
    let begin = |row: &u32| minutes[*row as usize].checked_mul(columns::MINUTE_MICROS);
    let times: Option<Vec<i64>> = rows.iter().map(begin).collect();
    let times = times.ok_or_else(|| Error::Refused("an event's minute begins before time does".to_owned()))?;
    Ok(TimestampMicrosecondArray::from(times).with_data_type(schema::timestamp_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minute_that_begins_before_time_is_refused() {
        let minutes = [i64::MIN.div_euclid(columns::MINUTE_MICROS), 7];
        assert!(matches!(minutes_of(&minutes, &[1, 0]), Err(Error::Refused(_))));
        assert_eq!(minutes_of(&minutes, &[1]).unwrap().value(0), 7 * columns::MINUTE_MICROS);
    }
}
