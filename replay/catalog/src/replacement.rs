//! What a rebuild puts in place of what is there.

use clicktrail_log::{invariant, position::Seq};
use clicktrail_verdicts::judge::Mark;

use crate::{
    generations::PromotionRecord,
    known_frames::JudgedFrames,
    model::{HotPartial, Marks, Reconciliation, SealedHour, Segment},
};

/// One sealed hour as a rebuild registers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// As its manifest says.
    pub hour: SealedHour,
    /// What it counts from.
    pub segment: Segment,
    /// Stored if the hour is new here.
    pub reconciliation: Reconciliation,
}

/// What a rebuild puts in place of everything that mirrors archive and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// How far everything went when it was built.
    pub seen: Marks,
    /// All hours, in order.
    pub hours: Vec<Registered>,
    /// The counts of the frames behind them, in order. `None` if the log could not be read: then those that follow the
    /// last hour stay.
    pub partials: Option<Vec<HotPartial>>,
    /// How far the judge has come at least.
    pub judged: Mark,
    /// The digests of the last frames that it has passed.
    pub judged_frames: JudgedFrames,
    /// Promotions that the catalog has lost, in order: those after its last.
    pub promotions: Vec<PromotionRecord>,
}

impl Replacement {
    pub(crate) fn last(&self) -> Option<&SealedHour> {
        self.hours.last().map(|last| &last.hour)
    }

    /// The last frame that is counted by it.
    pub(crate) fn counted_through(&self) -> Seq {
        let sealed = self.last().map_or(Seq::ZERO, |last| last.last_seq);
        self.partials.iter().flatten().last().map_or(sealed, |last| last.last_seq)
    }

    /// Whether hours and partials follow each other.
    pub(crate) fn check(&self) {
        for pair in self.hours.windows(2) {
            let (one, other) = (&pair[0].hour, &pair[1].hour);
            let follows = other.hour == one.hour.next() && other.first_seq == one.last_seq.next();
            invariant!(I4, follows, "{} is to be registered behind {}", other.hour, one.hour);
        }
        for Registered { hour, segment, reconciliation } in &self.hours {
            let is_of_it = (segment.hour, reconciliation.hour) == (hour.hour, hour.hour);
            invariant!(I3, is_of_it, "{} is registered with a segment of {}", hour.hour, segment.hour);
        }
        let mut next = self.last().map_or(Seq::ZERO, |last| last.last_seq).next();
        for partial in self.partials.iter().flatten() {
            let first = partial.first_seq;
            invariant!(I1, first == next, "a hot partial begins with frame {first}, frame {next} is the next");
            next = partial.last_seq.next();
        }
    }
}
