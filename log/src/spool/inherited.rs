//! What an earlier process left on the spool: which of it the log has already.
//!
//! That process may have died after a frame drained and before it left the spool. Or the directory is a copy or was
//! restored, and whoever had the original drained the same frames long ago, when a broker no longer knows them and
//! readers no longer remember them. So they are looked for in the log, which keeps its frames for days, and what is
//! found, byte for byte, is not sent again. What is not found is sent: then it is up to the log and its readers.
//!
//! Whoever drains sends the frames in the order of the spool. So one pass over the log finds them all: where one frame
//! is missing, none of the later ones was logged so far.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    frame::{Digest, Header},
    log::{Error, Log, Logged, ReadLimit},
    position::Seq,
    time::Timestamp,
};

/// A frame is logged no earlier than so long before it was captured, by the clocks of two machines. Behind a clock that
/// is farther ahead nothing is found, and it is up to the readers.
const CLOCKS_APART: Duration = Duration::from_secs(600);

/// The frames before `end` on the spool, and how far the log was searched for them.
#[derive(Debug)]
pub(super) struct Inherited {
    /// One past the last of them.
    end: Seq,
    /// The frame of the log from which the next search goes on; `None` before the first.
    next: Option<Seq>,
}

/// What makes a frame the same as another.
type Key = (Uuid, u32, u64, [u8; 32]);

fn key(header: &Header) -> Key {
    let Digest(digest) = header.digest();
    (header.writer, header.writer_epoch, header.number, digest)
}

impl Inherited {
    /// What stands on the spool before `end`.
    pub(super) fn until(end: Seq) -> Self {
        Self { end, next: None }
    }

    /// Those of the next spooled frames that the log has already.
    pub(super) async fn logged_among(&mut self, log: &dyn Log, frames: &[Logged]) -> Result<BTreeSet<Seq>, Error> {
        let inherited = frames.iter().take_while(|logged| logged.seq < self.end);
        let wanted: BTreeMap<Key, Seq> = inherited.map(|logged| (key(&logged.frame.header), logged.seq)).collect();
        let Some(first) = frames.first().filter(|_| !wanted.is_empty()) else { return Ok(BTreeSet::new()) };
        match self.search(log, first.frame.header.first_captured, &wanted).await {
            Err(cause) if !cause.is_transient() => {
                warn!(%cause, "the log cannot be searched for what an earlier process spooled; it is sent again");
                self.end = Seq::ZERO;
                Ok(BTreeSet::new())
            }
            found => found,
        }
    }

    async fn search(
        &mut self,
        log: &dyn Log,
        captured: Timestamp,
        wanted: &BTreeMap<Key, Seq>,
    ) -> Result<BTreeSet<Seq>, Error> {
        let mut next = match self.next {
            Some(next) => next,
            None => first_since(log, captured).await?,
        };
        let mut found = BTreeSet::new();
        while found.len() < wanted.len() {
            let frames = match log.read(next, ReadLimit::waiting(Duration::ZERO)).await {
                // The log was trimmed meanwhile.
                Err(Error::Trimmed { first, .. }) => {
                    next = first;
                    continue;
                }
                frames => frames?,
            };
            let Some(last) = frames.last() else { break };
            next = last.seq.next();
            for logged in &frames {
                if let Some(spooled) = wanted.get(&key(&logged.frame.header)) {
                    found.insert(*spooled);
                    // The frames behind the last one found are looked at again: the next search may want them.
                    next = logged.seq.next();
                }
            }
            if found.len() < wanted.len() {
                next = last.seq.next();
            }
        }
        self.next = Some(next);
        if !found.is_empty() {
            info!(frames = found.len(), "the log has spooled frames of an earlier process already; they are not sent");
        }
        Ok(found)
    }
}

/// About the first frame of the log that may have been logged after `captured`: the log's clock is not monotonic, but
/// far from running back by [`CLOCKS_APART`].
async fn first_since(log: &dyn Log, captured: Timestamp) -> Result<Seq, Error> {
    let apart = i64::try_from(CLOCKS_APART.as_micros()).expect("ten minutes");
    let since = captured.plus_micros(-apart);
    let info = log.info().await?;
    let (mut low, mut high) = (info.first, info.last.next());
    while low < high {
        let middle = Seq::new(low.get() + (high.get() - low.get()) / 2).expect("between two sequences");
        match log.read(middle, ReadLimit { frames: 1, bytes: 1, wait: Duration::ZERO }).await {
            Err(Error::Trimmed { first, .. }) => low = first.max(middle.next()),
            frames => match frames?.first() {
                Some(logged) if logged.logged_at < since => low = middle.next(),
                Some(_) | None => high = middle,
            },
        }
    }
    Ok(low.min(info.last.next()))
}
