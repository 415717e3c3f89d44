//! What is advertised: whom a click bills, and where it leads.

use crate::time::Timestamp;

/// An ad as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ad {
    /// Its id, unique in the registry.
    pub ad_id: String,
    /// Who pays.
    pub advertiser_id: String,
    /// The campaign it belongs to.
    pub campaign_id: String,
    /// Where the redirect leads: an absolute `http` or `https` URL.
    pub target_url: String,
    /// What a click charges, in millionths of `currency`; never negative.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A time in which nobody is billed for clicks on an ad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The ad.
    pub ad_id: String,
    /// The first instant of it.
    pub from: Timestamp,
    /// The first instant behind it; `None` while it lasts.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// Whether an instant is part of it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}
