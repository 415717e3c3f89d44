//! What stands of a period already: drafts by account and currency, and what was issued.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use clicktrail_catalog::{
    Catalog,
    invoicing::{AccountPeriod, Document, DocumentFilter, DocumentNumber, Draft, DraftFilter, Kind, PAGE_MAX},
};
use clicktrail_invoices::PeriodName;
use clicktrail_log::{
    archive::{self, Archive, keys::invoices::Input},
    frame::Digest,
    time::Timestamp,
};

use super::cause;
use crate::{basis::Basis, error::Error};

/// The reason of a note that takes back all of an invoice.
const CANCELLED: &str = "cancelled";

/// What stands of a period.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The newest revision of each draft of an invoice, by its id.
    drafts: BTreeMap<String, Draft>,
    /// How many documents an account has, and whether the last one takes all of it back.
    issued: BTreeMap<AccountPeriod, Issued>,
}

/// What was issued to an account for a period in a currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Issued {
    /// Documents.
    pub(crate) documents: u32,
    /// Whether there is an invoice that stands: it was not cancelled.
    pub(crate) stands: bool,
    /// The last document that decides it: an invoice, or a note that cancels one.
    pub(crate) decided_by: u32,
    /// The last invoice, and the version of the terms that it applied.
    pub(crate) invoice: Option<(DocumentNumber, u32)>,
}

impl Issued {
    fn note(&mut self, document: &Document) {
        // They come by series and number, and notes may have a series that comes before that of invoices. So the serial
        // says which was last.
        self.documents = self.documents.max(document.serial);
        let is_invoice = document.facts.kind == Kind::Invoice;
        let cancels = document.facts.original.as_ref().is_some_and(|original| original.reason == CANCELLED);
        if document.serial >= self.decided_by && (is_invoice || cancels) {
            (self.decided_by, self.stands) = (document.serial, is_invoice);
            if is_invoice {
                self.invoice = Some((document.number.clone(), document.facts.terms_version));
            }
        }
    }
}

/// Whether documents of one account's period come to an invoice that stands.
pub(crate) fn stands(documents: &[Document]) -> bool {
    let mut issued = Issued::default();
    documents.iter().for_each(|document| issued.note(document));
    issued.stands
}

impl Standing {
    /// Reads what stands of a period, or of one account in it.
    ///
    /// # Errors
    /// As the catalog reports.
    pub(crate) async fn read(catalog: &dyn Catalog, name: PeriodName, advertiser: Option<&str>) -> Result<Self, Error> {
        let mut found = Self::default();
        let filter = DraftFilter {
            period: Some(name.to_string()),
            advertiser_id: advertiser.map(str::to_owned),
            kind: Some(Kind::Invoice),
            ..DraftFilter::default()
        };
        let mut after = String::new();
        loop {
            let page = catalog.drafts(&filter, &after, PAGE_MAX).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.revision.id);
            found.drafts.extend(page.into_iter().map(|draft| (draft.revision.id.clone(), draft)));
        }
        let filter = DocumentFilter {
            period: Some(name.to_string()),
            advertiser_id: advertiser.map(str::to_owned),
            ..DocumentFilter::default()
        };
        let mut last = None;
        loop {
            let page = catalog.documents(&filter, last.as_ref(), PAGE_MAX).await?;
            let Some(document) = page.last() else { break };
            last = Some(document.number.clone());
            page.iter().for_each(|document| found.note(document));
        }
        Ok(found)
    }

    fn note(&mut self, document: &Document) {
        self.issued.entry(document.facts.about.clone()).or_default().note(document);
    }

    /// What was issued of an account.
    pub(crate) fn issued(&self, about: &AccountPeriod) -> Issued {
        self.issued.get(about).cloned().unwrap_or_default()
    }

    /// What stands of an account in all currencies: the currency, the invoice, and the version of its terms.
    pub(crate) fn invoices_of(
        &self,
        name: PeriodName,
        advertiser: &str,
    ) -> impl Iterator<Item = (&str, &DocumentNumber, u32)> {
        let (period, advertiser_id, currency) = (name.to_string(), advertiser.to_owned(), String::new());
        let from = AccountPeriod { period, advertiser_id, currency };
        let of_account = self.issued.range(from..).take_while(move |(about, _)| about.advertiser_id == advertiser);
        of_account.filter(|(_, issued)| issued.stands).filter_map(|(about, issued)| {
            let (number, version) = issued.invoice.as_ref()?;
            Some((about.currency.as_str(), number, *version))
        })
    }

    /// Whoever has a document or a draft that was not found outdated: one that was thrown away too.
    pub(crate) fn advertisers(&self) -> BTreeSet<&str> {
        let drafts = self.drafts.values().filter(|draft| !draft.is_outdated()).map(|draft| &draft.facts.about);
        drafts.chain(self.issued.keys()).map(|about| about.advertiser_id.as_str()).collect()
    }

    /// The newest revision of an account's draft.
    pub(crate) fn draft(&self, id: &str) -> Option<&Draft> {
        self.drafts.get(id)
    }

    /// Drafts that may still become documents.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Draft> {
        self.drafts.values().filter(|draft| draft.state.is_open())
    }

    /// The newest basis of a zone's period that is still there.
    ///
    /// # Errors
    /// As the archive reports. One that is damaged or cannot be read is none.
    pub(crate) async fn basis(
        &self,
        archive: &Archive,
        zone: &str,
        period: &Range<Timestamp>,
    ) -> Result<Option<Basis>, Error> {
        for text in self.bases(zone) {
            let Ok(digest) = text.parse::<Digest>() else { continue };
            match archive.input(Input::Basis, &digest).await {
                // One that this program cannot read saves nothing.
                Ok(bytes) => {
                    let basis = cause::read(&bytes, &digest).ok();
                    if basis.as_ref().is_some_and(|basis| basis.period() == *period) {
                        return Ok(basis);
                    }
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(archive::Error::Missing(_) | archive::Error::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The bases of a zone's drafts, the newest first, each once.
    fn bases(&self, zone: &str) -> Vec<&str> {
        let mut drafts: Vec<&Draft> = self.drafts.values().filter(|draft| draft.facts.zone == zone).collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.created_at));
        let mut seen = BTreeSet::new();
        drafts.iter().map(|draft| draft.facts.basis.as_str()).filter(|basis| seen.insert(*basis)).collect()
    }
}
