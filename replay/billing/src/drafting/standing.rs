//! What stands of a period already: drafts by account and currency, and what was issued.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::{
    Catalog,
    invoicing::{AccountPeriod, Document, DocumentFilter, Draft, DraftFilter, Kind, PAGE_MAX},
};
use clicktrail_invoices::PeriodName;

use crate::error::Error;

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Issued {
    /// Documents.
    pub(crate) documents: u32,
    /// Whether there is an invoice that stands: it was not cancelled.
    pub(crate) stands: bool,
    /// The last document that decides it: an invoice, or a note that cancels one.
    pub(crate) decided_by: u32,
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
        self.issued.get(about).copied().unwrap_or_default()
    }

    /// The newest revision of an account's draft.
    pub(crate) fn draft(&self, id: &str) -> Option<&Draft> {
        self.drafts.get(id)
    }

    /// Drafts of a zone that may still become documents: currencies by advertiser.
    pub(crate) fn open(&self, zone: &str) -> BTreeMap<&str, BTreeSet<String>> {
        let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for draft in self.drafts.values().filter(|draft| draft.facts.zone == zone && draft.state.is_open()) {
            let about = &draft.facts.about;
            found.entry(about.advertiser_id.as_str()).or_default().insert(about.currency.clone());
        }
        found
    }

    /// The bases of a zone's drafts, the newest first, each once.
    pub(crate) fn bases(&self, zone: &str) -> Vec<&str> {
        let mut drafts: Vec<&Draft> = self.drafts.values().filter(|draft| draft.facts.zone == zone).collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.created_at));
        let mut seen = BTreeSet::new();
        drafts.iter().map(|draft| draft.facts.basis.as_str()).filter(|basis| seen.insert(*basis)).collect()
    }
}
