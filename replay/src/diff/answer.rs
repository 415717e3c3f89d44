//! What is asked about two sides, and the answer.

use std::{collections::BTreeMap, fmt};

use clicktrail_catalog::generations::LivePointer;
use clicktrail_log::time::Hour;

use super::row::{Layout, RowChange};

/// Why rows differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The hour counts from nothing before, or from nothing after.
    Hour,
    /// Other SQL, columns or engine.
    Code,
    /// Other verdicts, or fewer clicks because of a bound.
    Input,
}

impl Cause {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Code => "code",
            Self::Input => "verdicts",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many rows are not the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Only after.
    pub added: u64,
    /// Only before.
    pub removed: u64,
    /// In both, with other values.
    pub changed: u64,
}

impl RowCounts {
    fn add(&mut self, other: Self) {
        let Self { added, removed, changed } = other;
        self.added += added;
        self.removed += removed;
        self.changed += changed;
    }

    pub(super) fn note(&mut self, change: &RowChange) {
        match (&change.before, &change.after) {
            (None, _) => self.added += 1,
            (Some(_), None) => self.removed += 1,
            (Some(_), Some(_)) => self.changed += 1,
        }
    }

    /// All of them.
    pub const fn all(self) -> u64 {
        self.added + self.removed + self.changed
    }
}

/// A row that is not the same, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which hour.
    pub hour: Hour,
    /// Why.
    pub cause: Cause,
    /// The row.
    pub row: RowChange,
}

/// What differs between two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The columns of keys and measures.
    pub layout: Layout,
    /// How many hours were held against each other.
    pub compared: u64,
    /// Hours that differ, and how many of their rows, by cause.
    pub hours: BTreeMap<Hour, BTreeMap<Cause, RowCounts>>,
    /// By how much each measure grew, by group and cause.
    pub groups: BTreeMap<Vec<Option<String>>, BTreeMap<Cause, Vec<i128>>>,
    /// The first rows that differ, as many as were asked for.
    pub rows: Vec<Changed>,
    /// All rows that differ.
    pub counts: RowCounts,
}

impl Diff {
    /// No hour was compared.
    pub(super) fn nothing(layout: Layout) -> Self {
        Self {
            layout,
            compared: 0,
            hours: BTreeMap::new(),
            groups: BTreeMap::new(),
            rows: Vec::new(),
            counts: RowCounts::default(),
        }
    }

    /// Adds what differs in one more hour.
    pub(super) fn add(&mut self, hour: Self, rows_max: usize) {
        for (at, causes) in hour.hours {
            for (cause, counts) in causes {
                self.hours.entry(at).or_default().entry(cause).or_default().add(counts);
            }
        }
        for (group, causes) in hour.groups {
            let sums = self.groups.entry(group).or_default();
            for (cause, values) in causes {
                let sums = sums.entry(cause).or_insert_with(|| vec![0; values.len()]);
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        let room = rows_max.saturating_sub(self.rows.len());
        self.rows.extend(hour.rows.into_iter().take(room));
        self.counts.add(hour.counts);
    }
}

/// One hour on both sides; `None`: it counts from nothing there.
#[derive(Debug, Clone)]
pub struct Sides {
    /// Which hour.
    pub hour: Hour,
    /// What it counted from.
    pub before: Option<LivePointer>,
    /// What it would count from.
    pub after: Option<LivePointer>,
}

/// What is compared, and how the answer is grouped.
#[derive(Debug, Clone)]
pub struct Question {
    /// By which columns of the key.
    pub by: Vec<String>,
    /// Whether by hour too: it comes first.
    pub by_hour: bool,
    /// Only rows whose column of the key has this value.
    pub only: Option<(String, String)>,
    /// So many rows are kept.
    pub rows_max: usize,
}
