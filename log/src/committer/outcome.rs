//! What a caller learns of its commit.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::{
    frame::{self, Digest, Header},
    invariant,
    position::Position,
};

/// Consecutive rows of a commit that stand together in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The position of the first row; `None` while the frame waits on the spool.
    pub first: Option<Position>,
    /// How many rows.
    pub rows: u32,
    /// The first row as its frame names it, if somebody whose rows are in the frame asked.
    pub place: Option<Place>,
}

/// A row of a frame, whether the frame has a position or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Who wrote the frame.
    pub writer: Uuid,
    /// In which of its epochs.
    pub epoch: u32,
    /// The frame's number.
    pub number: u64,
    /// [`Header::digest`] of the frame.
    pub digest: Digest,
    /// Which row.
    pub row: u16,
}

impl Place {
    /// The first row of a frame.
    pub(super) fn first_of(header: &Header) -> Self {
        let Header { writer, writer_epoch, number, .. } = *header;
        Self { writer, epoch: writer_epoch, number, digest: header.digest(), row: 0 }
    }

    fn plus_rows(self, rows: u16) -> Self {
        Self { row: self.row + rows, ..self }
    }
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

    /// Position and place of one row; `None` if there are fewer rows, or nobody asked for places.
    pub fn place(&self, row: usize) -> Option<(Option<Position>, Place)> {
        let mut before = 0;
        for span in &self.spans {
            let within = row - before;
            if within < span.rows as usize {
                let within = u16::try_from(within).expect("a frame has at most 65,536 rows");
                return Some((span.first.map(|first| first.plus_rows(within)), span.place?.plus_rows(within)));
            }
            before += span.rows as usize;
        }
        None
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
        taken.push(Span { rows: here, ..*span });
        wanted -= here;
        if here == span.rows {
            spans.pop_front();
        } else {
            span.rows -= here;
            let here = u16::try_from(here).expect("part of a frame of at most 65,536 rows");
            span.first = span.first.map(|first| first.plus_rows(here));
            span.place = span.place.map(|first| first.plus_rows(here));
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Epoch, Seq};

    #[test]
    fn rows_keep_their_positions_and_places_when_a_frame_is_shared() {
        let place = |number, row| Place { writer: Uuid::nil(), epoch: 1, number, digest: Digest::ZERO, row };
        let at = |seq, row| Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), row);
        let mut spans = VecDeque::from([
            Span { first: Some(at(7, 0)), rows: 3, place: Some(place(1, 0)) },
            Span { first: None, rows: 4, place: Some(place(2, 0)) },
        ]);
        let first = Committed { spans: take(&mut spans, 2) };
        let second = Committed { spans: take(&mut spans, 3) };
        let third = Committed { spans: take(&mut spans, 2) };
        let rows = |committed: &Committed| (0..9).map_while(|row| committed.place(row)).collect::<Vec<_>>();
        assert_eq!(rows(&first), [(Some(at(7, 0)), place(1, 0)), (Some(at(7, 1)), place(1, 1))]);
        assert_eq!(rows(&second), [(Some(at(7, 2)), place(1, 2)), (None, place(2, 0)), (None, place(2, 1))]);
        assert_eq!(rows(&third), [(None, place(2, 2)), (None, place(2, 3))]);
        let unasked = Committed { spans: vec![Span { first: None, rows: 1, place: None }] };
        assert_eq!(unasked.place(0), None);
    }
}
