//! Appending what was issued, under one identity that every process shares.
//!
//! An appender appends what it is given. Whether an entry is in the log already is for whoever has read the log, up to
//! what [`Appender::locate`] says: between that and the append nobody else's entry gets in, or it is told.

use std::sync::Arc;

use uuid::Uuid;

use super::{entry::InvoiceEntry, schema};
use crate::{
    archive::{Archive, invoices::Invoices},
    invariant,
    log::Log,
    position::{Position, Seq},
    shared::{self, SharedWriter},
};

/// The identity under which issued documents are logged.
const WRITER: Uuid = Uuid::from_u128(0x9c1d_6f0e_5b7a_4c3d_8e21_6973_7375_6564);

/// Why entries were not appended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log did not take them, another process appended first, or the archive did not say where the log ends.
    #[error("append to the log of issued documents")]
    Shared(#[from] shared::Error),
    /// They are no entries.
    #[error("make a frame of issued documents")]
    Schema(#[from] schema::Error),
}

impl Error {
    /// Whether another process appended first: read what it did, and decide again.
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::Shared(shared::Error::Moved))
    }

    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Shared(error) => error.is_transient(),
            Self::Schema(_) => false,
        }
    }
}

/// Appends to the log of issued documents.
#[derive(Debug)]
pub struct Appender {
    log: Arc<dyn Log>,
    writer: SharedWriter<Invoices>,
}

impl Appender {
    /// An appender to `log`.
    pub fn new(log: Arc<dyn Log>, archive: Archive) -> Self {
        let writer = SharedWriter::new(Arc::clone(&log), archive, WRITER);
        Self { log, writer }
    }

    /// The last frame that the next append has seen: see [`SharedWriter::locate`].
    ///
    /// # Errors
    /// As log and archive report.
    pub async fn locate(&mut self) -> Result<Seq, Error> {
        Ok(self.writer.locate().await?)
    }

    /// Appends entries in their order, and returns where each stands once all are durable.
    ///
    /// # Errors
    /// See [`Error`]. Some of them may have been appended: read the log before you try again.
    pub async fn append(&mut self, entries: &[InvoiceEntry]) -> Result<Vec<Position>, Error> {
        let epoch = self.log.info().await.map_err(shared::Error::from)?.epoch;
        let mut rows: Vec<u32> = Vec::new();
        let make = |writer: &mut crate::frame::Writer| {
            let frames = schema::to_frames(writer, entries)?;
            rows.extend(frames.iter().map(|frame| frame.header.rows));
            Ok::<_, Error>(frames)
        };
        let seqs = self.writer.append(make).await?;
        let places = seqs.iter().zip(&rows).flat_map(|(seq, rows)| {
            let first = Position::new(epoch, *seq, 0);
            let rows = u16::try_from(rows - 1).expect("a frame has 1 to 65,536 rows");
            (0..=rows).map(move |row| first.plus_rows(row))
        });
        let places: Vec<Position> = places.collect();
        invariant!(I1, places.len() == entries.len(), "{} entries stand at {} places", entries.len(), places.len());
        Ok(places)
    }
}
