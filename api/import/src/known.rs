//! What the log holds already of a file, so that importing a longer version of it adds only the new lines.
//!
//! Events are compared by kind, advertiser, ad, id and event time, and counted: of three lines with one id of which the
//! log has two events, the third is new. Lines and known events both come in order of event time, so that only those of
//! one instant are in memory.

use std::{collections::HashMap, io, path::Path};

use clicktrail_log::{event::Event, time::Timestamp};
use sha2::{Digest as _, Sha256};

use super::sort::{Sorted, Sorter};

/// Beyond so much, known events wait in a temporary file.
const MEMORY_BYTES: usize = 64 << 20;

/// What tells an event from others of the same instant.
type Key = [u8; 16];

/// An event of the log.
#[derive(Debug, Clone, Copy)]
pub struct LoggedEvent<'a> {
    /// When it happened.
    pub event_time: Timestamp,
    /// `click`, `impression` …
    pub kind: &'a str,
    /// Who is billed.
    pub advertiser_id: &'a str,
    /// The ad.
    pub ad_id: &'a str,
    /// Its id.
    pub event_id: &'a str,
}

impl LoggedEvent<'_> {
    fn key(&self) -> Key {
        let mut hash = Sha256::new();
        for text in [self.kind, self.advertiser_id, self.ad_id, self.event_id] {
            // No text holds a byte that is no UTF-8.
            hash.update(text.as_bytes());
            hash.update([0xff]);
        }
        *hash.finalize().first_chunk().expect("a digest has 32 bytes")
    }
}

/// Takes known events in any order, then gives them out by time.
#[derive(Debug)]
pub(super) enum Known {
    /// Still told of more.
    Open(Sorter, u64),
    /// Being asked.
    Sorted(Box<Lookup>),
}

/// Known events, by time.
#[derive(Debug)]
pub(super) struct Lookup {
    sorted: Sorted,
    /// The next event of a later instant.
    ahead: Option<(i64, Key)>,
    /// The instant that is asked for, and how many events of it are left.
    present: Option<i64>,
    left: HashMap<Key, u32>,
}

impl Known {
    pub(super) fn new(scratch: &Path) -> Self {
        Self::Open(Sorter::new(scratch, MEMORY_BYTES), 0)
    }

    /// One more event that the log holds.
    ///
    /// # Panics
    /// If it was asked before.
    pub(super) fn push(&mut self, event: &LoggedEvent<'_>) -> io::Result<()> {
        match self {
            Self::Open(sorter, pushed) => {
                *pushed += 1;
                sorter.push(event.event_time.micros(), *pushed, &event.key())
            }
            Self::Sorted(_) => panic!("known events are told before the first batch is asked for"),
        }
    }

    /// Goes to the events of `time`, which never runs back.
    pub(super) fn at(&mut self, time: Timestamp) -> io::Result<&mut Lookup> {
        if let Self::Open(sorter, _) = self {
            let sorter = std::mem::replace(sorter, Sorter::new(Path::new(""), 0));
            *self = Self::Sorted(Box::new(Lookup::new(sorter.finish()?)?));
        }
        match self {
            Self::Sorted(lookup) => {
                lookup.advance(time.micros())?;
                Ok(lookup)
            }
            Self::Open(..) => unreachable!("it was sorted above"),
        }
    }
}

impl Lookup {
    fn new(sorted: Sorted) -> io::Result<Self> {
        let mut lookup = Self { sorted, ahead: None, present: None, left: HashMap::new() };
        lookup.step()?;
        Ok(lookup)
    }

    fn step(&mut self) -> io::Result<()> {
        let record = self.sorted.next()?;
        self.ahead = record.map(|record| (record.key, record.bytes.try_into().expect("keys have 16 bytes")));
        Ok(())
    }

    fn advance(&mut self, time: i64) -> io::Result<()> {
        if self.present == Some(time) {
            return Ok(());
        }
        self.present = Some(time);
        self.left.clear();
        while let Some((at, key)) = self.ahead.filter(|(at, _)| *at <= time) {
            if at == time {
                *self.left.entry(key).or_default() += 1;
            }
            self.step()?;
        }
        Ok(())
    }

    /// Whether nothing is known of this instant.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether the log holds the event under one of `other_ids` or its own; each of the log's events counts once.
    pub(super) fn take(&mut self, event: &Event<'_>, other_ids: &[String]) -> bool {
        if self.left.is_empty() {
            return false;
        }
        let own = std::iter::once(&*event.event_id);
        for event_id in other_ids.iter().map(String::as_str).chain(own) {
            let known = LoggedEvent {
                event_time: event.event_time,
                kind: event.kind.as_str(),
                advertiser_id: &event.advertiser_id,
                ad_id: &event.ad_id,
                event_id,
            };
            if let Some(left) = self.left.get_mut(&known.key()).filter(|left| **left > 0) {
                *left -= 1;
                return true;
            }
        }
        false
    }
}
