//! The last step of the demonstration: one account, billed for the first whole week that was simulated.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use clicktrail_billing::{
    chain,
    correct::documents,
    drafting::{
        Drafting,
        outcome::{Became, Drafted},
    },
    issue::Issuing,
    ready::{Checking, Patience},
    records,
};
use clicktrail_catalog::invoicing::{Document, DocumentFilter, DraftFilter, DraftState, NewTerms};
use clicktrail_invoices::{Cycle, Period, PeriodName, Seller, Terms};
use clicktrail_log::{archive::keys::invoices::Form, time::Timestamp};

use crate::{
    accounts,
    installation::Installation,
    invoice::{export, named, paper},
};

/// The examples that ship, as their own file says them.
const ACCOUNT: &str = include_str!("../../../../examples/accounts/acme.toml");
const SELLER: &str = include_str!("../../../../examples/accounts/seller.toml");
/// The simulated advertiser that spends most.
const ADVERTISER: &str = "advertiser-001";
const ACTOR: &str = "demo";

/// The terms of the account, by the week.
pub(super) fn terms() -> anyhow::Result<Terms> {
    let mut terms = Terms::from_toml(ACCOUNT, "examples/accounts/acme.toml")?;
    ADVERTISER.clone_into(&mut terms.advertiser_id);
    terms.cycle = Cycle::Week;
    Ok(terms)
}

/// The week that is billed, if its end was simulated too.
pub(super) fn week(terms: &Terms, start: Timestamp, end: Timestamp) -> anyhow::Result<Option<PeriodName>> {
    let week = Period::at(Cycle::Week, &terms.zone, start)?;
    Ok((week.to <= end).then_some(week.name))
}

/// Registers who bills and who is billed, drafts the week, approves and issues it. What was issued before stays.
pub(super) async fn issue(instance: &Installation, terms: &Terms, week: PeriodName) -> anyhow::Result<Document> {
    let now = || instance.clock.now();
    let seller = Seller::from_toml(SELLER, "examples/accounts/seller.toml")?;
    let catalog = &instance.catalog;
    let (from, text, digest) = (seller.valid_from.to_string(), seller.canonical(), seller.digest().to_string());
    catalog.put_seller(&from, &text, &digest, ACTOR, now()).await?;
    let rows: [NewTerms; 1] = [accounts::row(terms)];
    catalog.put_terms(&rows, ACTOR, now()).await?;
    records::terms::keep(&instance.archive, catalog.as_ref()).await?;
    // Nothing of the past comes late.
    let patience = Patience { lateness: Duration::ZERO, ahead: Duration::ZERO, allow_stale: false };
    let checking = Checking {
        archive: instance.archive.clone(),
        catalog: Arc::clone(catalog),
        history: instance.rulings(),
        patience,
    };
    let drafting = Drafting { checking, threads: 2, actor: ACTOR.to_owned(), now: now() };
    let drafted = drafting.draft(week, Some(ADVERTISER)).await?.drafted;
    let is_open = |drafted: &Drafted| match drafted.became {
        Became::New | Became::Revised | Became::Same => true,
        Became::Issued | Became::Void => false,
    };
    let revisions: Vec<_> = drafted.into_iter().filter(is_open).map(|drafted| drafted.revision).collect();
    catalog.approve(&revisions, ACTOR, now()).await?;
    let about =
        DraftFilter { period: Some(week.to_string()), state: Some(DraftState::Approved), ..DraftFilter::default() };
    let issuing = Issuing {
        archive: instance.archive.clone(),
        catalog: Arc::clone(catalog),
        log: Arc::clone(&instance.invoices),
        paper: paper::Arguments::default().read()?,
        clock: Arc::clone(&instance.clock),
        actor: ACTOR.to_owned(),
        threads: 2,
        allow_overlap: false,
    };
    let outcome = issuing.issue(named::drafts(instance, &about).await?, |_| ()).await;
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    let about = DocumentFilter {
        period: Some(week.to_string()),
        advertiser_id: Some(ADVERTISER.to_owned()),
        ..DocumentFilter::default()
    };
    let issued = documents(catalog.as_ref(), &about).await?.into_iter().next();
    issued.with_context(|| format!("nothing of {week} was issued: {:?}", outcome.left))
}

/// As people name it.
pub(super) fn name(document: &Document) -> String {
    chain::name(&document.number)
}

/// What is owed.
pub(super) fn total(document: &Document) -> String {
    named::amount(&document.facts)
}

/// Its pages, as they were stored when it was issued.
pub(super) async fn pdf(instance: &Installation, document: &Document) -> anyhow::Result<Bytes> {
    export::stored(instance, document, Form::Pdf).await
}
