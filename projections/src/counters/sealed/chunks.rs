//! Some columns of a Parquet file, in memory without the others.

use bytes::{Buf as _, Bytes, buf};
use datafusion::parquet::{
    errors::{ParquetError, Result},
    file::{
        metadata::ParquetMetaData,
        reader::{ChunkReader, Length},
    },
};

/// The chunks of the columns that are read. The bytes of the rest are let go: `event_id` alone is half of a part.
#[derive(Debug)]
pub(super) struct Chunks {
    file_bytes: u64,
    /// Where each begins in the file, and its bytes; in order.
    chunks: Vec<(u64, Bytes)>,
}

impl Chunks {
    /// Copies the chunks of the columns at `columns` out of a whole file.
    ///
    /// # Errors
    /// If the file's own footer places a chunk outside it.
    pub(super) fn of(file: &Bytes, metadata: &ParquetMetaData, columns: &[usize]) -> Result<Self> {
        let mut chunks = Vec::new();
        for group in metadata.row_groups() {
            for column in columns {
                let (start, length) = group.column(*column).byte_range();
                let bytes = file.get_bytes(start, as_length(length)?)?;
                chunks.push((start, Bytes::copy_from_slice(&bytes)));
            }
        }
        chunks.sort_unstable_by_key(|(start, _)| *start);
        Ok(Self { file_bytes: file.len() as u64, chunks })
    }

    /// The chunk that holds the byte at `start`, from there on.
    fn from(&self, start: u64) -> Result<Bytes> {
        let after = self.chunks.partition_point(|(begin, _)| *begin <= start);
        let outside = || ParquetError::EOF(format!("byte {start} is not in a column that is read"));
        let (begin, bytes) = after.checked_sub(1).map(|index| &self.chunks[index]).ok_or_else(outside)?;
        let skipped = as_length(start - begin)?;
        if skipped > bytes.len() { Err(outside()) } else { Ok(bytes.slice(skipped..)) }
    }
}

fn as_length(length: u64) -> Result<usize> {
    usize::try_from(length).map_err(|_| ParquetError::EOF(format!("{length} bytes do not fit into memory")))
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.file_bytes
    }
}

impl ChunkReader for Chunks {
    type T = buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are not in one column")));
        }
        Ok(bytes.slice(..length))
    }
}
