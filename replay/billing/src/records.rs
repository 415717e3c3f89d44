//! What was issued, in the object store, so that a catalog that was lost gets its documents back.
//!
//! The catalog alone decides what is issued. After that its record is put beside the document. A process that dies in
//! between leaves a record out; [`finish`](crate::finish) puts it there.

use std::collections::BTreeMap;

use bytes::Bytes;
use clicktrail_catalog::{
    Catalog,
    invoicing::{self, DocumentNumber, DocumentRecord, NewPeriod},
};
use clicktrail_invoices::{Cycle, Period};
use clicktrail_log::{
    archive::{self, Archive, keys::IssuedKey},
    causes::causes,
    time::Timestamp,
};

use crate::{error::Error, kept};

pub mod document;

/// Documents that are put back at a time.
const AT_ONCE: usize = 500;
const _: () = assert!(AT_ONCE > 0 && AT_ONCE <= invoicing::AT_ONCE_MAX, "one transaction takes them");

fn key(number: &DocumentNumber) -> IssuedKey {
    IssuedKey { series: number.series.clone(), number: number.number }
}

/// Puts the record of a document into the archive.
///
/// # Errors
/// [`Error::Contradiction`] if another document has that number there: then the catalog is another's, or an older copy
/// in which other drafts were issued.
pub async fn put(archive: &Archive, record: &DocumentRecord) -> Result<(), Error> {
    let key = key(&record.document.number);
    match archive.put_issued(&key, Bytes::from(document::to_bytes(record))).await {
        Err(archive::Error::Conflict(path)) => Err(Error::Contradiction(format!(
            "the archive has another document as {} ({path}): this catalog is an older copy, and issued from it would be \
             what was issued already; `clicktrail catalog rebuild` brings it up to date",
            record.document.number
        ))),
        put => Ok(put?),
    }
}

async fn read(archive: &Archive, key: &IssuedKey) -> Result<DocumentRecord, Error> {
    let path = key.path();
    let bytes = archive.get(&path).await?;
    let damaged = |reason: String| archive::Error::Damaged { key: path.to_string(), reason };
    let record = document::from_bytes(&bytes).map_err(|cause| damaged(causes(&cause)))?;
    let number = &record.document.number;
    if (number.series.as_str(), number.number) != (key.series.as_str(), key.number) {
        return Err(damaged(format!("it is the record of {number}")).into());
    }
    Ok(record)
}

/// The first document of the archive that the catalog does not know, if there is one: then the catalog is an older
/// copy.
///
/// # Errors
/// As archive and catalog report.
pub async fn unknown(archive: &Archive, catalog: &dyn Catalog) -> Result<Option<DocumentNumber>, Error> {
    let issued = archive.issued().await?;
    for (at, key) in issued.iter().enumerate() {
        // Numbers of a series have no gap, so its last one tells.
        let is_last = issued.get(at + 1).is_none_or(|next| next.series != key.series);
        let number = DocumentNumber { series: key.series.clone(), number: key.number };
        if is_last && catalog.next_number(&key.series).await?.number <= key.number {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// What a catalog got back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Documents that it had lost.
    pub documents: u64,
    /// Periods of theirs, of which some may have been there.
    pub periods: u64,
}

/// Gives a catalog back the documents that it has lost, in the order of their numbers, and the periods that they are
/// of, as they were frozen.
///
/// # Errors
/// A record or document that is missing or damaged, by name; the catalog's refusal of one.
pub async fn restore(archive: &Archive, catalog: &dyn Catalog, actor: &str, now: Timestamp) -> Result<Restored, Error> {
    let mut restored = Restored::default();
    let mut periods: BTreeMap<(String, String), DocumentRecord> = BTreeMap::new();
    for chunk in archive.issued().await?.chunks(AT_ONCE) {
        let mut records = Vec::with_capacity(chunk.len());
        for key in chunk {
            records.push(read(archive, key).await?);
        }
        let put = catalog.restore_documents(&records, actor, now).await?;
        restored.documents += put;
        // Also if nothing was put: whoever put them may have died before the periods.
        for record in records {
            let facts = &record.document.facts;
            periods.entry((facts.about.period.clone(), facts.zone.clone())).or_insert(record);
        }
    }
    for record in periods.into_values() {
        let document = kept::document(archive, &record.document, &record.artefacts).await?;
        catalog.put_period(&frozen(&document.draft.pins.period), actor, now).await?;
        restored.periods += 1;
    }
    Ok(restored)
}

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
