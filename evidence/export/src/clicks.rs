//! The advertiser's rows, hour by hour: shown as leaves, with the proof that these are all of them.

use std::{collections::HashMap, io, ops::Range};

use arrow::array::RecordBatch;
use clicktrail_evidence::{
    bundle::{
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
    archive::{self, Archive, clicks::Clicks, trees::HourTrees},
    position::Position,
    time::Hour,
};

use crate::{
    cells::Rows,
    error::Error,
    proofs,
    reading::Read,
    scope::{Asked, Class, Scope},
    sealed::Sealed,
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

    /// Shows an hour that has rows, as it was read.
    pub(crate) async fn hour(
        &self,
        sealed: &Sealed<Clicks>,
        read: Read,
        shown: &mut Shown,
        staging: &mut Staging,
    ) -> Result<(), Error> {
        let Read { line, trees, proved } = read;
        if let Some(line) = line {
            io::Write::write_all(staging.file(names::PROOF_ADVERTISERS), &canonical::write(&line))?;
        }
        let Some((ranges, proved)) = proved else { return Ok(()) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranges_as_long_as_they_can_be() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [1..4, 7..8, 9..11]);
        assert_eq!(runs(&[0, 2]), [0..1, 2..3]);
    }
}
