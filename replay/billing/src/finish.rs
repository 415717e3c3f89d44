//! What follows the moment of issue: the record in the archive, the entry in the log of issued documents, and the mark
//! that it is there. Each step may be done again by anybody: records are the same bytes, and an entry that stands in
//! the log already is found there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clicktrail_catalog::{
    Catalog,
    invoicing::{Artefact, Document as Issued, DocumentNumber, DocumentRecord, Kind},
};
use clicktrail_invoices::document::Document;
use clicktrail_log::{
    archive::Archive,
    frame::Digest,
    invariant,
    invoices::{self, DocumentKind, InvoiceEntry},
    log::Log,
};
use clicktrail_replay::issued;

use crate::{error::Error, kept, making::Made, records};

/// Documents that are finished at a time.
const AT_ONCE: u32 = 1_000;

/// A document that was issued this moment.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// As the catalog has it.
    pub issued: Issued,
    /// The document.
    pub made: Made,
    /// What was stored of it.
    pub artefacts: Vec<Artefact>,
}

/// Finishes what was issued.
#[derive(Debug, Clone)]
pub struct Finisher {
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    log: Arc<dyn Log>,
}

/// A document's entry, and how the catalog names it.
type Entries = BTreeMap<DocumentNumber, InvoiceEntry>;

impl Finisher {
    /// Whoever finishes with these.
    pub fn new(archive: Archive, catalog: Arc<dyn Catalog>, log: Arc<dyn Log>) -> Self {
        Self { archive, catalog, log }
    }

    /// Finishes documents that were just issued.
    ///
    /// # Errors
    /// As archive, log and catalog report. They are issued all the same, and [`finish`](Self::finish) does the rest.
    pub async fn finish_fresh(&self, fresh: Vec<Fresh>) -> Result<(), Error> {
        let mut entries = Entries::new();
        for Fresh { issued, made, artefacts } in fresh {
            entries.insert(issued.number.clone(), entry(&issued, &made.document, &artefacts)?);
            records::put(&self.archive, &DocumentRecord { document: issued, artefacts }).await?;
        }
        self.log_all(entries).await
    }

    /// How many issued documents are not finished, up to a thousand.
    ///
    /// # Errors
    /// As the catalog reports.
    pub async fn unfinished(&self) -> Result<usize, Error> {
        Ok(self.catalog.not_logged(AT_ONCE).await?.len())
    }

    /// Finishes everything that an earlier process left. Returns how many documents that were.
    ///
    /// # Errors
    /// As archive, log and catalog report; a document whose JSON is missing or damaged, by name: the others are
    /// finished before.
    pub async fn finish(&self) -> Result<u64, Error> {
        let (mut finished, mut failed) = (0, None);
        let mut seen = BTreeSet::new();
        loop {
            let mut left = self.catalog.not_logged(AT_ONCE).await?;
            left.retain(|document| seen.insert(document.number.clone()));
            if left.is_empty() {
                break;
            }
            let mut entries = Entries::new();
            for issued in left {
                let number = issued.number.clone();
                match self.entry_again(issued).await {
                    Ok(entry) => drop(entries.insert(number, entry)),
                    Err(cause) if cause.is_transient() => return Err(cause),
                    Err(cause) => drop(failed.get_or_insert(cause)),
                }
            }
            finished += entries.len() as u64;
            self.log_all(entries).await?;
        }
        failed.map_or(Ok(finished), Err)
    }

    /// The entry of a document from what is stored of it; its record is put if it is not there.
    async fn entry_again(&self, issued: Issued) -> Result<InvoiceEntry, Error> {
        let artefacts = self.catalog.artefacts(&issued.number).await?;
        let document = kept::document(&self.archive, &issued, &artefacts).await?;
        let entry = entry(&issued, &document, &artefacts)?;
        records::put(&self.archive, &DocumentRecord { document: issued, artefacts }).await?;
        Ok(entry)
    }

    /// Logs documents, those that are in the log already as well: these are found there. Then marks them.
    async fn log_all(&self, entries: Entries) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let (numbers, entries): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let places = issued::append(&self.log, &self.archive, &entries).await?;
        invariant!(I10, places.len() == numbers.len(), "{} of {} documents are logged", places.len(), numbers.len());
        for (number, place) in numbers.iter().zip(places) {
            self.catalog.logged(number, place).await?;
        }
        Ok(())
    }
}

/// What the log says of a document.
fn entry(issued: &Issued, document: &Document, artefacts: &[Artefact]) -> Result<InvoiceEntry, Error> {
    let digest = |text: &str| -> Result<Digest, Error> {
        text.parse().map_err(|_| Error::Incomplete(format!("{} has the digest {text:?}, which is none", issued.number)))
    };
    let logged =
        |number: &DocumentNumber| invoices::DocumentNumber { series: number.series.clone(), number: number.number };
    let artefact = |artefact: &Artefact| {
        let Artefact { format, key, bytes, digest: sha256 } = artefact.clone();
        Ok::<_, Error>(invoices::Artefact { format, key, digest: digest(&sha256)?, bytes })
    };
    let facts = &issued.facts;
    let (period, currency) = (&document.draft.pins.period, document.draft.bill.currency);
    Ok(InvoiceEntry {
        document: digest(&issued.digest)?,
        number: logged(&issued.number),
        kind: match facts.kind {
            Kind::Invoice => DocumentKind::Invoice,
            Kind::CreditNote => DocumentKind::CreditNote,
            Kind::DebitNote => DocumentKind::DebitNote,
        },
        advertiser_id: facts.about.advertiser_id.clone(),
        currency: facts.about.currency.clone(),
        period: facts.about.period.clone(),
        zone: facts.zone.clone(),
        period_from: period.from,
        period_to: period.to,
        issued_on: issued.issued_on.clone(),
        issued_at: issued.issued_at,
        total_minor: facts.total_minor,
        minor_digits: currency.exponent(),
        original: facts.original.as_ref().map(|original| logged(&original.document)),
        basis: digest(&facts.basis)?,
        artefacts: artefacts.iter().map(artefact).collect::<Result<_, _>>()?,
        actor: issued.issued_by.clone(),
    })
}
