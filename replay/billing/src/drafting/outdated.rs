//! Drafts that drafting would not make any more: of accounts without usage, or that are billed by another cycle, zone
//! or not at all. They are marked, so that nobody approves or issues them; whatever is drafted again becomes the next
//! revision.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_catalog::invoicing::{AT_ONCE_MAX, Draft, DraftRevision};

use super::{accounts::Accounts, desk::Drafting, outcome::Outcome, standing::Standing};
use crate::error::Error;

impl Drafting {
    /// Marks those of the drafts that stand open which this drafting did not make.
    pub(super) async fn outdate(
        &self,
        standing: &Standing,
        accounts: &Accounts,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let made: BTreeSet<&str> = outcome.drafted.iter().map(|drafted| drafted.revision.id.as_str()).collect();
        let lacking: BTreeSet<&str> =
            outcome.zones.iter().filter(|zone| !zone.lacks.is_empty()).map(|zone| zone.period.zone.as_str()).collect();
        let mut by_reason: BTreeMap<String, Vec<DraftRevision>> = BTreeMap::new();
        for draft in standing.open().filter(|draft| !made.contains(draft.revision.id.as_str())) {
            if let Some(why) = why(draft, accounts, &lacking, outcome) {
                by_reason.entry(why).or_default().push(draft.revision.clone());
            }
        }
        for (why, drafts) in by_reason {
            for chunk in drafts.chunks(AT_ONCE_MAX) {
                self.checking.catalog.outdate(chunk, &why, &self.actor, self.now).await?;
            }
            outcome.outdated.extend(drafts.into_iter().map(|revision| (revision, why.clone())));
        }
        outcome.outdated.sort();
        Ok(())
    }
}

/// Why a draft would not be made any more; `None`: it could not be said.
fn why(draft: &Draft, accounts: &Accounts, lacking: &BTreeSet<&str>, outcome: &Outcome) -> Option<String> {
    let about = &draft.facts.about;
    let Some(zone) = accounts.zone_of(&about.advertiser_id) else {
        return Some("its account is not billed for this period any more, as its terms say now".to_owned());
    };
    if zone != draft.facts.zone {
        return Some(format!("its account is billed in {zone} now"));
    }
    if lacking.contains(zone) {
        return None;
    }
    let is_it = |currency: &Option<String>| currency.as_ref().is_none_or(|currency| *currency == about.currency);
    let left = outcome.left_out.iter().find(|left| left.advertiser_id == about.advertiser_id && is_it(&left.currency));
    Some(left.map_or_else(|| "nothing is left to bill".to_owned(), |left| left.why.to_string()))
}
