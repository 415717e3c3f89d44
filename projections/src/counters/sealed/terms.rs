//! Expressions of the SQL as the engine evaluates them, each over no more columns than it is made of.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions},
        datatypes::SchemaRef,
    },
    common::{Column, DFSchema},
    execution::SessionState,
    logical_expr::{Expr, simplify::SimplifyContext},
    optimizer::simplify_expressions::ExprSimplifier,
    physical_plan::PhysicalExpr,
};

use crate::error::Error;

/// An expression.
#[derive(Debug)]
pub(super) struct Term {
    expr: Arc<dyn PhysicalExpr>,
    /// Where they are among those that there are.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Term {
    /// An expression of the columns `of`.
    ///
    /// # Errors
    /// [`Error::Refused`] if it needs others.
    pub(super) fn new(expr: &Expr, of: &DFSchema, state: &SessionState) -> Result<Self, Error> {
        let place = |column: &Column| {
            let refused = || Error::Refused(format!("a sealed hour cannot count by {}", column.name));
            of.maybe_index_of_column(column).ok_or_else(refused)
        };
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(of.clone()))
            .with_config_options(Arc::clone(state.config_options()))
            .build();
        // Some functions are only there to be simplified into others.
        let expr = ExprSimplifier::new(context).simplify(expr.clone())?;
        let columns: BTreeSet<usize> = expr.column_refs().into_iter().map(place).collect::<Result<_, _>>()?;
        let fields = columns.iter().map(|index| {
            let (table, field) = of.qualified_field(*index);
            (table.cloned(), Arc::clone(field))
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), HashMap::new())?;
        let expr = state.create_physical_expr(expr, &schema)?;
        Ok(Self { expr, columns: columns.into_iter().collect(), schema: Arc::clone(schema.inner()) })
    }

    /// The columns that it is made of.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Its value in so many rows, of which `column` gives the columns.
    ///
    /// # Errors
    /// As `column` and the engine report.
    pub(super) fn evaluate(
        &self,
        rows: usize,
        column: impl FnMut(usize) -> Result<ArrayRef, Error>,
    ) -> Result<ArrayRef, Error> {
        let columns = self.columns.iter().copied().map(column).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok(self.expr.evaluate(&batch)?.into_array(rows)?)
    }
}
