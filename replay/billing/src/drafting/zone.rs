//! A period in one zone: its instants, what it lacks, its basis, and the sum of that.

use clicktrail_catalog::invoicing::{Cycle, NewPeriod};
use clicktrail_invoices::{Period, PeriodName};
use clicktrail_log::{
    archive::{self, keys::invoices::Input},
    frame::Digest,
    invariant,
};

use super::{
    cause,
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
    /// The instants of a period: those that were frozen, else those of this program's edition of the time zones.
    pub(super) async fn instants(&self, name: PeriodName, zone: &str) -> Result<Period, Error> {
        let frozen = self.checking.catalog.period(&name.to_string(), zone).await?;
        let period = Period::of(name, zone)?;
        Ok(match frozen {
            Some(stored) => as_frozen(period, stored.frozen),
            None => period,
        })
    }

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
        Ok(as_frozen(period.clone(), stored.frozen))
    }

    /// What a zone's period is made of; `None` if it cannot be drafted yet.
    pub(super) async fn zone(
        &self,
        name: PeriodName,
        zone: &str,
        advertiser: Option<&str>,
        standing: &Standing,
    ) -> Result<(Option<Found>, Zone), Error> {
        let period = self.instants(name, zone).await?;
        let instants = period.from..period.to;
        let checked = self.checking.check(&instants, self.now).await?;
        if !checked.lacks.is_empty() {
            return Ok((None, Zone { period, accounts: 0, lacks: checked.lacks, summed: None }));
        }
        let archive = &self.checking.archive;
        let earlier = self.earlier(zone, standing, &period).await?;
        let first = self.checking.patience.first_hour(period.from);
        let basis = basis::find(archive, &checked.snapshot, instants, first, earlier.as_ref()).await?;
        let (usage, how) = self.usage(&basis, earlier, advertiser).await?;
        let summed = Summed {
            basis: basis.digest(),
            segments: basis.segments().len() as u64,
            last_hour: basis.looked_at().1,
            stale: basis.stale().collect(),
            how,
        };
        Ok((Some(Found { basis, usage }), Zone { period, accounts: 0, lacks: Vec::new(), summed: Some(summed) }))
    }

    /// The newest basis of the period that is still there.
    async fn earlier(&self, zone: &str, standing: &Standing, period: &Period) -> Result<Option<Basis>, Error> {
        for text in standing.bases(zone) {
            let Ok(digest) = text.parse::<Digest>() else { continue };
            match self.checking.archive.input(Input::Basis, &digest).await {
                // One that this program cannot read saves nothing.
                Ok(bytes) => {
                    let basis = cause::read(&bytes, &digest).ok();
                    if basis.as_ref().is_some_and(|basis| basis.period() == (period.from..period.to)) {
                        return Ok(basis);
                    }
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(archive::Error::Missing(_) | archive::Error::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
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

fn as_frozen(period: Period, frozen: NewPeriod) -> Period {
    Period { from: frozen.from, to: frozen.to, tzdb: frozen.tzdb, ..period }
}
