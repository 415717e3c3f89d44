//! What each rule found, by the hour of the events.

use std::{collections::BTreeMap, time::Duration};

use clicktrail_catalog::SealedHour;
use clicktrail_log::{log::ReadLimit, position::Seq, time::Hour};
use clicktrail_verdicts::verdict::Decision;

use crate::{error::Error, service::Service};

/// Hours of the catalog that are read at a time.
const PAGE_HOURS: u32 = 1_000;

/// Hour of the events (`None`: not sealed yet), rule, and the name of the stage at which it fired.
pub type Key = (Option<Hour>, String, &'static str);

/// What one rule did to the events of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Firings {
    /// Verdicts that name the rule.
    pub verdicts: u64,
    /// Of these, how many said invalid.
    pub invalid: u64,
    /// Of the invalid ones, those that this rule made so: it decides, or no other rule fired.
    pub decided: u64,
    /// Verdicts that name no other rule.
    pub alone: u64,
}

impl Service {
    /// Counts the verdicts that name each rule, about sealed hours that `holds` and about all that is not sealed.
    ///
    /// # Errors
    /// As log, archive and catalog report.
    pub async fn firings(&self, holds: impl Fn(Hour) -> bool) -> Result<BTreeMap<Key, Firings>, Error> {
        let hours = self.sealed_hours().await?;
        let mut firings: BTreeMap<Key, Firings> = BTreeMap::new();
        let mut next = Seq::FIRST;
        loop {
            let page = self.history.read(next, ReadLimit::waiting(Duration::ZERO)).await?;
            for ruled in &page.ruled {
                let verdict = &ruled.verdict;
                let hour = hour_of(&hours, verdict.target.seq());
                if hour.is_some_and(|hour| !holds(hour)) {
                    continue;
                }
                for reason in &verdict.reasons {
                    let entry = firings.entry((hour, reason.rule.clone(), verdict.stage.as_str())).or_default();
                    entry.verdicts += 1;
                    let (is_invalid, is_alone) = (verdict.decision == Decision::Invalid, verdict.reasons.len() == 1);
                    entry.invalid += u64::from(is_invalid);
                    entry.decided += u64::from(is_invalid && (reason.decides || is_alone));
                    entry.alone += u64::from(is_alone);
                }
            }
            if page.next == next {
                return Ok(firings);
            }
            next = page.next;
        }
    }

    /// Every sealed hour, in order.
    pub(crate) async fn sealed_hours(&self) -> Result<Vec<SealedHour>, Error> {
        let mut hours: Vec<SealedHour> = Vec::new();
        loop {
            let from = hours.last().map_or(Hour::from_i64(i64::MIN / 2), |hour| hour.hour.next());
            let page = self.catalog.list_hours(from, PAGE_HOURS).await?;
            if page.is_empty() {
                return Ok(hours);
            }
            hours.extend(page);
        }
    }
}

/// The hour of a frame; `None` if it is not sealed yet.
fn hour_of(hours: &[SealedHour], seq: Seq) -> Option<Hour> {
    let index = hours.partition_point(|hour| hour.last_seq < seq);
    hours.get(index).filter(|hour| hour.first_seq <= seq).map(|hour| hour.hour)
}
