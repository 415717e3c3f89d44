//! Every verdict on the events, with the proof that there are no others: overruled ones too.

use std::{io, sync::Arc};

use clicktrail_evidence::{
    Hash,
    bundle::{
        columns::{VERDICTS, at::verdicts},
        names,
        proof::{self, Leaf},
    },
    tree::Subtree,
};
use clicktrail_log::{
    archive::{self, Archive},
    position::Position,
};
use clicktrail_verdicts::{
    archive::{ProvedVerdicts, Verdicts, proved_verdicts},
    ruling::Rank,
    verdict::{Category, Decision, Stage},
};
use futures::StreamExt as _;

use crate::{
    cells::Rows,
    error::Error,
    proofs::{self, joined},
    reading::side_by_side,
    sealed::Sealed,
    staging::Staging,
};

/// A verdict, as much of it as decides which one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) target: Position,
    pub(crate) position: Position,
    pub(crate) rank: Rank,
    pub(crate) stage: Stage,
    pub(crate) decision: Decision,
    pub(crate) category: Option<Category>,
}

/// Shows hours of verdicts about the events at `targets`, which ascend.
pub(crate) async fn stage(
    archive: &Archive,
    hours: &[Arc<Sealed<Verdicts>>],
    targets: &Arc<[Position]>,
    staging: &mut Staging,
) -> Result<Vec<Said>, Error> {
    staging.begin_table(names::VERDICTS, &VERDICTS)?;
    staging.begin(names::PROOF_VERDICTS)?;
    let mut said = Vec::new();
    let with_rows: Vec<_> = hours.iter().filter(|sealed| sealed.manifest.rows > 0).map(Arc::clone).collect();
    let (store, about) = (archive.clone(), Arc::clone(targets));
    let read = move |sealed| read_hour(store.clone(), sealed, Arc::clone(&about));
    let mut reads = side_by_side(with_rows.into_iter().map(read));
    while let Some(read) = reads.next().await {
        let (sealed, root, proved) = read?;
        let Some(proved) = proved else {
            let hidden = &mut |_: Subtree| Ok::<Hash, io::Error>(root);
            proof::write(sealed.manifest.rows, &[], staging.file(names::PROOF_VERDICTS), &mut |_| Leaf::Shown, hidden)?;
            continue;
        };
        write(&sealed, &proved, targets, staging)?;
        for batch in &proved.verdicts {
            let rows = Rows::of(batch, &VERDICTS, "verdicts")?;
            for row in 0..batch.num_rows() {
                staging.row(names::VERDICTS, rows.row(row))?;
                let damaged = || archive::Error::Damaged {
                    key: format!("verdicts of {}", sealed.hour),
                    reason: format!("row {row} is no verdict"),
                };
                said.push(read_row(&rows, row).ok_or_else(damaged)?);
            }
        }
    }
    said.sort_unstable_by_key(|said| (said.target, said.position));
    Ok(said)
}

/// What an hour says about the events, and the root of its tree.
async fn read_hour(
    archive: Archive,
    sealed: Arc<Sealed<Verdicts>>,
    targets: Arc<[Position]>,
) -> Result<(Arc<Sealed<Verdicts>>, Hash, Option<ProvedVerdicts>), Error> {
    let trees = sealed.trees(&archive).await?;
    let proved = proved_verdicts(&archive, &sealed.manifest, &trees, &targets).await?;
    let root = trees.rows.root();
    Ok((sealed, root, proved))
}

/// Writes the tree of an hour of which some leaves are shown.
fn write(
    sealed: &Sealed<Verdicts>,
    proved: &ProvedVerdicts,
    targets: &[Position],
    staging: &mut Staging,
) -> Result<(), Error> {
    let mut leaves = proved.leaves.iter();
    let mut leaf = |_: u64| {
        let leaf = leaves.next().expect("there is a leaf for each one that is shown");
        let is_of_ours = targets.binary_search_by_key(&leaf.target, |target| target.as_i64()).is_ok();
        if is_of_ours { Leaf::Shown } else { Leaf::Beside(*leaf) }
    };
    let runs = joined(proved.runs.iter().cloned());
    proofs::write(sealed.manifest.rows, &runs, &proved.nodes, &mut leaf, staging.file(names::PROOF_VERDICTS))?;
    Ok(())
}

fn read_row(rows: &Rows<'_>, row: usize) -> Option<Said> {
    let position = Position::from_i64(rows.int(verdicts::POSITION, row))?;
    let stage: Stage = rows.text(verdicts::STAGE, row).parse().ok()?;
    let category = rows.text(verdicts::CATEGORY, row);
    Some(Said {
        target: Position::from_i64(rows.int(verdicts::TARGET, row))?,
        position,
        rank: Rank::new(stage, position),
        stage,
        decision: rows.text(verdicts::DECISION, row).parse().ok()?,
        category: if category.is_empty() { None } else { Some(category.parse().ok()?) },
    })
}
