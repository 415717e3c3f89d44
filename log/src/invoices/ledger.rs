//! Which document each number was given to: a fold over the entries of the log, in its order.
//!
//! An entry may stand in the log twice, because whoever appended it died before it was told. So an entry of a document
//! that was seen is a *repeat*. A number that was given to two documents, or two entries of one document that say
//! different things, is [`Damage`], and so are rows that are no entries: no append of this program makes them, so bytes
//! were changed or logs were mixed.

use std::collections::{BTreeMap, btree_map};

use super::entry::{DocumentNumber, InvoiceEntry};
use crate::{frame::Digest, position::Position};

/// What a reader does with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Its document was not seen before.
    Fresh,
    /// Its document was seen, and it says the same.
    Repeat {
        /// Where it was seen first.
        first: Position,
    },
}

/// What cannot be in this log: no entry, or one that cannot stand beside one that was read before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The number was given to another document before.
    #[error(
        "number {number} was given to two documents: {first} at {first_position}, and {second} at {second_position}"
    )]
    TwoDocuments {
        /// The number.
        number: DocumentNumber,
        /// The document that has it.
        first: Digest,
        /// Where.
        first_position: Position,
        /// The other.
        second: Digest,
        /// Where.
        second_position: Position,
    },
    /// Two entries of one document do not say the same of it.
    #[error(
        "the entries of number {number} at {first_position} and {second_position} say different things of one document"
    )]
    TwoAccounts {
        /// The number.
        number: DocumentNumber,
        /// Where it is told first.
        first_position: Position,
        /// Where it is told otherwise.
        second_position: Position,
    },
    /// Rows that are no entries: nobody knows which numbers they are of.
    #[error("what stands at {position} is no entry: {reason}")]
    Unusable {
        /// Of the row; or of the first of the rows that have other columns than entries.
        position: Position,
        /// Why.
        reason: String,
    },
}

/// The number of a document is in the log, and not as the document has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("number {number} is in the log at {position} for document {document}, and not as it is to be logged now")]
pub struct Taken {
    /// The number.
    pub number: DocumentNumber,
    /// Where it is.
    pub position: Position,
    /// The document that has it.
    pub document: Digest,
}

/// What is remembered of a document.
#[derive(Debug, Clone, Copy)]
struct Known {
    document: Digest,
    facts: Digest,
    position: Position,
}

/// The documents seen so far, some hundred bytes each.
#[derive(Debug, Clone, Default)]
pub struct Ledger(BTreeMap<String, BTreeMap<u32, Known>>);

impl Ledger {
    /// Takes in the entry at `position`.
    ///
    /// # Errors
    /// [`Damage`]; what was read before stands.
    pub fn admit(&mut self, position: Position, entry: &InvoiceEntry) -> Result<Admitted, Damage> {
        let DocumentNumber { series, number } = &entry.number;
        if !self.0.contains_key(series) {
            self.0.insert(series.clone(), BTreeMap::new());
        }
        let numbers = self.0.get_mut(series).expect("it was just put there");
        let found = Known { document: entry.document, facts: entry.facts(), position };
        match numbers.entry(*number) {
            btree_map::Entry::Vacant(free) => {
                free.insert(found);
                Ok(Admitted::Fresh)
            }
            btree_map::Entry::Occupied(known) => compare(entry, *known.get(), found),
        }
    }

    /// Where the document of `entry` was seen; `None` if its number was not.
    ///
    /// # Errors
    /// [`Taken`] if its number was given to another document, or the document is told otherwise.
    pub fn place_of(&self, entry: &InvoiceEntry) -> Result<Option<Position>, Taken> {
        let numbers = self.0.get(&entry.number.series);
        let Some(known) = numbers.and_then(|numbers| numbers.get(&entry.number.number)) else { return Ok(None) };
        if (known.document, known.facts) == (entry.document, entry.facts()) {
            return Ok(Some(known.position));
        }
        Err(Taken { number: entry.number.clone(), position: known.position, document: known.document })
    }

    /// How many documents were seen.
    pub fn documents(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// The numbers that no entry has, below the last of each series: the first and the last of each hole.
    pub fn holes(&self) -> Vec<(DocumentNumber, DocumentNumber)> {
        let mut holes = Vec::new();
        for (series, numbers) in &self.0 {
            let named = |number| DocumentNumber { series: series.clone(), number };
            let mut next = 1;
            for number in numbers.keys() {
                if *number > next {
                    holes.push((named(next), named(number - 1)));
                }
                next = number.saturating_add(1);
            }
        }
        holes
    }
}

fn compare(entry: &InvoiceEntry, first: Known, second: Known) -> Result<Admitted, Damage> {
    if first.document != second.document {
        return Err(Damage::TwoDocuments {
            number: entry.number.clone(),
            first: first.document,
            first_position: first.position,
            second: second.document,
            second_position: second.position,
        });
    }
    if first.facts != second.facts {
        return Err(Damage::TwoAccounts {
            number: entry.number.clone(),
            first_position: first.position,
            second_position: second.position,
        });
    }
    Ok(Admitted::Repeat { first: first.position })
}
