//! Questions at every point of sealing and rebuilding, and sealing and rebuilding at every point of a question:
//! whatever is asked, the totals are the same, and right.
//!
//! A step is one poll of a future that then waits: between any two things that a question or a role does with a
//! database, a log or the archive. The other side runs from its beginning to its end in between, so every interleaving
//! of one whole side with a part of the other is tried. If it cannot end because the paused side holds a lock, the
//! paused side goes on.

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use arrow::{
    array::AsArray as _,
    datatypes::{Decimal128Type, Int64Type},
};
use clicktrail_catalog::{Catalog, Snapshot, Sqlite};
use clicktrail_log::{
    archive::{Archive, manifest::File},
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame,
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    time::{Clock, Hour, ManualClock, Timestamp},
};
use clicktrail_projections::{
    counters::{self, query},
    session,
    zone::{Range, Zone},
};
use clicktrail_replay::{as_of::AsOf, rebuild::Rebuild, segment};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    judge::Judge,
    reader::VerdictReader,
    ruleset::Ruleset,
    verdict::{Category, Decision, Stage},
};
use uuid::Uuid;

use crate::{counting::Projector, judging::Judging, sealing::Archiver};

mod planning;
mod promoting;
mod rebuilding;

const HOUR: i64 = 3_600_000_000;
/// Hours of clicks. The last is not over.
const HOURS: i64 = 4;
/// Clicks of an hour, each in a frame of its own.
const CLICKS: i64 = 3;
/// Verdicts that counting is answered with at a time: as many as may be about one click.
const ABOUT_MAX: usize = 2;
/// A side that does not end while the other is paused waits for a lock of it.
const PATIENCE: Duration = Duration::from_millis(150);

/// Clicks and what they cost, in millionths.
type Totals = (i64, i64, i128);

/// An installation in a directory, opened once more by everybody who uses it.
struct World {
    clock: Arc<ManualClock>,
    clicks: Arc<dyn Log>,
    verdicts: Arc<dyn Log>,
    archive: Archive,
    catalog: Arc<dyn Catalog>,
    limits: session::Limits,
}

fn start() -> Timestamp {
    Hour::parse("2026-05-01T00").unwrap().start()
}

impl World {
    async fn open(directory: &Path) -> Self {
        let clock = Arc::new(ManualClock::new(start().plus_micros((HOURS - 1) * HOUR + HOUR / 2)));
        let open = async |stream: Stream| {
            let path = directory.join(format!("{stream}.sqlite"));
            Arc::new(EmbeddedLog::open(&path, stream, Arc::clone(&clock) as Arc<_>).await.unwrap()) as Arc<dyn Log>
        };
        let (clicks, verdicts) = (open(Stream::Clicks).await, open(Stream::Verdicts).await);
        let archive = Archive::directory(directory.join("archive")).unwrap();
        let catalog = Arc::new(Sqlite::open(&directory.join("catalog.sqlite")).await.unwrap());
        Self { clock, clicks, verdicts, archive, catalog, limits: session::Limits { threads: 1, ..Default::default() } }
    }

    fn history(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.verdicts), self.archive.clone())
    }

    /// Logs, judges and counts all clicks, and lets a person take one of each hour away.
    async fn fill(&self) {
        let mut writer = frame::Writer::new(Uuid::from_u128(1), 1);
        for hour in 0..HOURS {
            for click in 0..CLICKS {
                let at = start().plus_micros(hour * HOUR + click * HOUR / 8);
                self.clock.set(at);
                let mut events = EventsBuilder::with_capacity(1);
                events.push(&event(hour * CLICKS + click, at));
                self.clicks.append(&writer.seal(&events.finish(), (at, at)).unwrap()).await.unwrap();
            }
        }
        self.judge_and_count().await;
        let word = Attribution { actor: "anna".to_owned(), reason: "complaint".to_owned(), note: None };
        let ruling = (Decision::Invalid, Some(Category::Policy));
        for hour in 0..HOURS {
            let frame = Seq::new((hour * CLICKS + 1).unsigned_abs()).unwrap();
            let target = Position::new(Epoch::FIRST, frame, 0);
            let verdict = hand::verdict(target, "x".to_owned(), ruling, Stage::Manual, &word, self.clock.now());
            hand::append(Arc::clone(&self.verdicts), self.archive.clone(), &[verdict]).await.unwrap();
        }
    }

    async fn judge_and_count(&self) {
        let rules = Arc::new(Ruleset::shipped());
        let (clicks, verdicts) = (Arc::clone(&self.clicks), Arc::clone(&self.verdicts));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let judge = Judge::new(Arc::clone(&clicks), verdicts, self.archive.clone(), rules, clock);
        let mut judging = Judging::new(judge, clicks, Arc::clone(&self.catalog));
        while judging.tick(Duration::ZERO).await.unwrap() {}
        let (clicks, catalog) = (Arc::clone(&self.clicks), Arc::clone(&self.catalog));
        let projector = Projector::new(clicks, self.archive.clone(), catalog, self.limits);
        // So few verdicts at a time that it reads in pieces what was judged before it began.
        let mut projector = projector.behind_judge(self.history().answering_at_most(ABOUT_MAX));
        while projector.tick(Duration::ZERO).await.unwrap() > 0 {}
    }

    async fn seal(&self) {
        let (clicks, catalog) = (Arc::clone(&self.clicks), Arc::clone(&self.catalog));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let archiver = Archiver::new(clicks, self.archive.clone(), catalog, clock, self.limits);
        let mut archiver = archiver.behind_judge(Arc::clone(&self.verdicts), self.history());
        while archiver.seal_next(self.clock.now()).await.unwrap().is_some() {}
    }

    async fn rebuild(&self) {
        let rebuilt = self.live_rebuild().run(self.clock.as_ref(), "ann", |_, _| {}).await.unwrap();
        assert_eq!((rebuilt.unjudged, rebuilt.open_uncounted), (0, None));
    }

    async fn snapshot(&self) -> Snapshot {
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        self.catalog.snapshot(counters::NAME, first, last).await.unwrap()
    }

    /// What counts.
    async fn plain(&self) -> Totals {
        let snapshot = self.snapshot().await;
        assert_eq!(snapshot.marks.holes, []);
        let files = snapshot.segments.iter().map(segment::file).collect();
        let decoded = snapshot.partials.iter().map(|partial| counters::hot::decode(&partial.payload).unwrap());
        self.totals(files, decoded.flatten().collect()).await
    }

    /// The same with every verdict up to the last that stood before the test began.
    async fn as_of(&self) -> Totals {
        let as_of = AsOf {
            clicks: Arc::clone(&self.clicks),
            archive: self.archive.clone(),
            catalog: Arc::clone(&self.catalog),
            history: self.history(),
            limits: self.limits,
        };
        let sources = as_of.sources(self.history().end().await.unwrap(), None).await.unwrap();
        self.totals(sources.segments.iter().map(segment::file).collect(), sources.rows).await
    }

    async fn totals(&self, segments: Vec<File>, partials: Vec<arrow::array::RecordBatch>) -> Totals {
        let segments = segments.into_iter().filter(|file| file.bytes > 0).collect();
        let question = query::Question {
            range: Range::everything(),
            advertiser: None,
            dimensions: vec![],
            granularity: query::Granularity::Total,
            zone: Zone::utc(),
        };
        let sources = query::Sources { archive: self.archive.clone(), segments, partials };
        let rows = query::ask(&question, sources, self.limits).await.unwrap();
        let int = |name: &str| -> i64 {
            let column = |batch: &arrow::array::RecordBatch| {
                batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().iter().sum::<i64>()
            };
            rows.iter().map(column).sum()
        };
        let spend = |batch: &arrow::array::RecordBatch| {
            batch.column_by_name("spend_micros").unwrap().as_primitive::<Decimal128Type>().values().iter().sum::<i128>()
        };
        (int("clicks"), int("billable_clicks"), rows.iter().map(spend).sum())
    }
}

fn event(number: i64, at: Timestamp) -> Event<'static> {
    Event {
        event_id: format!("click-{number}").into(),
        kind: Kind::Click,
        event_time: at,
        captured_at: at,
        advertiser_id: "acme".into(),
        campaign_id: "spring".into(),
        ad_id: format!("ad-{number}").into(),
        publisher_id: None,
        placement_id: None,
        user_id: Some(format!("user-{number}").into()),
        session_id: None,
        ip: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".into()),
        page_url: None,
        device_type: None,
        os: None,
        browser: None,
        country: None,
        city: None,
        price_micros: 1_000_000,
        currency: "EUR".into(),
        click_event_id: None,
        value_micros: None,
        extra: None,
    }
}

/// A directory in which everything is counted live and nothing is sealed, copied for each trial.
struct Prepared {
    directory: tempfile::TempDir,
}

impl Prepared {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let world = World::open(directory.path()).await;
        world.fill().await;
        assert_eq!(world.plain().await, PLAIN);
        drop(world);
        // SQLite closes its files some time after the drop, if at all: they must not change while they are copied.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Self { directory }
    }

    fn copy(&self) -> tempfile::TempDir {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let path: PathBuf = entry.unwrap().path();
                let target = to.join(path.file_name().unwrap());
                match path.is_dir() {
                    true => copy(&path, &target),
                    // What lies beside an open file goes when it is closed.
                    false => assert!(fs::copy(&path, &target).is_ok() || !path.exists(), "copy {}", path.display()),
                }
            }
        }
        let copied = tempfile::tempdir().unwrap();
        copy(self.directory.path(), copied.path());
        copied
    }
}

const ALL: i64 = HOURS * CLICKS;
const PLAIN: Totals = (ALL, ALL, ALL as i128 * 1_000_000);
/// A person took one click of each hour away.
const AS_OF: Totals = (ALL, ALL - HOURS, (ALL - HOURS) as i128 * 1_000_000);

/// Polls once. Whatever it waits for then has time to come.
async fn poll_once<T>(future: &mut Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    match polled {
        Poll::Ready(value) => Some(value),
        Poll::Pending => {
            tokio::time::sleep(Duration::from_millis(1)).await;
            None
        }
    }
}

/// Runs `paused` for so many steps, then `whole` to its end, then the rest; whether `paused` had so many steps.
async fn interleave<P, W>(
    paused: impl Future<Output = P>,
    steps: usize,
    whole: impl Future<Output = W>,
) -> (P, W, bool) {
    let (mut paused, mut whole) = (pin!(paused), pin!(whole));
    for _ in 0..steps {
        if let Some(ended) = poll_once(&mut paused).await {
            return (ended, whole.await, false);
        }
    }
    let (mut ended, mut done) = (None, None);
    while done.is_none() {
        done = tokio::time::timeout(PATIENCE, whole.as_mut()).await.ok();
        if done.is_none() && ended.is_none() {
            ended = poll_once(&mut paused).await;
        }
    }
    let ended = match ended {
        Some(ended) => ended,
        None => paused.await,
    };
    (ended, done.unwrap(), true)
}

/// What happens while a question is asked.
#[derive(Debug, Clone, Copy)]
enum Change {
    Seal,
    SealThenRebuild,
    RebuildThenSeal,
}

impl Change {
    async fn make(self, world: &World) {
        match self {
            Self::Seal => world.seal().await,
            Self::SealThenRebuild => {
                world.seal().await;
                world.rebuild().await;
            }
            Self::RebuildThenSeal => {
                world.rebuild().await;
                world.seal().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_or_rebuilt_while_a_question_is_asked_changes_no_total() {
    let prepared = Prepared::new().await;
    for change in [Change::Seal, Change::SealThenRebuild, Change::RebuildThenSeal] {
        let mut steps = 0;
        loop {
            let directory = prepared.copy();
            let (asker, other) = (World::open(directory.path()).await, World::open(directory.path()).await);
            let (total, (), paused) = Box::pin(interleave(asker.as_of(), steps, change.make(&other))).await;
            assert_eq!(total, AS_OF, "as of the last verdict, {change:?} after {steps} steps");
            if matches!(change, Change::Seal) {
                let (total, (), _) = Box::pin(interleave(asker.plain(), steps, other.rebuild())).await;
                assert_eq!(total, PLAIN, "plain, rebuilt after {steps} steps");
            }
            assert_eq!(asker.plain().await, PLAIN, "after {change:?}");
            if !paused {
                break;
            }
            steps += 1;
        }
        assert!(steps > 5, "a question has {steps} steps: nothing was interleaved");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn question_at_any_point_of_sealing_and_rebuilding_finds_the_same_totals() {
    let prepared = Prepared::new().await;
    let directory = prepared.copy();
    let (asker, other) = (World::open(directory.path()).await, World::open(directory.path()).await);
    let mut changes = pin!(Change::SealThenRebuild.make(&other));
    let mut seen: BTreeMap<(usize, usize, i64), usize> = BTreeMap::new();
    loop {
        let ended = poll_once(&mut changes).await.is_some();
        let snapshot = asker.snapshot().await;
        let state = (snapshot.segments.len(), snapshot.partials.len(), snapshot.marks.making.get());
        let looks = seen.entry(state).or_default();
        *looks += 1;
        // What was asked in the same state often enough is not asked again and again.
        if *looks <= 3 {
            assert_eq!(asker.plain().await, PLAIN, "{state:?}");
            let question = tokio::time::timeout(PATIENCE, asker.as_of());
            if let Ok(total) = question.await {
                assert_eq!(total, AS_OF, "{state:?}");
            }
        }
        if ended {
            break;
        }
    }
    let states: Vec<_> = seen.keys().map(|(segments, _, making)| (*segments, *making)).collect();
    assert_eq!(states, [(0, 1), (1, 1), (2, 1), (3, 1), (3, 2)], "{seen:?}");
}
