//! Step 5, where personal columns were asked for: they are leaves of the hours' trees of people.
//!
//! A leaf is salted, so one that is hidden tells nothing, and one whose salt was destroyed never will. Erased rows are
//! such leaves: what is left of the others still leads to the root.

use super::{
    failure::Failure,
    manifest::{Manifest, show},
    opened::{Opened, expect_end, expect_no_row, next_row},
};
use crate::{
    bundle::{
        columns::{PEOPLE, at::people},
        names,
        proof::{self, Leaf},
        table::{self, Row},
        zip::EntryReader,
    },
    hash::Hash,
    salt,
};

/// Reads personal rows, hour by hour.
pub(super) struct People<'s> {
    table: table::Reader<EntryReader<'s>>,
    proof: EntryReader<'s>,
    rows: u64,
}

impl<'s> People<'s> {
    /// `None` if the bundle has no personal columns.
    pub(super) fn open(opened: &Opened<'s>) -> Result<Option<Self>, Failure> {
        if opened.contents.personal.is_none() {
            return Ok(None);
        }
        let (table, proof) = (opened.table(names::PEOPLE, &PEOPLE)?, opened.reader(names::PROOF_PEOPLE)?);
        Ok(Some(Self { table, proof, rows: 0 }))
    }

    /// Checks an hour. `leaves` are those of the advertiser that are shown, with their positions, ascending by leaf.
    pub(super) fn hour(&mut self, manifest: &Manifest, leaves: &[(u64, i64)]) -> Result<(), Failure> {
        let Self { table, proof, rows } = self;
        let wrong = |reason: String| Failure::integrity(names::PEOPLE, reason);
        let tree = manifest.trees().people.as_ref();
        let tree = tree.ok_or_else(|| wrong(format!("{} has no tree of people", manifest.hour)))?;
        let root = proof::read_root::<Failure>(manifest.rows, proof, &mut |index, leaf| {
            if leaf != Leaf::Shown {
                return Err(Failure::integrity(names::PROOF_PEOPLE, "it has leaves of verdicts"));
            }
            let row = next_row(names::PEOPLE, table)?;
            let position = row.int(people::POSITION);
            let of_event = leaves.binary_search_by_key(&index, |(leaf, _)| *leaf).ok().map(|at| leaves[at].1);
            if of_event != Some(position) {
                let reason = format!("line {} says it is about {}, and its leaf is not", row.line, show(position));
                return Err(wrong(reason));
            }
            *rows += 1;
            leaf_of(&row).ok_or_else(|| wrong(format!("line {} has no salt of 16 bytes", row.line)))
        });
        let root = root.map_err(|failure| failure.or_at(names::PROOF_PEOPLE))?;
        match root == tree.root {
            true => Ok(()),
            false => Err(wrong(format!("the personal columns of {} are not those that were sealed", manifest.hour))),
        }
    }

    /// Checks that nothing is left; how many rows there were.
    pub(super) fn end(mut self) -> Result<u64, Failure> {
        expect_no_row(names::PEOPLE, &mut self.table)?;
        expect_end(names::PROOF_PEOPLE, &mut self.proof)?;
        Ok(self.rows)
    }
}

fn leaf_of(row: &Row<'_>) -> Option<Hash> {
    let text = row.text(people::SALT);
    let mut bytes = [0; salt::BYTES];
    hex::decode_to_slice(text, &mut bytes).ok().filter(|()| hex::encode(bytes) == text)?;
    let values = row.values().take(people::SALT);
    Some(salt::leaf(&salt::Salt(bytes), values))
}
