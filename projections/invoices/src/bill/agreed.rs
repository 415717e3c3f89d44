//! What terms say about each campaign, and about the account.

use std::collections::BTreeMap;

use crate::{
    money::{BasisPoints, Currency},
    terms::Terms,
};

/// What was agreed for a campaign, or for the account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Agreed {
    pub(super) cap: Option<i128>,
    pub(super) discount: Option<BasisPoints>,
    pub(super) minimum: Option<i128>,
}

/// By campaign; `None` is the account. Terms name each at most once. Minimums are of their own currency alone: usage in
/// two of them owes a minimum once.
pub(super) fn agreed(terms: &Terms, currency: Currency) -> BTreeMap<Option<&str>, Agreed> {
    let mut by_campaign: BTreeMap<Option<&str>, Agreed> = BTreeMap::new();
    for cap in &terms.caps {
        by_campaign.entry(cap.campaign.as_deref()).or_default().cap = Some(cap.amount);
    }
    for discount in &terms.discounts {
        by_campaign.entry(discount.campaign.as_deref()).or_default().discount = Some(discount.rate);
    }
    for minimum in terms.minimums.iter().filter(|_| terms.currency == currency) {
        by_campaign.entry(minimum.campaign.as_deref()).or_default().minimum = Some(minimum.amount);
    }
    by_campaign
}
