//! From a finding to the judge's verdict.

use clicktrail_log::time::Timestamp;

use crate::{
    fold::Finding,
    ruleset::Ruleset,
    verdict::{Stage, Verdict},
};

/// Who decided, in the judge's verdicts.
pub const ACTOR: &str = "judge";

/// A finding as a verdict.
pub(super) fn verdict(finding: Finding, stage: Stage, rules: &Ruleset, now: Timestamp) -> Verdict {
    Verdict {
        target: finding.target,
        event_id: finding.event_id,
        decision: finding.decision,
        category: finding.category,
        reasons: finding.reasons,
        score_permille: finding.score_permille,
        ruleset: rules.digest().to_string(),
        stage,
        decided_at: now,
        actor: ACTOR.to_owned(),
        note: None,
    }
}
