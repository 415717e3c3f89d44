//! Drafts as people name them, and their texts.

use anyhow::{Context as _, bail};
use clicktrail_catalog::invoicing::{self, DocumentFilter, DraftFilter, DraftRevision, PAGE_MAX};
use clicktrail_invoices::{Draft, PeriodName, money};
use clicktrail_log::{archive::keys::invoices::Input, frame::Digest};

use crate::installation::Installation;

/// Revisions that are read at a time.
const PAGE: u32 = 1_000;

/// All drafts that fit, by id.
pub(crate) async fn drafts(instance: &Installation, filter: &DraftFilter) -> anyhow::Result<Vec<invoicing::Draft>> {
    let mut all: Vec<invoicing::Draft> = Vec::new();
    loop {
        let after = all.last().map_or("", |last| last.revision.id.as_str()).to_owned();
        let page = instance.catalog.drafts(filter, &after, PAGE_MAX).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// All documents that fit, by series and number.
pub(super) async fn documents(
    instance: &Installation,
    filter: &DocumentFilter,
) -> anyhow::Result<Vec<invoicing::Document>> {
    let mut all: Vec<invoicing::Document> = Vec::new();
    loop {
        let after = all.last().map(|last| last.number.clone());
        let page = instance.catalog.documents(filter, after.as_ref(), PAGE_MAX).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// The period that is meant where drafts are named, if it is one: no draft has such a name.
pub(super) fn period(names: &[String]) -> Option<PeriodName> {
    match names {
        [name] => name.parse().ok(),
        _ => None,
    }
}

/// The newest revision of a draft.
pub(super) async fn newest(instance: &Installation, id: &str) -> anyhow::Result<invoicing::Draft> {
    let found = instance.catalog.draft(id).await?;
    found.with_context(|| format!("there is no draft {id:?}: `invoice list` shows them"))
}

/// All revisions of a draft, in order.
pub(super) async fn revisions(instance: &Installation, id: &str) -> anyhow::Result<Vec<invoicing::Draft>> {
    let mut all: Vec<invoicing::Draft> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.revision.revision);
        let page = instance.catalog.draft_revisions(id, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    if all.is_empty() {
        bail!("there is no draft {id:?}: `invoice list` shows them");
    }
    Ok(all)
}

/// One revision of a draft.
pub(super) async fn revision(
    instance: &Installation,
    id: &str,
    number: Option<u32>,
) -> anyhow::Result<invoicing::Draft> {
    let Some(number) = number else { return newest(instance, id).await };
    let found = revisions(instance, id).await?.into_iter().find(|draft| draft.revision.revision == number);
    found.with_context(|| format!("there is no revision {number} of draft {id}"))
}

/// What a draft says, from the archive.
pub(super) async fn text(instance: &Installation, draft: &invoicing::Draft) -> anyhow::Result<Draft> {
    let named = || format!("read draft {}", draft.revision);
    let digest: Digest = draft.text_digest.parse().with_context(named)?;
    let bytes = instance.archive.input(Input::Draft, &digest).await.with_context(named)?;
    Draft::from_canonical(&bytes).with_context(named)
}

/// A revision, written as `ID` or `ID@REVISION`: without a number the newest.
pub(super) async fn written(instance: &Installation, text: &str) -> anyhow::Result<DraftRevision> {
    let pinned = text.rsplit_once('@').and_then(|(id, number)| Some((id, number.parse::<u32>().ok()?)));
    match pinned {
        Some((id, revision)) => Ok(DraftRevision { id: id.to_owned(), revision }),
        None => Ok(newest(instance, text).await?.revision),
    }
}

/// The last day to pay, where something is to be paid: a credit note has none.
pub(crate) fn due(document: &invoicing::Document) -> Option<&str> {
    (document.facts.total_minor > 0).then_some(document.due_on.as_str())
}

/// An amount of minor units of a draft's currency, as the catalog keeps it.
pub(crate) fn amount(facts: &invoicing::Facts) -> String {
    match clicktrail_invoices::Currency::parse(&facts.about.currency) {
        Ok(currency) => money::show(currency, facts.total_minor),
        // A currency that no table has any more: the whole number is true.
        Err(_) => facts.total_minor.to_string(),
    }
}
