//! A range as the engine counts it: its texts as codes, its rows in the order of a segment.
//!
//! A text's code is its rank among the texts of its column in the range. Codes are as equal and as ordered as their
//! texts, which is all that grouping and ordering ask of them; and rows that come in the order of the keys are
//! grouped without being looked for, and need no sort behind.

use std::{collections::HashMap, sync::Arc};

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, DictionaryArray, RecordBatch, StringArray, StringViewArray, UInt32Array},
    buffer::NullBuffer,
    compute::{concat, take},
    datatypes::{Int32Type, TimestampMicrosecondType, UInt32Type},
};

use super::columns;
use crate::Error;

/// No text has this rank plus one: a range has fewer rows.
const UNSEEN: u32 = u32::MAX;

/// The rows of a range in the order of a segment, and the texts behind their codes.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) rows: RecordBatch,
    /// By code, for each of [`columns::TEXTS`].
    texts: [ArrayRef; columns::TEXTS.len()],
}

/// One column's texts as ranks.
struct Ranks {
    /// Of every row: 0 for null, else the rank plus one.
    of_row: Vec<u32>,
    /// In ascending order.
    texts: StringArray,
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
        Self { of_row, texts: StringArray::from_iter_values(sorted.into_iter().map(|(text, _)| text)) }
    }

    /// How many values a row can have, null included.
    fn values(&self) -> u64 {
        self.texts.len() as u64 + 1
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

/// Codes the rows of a range and puts them into the order of a segment.
///
/// # Errors
/// If the columns are not those of [`columns::read`].
pub(super) fn encode(slices: &[RecordBatch]) -> Result<Coded, Error> {
    let ranks: [Ranks; columns::TEXTS.len()] = std::array::from_fn(|column| Ranks::of(slices, column));
    let times = concat_column(slices, columns::EVENT_TIME)?;
    let minutes: Vec<i64> = times
        .as_primitive::<TimestampMicrosecondType>()
        .values()
        .iter()
        .map(|time| time.div_euclid(columns::MINUTE_MICROS))
        .collect();
    let order = order(&ranks, &minutes);

    let has_position = slices.first().is_some_and(|slice| slice.num_columns() > columns::POSITION);
    let fields: Vec<usize> = (0..columns::read(has_position).len()).collect();
    let schema = Arc::new(columns::coded().project(&fields)?);
    let mut coded: Vec<ArrayRef> = Vec::with_capacity(fields.len());
    for (ranks, field) in ranks.iter().zip(schema.fields()) {
        coded.push(Arc::new(codes(ranks, &order, field.is_nullable())));
    }
    let kinds = Ranks::of(slices, columns::KIND);
    let by_row = UInt32Array::from(order.clone());
    let texts = StringViewArray::from_iter_values(kinds.texts.iter().flatten());
    coded.push(take(&texts, &codes(&kinds, &order, false), None)?);
    coded.push(take(&times, &by_row, None)?);
    for column in columns::PRICE..fields.len() {
        coded.push(take(&concat_column(slices, column)?, &by_row, None)?);
    }
    Ok(Coded {
        rows: RecordBatch::try_new(schema, coded)?,
        texts: ranks.map(|ranks| Arc::new(ranks.texts) as ArrayRef),
    })
}

impl Coded {
    /// The texts of a column of codes.
    ///
    /// # Errors
    /// If a code is not one of this range's.
    pub(super) fn texts(&self, column: usize, codes: &dyn Array) -> Result<ArrayRef, Error> {
        Ok(take(&self.texts[column], codes.as_primitive::<UInt32Type>(), None)?)
    }
}

fn concat_column(slices: &[RecordBatch], column: usize) -> Result<ArrayRef, Error> {
    let parts: Vec<&dyn Array> = slices.iter().map(|slice| slice.column(column).as_ref()).collect();
    Ok(concat(&parts)?)
}

/// A column of codes: ranks from 0, in the given order of rows.
fn codes(ranks: &Ranks, order: &[u32], nullable: bool) -> UInt32Array {
    let in_order = || order.iter().map(|row| ranks.of_row[*row as usize]);
    let nulls = nullable.then(|| in_order().map(|rank| rank != 0).collect::<NullBuffer>());
    let codes = in_order().map(|rank| rank.saturating_sub(1)).collect();
    UInt32Array::new(codes, nulls.filter(|nulls| nulls.null_count() > 0))
}

/// The rows in the order of the keys, nulls first.
fn order(ranks: &[Ranks; columns::TEXTS.len()], minutes: &[i64]) -> Vec<u32> {
    let rows = u32::try_from(minutes.len()).expect("a range has fewer rows than 2^32");
    match packed(ranks, minutes) {
        // A key and its row in one integer: by far the fastest to sort.
        Some(mut keys) => {
            keys.sort_unstable();
            let row_mask = (1_u64 << bits(u64::from(rows))) - 1;
            let row = |key: u64| u32::try_from(key & row_mask).expect("rows have at most 32 bits");
            keys.into_iter().map(row).collect()
        }
        None => {
            let key = |row: u32| {
                let rank = |column: usize| ranks[column].of_row[row as usize];
                let (minute, before) = (minutes[row as usize], [0, 1, 2, columns::PUBLISHER].map(rank));
                (before, minute, [columns::PUBLISHER + 1, columns::PUBLISHER + 2, columns::PUBLISHER + 3].map(rank))
            };
            let mut order: Vec<u32> = (0..rows).collect();
            order.sort_unstable_by_key(|row| key(*row));
            order
        }
    }
}

/// Key and number of every row in 64 bits, if they fit; the key in the higher ones.
fn packed(ranks: &[Ranks; columns::TEXTS.len()], minutes: &[i64]) -> Option<Vec<u64>> {
    let first = minutes.iter().copied().min().unwrap_or(0);
    let span = minutes.iter().copied().max().unwrap_or(0).abs_diff(first);
    let widths = ranks.iter().map(|ranks| bits(ranks.values())).sum::<u32>();
    let row_width = bits(minutes.len() as u64);
    if widths + bits(span) + row_width > u64::BITS {
        return None;
    }
    let mut keys = vec![0_u64; minutes.len()];
    for (column, ranks) in ranks.iter().enumerate() {
        let width = bits(ranks.values());
        keys.iter_mut().zip(&ranks.of_row).for_each(|(key, rank)| *key = *key << width | u64::from(*rank));
        if column == columns::PUBLISHER {
            let width = bits(span);
            keys.iter_mut().zip(minutes).for_each(|(key, minute)| *key = *key << width | minute.abs_diff(first));
        }
    }
    keys.iter_mut().zip(0_u64..).for_each(|(key, row)| *key = *key << row_width | row);
    Some(keys)
}

/// Bits that hold every number up to and including `max`.
fn bits(max: u64) -> u32 {
    u64::BITS - max.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(of_row: [u32; 4]) -> Ranks {
        Ranks { of_row: of_row.to_vec(), texts: StringArray::from_iter_values(["a", "b", "c"]) }
    }

    #[test]
    fn keys_of_any_width_are_ordered_alike() {
        let ranks = || {
            std::array::from_fn(|column| match column {
                0 => ranks([1, 2, 1, 1]),
                columns::PUBLISHER => ranks([3, 0, 0, 3]),
                4 => ranks([2, 2, 2, 1]),
                _ => ranks([1; 4]),
            })
        };
        for far in [5, i64::MAX] {
            let minutes = [far, -far, far, far];
            assert_eq!(packed(&ranks(), &minutes).is_some(), far == 5);
            assert_eq!(order(&ranks(), &minutes), [2, 3, 0, 1]);
        }
    }
}
