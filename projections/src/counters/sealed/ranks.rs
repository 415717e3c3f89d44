//! One column's texts as ranks.
//!
//! A text's *rank* is its place among the texts of its column in the range, so ranks are as equal and as ordered as
//! their texts.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, DictionaryArray, RecordBatch, StringArray, UInt32Array},
        buffer::NullBuffer,
        datatypes::{Int32Type, UInt32Type},
    },
    common::HashMap,
};

use crate::error::Error;

/// No text has this rank plus one: a range has fewer rows.
const UNSEEN: u32 = u32::MAX;

/// One column's texts as ranks.
pub(super) struct Ranks {
    /// Of every row: 0 for null, else the rank plus one.
    pub(super) of_row: Vec<u32>,
    /// In ascending order.
    pub(super) texts: ArrayRef,
}

impl Ranks {
    pub(super) fn of(slices: &[RecordBatch], column: usize) -> Self {
        let rows = slices.iter().map(|slice| slice.num_rows()).sum();
        let mut of_row: Vec<u32> = Vec::with_capacity(rows);
        // By order of appearance first; 0 is null.
        let mut numbers: HashMap<&str, u32> = HashMap::default();
        for slice in slices {
            match slice.column(column).as_string_opt::<i32>() {
                Some(texts) => number_each(texts, &mut numbers, &mut of_row),
                None => number(slice.column(column).as_dictionary::<Int32Type>(), &mut numbers, &mut of_row),
            }
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
    pub(super) fn texts_of(&self, rows: &[u32]) -> Result<DictionaryArray<UInt32Type>, Error> {
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

/// The number of a text: the next one if it was not seen before.
fn number_of<'t>(text: &'t str, numbers: &mut HashMap<&'t str, u32>) -> u32 {
    let next = u32::try_from(numbers.len() + 1).expect("a range has fewer rows than 2^32");
    *numbers.entry(text).or_insert(next)
}

/// Appends the number of each row's text, where texts stand as they are: in frames.
fn number_each<'t>(texts: &'t StringArray, numbers: &mut HashMap<&'t str, u32>, of_row: &mut Vec<u32>) {
    // Of many columns a text comes several times in a row.
    let mut last = None;
    of_row.extend(texts.iter().map(|text| match (text, last) {
        (None, _) => 0,
        (Some(text), Some((same, number))) if text == same => number,
        (Some(text), _) => {
            let number = number_of(text, numbers);
            last = Some((text, number));
            number
        }
    }));
}

/// Appends the number of each row's text, where texts are a dictionary: in parts.
fn number<'t>(dictionary: &'t DictionaryArray<Int32Type>, numbers: &mut HashMap<&'t str, u32>, of_row: &mut Vec<u32>) {
    let texts = dictionary.values().as_string::<i32>();
    let mut known = vec![UNSEEN; texts.len()];
    let mut look_up = |key: i32| {
        let key = usize::try_from(key).expect("keys of a dictionary are not negative");
        if known[key] == UNSEEN {
            known[key] = number_of(texts.value(key), numbers);
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
