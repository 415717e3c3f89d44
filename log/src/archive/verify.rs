//! Reads the archive back and checks all of it: the chain of hours, every file's size and digest, and, when asked
//! to go deep, every row's position and order.
//!
//! It lists manifests and compares them with the hours that the catalog remembers, so a manifest deleted from
//! either end is found too. It collects every problem instead of stopping at the first.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{
    array::AsArray as _,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use bytes::Bytes;

use crate::{
    archive::{
        keys::ManifestKey,
        manifest::{Manifest, Part},
        part,
        store::{Archive, Error},
    },
    causes::causes,
    log::Stream,
    position::{Position, Seq},
    schema,
    time::Hour,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which hour.
    pub hour: Hour,
    /// The object at fault.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What was checked and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Hours whose manifest was read.
    pub hours: u64,
    /// Parts whose files were read.
    pub parts: u64,
    /// Rows that the manifests account for.
    pub rows: u64,
    /// Bytes of the files read.
    pub bytes: u64,
    /// Everything that is wrong, by hour.
    pub problems: Vec<Problem>,
}

/// Checks hours one after the other, in order.
#[derive(Debug)]
pub struct Verifier {
    archive: Archive,
    deep: bool,
    report: Report,
    previous: Option<Manifest>,
    /// The hours before are not checked.
    alone: bool,
}

impl Verifier {
    /// A verifier of `archive`; `deep` reads every row as well.
    pub fn new(archive: Archive, deep: bool) -> Self {
        Self { archive, deep, report: Report::default(), previous: None, alone: false }
    }

    /// The hours to check: from the first to the last that has a manifest or that `remembered` names, holes
    /// included, because a hole is a problem too.
    ///
    /// # Errors
    /// As [`Archive::sealed_hours`].
    pub async fn hours(&self, remembered: &BTreeMap<Hour, String>) -> Result<Vec<Hour>, Error> {
        let mut known: BTreeSet<Hour> = self.archive.sealed_hours(Stream::Clicks).await?.into_iter().collect();
        known.extend(remembered.keys());
        let (Some(first), Some(last)) = (known.first(), known.last()) else { return Ok(Vec::new()) };
        Ok((first.as_i64()..=last.as_i64()).map(Hour::from_i64).collect())
    }

    /// Checks the next hour; `remembered` is the manifest digest that the catalog holds for it, if any.
    ///
    /// # Errors
    /// Only [`Error::Unavailable`]: whatever is wrong with the archive goes into the report.
    pub async fn check(&mut self, hour: Hour, remembered: Option<&str>) -> Result<(), Error> {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let manifest = match self.archive.manifest(key).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                self.problem(hour, key.path().as_ref(), "the hour's manifest is missing: the chain has a hole");
                return Ok(());
            }
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                self.problem(hour, key.path().as_ref(), &causes(&error));
                return Ok(());
            }
        };
        self.report.hours += 1;
        self.report.rows += manifest.rows;
        if remembered.is_some_and(|digest| digest != manifest.digest().to_string()) {
            self.problem(hour, key.path().as_ref(), "its digest is not the one that the catalog remembers");
        }
        let reasons = if self.alone { Vec::new() } else { chain_problems(self.previous.as_ref(), &manifest) };
        for reason in reasons {
            self.problem(hour, key.path().as_ref(), &reason);
        }
        for part in &manifest.parts {
            self.check_part(&manifest, part).await?;
        }
        self.previous = Some(manifest);
        Ok(())
    }

    /// Checks one hour by itself, whatever came before it.
    ///
    /// # Errors
    /// As [`Verifier::check`].
    pub async fn check_alone(&mut self, hour: Hour, remembered: Option<&str>) -> Result<(), Error> {
        self.alone = true;
        self.check(hour, remembered).await
    }

    async fn check_part(&mut self, manifest: &Manifest, part: &Part) -> Result<(), Error> {
        self.report.parts += 1;
        let mut files = Vec::new();
        for file in [&part.core, &part.personal] {
            match self.archive.get_file(file).await {
                Ok(bytes) => {
                    self.report.bytes += file.bytes;
                    files.push(bytes);
                }
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => self.problem(manifest.hour(), &file.key, &causes(&error)),
            }
        }
        let (true, [core, personal]) = (self.deep, files.as_slice()) else { return Ok(()) };
        if let Err(reason) = check_rows(manifest, part, core.clone(), personal.clone()) {
            self.problem(manifest.hour(), &part.core.key, &reason);
        }
        Ok(())
    }

    fn problem(&mut self, hour: Hour, key: &str, reason: &str) {
        self.report.problems.push(Problem { hour, key: key.to_owned(), reason: reason.to_owned() });
    }

    /// What was found.
    pub fn finish(self) -> Report {
        self.report
    }
}

/// How a manifest does not follow the one before it.
fn chain_problems(previous: Option<&Manifest>, manifest: &Manifest) -> Vec<String> {
    let mut problems: Vec<String> =
        manifest.alarms.iter().map(|alarm| format!("sealed with an alarm: {alarm}")).collect();
    let Some(previous) = previous else {
        if manifest.previous.is_some() {
            problems.push("it names a previous manifest, and there is none: the chain's beginning is missing".into());
        }
        return problems;
    };
    if manifest.previous != Some(previous.digest().to_string()) {
        problems.push(format!("it names another manifest than that of {} as its previous", previous.hour));
    }
    let follows = match manifest.epoch == previous.epoch {
        true => manifest.first_seq == previous.last_seq + 1,
        false => manifest.epoch > previous.epoch && manifest.first_seq == Seq::FIRST.get(),
    };
    if !follows {
        problems
            .push(format!("it begins at frame {}, the hour before ends at {}", manifest.first_seq, previous.last_seq));
    }
    let chain = previous.chain_after().map(|chain| chain.to_stored());
    if chain.as_ref() != Some(&manifest.writers) {
        problems.push("its writers do not begin where the hour before left them".into());
    }
    problems
}

/// Every row of a part: in its frames, once, in order, and the same in both files.
fn check_rows(manifest: &Manifest, part: &Part, core: Bytes, personal: Bytes) -> Result<(), String> {
    let readable = |error: &dyn std::fmt::Display| format!("its rows cannot be read: {error}");
    let columns = ["advertiser_id", "campaign_id", "ad_id", "event_time", schema::POSITION];
    let mut positions = Vec::new();
    let mut last: Option<(String, String, String, i64, i64)> = None;
    for batch in part::read(core, Some(&columns)).map_err(|error| readable(&error))? {
        let batch = batch.map_err(|error| readable(&error))?;
        let text = |name: &str| batch.column_by_name(name).expect("projected").as_string::<i32>().clone();
        let (advertisers, campaigns, ads) = (text(columns[0]), text(columns[1]), text(columns[2]));
        let times = batch.column_by_name("event_time").expect("projected").as_primitive::<TimestampMicrosecondType>();
        let at = batch.column_by_name(schema::POSITION).expect("projected").as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let (time, position) = (times.value(row), at.value(row));
            let key = (
                advertisers.value(row).to_owned(),
                campaigns.value(row).to_owned(),
                ads.value(row).to_owned(),
                time,
                position,
            );
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(format!("the row at position {position} is out of order"));
            }
            let seq = Position::from_i64(position).map(|position| position.seq().get());
            if !seq.is_some_and(|seq| (part.first_seq..=part.last_seq).contains(&seq)) {
                return Err(format!(
                    "position {position} lies outside its frames {}..={}",
                    part.first_seq, part.last_seq
                ));
            }
            if !(part.event_time_min..=part.event_time_max).contains(&time) {
                return Err(format!("the event time of position {position} lies outside what {} says", manifest.hour));
            }
            positions.push(position);
            last = Some(key);
        }
    }
    if positions.len() as u64 != part.rows {
        return Err(format!("it has {} rows, its manifest says {}", positions.len(), part.rows));
    }
    let mut others = Vec::with_capacity(positions.len());
    for batch in part::read(personal, Some(&[schema::POSITION])).map_err(|error| readable(&error))? {
        let batch = batch.map_err(|error| readable(&error))?;
        others.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
    }
    if others != positions {
        return Err("its personal file holds other rows, or another order".into());
    }
    positions.sort_unstable();
    match positions.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("position {} stands in it twice", pair[0])),
        None => Ok(()),
    }
}
