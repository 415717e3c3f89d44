//! What follows the moment of issue: the record in the archive, the entry in the log of issued documents, and the mark
//! that it is there. Each step may be done again by anybody: records are the same bytes, and an entry that stands in
//! the log already is found there.

use std::{collections::BTreeMap, sync::Arc};

use clicktrail_catalog::{
    self as catalog, Catalog,
    invoicing::{Artefact, Document as Issued, DocumentNumber, DocumentRecord, Kind},
};
use clicktrail_invoices::document::Document;
use clicktrail_log::{
    archive::Archive,
    causes::causes,
    frame::Digest,
    invariant,
    invoices::{self, DocumentKind, InvoiceEntry},
    log::Log,
};
use clicktrail_replay::issued::Recorder;
use tokio::sync::Mutex;

use crate::{ahead::is_of_a_row, error::Error, kept, records};

/// Documents that are finished at a time.
const AT_ONCE: u32 = if cfg!(test) { 2 } else { 1_000 };
/// Documents that are named because they cannot be finished.
const NAMED_MAX: usize = 100;

/// A document that was issued this moment.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// As the catalog has it.
    pub issued: Issued,
    /// What the log is to say of it.
    pub entry: InvoiceEntry,
    /// What was stored of it.
    pub artefacts: Vec<Artefact>,
}

/// What came of finishing.
#[derive(Debug, Default)]
pub struct Finished {
    /// How many documents have record and log entry now.
    pub documents: u64,
    /// Those that cannot be finished, and why: a person must act. The others are.
    pub failed: Vec<(DocumentNumber, String)>,
    /// How many more there are of them.
    pub failed_more: u64,
    /// What of the log or of the catalog's documents could not be read.
    pub unread: Option<String>,
}

impl Finished {
    /// Whether nothing is left undone or unread.
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.unread.is_none()
    }

    /// What a person must act on, a sentence each.
    pub fn alarms(&self) -> Vec<String> {
        let failed = self.failed.iter().map(|(number, why)| {
            let name = crate::chain::name(number);
            format!("{name} is issued, and its record or log entry cannot be put there: {why}")
        });
        let more = (self.failed_more > 0).then(|| format!("and {} more like it", self.failed_more));
        let unread = self.unread.as_ref().map(|why| format!("what was issued cannot be read whole: {why}"));
        failed.chain(more).chain(unread).collect()
    }

    fn fail(&mut self, number: DocumentNumber, why: String) {
        match self.failed.len() < NAMED_MAX {
            true => self.failed.push((number, why)),
            false => self.failed_more += 1,
        }
    }

    /// Adds what came of others.
    pub fn extend(&mut self, other: Self) {
        self.documents += other.documents;
        self.failed_more += other.failed_more;
        other.failed.into_iter().for_each(|(number, why)| self.fail(number, why));
        self.unread = other.unread.or(self.unread.take());
    }
}

/// Finishes what was issued.
#[derive(Debug)]
pub struct Finisher {
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    /// It is kept, so that what stands in the log is read once.
    recorder: Mutex<Recorder>,
}

/// A document's entry, and how the catalog names it.
type Entries = BTreeMap<DocumentNumber, InvoiceEntry>;

impl Finisher {
    /// Whoever finishes with these.
    pub fn new(archive: Archive, catalog: Arc<dyn Catalog>, log: &Arc<dyn Log>) -> Self {
        let recorder = Mutex::new(Recorder::new(log, &archive));
        Self { archive, catalog, recorder }
    }

    /// Finishes documents that were just issued.
    ///
    /// # Errors
    /// As archive, log and catalog report. They are issued all the same, and [`finish`](Self::finish) does the rest.
    pub async fn finish_fresh(&self, fresh: Vec<Fresh>) -> Result<Finished, Error> {
        let (mut entries, mut finished) = (Entries::new(), Finished::default());
        for Fresh { issued, entry, artefacts } in fresh {
            let number = issued.number.clone();
            match records::put(&self.archive, &DocumentRecord { document: issued, artefacts }).await {
                Ok(()) => drop(entries.insert(number, entry)),
                Err(cause) if cause.is_transient() => return Err(cause),
                Err(cause) => finished.fail(number, causes(&cause)),
            }
        }
        self.log_all(entries, &mut finished).await?;
        Ok(finished)
    }

    /// How many issued documents are not finished, up to a thousand.
    ///
    /// # Errors
    /// As the catalog reports.
    pub async fn unfinished(&self) -> Result<usize, Error> {
        Ok(self.catalog.not_logged(None, AT_ONCE).await?.len())
    }

    /// Finishes everything that an earlier process left. A document that is missing or damaged is named, and keeps
    /// nobody from the others, however many of them there are.
    ///
    /// # Errors
    /// As archive, log and catalog report.
    pub async fn finish(&self) -> Result<Finished, Error> {
        let mut finished = Finished::default();
        let mut after: Option<DocumentNumber> = None;
        loop {
            let left = match self.catalog.not_logged(after.as_ref(), AT_ONCE).await {
                Ok(left) => left,
                // Which of them are left nobody knows then: those that are issued next are finished all the same.
                Err(cause) if is_of_a_row(&cause) => {
                    finished.unread = Some(causes(&cause));
                    return Ok(finished);
                }
                Err(cause) => return Err(cause.into()),
            };
            let Some(last) = left.last() else { return Ok(finished) };
            after = Some(last.number.clone());
            let mut entries = Entries::new();
            for issued in left {
                let number = issued.number.clone();
                match self.entry_again(issued).await {
                    Ok(entry) => drop(entries.insert(number, entry)),
                    Err(cause) if cause.is_transient() => return Err(cause),
                    Err(cause) => finished.fail(number, causes(&cause)),
                }
            }
            self.log_all(entries, &mut finished).await?;
        }
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
    async fn log_all(&self, entries: Entries, finished: &mut Finished) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let (numbers, entries): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let (places, unread) = {
            let mut recorder = self.recorder.lock().await;
            let places = recorder.record(&entries).await?;
            (places, recorder.unread())
        };
        finished.unread = unread.map(|cause| causes(&cause)).or(finished.unread.take());
        invariant!(I10, places.len() == numbers.len(), "{} of {} documents are logged", places.len(), numbers.len());
        for (number, place) in numbers.into_iter().zip(places) {
            let marked = match place {
                Ok(place) => self.catalog.logged(&number, place).await,
                Err(taken) => {
                    finished.fail(number, taken.to_string());
                    continue;
                }
            };
            match marked {
                Ok(()) => finished.documents += 1,
                Err(cause @ (catalog::Error::Conflict(_) | catalog::Error::Refused(_))) => {
                    finished.fail(number, causes(&cause));
                }
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }
}

/// What the log says of a document.
///
/// # Errors
/// [`Error::Entry`] if the log would refuse it, naming the field; a digest that is none.
pub(crate) fn entry(issued: &Issued, document: &Document, artefacts: &[Artefact]) -> Result<InvoiceEntry, Error> {
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
    let entry = InvoiceEntry {
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
    };
    entry.check().map_err(Error::Entry)?;
    Ok(entry)
}

#[cfg(test)]
mod tests;
