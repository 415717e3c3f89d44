//! What an hour counts from on two sides, row by row, with the cause: other code, or other verdicts.
//!
//! Equal digests are equal rows, so only hours whose segments differ are read. Where code and verdicts are both others,
//! the missing combination is built: the verdicts of before with the code of after. What lies between before and that
//! is the code's doing, what lies between that and after is the verdicts'.

pub mod events;
mod merge;
pub mod sides;

use std::{collections::BTreeMap, fmt};

use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::{
    archive::{
        self, Archive, Manifest,
        clicks::Clicks,
        keys::{ManifestKey, ReceiptKey},
        manifest,
    },
    frame::Digest,
    log::Stream,
    time::Hour,
};
use clicktrail_projections::{Projection, session};
use clicktrail_verdicts::reader::VerdictReader;

pub(crate) use merge::rows;
pub use merge::{Layout, RowChange};

use crate::{error::Error, receipt::Receipt, rulings::HourRulings, segment};

/// Why rows differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The hour counts from nothing before, or from nothing after.
    Hour,
    /// Other SQL, columns or engine.
    Code,
    /// Other verdicts, or fewer clicks because of a bound.
    Input,
}

impl Cause {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Code => "code",
            Self::Input => "verdicts",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many rows are not the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Only after.
    pub added: u64,
    /// Only before.
    pub removed: u64,
    /// In both, with other values.
    pub changed: u64,
}

impl RowCounts {
    fn note(&mut self, change: &RowChange) {
        match (&change.before, &change.after) {
            (None, _) => self.added += 1,
            (Some(_), None) => self.removed += 1,
            (Some(_), Some(_)) => self.changed += 1,
        }
    }

    /// All of them.
    pub const fn all(self) -> u64 {
        self.added + self.removed + self.changed
    }
}

/// A row that is not the same, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which hour.
    pub hour: Hour,
    /// Why.
    pub cause: Cause,
    /// The row.
    pub row: RowChange,
}

/// What differs between two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The columns of keys and measures.
    pub layout: Layout,
    /// How many hours were held against each other.
    pub compared: u64,
    /// Hours that differ, and how many of their rows, by cause.
    pub hours: BTreeMap<Hour, BTreeMap<Cause, RowCounts>>,
    /// By how much each measure grew, by group and cause.
    pub groups: BTreeMap<Vec<Option<String>>, BTreeMap<Cause, Vec<i128>>>,
    /// The first rows that differ, as many as were asked for.
    pub rows: Vec<Changed>,
    /// All rows that differ.
    pub counts: RowCounts,
}

/// One hour on both sides; `None`: it counts from nothing there.
#[derive(Debug, Clone)]
pub struct Sides {
    /// Which hour.
    pub hour: Hour,
    /// What it counted from.
    pub before: Option<LivePointer>,
    /// What it would count from.
    pub after: Option<LivePointer>,
}

/// What is compared, and how the answer is grouped.
#[derive(Debug, Clone)]
pub struct Question {
    /// By which columns of the key.
    pub by: Vec<String>,
    /// Whether by hour too: it comes first.
    pub by_hour: bool,
    /// Only rows whose column of the key has this value.
    pub only: Option<(String, String)>,
    /// So many rows are kept.
    pub rows_max: usize,
}

/// What comparing reads.
#[derive(Debug, Clone)]
pub struct Comparison<'c> {
    /// Segments, receipts, and what they are made of.
    pub archive: &'c Archive,
    /// Verdicts, for the missing combination.
    pub history: &'c VerdictReader,
    /// The code of the side after.
    pub projection: &'c Projection,
    /// What projecting may use.
    pub limits: session::Limits,
}

impl Comparison<'_> {
    /// Compares every hour. After each `progress` is told how many are done.
    ///
    /// # Errors
    /// What is missing or damaged, by name: nothing is left out.
    pub async fn run(
        &self,
        sides: &[Sides],
        question: &Question,
        mut progress: impl FnMut(u64),
    ) -> Result<Diff, Error> {
        let mut diff = Diff {
            layout: Layout::of(self.projection),
            compared: 0,
            hours: BTreeMap::new(),
            groups: BTreeMap::new(),
            rows: Vec::new(),
            counts: RowCounts::default(),
        };
        let by = positions(&diff.layout, question)?;
        for hour in sides {
            self.hour(hour, question, &by, &mut diff).await?;
            diff.compared += 1;
            progress(diff.compared);
        }
        Ok(diff)
    }

    async fn hour(&self, sides: &Sides, question: &Question, by: &Columns, diff: &mut Diff) -> Result<(), Error> {
        let digest = |side: &Option<LivePointer>| side.as_ref().map(|side| side.output_digest.clone());
        if digest(&sides.before) == digest(&sides.after) {
            return Ok(());
        }
        let before = self.file(sides.before.as_ref()).await?;
        let after = self.file(sides.after.as_ref()).await?;
        let (Some(one), Some(other)) = (&sides.before, &sides.after) else {
            return self.compare(sides.hour, Cause::Hour, (before, after), question, by, diff).await;
        };
        let same_code = one.code_digest == other.code_digest;
        if same_code || one.input_digest == other.input_digest {
            let cause = if same_code { Cause::Input } else { Cause::Code };
            return self.compare(sides.hour, cause, (before, after), question, by, diff).await;
        }
        let between = Some(self.between(one).await?);
        self.compare(sides.hour, Cause::Code, (before, between.clone()), question, by, diff).await?;
        self.compare(sides.hour, Cause::Input, (between, after), question, by, diff).await
    }

    /// The segment with the verdicts of `before` and the code of the side after.
    async fn between(&self, before: &LivePointer) -> Result<manifest::File, Error> {
        let manifest = manifest_of(self.archive, before.hour).await?;
        let rulings = match before.knows_before {
            Some(position) => HourRulings::as_of(self.history, &manifest, position).await?,
            None => HourRulings::live(self.history, &manifest).await?,
        };
        let input = segment::input_digest(&manifest, &rulings).to_string();
        if input != before.input_digest {
            let hour = before.hour;
            return Err(Error::Incomplete(format!(
                "{hour} counts from input {}, and archive and verdict log give {input} for it",
                before.input_digest
            )));
        }
        let built = segment::reuse_or_build(self.archive, self.projection, &manifest, &rulings, self.limits).await?;
        Ok(segment::file(&built))
    }

    async fn file(&self, side: Option<&LivePointer>) -> Result<Option<manifest::File>, Error> {
        let Some(side) = side else { return Ok(None) };
        let receipt = receipt_of(self.archive, self.projection.name(), side).await?;
        Ok(Some(manifest::File { key: receipt.key, bytes: receipt.bytes, sha256: receipt.output_digest }))
    }

    async fn compare(
        &self,
        hour: Hour,
        cause: Cause,
        (before, after): (Option<manifest::File>, Option<manifest::File>),
        question: &Question,
        by: &Columns,
        diff: &mut Diff,
    ) -> Result<(), Error> {
        let (before, after) = (self.read(before).await?, self.read(after).await?);
        let side =
            |side: &Option<(String, bytes::Bytes)>| side.as_ref().map(|(key, bytes)| (key.clone(), bytes.clone()));
        let (one, other) = (side(&before), side(&after));
        let one = one.as_ref().map(|(key, bytes)| (key.as_str(), bytes.clone()));
        let other = other.as_ref().map(|(key, bytes)| (key.as_str(), bytes.clone()));
        let layout = diff.layout.clone();
        rows(&layout, one, other, &mut |row| {
            if by.only.as_ref().is_some_and(|(at, value)| row.key[*at].as_ref() != Some(value)) {
                return Ok(());
            }
            let mut group: Vec<Option<String>> = Vec::with_capacity(by.groups.len() + 1);
            group.extend(question.by_hour.then(|| Some(hour.to_string())));
            group.extend(by.groups.iter().map(|at| row.key[*at].clone()));
            let sums = diff.groups.entry(group).or_default().entry(cause);
            let sums = sums.or_insert_with(|| vec![0; layout.measures.len()]);
            for (sum, delta) in sums.iter_mut().zip(row.deltas()) {
                *sum += delta;
            }
            diff.hours.entry(hour).or_default().entry(cause).or_default().note(&row);
            diff.counts.note(&row);
            if diff.rows.len() < question.rows_max {
                diff.rows.push(Changed { hour, cause, row });
            }
            Ok(())
        })
    }

    async fn read(&self, file: Option<manifest::File>) -> Result<Option<(String, bytes::Bytes)>, Error> {
        let Some(file) = file else { return Ok(None) };
        let bytes = self.archive.get_file(&file).await?;
        Ok(Some((file.key, bytes)))
    }
}

/// Where the columns of a question stand among those of the key.
struct Columns {
    groups: Vec<usize>,
    only: Option<(usize, String)>,
}

fn positions(layout: &Layout, question: &Question) -> Result<Columns, Error> {
    let at = |name: &String| {
        let unknown = || Error::Incomplete(format!("{name:?} is no column of the key: {}", layout.keys.join(", ")));
        layout.keys.iter().position(|key| key == name).ok_or_else(unknown)
    };
    let groups = question.by.iter().map(at).collect::<Result<_, _>>()?;
    let only = question.only.as_ref().map(|(name, value)| Ok::<_, Error>((at(name)?, value.clone()))).transpose()?;
    Ok(Columns { groups, only })
}

/// The receipt of what an hour counts from.
///
/// # Errors
/// [`Error::Incomplete`], by name, if it is not there or not its own; as the archive reports.
pub(crate) async fn receipt_of(archive: &Archive, projection: &str, side: &LivePointer) -> Result<Receipt, Error> {
    let digest = |text: &str| {
        text.parse::<Digest>()
            .map_err(|_| Error::Incomplete(format!("{} is registered with {text:?}, which is no digest", side.hour)))
    };
    let (input, code) = (digest(&side.input_digest)?, digest(&side.code_digest)?);
    let key = ReceiptKey::new(projection, side.hour, &input, &code).path();
    let receipt = Receipt::from_bytes(&archive.get(&key).await?);
    let is_its = |receipt: &Receipt| {
        receipt.is_of(projection, side.hour, &input, &code) && receipt.output_digest == side.output_digest
    };
    let wrong = || Error::Incomplete(format!("{key} is not the receipt of what {} counts from", side.hour));
    receipt.ok().filter(is_its).ok_or_else(wrong)
}

/// The manifest of a sealed hour.
///
/// # Errors
/// By name, if it is missing or damaged.
pub(crate) async fn manifest_of(archive: &Archive, hour: Hour) -> Result<Manifest, Error> {
    let key = ManifestKey { stream: Stream::Clicks, hour };
    let missing = || archive::Error::Missing(key.path().to_string());
    Ok(archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?)
}

#[cfg(test)]
mod tests;
