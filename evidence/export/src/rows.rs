//! The rows of a bundle as a Parquet file, for whoever goes on working with them once the bundle was verified.
//!
//! No bundle holds such a file: a verifier would have to read Parquet to prove it, and then it would no longer be small
//! (decision 0076). Made from a bundle by whoever verified it, it needs no proof.

use std::{fs::File, sync::Arc};

use arrow::{
    array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder},
    datatypes::{DataType, Schema, SchemaRef},
    error::ArrowError,
};
use clicktrail_evidence::{
    bundle::{
        columns::ROWS,
        names, table,
        zip::{self, Source},
    },
    row::Value,
};
use clicktrail_log::schema;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

/// Rows that are held at a time.
const BATCH_ROWS: usize = 16_384;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bundle cannot be read.
    #[error("read the bundle")]
    Zip(#[from] zip::Error),
    /// It has no rows.
    #[error("the bundle has no {}", names::ROWS)]
    Missing,
    /// They are not such a table.
    #[error("read {}", names::ROWS)]
    Table(#[from] table::Error),
    /// The file cannot be written.
    #[error("write the Parquet file")]
    Parquet(#[from] ParquetError),
    /// The same.
    #[error("write the Parquet file")]
    Io(#[from] std::io::Error),
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::Parquet(error.into())
    }
}

/// Writes the rows of a bundle, which was verified, with the columns and types of the core files of an archive; how
/// many there are.
///
/// # Errors
/// See [`Error`].
pub fn to_parquet(bundle: &dyn Source, out: File) -> Result<u64, Error> {
    let archive = zip::Archive::open(bundle)?;
    let entry = archive.entry(names::ROWS).ok_or(Error::Missing)?;
    let mut rows = table::Reader::open(archive.read(entry), &ROWS)?;
    let schema = schema_of_rows()?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))?;
    let (mut batch, mut held, mut count) = (columns(&schema), 0, 0);
    loop {
        let row = rows.next()?;
        if let Some(row) = &row {
            batch.iter_mut().zip(row.values()).for_each(|(column, value)| column.push(value));
            held += 1;
            count += 1;
        }
        if held == BATCH_ROWS || (row.is_none() && held > 0) {
            let arrays = batch.iter_mut().map(Column::finish).collect();
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?)?;
            held = 0;
        }
        if row.is_none() {
            break;
        }
    }
    writer.into_inner()?.sync_all()?;
    Ok(count)
}

/// A column in the making. What is of another kind than the column is null there; a table that was read has none.
#[derive(Debug)]
enum Column {
    Numbers(Int64Builder),
    Times(TimestampMicrosecondBuilder),
    Texts(StringBuilder),
}

/// The columns of [`ROWS`] with the types that they have in an archive.
fn schema_of_rows() -> Result<SchemaRef, ArrowError> {
    let core = schema::core();
    let fields = ROWS.iter().map(|column| core.field_with_name(column.name).cloned());
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

/// Columns of a schema, in its order.
fn columns(schema: &SchemaRef) -> Vec<Column> {
    let column = |kind: &DataType| match kind {
        DataType::Timestamp(..) => {
            Column::Times(TimestampMicrosecondBuilder::with_capacity(BATCH_ROWS).with_data_type(kind.clone()))
        }
        DataType::Int64 => Column::Numbers(Int64Builder::with_capacity(BATCH_ROWS)),
        _ => Column::Texts(StringBuilder::new()),
    };
    schema.fields().iter().map(|field| column(field.data_type())).collect()
}

impl Column {
    fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Numbers(numbers), Value::Int(number)) => numbers.append_value(number),
            (Self::Times(times), Value::Int(time)) => times.append_value(time),
            (Self::Texts(texts), Value::Text(text) | Value::Decimal(text)) => texts.append_value(text),
            (Self::Numbers(numbers), Value::Null | Value::Text(_) | Value::Decimal(_)) => numbers.append_null(),
            (Self::Times(times), Value::Null | Value::Text(_) | Value::Decimal(_)) => times.append_null(),
            (Self::Texts(texts), Value::Null | Value::Int(_)) => texts.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Numbers(numbers) => Arc::new(numbers.finish()),
            Self::Times(times) => Arc::new(times.finish()),
            Self::Texts(texts) => Arc::new(texts.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _};
    use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
    use clicktrail_evidence::{
        made_up::{Dossier, OwnBiller, Plan},
        row::PEOPLE,
    };
    use clicktrail_log::archive::part;

    use super::*;

    #[test]
    fn rows_of_a_bundle_come_back_from_parquet_with_the_columns_of_the_archive() {
        let core = schema::core();
        let of_archive = core.fields().iter().map(|field| field.name().as_str()).filter(|name| !PEOPLE.contains(name));
        assert!(of_archive.eq(ROWS.iter().map(|column| column.name)), "only what is about people is left out");
        let bundle = Dossier::new(&Plan::small(9), &OwnBiller).evidence().zip();
        let file = tempfile::NamedTempFile::new().unwrap();
        let count = to_parquet(&bundle, file.reopen().unwrap()).unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let batches: Vec<RecordBatch> = part::read(bytes.into(), None).unwrap().map(Result::unwrap).collect();
        let archive = zip::Archive::open(&bundle).unwrap();
        let mut rows = table::Reader::open(archive.read(archive.entry(names::ROWS).unwrap()), &ROWS).unwrap();
        let mut seen = 0;
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let expected = rows.next().unwrap().unwrap();
                for (column, value) in batch.columns().iter().zip(expected.values()) {
                    let found = match column.data_type() {
                        _ if column.is_null(row) => Value::Null,
                        DataType::Int64 => Value::Int(column.as_primitive::<Int64Type>().value(row)),
                        DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row)),
                        _ => Value::Int(column.as_primitive::<TimestampMicrosecondType>().value(row)),
                    };
                    assert_eq!(found, value);
                }
                seen += 1;
            }
        }
        assert!(rows.next().unwrap().is_none() && seen == count && seen > 5, "{seen} of {count}");
    }
}
