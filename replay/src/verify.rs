//! Builds hours again and holds them against what counts, or against what a generation says it built: the same input
//! and code must give the same bytes (I6).
//!
//! Nothing is written. What cannot be compared is said by name, and is no success.

use std::collections::BTreeMap;

use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::{
    archive::{Archive, manifest},
    causes::causes,
    frame::Digest,
    position::Position,
    time::Hour,
};
use clicktrail_projections::{Projection, session};
use clicktrail_verdicts::reader::VerdictReader;
use futures::{StreamExt as _, stream};

use crate::{
    codes::Codes,
    diff::{self, Layout, RowChange, manifest_of, receipt_of},
    error::Error,
    rulings::HourRulings,
    segment::Source,
    unit,
};

/// So many hours are built side by side. Each takes what sealing takes.
const HOURS_AT_ONCE: usize = 2;

/// What came of repeating one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeated {
    /// The same bytes.
    Equal,
    /// Other rows: the first that differs, as it counts and as it is computed, and the names of its measures.
    Rows(Box<RowChange>, Vec<String>),
    /// The same rows in other bytes, or other input: what it is.
    Other(String),
    /// It could not be repeated, or what it is held against could not be read: why.
    Failed(String),
}

/// Which code the hours are repeated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The code that their receipts name.
    TheirOwn,
    /// This program's, so that what counts by other code is found too.
    Program,
}

/// What was repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Hours whose bytes came out the same.
    pub equal: u64,
    /// The others, in order.
    pub findings: BTreeMap<Hour, Repeated>,
    /// Hours that count by other code than this program's.
    pub other_code: u64,
}

/// What verifying reads.
#[derive(Debug, Clone)]
pub struct Verify<'v> {
    /// Manifests, parts, receipts, segments.
    pub archive: &'v Archive,
    /// The verdicts.
    pub history: &'v VerdictReader,
    /// The code of this program and of generations.
    pub codes: &'v Codes,
    /// Clicks before this position were counted; `None`: all.
    pub clicks_before: Option<Position>,
    /// What projecting may use.
    pub limits: session::Limits,
}

impl Verify<'_> {
    /// Repeats every hour of `pointers`, in order. After each `progress` is told how many are done.
    ///
    /// # Errors
    /// If archive or verdict log cannot be reached. What is missing or damaged there is a finding.
    pub async fn run(
        &self,
        pointers: &[LivePointer],
        against: Against,
        mut progress: impl FnMut(u64),
    ) -> Result<Verified, Error> {
        let own = self.codes.of_program().code_digest().to_string();
        let mut verified = Verified::default();
        let repeated = pointers.iter().map(|pointer| async move { (pointer, self.repeat(pointer, against).await) });
        let mut repeated = stream::iter(repeated).buffered(HOURS_AT_ONCE);
        let mut done = 0;
        while let Some((pointer, outcome)) = repeated.next().await {
            verified.other_code += u64::from(pointer.code_digest != own);
            match outcome {
                Ok(Repeated::Equal) => verified.equal += 1,
                Ok(other) => {
                    verified.findings.insert(pointer.hour, other);
                }
                Err(cause) if cause.is_transient() => return Err(cause),
                Err(cause) => {
                    verified.findings.insert(pointer.hour, Repeated::Failed(causes(&cause)));
                }
            }
            done += 1;
            progress(done);
        }
        Ok(verified)
    }

    async fn repeat(&self, pointer: &LivePointer, against: Against) -> Result<Repeated, Error> {
        let projection = match against {
            Against::Program => self.codes.of_program(),
            Against::TheirOwn => match self.codes.get(&pointer.code_digest) {
                Some(projection) => projection,
                None => {
                    let code = &pointer.code_digest;
                    return Ok(Repeated::Failed(format!("nobody has the code {code} any more that it was made by")));
                }
            },
        };
        let receipt = receipt_of(self.archive, projection.name(), pointer).await?;
        let file = manifest::File { key: receipt.key, bytes: receipt.bytes, sha256: receipt.output_digest };
        let stored = self.archive.get_file(&file).await?;
        let manifest = manifest_of(self.archive, pointer.hour).await?;
        let rulings = match pointer.knows_before {
            Some(before) => HourRulings::as_of(self.history, &manifest, before).await?,
            None => HourRulings::live(self.history, &manifest).await?,
        };
        let clicks_before = self.clicks_before.and_then(|before| unit::cut(&manifest, before));
        let source =
            Source { archive: self.archive, projection, manifest: &manifest, rulings: &rulings, clicks_before };
        let input = source.input_digest().to_string();
        if input != pointer.input_digest {
            let was = &pointer.input_digest;
            return Ok(Repeated::Other(format!("it was made of input {was}, and archive and verdicts give {input}")));
        }
        let (bytes, _) = source.project(self.limits, &mut |_| Ok(())).await?;
        if Digest::of(&bytes).to_string() == pointer.output_digest {
            return Ok(Repeated::Equal);
        }
        let first = first_difference(projection, (&file.key, stored), bytes)?;
        let same_rows = || Repeated::Other("the same rows came out in other bytes".to_owned());
        Ok(first.map_or_else(same_rows, |row| Repeated::Rows(Box::new(row), Layout::of(projection).measures)))
    }
}

fn first_difference(
    projection: &Projection,
    (key, stored): (&str, bytes::Bytes),
    repeated: bytes::Bytes,
) -> Result<Option<RowChange>, Error> {
    let mut first = None;
    let layout = Layout::of(projection);
    diff::rows(&layout, Some((key, stored)), Some(("the hour built again", repeated)), &mut |row| {
        first.get_or_insert(row);
        Ok(())
    })?;
    Ok(first)
}

/// So many of the hours, another choice for each seed: every hour has its turn, and the same seed gives the same hours.
pub fn sample(mut pointers: Vec<LivePointer>, hours: usize, seed: i64) -> Vec<LivePointer> {
    pointers.sort_by_cached_key(|pointer| Digest::of(format!("{seed}\n{}\n", pointer.hour).as_bytes()).0);
    pointers.truncate(hours);
    pointers.sort_by_key(|pointer| pointer.hour);
    pointers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(hours: std::ops::Range<i64>) -> Vec<LivePointer> {
        let pointer = |hour| LivePointer {
            hour: Hour::from_i64(hour),
            input_digest: String::new(),
            code_digest: String::new(),
            output_digest: String::new(),
            generation: None,
            knows_before: None,
        };
        hours.map(pointer).collect()
    }

    #[test]
    fn a_sample_is_repeatable_and_every_hour_has_its_turn() {
        let all = pointers(0..48);
        let hours = |seed| sample(all.clone(), 24, seed).iter().map(|one| one.hour).collect::<Vec<_>>();
        assert_eq!(hours(7), hours(7));
        assert_ne!(hours(7), hours(8));
        assert_eq!((hours(7).len(), hours(7).is_sorted()), (24, true));
        let mut seen: Vec<Hour> = (0..20).flat_map(hours).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 48, "twenty nights of half the hours leave none out");
        assert_eq!(sample(all.clone(), 100, 7), all);
    }
}
