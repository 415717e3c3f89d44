//! Events and a log that does what a test says: for the tests of this room.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
};

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::{
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame::Frame,
    log::{Appended, Durability, Error, Info, Log, Logged, ReadLimit},
    position::Seq,
    schema::EventsBuilder,
    time::Timestamp,
};

/// A click at `micros` with the id `id`, of one of a few ads.
pub(crate) fn click(id: u64, micros: i64) -> Event<'static> {
    Event {
        event_id: Cow::Owned(format!("event-{id}")),
        kind: Kind::Click,
        event_time: Timestamp::from_micros(micros),
        captured_at: Timestamp::from_micros(micros),
        advertiser_id: Cow::Owned(format!("advertiser-{}", id % 3)),
        campaign_id: Cow::Borrowed("campaign"),
        ad_id: Cow::Owned(format!("ad-{}", id % 7)),
        publisher_id: None,
        placement_id: None,
        user_id: Some(Cow::Owned(format!("user-{}", id % 11))),
        session_id: None,
        ip: Some(Cow::Borrowed("192.0.2.1")),
        user_agent: None,
        page_url: None,
        device_type: None,
        os: None,
        browser: None,
        country: None,
        city: None,
        price_micros: 10_000,
        currency: Cow::Borrowed("EUR"),
        click_event_id: None,
        value_micros: None,
        extra: None,
    }
}

/// Clicks `ids`, a second apart from `micros` on.
pub(crate) fn clicks(ids: std::ops::Range<u64>, micros: i64) -> RecordBatch {
    let mut builder = EventsBuilder::with_capacity(16);
    for (offset, id) in (0..).zip(ids) {
        builder.push(&click(id, micros + offset * 1_000_000));
    }
    builder.finish()
}

/// A log that can be away.
#[derive(Debug)]
pub(crate) struct Flaky {
    pub(crate) inner: EmbeddedLog,
    pub(crate) away: AtomicBool,
    /// Appends, then says that it does not know.
    pub(crate) forgetful: AtomicBool,
}

#[async_trait]
impl Log for Flaky {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("away".into()));
        }
        let appended = self.inner.append(frame).await?;
        if self.forgetful.swap(false, Ordering::SeqCst) {
            self.away.store(true, Ordering::SeqCst);
            return Err(Error::UnknownOutcome("cut".into()));
        }
        Ok(appended)
    }

    async fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<Logged>, Error> {
        self.inner.read(from, limit).await
    }

    async fn info(&self) -> Result<Info, Error> {
        self.inner.info().await
    }

    async fn trim(&self, first_kept: Seq) -> Result<(), Error> {
        self.inner.trim(first_kept).await
    }

    async fn durability(&self) -> Result<Durability, Error> {
        self.inner.durability().await
    }
}
