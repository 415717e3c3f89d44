//! Compares hours, segment by segment, and adds up what differs.

use std::sync::Arc;

use bytes::Bytes;
use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::{
    archive::{Archive, manifest},
    time::Hour,
};
use clicktrail_projections::{Projection, session};
use clicktrail_verdicts::reader::VerdictReader;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;

use super::{
    answer::{Cause, Changed, Diff, Question, Sides},
    merge,
    row::Layout,
    stored::{manifest_of, receipt_of},
};
use crate::{error::Error, rulings::HourRulings, segment};

/// So many hours are compared at a time: each holds both of its segments in memory.
const HOURS_AT_ONCE_MAX: usize = 4;

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

/// A segment to be read; `None`: the hour counts from nothing there.
type Segment = Option<manifest::File>;

/// Two segments of an hour, and why they may differ.
type Pair = (Cause, Segment, Segment);

impl Comparison<'_> {
    /// Compares every hour, several at a time. After each `progress` is told how many are done.
    ///
    /// # Errors
    /// What is missing or damaged, by name: nothing is left out.
    pub async fn run(
        &self,
        sides: &[Sides],
        question: &Question,
        mut progress: impl FnMut(u64),
    ) -> Result<Diff, Error> {
        let layout = Layout::of(self.projection);
        let mut diff = Diff::nothing(layout.clone());
        let columns = Columns::of(&layout, question)?;
        let asked = Arc::new(Asked { layout, question: question.clone(), columns });
        let hours = stream::iter(sides).map(|sides| self.hour(sides, Arc::clone(&asked)));
        let mut hours = hours.buffered(self.limits.threads.clamp(1, HOURS_AT_ONCE_MAX));
        while let Some(hour) = hours.try_next().await? {
            diff.add(hour, question.rows_max);
            diff.compared += 1;
            progress(diff.compared);
        }
        Ok(diff)
    }

    async fn hour(&self, sides: &Sides, asked: Arc<Asked>) -> Result<Diff, Error> {
        let pairs = self.pairs(sides).await?;
        let (archive, hour) = (self.archive.clone(), sides.hour);
        // A task of its own, because comparing keeps a core busy.
        let compared = tokio::spawn(async move {
            let mut diff = Diff::nothing(asked.layout.clone());
            for (cause, before, after) in pairs {
                let (before, after) = (read(&archive, before).await?, read(&archive, after).await?);
                asked.compare((hour, cause), (before, after), &mut diff)?;
            }
            Ok(diff)
        });
        let stopped = |cause| Error::Incomplete(format!("comparing {hour} stopped: {cause}"));
        AbortOnDropHandle::new(compared).await.map_err(stopped)?
    }

    /// What is held against what.
    async fn pairs(&self, sides: &Sides) -> Result<Vec<Pair>, Error> {
        let digest = |side: &Option<LivePointer>| side.as_ref().map(|side| side.output_digest.clone());
        if digest(&sides.before) == digest(&sides.after) {
            return Ok(Vec::new());
        }
        let before = self.file(sides.before.as_ref()).await?;
        let after = self.file(sides.after.as_ref()).await?;
        let (Some(one), Some(other)) = (&sides.before, &sides.after) else {
            return Ok(vec![(Cause::Hour, before, after)]);
        };
        let same_code = one.code_digest == other.code_digest;
        if same_code || one.input_digest == other.input_digest {
            let cause = if same_code { Cause::Input } else { Cause::Code };
            return Ok(vec![(cause, before, after)]);
        }
        let between = Some(self.between(one).await?);
        Ok(vec![(Cause::Code, before, between.clone()), (Cause::Input, between, after)])
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
}

async fn read(archive: &Archive, segment: Segment) -> Result<Option<Stored>, Error> {
    let Some(file) = segment else { return Ok(None) };
    let bytes = archive.get_file(&file).await?;
    Ok(Some((file.key, bytes)))
}

/// A segment that was read: its key, and its bytes.
type Stored = (String, Bytes);

/// What is asked about every hour.
struct Asked {
    layout: Layout,
    question: Question,
    columns: Columns,
}

impl Asked {
    fn compare(
        &self,
        (hour, cause): (Hour, Cause),
        (before, after): (Option<Stored>, Option<Stored>),
        diff: &mut Diff,
    ) -> Result<(), Error> {
        let Self { layout, question, columns } = self;
        let before = before.as_ref().map(|(key, bytes)| (key.as_str(), bytes.clone()));
        let after = after.as_ref().map(|(key, bytes)| (key.as_str(), bytes.clone()));
        merge::rows(layout, before, after, &mut |row| {
            if columns.only.as_ref().is_some_and(|(at, value)| row.key[*at].as_ref() != Some(value)) {
                return Ok(());
            }
            let mut group: Vec<Option<String>> = Vec::with_capacity(columns.groups.len() + 1);
            group.extend(question.by_hour.then(|| Some(hour.to_string())));
            group.extend(columns.groups.iter().map(|at| row.key[*at].clone()));
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
}

/// Where the columns of a question stand among those of the key.
struct Columns {
    groups: Vec<usize>,
    only: Option<(usize, String)>,
}

impl Columns {
    fn of(layout: &Layout, question: &Question) -> Result<Self, Error> {
        let at = |name: &String| {
            let unknown = || Error::Incomplete(format!("{name:?} is no column of the key: {}", layout.keys.join(", ")));
            layout.keys.iter().position(|key| key == name).ok_or_else(unknown)
        };
        let groups = question.by.iter().map(at).collect::<Result<_, _>>()?;
        let only =
            question.only.as_ref().map(|(name, value)| Ok::<_, Error>((at(name)?, value.clone()))).transpose()?;
        Ok(Self { groups, only })
    }
}
