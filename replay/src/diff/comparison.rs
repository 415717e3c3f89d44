//! Compares hours, segment by segment, and adds up what differs.

use std::collections::BTreeMap;

use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::{
    archive::{Archive, manifest},
    time::Hour,
};
use clicktrail_projections::{Projection, session};
use clicktrail_verdicts::reader::VerdictReader;

use super::{
    answer::{Cause, Changed, Diff, Question, RowCounts, Sides},
    merge::{self, Layout},
    stored::{manifest_of, receipt_of},
};
use crate::{error::Error, rulings::HourRulings, segment};

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
        merge::rows(&layout, one, other, &mut |row| {
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
