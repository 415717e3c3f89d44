//! Events that came by a correction: the judge finds each of them invalid, as a matter of policy, until a person rules.
//!
//! So nothing of a correction counts when its events are logged, judged and sealed. What makes it count is one ruling
//! by hand about all of them, when it is closed. The finding depends on the event alone, so judging again finds the
//! same.

use clicktrail_log::event::{CORRECTION_PREFIX, correction_of};

use super::finding::Finding;
use crate::{
    detector::rows::Rows,
    kinds::JUDGED,
    schema::SCORE_PERMILLE_MAX,
    verdict::{Category, Decision, Evidence, Reason},
};

/// The reason of such a finding.
const RULE: &str = "correction";

/// Adds a finding about each such row, or makes the one that there is say so too. Both are in the order of the log.
pub(super) fn find(rows: &Rows<'_>, findings: &mut Vec<Finding>) {
    let Some(extras) = rows.extras else { return };
    for (row, extra) in extras.iter().enumerate() {
        let Some(extra) = extra.filter(|extra| extra.starts_with(CORRECTION_PREFIX)) else { continue };
        let Some(id) = correction_of(extra).filter(|_| JUDGED.holds(rows.kinds[row])) else { continue };
        let target = rows.positions[row];
        let at = match findings.binary_search_by_key(&target, |finding| finding.target) {
            Ok(at) => at,
            Err(at) => {
                findings.insert(at, nothing(rows, row));
                at
            }
        };
        let finding = &mut findings[at];
        finding.decision = Decision::Invalid;
        finding.category = Some(Category::Policy);
        finding.score_permille = SCORE_PERMILLE_MAX;
        finding.reasons.push(Reason {
            rule: RULE.to_owned(),
            weight_permille: SCORE_PERMILLE_MAX,
            decides: true,
            evidence: vec![(RULE.to_owned(), Evidence::Text(id.to_owned()))],
        });
    }
}

fn nothing(rows: &Rows<'_>, row: usize) -> Finding {
    Finding {
        target: rows.positions[row],
        event_id: rows.event_ids.value(row).to_owned(),
        decision: Decision::Valid,
        category: None,
        score_permille: 0,
        reasons: Vec::new(),
    }
}
