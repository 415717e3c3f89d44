//! A range as it is counted: each row with the number of its key, in the order of the keys.
//!
//! A text's *rank* is its place among the texts of its column in the range, so ranks are as equal and as ordered as
//! their texts. `numbers` puts the rows into the order of their ranks and minutes.

use std::{collections::HashMap, sync::Arc};

use clicktrail_log::schema;
use datafusion::arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, DictionaryArray, RecordBatch, StringArray, TimestampMicrosecondArray,
        UInt32Array,
    },
    buffer::NullBuffer,
    compute::{concat, take},
    datatypes::{Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type},
};

use super::{
    classes::{self, Class},
    columns,
    numbers::number_keys,
    ruled::Ruled,
};
use crate::{counters::schema::KEYS, error::Error};

/// No text has this rank plus one: a range has fewer rows.
const UNSEEN: u32 = u32::MAX;

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

/// One column's texts as ranks.
pub(super) struct Ranks {
    /// Of every row: 0 for null, else the rank plus one.
    pub(super) of_row: Vec<u32>,
    /// In ascending order.
    pub(super) texts: ArrayRef,
}

impl Ranks {
    fn of(slices: &[RecordBatch], column: usize) -> Self {
        let rows = slices.iter().map(|slice| slice.num_rows()).sum();
        let mut of_row: Vec<u32> = Vec::with_capacity(rows);
        // By order of appearance first; 0 is null.
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        for slice in slices {
            let dictionary = slice.column(column).as_dictionary::<Int32Type>();
            number(dictionary, &mut numbers, &mut of_row);
        }
        let mut sorted: Vec<(&str, u32)> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let mut rank_of = vec![0; sorted.len() + 1];
        for (rank, (_, number)) in (1..).zip(&sorted) {
            rank_of[*number as usize] = rank;
        }
        of_row.iter_mut().for_each(|number| *number = rank_of[*number as usize]);
        let texts = StringArray::from_iter_values(sorted.into_iter().map(|(text, _)| text));
        Self { of_row, texts: Arc::new(texts) }
    }

    /// The greatest number that a row can have in [`Ranks::of_row`].
    pub(super) fn max(&self) -> u64 {
        self.texts.len() as u64
    }

    /// The texts of some rows.
    fn texts_of(&self, rows: &[u32]) -> Result<DictionaryArray<UInt32Type>, Error> {
        Ok(DictionaryArray::try_new(self.select(rows), Arc::clone(&self.texts))?)
    }

    /// The ranks of some rows from 0, null where there is none.
    fn select(&self, rows: &[u32]) -> UInt32Array {
        let ranks = || rows.iter().map(|row| self.of_row[*row as usize]);
        let nulls = ranks().map(|rank| rank != 0).collect::<NullBuffer>();
        UInt32Array::new(
            ranks().map(|rank| rank.saturating_sub(1)).collect(),
            Some(nulls).filter(|nulls| nulls.null_count() > 0),
        )
    }
}

/// Appends the number of each row's text; texts not seen before get the next one.
fn number<'t>(dictionary: &'t DictionaryArray<Int32Type>, numbers: &mut HashMap<&'t str, u32>, of_row: &mut Vec<u32>) {
    let texts = dictionary.values().as_string::<i32>();
    let mut known = vec![UNSEEN; texts.len()];
    let mut look_up = |key: i32| {
        let key = usize::try_from(key).expect("keys of a dictionary are not negative");
        if known[key] == UNSEEN {
            let next = u32::try_from(numbers.len() + 1).expect("a range has fewer rows than 2^32");
            known[key] = *numbers.entry(texts.value(key)).or_insert(next);
        }
        known[key]
    };
    let keys = dictionary.keys();
    match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => of_row.extend(keys.values().iter().map(|key| look_up(*key))),
        Some(nulls) => {
            of_row.extend(keys.values().iter().zip(nulls).map(|(key, valid)| if valid { look_up(*key) } else { 0 }));
        }
    }
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
