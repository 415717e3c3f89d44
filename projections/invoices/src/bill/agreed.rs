//! What terms say about each campaign, and about the account.

use std::collections::BTreeMap;

use crate::{money::BasisPoints, terms::Terms};

/// What was agreed for a campaign, or for the account.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Agreed {
    pub(super) cap: Option<i128>,
    pub(super) discount: Option<BasisPoints>,
    pub(super) minimum: Option<i128>,
}

/// By campaign; `None` is the account. Terms name each at most once.
pub(super) fn agreed(terms: &Terms) -> BTreeMap<Option<&str>, Agreed> {
    let mut by_campaign: BTreeMap<Option<&str>, Agreed> = BTreeMap::new();
    for cap in &terms.caps {
        by_campaign.entry(cap.campaign.as_deref()).or_default().cap = Some(cap.amount);
    }
    for discount in &terms.discounts {
        by_campaign.entry(discount.campaign.as_deref()).or_default().discount = Some(discount.rate);
    }
    for minimum in &terms.minimums {
        by_campaign.entry(minimum.campaign.as_deref()).or_default().minimum = Some(minimum.amount);
    }
    by_campaign
}
