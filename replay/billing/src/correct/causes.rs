//! Why a note is drafted, as far as the hours that moved tell.

use clicktrail_invoices::document::{HourMoved, Reason};

/// What was seen of the hours that moved, beside their counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Causes {
    /// Hours came that were not there.
    pub(super) late: bool,
    /// Hours count by other code what is the same.
    pub(super) code: bool,
}

impl Causes {
    /// The reason of a note: what changed most.
    pub(super) fn reason(self, hours: &[HourMoved]) -> Reason {
        let sum = |of: fn(&HourMoved) -> i64| -> i128 { hours.iter().map(|hour| i128::from(of(hour))).sum() };
        if self.code {
            return Reason::ProjectionFix;
        }
        if self.late || sum(|hour| hour.counts.gross) != 0 {
            return Reason::LateEvents;
        }
        let categories = [
            (sum(|hour| hour.counts.sivt).abs(), Reason::Sivt),
            (sum(|hour| hour.counts.givt).abs(), Reason::Givt),
            (sum(|hour| hour.counts.duplicate).abs(), Reason::Duplicate),
            (sum(|hour| hour.counts.policy).abs(), Reason::Policy),
        ];
        // Of two that moved as much, the one that is named first.
        let most = categories.into_iter().rev().max_by_key(|(moved, _)| *moved);
        most.filter(|(moved, _)| *moved > 0).map_or(Reason::Correction, |(_, reason)| reason)
    }
}

#[cfg(test)]
mod tests {
    use clicktrail_invoices::Counts;
    use clicktrail_log::time::Hour;

    use super::*;

    #[test]
    fn reason_of_a_note_is_what_moved_most() {
        let moved = |givt, sivt, gross| HourMoved {
            hour: Hour::from_i64(1),
            counts: Counts { gross, givt, sivt, billable: gross - givt - sivt, ..Counts::default() },
        };
        let check = |causes: Causes, hours: &[HourMoved], expected: Reason| {
            assert_eq!(causes.reason(hours), expected, "{causes:?} {hours:?}");
        };
        check(Causes::default(), &[moved(1, 5, 0), moved(2, 0, 0)], Reason::Sivt);
        check(Causes::default(), &[moved(3, 1, 0), moved(0, -3, 0)], Reason::Givt);
        check(Causes::default(), &[moved(2, 2, 0)], Reason::Sivt);
        check(Causes::default(), &[moved(0, 0, 4)], Reason::LateEvents);
        check(Causes { code: true, late: false }, &[moved(0, 0, 4)], Reason::ProjectionFix);
        check(Causes::default(), &[], Reason::Correction);
    }
}
