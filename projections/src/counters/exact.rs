//! A sum that is exact or an error. The engine's own wraps around beyond its type, and a wrapped sum is a wrong bill.

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, BooleanArray, PrimitiveArray},
        datatypes::{DataType, Decimal128Type, Int64Type},
    },
    common::{internal_err, not_impl_err},
    error::{DataFusionError, Result},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, TypeSignature, Volatility,
        function::AccumulatorArgs,
    },
};

use crate::error::Error;

/// The name of the function in SQL.
pub(super) const FUNCTION: &str = "exact_sum";

/// The largest sum of 38 digits.
const SUM_MAX: i128 = 10_i128.pow(38) - 1;

/// The function, over counts (64 bits) and sums (38 digits) that are never null.
pub(crate) fn function() -> AggregateUDF {
    let exact = [DataType::Int64, DataType::Decimal128(38, 0)].map(|of| TypeSignature::Exact(vec![of]));
    AggregateUDF::from(ExactSum { signature: Signature::one_of(exact.to_vec(), Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactSum {
    signature: Signature,
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &'static str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, of: &[DataType]) -> Result<DataType> {
        Ok(of[0].clone())
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("answers are grouped by their currency")
    }

    fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let (what, of) = (arguments.name.to_owned(), arguments.return_type().clone());
        match of {
            DataType::Int64 => Ok(Box::new(Sums::<Int64Type> { what, of, sums: Vec::new(), code: number })),
            DataType::Decimal128(38, 0) => {
                Ok(Box::new(Sums::<Decimal128Type> { what, of, sums: Vec::new(), code: digits }))
            }
            other => internal_err!("{FUNCTION} of {other}"),
        }
    }
}

fn number(sum: i128) -> Option<i64> {
    i64::try_from(sum).ok()
}

fn digits(sum: i128) -> Option<i128> {
    (-SUM_MAX..=SUM_MAX).contains(&sum).then_some(sum)
}

/// The sums of all groups.
#[derive(Debug)]
struct Sums<T: ArrowPrimitiveType> {
    what: String,
    of: DataType,
    sums: Vec<i128>,
    /// A sum as the column holds it; `None` if it is too large.
    code: fn(i128) -> Option<T::Native>,
}

impl<T: ArrowPrimitiveType> Sums<T> {
    fn too_large(&self) -> DataFusionError {
        let what = format!("{} is beyond {}: narrow the question", self.what, self.of);
        DataFusionError::External(Box::new(Error::Argument(what)))
    }
}

impl<T> GroupsAccumulator for Sums<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        let values = values[0].as_primitive::<T>();
        if filter.is_some() || values.null_count() > 0 {
            return internal_err!("{FUNCTION} adds up whole columns without nulls");
        }
        self.sums.resize(total_groups, 0);
        for (group, value) in groups.iter().zip(values.values()) {
            let sum = self.sums[*group].checked_add((*value).into());
            self.sums[*group] = sum.ok_or_else(|| self.too_large())?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        let coded: Option<Vec<T::Native>> = sums.into_iter().map(self.code).collect();
        let coded = PrimitiveArray::<T>::from_iter_values(coded.ok_or_else(|| self.too_large())?);
        Ok(std::sync::Arc::new(coded.with_data_type(self.of.clone())))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.update_batch(values, groups, None, total_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        if filter.is_some() {
            return internal_err!("{FUNCTION} adds up whole columns");
        }
        Ok(values.to_vec())
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::{
        arrow::{
            array::{Decimal128Array, Int64Array, RecordBatch},
            datatypes::{Field, Schema},
        },
        datasource::MemTable,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{counters::tests::limits, session::session};

    /// By group, the sums of a column of one amount and one count a row, over batches of a few rows.
    async fn summed(rows: &[(i64, i128, i64)]) -> std::result::Result<Vec<(i64, i128, i64)>, Error> {
        let fields = [
            Field::new("id", DataType::Int64, false),
            Field::new("spend", DataType::Decimal128(38, 0), false),
            Field::new("clicks", DataType::Int64, false),
        ];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let batch = |rows: &[(i64, i128, i64)]| {
            let spend = Decimal128Array::from_iter_values(rows.iter().map(|row| row.1));
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
                Arc::new(spend.with_precision_and_scale(38, 0).unwrap()),
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
            ];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        };
        let session = session(limits())?;
        session.register_udaf(function());
        let batches = rows.chunks(7).map(|rows| vec![batch(rows)]).collect();
        session.register_table("raw", Arc::new(MemTable::try_new(Arc::clone(&schema), batches)?))?;
        let sql = format!("SELECT id, {FUNCTION}(spend), {FUNCTION}(clicks) FROM raw GROUP BY id ORDER BY id");
        let mut found = Vec::new();
        for batch in session.sql(&sql).await?.collect().await? {
            let (ids, clicks) =
                (batch.column(0).as_primitive::<Int64Type>(), batch.column(2).as_primitive::<Int64Type>());
            let spend = batch.column(1).as_primitive::<Decimal128Type>();
            found.extend((0..batch.num_rows()).map(|row| (ids.value(row), spend.value(row), clicks.value(row))));
        }
        Ok(found)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    /// Amounts of one event, and sums of far more.
    fn spend() -> impl Strategy<Value = i128> {
        prop_oneof![any::<i64>().prop_map(i128::from), -SUM_MAX / 64..SUM_MAX / 64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Every sum equals a recount in 128 bits.
        #[test]
        fn sums_equal_a_recount(rows in proptest::collection::vec((0_i64..4, spend(), -9_i64..i64::MAX / 64), 1..60)) {
            let mut expected = std::collections::BTreeMap::<i64, (i128, i64)>::new();
            for (id, spend, clicks) in &rows {
                let sums = expected.entry(*id).or_default();
                *sums = (sums.0 + spend, sums.1 + clicks);
            }
            let expected: Vec<_> = expected.into_iter().map(|(id, sums)| (id, sums.0, sums.1)).collect();
            prop_assert_eq!(runtime().block_on(summed(&rows)).unwrap(), expected);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sum_beyond_its_type_is_an_error() {
        for (spend, clicks) in [(SUM_MAX, 1), (-SUM_MAX, 1), (1, i64::MAX)] {
            let error = summed(&[(1, spend, clicks); 20]).await.unwrap_err();
            assert!(matches!(error, Error::Argument(_)), "{error:?}");
            assert!(error.to_string().contains("is beyond"), "{error}");
        }
        assert_eq!(summed(&[(1, SUM_MAX - 1, 1), (1, 1, i64::MAX - 1)]).await.unwrap(), [(1, SUM_MAX, i64::MAX)]);
    }
}
