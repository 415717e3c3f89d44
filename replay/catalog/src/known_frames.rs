//! Which frames of the logs the catalog knows by digest: the last that was counted, judged and followed.
//!
//! Every copy of a log numbers its frames alike, so only digests tell whether a log is the one that was counted.

use std::fmt;

use clicktrail_log::{frame::Digest, log::Stream, position::Seq};

use crate::model::HotPartial;

/// The last frames that the judge has passed, by the digest of their header; `None` where nobody knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JudgedFrames {
    /// Of the clicks.
    pub clicks: Option<Digest>,
    /// Of the verdicts.
    pub verdicts: Option<Digest>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It was counted live.
    Counted,
    /// It was judged, or holds verdicts of the judge.
    Judged,
    /// It is known to the list of stale hours.
    Followed,
}

impl fmt::Display for Became {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counted => "counted",
            Self::Judged => "judged",
            Self::Followed => "followed",
        })
    }
}

/// A frame that the catalog knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFrame {
    /// Of which log.
    pub stream: Stream,
    /// Which frame.
    pub seq: Seq,
    /// The digest of its header.
    pub digest: Digest,
    /// What became of it.
    pub became: Became,
}

impl KnownFrame {
    /// The last frame of a partial; `None` if nobody knows its digest.
    pub fn counted(partial: &HotPartial) -> Option<Self> {
        let known = |digest| Self { stream: Stream::Clicks, seq: partial.last_seq, digest, became: Became::Counted };
        partial.last_frame.map(known)
    }
}
