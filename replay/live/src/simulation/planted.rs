//! Bugs that are planted on purpose, each as a wrapper around what is right: the simulation has to find them.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use clicktrail_log::frame::{Frame, Writer};

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planted {
    /// The log takes a frame for a repeat because its number was used, whatever is in it.
    RepeatByNumberAlone,
    /// The verdict log appends whatever comes, also behind a frame that is not its last any more.
    VerdictTwice,
    /// An hour is sealed before the last frames of the log were read.
    SealedBeforeTail,
    /// A spool that is taken over by the next process lacks its last frame.
    SpoolForgetsLast,
    /// After a crash the projector counts the last frame once more.
    CountedTwice,
    /// A frame counts as stored although nobody knows whether it was.
    AnsweredTooSoon,
    /// The judge's mark moves although its verdicts did not reach the log.
    VerdictLost,
    /// Events are told apart by their ids alone, whoever sent them.
    StrangersId,
}

impl Planted {
    pub(super) const ALL: [Self; 8] = [
        Self::RepeatByNumberAlone,
        Self::VerdictTwice,
        Self::SealedBeforeTail,
        Self::SpoolForgetsLast,
        Self::CountedTwice,
        Self::AnsweredTooSoon,
        Self::VerdictLost,
        Self::StrangersId,
    ];
}

/// Makes every event of a frame one of the same advertiser and ad.
pub(super) fn disown(frame: &mut Frame) {
    let batch = frame.decode().unwrap();
    let mut columns = batch.columns().to_vec();
    for name in ["advertiser_id", "ad_id"] {
        let index = batch.schema().index_of(name).unwrap();
        columns[index] = Arc::new(StringArray::from(vec!["whose"; batch.num_rows()]));
    }
    let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let captured = (frame.header.first_captured, frame.header.last_captured);
    let made = Writer::new(frame.header.writer, frame.header.writer_epoch).seal(&batch, captured).unwrap();
    frame.header.payload_digest = made.header.payload_digest;
    frame.payload = made.payload;
}
