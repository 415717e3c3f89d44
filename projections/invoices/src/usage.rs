//! What was counted in a period for an advertiser, in one currency, by campaign.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::{BTreeMap, btree_map};

use crate::error::Error;

/// Clicks and what the billable ones of them cost. Signed, because notes subtract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All clicks.
    pub gross: i64,
    /// Of these, general invalid traffic.
    pub givt: i64,
    /// Of these, sophisticated invalid traffic.
    pub sivt: i64,
    /// Of these, repeats.
    pub duplicate: i64,
    /// Of these, taken out by a rule of the house or by hand.
    pub policy: i64,
    /// Of these, what is paid for.
    pub billable: i64,
    /// The sum of the billable clicks' prices, in millionths of the currency.
    pub spend_micros: i128,
}

impl Counts {
    /// Without general invalid traffic and repeats.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn net(&self) -> Result<i64, Error> {
        let general = self.gross.checked_sub(self.givt).and_then(|rest| rest.checked_sub(self.duplicate));
        general.ok_or_else(|| Error::overflow("net clicks"))
    }

    /// Without any invalid traffic.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn total_net(&self) -> Result<i64, Error> {
        let rest = self.net()?.checked_sub(self.sivt).and_then(|rest| rest.checked_sub(self.policy));
        rest.ok_or_else(|| Error::overflow("total net clicks"))
    }

    /// Whether all of it is zero.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn plus(&self, other: &Self) -> Result<Self, Error> {
        self.with(other, i64::checked_add, i128::checked_add)
    }

    /// What is left of it without the other.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn minus(&self, other: &Self) -> Result<Self, Error> {
        self.with(other, i64::checked_sub, i128::checked_sub)
    }

    /// Each count with its name, in the order of documents.
    pub fn named(&self) -> [(&'static str, i64); 6] {
        [
            ("gross", self.gross),
            ("givt", self.givt),
            ("sivt", self.sivt),
            ("duplicate", self.duplicate),
            ("policy", self.policy),
            ("billable", self.billable),
        ]
    }

    fn with(
        &self,
        other: &Self,
        count: fn(i64, i64) -> Option<i64>,
        money: fn(i128, i128) -> Option<i128>,
    ) -> Result<Self, Error> {
        let count = |one, two, what: &str| count(one, two).ok_or_else(|| Error::overflow(format!("the count {what}")));
        Ok(Self {
            gross: count(self.gross, other.gross, "gross")?,
            givt: count(self.givt, other.givt, "givt")?,
            sivt: count(self.sivt, other.sivt, "sivt")?,
            duplicate: count(self.duplicate, other.duplicate, "duplicate")?,
            policy: count(self.policy, other.policy, "policy")?,
            billable: count(self.billable, other.billable, "billable")?,
            spend_micros: money(self.spend_micros, other.spend_micros).ok_or_else(|| Error::overflow("spend"))?,
        })
    }
}

/// The counts of one advertiser, currency and period, by campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// By campaign.
    pub campaigns: BTreeMap<String, Counts>,
}

impl Usage {
    /// Adds counts of a campaign.
    ///
    /// # Errors
    /// [`Error::Overflow`]; then nothing was added.
    pub fn add(&mut self, campaign: &str, counts: &Counts) -> Result<(), Error> {
        match self.campaigns.get_mut(campaign) {
            Some(sum) => *sum = sum.plus(counts)?,
            None => drop(self.campaigns.insert(campaign.to_owned(), *counts)),
        }
        Ok(())
    }

    /// What is left of it without the other: campaigns that have nothing left are dropped.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn minus(&self, other: &Self) -> Result<Self, Error> {
        let mut rest = self.clone();
        for (campaign, counts) in &other.campaigns {
            match rest.campaigns.entry(campaign.clone()) {
                btree_map::Entry::Occupied(mut sum) => *sum.get_mut() = sum.get().minus(counts)?,
                btree_map::Entry::Vacant(none) => drop(none.insert(Counts::default().minus(counts)?)),
            }
        }
        rest.campaigns.retain(|_, counts| !counts.is_zero());
        Ok(rest)
    }

    /// Both together.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn plus(&self, other: &Self) -> Result<Self, Error> {
        let mut both = self.clone();
        for (campaign, counts) in &other.campaigns {
            both.add(campaign, counts)?;
        }
        Ok(both)
    }

    /// All campaigns together.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn total(&self) -> Result<Counts, Error> {
        self.campaigns.values().try_fold(Counts::default(), |sum, counts| sum.plus(counts))
    }
}

#[cfg(test)]
mod tests;
