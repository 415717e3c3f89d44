//! What is advertised: whom a click bills, and where it leads.

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
