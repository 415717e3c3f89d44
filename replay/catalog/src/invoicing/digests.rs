//! What each row of invoicing holds, in the order in which its digest is made, and in which it is inserted.

use super::{
    dispute::Dispute,
    document::{Artefact, Document},
    draft::{Draft, Facts},
    number::DocumentNumber,
    period::Period,
    terms::Terms,
};
use crate::session::Arg;

/// Texts that are made of a value before it is stored.
#[derive(Debug)]
pub(crate) struct Texts {
    account_period: String,
    total_minor: String,
}

impl Texts {
    pub(crate) fn of(facts: &Facts) -> Self {
        Self { account_period: facts.about.to_string(), total_minor: facts.total_minor.to_string() }
    }
}

pub(crate) fn terms(terms: &Terms) -> Vec<Arg<'_>> {
    vec![
        Arg::from(&terms.advertiser_id),
        terms.version.into(),
        Arg::from(&terms.valid_from),
        Arg::from(&terms.text),
        Arg::from(&terms.digest),
        terms.created_at.into(),
        Arg::from(&terms.created_by),
    ]
}

pub(crate) fn period(period: &Period) -> Vec<Arg<'_>> {
    let (state, closed_at, closed_by) = match &period.closed {
        None => ("open", 0, ""),
        Some((at, by)) => ("closed", at.micros(), by.as_str()),
    };
    let frozen = &period.frozen;
    vec![
        Arg::from(&frozen.name),
        Arg::from(&frozen.zone),
        frozen.cycle.as_str().into(),
        frozen.from.into(),
        frozen.to.into(),
        Arg::from(&frozen.tzdb),
        state.into(),
        period.created_at.into(),
        Arg::from(&period.created_by),
        closed_at.into(),
        closed_by.into(),
    ]
}

/// Fourteen values.
fn facts<'a>(facts: &'a Facts, texts: &'a Texts) -> [Arg<'a>; 14] {
    let (document, reason) = match &facts.original {
        None => (None, ""),
        Some(original) => (Some(&original.document), original.reason.as_str()),
    };
    let [series, number] = maybe_number(document);
    [
        Arg::from(&texts.account_period),
        Arg::from(&facts.about.period),
        Arg::from(&facts.zone),
        Arg::from(&facts.about.advertiser_id),
        Arg::from(&facts.about.currency),
        facts.kind.as_str().into(),
        series,
        number,
        reason.into(),
        facts.terms_version.into(),
        Arg::from(&texts.total_minor),
        facts.lines.into(),
        Arg::from(&facts.inputs),
        Arg::from(&facts.basis),
    ]
}

/// Empty and 0 if there is none.
fn maybe_number(number: Option<&DocumentNumber>) -> [Arg<'_>; 2] {
    match number {
        None => ["".into(), 0_i64.into()],
        Some(number) => [Arg::from(&number.series), number.number.into()],
    }
}

pub(crate) fn draft<'a>(draft: &'a Draft, texts: &'a Texts) -> Vec<Arg<'a>> {
    let mut values = vec![
        Arg::from(&draft.revision.id),
        draft.revision.revision.into(),
        i64::from(draft.is_newest).into(),
        draft.serial.into(),
    ];
    values.extend(facts(&draft.facts, texts));
    values.extend([
        Arg::from(&draft.text_digest),
        draft.text_bytes.into(),
        draft.state.as_str().into(),
        draft.created_at.into(),
        Arg::from(&draft.created_by),
        draft.changed_at.into(),
        Arg::from(&draft.changed_by),
    ]);
    values
}

pub(crate) fn document<'a>(document: &'a Document, texts: &'a Texts) -> Vec<Arg<'a>> {
    let mut values = vec![
        Arg::from(&document.number.series),
        document.number.number.into(),
        Arg::from(&document.draft.id),
        document.draft.revision.into(),
        document.serial.into(),
    ];
    values.extend(facts(&document.facts, texts));
    values.extend([
        Arg::from(&document.digest),
        Arg::from(&document.issued_on),
        Arg::from(&document.due_on),
        document.issued_at.into(),
        Arg::from(&document.issued_by),
        document.logged.into(),
    ]);
    values
}

pub(crate) fn artefact<'a>(of: &'a DocumentNumber, artefact: &'a Artefact) -> Vec<Arg<'a>> {
    vec![
        Arg::from(&of.series),
        of.number.into(),
        Arg::from(&artefact.format),
        Arg::from(&artefact.key),
        Arg::from(&artefact.digest),
        artefact.bytes.into(),
    ]
}

pub(crate) fn dispute<'a>(dispute: &'a Dispute, account_period: &'a str) -> Vec<Arg<'a>> {
    let opened = &dispute.opened;
    let [series, number] = maybe_number(opened.document.as_ref());
    let (state, at, by, resolution) = match &dispute.closed {
        None => ("open", 0, "", ""),
        Some(closed) => ("closed", closed.at.micros(), closed.by.as_str(), closed.text.as_str()),
    };
    vec![
        dispute.number.into(),
        account_period.into(),
        Arg::from(&opened.about.period),
        Arg::from(&opened.about.advertiser_id),
        Arg::from(&opened.about.currency),
        series,
        number,
        Arg::from(&opened.reason),
        state.into(),
        dispute.opened_at.into(),
        Arg::from(&dispute.opened_by),
        at.into(),
        by.into(),
        resolution.into(),
    ]
}
