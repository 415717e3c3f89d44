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
        for batch in &proved.rows {
            self.rows(sealed.hour, batch, shown, staging)?;
        }
        shown.events[from..].sort_unstable_by_key(|event| event.position);
        if self.with_people {
            self.people(sealed, &trees, &ranges, staging).await?;
        }
        Ok(())
    }

    fn rows(&self, hour: Hour, batch: &RecordBatch, shown: &mut Shown, staging: &mut Staging) -> Result<(), Error> {
        let rows = Rows::of(batch, &ROWS, "clicks")?;
        for row in 0..batch.num_rows() {
            staging.row(names::ROWS, rows.row(row))?;
            let damaged = || archive::Error::Damaged {
                key: format!("clicks of {hour}"),
                reason: "a row has a position that is none".to_owned(),
            };
            shown_event(self.scope, &rows, row, hour, shown).ok_or_else(damaged)?;
        }
        Ok(())
    }

    async fn people(
        &self,
        sealed: &Sealed<Clicks>,
        trees: &HourTrees,
        ranges: &[Range<u64>],
        staging: &mut Staging,
    ) -> Result<(), Error> {
        let told = sealed.manifest.trees.as_ref();
        let key = match told {
            Some(told) => self.archive.key_of(told).await?,
            None => None,
        };
        let gone = || Error::NotFound(format!("the key of the personal columns of {} is gone", sealed.hour));
        let key = key.ok_or_else(gone)?;
        let proved = self.archive.proved_people(&sealed.manifest, trees, ranges, &key).await?;
        let (size, file) = (sealed.manifest.rows, staging.file(names::PROOF_PEOPLE));
        proofs::write(size, ranges, &proved.nodes, &mut |_| Leaf::Shown, file)?;
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
        Ok(())
    }
}

fn shown_event(scope: &Scope, rows: &Rows<'_>, row: usize, hour: Hour, shown: &mut Shown) -> Option<()> {
    let position = Position::from_i64(rows.int(rows::POSITION, row))?;
    let campaign = shown.campaign(rows.text(rows::CAMPAIGN, row));
    let (price, class) = (rows.int(rows::PRICE, row), scope.class(rows, row));
    shown.events.push(Event { position, price, hour, class, campaign });
    Some(())
}
