//! What a caller learns of its commit.

use std::collections::VecDeque;

use crate::{frame, invariant, position::Position};

/// Consecutive rows of a commit that stand together in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The position of the first row; `None` while the frame waits on the spool.
    pub first: Option<Position>,
    /// How many rows.
    pub rows: u32,
}

/// A durable commit: spans that cover all its rows in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// In row order.
    pub spans: Vec<Span>,
}

impl Committed {
    /// The position of each row in order; `None` for rows on the spool.
    pub fn positions(&self) -> impl Iterator<Item = Option<Position>> + '_ {
        self.spans.iter().flat_map(|span| {
            (0..span.rows).map(move |row| {
                let row = u16::try_from(row).expect("a frame has at most 65,536 rows");
                span.first.map(|first| first.plus_rows(row))
            })
        })
    }
}

/// Why a commit failed. Nothing of it was acknowledged: the client sends it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too much is waiting already.
    #[error("too many events are waiting for the log")]
    Busy,
    /// Neither the log nor the spool takes frames.
    #[error("the log takes no frames: {0}")]
    Unavailable(String),
    /// The committer has stopped.
    #[error("the committer has stopped")]
    Closed,
    /// One row alone is larger than a frame may be, or the rows are not rows of this stream.
    #[error("the event does not fit a frame: {0}")]
    TooLarge(String),
}

/// Takes the next `rows` rows from the front of `spans`, and cuts a span in two where they end inside it.
pub(super) fn take(spans: &mut VecDeque<Span>, rows: u32) -> Vec<Span> {
    let mut taken = Vec::new();
    let mut wanted = rows;
    while wanted > 0 {
        let span = spans.front_mut().expect("the frames of a group hold every row of its requests");
        let end = span.first.map_or(0, |first| usize::from(first.row())) + span.rows as usize;
        invariant!(I1, end <= frame::ROWS_MAX, "rows up to {end} of one frame are answered");
        let here = wanted.min(span.rows);
        taken.push(Span { first: span.first, rows: here });
        wanted -= here;
        if here == span.rows {
            spans.pop_front();
        } else {
            span.rows -= here;
            let here = u16::try_from(here).expect("part of a frame of at most 65,536 rows");
            span.first = span.first.map(|first| first.plus_rows(here));
        }
    }
    taken
}
