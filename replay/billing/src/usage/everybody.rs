//! What every advertiser used, by currency and campaign.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use clicktrail_invoices::usage::{Counts, Usage};

/// What the sums of one drafting may take in memory, all together: some millions of campaigns.
const BYTES_MAX: usize = 1 << 30;
/// What a campaign takes beside its names.
const CAMPAIGN_BYTES: usize = 192;

/// The usage of every advertiser, by currency.
#[derive(Debug, Clone)]
pub struct Everybody {
    by_advertiser: BTreeMap<String, BTreeMap<String, Usage>>,
    /// What it takes, about.
    bytes: usize,
    /// What it may take.
    bytes_max: usize,
}

impl Default for Everybody {
    fn default() -> Self {
        Self::bounded(BYTES_MAX)
    }
}

/// What was summed is compared, and not what it may take.
impl PartialEq for Everybody {
    fn eq(&self, other: &Self) -> bool {
        self.by_advertiser == other.by_advertiser
    }
}

impl Eq for Everybody {}

impl Everybody {
    fn bounded(bytes_max: usize) -> Self {
        Self { by_advertiser: BTreeMap::new(), bytes: 0, bytes_max }
    }

    /// Empty ones for so many workers, and what is left for the sum that they are added to: together they take no more
    /// than one may. At least half is for the sum, because workers see campaigns twice.
    pub(crate) fn shared_out(workers: usize) -> (Vec<Self>, usize) {
        let each = (BYTES_MAX / 2).checked_div(workers).unwrap_or(0);
        (vec![Self::bounded(each); workers], BYTES_MAX / 2)
    }

    /// The same sum, which may take no more than this.
    #[must_use]
    pub(crate) fn within(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

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
        if self.bytes > self.bytes_max {
            let max = self.bytes_max;
            return Err(format!("more campaigns had clicks than fit into {max} bytes: draft one account at a time"));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

    use super::*;

    /// However many workers add up side by side: what they hold together is bounded, not what each holds.
    #[test]
    fn workers_and_their_sum_together_take_no_more_than_one_may() {
        for workers in [1, 2, 64] {
            let (each, rest) = Everybody::shared_out(workers);
            assert_eq!(each.len(), workers);
            assert!(each.iter().map(|one| one.bytes_max).sum::<usize>() + rest <= BYTES_MAX);
        }
        let one = Counts { gross: 1, billable: 1, ..Counts::default() };
        let mut small = Everybody::bounded(2 * bytes("acme", "spring"));
        small.add("acme", "EUR", "spring", &one).unwrap();
        small.add("acme", "EUR", "autumn", &one).unwrap();
        small.add("acme", "EUR", "autumn", &one).unwrap();
        let refused = small.add("acme", "EUR", "winter", &one).unwrap_err();
        assert!(refused.contains("draft one account at a time"), "{refused}");
        let mut larger = Everybody::default();
        larger.add_all(&small).unwrap();
        assert_eq!(larger, small, "a sum is what was summed, whatever it may take");
    }
}
