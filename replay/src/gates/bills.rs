//! What a segment of counters bills, read from its bytes: five columns, without the engine.

use std::{collections::BTreeMap, fmt};

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch, StringArray},
    compute::cast,
    datatypes::DataType,
};
use bytes::Bytes;
use clicktrail_log::archive::{self, part};

use crate::{
    error::Error,
    sums::{self, Owed},
};

/// What is read of a segment. Every version has these.
const COLUMNS: [&str; 5] = ["advertiser_id", "currency", "clicks", "billable_clicks", "spend_micros"];

/// What the hours that change count, by advertiser and currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Clicks, whether billable or not.
    pub clicks: i128,
    /// Those that are billed.
    pub billable_clicks: i128,
    /// Spend in micros.
    pub spend_micros: i128,
}

/// Totals by advertiser and currency. Bounded by the number of advertisers.
pub(super) type Bills = BTreeMap<Owed, Totals>;

/// The totals of a segment's rows; `key` is its name in errors.
///
/// # Errors
/// [`archive::Error::Damaged`] if it is no Parquet file with these columns.
pub(super) fn of_segment(key: &str, bytes: Bytes) -> Result<Bills, Error> {
    let damaged =
        |reason: &dyn fmt::Display| archive::Error::Damaged { key: key.to_owned(), reason: reason.to_string() };
    let mut bills = Bills::new();
    for rows in part::read(bytes, Some(&COLUMNS)).map_err(|error| damaged(&error))? {
        let rows = rows.map_err(|error| damaged(&error))?;
        add(&mut bills, &rows)
            .map_err(|name| damaged(&format!("its column {name} is of another type or lacks values")))?;
    }
    Ok(bills)
}

/// Adds all of other hours.
pub(super) fn add_all(bills: &mut Bills, others: Bills) {
    for (owed, added) in others {
        let totals = bills.entry(owed).or_default();
        totals.clicks += added.clicks;
        totals.billable_clicks += added.billable_clicks;
        totals.spend_micros += added.spend_micros;
    }
}

/// Adds rows, or says which column is not what it should be. Rows of one advertiser stand together: each such run is
/// looked up once.
fn add(bills: &mut Bills, rows: &RecordBatch) -> Result<(), &'static str> {
    let text = |name| {
        let column = rows.column_by_name(name).filter(|column| column.logical_null_count() == 0).ok_or(name)?;
        cast(column, &DataType::Utf8).map_err(|_| name)
    };
    let number = |name| sums::integers(rows, name).ok_or(name);
    let (advertisers, currencies) = (text("advertiser_id")?, text("currency")?);
    let (advertisers, currencies) = (advertisers.as_string(), currencies.as_string());
    let (clicks, billable, spend) = (number("clicks")?, number("billable_clicks")?, number("spend_micros")?);
    let mut from = 0;
    while from < rows.num_rows() {
        let to = end_of_run(advertisers, currencies, from);
        let totals = bills.entry((advertisers.value(from).to_owned(), currencies.value(from).to_owned())).or_default();
        totals.clicks += clicks[from..to].iter().sum::<i128>();
        totals.billable_clicks += billable[from..to].iter().sum::<i128>();
        totals.spend_micros += spend[from..to].iter().sum::<i128>();
        from = to;
    }
    Ok(())
}

/// Behind the last row that has the advertiser and currency of row `from`, without another between.
fn end_of_run(advertisers: &StringArray, currencies: &StringArray, from: usize) -> usize {
    let (advertiser, currency) = (advertisers.value(from), currencies.value(from));
    let is_other = |at: &usize| advertisers.value(*at) != advertiser || currencies.value(*at) != currency;
    (from + 1..advertisers.len()).find(is_other).unwrap_or(advertisers.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Decimal128Array, Int64Array};
    use clicktrail_log::causes::causes;

    use super::*;

    fn rows(of: &[(&str, &str, i64, i64, i128)]) -> RecordBatch {
        let texts = |pick: fn(&(&str, &str, i64, i64, i128)) -> String| -> ArrayRef {
            Arc::new(of.iter().map(|row| Some(pick(row))).collect::<StringArray>())
        };
        let counts = |pick: fn(&(&str, &str, i64, i64, i128)) -> i64| -> ArrayRef {
            Arc::new(of.iter().map(pick).collect::<Int64Array>())
        };
        let spend: Decimal128Array = of.iter().map(|row| row.4).collect();
        let spend: ArrayRef = Arc::new(spend.with_precision_and_scale(38, 0).unwrap());
        RecordBatch::try_from_iter([
            ("advertiser_id", texts(|row| row.0.to_owned())),
            ("currency", texts(|row| row.1.to_owned())),
            ("clicks", counts(|row| row.2)),
            ("billable_clicks", counts(|row| row.3)),
            ("spend_micros", spend),
        ])
        .unwrap()
    }

    #[test]
    fn rows_are_added_to_whoever_owes_them_wherever_they_stand() {
        let rows = rows(&[
            ("acme", "EUR", 3, 2, 20),
            ("acme", "EUR", 4, 4, 40),
            ("acme", "USD", 1, 1, 10),
            ("brand", "EUR", 5, 0, 0),
            ("acme", "EUR", 1, 1, i128::from(i64::MAX)),
        ]);
        let mut bills = Bills::new();
        add(&mut bills, &rows).unwrap();
        let of = |advertiser: &str, currency: &str| bills[&(advertiser.to_owned(), currency.to_owned())].clone();
        let totals = |clicks, billable_clicks, spend_micros| Totals { clicks, billable_clicks, spend_micros };
        assert_eq!(of("acme", "EUR"), totals(8, 7, 60 + i128::from(i64::MAX)));
        assert_eq!(of("acme", "USD"), totals(1, 1, 10));
        assert_eq!(of("brand", "EUR"), totals(5, 0, 0));
        assert_eq!(bills.len(), 3);
    }

    #[test]
    fn segment_that_is_none_is_damaged_by_name() {
        let wrong = causes(&of_segment("segments/x.parquet", Bytes::from_static(b"PAR1")).unwrap_err());
        assert!(wrong.contains("segments/x.parquet"), "{wrong}");
    }
}
