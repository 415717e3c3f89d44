//! What a sealed hour of verdicts says about some events, with the proof that it says nothing else about them.
//!
//! Rows of a part ascend by target. So all verdicts about an event stand together, between one about an earlier event
//! and one about a later, and these two are shown as leaves: a target and a hash. Parts whose targets, as the manifest
//! tells them, do not reach an event have nothing about it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
};

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
};
use clicktrail_evidence::{Hash, verdict::Leaf};
use clicktrail_log::{
    archive::{
        Archive, part,
        store::Error,
        trees::{
            HourTrees,
            prove::{answer, question, wanted_of_parts},
        },
    },
    position::Position,
};

use super::{
    leaves,
    part::{Manifest, Part},
};
use crate::schema;

/// What an hour says about some events.
#[derive(Debug, Clone)]
pub struct ProvedVerdicts {
    /// Runs of consecutive leaves, ascending, none across two parts: the verdicts and their neighbours.
    pub runs: Vec<Range<u64>>,
    /// The leaves of these runs, in order.
    pub leaves: Vec<Leaf>,
    /// The proof that they stand there: see [`clicktrail_evidence::tree::ranges`].
    pub nodes: Vec<Hash>,
    /// The verdicts about the events, in the order of the leaves: [`schema::read`] columns.
    pub verdicts: Vec<RecordBatch>,
}

/// Where the leaves of a part stand in the tree of the hour, for each part in order.
pub fn parts_of(manifest: &Manifest) -> Vec<Range<u64>> {
    let mut first = 0;
    let range = |part: &Part| {
        let range = first..first + part.rows;
        first = range.end;
        range
    };
    manifest.parts.iter().map(range).collect()
}

/// The rows of a part and their leaves.
struct Read {
    rows: RecordBatch,
    leaves: Vec<Leaf>,
}

async fn read(archive: &Archive, part: &Part) -> Result<Read, Error> {
    let bytes = archive.get_file(&part.file).await?;
    let damaged = |reason: String| Error::Damaged { key: part.file.key.clone(), reason };
    let batches = part::read(bytes, None).and_then(|batches| Ok(batches.collect::<Result<Vec<_>, _>>()?));
    let batches = batches.map_err(|error| damaged(error.to_string()))?;
    let rows = concat_batches(&schema::read(), &batches).map_err(|error| damaged(error.to_string()))?;
    let leaves = leaves::of(&rows).map_err(damaged)?;
    Ok(Read { rows, leaves })
}

/// The runs of a part that show all of its verdicts about `targets`, which ascend; rows of the part, half-open.
fn runs_of(leaves: &[Leaf], targets: &[i64]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for target in targets {
        let first = leaves.partition_point(|leaf| leaf.target < *target);
        let behind = leaves.partition_point(|leaf| leaf.target <= *target);
        let run = first.saturating_sub(1)..leaves.len().min(behind + 1);
        match runs.last_mut() {
            Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
            Some(_) | None => runs.push(run),
        }
    }
    runs
}

/// What a sealed hour says about `targets`, in ascending order; `None` if no part of it reaches any of them.
///
/// # Errors
/// As [`Archive::proved_rows`].
pub async fn proved_verdicts(
    archive: &Archive,
    manifest: &Manifest,
    trees: &HourTrees,
    targets: &[Position],
) -> Result<Option<ProvedVerdicts>, Error> {
    let mut parts: BTreeMap<u64, Read> = BTreeMap::new();
    let (mut runs, mut verdicts) = (Vec::new(), Vec::new());
    for (part, range) in manifest.parts.iter().zip(parts_of(manifest)) {
        let begin = targets.partition_point(|target| *target < part.target_min);
        let end = targets.partition_point(|target| *target <= part.target_max);
        let within: Vec<i64> = targets.get(begin..end).unwrap_or_default().iter().map(|it| it.as_i64()).collect();
        if within.is_empty() {
            continue;
        }
        let read = read(archive, part).await?;
        let found = runs_of(&read.leaves, &within);
        runs.extend(found.iter().map(|run| range.start + run.start as u64..range.start + run.end as u64));
        verdicts.push(about(&read, &found, &within).map_err(|reason| damaged(part, reason))?);
        parts.insert(range.start, read);
    }
    if runs.is_empty() {
        return Ok(None);
    }
    let question = question(manifest, &trees.rows, &runs)?;
    let ranges = parts_of(manifest);
    let mut wanted: Vec<Hash> = Vec::new();
    for (part, rows) in wanted_of_parts(&manifest.parts, question.wanted()) {
        let inside = rows.in_hour.first().map_or(0, |range| range.start);
        let first = ranges.iter().rfind(|range| range.start <= inside).map_or(0, |range| range.start);
        let leaves = match parts.entry(first) {
            Entry::Occupied(known) => &known.into_mut().leaves,
            Entry::Vacant(unknown) => &unknown.insert(read(archive, part).await?).leaves,
        };
        for range in rows.in_part {
            let leaves =
                leaves.get(range).ok_or_else(|| damaged(part, "it has fewer rows than its manifest says".into()))?;
            wanted.extend(leaves.iter().map(Leaf::hash));
        }
    }
    let answer = answer(&question, &trees.rows, &wanted, manifest)?;
    let mut leaves = Vec::new();
    for run in &runs {
        let of_part = parts.range(..=run.start).next_back();
        let shown = of_part.and_then(|(first, read)| {
            let row = |row: u64| usize::try_from(row.checked_sub(*first)?).ok();
            read.leaves.get(row(run.start)?..row(run.end)?)
        });
        leaves.extend_from_slice(shown.expect("a run is of a part that was read"));
    }
    Ok(Some(ProvedVerdicts { runs, leaves, nodes: answer.nodes, verdicts }))
}

/// The rows of runs that are about one of the targets.
fn about(read: &Read, runs: &[Range<usize>], targets: &[i64]) -> Result<RecordBatch, String> {
    let is_about = |row: &usize| read.leaves.get(*row).is_some_and(|leaf| targets.binary_search(&leaf.target).is_ok());
    let rows = runs.iter().cloned().flatten().filter(is_about);
    let rows: Vec<u32> = rows.map(u32::try_from).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    take_record_batch(&read.rows, &UInt32Array::from(rows)).map_err(|error| error.to_string())
}

fn damaged(part: &Part, reason: String) -> Error {
    Error::Damaged { key: part.file.key.clone(), reason }
}

#[cfg(test)]
mod tests;
