//! Row groups that have the same keys on both sides, as where other code or other verdicts counted the same events:
//! their rows stand side by side, so no key is decoded to find which belong together, and no measure that is stored
//! with the same bytes. Of the others only the numbers are compared, column by column.

use std::ops::Range;

use arrow::array::RecordBatch;

use super::{
    row::{Layout, RowChange},
    side::{self, Side},
};
use crate::{error::Error, sums};

/// Rows that are not the same are read together with those between them, if these are so few: to skip costs as much.
const GAP_ROWS_MAX: usize = 32;

/// Shows `found` every row that differs in the first row groups, up to the first one without the same keys on both
/// sides. Returns how many groups that were.
pub(super) fn rows(
    layout: &Layout,
    (before, after): (&Side<'_>, &Side<'_>),
    found: &mut dyn FnMut(RowChange) -> Result<(), Error>,
) -> Result<usize, Error> {
    let mut group = 0;
    while has_same_keys(layout, before, after, group) {
        let measures = Measures::of(layout, (before, after), group);
        let changed = Changed::find(&measures, (before, after), group)?;
        if !changed.rows.is_empty() {
            show(layout, &measures, &changed, (after, group), found)?;
        }
        group += 1;
    }
    Ok(group)
}

fn has_same_keys(layout: &Layout, before: &Side<'_>, after: &Side<'_>, group: usize) -> bool {
    let rows = before.groups.rows(group);
    rows.is_some()
        && rows == after.groups.rows(group)
        && !layout.keys.is_empty()
        && layout.keys.iter().all(|key| before.groups.is_same(&after.groups, group, key))
}

/// The measures of one row group.
struct Measures<'l> {
    /// Those that may differ, and where they stand in the layout.
    other: Vec<(usize, &'l str)>,
    /// Those that are stored with the same bytes, and where they stand.
    same: Vec<(usize, &'l str)>,
    all: usize,
}

impl<'l> Measures<'l> {
    fn of(layout: &'l Layout, (before, after): (&Side<'_>, &Side<'_>), group: usize) -> Self {
        let named = layout.measures.iter().map(String::as_str).enumerate();
        // What neither side has is nothing on both.
        let there = named.filter(|(_, name)| before.has(name) || after.has(name));
        let (same, other) = there.partition(|(_, name)| before.groups.is_same(&after.groups, group, name));
        Self { other, same, all: layout.measures.len() }
    }
}

/// Rows that are not the same, and both values of each measure that may differ.
struct Changed {
    /// Which of the group, ascending.
    rows: Vec<usize>,
    /// For each of them, for each of [`Measures::other`]: before and after.
    values: Vec<Vec<(i128, i128)>>,
}

impl Changed {
    fn find(measures: &Measures<'_>, (before, after): (&Side<'_>, &Side<'_>), group: usize) -> Result<Self, Error> {
        let mut found = Self { rows: Vec::new(), values: Vec::new() };
        if measures.other.is_empty() {
            return Ok(found);
        }
        let names = |side: &Side<'_>| -> Vec<&str> {
            measures.other.iter().map(|(_, name)| *name).filter(|name| side.has(name)).collect()
        };
        let mut one = before.batches(before.groups.read(group..group + 1, &names(before)))?;
        let mut two = after.batches(after.groups.read(group..group + 1, &names(after)))?;
        let mut first = 0;
        loop {
            let (one, two) = match (one.next().transpose()?, two.next().transpose()?) {
                (Some(one), Some(two)) if one.num_rows() == two.num_rows() => (one, two),
                (None, None) => return Ok(found),
                (_, _) => return Err(after.damaged("its row groups have other rows than its footer says".to_owned())),
            };
            found.add(measures, (&one, &two), first);
            first += one.num_rows();
        }
    }

    /// Adds what differs in two batches of the same rows, the first of which is row `first` of the group.
    fn add(&mut self, measures: &Measures<'_>, (one, two): (&RecordBatch, &RecordBatch), first: usize) {
        let column =
            |batch: &RecordBatch, name: &str| sums::integers(batch, name).unwrap_or_else(|| vec![0; batch.num_rows()]);
        let columns: Vec<_> = measures.other.iter().map(|(_, name)| (column(one, name), column(two, name))).collect();
        let mut differs = vec![false; one.num_rows()];
        for (before, after) in &columns {
            for (differs, (before, after)) in differs.iter_mut().zip(before.iter().zip(after)) {
                *differs |= before != after;
            }
        }
        for (at, _) in differs.iter().enumerate().filter(|(_, differs)| **differs) {
            self.rows.push(first + at);
            self.values.push(columns.iter().map(|(before, after)| (before[at], after[at])).collect());
        }
    }

    /// The rows that are read for it: ranges that do not touch.
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for row in &self.rows {
            match ranges.last_mut() {
                Some(last) if *row - last.end <= GAP_ROWS_MAX => last.end = row + 1,
                Some(_) | None => ranges.push(*row..row + 1),
            }
        }
        ranges
    }
}

/// Reads the keys of the rows that differ, and the measures that do not, from one of the sides.
fn show(
    layout: &Layout,
    measures: &Measures<'_>,
    changed: &Changed,
    (side, group): (&Side<'_>, usize),
    found: &mut dyn FnMut(RowChange) -> Result<(), Error>,
) -> Result<(), Error> {
    let ranges = changed.ranges();
    let names: Vec<&str> =
        layout.keys.iter().map(String::as_str).chain(measures.same.iter().map(|(_, name)| *name)).collect();
    let mut read = ranges.iter().cloned().flatten();
    let mut next = changed.rows.iter().zip(&changed.values).peekable();
    for batch in side.batches(side.groups.read_rows(group, &ranges, &names))? {
        let batch = batch?;
        let (mut picked, mut values) = (Vec::new(), Vec::new());
        for (at, row) in (0_u32..).zip(read.by_ref().take(batch.num_rows())) {
            if let Some((_, both)) = next.next_if(|(changed, _)| **changed == row) {
                picked.push(at);
                values.push(both);
            }
        }
        let keys = side::keys(layout, &batch, &picked).map_err(|reason| side.damaged(reason))?;
        let same: Vec<_> = measures.same.iter().map(|(at, name)| (*at, sums::integers(&batch, name))).collect();
        for ((at, key), both) in picked.into_iter().zip(keys).zip(values) {
            let at = usize::try_from(at).expect("a batch has few rows");
            let mut before = vec![0; measures.all];
            for (place, column) in &same {
                before[*place] = column.as_ref().map_or(0, |column| column[at]);
            }
            let mut after = before.clone();
            for ((place, _), (one, two)) in measures.other.iter().zip(both) {
                (before[*place], after[*place]) = (*one, *two);
            }
            found(RowChange { key, before: Some(before), after: Some(after) })?;
        }
    }
    match next.next() {
        None => Ok(()),
        Some((row, _)) => Err(side.damaged(format!("row {row} of a row group could not be read"))),
    }
}
