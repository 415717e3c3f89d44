//! What the catalog keeps, as plain values: sealed hours, hot partials, segments, comparisons and later rulings.

use std::fmt;

use bytes::Bytes;
use clicktrail_log::{
    ad::Ad,
    frame::Digest,
    position::{Position, Seq},
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::judge::Mark;

use crate::pointer::LivePointer;

/// An ad as it stands in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredAd {
    /// What is registered.
    pub ad: Ad,
    /// Whether nobody is billed for clicks on it now.
    pub is_paused: bool,
}

/// What somebody did to an ad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdAction {
    /// It was not registered before.
    Add,
    /// Its owner, campaign, target, price or currency became another one.
    Change,
    /// Clicks on it bill nobody from then on.
    Pause,
    /// They do again.
    Resume,
}

impl AdAction {
    const ALL: [Self; 4] = [Self::Add, Self::Change, Self::Pause, Self::Resume];

    /// `add`, `change`, `pause`, `resume`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// One change of one ad: a row of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdChange {
    /// Its number, which grows.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// What was done.
    pub action: AdAction,
    /// `None`: it was not registered.
    pub before: Option<RegisteredAd>,
    /// As it stood from then on.
    pub after: RegisteredAd,
}

/// What came of pausing or resuming ads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paused {
    /// So many changed; the others stood so already.
    Done(u64),
    /// These are not registered, and nothing changed.
    Unknown(Vec<String>),
}

/// A sealed hour, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHour {
    /// Which hour.
    pub hour: Hour,
    /// The first frame of the hour. A quiet hour has `first_seq = last_seq.next()`.
    pub first_seq: Seq,
    /// The last frame of the hour: the next hour begins at `last_seq.next()`.
    pub last_seq: Seq,
    /// The log's epoch.
    pub epoch: u8,
    /// Events in the hour.
    pub rows: u64,
    /// Parts in the hour.
    pub parts: u32,
    /// Bytes of all its parts.
    pub bytes: u64,
    /// SHA-256 of the manifest, hexadecimal.
    pub manifest_digest: String,
}

/// The counts of one tick. One row holds the counts and how far they go, so that both are stored or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotPartial {
    /// The hour of all its frames.
    pub hour: Hour,
    /// The first frame counted.
    pub first_seq: Seq,
    /// The last frame counted.
    pub last_seq: Seq,
    /// The digest of that frame's header; `None` if an earlier version counted it.
    pub last_frame: Option<Digest>,
    /// The rows of the `counters` projection over these frames: an Arrow IPC stream.
    pub payload: Bytes,
}

impl HotPartial {
    /// Its first and its last frame.
    pub fn range(&self) -> (Seq, Seq) {
        (self.first_seq, self.last_seq)
    }
}

/// The output of one projection for one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Which projection, as in `counters`.
    pub projection: String,
    /// Which hour.
    pub hour: Hour,
    /// Its object-store key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Digest of what it was computed from, hexadecimal: manifest and rulings.
    pub input_digest: String,
    /// Digest of the projection's SQL and schema, hexadecimal.
    pub code_digest: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub output_digest: String,
    /// The verdicts it knows: those before this position in the verdict log, 0 for none.
    pub verdicts_before: i64,
}

/// What came of comparing a sealed hour's segment with the hot partials that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The same rows, to the last digit.
    Equal,
    /// The partials cover only part of the hour, so nothing was compared. Usual after an import or a restart.
    Incomplete,
    /// Other rows: the live numbers were wrong, or the segment is. A person must act.
    Different,
}

impl Outcome {
    /// `equal`, `incomplete`, `different`, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Incomplete => "incomplete",
            Self::Different => "different",
        }
    }

    /// From what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Equal, Self::Incomplete, Self::Different].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One stored comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Which projection.
    pub projection: String,
    /// Which hour.
    pub hour: Hour,
    /// The result.
    pub outcome: Outcome,
    /// Rows of the segment.
    pub sealed_rows: u64,
    /// Rows of the merged hot partials.
    pub hot_rows: u64,
    /// For people: what differs, empty if nothing.
    pub detail: String,
    /// When it was compared.
    pub compared_at: Timestamp,
}

/// Compares the hot partials of an hour, by the ranges of their frames, with the segment that is about to replace them.
/// It is called inside the transaction, so it sees exactly the rows that the transaction drops.
pub type Compare<'a> = &'a (dyn Fn(&[(Seq, Seq)]) -> Reconciliation + Send + Sync);

/// Which making of the catalog: a rebuild begins the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Making(pub(crate) i64);

impl Making {
    /// As a number, from 1.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// How far everything goes, as of one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Which making of the catalog it is.
    pub making: Making,
    /// The first sealed hour.
    pub first_hour: Option<SealedHour>,
    /// The last sealed hour.
    pub last_hour: Option<SealedHour>,
    /// The last frame that is counted, sealed or live: see
    /// [`counted_through`](crate::Catalog::counted_through).
    pub counted_through: Seq,
    /// How far the judge has come.
    pub judged: Mark,
    /// The last verdict frame that is known to the list of stale hours.
    pub followed: Seq,
    /// What is missing up to there. Nothing, unless rows were lost.
    pub holes: Vec<Hole>,
}

impl Marks {
    /// The last sealed frame; [`Seq::ZERO`] if there is none.
    pub fn sealed_through(&self) -> Seq {
        self.last_hour.as_ref().map_or(Seq::ZERO, |last| last.last_seq)
    }
}

/// Something that is not in the catalog, though what lies around it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// The second hour does not follow the first: hours or frames between them are not registered.
    Hours(Hour, Hour),
    /// A registered hour has no live segment.
    Segment(Hour),
    /// No hot partial holds these frames, and later ones are counted.
    Frames(Seq, Seq),
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours(after, before) => write!(f, "hours or frames between {after} and {before}"),
            Self::Segment(hour) => write!(f, "the segment of {hour}"),
            Self::Frames(first, last) => write!(f, "the counts of frames {first} to {last}"),
        }
    }
}

/// Everything that an answer is read from, as of one instant: what is sealed, what is open, what is stale, and how far
/// all of it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The live segment of every sealed hour in the range, by hour.
    pub segments: Vec<Segment>,
    /// How each of these came to count, in the same order.
    pub pointers: Vec<LivePointer>,
    /// The hot partials of hours in the range that are not sealed, by first frame.
    pub partials: Vec<HotPartial>,
    /// All sealed hours that a later ruling concerns which their live segment does not know, whatever the range, by
    /// hour.
    pub stale: Vec<StaleHour>,
    /// The same with every later ruling, known to the live segment or not.
    pub ruled: Vec<StaleHour>,
    /// How far everything goes, whatever the range.
    pub marks: Marks,
}

/// The verdicts about clicks of one frame that live counting did not know: later ones, and those of another stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaterRuling {
    /// The frame in the click log.
    pub click_seq: Seq,
    /// The first such verdict, in the verdict log.
    pub first: Position,
    /// The last such verdict.
    pub last: Position,
    /// How many.
    pub verdicts: u64,
}

/// The later rulings about clicks that no sealed hour holds yet. Their hour will be sealed without them, and be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenRulings {
    /// The first, in the verdict log.
    pub first: Position,
    /// The last.
    pub last: Position,
    /// How many.
    pub verdicts: u64,
}

/// A sealed hour whose live segment does not know every verdict about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleHour {
    /// Which hour.
    pub hour: Hour,
    /// The first verdict that its segment does not know, in the verdict log. It may be an earlier one that was read in
    /// the same page of the verdict log, if the segment knows a part of that page.
    pub first: Position,
    /// The last such verdict.
    pub last: Position,
    /// How many; with the others of such a page.
    pub verdicts: u64,
}
