use std::collections::BTreeSet;

use clicktrail_evidence::{
    tree::ranges,
    verdict::{Leaf, shows_all_of},
};
use clicktrail_log::position::{Epoch, Seq};

use super::*;
use crate::{
    archive::Verdicts,
    testing::{bed::bed, verdict},
};

/// Everything that an hour was asked about is in its runs, and its runs prove it: also for events without a verdict.
#[tokio::test]
async fn hour_proves_which_verdicts_it_has_about_events_and_that_it_has_no_others() {
    let bed = bed().await;
    for manifest in bed.seal(9).await {
        let trees = bed.archive.stored_trees::<Verdicts>(&manifest).await.unwrap().unwrap();
        let told = manifest.trees.clone().unwrap();
        // Every third event, with one that has no verdict now and then.
        let mut targets: Vec<Position> = (0..210).step_by(3).map(|event| verdict(event).target).collect();
        targets.extend([3, 90].map(|seq| Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 60_000)));
        targets.sort_unstable();
        let proved = proved_verdicts(&bed.archive, &manifest, &trees, &targets).await.unwrap();
        let Some(proved) = proved else {
            assert_eq!(manifest.rows, 0, "each hour with verdicts reaches some of these events");
            continue;
        };
        let hashes = proved.leaves.iter().map(Leaf::hash);
        let verified = ranges::verify(&proved.runs, told.rows.leaves, hashes, &proved.nodes, &told.rows.root);
        assert_eq!(verified, Ok(()));
        check_runs(&manifest, &proved, &targets);
        check_verdicts(&bed.ruled, &manifest, &proved, &targets);
    }
}

/// Each part that reaches a target shows all it has about it.
fn check_runs(manifest: &Manifest, proved: &ProvedVerdicts, targets: &[Position]) {
    let mut leaves = proved.leaves.as_slice();
    let mut runs = Vec::new();
    for run in &proved.runs {
        let shown = leaves.split_off(..usize::try_from(run.end - run.start).unwrap()).unwrap();
        runs.push((run.clone(), shown));
    }
    assert!(leaves.is_empty());
    for (part, range) in manifest.parts.iter().zip(parts_of(manifest)) {
        for target in targets.iter().filter(|target| (part.target_min..=part.target_max).contains(target)) {
            let shows = |(run, leaves): &(Range<u64>, &[Leaf])| shows_all_of(target.as_i64(), &range, run, leaves);
            assert!(runs.iter().any(shows), "{target} in {range:?}");
        }
    }
}

/// The verdicts are those of the log about these events, and each is a leaf that is shown.
fn check_verdicts(ruled: &[crate::reader::Ruled], manifest: &Manifest, proved: &ProvedVerdicts, targets: &[Position]) {
    let of_hour = ruled.iter().filter(|ruled| manifest.positions().contains(&ruled.position));
    let mut expected: Vec<_> = of_hour.filter(|ruled| targets.contains(&ruled.verdict.target)).collect();
    expected.sort_by_key(|ruled| (ruled.verdict.target, ruled.position));
    let mut found: Vec<_> = proved.verdicts.iter().flat_map(|rows| schema::from_batch(rows).unwrap()).collect();
    found.sort_by_key(|verdict| verdict.target);
    assert_eq!(found, expected.iter().map(|ruled| ruled.verdict.clone()).collect::<Vec<_>>());
    let shown: BTreeSet<_> = proved.leaves.iter().map(|leaf| leaf.row).collect();
    let rows = proved.verdicts.iter().flat_map(|rows| leaves::of(rows).unwrap());
    assert!(rows.into_iter().all(|leaf| shown.contains(&leaf.row)));
}

#[tokio::test]
async fn hour_that_reaches_none_of_the_events_proves_nothing_and_reads_nothing() {
    let bed = bed().await;
    let manifest = bed.seal(1).await.remove(0);
    let trees = bed.archive.stored_trees::<Verdicts>(&manifest).await.unwrap().unwrap();
    for part in &manifest.parts {
        std::fs::remove_file(bed.directory.path().join("archive").join(&part.file.key)).unwrap();
    }
    let beyond = [Position::new(Epoch::FIRST, Seq::new(1_000_000).unwrap(), 0)];
    let proved = proved_verdicts(&bed.archive, &manifest, &trees, &beyond).await.unwrap();
    assert!(proved.is_none());
}
