//! Rows of a sealed hour of clicks with the proof that they stand there, read with what is stored: of the parts only
//! the rows that are asked for, and those that share a block of 256 with the first or the last of a range.
//!
//! Each proof is checked against the root before it is handed out. So rows that were read without the digest of their
//! file are right, or somebody is told which file is not.

use std::{ops::Range, sync::Arc};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use clicktrail_evidence::{
    Hash,
    advertisers::{Key, Proof},
    salt::{HourKey, Salt},
    tree::{Answer, Nodes, Question, ranges},
};

use super::{clicks, hour::HourTrees};
use crate::{
    archive::{
        entry::File,
        keys::ManifestKey,
        manifest::{Manifest, Part},
        ranged,
        redaction::columns::{ERASED, LEAF, Left, SALT},
        store::{Archive, Error},
    },
    log::Stream,
    schema,
    time::Hour,
};

/// Rows of an hour, and the nodes that prove them.
#[derive(Debug, Clone)]
pub struct ProvedRows {
    /// The rows in order: the columns of a core file.
    pub rows: Vec<RecordBatch>,
    /// The proof that they are leaves of the tree of rows: see [`ranges`].
    pub nodes: Vec<Hash>,
}

/// What rows hold about people, and the nodes that prove it.
#[derive(Debug, Clone)]
pub struct ProvedPeople {
    /// In order: [`clicks::columns_of_people`], at least.
    pub rows: Vec<RecordBatch>,
    /// The salt of each row.
    pub salts: Vec<Salt>,
    /// The proof that they are leaves of the people's tree.
    pub nodes: Vec<Hash>,
}

/// Which rows of an hour an advertiser has, or the proof that it has none.
pub fn advertiser(trees: &HourTrees, hour: Hour, advertiser_id: &str) -> Option<Proof> {
    let advertisers = trees.advertisers.as_ref()?;
    Some(advertisers.prover().prove(&Key::new(&hour.to_string(), advertiser_id)))
}

impl Archive {
    /// The rows in `ranges` of an hour of clicks: rows of the hour from 0, ascending and disjoint.
    ///
    /// # Errors
    /// [`Error::Setup`] if the hour has no such rows or no trees; [`Error::Damaged`] if its parts are not what it was
    /// sealed with; [`Error::Missing`], [`Error::Unavailable`].
    pub async fn proved_rows(
        &self,
        manifest: &Manifest,
        trees: &HourTrees,
        ranges: &[Range<u64>],
    ) -> Result<ProvedRows, Error> {
        let question = question(manifest, &trees.rows, ranges)?;
        let (mut leaves, mut pieces) = (Vec::new(), Vec::new());
        for (part, wanted) in wanted_of_parts(&manifest.parts, question.wanted()) {
            let rows = ranged::rows(self, &part.core, &wanted.in_part, None).await?;
            leaves.extend(clicks::rows(&[&rows]).map_err(|reason| damaged(&part.core, reason))?);
            pieces.push((wanted, rows));
        }
        let answer = answer(&question, &trees.rows, &leaves, manifest)?;
        Ok(ProvedRows { rows: asked(&pieces, question.ranges()), nodes: answer.nodes })
    }

    /// What the rows in `ranges` hold about people; `key` is that of the hour ([`Archive::key_of`]). Rows that were
    /// erased ([`Archive::not_erased`]) cannot be among them.
    ///
    /// # Errors
    /// As [`Archive::proved_rows`].
    pub async fn proved_people(
        &self,
        manifest: &Manifest,
        trees: &HourTrees,
        ranges: &[Range<u64>],
        key: Option<&HourKey>,
    ) -> Result<ProvedPeople, Error> {
        let nodes = trees.people.as_ref().ok_or_else(|| without_trees(manifest))?;
        let question = question(manifest, nodes, ranges)?;
        let (mut leaves, mut pieces) = (Vec::new(), Vec::new());
        for (part, wanted) in wanted_of_parts(&manifest.parts, question.wanted()) {
            let columns: Vec<&str> =
                clicks::columns_of_people().filter(|name| schema::core().index_of(name).is_ok()).collect();
            let core = ranged::rows(self, &part.core, &wanted.in_part, Some(&columns)).await?;
            let personal = ranged::rows(self, &part.personal, &wanted.in_part, None).await?;
            let rows = beside(&core, &personal).map_err(|reason| damaged(&part.personal, reason))?;
            leaves.extend(clicks::people_of(&rows, &rows, key).map_err(|reason| damaged(&part.personal, reason))?);
            pieces.push((wanted, rows));
        }
        let answer = answer(&question, nodes, &leaves, manifest)?;
        let (rows, mut salts) = (asked(&pieces, question.ranges()), Vec::new());
        for rows in &rows {
            salts.extend(salts_of(rows, key).map_err(|reason| {
                Error::Setup(format!("the personal columns of {} cannot be shown: {reason}", manifest.hour))
            })?);
        }
        Ok(ProvedPeople { salts, rows, nodes: answer.nodes })
    }
}

/// The salt of each row.
fn salts_of(rows: &RecordBatch, key: Option<&HourKey>) -> Result<Vec<Salt>, &'static str> {
    if let Some(left) = Left::of(rows).map_err(|_| "what was erased of it is not readable")? {
        let salt = |row| left.salt(row).ok_or("some of them were erased");
        return (0..rows.num_rows()).map(salt).collect();
    }
    let key = key.ok_or(clicks::WITHOUT_KEY)?;
    let positions = rows.column_by_name(schema::POSITION).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let positions = positions.ok_or("its positions are no integers")?;
    Ok(positions.values().iter().map(|position| key.salt(*position)).collect())
}

/// Columns of two batches of the same rows, each name once: those about people, and what stands beside them.
fn beside(core: &RecordBatch, personal: &RecordBatch) -> Result<RecordBatch, String> {
    let column = |name: &'static str| {
        let found = personal.column_by_name(name).or_else(|| core.column_by_name(name));
        found.map(|column| (name, Arc::clone(column))).ok_or_else(|| format!("it lacks the column {name}"))
    };
    let columns = clicks::columns_of_people().map(column).collect::<Result<Vec<_>, _>>()?;
    let left = [ERASED, SALT, LEAF].into_iter();
    let left = left.filter_map(|name| personal.column_by_name(name).map(|column| (name, Arc::clone(column))));
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().chain(left).map(|(name, column)| (name, column, true)))
        .map_err(|error| error.to_string())
}

/// Rows of a part that are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// As rows of the part.
    pub in_part: Vec<Range<usize>>,
    /// As rows of the hour.
    pub in_hour: Vec<Range<u64>>,
}

/// The parts that have some of these rows of the hour, in order, and which.
pub fn wanted_of_parts<'p, P: crate::archive::entry::Entry>(
    parts: &'p [P],
    ranges: &[Range<u64>],
) -> Vec<(&'p P, Wanted)> {
    let (mut first, mut found) = (0, Vec::new());
    for part in parts {
        let rows = first..first + part.rows();
        let of_part = meeting(&rows, ranges).iter();
        let of_part = of_part.map(|range| range.start.max(rows.start)..range.end.min(rows.end));
        let in_hour: Vec<Range<u64>> = of_part.filter(|range| !range.is_empty()).collect();
        let local = |row: u64| usize::try_from(row - first).expect("a part has fewer rows than addresses");
        let in_part: Vec<Range<usize>> = in_hour.iter().map(|range| local(range.start)..local(range.end)).collect();
        if !in_part.is_empty() {
            found.push((part, Wanted { in_part, in_hour }));
        }
        first = rows.end;
    }
    found
}

/// Of ascending and disjoint ranges those that have rows of `rows`.
fn meeting<'r>(rows: &Range<u64>, ranges: &'r [Range<u64>]) -> &'r [Range<u64>] {
    let first = ranges.partition_point(|range| range.end <= rows.start);
    let end = ranges.partition_point(|range| range.start < rows.end);
    ranges.get(first..end).unwrap_or_default()
}

/// What is asked of a tree, if the hour has these rows.
///
/// # Errors
/// [`Error::Setup`].
pub fn question<P: crate::archive::entry::Entry>(
    manifest: &Manifest<P>,
    nodes: &Nodes,
    ranges: &[Range<u64>],
) -> Result<Question, Error> {
    let question = Question::new(nodes, ranges.to_vec()).filter(|_| nodes.size() == manifest.rows);
    question.ok_or_else(|| Error::Setup(format!("{} has {} rows, and not {ranges:?}", manifest.hour, manifest.rows)))
}

/// The proof, if it leads to the root.
///
/// # Errors
/// [`Error::Damaged`] naming the manifest: its parts are not what the hour was sealed with.
pub fn answer<P: crate::archive::entry::Entry>(
    question: &Question,
    nodes: &Nodes,
    leaves: &[Hash],
    manifest: &Manifest<P>,
) -> Result<Answer, Error> {
    let stream = Stream::ALL.into_iter().find(|stream| stream.as_str() == manifest.stream);
    let key = stream.map(|stream| ManifestKey { stream, hour: manifest.hour() }.path().to_string());
    let damaged = |reason: String| Error::Damaged { key: key.clone().unwrap_or_default(), reason };
    let answer = question.answer(nodes, leaves).map_err(|needed| damaged(needed.to_string()))?;
    let shown = answer.leaves.iter().copied();
    match ranges::verify(question.ranges(), nodes.size(), shown, &answer.nodes, &nodes.root()) {
        Ok(()) => Ok(answer),
        Err(_) => {
            Err(damaged("rows of its parts are not those that it was sealed with: run `log verify --deep`".into()))
        }
    }
}

/// Of the rows that were read those that were asked for, in order.
fn asked(pieces: &[(Wanted, RecordBatch)], ranges: &[Range<u64>]) -> Vec<RecordBatch> {
    let mut found = Vec::new();
    for (wanted, rows) in pieces {
        let mut before = 0;
        for piece in &wanted.in_hour {
            for range in meeting(piece, ranges) {
                let (start, end) = (range.start.max(piece.start), range.end.min(piece.end));
                let row = |row: u64| usize::try_from(row).expect("a part has fewer rows than addresses");
                found.push(rows.slice(before + row(start - piece.start), row(end - start)));
            }
            before += usize::try_from(piece.end - piece.start).expect("a part has fewer rows than addresses");
        }
    }
    found
}

fn damaged(file: &File, reason: String) -> Error {
    Error::Damaged { key: file.key.clone(), reason }
}

fn without_trees(manifest: &Manifest) -> Error {
    Error::Setup(format!("{} was sealed before there were trees: nothing of it can be proved", manifest.hour))
}

/// The part that holds a row of the hour.
pub fn part_of(manifest: &Manifest, row: u64) -> Option<&Part> {
    wanted_of_parts(&manifest.parts, std::slice::from_ref(&(row..row.saturating_add(1)))).first().map(|(part, _)| *part)
}
