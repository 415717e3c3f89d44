//! Logging what was issued, once.

use std::{collections::BTreeSet, sync::Arc};

use clicktrail_log::{
    archive::Archive,
    invariant,
    invoices::{InvoiceEntry, append::Appender, ledger::Taken},
    log::Log,
    position::Position,
    time::Hour,
};

use super::{error::Error, reader::Issued};
use crate::history::Start;

/// How often another process may be first before this gives up.
const ATTEMPTS: usize = 16;
/// How far the clock of whoever issued may be ahead of the log's: entries are looked for from so long before they were
/// issued.
pub const CLOCK: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Logs documents that were issued: see [`Recorder::record`].
///
/// # Errors
/// As [`Recorder::record`]; [`Error::Taken`] once the others are logged.
///
/// # Panics
/// If two of them have the same number.
pub async fn append(log: &Arc<dyn Log>, archive: &Archive, entries: &[InvoiceEntry]) -> Result<Vec<Position>, Error> {
    let placed = Recorder::new(log, archive).record(entries).await?;
    placed.into_iter().map(|place| place.map_err(Error::from)).collect()
}

/// Logs what was issued. One that is kept reads what comes into the log once, however often it is called.
#[derive(Debug)]
pub struct Recorder {
    log: Arc<dyn Log>,
    archive: Archive,
    appender: Appender,
    /// What was read of the log, from an hour on; `None` after an error.
    read: Option<(Hour, Issued)>,
    /// Why what stands in the log could not be read to its end.
    unread: Option<Error>,
}

impl Recorder {
    /// One that has read nothing yet.
    pub fn new(log: &Arc<dyn Log>, archive: &Archive) -> Self {
        let appender = Appender::new(Arc::clone(log), archive.clone());
        Self { log: Arc::clone(log), archive: archive.clone(), appender, read: None, unread: None }
    }

    /// Logs documents that were issued, and returns where each stands, in their order. Those that are in the log
    /// already are not appended again: they are looked for from [`CLOCK`] before the first of them was issued. One
    /// whose number the log has for something else is not logged, and keeps nobody from the others. Many at once are
    /// few frames.
    ///
    /// What is damaged in the log or its archive keeps nothing from being logged either: see
    /// [`unread`](Self::unread).
    ///
    /// # Errors
    /// See [`Error`]. Some may have been appended; the same call may be made again, and appends the others.
    ///
    /// # Panics
    /// If two of them have the same number.
    pub async fn record(&mut self, entries: &[InvoiceEntry]) -> Result<Vec<Result<Position, Taken>>, Error> {
        let numbers: BTreeSet<_> = entries.iter().map(|entry| &entry.number).collect();
        invariant!(I10, numbers.len() == entries.len(), "{} documents have {} numbers", entries.len(), numbers.len());
        let Some(first) = entries.iter().map(|entry| entry.issued_at).min() else { return Ok(Vec::new()) };
        let clock = i64::try_from(CLOCK.as_micros()).expect("an hour");
        let from = first.plus_micros(-clock).hour();
        for _ in 1..ATTEMPTS {
            match self.record_once(entries, from).await {
                Err(Error::Append(error)) if error.is_overtaken() => {}
                recorded => return recorded,
            }
        }
        self.record_once(entries, from).await
    }

    /// Why what stands in the log could not be read to its end, since this was last asked. Entries behind that place
    /// were not found, and so may stand in the log twice: readers take the first.
    pub fn unread(&mut self) -> Option<Error> {
        self.unread.take()
    }

    async fn record_once(
        &mut self,
        entries: &[InvoiceEntry],
        from: Hour,
    ) -> Result<Vec<Result<Position, Taken>>, Error> {
        // What others append behind this place after it was read below, the append is told of.
        self.appender.locate().await?;
        let places = self.held(entries, from).await?;
        let is_missing = |(_, place): &(&InvoiceEntry, &Result<Option<Position>, Taken>)| matches!(place, Ok(None));
        let missing = entries.iter().zip(&places).filter(is_missing);
        let missing: Vec<InvoiceEntry> = missing.map(|(entry, _)| entry.clone()).collect();
        let mut appended = match missing.is_empty() {
            true => Vec::new(),
            false => self.appender.append(&missing).await?,
        }
        .into_iter();
        let placed = places.into_iter().filter_map(|place| match place {
            Ok(Some(place)) => Some(Ok(place)),
            Ok(None) => appended.next().map(Ok),
            Err(taken) => Some(Err(taken)),
        });
        let placed: Vec<Result<Position, Taken>> = placed.collect();
        invariant!(I10, placed.len() == entries.len(), "{} of {} documents are logged", placed.len(), entries.len());
        Ok(placed)
    }

    /// Where the log holds each of the documents, as far as it goes now.
    async fn held(
        &mut self,
        entries: &[InvoiceEntry],
        from: Hour,
    ) -> Result<Vec<Result<Option<Position>, Taken>>, Error> {
        let opened = match self.read.take() {
            Some((hour, issued)) if hour <= from => Ok((hour, issued)),
            _ => Issued::open(&self.log, &self.archive, Start::Hour(from)).await.map(|issued| (from, issued)),
        };
        let (hour, mut issued) = match opened {
            Ok(opened) => opened,
            Err(cause) if cause.is_incomplete() => {
                self.unread = Some(cause);
                return Ok(entries.iter().map(|_| Ok(None)).collect());
            }
            Err(cause) => return Err(cause),
        };
        loop {
            match issued.next().await {
                // What is damaged elsewhere in the log keeps nothing from being logged: `log verify` names it.
                Ok(Some(_)) => {}
                Ok(None) => {
                    let held = entries.iter().map(|entry| issued.ledger().place_of(entry)).collect();
                    self.read = Some((hour, issued));
                    return Ok(held);
                }
                Err(cause) if cause.is_incomplete() => {
                    self.unread = Some(cause);
                    return Ok(entries.iter().map(|entry| issued.ledger().place_of(entry)).collect());
                }
                Err(cause) => return Err(cause),
            }
        }
    }
}
