//! Which click of theirs is which of ours: one to one.

/// No row.
const NONE: u32 = u32::MAX;

/// The pairs so far.
#[derive(Debug)]
pub(super) struct Pairs {
    of_ours: Vec<u32>,
    of_theirs: Vec<u32>,
}

impl Pairs {
    /// None yet, of so many rows.
    pub(super) fn new(ours: usize, theirs: usize) -> Self {
        Self { of_ours: vec![NONE; ours], of_theirs: vec![NONE; theirs] }
    }

    /// Makes two rows a pair.
    ///
    /// # Panics
    /// If one of them has a partner: a click that were counted twice would explain money that nobody asked for.
    pub(super) fn pair(&mut self, ours: u32, theirs: u32) {
        let (of_ours, of_theirs) = (&mut self.of_ours[ours as usize], &mut self.of_theirs[theirs as usize]);
        assert!(*of_ours == NONE && *of_theirs == NONE, "rows {ours} and {theirs} are each in one pair at most");
        (*of_ours, *of_theirs) = (theirs, ours);
    }

    /// The partner of one of ours.
    pub(super) fn of_ours(&self, row: u32) -> Option<u32> {
        Some(self.of_ours[row as usize]).filter(|row| *row != NONE)
    }

    /// The partner of one of theirs.
    pub(super) fn of_theirs(&self, row: u32) -> Option<u32> {
        Some(self.of_theirs[row as usize]).filter(|row| *row != NONE)
    }
}
