//! What verdicts are in the tree of their hour: each leaf shows its target, and the rest of the row as a hash.

use arrow::{array::RecordBatch, datatypes::Int64Type};
use bytes::Bytes;
use clicktrail_evidence::{Hash, row, verdict::Leaf};
use clicktrail_log::archive::{
    part,
    trees::{Leaves, cells::Cells},
};

use super::read_back::unreadable;
use crate::schema;

/// The leaves of rows of [`schema::read`] columns.
pub(super) fn of(rows: &RecordBatch) -> Result<Vec<Leaf>, String> {
    let columns = schema::read();
    let names = columns.fields().iter().map(|field| field.name().as_str());
    let mut cells = Cells::of(row::Kind::Verdicts, &[rows], names)?;
    let targets = schema::primitive::<Int64Type>(rows, "target").map_err(unreadable)?;
    let mut data = Vec::new();
    let leaf = |(row, target): (usize, &i64)| {
        data.clear();
        cells.encode(row, &mut data);
        Leaf { target: *target, row: Hash::of(&data) }
    };
    Ok(targets.values().iter().enumerate().map(leaf).collect())
}

/// The leaves of a part, from its file.
pub(super) fn stored(file: &Bytes) -> Result<Vec<Leaf>, String> {
    let mut leaves = Vec::new();
    for batch in part::read(file.clone(), None).map_err(unreadable)? {
        leaves.extend(of(&batch.map_err(unreadable)?)?);
    }
    Ok(leaves)
}

/// The same as the tree has them.
pub(super) fn of_tree(leaves: &[Leaf]) -> Leaves {
    Leaves::of_rows(leaves.iter().map(Leaf::hash).collect())
}
