//! The clicks of one side, in few bytes each: ids lie behind one another, and what many share is a number.

use clicktrail_log::{position::Position, time::Timestamp};
use clicktrail_verdicts::verdict::Category;

use super::names::{Name, Names};

/// Bytes of clicks that are held, of both sides together: some twenty million of them. What is more is refused, and a
/// shorter range is to be asked for.
pub const BYTES_MAX: usize = 2 << 30;

/// Both sides together are too large to be held against each other at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "both lists together are over {} MiB: take a shorter range, and as much of the file",
    BYTES_MAX >> 20
)]
pub struct TooLarge;

/// A click, as either side names it.
#[derive(Debug, Clone, Copy)]
pub struct Click<'c> {
    /// Its id; `None` if the list has none.
    pub event_id: Option<&'c str>,
    /// The ad; `None` if the list has none.
    pub ad_id: Option<&'c str>,
    /// The campaign; `None` if the list has none.
    pub campaign_id: Option<&'c str>,
    /// When it happened.
    pub time: Timestamp,
    /// What it costs.
    pub price_micros: i64,
    /// In which currency.
    pub currency: &'c str,
}

/// Whether one of our clicks is billed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Billable,
    /// It is not.
    Invalid {
        /// Why.
        category: Category,
        /// The rule or the reason that made it so.
        rule: String,
        /// The event that it repeats, if that is why.
        original: Option<Position>,
    },
    /// Nobody has judged it yet, so nobody owes it.
    Unjudged,
}

/// What we know of one of our clicks beside what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Where it stands in the log.
    pub position: Position,
    /// Whether it is billed.
    pub standing: Standing,
    /// Whether it happened in the range that was asked for. Others serve to explain a click of the partner's alone.
    pub is_asked: bool,
}

/// [`Standing`], with numbers for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Billable,
    Invalid { category: Category, rule: Name, original: Option<Position> },
    Unjudged,
}

/// What only our clicks have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Our {
    pub(super) position: Position,
    pub(super) stands: Stands,
    pub(super) is_asked: bool,
}

impl Our {
    pub(super) fn is_billed(&self) -> bool {
        self.is_asked && self.stands == Stands::Billable
    }

    /// Of clicks that are otherwise alike, the least is paired first: one that is billed before one that is not.
    pub(super) fn order(&self) -> (bool, bool, Position) {
        (!self.is_asked, self.stands != Stands::Billable, self.position)
    }
}

/// What only the partner's clicks have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Their {
    /// The line of the file, from 1.
    pub(super) line: u64,
    /// Whether its own time is in the range that was asked for.
    pub(super) is_asked: bool,
}

/// One click of a side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<O> {
    pub(super) time: i64,
    pub(super) price: i64,
    pub(super) currency: Name,
    pub(super) ad: Option<Name>,
    pub(super) campaign: Option<Name>,
    /// Where its id lies: the first byte, and how many; none if it has no id.
    id: (u64, u32),
    pub(super) own: O,
}

/// The clicks of one side.
#[derive(Debug)]
pub(super) struct Side<O> {
    pub(super) rows: Vec<Row<O>>,
    ids: Vec<u8>,
}

impl<O> Default for Side<O> {
    fn default() -> Self {
        Self { rows: Vec::new(), ids: Vec::new() }
    }
}

impl<O> Side<O> {
    /// Takes a click in.
    pub(super) fn push(&mut self, click: &Click<'_>, own: O, names: &mut Names) {
        let id = click.event_id.unwrap_or_default().as_bytes();
        let start = self.ids.len() as u64;
        self.ids.extend_from_slice(id);
        self.rows.push(Row {
            time: click.time.micros(),
            price: click.price_micros,
            currency: names.name(click.currency),
            ad: click.ad_id.map(|ad| names.name(ad)),
            campaign: click.campaign_id.map(|campaign| names.name(campaign)),
            id: (start, u32::try_from(id.len()).expect("an id is part of a line or a frame, far below 32 bits")),
            own,
        });
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row<O>>() + self.ids.len()
    }

    /// The id of a row; empty if it has none.
    pub(super) fn id(&self, row: u32) -> &[u8] {
        let (start, bytes) = self.row(row).id;
        let start = usize::try_from(start).expect("ids lie in memory");
        &self.ids[start..start + bytes as usize]
    }

    /// The row of a number.
    pub(super) fn row(&self, row: u32) -> &Row<O> {
        &self.rows[row as usize]
    }

    /// The numbers of all rows.
    pub(super) fn numbers(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.rows.len()).expect("rows are bounded by bytes, far below 32 bits")
    }
}
