//! Which of several verdicts about one position stands.

use crate::verdict::{Stage, Verdict};

/// How strongly a stage speaks: a person's word about one click over any query or judge, a look back over the look
/// in passing. Queries and the judge's second look weigh the same.
const fn weight(stage: Stage) -> u8 {
    match stage {
        Stage::Live => 0,
        Stage::Rejudge | Stage::Query => 1,
        Stage::Manual => 2,
    }
}

/// The standing verdict among those about one position, given in the order of the verdict log.
///
/// | earlier | later | stands |
/// |---|---|---|
/// | live | live | later |
/// | live | rejudge, query or manual | later |
/// | rejudge or query | live | earlier |
/// | rejudge or query | rejudge, query or manual | later |
/// | manual | live, rejudge or query | earlier |
/// | manual | manual | later |
pub fn standing<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> Option<&'v Verdict> {
    verdicts.into_iter().reduce(|standing, next| match weight(next.stage) >= weight(standing.stage) {
        true => next,
        false => standing,
    })
}

#[cfg(test)]
mod tests {
    use clicktrail_log::{
        position::{Epoch, Position, Seq},
        time::Timestamp,
    };

    use super::*;
    use crate::verdict::Decision;

    fn verdict(stage: Stage, note: &str) -> Verdict {
        Verdict {
            target: Position::new(Epoch::FIRST, Seq::FIRST, 0),
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
            let verdicts = [verdict(earlier, "earlier"), verdict(later, "later")];
            assert_eq!(standing(&verdicts).unwrap().note.as_deref(), Some(stands), "{earlier:?} then {later:?}");
        }
        assert_eq!(standing(&[]), None);
    }
}
