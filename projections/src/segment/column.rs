//! One column of a row group in the making: the codes of its rows and the values that they stand for.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, PrimitiveArray},
        compute::cast,
        datatypes::{DataType, Decimal128Type, Field, Int64Type, TimeUnit, TimestampMicrosecondType, UInt32Type},
        error::ArrowError,
    },
    parquet::errors::ParquetError,
};

use super::{
    codes::Codes,
    dictionary::{NONE, Number, Numbers, Texts},
};
use crate::error::Error;

/// Collects the rows of a row group.
#[derive(Debug)]
pub(super) struct Column {
    field: Arc<Field>,
    /// One a row; [`NONE`] is null.
    codes: Codes,
    values: Values,
}

/// What codes stand for.
#[derive(Debug)]
pub(super) enum Values {
    Texts(Texts),
    Integers(Numbers<i64>),
    /// Sixteen bytes each.
    Decimals(Numbers<i128>),
}

impl Column {
    /// # Errors
    /// If values of the field's type are not written here.
    pub(super) fn new(field: &Arc<Field>) -> Result<Self, Error> {
        let values = match field.data_type() {
            DataType::Utf8 => Values::Texts(Texts::default()),
            DataType::Int64 | DataType::Timestamp(TimeUnit::Microsecond, _) => Values::Integers(Numbers::new()),
            // Parquet has fewer bytes for fewer digits.
            DataType::Decimal128(38, _) => Values::Decimals(Numbers::new()),
            other => return Err(Error::Segment(ParquetError::NYI(format!("a segment of {other} values")))),
        };
        Ok(Self { field: Arc::clone(field), codes: Codes::default(), values })
    }

    /// Rows of some other type as [`Column::push`] takes them.
    ///
    /// # Errors
    /// If they are not of the field's type, nor can be.
    pub(super) fn accept(&self, rows: &ArrayRef) -> Result<ArrayRef, Error> {
        let rows = match rows.as_dictionary_opt::<UInt32Type>() {
            Some(texts)
                if *self.field.data_type() == DataType::Utf8
                    && *texts.values().data_type() == DataType::Utf8
                    && texts.values().null_count() == 0 =>
            {
                Arc::clone(rows)
            }
            _ => cast(rows, self.field.data_type())?,
        };
        if !self.field.is_nullable() && rows.null_count() > 0 {
            let null = format!("column {} is never null", self.field.name());
            return Err(Error::from(ArrowError::InvalidArgumentError(null)));
        }
        Ok(rows)
    }

    /// Appends rows that were accepted.
    pub(super) fn push(&mut self, rows: &ArrayRef) {
        let codes = &mut self.codes;
        match (&mut self.values, rows.data_type()) {
            (Values::Texts(texts), DataType::Utf8) => texts.codes(rows.as_string(), codes.each()),
            (Values::Texts(texts), _) => texts.codes_of_arrow(rows.as_dictionary(), codes.each()),
            (Values::Integers(numbers), DataType::Int64) => push(numbers, rows.as_primitive::<Int64Type>(), codes),
            (Values::Integers(numbers), _) => push(numbers, rows.as_primitive::<TimestampMicrosecondType>(), codes),
            (Values::Decimals(numbers), _) => push(numbers, rows.as_primitive::<Decimal128Type>(), codes),
        }
    }

    /// One a row; [`NONE`] is null.
    pub(super) fn codes(&self) -> &Codes {
        &self.codes
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// Forgets all rows, which ends the row group.
    pub(super) fn clear(&mut self) {
        self.codes.clear();
        match &mut self.values {
            Values::Texts(texts) => texts.clear(),
            Values::Integers(numbers) => numbers.clear(),
            Values::Decimals(numbers) => numbers.clear(),
        }
    }
}

fn push<T: ArrowPrimitiveType<Native: Number>>(
    numbers: &mut Numbers<T::Native>,
    rows: &PrimitiveArray<T>,
    codes: &mut Codes,
) {
    match (rows.nulls().filter(|nulls| nulls.null_count() > 0), rows.values().first()) {
        (_, None) => {}
        (None, Some(first)) if are_all(rows.values(), *first) => codes.push(numbers.code(*first), rows.len()),
        (None, Some(_)) => codes.each().extend(rows.values().iter().map(|number| numbers.code(*number))),
        (Some(nulls), Some(_)) => {
            let rows = rows.values().iter().zip(nulls);
            codes.each().extend(rows.map(|(number, valid)| if valid { numbers.code(*number) } else { NONE }));
        }
    }
}

/// Whether all numbers are the same: a few at a time, which the processor compares at once.
fn are_all<N: Number>(numbers: &[N], same: N) -> bool {
    numbers.chunks(64).all(|some| some.iter().fold(true, |are, number| are & (*number == same)))
}

impl Values {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Integers(numbers) => numbers.values().len(),
            Self::Decimals(numbers) => numbers.values().len(),
        }
    }

    /// As a dictionary page has them, by code.
    pub(super) fn plain(&self) -> Vec<u8> {
        match self {
            Self::Texts(texts) => texts.plain().to_vec(),
            Self::Integers(numbers) => numbers.values().iter().flat_map(|number| number.plain()).collect(),
            Self::Decimals(numbers) => numbers.values().iter().flat_map(|number| number.plain()).collect(),
        }
    }
}
