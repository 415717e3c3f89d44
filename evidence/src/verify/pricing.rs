//! Step 8: what the documents say is what follows from the counts. An invoice is the bill of its usage; a note is the
//! bill of the correct whole, under the terms of the invoice, less everything that was issued before it.

use super::{
    bill::{Bill, Error},
    counting::{Sums, usage},
    document::{Document, HourMoved, Kind},
    dossier::Dossier,
    failure::Failure,
    logged::Logged,
    rows::Rows,
};
use crate::hash::Hash;

/// What the documents come to together.
#[derive(Debug)]
pub(super) struct Priced {
    /// The bill of the last basis: what invoice and notes add up to.
    pub(super) whole: Bill,
    /// Whether totals were computed, or only the lines that were asked for.
    pub(super) is_whole: bool,
}

/// Checks every document. `sums` are those of the bases of `digests`, in the same order.
pub(super) fn check(
    dossier: &Dossier,
    logged: &Logged,
    rows: &Rows,
    digests: &[Hash],
    sums: &[Sums],
    campaigns: Option<&[String]>,
) -> Result<Priced, Failure> {
    let of = |document: &Document| {
        let index = digests.iter().position(|digest| *digest == document.pins.basis);
        &sums[index.expect("every basis was counted")]
    };
    let first = &dossier.documents[0];
    let currency = first.content.bill.currency.as_str();
    let mut whole = None;
    for (index, document) in dossier.documents.iter().enumerate() {
        let place = dossier.places[index].as_str();
        let failed = |error: Error| Failure::arithmetic(place, format!("{}: {error}", document.name()));
        let overflow = |error| failed(Error::Overflow(error));
        let issued = &dossier.bills[since_cancelled(&dossier.documents[..index])..index];
        let truth = match dossier.bills[..index].last().filter(|_| document.is_cancellation()) {
            Some(last) => last.minus(std::slice::from_ref(last)).map_err(overflow)?,
            None => {
                let usage = usage(rows, of(document), currency);
                Bill::of(&usage, &first.content.terms, currency, first.content.bill.decimals).map_err(failed)?
            }
        };
        let expected = truth.minus(issued).map_err(overflow)?;
        compare(place, document, &dossier.bills[index], &expected, campaigns).map_err(|failure| match failure {
            Compared::Overflow(error) => overflow(error),
            Compared::Differs(failure) => failure,
        })?;
        if index > 0 && campaigns.is_none() {
            let before = &dossier.documents[index - 1];
            let moved = if document.is_cancellation() {
                Vec::new()
            } else {
                moved(logged, of(before), of(document)).map_err(overflow)?
            };
            if moved != document.content.hours {
                let reason = format!("{}: the hours that moved are others", document.name());
                return Err(Failure::arithmetic(place, reason));
            }
        } else if index == 0 && !document.content.hours.is_empty() {
            return Err(Failure::arithmetic(place, "an invoice has no hours that moved"));
        }
        whole = Some(truth);
    }
    let whole = whole.ok_or_else(|| Failure::incomplete("invoice.json", "there is no document"))?;
    Ok(Priced { whole, is_whole: campaigns.is_none() })
}

enum Compared {
    Overflow(super::money::Overflow),
    Differs(Failure),
}

impl From<super::money::Overflow> for Compared {
    fn from(error: super::money::Overflow) -> Self {
        Self::Overflow(error)
    }
}

/// The first document that still counts: behind the last that took back all of it.
fn since_cancelled(documents: &[Document]) -> usize {
    documents.iter().rposition(Document::is_cancellation).map_or(0, |at| at + 1)
}

fn compare(
    place: &str,
    document: &Document,
    says: &Bill,
    expected: &Bill,
    campaigns: Option<&[String]>,
) -> Result<(), Compared> {
    let name = document.name();
    let differs = |reason: String| Err(Compared::Differs(Failure::arithmetic(place, format!("{name}: {reason}"))));
    let mut asked: Vec<&String> = match campaigns {
        Some(campaigns) => campaigns.iter().collect(),
        None => says.lines.keys().chain(expected.lines.keys()).collect(),
    };
    asked.sort_unstable();
    asked.dedup();
    for campaign in asked {
        let (found, computed) = (says.lines.get(campaign), expected.lines.get(campaign));
        if found != computed {
            let shown = |line: Option<&(super::counts::Counts, i128)>| {
                line.map_or_else(
                    || "no line".to_owned(),
                    |(counts, amount)| format!("{counts:?}, {amount} minor units"),
                )
            };
            let (says, computed) = (shown(found), shown(computed));
            return differs(format!("the line of {campaign:?} says {says}; it comes to {computed}"));
        }
    }
    if let Some(campaigns) = campaigns {
        // Counts and amounts are equal: what else a line shows follows from them.
        for campaign in campaigns {
            let mut written = document.content.bill.lines.iter().filter(|line| line.campaign_id == *campaign);
            if written.next() != expected.line_shown(campaign)?.as_ref() {
                return differs(format!("the line of {campaign:?} shows what does not follow from its counts"));
            }
        }
        return Ok(());
    }
    if expected.shown()? != document.content.bill {
        let (says, computed) = (says.total_shown(), expected.total_shown());
        return differs(format!(
            "adjustments, taxes or sums do not follow from the lines: it says {says}, it comes to {computed}"
        ));
    }
    let kind = match (&document.content.original, expected.total < 0) {
        (None, _) => Kind::Invoice,
        (Some(_), true) => Kind::CreditNote,
        (Some(_), false) => Kind::DebitNote,
    };
    match kind == document.kind {
        true => Ok(()),
        false => differs("its kind does not fit its total".to_owned()),
    }
}

/// Hours whose counts are others than before.
fn moved(logged: &Logged, before: &Sums, after: &Sums) -> Result<Vec<HourMoved>, super::money::Overflow> {
    let mut moved = Vec::new();
    for (manifest, (before, after)) in logged.clicks.iter().zip(before.hours.iter().zip(&after.hours)) {
        let counts = after.minus(before)?;
        if !counts.is_zero() {
            moved.push(HourMoved { hour: manifest.hour, counts: counts.shown() });
        }
    }
    Ok(moved)
}
