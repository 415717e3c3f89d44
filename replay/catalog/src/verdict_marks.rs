//! The one row that says how far judging and following have come, as it is stored.

use clicktrail_log::{frame::Digest, position::Seq};
use clicktrail_verdicts::judge::Mark;

use crate::{digest, known_frames::JudgedFrames, session::Arg};

/// The one row of the marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VerdictMarks {
    pub(crate) judged: Mark,
    pub(crate) judged_frames: JudgedFrames,
    pub(crate) followed: Seq,
    pub(crate) followed_frame: Option<Digest>,
    /// A sum over all rows of later_rulings.
    pub(crate) later_sum: i64,
}

impl VerdictMarks {
    /// Nothing is judged, and nothing followed.
    pub(crate) const NOTHING: Self = Self {
        judged: Mark::NOTHING,
        judged_frames: JudgedFrames { clicks: None, verdicts: None },
        followed: Seq::ZERO,
        followed_frame: None,
        later_sum: 0,
    };

    /// The digests as they are stored.
    pub(crate) fn texts(&self) -> [String; 3] {
        [self.judged_frames.clicks, self.judged_frames.verdicts, self.followed_frame].map(digest::stored)
    }

    /// What the row holds, its digest apart; `texts` are [`VerdictMarks::texts`].
    pub(crate) fn values<'a>(&self, texts: &[&'a str; 3]) -> [Arg<'a>; 7] {
        let [clicks, verdicts, followed] = *texts;
        [
            self.judged.clicks_through.into(),
            self.judged.verdicts_through.into(),
            self.followed.into(),
            self.later_sum.into(),
            clicks.into(),
            verdicts.into(),
            followed.into(),
        ]
    }
}
