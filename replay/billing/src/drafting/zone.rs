//! A period in one zone: its instants, what it lacks, its basis, and the sum of that.

use clicktrail_catalog::invoicing::{Cycle, NewPeriod};
use clicktrail_invoices::Period;
use clicktrail_log::invariant;

use super::{
    accounts::as_frozen,
    desk::Drafting,
    outcome::{How, Summed, Zone},
    standing::Standing,
};
use crate::{
    basis::{self, Basis},
    error::Error,
    usage::{Everybody, stored, sum::Summing},
};

/// With more segments than these that left or came, all are summed afresh: that takes no longer.
const MOVED_PERMILLE_MAX: usize = 400;
const _: () = assert!(MOVED_PERMILLE_MAX <= 1_000, "a part of all");

/// What a zone's drafts are made of.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) basis: Basis,
    pub(crate) usage: Everybody,
}

impl Drafting {
    /// Freezes a period: its instants as they stand from now on.
    pub async fn freeze(&self, period: &Period) -> Result<Period, Error> {
        let cycle = match period.name.cycle() {
            clicktrail_invoices::Cycle::Month => Cycle::Month,
            clicktrail_invoices::Cycle::Week => Cycle::Week,
        };
        let new = NewPeriod {
            name: period.name.to_string(),
            zone: period.zone.clone(),
            cycle,
            from: period.from,
            to: period.to,
            tzdb: period.tzdb.clone(),
        };
        let stored = self.checking.catalog.put_period(&new, &self.actor, self.now).await?;
        let is_it = (&stored.frozen.name, &stored.frozen.zone) == (&new.name, &new.zone);
        invariant!(I10, is_it, "{period} was frozen as {} of {}", stored.frozen.name, stored.frozen.zone);
        as_frozen(stored.frozen)
    }

    /// What a period is made of; `None` if it cannot be drafted yet. If somebody is billed for it, it is frozen before
    /// anything is summed: whoever froze it first decides what is.
    pub(super) async fn zone(
        &self,
        looked_at: Period,
        is_billed: bool,
        advertiser: Option<&str>,
        standing: &Standing,
    ) -> Result<(Option<Found>, Zone), Error> {
        let mut period = looked_at;
        let mut checked = self.checking.check(&(period.from..period.to), self.now).await?;
        if checked.lacks.is_empty() && is_billed {
            let frozen = self.freeze(&period).await?;
            if (frozen.from, frozen.to) != (period.from, period.to) {
                checked = self.checking.check(&(frozen.from..frozen.to), self.now).await?;
            }
            period = frozen;
        }
        if !checked.lacks.is_empty() {
            return Ok((None, Zone { period, accounts: 0, lacks: checked.lacks, summed: None }));
        }
        let (archive, instants) = (&self.checking.archive, period.from..period.to);
        let earlier = standing.basis(archive, &period.zone, &instants).await?;
        let first = self.checking.patience.first_hour(period.from);
        let basis = basis::find(archive, &checked.snapshot, instants, first, earlier.as_ref()).await?;
        let basis = basis.standing_on(checked.signed);
        let (usage, how) = self.usage(&basis, earlier, advertiser).await?;
        let over = self.checking.patience.over(period.to);
        let summed = Summed {
            basis: basis.digest(),
            segments: basis.segments().len() as u64,
            last_hour: basis.looked_at().1,
            stale: basis.stale().collect(),
            later: basis.segments().iter().filter(|read| read.hour.start() >= over).count() as u64,
            how,
        };
        Ok((Some(Found { basis, usage }), Zone { period, accounts: 0, lacks: Vec::new(), summed: Some(summed) }))
    }

    /// The sum of a basis: as it was kept, or from an earlier one, or from all segments.
    async fn usage(
        &self,
        basis: &Basis,
        earlier: Option<Basis>,
        advertiser: Option<&str>,
    ) -> Result<(Everybody, How), Error> {
        let archive = &self.checking.archive;
        if let Some(kept) = stored::get(archive, basis).await? {
            return Ok((kept, How::Kept));
        }
        let summing = self.summing(None);
        if let Some(earlier) = earlier {
            let (left, came) = earlier.moves(basis);
            let (left, came) = (left.len(), came.len());
            let most = basis.segments().len().saturating_mul(MOVED_PERMILLE_MAX) / 1_000;
            let few = left.saturating_add(came) <= most.max(2);
            if few && let Some(kept) = stored::get(archive, &earlier).await? {
                let moved = summing.moved((&earlier, kept), basis).await?;
                stored::put(archive, basis, &moved).await?;
                return Ok((moved, How::Moved { left: left as u64, came: came as u64 }));
            }
        }
        let summing = self.summing(advertiser);
        let sum = summing.fresh(basis).await?;
        // The sum of one account is nobody else's.
        if advertiser.is_none() {
            stored::put(archive, basis, &sum).await?;
        }
        Ok((sum, How::Fresh))
    }

    pub(super) fn summing(&self, advertiser: Option<&str>) -> Summing {
        Summing {
            archive: self.checking.archive.clone(),
            threads: self.threads,
            advertiser: advertiser.map(str::to_owned),
        }
    }
}
