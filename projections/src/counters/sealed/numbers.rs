//! The keys of a range, numbered in their order.
//!
//! The ranks of a key, its minute and its row nearly always fit into one integer, of 64 bits or else of 128. Sorting
//! such integers is by far the fastest way to sort the rows.

use super::{columns, ranks::Ranks};

/// The rows of a range in the order of their keys.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Numbered {
    pub(super) order: Vec<u32>,
    /// The number of each row's key, in that order.
    pub(super) number: Vec<u32>,
    /// A row of each key.
    pub(super) first_rows: Vec<u32>,
}

impl Numbered {
    fn with_capacity(rows: usize) -> Self {
        Self { order: Vec::with_capacity(rows), number: Vec::with_capacity(rows), first_rows: Vec::new() }
    }

    /// Adds the next row, which begins a key or not.
    fn push(&mut self, row: u32, is_first: bool) {
        if is_first {
            self.first_rows.push(row);
        }
        self.order.push(row);
        self.number.push(u32::try_from(self.first_rows.len() - 1).expect("a range has fewer rows than 2^32"));
    }
}

/// Puts the rows into the order of the keys, nulls first, and numbers the keys.
pub(super) fn number_keys(ranks: &[Ranks; columns::TEXTS.len()], minutes: &[i64]) -> Numbered {
    let layout = Layout::of(ranks, minutes);
    match layout.bits() {
        ..=64 => in_order(layout.pack::<u64>(ranks, minutes), layout.row_width),
        65..=128 => in_order(layout.pack::<u128>(ranks, minutes), layout.row_width),
        _ => by_comparing(ranks, minutes),
    }
}

/// Numbers keys that are packed with their rows.
fn in_order<P: Packed>(mut keys: Vec<P>, row_width: u32) -> Numbered {
    keys.sort_unstable();
    let mut numbered = Numbered::with_capacity(keys.len());
    let mut previous = None;
    for packed in keys {
        let (key, row) = packed.split(row_width);
        numbered.push(row, Some(key) != previous);
        previous = Some(key);
    }
    numbered
}

/// Numbers keys of any width.
fn by_comparing(ranks: &[Ranks; columns::TEXTS.len()], minutes: &[i64]) -> Numbered {
    let rows = u32::try_from(minutes.len()).expect("a range has fewer rows than 2^32");
    let key = |row: u32| {
        let rank = |column: usize| ranks[column].of_row[row as usize];
        let (minute, before) = (minutes[row as usize], [0, 1, 2, columns::PUBLISHER].map(rank));
        (before, minute, [columns::PUBLISHER + 1, columns::PUBLISHER + 2, columns::PUBLISHER + 3].map(rank))
    };
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_unstable_by_key(|row| (key(*row), *row));
    let mut numbered = Numbered::with_capacity(minutes.len());
    let mut previous = None;
    for row in order {
        numbered.push(row, Some(key(row)) != previous);
        previous = Some(key(row));
    }
    numbered
}

/// How many bits each part of a packed key takes.
struct Layout {
    ranks: [u32; columns::TEXTS.len()],
    first_minute: i64,
    minute_width: u32,
    row_width: u32,
}

impl Layout {
    fn of(ranks: &[Ranks; columns::TEXTS.len()], minutes: &[i64]) -> Self {
        let first_minute = minutes.iter().copied().min().unwrap_or(0);
        let span = minutes.iter().copied().max().unwrap_or(0).abs_diff(first_minute);
        Self {
            ranks: std::array::from_fn(|column| bits(ranks[column].max())),
            first_minute,
            minute_width: bits(span),
            row_width: bits(minutes.len() as u64),
        }
    }

    fn bits(&self) -> u32 {
        self.ranks.iter().sum::<u32>() + self.minute_width + self.row_width
    }

    /// Key and number of every row; the key in the higher bits.
    fn pack<P: Packed>(&self, ranks: &[Ranks; columns::TEXTS.len()], minutes: &[i64]) -> Vec<P> {
        let mut keys = vec![P::default(); minutes.len()];
        for (column, ranks) in ranks.iter().enumerate() {
            let width = self.ranks[column];
            keys.iter_mut().zip(&ranks.of_row).for_each(|(key, rank)| *key = key.append(width, u64::from(*rank)));
            if column == columns::PUBLISHER {
                let minutes = minutes.iter().map(|minute| minute.abs_diff(self.first_minute));
                keys.iter_mut().zip(minutes).for_each(|(key, minute)| *key = key.append(self.minute_width, minute));
            }
        }
        keys.iter_mut().zip(0_u64..).for_each(|(key, row)| *key = key.append(self.row_width, row));
        keys
    }
}

/// An integer that holds a key and its row.
trait Packed: Copy + Ord + Default {
    /// Itself with a number behind that has at most `width` bits.
    fn append(self, width: u32, number: u64) -> Self;

    /// What stands before the last `width` bits, and the row that stands there.
    fn split(self, width: u32) -> (Self, u32);
}

macro_rules! packed {
    ($integer:ty) => {
        impl Packed for $integer {
            #[inline]
            fn append(self, width: u32, number: u64) -> Self {
                self << width | Self::from(number)
            }

            #[inline]
            fn split(self, width: u32) -> (Self, u32) {
                let row = self & ((1 << width) - 1);
                (self >> width, u32::try_from(row).expect("rows have at most 32 bits"))
            }
        }
    };
}

packed!(u64);
packed!(u128);

/// Bits that hold every number up to and including `max`.
fn bits(max: u64) -> u32 {
    u64::BITS - max.leading_zeros()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringArray;

    use super::*;

    fn ranks(of_row: [u32; 4], texts: usize) -> Ranks {
        Ranks { of_row: of_row.to_vec(), texts: Arc::new(StringArray::from(vec![""; texts])) }
    }

    #[test]
    fn keys_of_any_width_are_numbered_alike() {
        let ranks = |texts: usize| {
            std::array::from_fn(|column| match column {
                0 => ranks([1, 2, 1, 1], texts),
                columns::PUBLISHER => ranks([3, 0, 0, 0], texts),
                4 => ranks([2, 2, 2, 2], texts),
                _ => ranks([1; 4], texts),
            })
        };
        for (far, texts, least_width) in [(5, 3, 0), (i64::MAX, 3, 65), (i64::MAX, 1 << 9, 129)] {
            let (ranks, minutes) = (ranks(texts), [far, -far, far, far]);
            let width = Layout::of(&ranks, &minutes).bits();
            assert!(width >= least_width && (far > 5 || width <= 64), "{width} bits");
            let expected = Numbered { order: vec![2, 3, 0, 1], number: vec![0, 0, 1, 2], first_rows: vec![2, 0, 1] };
            assert_eq!(number_keys(&ranks, &minutes), expected, "{width} bits");
        }
    }
}
