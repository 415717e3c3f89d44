//! The rows of a range by what filters look at: the kind of an event, and what was ruled about it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray as _, StringArray, UInt32Array};

use super::{
    columns::{COUNTED_CATEGORY, COUNTED_KIND},
    numbers::Numbered,
    ranks::Ranks,
    ruled::Ruled,
};

/// Rows of one kind, about which the same was ruled.
#[derive(Debug)]
pub(super) struct Class {
    /// One row each.
    kind: ArrayRef,
    category: ArrayRef,
    /// Their places in the range, in the order of their keys.
    pub(super) rows: UInt32Array,
    /// The number of each row's key.
    pub(super) keys: Vec<usize>,
}

impl Class {
    /// Whether a column of [`COUNTED`](super::columns::COUNTED) is the same in all rows of a class.
    pub(super) fn is_of_class(column: usize) -> bool {
        column == COUNTED_KIND || column == COUNTED_CATEGORY
    }

    /// One row of a column that is the same in all.
    pub(super) fn value(&self, column: usize) -> ArrayRef {
        Arc::clone(if column == COUNTED_CATEGORY { &self.category } else { &self.kind })
    }
}

/// Deals the rows of a range, of which `categories` has the numbers of [`Ruled`] or nothing; without classes that no
/// row is of.
pub(super) fn deal(numbered: &Numbered, kinds: &Ranks, categories: &[u32], ruled: &Ruled) -> Vec<Class> {
    let all_categories: Vec<Option<&str>> = ruled.categories().collect();
    let place = |row: usize| {
        let category = categories.get(row).map_or(0, |category| *category as usize);
        kinds.of_row[row] as usize * all_categories.len() + category
    };
    let kinds_and_null = kinds.texts.len() + 1;
    let mut counts = vec![0; kinds_and_null * all_categories.len()];
    (0..kinds.of_row.len()).for_each(|row| counts[place(row)] += 1);
    let mut dealt: Vec<(Vec<u32>, Vec<usize>)> =
        counts.into_iter().map(|count| (Vec::with_capacity(count), Vec::with_capacity(count))).collect();
    for (row, number) in numbered.order.iter().zip(&numbered.number) {
        let (rows, keys) = &mut dealt[place(*row as usize)];
        rows.push(*row);
        keys.push(*number as usize);
    }
    let kinds = [None].into_iter().chain(kinds.texts.as_string::<i32>().iter());
    let values = kinds.flat_map(|kind| all_categories.iter().map(move |category| (kind, *category)));
    let classes = values.zip(dealt).map(|((kind, category), (rows, keys))| Class {
        kind: Arc::new(StringArray::from(vec![kind])),
        category: Arc::new(StringArray::from(vec![category])),
        rows: UInt32Array::from(rows),
        keys,
    });
    classes.filter(|class| !class.keys.is_empty()).collect()
}
