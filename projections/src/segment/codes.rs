//! The codes of a column's rows: for as long as all are the same, one code and how often. Most columns of counts are
//! zero in every row, and cost next to nothing so.

use std::iter;

/// One code a row.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// The code of the first row, as long as every row has it, and the number of rows.
    same: Option<(u32, usize)>,
    /// All codes, once there are two different ones.
    all: Vec<u32>,
}

/// The codes of some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page<'c> {
    /// So many times the same.
    Same(u32, usize),
    Different(&'c [u32]),
}

impl Page<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Same(_, rows) => *rows,
            Self::Different(codes) => codes.len(),
        }
    }
}

impl Codes {
    /// Appends a code so many times.
    pub(super) fn push(&mut self, code: u32, rows: usize) {
        match &mut self.same {
            Some((same, count)) if *same == code => *count += rows,
            None if self.all.is_empty() => self.same = Some((code, rows)),
            Some(_) | None => self.each().extend(iter::repeat_n(code, rows)),
        }
    }

    /// All codes, to append others that are not known to be the same.
    pub(super) fn each(&mut self) -> &mut Vec<u32> {
        if let Some((code, rows)) = self.same.take() {
            self.all.extend(iter::repeat_n(code, rows));
        }
        &mut self.all
    }

    pub(super) fn len(&self) -> usize {
        self.same.map_or(self.all.len(), |(_, rows)| rows)
    }

    /// How many rows have a code.
    pub(super) fn count(&self, of: u32) -> usize {
        match self.same {
            Some((code, rows)) => {
                if code == of {
                    rows
                } else {
                    0
                }
            }
            None => self.all.iter().filter(|code| **code == of).count(),
        }
    }

    /// In pages of so many rows; the last has fewer.
    pub(super) fn pages(&self, rows: usize) -> impl Iterator<Item = Page<'_>> {
        let same = self.same.into_iter().flat_map(move |(code, all)| {
            (0..all).step_by(rows).map(move |start| Page::Same(code, rows.min(all - start)))
        });
        same.chain(self.all.chunks(rows).map(Page::Different))
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.same = None;
        self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_come_back_in_pages(
            runs in proptest::collection::vec((0_u32..3, 1_usize..9, any::<bool>()), 0..12),
            rows in 1_usize..9,
        ) {
            let (mut codes, mut expected) = (Codes::default(), Vec::new());
            for (code, count, one_by_one) in runs {
                expected.extend(iter::repeat_n(code, count));
                if one_by_one { codes.each().extend(iter::repeat_n(code, count)) } else { codes.push(code, count) }
            }
            let pages: Vec<Vec<u32>> = codes.pages(rows).map(|page| match page {
                Page::Same(code, rows) => vec![code; rows],
                Page::Different(codes) => codes.to_vec(),
            }).collect();
            prop_assert_eq!(pages, expected.chunks(rows).map(<[u32]>::to_vec).collect::<Vec<_>>());
            prop_assert_eq!(codes.len(), expected.len());
            prop_assert_eq!(codes.count(1), expected.iter().filter(|code| **code == 1).count());
        }
    }
}
