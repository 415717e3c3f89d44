//! Which of several verdicts about one position stands.

use clicktrail_log::position::Position;

use crate::verdict::{Stage, Verdict};

/// How strongly a stage speaks. A person who rules about one event overrules any query or judge; judging again
/// overrules live judging. Queries and judging again weigh the same.
const fn weight(stage: Stage) -> u8 {
    match stage {
        Stage::Live => 0,
        Stage::Rejudge | Stage::Query => 1,
        Stage::Manual => 2,
    }
}

const _: () = assert!(
    weight(Stage::Live) < weight(Stage::Rejudge)
        && weight(Stage::Rejudge) == weight(Stage::Query)
        && weight(Stage::Query) < weight(Stage::Manual),
    "the table below"
);

/// How strongly one verdict stands against the others about its position. The greatest rank stands.
///
/// | earlier | later | stands |
/// |---|---|---|
/// | live | live | later |
/// | live | rejudge, query or manual | later |
/// | rejudge or query | live | earlier |
/// | rejudge or query | rejudge, query or manual | later |
/// | manual | live, rejudge or query | earlier |
/// | manual | manual | later |
///
/// Because ranks are ordered, verdicts may be looked at in any order, and more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    weight: u8,
    verdict: Position,
}

impl Rank {
    /// The rank of a verdict of `stage` that stands at `verdict` in the verdict log.
    pub const fn new(stage: Stage, verdict: Position) -> Self {
        Self { weight: weight(stage), verdict }
    }

    /// Whether a person ruled, whom only another ruling by hand overrules.
    pub const fn is_by_hand(self) -> bool {
        self.weight == weight(Stage::Manual)
    }

    /// Where the verdict stands in the verdict log.
    pub const fn verdict(self) -> Position {
        self.verdict
    }
}

/// The standing verdict among those about one position, given with their places in the verdict log.
pub fn standing<'v>(verdicts: impl IntoIterator<Item = (Position, &'v Verdict)>) -> Option<&'v Verdict> {
    let standing = verdicts.into_iter().max_by_key(|(position, verdict)| Rank::new(verdict.stage, *position));
    standing.map(|(_, verdict)| verdict)
}

#[cfg(test)]
mod tests {
    use clicktrail_log::{
        position::{Epoch, Position, Seq},
        time::Timestamp,
    };

    use super::*;
    use crate::verdict::Decision;

    fn at(row: u16) -> Position {
        Position::new(Epoch::FIRST, Seq::FIRST, row)
    }

    fn verdict(stage: Stage, note: &str) -> Verdict {
        Verdict {
            target: at(0),
            event_id: "e".to_owned(),
            decision: Decision::Valid,
            category: None,
            reasons: Vec::new(),
            score_permille: 0,
            ruleset: String::new(),
            stage,
            decided_at: Timestamp::from_micros(0),
            actor: "test".to_owned(),
            note: Some(note.to_owned()),
        }
    }

    #[test]
    fn truth_table_holds() {
        use Stage::{Live, Manual, Query, Rejudge};
        for (earlier, later, stands) in [
            (Live, Live, "later"),
            (Live, Rejudge, "later"),
            (Live, Query, "later"),
            (Live, Manual, "later"),
            (Rejudge, Live, "earlier"),
            (Query, Live, "earlier"),
            (Rejudge, Query, "later"),
            (Query, Rejudge, "later"),
            (Query, Manual, "later"),
            (Manual, Live, "earlier"),
            (Manual, Rejudge, "earlier"),
            (Manual, Query, "earlier"),
            (Manual, Manual, "later"),
        ] {
            let (earlier_verdict, later_verdict) = (verdict(earlier, "earlier"), verdict(later, "later"));
            let in_order = [(at(7), &earlier_verdict), (at(8), &later_verdict)];
            let reversed = [in_order[1], in_order[0]];
            for verdicts in [in_order, reversed] {
                let found = standing(verdicts).unwrap().note.as_deref();
                assert_eq!(found, Some(stands), "{earlier:?} then {later:?}");
            }
        }
        assert_eq!(standing([]), None);
    }
}
