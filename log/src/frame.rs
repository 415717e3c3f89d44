//! The unit of append: a compressed batch of rows, with a header that identifies it and chains it to the one before.
//!
//! Format version 1: the payload is the inflated length (four bytes, little endian), then one LZ4 block, which holds
//! an Arrow IPC stream (schema, one batch). The header travels beside the payload: as message headers in a broker, as
//! columns in the embedded log. `docs/formats.md` has the table and the recipe for adding a version.

use std::{fmt, ops::Range, str::FromStr};

use arrow::{array::RecordBatch, error::ArrowError, ipc, util::pretty};
use bytes::Bytes;
use lz4_flex::block;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{invariant, schema, time::Timestamp};

/// The format that this program writes.
pub const FORMAT_VERSION: u16 = 1;
/// No frame holds more rows: a row number has sixteen bits.
pub const ROWS_MAX: usize = 65_536;
/// No payload is larger: a broker usually takes messages of up to 1 MiB, and the headers need some of it.
pub const PAYLOAD_BYTES_MAX: usize = (1 << 20) - 4096;
/// What a payload may inflate to. More than that is damage, not data.
pub(crate) const INFLATED_BYTES_MAX: usize = 256 << 20;
/// Bytes of the inflated length in front of a payload.
const LENGTH_BYTES: usize = 4;
/// What a byte of an LZ4 block can inflate to at most: a run goes on by 255 for each byte of its length.
const INFLATED_PER_BYTE_MAX: usize = 255;
/// What a writer keeps of each buffer from frame to frame: enough for the large frames of a busy server.
const SCRATCH_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(ROWS_MAX == u16::MAX as usize + 1, "every row of a frame has a number of sixteen bits");
const _: () = assert!(LENGTH_BYTES == size_of::<u32>(), "the inflated length is a u32");
const _: () = assert!(INFLATED_BYTES_MAX <= u32::MAX as usize, "every inflated length fits its field");
const _: () = assert!(PAYLOAD_BYTES_MAX < INFLATED_BYTES_MAX, "a full frame is not taken for damage");
const _: () = assert!(PAYLOAD_BYTES_MAX <= SCRATCH_BYTES_MAX, "the buffer of a full frame is kept");

/// A SHA-256 digest, shown in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What the first frame of a writer's epoch names as its previous frame: there is none.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Everything about a frame except its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The format of the payload.
    pub format: u16,
    /// The schema of the rows: see [`schema::id`].
    pub schema_id: String,
    /// How many rows, 1..=65,536.
    pub rows: u32,
    /// Who wrote it.
    pub writer: Uuid,
    /// 1 for all writers today; its frame numbers begin at 1 in each. Earlier ones raised it at every start.
    pub writer_epoch: u32,
    /// The frame's number in that epoch of that writer. The three together with [`Header::digest`] are its identity.
    pub number: u64,
    /// SHA-256 of the payload.
    pub payload_digest: Digest,
    /// [`Header::digest`] of the writer's previous frame in this epoch; zero for the first.
    pub previous: Digest,
    /// The earliest time at which a row was captured.
    pub first_captured: Timestamp,
    /// The latest.
    pub last_captured: Timestamp,
}

impl Header {
    /// What the writer's next frame names as its previous: the SHA-256 over the header's fields, one a line. It covers
    /// the payload too, through the payload's digest.
    pub fn digest(&self) -> Digest {
        let text = format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            self.format,
            self.schema_id,
            self.rows,
            self.writer,
            self.writer_epoch,
            self.number,
            self.payload_digest,
            self.previous,
            self.first_captured.micros(),
            self.last_captured.micros(),
        );
        Digest::of(text.as_bytes())
    }

    /// What people call it: `writer/epoch/number`. Only by mistake is it the name of two frames.
    pub fn message_id(&self) -> String {
        format!("{}/{}/{}", self.writer, self.writer_epoch, self.number)
    }
}

/// A frame: header and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What identifies and chains it.
    pub header: Header,
    /// The rows in the format that the header names.
    pub payload: Bytes,
}

/// Why a frame cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows do not fit one frame. The caller halves the batch and makes two.
    #[error(
        "{rows} rows of {bytes} compressed bytes do not fit a frame of at most {ROWS_MAX} rows and {PAYLOAD_BYTES_MAX} bytes"
    )]
    TooLarge {
        /// Rows in the batch.
        rows: usize,
        /// Size of the payload, 0 if the rows alone were too many.
        bytes: usize,
    },
    /// There are no rows.
    #[error("a frame needs at least one row")]
    Empty,
    /// The bytes are not what the header says: damage on disk or on the way.
    #[error("the payload's SHA-256 is {found}, the header says {expected}")]
    DigestMismatch {
        /// As the header says.
        expected: Digest,
        /// As computed.
        found: Digest,
    },
    /// Written by a later version of this program.
    #[error("format version {0} is not known here; the newest is {FORMAT_VERSION}")]
    UnknownFormat(u16),
    /// The digest fits, but the bytes are not a batch of rows, or not the batch that the header describes.
    #[error("the payload is not readable: {0}")]
    Malformed(String),
}

impl Frame {
    /// How many bytes its rows take inflated, as the payload says: nothing of it is checked.
    pub(crate) fn inflated_bytes(&self) -> usize {
        inflated_length(&self.payload).unwrap_or(0)
    }

    /// Checks the digest and returns the rows. Never panics, whatever the bytes are.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::UnknownFormat`] or [`Error::Malformed`].
    pub fn decode(&self) -> Result<RecordBatch, Error> {
        self.verify()?;
        decode_payload(&self.payload, &self.header)
    }

    /// Checks that the payload is the one that the header names, without reading its rows.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] or [`Error::UnknownFormat`].
    pub fn verify(&self) -> Result<(), Error> {
        if self.header.format != FORMAT_VERSION {
            return Err(Error::UnknownFormat(self.header.format));
        }
        let found = Digest::of(&self.payload);
        if found != self.header.payload_digest {
            return Err(Error::DigestMismatch { expected: self.header.payload_digest, found });
        }
        Ok(())
    }
}

fn inflated_length(payload: &Bytes) -> Option<usize> {
    payload.first_chunk::<LENGTH_BYTES>().map(|bytes| u32::from_le_bytes(*bytes) as usize)
}

fn decode_payload(payload: &Bytes, header: &Header) -> Result<RecordBatch, Error> {
    let malformed = |error: String| Error::Malformed(error);
    let length = inflated_length(payload).ok_or_else(|| malformed("no inflated length".into()))?;
    if length > INFLATED_BYTES_MAX {
        return Err(malformed(format!("inflated length {length} is over {INFLATED_BYTES_MAX}")));
    }
    // Memory is taken for the length as it is stated: a short payload must not claim much.
    let reachable = (payload.len() - LENGTH_BYTES) * INFLATED_PER_BYTE_MAX;
    if length > reachable {
        return Err(malformed(format!(
            "inflated length {length} is more than {reachable}, which its bytes can become"
        )));
    }
    let inflated = block::decompress(&payload[LENGTH_BYTES..], length).map_err(|error| malformed(error.to_string()))?;
    let batch = read_stream(inflated).map_err(malformed)?;
    if batch.num_rows() != header.rows as usize {
        return Err(malformed(format!("{} rows, the header says {}", batch.num_rows(), header.rows)));
    }
    let schema_id = schema::id(&batch.schema());
    if schema_id != header.schema_id {
        return Err(malformed(format!("schema {schema_id}, the header says {}", header.schema_id)));
    }
    Ok(batch)
}

/// The batch of an IPC stream. Bad bytes are an error, even where Arrow panics: it trusts the buffer offsets that a
/// message states, and slices out of bounds when they are wrong (seen with 59.3). So the panic is caught here.
fn read_stream(stream: Vec<u8>) -> Result<RecordBatch, String> {
    let read = std::panic::catch_unwind(|| {
        let mut buffer = arrow::buffer::Buffer::from_vec(stream);
        ipc::reader::StreamDecoder::new().decode(&mut buffer)
    });
    let batch = read.map_err(|_| "its buffers are not where it says".to_owned())?;
    batch.map_err(|error| error.to_string())?.ok_or_else(|| "no rows".to_owned())
}

/// Buffers that frames are made in. They are kept, because allocating them for every frame would cost more than
/// filling them.
#[derive(Debug, Default)]
struct Scratch {
    stream: Vec<u8>,
    compressed: Vec<u8>,
}

impl Clone for Scratch {
    /// The copy starts without buffers, and gets its own when it makes a frame.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Scratch {
    fn encode_payload(&mut self, batch: &RecordBatch) -> Result<Bytes, Error> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Err(Error::Empty);
        }
        if rows > ROWS_MAX {
            return Err(Error::TooLarge { rows, bytes: 0 });
        }
        let payload =
            self.write(batch).map_err(|error| Error::Malformed(error.to_string())).and_then(|()| self.compress(rows));
        self.stream.clear();
        self.stream.shrink_to(SCRATCH_BYTES_MAX);
        self.compressed.truncate(SCRATCH_BYTES_MAX);
        self.compressed.shrink_to(SCRATCH_BYTES_MAX);
        payload
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut writer = ipc::writer::StreamWriter::try_new(&mut self.stream, &batch.schema())?;
        writer.write(batch)?;
        writer.finish()
    }

    fn compress(&mut self, rows: usize) -> Result<Bytes, Error> {
        let inflated = self.stream.len();
        let length = u32::try_from(inflated).ok().filter(|_| inflated <= INFLATED_BYTES_MAX);
        let length = length.ok_or(Error::TooLarge { rows, bytes: inflated })?;
        let room = LENGTH_BYTES + block::get_maximum_output_size(inflated);
        if self.compressed.len() < room {
            self.compressed.resize(room, 0);
        }
        let (head, block) = self.compressed.split_at_mut(LENGTH_BYTES);
        head.copy_from_slice(&length.to_le_bytes());
        let compressed =
            block::compress_into(&self.stream, block).map_err(|error| Error::Malformed(error.to_string()))?;
        let bytes = LENGTH_BYTES + compressed;
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(Error::TooLarge { rows, bytes });
        }
        invariant!(I1, bytes > LENGTH_BYTES, "{rows} rows make an empty payload");
        Ok(Bytes::copy_from_slice(&self.compressed[..bytes]))
    }
}

/// Numbers and chains the frames of one writer. One per stream and process.
#[derive(Debug, Clone)]
pub struct Writer {
    id: Uuid,
    epoch: u32,
    /// Number of the last frame made.
    number: u64,
    /// The digest of that frame; zero if there is none.
    previous: Digest,
    scratch: Scratch,
}

/// The identity under which a process writes from its data directory: what the directory's own `id` begins with, then
/// what is random in `start`, an id that nobody else was given. So no copy of the directory has it, and readers know
/// which starts are of one directory.
pub fn identity_of_start(id: Uuid, start: Uuid) -> Uuid {
    let (directory, random) = (id.as_u64_pair().0, start.as_u64_pair().1);
    let bytes = *Uuid::from_u64_pair(directory, random).as_bytes();
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl Writer {
    /// A writer at the start of one of its epochs. The caller makes sure that no earlier process used the epoch.
    pub fn new(id: Uuid, epoch: u32) -> Self {
        Self::resume(id, epoch, 0, Digest::ZERO)
    }

    /// A writer that continues after a frame of this epoch.
    pub(crate) fn resume(id: Uuid, epoch: u32, number: u64, previous: Digest) -> Self {
        Self { id, epoch, number, previous, scratch: Scratch::default() }
    }

    /// Who writes.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Makes the next frame. `captured` is the earliest and the latest time at which a row was captured.
    ///
    /// A frame that was made must reach the log, however often it has to be sent, because the next one names it. On an
    /// error no number is used.
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::TooLarge`]: halve the batch and make two.
    pub fn seal(&mut self, batch: &RecordBatch, captured: (Timestamp, Timestamp)) -> Result<Frame, Error> {
        let payload = self.scratch.encode_payload(batch)?;
        let header = Header {
            format: FORMAT_VERSION,
            schema_id: schema::id(&batch.schema()),
            rows: u32::try_from(batch.num_rows()).expect("at most 65,536 rows"),
            writer: self.id,
            writer_epoch: self.epoch,
            number: self.number + 1,
            payload_digest: Digest::of(&payload),
            previous: self.previous,
            first_captured: captured.0,
            last_captured: captured.1,
        };
        invariant!(
            I1,
            header.number == 1 || header.previous != Digest::ZERO,
            "frame {} names no previous frame",
            header.message_id()
        );
        invariant!(I1, captured.0 <= captured.1, "rows captured from {} to {}", captured.0, captured.1);
        self.number = header.number;
        self.previous = header.digest();
        invariant!(I1, self.previous != header.previous, "frame {} names itself", header.message_id());
        Ok(Frame { header, payload })
    }

    /// Makes frames of all rows of a batch, in their order: one if they fit, otherwise of halves as large as fit. No
    /// rows make no frame. `captured` is the earliest and the latest capture of a range of rows. After an error the
    /// writer is as before, and no number is used.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if one row alone does not fit a frame.
    pub fn seal_all(
        &mut self,
        batch: &RecordBatch,
        captured: impl Fn(Range<usize>) -> (Timestamp, Timestamp),
    ) -> Result<Vec<Frame>, Error> {
        let (mut next, mut frames) = (self.clone(), Vec::new());
        if batch.num_rows() > 0 {
            next.seal_halves(batch, 0..batch.num_rows(), &captured, &mut frames)?;
        }
        let rows: usize = frames.iter().map(|frame| frame.header.rows as usize).sum();
        invariant!(I1, rows == batch.num_rows(), "{} rows became {rows} in frames", batch.num_rows());
        *self = next;
        Ok(frames)
    }

    /// One frame of some rows, at least one, or their halves if they do not fit.
    fn seal_halves(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        captured: &impl Fn(Range<usize>) -> (Timestamp, Timestamp),
        frames: &mut Vec<Frame>,
    ) -> Result<(), Error> {
        match self.seal(&batch.slice(rows.start, rows.len()), captured(rows.clone())) {
            Ok(frame) => {
                frames.push(frame);
                Ok(())
            }
            Err(Error::TooLarge { .. }) if rows.len() > 1 => {
                let middle = rows.start + rows.len() / 2;
                self.seal_halves(batch, rows.start..middle, captured, frames)?;
                self.seal_halves(batch, middle..rows.end, captured, frames)
            }
            Err(error) => Err(error),
        }
    }
}

/// A batch as a table for error messages and tests.
pub fn show(batch: &RecordBatch) -> String {
    pretty::pretty_format_batches(std::slice::from_ref(batch))
        .map_or_else(|error| error.to_string(), |table| table.to_string())
}

#[cfg(test)]
mod tests;
