//! Some kinds of events: those that a rule looks at, say.

use std::fmt;

use crate::event::Kind;

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// These kinds.
    pub const fn of(kinds: &[Kind]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < kinds.len() {
            bits |= bit(kinds[index]);
            index += 1;
        }
        Self(bits)
    }

    /// Whether `kind` is one of them.
    pub const fn holds(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// These and `others`.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// One by one, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.holds(*kind))
    }
}

const fn bit(kind: Kind) -> u8 {
    match kind {
        Kind::Click => 1,
        Kind::Impression => 1 << 1,
        Kind::Conversion => 1 << 2,
        Kind::Probe => 1 << 3,
        Kind::Prefetch => 1 << 4,
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Kind::as_str).collect();
        f.write_str(&words.join(", "))
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
