//! A document's lines and adjustments as Parquet. The same document gives the same bytes.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterVersion},
    schema::types::ColumnPath,
};

use crate::{
    document::{Document, Draft},
    error::Error,
    exported::{COUNTS, Exported, Row, counted},
    money::Currency,
};

/// What Parquet's `created_by` says: part of the bytes, so it changes only with the layout.
const CREATED_BY: &str = "clicktrail invoice lines 1";
/// The only column of truth values.
const PRICE_IS_EXACT: &str = "price_is_exact";
/// Rows that are turned into columns at a time.
const BATCH_ROWS: usize = 1 << 14;
/// Rows of a row group: part of the layout.
const GROUP_ROWS: usize = 1 << 18;
/// Bytes of a group's values up to which no column of it can have a dictionary that is too large, which the writer
/// gives up at a mebibyte.
const SMALL_BYTES: usize = 1 << 19;
/// Bytes of a row beside its texts, in the widest of its columns and more.
const ROW_BYTES: usize = 64;
/// Digits of a decimal.
const DIGITS: u8 = 38;

/// The lines of a document.
///
/// # Errors
/// [`Error::Overflow`] for amounts of more than 38 digits.
pub fn lines(document: &Document) -> Result<Vec<u8>, Error> {
    write(Exported::document(document))
}

/// The lines of a draft: the column `document` is empty.
///
/// # Errors
/// As [`lines`].
pub fn lines_of_draft(draft: &Draft) -> Result<Vec<u8>, Error> {
    write(Exported::draft(draft))
}

fn write(exported: Exported<'_>) -> Result<Vec<u8>, Error> {
    let properties = properties(is_small(&exported));
    write_as(&exported, properties)
}

fn write_as(exported: &Exported<'_>, properties: WriterProperties) -> Result<Vec<u8>, Error> {
    let currency = exported.draft.bill.currency;
    let schema = schema(currency);
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    let mut rows = Vec::with_capacity(BATCH_ROWS);
    for row in exported.rows() {
        rows.push(row);
        if rows.len() == BATCH_ROWS {
            writer.write(&batch(exported, &schema, &rows)?)?;
            rows.clear();
        }
    }
    if !rows.is_empty() {
        writer.write(&batch(exported, &schema, &rows)?)?;
    }
    Ok(writer.into_inner()?)
}

/// How it is written. A column is a dictionary and codes as long as the dictionary is small, and has an encoder for
/// the rest of its values if it becomes too large. In a small table that is never asked for, and the one that saves
/// most takes a mebibyte of memory of every column: the simplest one is named instead, and the bytes are the same.
fn properties(is_small: bool) -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None);
    let properties = match is_small {
        // A truth value never has a dictionary.
        true => properties
            .set_encoding(Encoding::PLAIN)
            .set_column_encoding(ColumnPath::from(PRICE_IS_EXACT), Encoding::RLE),
        false => properties,
    };
    properties.build()
}

/// Whether all values together are small.
fn is_small(exported: &Exported<'_>) -> bool {
    let of_all = exported.name().len().saturating_add(exported.draft.advertiser_id.len());
    let small = exported.rows().try_fold(of_all, |bytes, row| {
        let of_row = row.campaign_id.map_or(0, str::len).saturating_add(ROW_BYTES);
        Some(bytes.saturating_add(of_row)).filter(|bytes| *bytes <= SMALL_BYTES)
    });
    small.is_some()
}

/// The columns. Those of counts and money have the names and meanings of the CSV.
fn schema(currency: Currency) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let scale = i8::try_from(currency.exponent()).expect("at most six");
    let mut fields: Vec<Field> =
        ["document", "kind", "period", "advertiser_id", "currency", "row", "what"].map(text).into();
    fields.push(Field::new("campaign_id", DataType::Utf8, true));
    fields.extend(COUNTS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.push(Field::new("spend_micros", DataType::Decimal128(DIGITS, 0), true));
    fields.push(Field::new("price", DataType::Decimal128(DIGITS, 6), true));
    fields.push(Field::new(PRICE_IS_EXACT, DataType::Boolean, true));
    fields.push(Field::new("rate_basis_points", DataType::Int32, true));
    fields.push(Field::new("amount", DataType::Decimal128(DIGITS, scale), false));
    Arc::new(Schema::new(fields))
}

fn batch(exported: &Exported<'_>, schema: &SchemaRef, rows: &[Row<'_>]) -> Result<RecordBatch, Error> {
    let draft = exported.draft;
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; rows.len()])) };
    let mut columns: Vec<ArrayRef> = vec![
        same(&exported.name()),
        same(draft.kind.as_str()),
        same(&draft.pins.period.name.to_string()),
        same(&draft.advertiser_id),
        same(draft.bill.currency.code()),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.row))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.what))),
        Arc::new(rows.iter().map(|row| row.campaign_id).collect::<StringArray>()),
    ];
    let counts = rows.iter().map(|row| row.counts.map(counted).transpose()).collect::<Result<Vec<_>, _>>()?;
    for index in 0..COUNTS.len() {
        columns.push(Arc::new(counts.iter().map(|counts| counts.map(|counts| counts[index])).collect::<Int64Array>()));
    }
    let spend = rows.iter().map(|row| row.counts.map(|counts| counts.spend_micros));
    columns.push(decimals(spend, 0)?);
    columns.push(decimals(rows.iter().map(|row| row.price.map(|price| price.micros)), 6)?);
    columns.push(Arc::new(rows.iter().map(|row| row.price.map(|price| price.is_exact)).collect::<BooleanArray>()));
    let rate = |row: &Row<'_>| row.rate.map(|rate| i32::try_from(rate.points()).expect("at most ten thousand"));
    columns.push(Arc::new(rows.iter().map(rate).collect::<Int32Array>()));
    columns.push(decimals(rows.iter().map(|row| Some(row.amount)), draft.bill.currency.exponent())?);
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).map_err(ParquetError::from)?;
    Ok(batch)
}

/// A column of decimals with this many digits behind the point.
fn decimals(values: impl Iterator<Item = Option<i128>>, behind: u8) -> Result<ArrayRef, Error> {
    let limit = 10_i128.pow(DIGITS.into()).unsigned_abs();
    let values = values.map(|value| match value {
        Some(value) if value.unsigned_abs() >= limit => Err(Error::overflow("an amount of more than 38 digits")),
        value => Ok(value),
    });
    let array = values.collect::<Result<Decimal128Array, _>>()?;
    let scale = i8::try_from(behind).expect("at most six");
    let array = array.with_precision_and_scale(DIGITS, scale).map_err(ParquetError::from)?;
    Ok(Arc::new(array))
}

#[cfg(test)]
mod tests;
