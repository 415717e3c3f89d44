//! Who says which rows are to go.

use std::{fmt, sync::Arc};

use arrow::array::RecordBatch;

/// Says which rows are to go.
///
/// It gets rows with the columns `position`, `captured_at` and those about people, and answers for each.
#[derive(Clone)]
pub struct Chooses(Arc<Choice>);

/// Which rows of a batch.
type Choice = dyn Fn(&RecordBatch) -> Vec<bool> + Send + Sync;

impl Chooses {
    /// By a function.
    pub fn new(chooses: impl Fn(&RecordBatch) -> Vec<bool> + Send + Sync + 'static) -> Self {
        Self(Arc::new(chooses))
    }

    /// Every row.
    pub fn all() -> Self {
        Self::new(|rows| vec![true; rows.num_rows()])
    }

    /// Which of these rows are to go.
    pub fn of(&self, rows: &RecordBatch) -> Vec<bool> {
        (self.0)(rows)
    }
}

impl fmt::Debug for Chooses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("says which rows are to go")
    }
}
