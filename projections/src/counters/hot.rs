//! The rows of one tick as bytes: an Arrow IPC stream under zstd, which the catalog keeps until the hour is sealed.

use std::io::Read as _;

use bytes::Bytes;
use clicktrail_log::outside;
use datafusion::arrow::{
    array::RecordBatch,
    buffer::Buffer,
    datatypes::SchemaRef,
    error::ArrowError,
    ipc::{reader::StreamDecoder, writer::StreamWriter},
};

use crate::{
    counters::schema::{Missing, complete, first_schema, question_schema, schema},
    error::Error,
};

/// What a payload may inflate to: more is taken for damage.
const INFLATED_BYTES_MAX: u64 = 1 << 30;

/// Rows of [`schema`](crate::counters::schema()) as a payload.
///
/// # Errors
/// If the rows are of another schema, or so many that nobody could read the payload again.
pub fn encode(rows: &[RecordBatch]) -> Result<Bytes, Error> {
    encode_within(rows, INFLATED_BYTES_MAX)
}

fn encode_within(rows: &[RecordBatch], bytes_max: u64) -> Result<Bytes, Error> {
    let mut writer = StreamWriter::try_new(Vec::new(), &schema())?;
    for batch in rows {
        if batch.schema() != schema() {
            return Err(Error::Argument("a hot partial is made of the columns of counters".to_owned()));
        }
        writer.write(batch)?;
    }
    let stream = writer.into_inner()?;
    if stream.len() as u64 >= bytes_max {
        let (bytes, rows) = (stream.len(), rows.iter().map(RecordBatch::num_rows).sum::<usize>());
        return Err(Error::Argument(format!("{rows} rows of counts are {bytes} bytes, and no payload holds so many")));
    }
    let payload =
        zstd::bulk::compress(&stream, 1).map_err(|error| Error::Argument(format!("compress counts: {error}")))?;
    Ok(payload.into())
}

/// The rows of a payload. Those of an earlier version have zeros in the columns that it did not count.
///
/// # Errors
/// [`Error::Argument`] if the bytes are no payload of a version up to this.
pub fn decode(payload: &[u8]) -> Result<Vec<RecordBatch>, Error> {
    let (rows, _) = decode_as_stored(payload)?;
    Ok(rows.iter().map(|batch| complete(batch, &schema(), Missing::Zero)).collect::<Result<_, _>>()?)
}

/// The rows of a payload for [`tiers`](super::tiers): nulls where an earlier version did not count.
///
/// # Errors
/// As [`decode`].
pub fn decode_for_questions(payload: &[u8]) -> Result<Vec<RecordBatch>, Error> {
    let (rows, _) = decode_as_stored(payload)?;
    for_questions(&rows)
}

/// Rows that were counted just now, as [`decode_for_questions`] would give them.
///
/// # Errors
/// If they are not of the columns of counters.
pub fn for_questions(rows: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
    Ok(rows.iter().map(|batch| complete(batch, &question_schema(), Missing::Null)).collect::<Result<_, _>>()?)
}

/// Whether an earlier version made the payload, which lacks columns that are counted today.
///
/// # Errors
/// As [`decode`].
pub fn is_of_earlier_version(payload: &[u8]) -> Result<bool, Error> {
    Ok(decode_as_stored(payload)?.1)
}

/// The rows, and whether an earlier version counted them.
fn decode_as_stored(payload: &[u8]) -> Result<(Vec<RecordBatch>, bool), Error> {
    let damaged = |error: &dyn std::fmt::Display| {
        Error::Argument(format!("a hot partial is not readable: {error}: run `clicktrail catalog rebuild`"))
    };
    let mut stream = Vec::new();
    let inflater = zstd::Decoder::new(payload).map_err(|error| damaged(&error))?;
    let inflated = inflater.take(INFLATED_BYTES_MAX).read_to_end(&mut stream).map_err(|error| damaged(&error))?;
    if inflated as u64 == INFLATED_BYTES_MAX {
        return Err(damaged(&"it inflates beyond all bounds"));
    }
    let read = outside::caught(|| read_stream(stream)).map_err(|error| damaged(&error))?;
    let (columns, rows) = read.map_err(|error| damaged(&error))?;
    let is_earlier = columns == first_schema();
    if !is_earlier && columns != schema() {
        return Err(damaged(&"its columns are not those of counters"));
    }
    Ok((rows, is_earlier))
}

/// Columns and rows of an IPC stream. The decoder works on the bytes that there are; a reader of streams would take
/// memory for whatever length a message states.
fn read_stream(stream: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let (mut buffer, mut decoder, mut rows) = (Buffer::from_vec(stream), StreamDecoder::new(), Vec::new());
    while let Some(batch) = decoder.decode(&mut buffer)? {
        rows.push(batch);
    }
    decoder.finish()?;
    let columns = decoder.schema().ok_or_else(|| ArrowError::IpcError("it has no columns".to_owned()))?;
    Ok((columns, rows))
}

#[cfg(test)]
mod tests;
