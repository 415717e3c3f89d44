//! Whether numbers were given that the catalog does not know: then it is an older copy, and what it would issue next
//! was issued before.
//!
//! The archive's records are compared, and the log of issued documents. A document is in the catalog before it is in
//! the log, and marked there after. So a catalog knows every entry before the last that it has marked, and only what
//! stands behind that is read: nothing, in most cases. What is damaged there is named, and keeps nobody from the rest.

use std::{collections::BTreeMap, sync::Arc};

use clicktrail_catalog::{
    self as catalog, Catalog,
    invoicing::{DocumentNumber, DocumentRecord},
};
use clicktrail_log::{
    archive::Archive,
    causes::causes,
    invoices::{InvoiceEntry, schema},
    log::{self, Log, ReadLimit},
    position::{Position, Seq},
};
use clicktrail_replay::{
    history::Start,
    issued::{self, Issued},
};

use crate::{chain, error::Error};

/// Damage that is named; there may be any amount of it.
const NAMED_MAX: usize = 20;

/// Where numbers are looked for.
#[derive(Debug, Clone)]
pub struct Looking {
    /// The records of issued documents.
    pub archive: Archive,
    /// Who gives numbers.
    pub catalog: Arc<dyn Catalog>,
    /// The log of issued documents.
    pub log: Arc<dyn Log>,
}

/// Numbers of a series that the catalog does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// What is known of issued documents outside of the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// By series: numbers that records of the archive have.
    pub of_archive: BTreeMap<String, Unknown>,
    /// By series: numbers that the log has.
    pub of_log: BTreeMap<String, Unknown>,
    /// What is damaged of the log behind what the catalog knows, or contradicts it.
    pub damage: Vec<String>,
}

/// What stands in the log behind what the catalog knows of it.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    /// Entries of numbers that the catalog does not know.
    pub(crate) unknown: Vec<(Position, InvoiceEntry)>,
    /// What is damaged, or contradicts.
    pub(crate) damage: Vec<String>,
}

impl Ahead {
    /// Which numbers the catalog does not know, and who does; `None`: it knows every number that was given.
    pub fn unknown(&self) -> Option<String> {
        let places = [("the archive", &self.of_archive), ("the log of issued documents", &self.of_log)];
        let places = places.into_iter().filter(|(_, unknown)| !unknown.is_empty());
        let said: Vec<String> = places.map(|(place, unknown)| format!("{place} has {}", named(unknown))).collect();
        (!said.is_empty()).then(|| format!("{}, which the catalog does not know", said.join(", and ")))
    }

    /// Why nothing may be issued, with the way out; `None`: it may.
    pub fn refusal(&self) -> Option<String> {
        self.unknown().map(|unknown| {
            format!(
                "{unknown}: the catalog is an older copy, and what it would issue was issued already. Nothing was issued; \
                 `clicktrail catalog rebuild` brings the catalog up to date"
            )
        })
    }
}

/// `INV-00000011 to INV-00000015, CN-00000002`.
fn named(unknown: &BTreeMap<String, Unknown>) -> String {
    let name = |series: &str, number| chain::name(&DocumentNumber { series: series.to_owned(), number });
    let of_series = unknown.iter().map(|(series, Unknown { first, last })| match first == last {
        true => name(series, *last),
        false => format!("{} to {}", name(series, *first), name(series, *last)),
    });
    of_series.collect::<Vec<_>>().join(", ")
}

impl Looking {
    /// Looks which numbers the catalog does not know.
    ///
    /// # Errors
    /// As archive, log and catalog report; [`Error::Contradiction`] if the log is an older copy than the catalog.
    pub async fn ahead(&self) -> Result<Ahead, Error> {
        let mut ahead = Ahead { of_archive: self.of_archive().await?, ..Ahead::default() };
        let mut note = |entry: InvoiceEntry| {
            let number = entry.number.number;
            let found = ahead.of_log.entry(entry.number.series).or_insert(Unknown { first: number, last: number });
            (found.first, found.last) = (found.first.min(number), found.last.max(number));
        };
        ahead.damage = self.behind(|_, entry| note(entry)).await?;
        Ok(ahead)
    }

    /// What the archive's records know. Numbers of a series have no gap, so only those behind the catalog's last are
    /// listed.
    async fn of_archive(&self) -> Result<BTreeMap<String, Unknown>, Error> {
        let mut unknown = BTreeMap::new();
        for series in self.archive.issued_series().await? {
            let last = self.catalog.next_number(&series).await?.number - 1;
            let mut behind = self.archive.issued_behind(&series, last).await?;
            // Somebody may have issued them since.
            if !behind.is_empty() {
                let next = self.catalog.next_number(&series).await?.number;
                behind.retain(|key| key.number >= next);
            }
            if let (Some(first), Some(end)) = (behind.first(), behind.last()) {
                unknown.insert(series, Unknown { first: first.number, last: end.number });
            }
        }
        Ok(unknown)
    }

    /// The entries of the log that the catalog does not know.
    ///
    /// # Errors
    /// As of [`ahead`](Self::ahead).
    pub(crate) async fn unknown(&self) -> Result<Behind, Error> {
        let mut unknown = BTreeMap::new();
        let mut note = |position, entry: InvoiceEntry| {
            unknown.entry(entry.number.clone()).or_insert((position, entry));
        };
        let damage = self.behind(&mut note).await?;
        Ok(Behind { unknown: unknown.into_values().collect(), damage })
    }

    /// Gives each entry whose number the catalog does not know; where something is damaged perhaps twice. Returns what
    /// is damaged, or contradicts the catalog.
    async fn behind(&self, mut unknown: impl FnMut(Position, InvoiceEntry)) -> Result<Vec<String>, Error> {
        let mut damage = Vec::new();
        let Some((start, from)) = self.start(&mut damage).await? else { return Ok(damage) };
        let mut issued = match Issued::open(&self.log, &self.archive, start).await {
            Ok(issued) => Some(issued),
            Err(cause) if cause.is_incomplete() => {
                name(&mut damage, causes(&cause));
                None
            }
            Err(cause) => return Err(cause.into()),
        };
        while let Some(reading) = issued.as_mut() {
            let found = match reading.next().await {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(damage),
                Err(cause) if cause.is_incomplete() => {
                    name(&mut damage, causes(&cause));
                    break;
                }
                Err(cause) => return Err(cause.into()),
            };
            let (mut entries, mut wrong) = (Vec::new(), Vec::new());
            for found in found {
                match found {
                    Ok(issued::Document { position, entry, .. }) => entries.push((position, entry)),
                    Err(cause) => wrong.push(cause.to_string()),
                }
            }
            wrong.into_iter().for_each(|cause| name(&mut damage, cause));
            self.compare(entries, &mut unknown, &mut damage).await?;
        }
        // A reader stops at what it cannot read. What the log has behind that still says which numbers were given.
        self.frames(from, &mut unknown, &mut damage).await?;
        Ok(damage)
    }

    /// Where to read from; `None`: the catalog has followed the log to its end.
    async fn start(&self, damage: &mut Vec<String>) -> Result<Option<(Start, Seq)>, Error> {
        let marked = match self.catalog.last_logged().await {
            Ok(marked) => marked,
            Err(cause) if is_of_a_row(&cause) => {
                name(damage, causes(&cause));
                None
            }
            Err(cause) => return Err(cause.into()),
        };
        let Some(marked) = marked else { return Ok(Some((Start::Beginning, Seq::FIRST))) };
        let info = self.log.info().await.map_err(clicktrail_replay::Error::from)?;
        if (info.epoch, info.last) == (marked.epoch(), marked.seq()) {
            return Ok(None);
        }
        if Position::new(info.epoch, info.last.next(), 0) <= marked {
            return Err(Error::Contradiction(format!(
                "the log of issued documents ends with frame {}, but the catalog knows an entry at {marked}: this log is \
                 an older copy, or belongs to another installation. Put the newer log back. Nothing was changed",
                info.last
            )));
        }
        let next = if info.epoch == marked.epoch() { marked.seq().next() } else { Seq::FIRST };
        Ok(Some((Start::At(marked.next_frame()), next)))
    }

    /// Frame by frame what is in the log itself, each by itself.
    async fn frames(
        &self,
        from: Seq,
        unknown: &mut impl FnMut(Position, InvoiceEntry),
        damage: &mut Vec<String>,
    ) -> Result<(), Error> {
        let info = self.log.info().await.map_err(clicktrail_replay::Error::from)?;
        let mut next = from.max(info.first);
        while next <= info.last {
            let frames = match self
                .log
                .read(next, ReadLimit { frames: 1, ..ReadLimit::waiting(std::time::Duration::ZERO) })
                .await
            {
                Ok(frames) => frames,
                Err(cause @ (log::Error::Corrupt { .. } | log::Error::Gap { .. })) => {
                    name(damage, causes(&cause));
                    next = next.next();
                    continue;
                }
                Err(cause) => return Err(clicktrail_replay::Error::from(cause).into()),
            };
            let Some(logged) = frames.into_iter().next() else { break };
            let first = Position::new(info.epoch, logged.seq, 0);
            let decoded = logged.frame.decode().map_err(schema::Error::from);
            match decoded.and_then(|batch| schema::each_of_batch(&batch)) {
                Ok(entries) => {
                    let entries = entries
                        .into_iter()
                        .zip(0_u16..)
                        .filter_map(|(entry, row)| Some((first.plus_rows(row), entry.ok()?)));
                    self.compare(entries.collect(), unknown, damage).await?;
                }
                Err(cause) => name(damage, format!("frame {} of the log: {}", logged.seq, causes(&cause))),
            }
            next = logged.seq.next();
        }
        Ok(())
    }

    /// Entries that were read, held against the catalog as it is after that.
    async fn compare(
        &self,
        entries: Vec<(Position, InvoiceEntry)>,
        unknown: &mut impl FnMut(Position, InvoiceEntry),
        damage: &mut Vec<String>,
    ) -> Result<(), Error> {
        let mut next: BTreeMap<String, u32> = BTreeMap::new();
        for (position, entry) in entries {
            let series = &entry.number.series;
            let first_free = match next.get(series) {
                Some(number) => *number,
                None => self.catalog.next_number(series).await?.number,
            };
            next.insert(series.clone(), first_free);
            if entry.number.number >= first_free {
                unknown(position, entry);
                continue;
            }
            let number = DocumentNumber { series: series.clone(), number: entry.number.number };
            let known = match self.catalog.document(&number).await {
                Ok(known) => known,
                Err(cause) if is_of_a_row(&cause) => {
                    name(damage, causes(&cause));
                    continue;
                }
                Err(cause) => return Err(cause.into()),
            };
            let is_it =
                |DocumentRecord { document, .. }: &DocumentRecord| document.digest == entry.document.to_string();
            if !known.as_ref().is_some_and(is_it) {
                let (name_of, digest) = (chain::name(&number), entry.document);
                name(damage, format!("the log has {name_of} at {position} as another document, {digest}"));
            }
        }
        Ok(())
    }
}

/// Whether a row of the catalog is damaged: others can be read.
pub(crate) fn is_of_a_row(cause: &catalog::Error) -> bool {
    matches!(cause, catalog::Error::Corrupt(_) | catalog::Error::Damaged(_))
}

fn name(damage: &mut Vec<String>, what: String) {
    if damage.len() < NAMED_MAX && !damage.contains(&what) {
        damage.push(what);
    }
}

#[cfg(test)]
mod tests;
