//! From an account's usage to its drafts: one for each currency. Pure: it is told everything.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_invoices::{AdjustmentKind, Bill, Counts, Draft, Kind, Period, Pins, Rounding, Seller, Usage, bill};
use clicktrail_log::frame::Digest;

use super::{
    accounts::Applied,
    outcome::{LeftOut, Notice, Why},
};

/// What all drafts of a zone's period have in common.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) period: Period,
    pub(crate) basis: Digest,
    pub(crate) seller: Seller,
    pub(crate) seller_digest: Digest,
    /// Whether drafts come back that somebody threw away, though nothing changed.
    pub(crate) revives: bool,
}

/// A draft, and what a person should know of it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) draft: Draft,
    pub(crate) notices: Vec<Notice>,
}

impl Common {
    /// The drafts of an account. `minimum_in` is the invoice of another currency that has billed the period's minimum.
    pub(crate) fn drafts(
        &self,
        advertiser: &str,
        applied: &Applied,
        usage: Option<&BTreeMap<String, Usage>>,
        minimum_in: Option<&str>,
    ) -> (Vec<Made>, Vec<LeftOut>) {
        let (mut made, mut left_out) = (Vec::new(), Vec::new());
        let nothing = Usage::default();
        let used = usage.into_iter().flat_map(BTreeMap::keys);
        let own = applied.terms.currency.code().to_owned();
        let currencies: BTreeSet<&String> = used.chain([&own]).collect();
        let missing = applied.terms.missing_with(&self.seller);
        for code in currencies {
            let used = usage.and_then(|usage| usage.get(code)).unwrap_or(&nothing);
            let left = |why: Why| LeftOut { advertiser_id: advertiser.to_owned(), currency: Some(code.clone()), why };
            let bill = applied.terms.currency_of(code).and_then(|currency| bill(used, &applied.terms, currency));
            let bill = match bill {
                Ok(bill) => bill,
                Err(why) => {
                    left_out.push(left(Why::NoBill(why.to_string())));
                    continue;
                }
            };
            if bill.is_nothing() {
                continue;
            }
            if !missing.is_empty() {
                left_out.push(left(Why::Missing(missing.clone())));
                continue;
            }
            let is_minimum = bill.adjustments.iter().any(|one| one.kind == AdjustmentKind::Minimum);
            if let Some(document) = minimum_in.filter(|_| is_minimum) {
                left_out.push(left(Why::MinimumBilled { document: document.to_owned() }));
                continue;
            }
            let notices = self.notices(&bill, applied);
            let draft = self.draft(advertiser, applied, bill);
            match draft.check() {
                Ok(()) => made.push(Made { draft, notices }),
                Err(why) => left_out.push(left(Why::NoBill(why.to_string()))),
            }
        }
        (made, left_out)
    }

    fn notices(&self, bill: &Bill, applied: &Applied) -> Vec<Notice> {
        let mut notices = Vec::new();
        if bill.currency != applied.terms.currency {
            notices.push(Notice::OtherCurrency { of_terms: applied.terms.currency });
        }
        if applied.begins_later {
            notices.push(Notice::TermsBeginLater { valid_from: applied.terms.valid_from.to_string() });
        }
        if let Some((before, zone)) = applied.before.clone().filter(|_| applied.is_changed) {
            notices.push(Notice::Changed { before, zone, is_whole: self.period.name.is_whole() });
        }
        notices.extend((bill.total == 0).then_some(Notice::Zero));
        notices
    }

    fn draft(&self, advertiser: &str, applied: &Applied, bill: Bill) -> Draft {
        Draft {
            kind: Kind::Invoice,
            advertiser_id: advertiser.to_owned(),
            seller: self.seller.party.clone(),
            terms: applied.terms.clone(),
            pins: Pins {
                period: self.period.clone(),
                basis: self.basis,
                terms_version: applied.version,
                terms: applied.digest,
                seller: self.seller_digest,
                rounding: Rounding::HalfAwayFromZeroPerLine,
                template: None,
                renderer: None,
            },
            bill,
            original: None,
            hours: Vec::new(),
        }
    }
}

/// Clicks of somebody, in all currencies.
pub(crate) fn clicks(usage: &BTreeMap<String, Usage>) -> i64 {
    let counts = usage.values().flat_map(|usage| usage.campaigns.values());
    counts.map(|counts: &Counts| counts.gross).fold(0, i64::saturating_add)
}
