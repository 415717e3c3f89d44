//! The advertiser's rows, hour by hour: shown as leaves, with the proof that these are all of them.

use std::{collections::HashMap, io, ops::Range};

use arrow::array::{AsArray as _, RecordBatch};
use clicktrail_evidence::{
    advertisers::{Proof, Run},
    bundle::{
        advertisers::Line,
        canonical,
        columns::{PEOPLE, ROWS, at::rows},
        names,
        proof::Leaf,
    },
    row::Value,
    salt::Salt,
    tree::Nodes,
};
use clicktrail_log::{
    archive::{
        self, Archive,
        clicks::Clicks,
        ranged,
        trees::{HourTrees, prove},
    },
    log::Stream,
    position::Position,
    time::Hour,
};

use crate::{
    cells::Rows,
    error::Error,
    find,
    proofs::{self, joined},
    scope::{Asked, Class, Scope},
    sealed::{Sealed, hour_of},
    staging::Staging,
};

/// An event, as much of it as follows into the derivation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) position: Position,
    pub(crate) price: i64,
    pub(crate) hour: Hour,
    pub(crate) class: Class,
    /// Its campaign: a place in [`Shown::campaigns`].
    pub(crate) campaign: usize,
}

/// The events that were shown, by position.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) events: Vec<Event>,
    pub(crate) campaigns: Vec<String>,
    /// How many of which personal columns were asked for.
    pub(crate) people: u64,
    /// Events whose personal columns were to be shown, and were erased.
    pub(crate) erased: u64,
    known: HashMap<String, usize>,
}

impl Shown {
    fn campaign(&mut self, name: &str) -> usize {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        self.campaigns.push(name.to_owned());
        self.known.insert(name.to_owned(), self.campaigns.len() - 1);
        self.campaigns.len() - 1
    }
}

/// Shows rows of hours.
#[derive(Debug)]
pub(crate) struct Showing<'s> {
    pub(crate) archive: &'s Archive,
    pub(crate) scope: &'s Scope,
    /// Whether personal columns are shown.
    pub(crate) with_people: bool,
}

impl Showing<'_> {
    /// Begins the files.
    pub(crate) fn begin(&self, staging: &mut Staging) -> io::Result<()> {
        staging.begin_table(names::ROWS, &ROWS)?;
        staging.begin(names::PROOF_ROWS)?;
        if !matches!(self.scope.asked, Asked::Event(_)) {
            staging.begin(names::PROOF_ADVERTISERS)?;
        }
        if self.with_people {
            staging.begin_table(names::PEOPLE, &PEOPLE)?;
            staging.begin(names::PROOF_PEOPLE)?;
        }
        Ok(())
    }

    /// Shows an hour that has rows. Memory is bounded by the advertiser's rows of the hour.
    pub(crate) async fn hour(
        &self,
        sealed: &Sealed<Clicks>,
        shown: &mut Shown,
        staging: &mut Staging,
    ) -> Result<(), Error> {
        let trees = sealed.trees(self.archive).await?;
        let ranges = match &self.scope.asked {
            Asked::Event(position) => {
                let leaf = find::leaf(self.archive, &sealed.manifest, *position).await?;
                std::iter::once(leaf.number..leaf.number + 1).collect()
            }
            Asked::Hours(_) | Asked::Range => self.advertiser(sealed, &trees, staging).await?,
        };
        if ranges.is_empty() {
            return Ok(());
        }
        let proved = self.archive.proved_rows(&sealed.manifest, &trees, &ranges).await?;
        let (size, file) = (sealed.manifest.rows, staging.file(names::PROOF_ROWS));
        proofs::write(size, &ranges, &proved.nodes, &mut |_| Leaf::Shown, file)?;
        let from = shown.events.len();
        let (mut leaves, mut asked) = (ranges.iter().cloned().flatten(), Vec::new());
        for batch in &proved.rows {
            let is_asked = self.rows(sealed.hour, batch, shown, staging)?;
            asked.extend(leaves.by_ref().zip(is_asked).filter_map(|(leaf, is_asked)| is_asked.then_some(leaf)));
        }
        shown.events[from..].sort_unstable_by_key(|event| event.position);
        if self.with_people {
            shown.people += asked.len() as u64;
            shown.erased += self.people(sealed, &trees, &runs(&asked), staging).await?;
        }
        Ok(())
    }

    /// Shows rows, in the order of their leaves; of which of them personal columns are asked for: rows of other
    /// campaigns are there only to prove that none is left out between them.
    fn rows(
        &self,
        hour: Hour,
        batch: &RecordBatch,
        shown: &mut Shown,
        staging: &mut Staging,
    ) -> Result<Vec<bool>, Error> {
        let rows = Rows::of(batch, &ROWS, "clicks")?;
        let mut is_asked = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            is_asked.push(self.scope.asks_for(rows.text(rows::CAMPAIGN, row)));
            staging.row(names::ROWS, rows.row(row))?;
            let damaged = || archive::Error::Damaged {
                key: format!("clicks of {hour}"),
                reason: "a row has a position that is none".to_owned(),
            };
            shown_event(self.scope, &rows, row, hour, shown).ok_or_else(damaged)?;
        }
        Ok(is_asked)
    }

    /// Shows personal columns; how many rows have none any more. Their leaves are hidden among those of others.
    async fn people(
        &self,
        sealed: &Sealed<Clicks>,
        trees: &HourTrees,
        ranges: &[Range<u64>],
        staging: &mut Staging,
    ) -> Result<u64, Error> {
        let told = sealed.manifest.trees.as_ref();
        let key = match told {
            Some(told) => self.archive.key_of(told).await?,
            None => None,
        };
        let left = self.archive.not_erased(&sealed.manifest, ranges).await?;
        let rows = |ranges: &[Range<u64>]| ranges.iter().map(|range| range.end - range.start).sum::<u64>();
        let erased = rows(ranges) - rows(&left);
        let size = sealed.manifest.rows;
        if left.is_empty() {
            let root = trees.people.as_ref().map(Nodes::root);
            let root = root.ok_or_else(|| Error::NotFound(format!("{} has no tree of people", sealed.hour)))?;
            proofs::write(size, &[], &[root], &mut |_| Leaf::Shown, staging.file(names::PROOF_PEOPLE))?;
            return Ok(erased);
        }
        let proved = self.archive.proved_people(&sealed.manifest, trees, &left, key.as_ref()).await?;
        proofs::write(size, &left, &proved.nodes, &mut |_| Leaf::Shown, staging.file(names::PROOF_PEOPLE))?;
        let mut salts = proved.salts.iter();
        let (salt_column, columns) = PEOPLE.split_last().expect("the table of people has columns");
        for batch in &proved.rows {
            let rows = Rows::of(batch, columns, "personal columns")?;
            for row in 0..batch.num_rows() {
                let Salt(salt) =
                    salts.next().ok_or_else(|| io::Error::other(format!("a row has no {}", salt_column.name)))?;
                let salt = hex::encode(salt);
                staging.row(names::PEOPLE, rows.row(row).chain([Value::Text(&salt)]))?;
            }
        }
        Ok(erased)
    }

    /// Says which rows are the advertiser's, and which of them are shown.
    async fn advertiser(
        &self,
        sealed: &Sealed<Clicks>,
        trees: &HourTrees,
        staging: &mut Staging,
    ) -> Result<Vec<Range<u64>>, Error> {
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
        io::Write::write_all(staging.file(names::PROOF_ADVERTISERS), &canonical::write(&line))?;
        match &self.scope.campaigns {
            None => Ok(runs),
            Some(campaigns) => self.of_campaigns(sealed, &runs, campaigns).await,
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
            let column = ranged::rows(self.archive, &part.core, &wanted.in_part, Some(&["campaign_id"])).await?;
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

fn shown_event(scope: &Scope, rows: &Rows<'_>, row: usize, hour: Hour, shown: &mut Shown) -> Option<()> {
    let position = Position::from_i64(rows.int(rows::POSITION, row))?;
    let campaign = shown.campaign(rows.text(rows::CAMPAIGN, row));
    let (price, class) = (rows.int(rows::PRICE, row), scope.class(rows, row));
    shown.events.push(Event { position, price, hour, class, campaign });
    Some(())
}

/// Ascending numbers as ranges, as long as they can be.
fn runs(numbers: &[u64]) -> Vec<Range<u64>> {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    runs.map(|run| run[0]..run[0] + run.len() as u64).collect()
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
    fn numbers_are_ranges_as_long_as_they_can_be() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[0]), [0..1]);
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [1..4, 7..8, 9..11]);
    }

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
