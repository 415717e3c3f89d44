//! What an account is billed, in the numbers that people compare.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::collections::BTreeMap;

use clicktrail_catalog::invoicing;
use clicktrail_invoices::{Counts, Currency, Draft, Period};
use clicktrail_log::{
    archive::{Archive, keys::invoices::Input},
    frame::Digest,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::error::Error;

/// Drafts that are read side by side.
const READ_AT_ONCE: usize = 64;
const _: () = assert!(READ_AT_ONCE > 0, "some are read");

/// An account's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// All clicks.
    pub clicks: i64,
    /// Those that are paid for.
    pub billable: i64,
    /// What these cost, in millionths.
    pub spend_micros: i128,
    /// What is to be paid, in minor units.
    pub total_minor: i128,
}

impl Figures {
    fn of(draft: &Draft) -> Result<Self, Error> {
        let mut lines = draft.bill.lines.iter();
        let counts = lines.try_fold(Counts::default(), |sum, line| sum.plus(&line.counts))?;
        let Counts { gross, billable, spend_micros, .. } = counts;
        Ok(Self { clicks: gross, billable, spend_micros, total_minor: draft.bill.total })
    }

    /// Clicks that are not paid for, in thousandths of all; 0 without clicks.
    pub fn invalid_permille(&self) -> u32 {
        let invalid = i128::from(self.clicks).saturating_sub(self.billable.into());
        let share = invalid.saturating_mul(1_000).checked_div(self.clicks.into()).unwrap_or(0);
        u32::try_from(share.clamp(0, 1_000)).expect("at most 1,000")
    }

    /// What a billable click costs on average, in millionths; `None` without any.
    pub fn price_micros(&self) -> Option<i128> {
        self.spend_micros.checked_div(self.billable.into())
    }
}

/// By advertiser and currency.
pub(crate) type ByAccount = BTreeMap<(String, String), (Figures, Currency)>;

/// The numbers of drafts, and the period of each zone among them.
pub(super) async fn read(
    archive: &Archive,
    drafts: &[invoicing::Draft],
) -> Result<(ByAccount, BTreeMap<String, Period>), Error> {
    let texts = drafts.iter().map(|draft| text(archive, draft));
    let mut texts = stream::iter(texts).buffered(READ_AT_ONCE);
    let (mut figures, mut periods) = (ByAccount::new(), BTreeMap::new());
    while let Some(draft) = texts.try_next().await? {
        let key = (draft.advertiser_id.clone(), draft.bill.currency.code().to_owned());
        figures.insert(key, (Figures::of(&draft)?, draft.bill.currency));
        periods.entry(draft.pins.period.zone.clone()).or_insert(draft.pins.period);
    }
    Ok((figures, periods))
}

async fn text(archive: &Archive, draft: &invoicing::Draft) -> Result<Draft, Error> {
    let digest: Digest = draft
        .text_digest
        .parse()
        .map_err(|_| Error::Contradiction(format!("draft {} has a text that is no digest", draft.revision)))?;
    let bytes = archive.input(Input::Draft, &digest).await?;
    Ok(Draft::from_canonical(&bytes)?)
}
