//! Counts and sums of rows of counters by advertiser and currency, in integers that no bill overflows.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::{DataType, Decimal128Type, Int64Type},
};
use clicktrail_projections::counters;

use crate::error::Error;

/// Whose bill, and in which currency.
pub type Owed = (String, String);

/// Every counted and summed column, by advertiser and currency. Bounded by the number of advertisers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    values: BTreeMap<Owed, Vec<i128>>,
    /// Columns that some of the rows do not have, because they are of an earlier version: nothing is said about them.
    unknown: BTreeSet<&'static str>,
}

/// The names of what is counted and summed, in the order of the values.
pub fn columns() -> impl Iterator<Item = &'static str> {
    counters::COUNTS.into_iter().chain(counters::SUMS)
}

impl Sums {
    /// Adds rows of counters, of any version: a column that they do not have is unknown from then on.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if they do not say whose they are.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let wrong =
            |name: &str| Error::Incomplete(format!("column {name} of the counters is missing or of another type"));
        let text = |name: &str| {
            let column = rows.column_by_name(name).ok_or_else(|| wrong(name))?;
            cast(column, &DataType::Utf8).map_err(|_| wrong(name))
        };
        let (advertisers, currencies) = (text("advertiser_id")?, text("currency")?);
        let (advertisers, currencies) = (advertisers.as_string::<i32>(), currencies.as_string::<i32>());
        let values: Vec<Option<Vec<i128>>> = columns().map(|name| integers(rows, name)).collect();
        let unknown = columns().zip(&values).filter(|(_, value)| value.is_none() && rows.num_rows() > 0);
        self.unknown.extend(unknown.map(|(name, _)| name));
        for row in 0..rows.num_rows() {
            let key = (advertisers.value(row).to_owned(), currencies.value(row).to_owned());
            let sums = self.values.entry(key).or_insert_with(|| vec![0; values.len()]);
            for (sum, column) in sums.iter_mut().zip(&values) {
                *sum += column.as_ref().map_or(0, |column| column[row]);
            }
        }
        Ok(())
    }

    /// Adds all of another.
    pub fn add_all(&mut self, other: &Self) {
        self.unknown.extend(&other.unknown);
        for (key, values) in &other.values {
            let sums = self.values.entry(key.clone()).or_insert_with(|| vec![0; values.len()]);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// Every value that differs, of the columns that both know: whose, which column, what is here, what is there.
    pub fn differences<'s>(&'s self, other: &'s Self) -> Vec<(&'s Owed, &'static str, i128, i128)> {
        let keys: BTreeSet<&Owed> = self.values.keys().chain(other.values.keys()).collect();
        let mut found = Vec::new();
        for key in keys {
            let value = |sums: &Self, index: usize| sums.values.get(key).and_then(|values| values.get(index)).copied();
            for (index, column) in columns().enumerate() {
                let (here, there) = (value(self, index).unwrap_or(0), value(other, index).unwrap_or(0));
                let is_known = !self.unknown.contains(column) && !other.unknown.contains(column);
                if is_known && here != there {
                    found.push((key, column, here, there));
                }
            }
        }
        found
    }
}

/// A column of integers or of decimals without places; `None` if a value is not there.
pub(crate) fn integers(rows: &RecordBatch, name: &str) -> Option<Vec<i128>> {
    let column = rows.column_by_name(name).filter(|column| column.null_count() == 0)?;
    match column.data_type() {
        DataType::Int64 => {
            let column = column.as_primitive::<Int64Type>();
            Some(column.values().iter().copied().map(i128::from).collect())
        }
        DataType::Decimal128(_, 0) => {
            let column = column.as_primitive::<Decimal128Type>();
            Some(column.values().to_vec())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrayRef, Decimal128Array, Int64Array, StringArray},
        datatypes::{Field, Schema},
    };

    use super::*;

    fn rows(of: &[(&str, i64)]) -> RecordBatch {
        let texts = |value: &dyn Fn(&str) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(of.iter().map(|(advertiser, _)| value(advertiser))))
        };
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![("advertiser_id", texts(&str::to_owned)), ("currency", texts(&|_| "EUR".to_owned()))];
        for name in counters::COUNTS {
            columns.push((name, Arc::new(Int64Array::from_iter_values(of.iter().map(|(_, value)| *value)))));
        }
        for name in counters::SUMS {
            let values = Decimal128Array::from_iter_values(of.iter().map(|(_, value)| i128::from(*value) << 62));
            columns.push((name, Arc::new(values.with_precision_and_scale(38, 0).unwrap())));
        }
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), false)).collect();
        let arrays = columns.into_iter().map(|(_, column)| column).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    #[test]
    fn sums_beyond_64_bits_are_exact_and_each_difference_is_named() {
        let (mut one, mut other) = (Sums::default(), Sums::default());
        one.add(&rows(&[("acme", 4), ("zeta", 1), ("acme", 5)])).unwrap();
        other.add(&rows(&[("acme", 9)])).unwrap();
        let columns = counters::COUNTS.len() + counters::SUMS.len();
        let found = one.differences(&other);
        assert_eq!(found.len(), columns, "{found:?}");
        assert!(found.iter().all(|((advertiser, currency), ..)| (&**advertiser, &**currency) == ("zeta", "EUR")));
        assert_eq!(found[0], (&("zeta".to_owned(), "EUR".to_owned()), "impressions", 1, 0));
        other.add(&rows(&[("zeta", 1)])).unwrap();
        assert_eq!(one.differences(&other), vec![]);
        let mut twice = Sums::default();
        twice.add_all(&one);
        twice.add_all(&one);
        let spend = twice.differences(&one).into_iter().find(|(_, column, ..)| *column == "spend_micros").unwrap();
        assert_eq!((spend.2, spend.3), (18_i128 << 62, 9_i128 << 62));
    }
}
