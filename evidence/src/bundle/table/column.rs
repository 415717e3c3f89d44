//! What a column of a table is called, and what stands in it.

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of 64 bits.
    Int,
    /// A text.
    Text,
    /// A whole number of any length, written as [`Kind::Int`] is.
    Decimal,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub kind: Kind,
    /// Whether a row may have nothing there.
    pub may_be_null: bool,
}

impl Column {
    /// A column that is never null.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, may_be_null: false }
    }

    /// A column that may be null.
    pub const fn or_null(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, may_be_null: true }
    }
}
