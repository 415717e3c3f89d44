//! Why a draft has another revision: which hours counted otherwise, and by how much each cause moved the account.
//!
//! Hours are compared between the basis of the revision before and that of the new one. What came of other code, of
//! newer verdicts and of late events is summed apart, so a change is told by its cause in clicks and money, exactly.

use std::collections::BTreeMap;

use clicktrail_invoices::{
    Counts, Draft,
    difference::{self, Difference},
};
use clicktrail_log::{
    archive::{Archive, keys::invoices::Input},
    frame::Digest,
};

use crate::{
    basis::{Basis, Read},
    error::Error,
    usage::{Everybody, Sign, sum::Summing},
};

/// With more segments than that between two bases, causes are named and not summed apart.
const SUMMED_MAX: usize = 400;

/// Why numbers are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Events of the period were logged since.
    LateEvents,
    /// Hours count with newer verdicts.
    Verdicts,
    /// Hours count by other code.
    Code,
    /// Hours count by other code and with newer verdicts.
    CodeAndVerdicts,
    /// Hours that counted are not there any more.
    HoursGone,
    /// The account's terms.
    Terms,
    /// Who bills.
    Seller,
    /// The instants of the period.
    Period,
}

impl Cause {
    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LateEvents => "late_events",
            Self::Verdicts => "verdicts",
            Self::Code => "code",
            Self::CodeAndVerdicts => "code_and_verdicts",
            Self::HoursGone => "hours_gone",
            Self::Terms => "terms",
            Self::Seller => "seller",
            Self::Period => "period",
        }
    }
}

/// What one cause did to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub cause: Cause,
    /// In how many hours; 0 for what is not in hours.
    pub hours: u64,
    /// By how much the account's counts changed with it; `None` where too many hours moved to be summed apart, and for
    /// what is not in hours.
    pub counts: Option<Counts>,
}

/// How a revision differs from the one before.
#[derive(Debug, Clone)]
pub struct Change {
    /// The revision before.
    pub revision: u32,
    /// What it came to, in minor units.
    pub total_before: i128,
    /// Line by line.
    pub difference: Difference,
    /// Why.
    pub causes: Vec<Moved>,
}

/// What moved between two bases.
#[derive(Debug)]
struct Apart {
    hours: BTreeMap<Cause, u64>,
    sums: Option<BTreeMap<Cause, Everybody>>,
}

/// Tells changes. It remembers what moved since each basis that was asked for.
pub(crate) struct Causes<'c> {
    archive: &'c Archive,
    summing: Summing,
    now: &'c Basis,
    since: BTreeMap<Digest, Apart>,
}

impl<'c> Causes<'c> {
    pub(crate) fn new(archive: &'c Archive, summing: Summing, now: &'c Basis) -> Self {
        Self { archive, summing, now, since: BTreeMap::new() }
    }

    /// How a draft differs from the revision before.
    ///
    /// # Errors
    /// A basis or segment that is missing or damaged, by name; archive out of reach.
    pub(crate) async fn change(&mut self, before: (u32, &Draft), after: &Draft) -> Result<Change, Error> {
        let (revision, before) = before;
        let mut causes = Vec::new();
        let of_document = [
            (Cause::Terms, before.pins.terms != after.pins.terms),
            (Cause::Seller, before.pins.seller != after.pins.seller),
            (Cause::Period, before.pins.period != after.pins.period),
        ];
        causes.extend(of_document.into_iter().filter(|(_, differs)| *differs).map(|(cause, _)| Moved {
            cause,
            hours: 0,
            counts: None,
        }));
        let apart = self.apart(&before.pins.basis).await?;
        for (cause, hours) in &apart.hours {
            let sum = apart.sums.as_ref().map(|sums| sums.get(cause));
            let counts = match sum {
                None => None,
                Some(sum) => Some(of_account(sum, after)?),
            };
            // What did not touch the account is no cause.
            if counts.is_none_or(|counts| !counts.is_zero()) {
                causes.push(Moved { cause: *cause, hours: *hours, counts });
            }
        }
        let difference = difference::between(&before.bill, &after.bill)?;
        Ok(Change { revision, total_before: before.bill.total, difference, causes })
    }

    async fn apart(&mut self, since: &Digest) -> Result<&Apart, Error> {
        if !self.since.contains_key(since) {
            let bytes = self.archive.input(Input::Basis, since).await?;
            let before = read(&bytes, since)?;
            let apart = self.moved(&before).await?;
            self.since.insert(*since, apart);
        }
        Ok(&self.since[since])
    }

    async fn moved(&self, before: &Basis) -> Result<Apart, Error> {
        let (left, came) = before.moves(self.now);
        let mut by_cause: BTreeMap<Cause, Vec<(Read, Sign)>> = BTreeMap::new();
        let mut hours: BTreeMap<Cause, std::collections::BTreeSet<_>> = BTreeMap::new();
        let count = left.len().saturating_add(came.len());
        for (reads, others, sign) in [(&left, self.now, Sign::Minus), (&came, before, Sign::Plus)] {
            for read in reads {
                let other = others.segments().iter().find(|other| other.hour == read.hour);
                let cause = cause(read, other, sign);
                by_cause.entry(cause).or_default().push(((*read).clone(), sign));
                hours.entry(cause).or_default().insert(read.hour);
            }
        }
        let hours = hours.into_iter().map(|(cause, hours)| (cause, hours.len() as u64)).collect();
        if count > SUMMED_MAX {
            return Ok(Apart { hours, sums: None });
        }
        let mut sums = BTreeMap::new();
        for (cause, reads) in by_cause {
            let sum = self.summing.add(Everybody::default(), self.now.period(), reads.into_iter()).await?;
            sums.insert(cause, sum);
        }
        Ok(Apart { hours, sums: Some(sums) })
    }
}

/// A basis that a draft names.
pub(crate) fn read(bytes: &[u8], digest: &Digest) -> Result<Basis, Error> {
    Basis::from_bytes(bytes).map_err(|error| Error::Contradiction(format!("basis {digest}: {error}")))
}

fn cause(read: &Read, other: Option<&Read>, sign: Sign) -> Cause {
    match (other, sign) {
        (None, Sign::Plus) => Cause::LateEvents,
        (None, Sign::Minus) => Cause::HoursGone,
        (Some(other), Sign::Plus | Sign::Minus) => {
            match (other.code_digest == read.code_digest, other.input_digest == read.input_digest) {
                (true, _) => Cause::Verdicts,
                (false, true) => Cause::Code,
                (false, false) => Cause::CodeAndVerdicts,
            }
        }
    }
}

fn of_account(sum: Option<&Everybody>, draft: &Draft) -> Result<Counts, Error> {
    let usage = sum.and_then(|sum| sum.of(&draft.advertiser_id)).and_then(|by| by.get(draft.bill.currency.code()));
    Ok(usage.map_or(Ok(Counts::default()), |usage| usage.total())?)
}
