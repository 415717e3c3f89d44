//! Entries of the log of which there is no record, and which document of its account's period each was.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::invoicing::{self, AccountPeriod, DocumentNumber};
use clicktrail_log::{
    archive::keys::IssuedKey,
    invoices::{DocumentKind, InvoiceEntry},
    position::Position,
};

use crate::{ahead::Looking, error::Error, records::archived::read};

/// Where a document comes from.
pub(super) enum Source {
    Record,
    /// The log alone; as which of its account's period, and whether an invoice of that follows.
    Log(Box<(Position, InvoiceEntry)>, u32, bool),
}

/// Looks among what archive and catalog have.
pub(super) struct Among<'a>(pub(super) &'a Looking);

impl Among<'_> {
    /// The entries of which there is no record, each with its place among the documents of its account's period.
    pub(super) async fn logged(
        &self,
        mut unknown: Vec<(Position, InvoiceEntry)>,
        records: &BTreeMap<String, BTreeMap<u32, Source>>,
    ) -> Result<Vec<(DocumentNumber, Source)>, Error> {
        let has_record = |entry: &InvoiceEntry| {
            records.get(&entry.number.series).is_some_and(|numbers| numbers.contains_key(&entry.number.number))
        };
        unknown.retain(|(_, entry)| !has_record(entry));
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let abouts: BTreeSet<AccountPeriod> = unknown.iter().map(|(_, entry)| about_of(entry)).collect();
        let mut taken = self.taken(&abouts, records).await?;
        // A document was issued before whatever was computed after it.
        unknown.sort_by_key(|(position, entry)| (entry.issued_at, *position));
        let mut found = Vec::with_capacity(unknown.len());
        for (at, (position, entry)) in unknown.iter().enumerate() {
            let about = about_of(entry);
            let serials = taken.entry(about.clone()).or_default();
            let serial = (1..=u32::MAX).find(|serial| !serials.contains_key(serial)).unwrap_or(u32::MAX);
            serials.insert(serial, entry.kind == DocumentKind::Invoice);
            let follows =
                |(_, later): &(Position, InvoiceEntry)| later.kind == DocumentKind::Invoice && about_of(later) == about;
            let is_followed =
                serials.range(serial + 1..).any(|(_, is_invoice)| *is_invoice) || unknown[at + 1..].iter().any(follows);
            let number = DocumentNumber { series: entry.number.series.clone(), number: entry.number.number };
            found.push((number, Source::Log(Box::new((*position, entry.clone())), serial, is_followed)));
        }
        Ok(found)
    }

    /// The serials that documents of these accounts' periods have, by catalog and records, and whether each is an
    /// invoice.
    async fn taken(
        &self,
        abouts: &BTreeSet<AccountPeriod>,
        records: &BTreeMap<String, BTreeMap<u32, Source>>,
    ) -> Result<BTreeMap<AccountPeriod, BTreeMap<u32, bool>>, Error> {
        let mut taken: BTreeMap<AccountPeriod, BTreeMap<u32, bool>> = BTreeMap::new();
        let is_invoice = |document: &invoicing::Document| document.facts.kind == invoicing::Kind::Invoice;
        for about in abouts {
            let documents = self.0.catalog.documents_of(about).await?;
            let serials = documents.iter().map(|document| (document.serial, is_invoice(document)));
            taken.insert(about.clone(), serials.collect());
        }
        for (series, numbers) in records {
            for number in numbers.keys() {
                let key = IssuedKey { series: series.clone(), number: *number };
                // A damaged one is named when it is its turn.
                let Ok(record) = read(&self.0.archive, &key).await else { continue };
                if let Some(serials) = taken.get_mut(&record.document.facts.about) {
                    serials.insert(record.document.serial, is_invoice(&record.document));
                }
            }
        }
        Ok(taken)
    }
}

fn about_of(entry: &InvoiceEntry) -> AccountPeriod {
    AccountPeriod {
        period: entry.period.clone(),
        advertiser_id: entry.advertiser_id.clone(),
        currency: entry.currency.clone(),
    }
}
