//! The frames that state refers to: with them, six bytes (frame and row) stand for an event's logged time and position.

use std::collections::VecDeque;

use clicktrail_log::{invariant, position::Position, time::Timestamp};

/// Names a frame in [`Frames`]. Numbers wrap around, which does no harm: far fewer than 2^32 frames are held at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameId(u32);

/// An event that the state remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) frame: FrameId,
    pub(crate) row: u16,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    /// The position of its first row.
    base: i64,
    logged_at: i64,
}

/// What was logged by a clock that was ahead, as later frames show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatedBack {
    /// Whatever was logged later than this, in microseconds, counts as logged then.
    pub(crate) to: i64,
}

/// The frames that state may still refer to, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    first: u32,
    frames: VecDeque<Frame>,
    /// The most by which a frame was dated back since states last looked at all of theirs, in microseconds.
    dated_back_by: i64,
}

impl Frames {
    /// Remembers where and when an event was logged. Events come in log order, so those of one frame come together.
    pub(crate) fn intern(&mut self, position: Position, logged_at: Timestamp) -> Origin {
        let row = position.row();
        let frame = Frame { base: position.as_i64() - i64::from(row), logged_at: logged_at.micros() };
        let is_same = |last: &Frame| last.base == frame.base && last.logged_at == frame.logged_at;
        if !self.frames.back().is_some_and(is_same) {
            let follows = self.frames.back().is_none_or(|last| last.base <= frame.base);
            invariant!(I5, follows, "the frame of {position} comes behind a later one");
            self.frames.push_back(frame);
        }
        let last = u32::try_from(self.frames.len() - 1).expect("fewer than 2^32 frames lie within two hours");
        Origin { frame: FrameId(self.first.wrapping_add(last)), row }
    }

    /// Dates frames back: from now on they are seen as if they had been logged then.
    pub(crate) fn date_back(&mut self, DatedBack { to }: DatedBack) {
        for frame in self.frames.iter_mut().filter(|frame| frame.logged_at > to) {
            self.dated_back_by = self.dated_back_by.max(frame.logged_at.saturating_sub(to));
            frame.logged_at = to;
        }
    }

    /// What states remember of logged times may be later than the frames say, by this at most. 0 if nothing was dated
    /// back since they last looked.
    pub(crate) fn dated_back_micros(&self) -> i64 {
        self.dated_back_by
    }

    /// The latest logged time of any frame.
    pub(crate) fn latest_micros(&self) -> i64 {
        self.frames.iter().map(|frame| frame.logged_at).max().unwrap_or(i64::MIN)
    }

    fn get(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(id.0.wrapping_sub(self.first) as usize)
    }

    /// When the frame was logged, in microseconds; the smallest number if it was dropped, because nobody sees it.
    pub(crate) fn logged_micros(&self, id: FrameId) -> i64 {
        self.get(id).map_or(i64::MIN, |frame| frame.logged_at)
    }

    /// Where an event that somebody sees stands in the log.
    pub(crate) fn position(&self, origin: Origin) -> Position {
        let frame = self.get(origin.frame).expect("a frame that was dropped is out of sight");
        Position::from_i64(frame.base).expect("made from a position").plus_rows(origin.row)
    }

    /// Drops the oldest frames, up to the first that was logged after `cut_micros`: what was logged then or before is
    /// seen no more. State may still refer to them for some minutes. All states have looked at theirs before.
    pub(crate) fn forget(&mut self, cut_micros: i64) {
        let dead = self.frames.iter().take_while(|frame| frame.logged_at <= cut_micros).count();
        self.frames.drain(..dead);
        self.first = self.first.wrapping_add(u32::try_from(dead).expect("as above"));
        self.dated_back_by = 0;
        if self.frames.capacity() > 4 * self.frames.len().max(1024) {
            self.frames.shrink_to(2 * self.frames.len());
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frames.capacity() * size_of::<Frame>()
    }
}
