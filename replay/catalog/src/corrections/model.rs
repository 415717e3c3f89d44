//! Corrections as plain values.

use std::fmt;

use clicktrail_log::{position::Seq, time::Timestamp};

/// The most items of one correction: what a person can answer for, and what one pass holds in memory.
pub const ITEMS_MAX: u64 = 10_000;

/// How far a correction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrectionState {
    /// Items may be added. Nothing counts.
    Open,
    /// It is being closed. Nothing counts.
    Closing,
    /// All of it counts.
    Closed,
    /// It is being reverted: as before, until all of it is taken back at once.
    Reverting,
    /// Nothing of it counts any more.
    Reverted,
}

impl CorrectionState {
    const ALL: [Self; 5] = [Self::Open, Self::Closing, Self::Closed, Self::Reverting, Self::Reverted];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Reverting => "reverting",
            Self::Reverted => "reverted",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a correction may go from here to there.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Open, Self::Closing)
            | (Self::Closing, Self::Closed | Self::Reverting)
            | (Self::Closed, Self::Reverting)
            | (Self::Reverting, Self::Reverted) => true,
            (Self::Open | Self::Closing | Self::Closed | Self::Reverting | Self::Reverted, _) => false,
        }
    }
}

impl fmt::Display for CorrectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Its id.
    pub id: String,
    /// Why, in a person's words.
    pub reason: String,
    /// How far it has come.
    pub state: CorrectionState,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// By whom.
    pub opened_by: String,
    /// When its state changed last.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: String,
    /// Its events lie in the click log from this frame on; [`Seq::ZERO`] before it is closing.
    pub clicks_from: Seq,
    /// Its rulings lie in the verdict log from this frame on; [`Seq::ZERO`] before it is closing.
    pub verdicts_from: Seq,
    /// The rulings that take them back lie there from this frame on; [`Seq::ZERO`] before it is reverting.
    pub reverts_from: Seq,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// An event that was missing.
    Event,
    /// A ruling about an event that is in the log.
    Ruling,
}

impl ItemKind {
    const ALL: [Self; 2] = [Self::Event, Self::Ruling];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Ruling => "ruling",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One thing that a correction adds or rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectionItem {
    /// What it is.
    pub kind: ItemKind,
    /// What it is known by: an item of this kind and key is added once.
    pub key: String,
    /// The event, or the ruling, as JSON.
    pub document: String,
}

/// How many items were new, and how many were there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ItemsAdded {
    /// New ones.
    pub new: u64,
    /// Those that were there, with the same content.
    pub known: u64,
}

/// Where the logs stand when a correction begins to close or to revert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlaces {
    /// The next frame of the click log.
    pub clicks: Seq,
    /// The next frame of the verdict log.
    pub verdicts: Seq,
}

#[cfg(test)]
mod tests {
    use super::CorrectionState::{self, Closed, Closing, Open, Reverted, Reverting};

    #[test]
    fn correction_goes_forward_and_counts_once() {
        let allowed =
            [(Open, Closing), (Closing, Closed), (Closing, Reverting), (Closed, Reverting), (Reverting, Reverted)];
        for from in CorrectionState::ALL {
            assert_eq!(CorrectionState::parse(from.as_str()), Some(from));
            for to in CorrectionState::ALL {
                assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from} to {to}");
            }
        }
    }
}
