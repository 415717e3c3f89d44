//! What the rows of a part are in the trees of their hour.

use clicktrail_evidence::{Hash, advertisers::Key};

/// The leaves of a part, in the order of its rows. What they take is bounded by the part: 32 bytes a row and tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaves {
    /// Of the tree of rows.
    pub rows: Vec<Hash>,
    /// Of the people's tree; only of clicks.
    pub people: Vec<Hash>,
    /// How many consecutive rows are of which advertiser; only of clicks.
    pub advertisers: Vec<(Key, u64)>,
}

impl Leaves {
    /// Of a stream that is not about people.
    pub fn of_rows(rows: Vec<Hash>) -> Self {
        Self { rows, ..Self::default() }
    }
}
