//! What was counted live equals what is projected from the sealed hour (invariant I8), hour for hour, over a month of
//! simulated time: quiet hours, a log whose clock runs back, late events, two writers, judges and projectors that die.
//! And what was judged meanwhile is what one pass over the whole log finds (I5).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clicktrail_catalog::{Catalog, Outcome, Sqlite};
use clicktrail_live::{counting::Projector, judging::Judging, sealing::Archiver};
use clicktrail_log::{
    archive::{Archive, seal},
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame::Writer,
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    time::{Clock, Hour, ManualClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_verdicts::{
    judge::Judge,
    reader::VerdictReader,
    ruleset::Ruleset,
    verdict::{Category, Evidence},
};
use uuid::Uuid;

use crate::{
    installation::Installation,
    recount::{Recount, sum},
};

const HOURS: i64 = 30 * 24;
const SECOND: i64 = 1_000_000;

/// Log, archive and catalog where the command expects them, under a clock of the test's own.
struct World {
    clock: Arc<ManualClock>,
    log: Arc<dyn Log>,
    verdicts: Arc<dyn Log>,
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    writers: [Writer; 2],
    /// Events made so far: makes ids, and varies everything else.
    made: i64,
    /// Clicks by day of their event time.
    clicks: BTreeMap<String, i64>,
}

impl World {
    async fn new(installation: &Installation, now: Timestamp) -> Self {
        let data = installation.data();
        std::fs::create_dir_all(&data).unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let path = data.join("clicks.sqlite");
        let log = EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let path = data.join("verdicts.sqlite");
        let verdicts = EmbeddedLog::open(&path, Stream::Verdicts, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        Self {
            log: Arc::new(log),
            verdicts: Arc::new(verdicts),
            clock,
            archive: Archive::directory(data.join("archive")).unwrap(),
            catalog: Arc::new(Sqlite::open(&data.join("catalog.sqlite")).await.unwrap()),
            writers: [1, 2].map(|id| Writer::new(Uuid::from_u128(id), 1)),
            made: 0,
            clicks: BTreeMap::new(),
        }
    }

    fn projector(&self) -> Projector {
        let (log, catalog) = (Arc::clone(&self.log), Arc::clone(&self.catalog));
        Projector::new(log, self.archive.clone(), catalog, session::Limits::default()).behind_judge(self.history())
    }

    fn history(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.verdicts), self.archive.clone())
    }

    fn judging(&self) -> Judging {
        let (log, verdicts) = (Arc::clone(&self.log), Arc::clone(&self.verdicts));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let judge = Judge::new(Arc::clone(&log), verdicts, self.archive.clone(), Arc::new(Ruleset::shipped()), clock);
        Judging::new(judge, log, Arc::clone(&self.catalog))
    }

    fn archiver(&self) -> Archiver {
        let (log, catalog) = (Arc::clone(&self.log), Arc::clone(&self.catalog));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let archiver = Archiver::new(log, self.archive.clone(), catalog, clock, session::Limits::default());
        archiver.behind_judge(Arc::clone(&self.verdicts), self.history())
    }

    /// Logs one frame at `now` by the log's clock; every seventh event is late by most of a day.
    async fn append(&mut self, now: Timestamp, rows: i64) {
        let mut events = EventsBuilder::with_capacity(4);
        for _ in 0..rows {
            self.made += 1;
            let late = if self.made % 7 == 0 { 20 * 3_600 * SECOND } else { self.made % 90 * SECOND };
            let event = event(self.made, now.plus_micros(-late), now);
            if event.kind == Kind::Click {
                *self.clicks.entry(event.event_time.hour().date_and_hour().0).or_default() += 1;
            }
            events.push(&event);
        }
        self.clock.set(now);
        let writer = &mut self.writers[usize::from(self.made % 2 == 0)];
        let frame = writer.seal(&events.finish(), (now, now)).unwrap();
        self.log.append(&frame).await.unwrap();
    }

    /// Seals what is over at `now`: every hour must equal its hot partials.
    async fn seal(&self, archiver: &mut Archiver, now: Timestamp) -> Vec<Hour> {
        self.clock.set(now);
        let mut hours = Vec::new();
        while let Some(sealed) = archiver.seal_next(now).await.unwrap() {
            assert_eq!(sealed.reconciliation.outcome, Outcome::Equal, "{:?}", sealed.reconciliation);
            hours.push(sealed.manifest.hour());
        }
        while archiver.seal_next_verdicts(now).await.unwrap() {}
        hours
    }
}

fn event(number: i64, event_time: Timestamp, now: Timestamp) -> Event<'static> {
    let kind = [Kind::Click, Kind::Impression, Kind::Conversion, Kind::Click, Kind::Probe]
        [usize::try_from(number % 5).unwrap()];
    Event {
        event_id: format!("event-{number}").into(),
        kind,
        event_time,
        captured_at: now,
        advertiser_id: format!("advertiser-{}", number % 3).into(),
        campaign_id: format!("campaign-{}", number % 11).into(),
        ad_id: format!("ad-{}", number % 13).into(),
        publisher_id: (number % 4 != 0).then(|| "publisher".into()),
        placement_id: None,
        user_id: None,
        session_id: None,
        ip: Some("192.0.2.1".into()),
        user_agent: None,
        page_url: None,
        device_type: (number % 2 == 0).then(|| "mobile".into()),
        os: None,
        browser: None,
        country: (number % 3 == 0).then(|| "DE".into()),
        city: None,
        price_micros: 10_000 + number % 17,
        currency: if number % 2 == 0 { "EUR".into() } else { "USD".into() },
        click_event_id: None,
        value_micros: (kind == Kind::Conversion).then_some(5_000_000 + number),
        extra: None,
    }
}

/// Past the end of an hour by what sealing waits for stragglers.
fn after(hour: Hour) -> Timestamp {
    hour.end_exclusive().plus_micros(i64::try_from(seal::GRACE.as_micros()).unwrap())
}

async fn count_all(judging: &mut Judging, projector: &mut Projector) {
    while judging.tick(Duration::ZERO).await.unwrap() {}
    while projector.tick(Duration::ZERO).await.unwrap() > 0 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hour_of_a_month_equals_what_was_counted_live() {
    let installation = Installation::embedded();
    let first = Hour::parse("2026-01-01T00").unwrap();
    let mut world = World::new(&installation, first.start()).await;
    let (mut judging, mut projector, mut archiver) = (world.judging(), world.projector(), world.archiver());
    let mut sealed = Vec::new();
    for hour in (0..HOURS).map(|number| Hour::from_i64(first.as_i64() + number)) {
        let number = hour.as_i64() - first.as_i64();
        // Nobody is awake at three and four; the whole eleventh day is quiet.
        let frames = if [3, 4].contains(&(number % 24)) || number / 24 == 10 { 0 } else { 3 + number % 4 };
        for frame in 0..frames {
            // The log's clock runs back in the middle of the hour, by up to two minutes.
            let back = if frame % 2 == 1 { number % 120 * SECOND } else { 0 };
            let now = hour.start().plus_micros((600 * (frame + 1) - 120) * SECOND - back);
            world.append(now, 1 + (number + frame) % 4).await;
            if frame == number % 3 {
                judging.tick(Duration::ZERO).await.unwrap();
                projector.tick(Duration::ZERO).await.unwrap();
            }
            if number % 29 == 0 {
                // The projector dies and another goes on.
                projector = world.projector();
            }
            if number % 23 == 0 {
                // The judge dies too, in another hour.
                judging = world.judging();
            }
        }
        if number % 5 == 0 && frames > 0 {
            // The next hour's first frame has come, and then one that the clock puts into this hour again.
            world.append(hour.end_exclusive().plus_micros(SECOND), 2).await;
            world.append(hour.end_exclusive().plus_micros(-SECOND), 2).await;
        }
        count_all(&mut judging, &mut projector).await;
        sealed.extend(world.seal(&mut archiver, after(hour)).await);
        if number % 31 == 0 {
            archiver = world.archiver();
        }
    }
    count_all(&mut judging, &mut projector).await;
    sealed.extend(world.seal(&mut archiver, after(Hour::from_i64(first.as_i64() + HOURS))).await);
    assert!(sealed.windows(2).all(|pair| pair[0].next() == pair[1]), "the chain of hours has a hole");
    assert!(i64::try_from(sealed.len()).unwrap() >= HOURS, "only {} hours were sealed", sealed.len());
    check_answers(&installation, &world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_twenty_hours_later_names_its_original_whether_or_not_its_hours_are_sealed() {
    let installation = Installation::embedded();
    let first = Hour::parse("2026-01-01T00").unwrap();
    let mut world = World::new(&installation, first.start()).await;
    let (mut judging, mut projector, mut archiver) = (world.judging(), world.projector(), world.archiver());
    let then = first.start().plus_micros(600 * SECOND);
    world.append(then, 5).await;
    count_all(&mut judging, &mut projector).await;
    // The client sends its first click again, as it was.
    let now = then.plus_micros(20 * 3_600 * SECOND);
    let mut events = EventsBuilder::with_capacity(1);
    events.push(&event(3, then.plus_micros(-3 * SECOND), now));
    world.clock.set(now);
    let frame = world.writers[0].seal(&events.finish(), (now, now)).unwrap();
    let retry = Position::new(Epoch::FIRST, world.log.append(&frame).await.unwrap().seq, 0);
    // No hour is sealed, so the judge reads the log.
    count_all(&mut judging, &mut projector).await;
    let history = world.history();
    let ruled = history.about(retry..retry.plus_rows(1), history.end().await.unwrap()).await.unwrap();
    let reason = &ruled[0].verdict.reasons[0];
    let original = Position::new(Epoch::FIRST, Seq::FIRST, 2);
    assert_eq!((ruled.len(), ruled[0].verdict.category), (1, Some(Category::Duplicate)));
    assert_eq!(reason.rule, "duplicate");
    assert!(reason.evidence.iter().any(|(_, evidence)| *evidence == Evidence::Position(original)), "{reason:?}");
    // Judging the hour again, from the archive alone, finds the same.
    assert_eq!(world.seal(&mut archiver, now).await.len(), 20);
    world.seal(&mut archiver, after(now.hour())).await;
    let again = installation.ask(&["verdicts", "judge"]);
    assert_eq!((&again["changes"], &again["events"]), (&serde_json::json!(0), &serde_json::json!(6)), "{again}");
}

/// The command's answers, the log, and what the test itself has counted agree.
async fn check_answers(installation: &Installation, world: &World) {
    let recount = Recount::of(world.log.as_ref()).await;
    assert_eq!((recount.kinds.values().sum::<i64>(), recount.alarms.len()), (world.made, 0));
    recount.check_verdicts(installation).await;
    recount.check_counters(installation);
    let days = installation.ask(&["counters", "--by", "currency", "--granularity", "day"]);
    let mut clicks: BTreeMap<String, i64> = BTreeMap::new();
    for row in days.as_array().unwrap() {
        let day = row["bucket"].as_str().unwrap().split_once('T').unwrap().0;
        *clicks.entry(day.to_owned()).or_default() += row["clicks"].as_i64().unwrap();
    }
    clicks.retain(|_, count| *count > 0);
    assert_eq!(clicks, world.clicks, "clicks by the day of their event time, late ones included");
    let hours = installation.ask(&["log", "hours"]);
    assert_eq!(sum(&hours, "rows"), world.made);
    installation.run(&["log", "verify", "--deep"]).exits(0);
    let reconciliations = installation.ask(&["catalog", "reconciliations"]);
    let equal = reconciliations.as_array().unwrap().iter().filter(|row| row["outcome"] == "equal").count();
    assert_eq!(equal, hours.as_array().unwrap().len());
}
