//! What every advertiser used, by currency and campaign.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use clicktrail_invoices::usage::{Counts, Usage};

/// What a sum may take in memory: some millions of campaigns.
const BYTES_MAX: usize = 1 << 30;
/// What a campaign takes beside its names.
const CAMPAIGN_BYTES: usize = 192;

/// The usage of every advertiser, by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Everybody {
    by_advertiser: BTreeMap<String, BTreeMap<String, Usage>>,
    /// What it takes, about.
    bytes: usize,
}

impl Everybody {
    /// Adds what a campaign used. What comes to nothing is not kept.
    pub(crate) fn add(
        &mut self,
        advertiser: &str,
        currency: &str,
        campaign: &str,
        counts: &Counts,
    ) -> Result<(), String> {
        if counts.is_zero() {
            return Ok(());
        }
        let too_large = || format!("the sums of campaign {campaign:?} of {advertiser:?} are too large");
        if let Some(of_advertiser) = self.by_advertiser.get_mut(advertiser)
            && let Some(usage) = of_advertiser.get_mut(currency)
            && let Some(standing) = usage.campaigns.get_mut(campaign)
        {
            *standing = standing.plus(counts).map_err(|_| too_large())?;
            if standing.is_zero() {
                self.bytes = self.bytes.saturating_sub(bytes(advertiser, campaign));
                usage.campaigns.remove(campaign);
                if usage.campaigns.is_empty() {
                    of_advertiser.remove(currency);
                }
                if of_advertiser.is_empty() {
                    self.by_advertiser.remove(advertiser);
                }
            }
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(bytes(advertiser, campaign));
        if self.bytes > BYTES_MAX {
            return Err(format!("more campaigns had clicks than fit into {BYTES_MAX} bytes: draft fewer accounts"));
        }
        let of_advertiser = self.by_advertiser.entry(advertiser.to_owned()).or_default();
        let usage = of_advertiser.entry(currency.to_owned()).or_default();
        usage.campaigns.insert(campaign.to_owned(), *counts);
        Ok(())
    }

    /// Adds all of another.
    ///
    /// # Errors
    /// If a sum is beyond what its type holds.
    pub(crate) fn add_all(&mut self, other: &Self) -> Result<(), String> {
        other
            .rows()
            .try_for_each(|(advertiser, currency, campaign, counts)| self.add(advertiser, currency, campaign, counts))
    }

    /// The rows, in order: advertiser, currency, campaign, what was counted.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str, &str, &Counts)> {
        self.by_advertiser.iter().flat_map(|(advertiser, currencies)| {
            currencies.iter().flat_map(move |(currency, usage)| {
                let campaigns = usage.campaigns.iter();
                campaigns
                    .map(move |(campaign, counts)| (advertiser.as_str(), currency.as_str(), campaign.as_str(), counts))
            })
        })
    }

    /// Whoever used anything.
    pub fn advertisers(&self) -> impl Iterator<Item = &str> {
        self.by_advertiser.keys().map(String::as_str)
    }

    /// What one advertiser used, by currency.
    pub fn of(&self, advertiser: &str) -> Option<&BTreeMap<String, Usage>> {
        self.by_advertiser.get(advertiser)
    }

    /// Whether a campaign has fewer than no clicks: then what was taken away was never in it.
    pub(crate) fn impossible(&self) -> Option<(&str, &str)> {
        let is_negative =
            |counts: &Counts| counts.named().into_iter().any(|(_, count)| count < 0) || counts.spend_micros < 0;
        let mut found = self.rows().filter(|(.., counts)| is_negative(counts));
        found.next().map(|(advertiser, _, campaign, _)| (advertiser, campaign))
    }
}

fn bytes(advertiser: &str, campaign: &str) -> usize {
    CAMPAIGN_BYTES.saturating_add(advertiser.len()).saturating_add(campaign.len())
}
