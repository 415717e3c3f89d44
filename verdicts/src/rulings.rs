//! What stands about positions, as of a position in the verdict log: a fold over verdicts in any order.

use std::{collections::BTreeMap, ops::Range, sync::Arc, sync::LazyLock};

use arrow::{
    array::{Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use clicktrail_log::{frame::Digest, invariant, position::Position, schema::POSITION};
use sha2::{Digest as _, Sha256};

use crate::{
    ruling::Rank,
    schema::Outline,
    verdict::{Category, Decision, Stage},
};

/// The first line that the digest covers. It changes with the table or the text of its rows, so that the name does too.
const DIGEST_VERSION: &str = "clicktrail rulings 1\n";

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new(POSITION, DataType::Int64, false),
        Field::new("category", DataType::Utf8, false),
    ]))
});

/// The columns of [`Rulings::to_batch`]: `position` and `category`.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// Which verdicts count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stages {
    /// Every verdict.
    All,
    /// Only what the judge said live: what live counting knew.
    LiveOnly,
}

impl Stages {
    const fn admits(self, stage: Stage) -> bool {
        match (self, stage) {
            (Self::All, _) | (Self::LiveOnly, Stage::Live) => true,
            (Self::LiveOnly, Stage::Rejudge | Stage::Query | Stage::Manual) => false,
        }
    }
}

/// The verdict that stands for a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether the event may be billed.
    pub decision: Decision,
    /// Why not; `None` when valid.
    pub category: Option<Category>,
    /// How strongly it stands, and where in the verdict log.
    pub rank: Rank,
}

/// What stands about the positions of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rulings {
    targets: Range<Position>,
    before: Position,
    stages: Stages,
    standing: BTreeMap<Position, Standing>,
}

impl Rulings {
    /// Nothing is ruled yet about `targets` (half-open); verdicts count that stand before `before` in the verdict log.
    pub fn new(targets: Range<Position>, before: Position, stages: Stages) -> Self {
        Self { targets, before, stages, standing: BTreeMap::new() }
    }

    /// Takes in the verdict that stands at `verdict` in the verdict log. It changes nothing if it is about another
    /// position, stands at `before` or later, or is of a stage that does not count. Nor does taking it in a second
    /// time.
    pub fn add(&mut self, verdict: Position, outline: &Outline) {
        let asked = self.targets.contains(&outline.target) && verdict < self.before;
        if !asked || !self.stages.admits(outline.stage) {
            return;
        }
        let is_whole = (outline.decision == Decision::Invalid) == outline.category.is_some();
        invariant!(I7, is_whole, "the verdict at {verdict} is neither billable nor invalid");
        let next = Standing {
            decision: outline.decision,
            category: outline.category,
            rank: Rank::new(outline.stage, verdict),
        };
        let standing = self.standing.entry(outline.target).or_insert(next);
        if next.rank > standing.rank {
            *standing = next;
        }
    }

    /// What stands about a position; `None` if nothing was ruled.
    pub fn get(&self, target: Position) -> Option<Standing> {
        self.standing.get(&target).copied()
    }

    /// Everything that stands, valid and invalid, by position.
    pub fn iter(&self) -> impl Iterator<Item = (Position, Standing)> + '_ {
        self.standing.iter().map(|(target, standing)| (*target, *standing))
    }

    /// The positions whose standing decision is invalid, ascending.
    pub fn invalid(&self) -> impl Iterator<Item = (Position, Category)> + '_ {
        self.standing.iter().filter_map(|(target, standing)| match (standing.decision, standing.category) {
            (Decision::Invalid, Some(category)) => Some((*target, category)),
            (Decision::Invalid | Decision::Valid, _) => None,
        })
    }

    /// The table that projections join: [`Rulings::invalid`] in [`schema`] columns, one row a position.
    pub fn to_batch(&self) -> RecordBatch {
        let positions = Int64Array::from_iter_values(self.invalid().map(|(target, _)| target.as_i64()));
        let categories = StringArray::from_iter_values(self.invalid().map(|(_, category)| category.as_str()));
        RecordBatch::try_new(schema(), vec![Arc::new(positions), Arc::new(categories)])
            .expect("the arrays are those of the schema of rulings")
    }

    /// The name of the table: SHA-256 over a line that says which table this is, and a `position<TAB>category` line for
    /// each row.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(DIGEST_VERSION);
        for (target, category) in self.invalid() {
            hash.update(format!("{}\t{category}\n", target.as_i64()));
        }
        Digest(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests;
