//! What a row of a segment is made of, and one that is not the same on both sides.

use clicktrail_projections::Projection;

/// Which columns of a segment name a row, in its order, and which are counted and summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Their names.
    pub keys: Vec<String>,
    /// Their names.
    pub measures: Vec<String>,
}

impl Layout {
    /// That of a projection's segments.
    pub fn of(projection: &Projection) -> Self {
        Self {
            keys: projection.key().iter().map(|field| field.name().clone()).collect(),
            measures: projection.measures().iter().map(|measure| measure.name.clone()).collect(),
        }
    }
}

/// One row that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// The values of the key columns, as text; `None` is null.
    pub key: Vec<Option<String>>,
    /// The measures before; `None`: the row was not there.
    pub before: Option<Vec<i128>>,
    /// The measures after; `None`: the row is not there.
    pub after: Option<Vec<i128>>,
}

impl RowChange {
    /// By how much each measure grew.
    pub fn deltas(&self) -> Vec<i128> {
        let measures = self.before.as_ref().or(self.after.as_ref()).map_or(0, Vec::len);
        let value = |side: &Option<Vec<i128>>, at: usize| side.as_ref().map_or(0, |values| values[at]);
        (0..measures).map(|at| value(&self.after, at) - value(&self.before, at)).collect()
    }
}
