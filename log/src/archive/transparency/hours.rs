//! Reading sealed hours back, as whoever signs them asks for it.

use std::{fmt, pin::Pin};

use crate::{
    archive::{store, verify::Problem},
    frame::Digest,
    log::Stream,
    time::Hour,
};

/// What is wrong with an hour, as soon as it was read.
pub type Found<'h> = Pin<Box<dyn Future<Output = Result<Vec<Problem>, store::Error>> + Send + 'h>>;

/// Reads a sealed hour back from the store, whatever stream it is of: a room above knows all of them.
pub trait Hours: Send + Sync + fmt::Debug {
    /// Everything that is wrong with an hour: its manifest has this digest, its files are as it says, and its trees
    /// come out again. Hours of earlier versions carry no trees; their files are compared by digest. It follows the
    /// hour that was logged before it of its stream, of which `previous` is the manifest; `None` if it is the first.
    ///
    /// # Errors
    /// Only [`store::Error::Unavailable`].
    fn problems(&self, stream: Stream, hour: Hour, manifest: Digest, previous: Option<Digest>) -> Found<'_>;
}
