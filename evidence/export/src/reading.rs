//! What is read of an hour of clicks before it is shown: several hours side by side, because each waits for the store,
//! and hashes.

use std::{ops::Range, sync::Arc};

use arrow::array::AsArray as _;
use bytes::Bytes;
use clicktrail_evidence::{
    Hash,
    advertisers::{Proof, Run},
    bundle::advertisers::Line,
};
use clicktrail_log::{
    archive::{
        self, Archive,
        clicks::Clicks,
        ranged,
        trees::{
            HourTrees,
            prove::{self, ProvedRows},
        },
    },
    log::Stream,
    time::Hour,
};
use futures::{StreamExt as _, stream, stream::BoxStream};

use crate::{
    error::Error,
    find,
    proofs::joined,
    scope::{Asked, Scope},
    sealed::{Sealed, hour_of},
};

/// Hours that are read side by side: what of them is held is the rows that are shown.
const HOURS_AT_ONCE: usize = 4;

/// Answers of hours that are asked side by side, in order.
pub(crate) fn side_by_side<T, F, I>(asked: I) -> BoxStream<'static, Result<T, Error>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
    I: IntoIterator<Item = F>,
    I::IntoIter: Send + 'static,
{
    let asked = stream::iter(asked).map(tokio::spawn).buffered(HOURS_AT_ONCE);
    asked.map(|answered| answered.map_err(|error| std::io::Error::other(error).into()).flatten()).boxed()
}

/// What is read of an hour that is shown.
#[derive(Debug)]
pub(crate) struct Read {
    /// Which rows are the advertiser's; of a single event nothing is said.
    pub(crate) line: Option<Line>,
    pub(crate) trees: HourTrees,
    /// The leaves that are shown, and their rows, if there are any.
    pub(crate) proved: Option<(Vec<Range<u64>>, ProvedRows)>,
}

/// Reads hours.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) archive: Archive,
    pub(crate) scope: Arc<Scope>,
}

impl Reading {
    /// Reads an hour whose manifest has the digest that was signed: it, its bytes, and what of it is shown, if anything
    /// must be. Memory is bounded by the advertiser's rows of the hour.
    pub(crate) async fn hour(self, hour: Hour, signed: Hash) -> Result<(Sealed<Clicks>, Bytes, Option<Read>), Error> {
        let (sealed, bytes) = Sealed::<Clicks>::read(&self.archive, hour, signed).await?;
        let read = if self.scope.shows(&sealed.manifest) { Some(self.shown(&sealed).await?) } else { None };
        Ok((sealed, bytes, read))
    }

    async fn shown(&self, sealed: &Sealed<Clicks>) -> Result<Read, Error> {
        let trees = sealed.trees(&self.archive).await?;
        let (line, ranges) = match &self.scope.asked {
            Asked::Event(position) => {
                let leaf = find::leaf(&self.archive, &sealed.manifest, *position).await?;
                (None, std::iter::once(leaf.number..leaf.number + 1).collect())
            }
            Asked::Hours(_) | Asked::Range => {
                let (line, ranges) = self.advertiser(sealed, &trees).await?;
                (Some(line), ranges)
            }
        };
        if ranges.is_empty() {
            return Ok(Read { line, trees, proved: None });
        }
        let proved = self.archive.proved_rows(&sealed.manifest, &trees, &ranges).await?;
        Ok(Read { line, trees, proved: Some((ranges, proved)) })
    }

    /// Says which rows are the advertiser's, and which of them are shown.
    async fn advertiser(&self, sealed: &Sealed<Clicks>, trees: &HourTrees) -> Result<(Line, Vec<Range<u64>>), Error> {
        let proof = prove::advertiser(trees, sealed.hour, &self.scope.advertiser);
        let version = sealed.manifest.version;
        let without = || Error::WithoutTrees { stream: Stream::Clicks, hour: sealed.hour, version };
        let proof = proof.ok_or_else(without)?;
        let runs: Vec<Range<u64>> = proof.runs().iter().copied().filter_map(Run::range).collect();
        let hour = hour_of(sealed.hour);
        let line = match proof {
            Proof::Present(presence) => Line { hour, presence: Some(presence), absence: None },
            Proof::Absent(absence) => Line { hour, presence: None, absence: Some(absence) },
        };
        match &self.scope.campaigns {
            None => Ok((line, runs)),
            Some(campaigns) => Ok((line, self.of_campaigns(sealed, &runs, campaigns).await?)),
        }
    }

    /// Of the advertiser's rows those of some campaigns, and in each part the row before and the row behind: a part is
    /// sorted by campaign, so these show that nothing is left out between them.
    async fn of_campaigns(
        &self,
        sealed: &Sealed<Clicks>,
        runs: &[Range<u64>],
        campaigns: &[String],
    ) -> Result<Vec<Range<u64>>, Error> {
        let mut found = Vec::new();
        for (part, wanted) in prove::wanted_of_parts(&sealed.manifest.parts, runs) {
            let column = ranged::rows(&self.archive, &part.core, &wanted.in_part, Some(&["campaign_id"])).await?;
            let damaged = || archive::Error::Damaged {
                key: part.core.key.clone(),
                reason: "its campaigns are no texts".to_owned(),
            };
            let names = column.column_by_name("campaign_id").and_then(|column| column.as_string_opt::<i32>());
            let names = names.ok_or_else(damaged)?;
            let mut before = 0;
            for run in &wanted.in_hour {
                let rows = usize::try_from(run.end - run.start).map_err(|_| damaged())?;
                let of_run: Vec<&str> = (before..before + rows).map(|row| names.value(row)).collect();
                found.extend(
                    around(&of_run, campaigns)
                        .into_iter()
                        .map(|range| run.start + range.start as u64..run.start + range.end as u64),
                );
                before += rows;
            }
        }
        Ok(joined(found))
    }
}

/// Of sorted campaigns the places of those that are asked for, each with its neighbours.
fn around(sorted: &[&str], asked: &[String]) -> Vec<Range<usize>> {
    let range = |asked: &String| {
        let first = sorted.partition_point(|campaign| *campaign < asked.as_str());
        let behind = sorted.partition_point(|campaign| *campaign <= asked.as_str());
        first.saturating_sub(1)..sorted.len().min(behind + 1)
    };
    asked.iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_are_shown_with_their_neighbours() {
        let sorted = ["a", "c", "c", "d", "f", "f"];
        for (asked, expected) in
            [("a", 0..2), ("b", 0..2), ("c", 0..4), ("e", 3..5), ("f", 3..6), ("z", 5..6), ("", 0..1)]
        {
            assert_eq!(around(&sorted, &[asked.to_owned()]), [expected], "{asked}");
        }
        let all: Vec<Range<usize>> = around(&sorted, &["a".to_owned(), "f".to_owned()]);
        assert_eq!(joined(all.into_iter().map(|range| range.start as u64..range.end as u64)), [0..2, 3..6]);
        assert_eq!(around(&[], &["a".to_owned()]), std::slice::from_ref(&(0..0)));
    }
}
