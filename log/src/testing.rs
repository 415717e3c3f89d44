//! For the tests of this room: events, and a log that fails when a test says so.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
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
    time::{Clock, ManualClock, Timestamp},
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
    /// The next append is done, but its outcome is reported as unknown.
    pub(crate) forgetful: AtomicBool,
    /// It refuses every append for good.
    pub(crate) broken: AtomicBool,
    /// How many milliseconds an append takes longer.
    pub(crate) slow_ms: AtomicU64,
}

#[async_trait]
impl Log for Flaky {
    async fn append(&self, frame: &Frame) -> Result<Appended, Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("away".into()));
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::Fatal("the stream is sealed".into()));
        }
        tokio::time::sleep(Duration::from_millis(self.slow_ms.load(Ordering::SeqCst))).await;
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

/// The seed of a random test: `CLICKTRAIL_TEST_SEED`, or always the same one. The output of a failed test shows it.
pub(crate) fn seed() -> u64 {
    let seed =
        std::env::var("CLICKTRAIL_TEST_SEED").map(|text| text.parse().expect("CLICKTRAIL_TEST_SEED is a number"));
    let seed = seed.unwrap_or(1);
    println!("CLICKTRAIL_TEST_SEED={seed}");
    seed
}

/// Numbers that look random, always the same after the same seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of `0..sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// The present time of tests that do not look at the time.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
}

/// Event number `n`, of any kind, with or without each optional value, unusual texts included. It is the same for ever,
/// because fixtures are made of such events.
pub(crate) fn any_event(n: u64) -> Event<'static> {
    let mut dice = Dice::new(n);
    let mut maybe = |text: &str| (dice.roll(3) > 0).then(|| Cow::Owned(format!("{text}-{}", dice.roll(5))));
    let optional: [Option<Cow<'static, str>>; 14] = [
        maybe("publisher"),
        maybe("slot \u{1f5bc}"),
        maybe("user"),
        maybe("session"),
        maybe("2001:db8::"),
        maybe("Mozilla/5.0 (\"quoted\")"),
        maybe("https://example.org/?q=ä&n="),
        maybe("phone"),
        maybe("os"),
        maybe("browser"),
        maybe("DE"),
        maybe("Zürich"),
        maybe("event"),
        maybe("{\"unknown\":true}"),
    ];
    let [
        publisher_id,
        placement_id,
        user_id,
        session_id,
        ip,
        user_agent,
        page_url,
        device_type,
        os,
        browser,
        rest @ ..,
    ] = optional;
    let [country, city, click_event_id, extra] = rest;
    let micros = 1_772_402_400_000_000 + i64::try_from(dice.roll(3_600_000_000)).unwrap();
    Event {
        event_id: Cow::Owned(format!("event-{n}")),
        kind: Kind::ALL[usize::try_from(n % 5).unwrap()],
        event_time: Timestamp::from_micros(micros - i64::try_from(dice.roll(60_000_000)).unwrap()),
        captured_at: Timestamp::from_micros(micros),
        advertiser_id: Cow::Owned(format!("advertiser-{}", dice.roll(3))),
        campaign_id: Cow::Owned(format!("campaign-{}", dice.roll(2))),
        ad_id: Cow::Owned(format!("ad-{}", dice.roll(4))),
        publisher_id,
        placement_id,
        user_id,
        session_id,
        ip,
        user_agent,
        page_url,
        device_type,
        os,
        browser,
        country,
        city,
        price_micros: i64::try_from(dice.roll(1_000_000)).unwrap(),
        currency: Cow::Borrowed(["EUR", "USD", "JPY"][usize::try_from(dice.roll(3)).unwrap()]),
        click_event_id,
        value_micros: (dice.roll(2) > 0).then_some(i64::MAX),
        extra,
    }
}

/// The events `numbers` as a batch.
pub(crate) fn any_events(numbers: std::ops::Range<u64>) -> RecordBatch {
    let mut builder = EventsBuilder::with_capacity(16);
    numbers.for_each(|n| builder.push(&any_event(n)));
    builder.finish()
}
