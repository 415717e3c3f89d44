//! A catalog that was lost, or is an older copy, gets back what was issued: documents from the archive's records, and
//! those of which the log alone is left; the periods that they are of, as they were frozen; and terms.
//!
//! One that is damaged is named. Those behind it in its series have to wait for it, because numbers have no gap; all
//! others come back.

mod logged;

use std::collections::BTreeMap;

use clicktrail_catalog::{
    self as catalog,
    invoicing::{self, DocumentNumber, DocumentRecord, NewPeriod},
};
use clicktrail_invoices::{Cycle, Period};
use clicktrail_log::{archive::keys::IssuedKey, causes::causes, time::Timestamp};

use self::logged::{Among, Source};
use super::{archived::read, of_log, terms};
use crate::{ahead::Looking, chain, error::Error, kept};

/// Documents that are put back at a time.
const AT_ONCE: usize = 500;
const _: () = assert!(AT_ONCE > 0 && AT_ONCE <= invoicing::AT_ONCE_MAX, "one transaction takes them");

/// What a catalog got back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Documents that it had lost.
    pub documents: u64,
    /// Those of them that the log alone knew.
    pub of_log: u64,
    /// Periods of theirs.
    pub periods: u64,
    /// Versions of terms.
    pub terms: u64,
    /// What is missing or damaged, a sentence each.
    pub problems: Vec<String>,
}

/// Whoever restores.
#[derive(Debug)]
pub struct Restoring<'r> {
    /// Archive, catalog and log.
    pub looking: &'r Looking,
    /// Who, for the audit trail.
    pub actor: &'r str,
    /// The present.
    pub now: Timestamp,
    /// Whether a document comes back of which the log's entry is all that is left. It can never be shown again, and
    /// nothing of its account's period can be corrected until its JSON is put back.
    pub takes_entries: bool,
}

impl Restoring<'_> {
    /// Gives the catalog back what it has lost.
    ///
    /// # Errors
    /// As archive, log and catalog report. What is damaged is a problem, and keeps nobody from the rest.
    pub async fn run(&self) -> Result<Restored, Error> {
        let Looking { archive, catalog, .. } = self.looking;
        let mut restored = Restored::default();
        (restored.terms, restored.problems) = terms::restore(archive, catalog.as_ref(), self.actor, self.now).await?;
        let mut sources: BTreeMap<String, BTreeMap<u32, Source>> = BTreeMap::new();
        for IssuedKey { series, number } in archive.issued().await? {
            sources.entry(series).or_default().insert(number, Source::Record);
        }
        let behind = self.looking.unknown().await?;
        restored.problems.extend(behind.damage);
        for (number, source) in Among(self.looking).logged(behind.unknown, &sources).await? {
            sources.entry(number.series).or_default().insert(number.number, source);
        }
        let mut periods: BTreeMap<(String, String), Vec<DocumentRecord>> = BTreeMap::new();
        for (series, numbers) in sources {
            self.series(&series, numbers, &mut restored, &mut periods).await?;
        }
        for ((name, zone), records) in periods {
            self.period(&name, &zone, &records, &mut restored).await?;
        }
        Ok(restored)
    }

    /// Puts the documents of a series back, in the order of their numbers.
    async fn series(
        &self,
        series: &str,
        numbers: BTreeMap<u32, Source>,
        restored: &mut Restored,
        periods: &mut BTreeMap<(String, String), Vec<DocumentRecord>>,
    ) -> Result<(), Error> {
        let next = self.looking.catalog.next_number(series).await?.number;
        let (mut chunk, mut expected): (Vec<(DocumentRecord, bool)>, u32) = (Vec::new(), next);
        for (number, source) in numbers {
            let name = chain::name(&DocumentNumber { series: series.to_owned(), number });
            if number > expected {
                let missing = chain::name(&DocumentNumber { series: series.to_owned(), number: expected });
                let why = format!("{name} and those behind it cannot come back before {missing}, which is missing");
                restored.problems.push(why);
                break;
            }
            match self.document(series, number, &source, restored).await? {
                Some(record) => {
                    let facts = &record.document.facts;
                    let of_period = periods.entry((facts.about.period.clone(), facts.zone.clone())).or_default();
                    if of_period.len() < PERIOD_DOCUMENTS {
                        of_period.push(record.clone());
                    }
                    chunk.push((record, matches!(source, Source::Log(..))));
                    expected = expected.max(number.saturating_add(1));
                }
                // The catalog has it, so nobody waits for it.
                None if number < next => {}
                None => {
                    restored.problems.push(format!("those behind {name} cannot come back before it"));
                    break;
                }
            }
            if chunk.len() == AT_ONCE {
                self.put(std::mem::take(&mut chunk), restored).await?;
            }
        }
        self.put(chunk, restored).await
    }

    /// A document from where it is; `None` if it cannot be had, which is named.
    async fn document(
        &self,
        series: &str,
        number: u32,
        source: &Source,
        restored: &mut Restored,
    ) -> Result<Option<DocumentRecord>, Error> {
        let archive = &self.looking.archive;
        let name = chain::name(&DocumentNumber { series: series.to_owned(), number });
        let (entry, serial, is_followed) = match source {
            Source::Record => {
                let key = IssuedKey { series: series.to_owned(), number };
                return match read(archive, &key).await {
                    Ok(record) => Ok(Some(record)),
                    Err(cause) if cause.is_transient() => Err(cause),
                    Err(cause) => {
                        restored.problems.push(causes(&cause));
                        Ok(None)
                    }
                };
            }
            Source::Log(entry, serial, is_followed) => (entry, *serial, *is_followed),
        };
        let (left, missing) = of_log::read(archive, entry, serial, is_followed).await?;
        restored.problems.extend(missing.into_iter().map(|what| format!("{name}: {what}")));
        Ok(match left {
            of_log::Left::Whole(record) => Some(record),
            of_log::Left::Entry(record) if self.takes_entries => Some(record),
            of_log::Left::Entry(_) => {
                restored.problems.push(format!(
                    "{name} was issued, as the log says at {}, and its JSON is lost: put it back from a copy of the \
                     archive. If there is none, `clicktrail catalog rebuild --take-lost-documents` takes the number as \
                     given out, with what the log says of it",
                    entry.0
                ));
                None
            }
        })
    }

    /// Puts documents back at once; if one of them is refused, one by one.
    async fn put(&self, chunk: Vec<(DocumentRecord, bool)>, restored: &mut Restored) -> Result<(), Error> {
        let catalog = self.looking.catalog.as_ref();
        let of_log = |chunk: &[(DocumentRecord, bool)]| chunk.iter().filter(|(_, of_log)| *of_log).count() as u64;
        let records: Vec<DocumentRecord> = chunk.iter().map(|(record, _)| record.clone()).collect();
        match catalog.restore_documents(&records, self.actor, self.now).await {
            Ok(put) => {
                restored.documents += put;
                restored.of_log += of_log(&chunk);
                return Ok(());
            }
            Err(catalog::Error::Refused(_)) => {}
            Err(cause) => return Err(cause.into()),
        }
        for one in chunk.chunks(1) {
            match catalog.restore_documents(&[one[0].0.clone()], self.actor, self.now).await {
                Ok(put) => {
                    restored.documents += put;
                    restored.of_log += of_log(one);
                }
                Err(catalog::Error::Refused(why)) => restored.problems.push(format!("the catalog refused {why}")),
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    /// Freezes a period again as one of its documents has it.
    async fn period(
        &self,
        name: &str,
        zone: &str,
        records: &[DocumentRecord],
        restored: &mut Restored,
    ) -> Result<(), Error> {
        let Looking { archive, catalog, .. } = self.looking;
        if catalog.period(name, zone).await?.is_some() {
            return Ok(());
        }
        let mut why = None;
        for DocumentRecord { document, artefacts } in records {
            match kept::document(archive, document, artefacts).await {
                Ok(document) => return self.freeze(&frozen(&document.draft.pins.period), restored).await,
                Err(cause) if cause.is_transient() => return Err(cause),
                Err(cause) => why = Some(causes(&cause)),
            }
        }
        let why = why.unwrap_or_else(|| "no document of it is there".to_owned());
        restored.problems.push(format!("period {name} of {zone} cannot be frozen as it was: {why}"));
        Ok(())
    }

    async fn freeze(&self, period: &NewPeriod, restored: &mut Restored) -> Result<(), Error> {
        match self.looking.catalog.put_period(period, self.actor, self.now).await {
            Ok(_) => restored.periods += 1,
            Err(catalog::Error::Refused(why)) => restored.problems.push(format!("the catalog refused {why}")),
            Err(cause) => return Err(cause.into()),
        }
        Ok(())
    }
}

/// So many documents of a period are asked for its instants until one can be read.
const PERIOD_DOCUMENTS: usize = 32;

fn frozen(period: &Period) -> NewPeriod {
    NewPeriod {
        name: period.name.to_string(),
        zone: period.zone.clone(),
        cycle: match period.name.cycle() {
            Cycle::Month => invoicing::Cycle::Month,
            Cycle::Week => invoicing::Cycle::Week,
        },
        from: period.from,
        to: period.to,
        tzdb: period.tzdb.clone(),
    }
}

#[cfg(test)]
mod tests;
