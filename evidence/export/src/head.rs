//! The signed head of the log of logs, its entries, and the proofs from them.

use std::collections::HashMap;

use clicktrail_billing::basis::Basis;
use clicktrail_evidence::{Hash, bundle::names, tlog::Entry};
use clicktrail_log::{
    archive::{
        Archive,
        transparency::{Kept, Reader},
    },
    log::Stream,
    time::Hour,
};

use crate::{error::Error, staging::Staging};

/// The newest head, and everything that is in the log under it.
#[derive(Debug)]
pub(crate) struct Head {
    reader: Reader,
    kept: Kept,
    entries: Vec<Entry>,
    /// The number of the entry of an hour.
    numbers: HashMap<(Stream, Hour), usize>,
}

impl Head {
    /// Reads the newest head.
    pub(crate) async fn newest(archive: &Archive) -> Result<Self, Error> {
        let reader = Reader::new(archive.clone());
        let kept = reader.newest().await?.ok_or(Error::Unsigned)?;
        let size = kept.checkpoint.size;
        let entries = reader.entries(0..size, size).await?;
        let mut numbers = HashMap::new();
        for (number, entry) in entries.iter().enumerate() {
            let stream = Stream::ALL.into_iter().find(|stream| stream.as_str() == entry.stream);
            if let (Some(stream), Some(hour)) = (stream, Hour::parse(&entry.hour)) {
                numbers.insert((stream, hour), number);
            }
        }
        Ok(Self { reader, kept, entries, numbers })
    }

    /// The digest of an hour's manifest, as it was signed.
    pub(crate) fn manifest(&self, stream: Stream, hour: Hour) -> Result<Hash, Error> {
        let number = self.numbers.get(&(stream, hour)).ok_or(Error::HourUnsigned { stream, hour })?;
        Ok(self.entries[*number].manifest)
    }

    /// The hours of a stream that are signed, in order.
    pub(crate) fn hours(&self, stream: Stream) -> Vec<Hour> {
        let mut hours: Vec<Hour> = self.numbers.keys().filter(|key| key.0 == stream).map(|key| key.1).collect();
        hours.sort_unstable();
        hours
    }

    /// Shows all entries: with fewer nobody could tell that no hour was logged twice.
    pub(crate) fn stage(&self, staging: &mut Staging) {
        let lines: String = self.entries.iter().map(ToString::to_string).collect();
        staging.put(names::ENTRIES, lines.into_bytes());
        staging.put(names::CHECKPOINT, self.kept.note.to_string().into_bytes());
    }

    /// Shows that the log went on from the heads on which documents stand.
    pub(crate) async fn stage_consistency(&mut self, bases: &[Basis], staging: &mut Staging) -> Result<(), Error> {
        let now = self.kept.checkpoint.size;
        for then in bases.iter().filter_map(Basis::checkpoint).filter(|then| then.size != now) {
            let nodes = self.reader.consistency(then.size, now, now).await?;
            staging.put(&names::consistency(then.size), nodes.iter().flat_map(|node| node.0).collect());
        }
        Ok(())
    }

    /// The name of the log, and how many entries it has.
    pub(crate) fn named(&self) -> (&str, u64) {
        (&self.kept.checkpoint.origin, self.kept.checkpoint.size)
    }
}
