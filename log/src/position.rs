//! Addresses: where an event stands in the log, as one sortable integer.

use std::{fmt, str::FromStr};

const ROW_BITS: u32 = 16;
const SEQ_BITS: u32 = 40;
const EPOCH_SHIFT: u32 = ROW_BITS + SEQ_BITS;

const _: () = assert!(ROW_BITS == u16::BITS, "a row number has all the bits below the sequence");
const _: () = assert!(i64::BITS - EPOCH_SHIFT == u8::BITS, "seven bits of epoch and the sign, which stays clear");

/// How often the log had to be created anew; normally 1. It has seven bits, so that a position stays positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u8);

impl Epoch {
    /// The epoch of a log that was never lost.
    pub const FIRST: Self = Self(1);

    /// `None` outside 1..=127.
    pub fn new(value: i64) -> Option<Self> {
        let value = u8::try_from(value).ok()?;
        (1..=127).contains(&value).then_some(Self(value))
    }

    /// The number, 1..=127.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A frame's number in its log: 1 for the first frame, without holes within an epoch. It has forty bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// Before the first frame: the `last` of an empty log.
    pub const ZERO: Self = Self(0);
    /// The first frame of a log.
    pub const FIRST: Self = Self(1);
    /// The largest sequence that a position can hold.
    pub const MAX: Self = Self((1 << SEQ_BITS) - 1);

    /// `None` over [`Seq::MAX`].
    pub fn new(value: u64) -> Option<Self> {
        (value <= Self::MAX.0).then_some(Self(value))
    }

    /// From a signed column of a database.
    pub fn from_i64(value: i64) -> Option<Self> {
        u64::try_from(value).ok().and_then(Self::new)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number as databases store it; forty bits always fit.
    pub fn as_i64(self) -> i64 {
        i64::try_from(self.0).expect("a sequence has forty bits")
    }

    /// The sequence after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The sequence before this one; [`Seq::ZERO`] stays.
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address of one event: `epoch << 56 | seq << 16 | row`.
///
/// Positions of one log compare in log order. Shown to people as `epoch.seq.row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(i64);

impl Position {
    /// The address of row `row` of frame `seq`.
    pub fn new(epoch: Epoch, seq: Seq, row: u16) -> Self {
        Self(i64::from(epoch.0) << EPOCH_SHIFT | seq.as_i64() << ROW_BITS | i64::from(row))
    }

    /// From the integer that files and databases hold; `None` if its epoch is not 1..=127.
    pub fn from_i64(value: i64) -> Option<Self> {
        Epoch::new(value >> EPOCH_SHIFT).map(|_| Self(value))
    }

    /// The integer that files and databases hold.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The epoch of the log.
    pub fn epoch(self) -> Epoch {
        Epoch::new(self.0 >> EPOCH_SHIFT).expect("a position is built from a valid epoch")
    }

    /// The frame.
    pub fn seq(self) -> Seq {
        Seq::from_i64((self.0 >> ROW_BITS) & ((1 << SEQ_BITS) - 1)).expect("masked to forty bits")
    }

    /// The row in the frame.
    pub fn row(self) -> u16 {
        u16::try_from(self.0 & 0xffff).expect("masked to sixteen bits")
    }

    /// The address of the first row of the frame behind this one.
    pub fn next_frame(self) -> Self {
        Self::new(self.epoch(), self.seq().next(), 0)
    }

    /// The address `rows` further on. After row 65,535 comes the beginning of the next frame, so that any row can be
    /// the last of a half-open range. The last address of all, which people may name and no log has, has none behind
    /// it.
    pub fn plus_rows(self, rows: u16) -> Self {
        Self(self.0.saturating_add(i64::from(rows)))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.epoch().0, self.seq().0, self.row())
    }
}

/// The text is not `epoch.seq.row`, or a number is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a position of the form epoch.seq.row, as in 1.42.0")]
pub struct ParseError(String);

impl FromStr for Position {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let mut parts = text.split('.');
            let epoch = Epoch::new(parts.next()?.parse().ok()?)?;
            let seq = Seq::new(parts.next()?.parse().ok()?)?;
            let row = parts.next()?.parse().ok()?;
            parts.next().is_none().then(|| Self::new(epoch, seq, row))
        };
        parse().ok_or_else(|| ParseError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_packs_and_shows_its_three_parts() {
        let position = Position::new(Epoch::FIRST, Seq::new(42).unwrap(), 7);
        assert_eq!(position.as_i64(), 1 << 56 | 42 << 16 | 7);
        assert_eq!(position.to_string(), "1.42.7");
        assert_eq!("1.42.7".parse(), Ok(position));
        assert_eq!((position.epoch(), position.seq().get(), position.row()), (Epoch::FIRST, 42, 7));
    }

    #[test]
    fn position_refuses_text_out_of_range() {
        for text in ["", "1", "1.2", "0.1.1", "128.1.1", "1.1099511627776.0", "1.1.65536", "1.1.1.1", "1.-1.0", "a.b.c"]
        {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    #[test]
    fn largest_position_stays_positive() {
        let position = Position::new(Epoch::new(127).unwrap(), Seq::MAX, u16::MAX);
        assert_eq!(position.as_i64(), i64::MAX);
        assert_eq!(Position::from_i64(i64::MAX), Some(position));
    }

    #[test]
    fn end_after_the_last_row_of_a_full_frame_is_the_next_frame() {
        let last: Position = "1.42.65535".parse().unwrap();
        assert_eq!(last.plus_rows(1).to_string(), "1.43.0");
        let last_of_all: Position = "127.1099511627775.65535".parse().unwrap();
        assert_eq!(last_of_all.plus_rows(1), last_of_all);
    }
}
