//! Who clicks: every click is sent until it is acknowledged or its sender gives up.

use std::{sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use clicktrail_log::{
    event::{Event, Kind},
    schema::EventsBuilder,
    time::{Clock as _, Timestamp},
};

use super::{capture::Capture, dice::Dice, gate::pause, world::World};

/// What a click costs, in millionths.
pub(super) const PRICE: i64 = 1_000_000;
/// How long a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a client sends a click at most.
const ATTEMPTS_MAX: u64 = 6;
/// A click that was first sent so long ago is not sent again: its repeat might be logged later than a day after it, and
/// would be a new click.
const AGAIN_MICROS_MAX: i64 = 12 * 3_600_000_000;
/// The lane of all clients.
const LANE: u64 = 8;

/// A click as its sender knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Click {
    pub(super) advertiser: &'static str,
    pub(super) ad: &'static str,
    pub(super) id: String,
    /// So that no rule about users or rates finds anything: what is repeated is found by its identity alone.
    pub(super) user: String,
    /// When it was first sent.
    pub(super) first: Timestamp,
}

impl Click {
    /// Whether it may be sent, for the first time or again.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.first.plus_micros(AGAIN_MICROS_MAX)
    }
}

/// Sends a click until it is acknowledged, or given up.
pub(super) async fn send(world: Arc<World>, capture: Arc<Capture>, click: Click, mut dice: Dice) {
    for _ in 0..dice.between(1, ATTEMPTS_MAX + 1) {
        pause(&world.journal, LANE, dice.between(1, 200)).await;
        if !click.is_fresh(world.now()) {
            return;
        }
        let Some(committer) = capture.committer() else { continue };
        let attempt = world.ledger.begin();
        let now = capture.clock.now();
        let answer = tokio::time::timeout(PATIENCE, committer.commit(batch(&click, attempt, now), (now, now))).await;
        let is_acknowledged = matches!(answer, Ok(Ok(_)));
        world.ledger.end(attempt, is_acknowledged);
        world.journal.note(&format!("client {} attempt {attempt}: {is_acknowledged}", click.id));
        if is_acknowledged {
            return;
        }
        pause(&world.journal, LANE, dice.between(10, 3_000)).await;
    }
}

pub(super) fn batch(click: &Click, attempt: usize, now: Timestamp) -> RecordBatch {
    let mut events = EventsBuilder::with_capacity(1);
    events.push(&Event {
        event_id: click.id.as_str().into(),
        kind: Kind::Click,
        event_time: now,
        captured_at: now,
        advertiser_id: click.advertiser.into(),
        campaign_id: "spring".into(),
        ad_id: click.ad.into(),
        publisher_id: None,
        placement_id: Some(attempt.to_string().into()),
        user_id: Some(click.user.as_str().into()),
        session_id: None,
        ip: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".into()),
        page_url: None,
        device_type: None,
        os: None,
        browser: None,
        country: None,
        city: None,
        price_micros: PRICE,
        currency: "EUR".into(),
        click_event_id: None,
        value_micros: None,
        extra: None,
    });
    events.finish()
}
