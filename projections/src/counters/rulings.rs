//! The `rulings` table: what stands about the clicks that are counted.

use std::sync::{Arc, LazyLock};

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    catalog::{TableProvider, view::ViewTable},
    common::DFSchema,
    datasource::MemTable,
    logical_expr::{EmptyRelation, LogicalPlan},
};

use crate::error::Error;

static RULINGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("position", DataType::Int64, false),
        // givt, sivt, duplicate or policy: why the click is invalid. A position ruled valid has no row.
        Field::new("category", DataType::Utf8, false),
    ]))
});

/// The columns of the `rulings` table.
pub fn rulings_schema() -> SchemaRef {
    Arc::clone(&RULINGS)
}

/// Rulings that touch nothing: a view of no rows, which the planner sees through, so that nothing is joined.
pub fn no_rulings() -> Arc<dyn TableProvider> {
    let schema = DFSchema::try_from(rulings_schema()).expect("the columns have different names");
    let none = EmptyRelation { produce_one_row: false, schema: Arc::new(schema) };
    Arc::new(ViewTable::new(LogicalPlan::EmptyRelation(none), None))
}

/// Rulings in memory, in [`rulings_schema`] columns: at most one a position.
///
/// # Errors
/// If they are of other columns.
pub fn rulings(rows: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, Error> {
    if rows.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(no_rulings());
    }
    Ok(Arc::new(MemTable::try_new(rulings_schema(), vec![rows])?))
}
