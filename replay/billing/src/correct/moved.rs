//! Which hours moved of many accounts, and by how much: each segment that left or came is read once for all of them,
//! and not once an account.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::invoicing::AccountPeriod;
use clicktrail_invoices::{Counts, document::HourMoved};
use clicktrail_log::time::Hour;

use super::causes::Causes;
use crate::{
    basis::{Basis, Read},
    error::Error,
    usage::{Everybody, Sign, sum::Summing},
};

/// So many hours of accounts are held at a time, some 80 MB. Beyond it, segments are read again for the next accounts.
const HELD_MAX: usize = 1_000_000;

/// An advertiser and a currency.
pub(super) type Account = (String, String);

/// What moved between two bases.
pub(super) struct Moved {
    pub(super) by_account: BTreeMap<Account, Vec<HourMoved>>,
    /// Hours that came.
    pub(super) late: BTreeSet<Hour>,
    /// Hours that count by other code what is the same.
    pub(super) code: BTreeSet<Hour>,
}

impl Moved {
    /// The hours of an account, and what it was about them.
    pub(super) fn of(&self, about: &AccountPeriod) -> (Vec<HourMoved>, Causes) {
        let hours = self.by_account.get(&account(about)).cloned().unwrap_or_default();
        let any = |of: &BTreeSet<Hour>| hours.iter().any(|moved| of.contains(&moved.hour));
        let causes = Causes { late: any(&self.late), code: any(&self.code) };
        (hours, causes)
    }
}

/// Whose hours these are.
pub(super) fn account(about: &AccountPeriod) -> Account {
    (about.advertiser_id.clone(), about.currency.clone())
}

/// Of each of these accounts the hours that count otherwise in the later basis, in order. Accounts of which none does
/// are left out.
///
/// # Errors
/// A segment that is missing or damaged, by name; archive out of reach.
pub(super) async fn hours(
    summing: &Summing,
    (before, now): (&Basis, &Basis),
    accounts: &BTreeSet<Account>,
) -> Result<BTreeMap<Account, Vec<HourMoved>>, Error> {
    let (left, came) = before.moves(now);
    let mut by_hour: BTreeMap<Hour, Vec<(Read, Sign)>> = BTreeMap::new();
    for (reads, sign) in [(left, Sign::Minus), (came, Sign::Plus)] {
        for read in reads {
            by_hour.entry(read.hour).or_default().push((read.clone(), sign));
        }
    }
    let at_once = at_once(by_hour.len());
    let all: Vec<&Account> = accounts.iter().collect();
    let mut found: BTreeMap<Account, Vec<HourMoved>> = BTreeMap::new();
    for wanted in all.chunks(at_once) {
        for (hour, reads) in &by_hour {
            let sum = summing.add(Everybody::default(), now.period(), reads.iter().cloned()).await?;
            for (advertiser, currency) in wanted {
                let usage = sum.of(advertiser).and_then(|by_currency| by_currency.get(currency));
                let counts = usage.map_or(Ok(Counts::default()), |usage| usage.total())?;
                if !counts.is_zero() {
                    let of_account = found.entry((advertiser.clone(), currency.clone())).or_default();
                    of_account.push(HourMoved { hour: *hour, counts });
                }
            }
        }
    }
    Ok(found)
}

/// How many accounts are looked at in one reading of so many hours.
fn at_once(hours: usize) -> usize {
    HELD_MAX.checked_div(hours).unwrap_or(HELD_MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::at_once;

    #[test]
    fn accounts_of_a_month_are_read_together_and_held_within_bounds() {
        assert_eq!((at_once(0), at_once(720), at_once(8_784)), (1_000_000, 1_388, 113));
        assert_eq!(at_once(2_000_000), 1, "at least one at a time");
    }
}
