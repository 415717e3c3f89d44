//! Parquet files from outside, batch by batch: damage is an error, also where the decoder panics on it (see
//! [`outside`]).

use std::fmt;

use arrow::{
    array::{RecordBatch, RecordBatchReader},
    datatypes::SchemaRef,
    error::ArrowError,
};
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader},
    errors::ParquetError,
};

use crate::{invoices, outside, rejected, schema};

/// The rows of a file, from front to back.
pub struct Batches {
    schema: SchemaRef,
    /// Nothing once the decoder broke down.
    reader: Option<ParquetRecordBatchReader>,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Batches {
    /// What `open` opens.
    ///
    /// # Errors
    /// As `open`; also if it panics.
    pub fn open(open: impl FnOnce() -> Result<ParquetRecordBatchReader, ParquetError>) -> Result<Self, ParquetError> {
        let reader = decoded(open)?;
        Ok(Self { schema: reader.schema(), reader: Some(reader) })
    }

    /// The same rows, if each column that a stream has is of the type as which it is written there: whoever reads
    /// parts takes values by these types.
    ///
    /// # Errors
    /// The first column that is of another.
    pub(super) fn of_stream(self) -> Result<Self, ParquetError> {
        let known = [schema::read(), schema::personal(), invoices::schema::read(), rejected::read()];
        for field in self.schema.fields() {
            let types =
                |known: &SchemaRef| known.field_with_name(field.name()).ok().map(|known| known.data_type().clone());
            let types: Vec<_> = known.iter().filter_map(types).collect();
            if !types.is_empty() && !types.contains(field.data_type()) {
                let (name, found, written) = (field.name(), field.data_type(), &types[0]);
                return Err(ParquetError::General(format!("its column {name} is {found}, not {written}")));
            }
        }
        Ok(self)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        outside::caught(|| reader.next()).unwrap_or_else(|said| {
            self.reader = None;
            Some(Err(ArrowError::ParquetError(said)))
        })
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

/// The footer of a file.
///
/// # Errors
/// If there is none, or none that can be used with these options.
pub fn footer(bytes: &Bytes, options: ArrowReaderOptions) -> Result<ArrowReaderMetadata, ParquetError> {
    decoded(|| ArrowReaderMetadata::load(bytes, options))
}

/// What a decoder of Parquet makes of bytes from outside.
///
/// # Errors
/// As `decode`; also if it panics.
pub fn decoded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    outside::caught(decode).unwrap_or_else(|said| Err(ParquetError::General(said)))
}

/// The same of one that waits for its bytes.
///
/// # Errors
/// As `decode`; also if it panics.
pub(super) async fn decoded_while<T>(decode: impl Future<Output = Result<T, ParquetError>>) -> Result<T, ParquetError> {
    outside::caught_while(decode).await.unwrap_or_else(|said| Err(ParquetError::General(said)))
}
