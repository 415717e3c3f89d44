//! What counts once a generation was promoted: to questions, to verification, and after the catalog was lost.

use clicktrail_catalog::{
    SealedHour, Segment,
    generations::{ControlTotals, Generation, GenerationId, GenerationState, NewUnit, UnitOutput},
};
use clicktrail_log::{
    archive::{clicks::Clicks, keys::ReceiptKey},
    frame::Digest,
};
use clicktrail_replay::{
    Error, promotions,
    receipt::{self, Receipt},
    recount::{Finding, Part, Recount},
    rulings::HourRulings,
    stale,
};

use super::{rebuilding::lose_catalog, *};

/// Hours that are sealed; the last is not over.
const SEALED: i64 = HOURS - 1;
/// What counts once the sealed hours know that a person took one click of each away.
const PROMOTED: Totals = (ALL, ALL - SEALED, (ALL - SEALED) as i128 * 1_000_000);

impl World {
    /// A generation of the hours from the first to the last of a pair.
    fn generation(&self, number: u8, code_digest: &str, hours: (Hour, Hour), before: Position) -> Generation {
        let now = self.clock.now();
        Generation {
            id: GenerationId::parse(&format!("{number:016x}")).unwrap(),
            projection: counters::NAME.to_owned(),
            code_digest: code_digest.to_owned(),
            sql: String::new(),
            from: hours.0,
            to_inclusive: hours.1,
            clicks_before: None,
            verdicts_before: before,
            plan: format!("plan {number}"),
            state: GenerationState::Building,
            created_at: now,
            created_by: "ann".to_owned(),
            changed_at: now,
        }
    }

    /// An hour, planned on what it counts from now.
    async fn unit(&self, hour: &SealedHour) -> NewUnit {
        let base = self.catalog.live_pointers(counters::NAME, hour.hour, hour.hour).await.unwrap().pop();
        let manifest_digest = hour.manifest_digest.clone();
        NewUnit { hour: hour.hour, manifest_digest, rows: hour.rows, bytes: hour.bytes, base }
    }

    /// Builds the sealed hours with all verdicts that stand now, as a generation of its own.
    pub(super) async fn build(&self, number: u8) -> GenerationId {
        let before = self.history().end().await.unwrap();
        let hours = self.catalog.list_hours(Hour::from_i64(i64::MIN / 2), 100).await.unwrap();
        let range = (hours[0].hour, hours[hours.len() - 1].hour);
        let generation = self.generation(number, &counters::code_digest().to_string(), range, before);
        let mut units = Vec::new();
        for hour in &hours {
            units.push(self.unit(hour).await);
        }
        self.catalog.put_generation(&generation, &units).await.unwrap();
        for hour in &hours {
            let manifest = self.archive.manifest::<Clicks>(hour.hour).await.unwrap().unwrap();
            let rulings = HourRulings::as_of(&self.history(), &manifest, before).await.unwrap();
            let segment = segment::reuse_or_build(
                &self.archive,
                &clicktrail_projections::Projection::counters(),
                &manifest,
                &rulings,
                self.limits,
            )
            .await
            .unwrap();
            let totals = ControlTotals { events: hour.rows, billable: 0, micros: 0 };
            let output = UnitOutput { segment, read: totals, written: totals, is_reused: false };
            self.catalog.finish_unit(&generation.id, hour.hour, &output, self.clock.now()).await.unwrap();
        }
        generation.id
    }

    pub(super) async fn promote(&self, id: &GenerationId) {
        self.catalog.promote(id, "ann", "what people ruled", self.clock.now()).await.unwrap();
    }

    pub(super) async fn roll_back(&self, id: &GenerationId) {
        self.catalog.roll_back(id, "ann", "", self.clock.now()).await.unwrap();
    }

    pub(super) async fn keep(&self) -> u64 {
        promotions::keep(&self.archive, self.catalog.as_ref()).await.unwrap()
    }

    pub(super) async fn stale_hours(&self) -> usize {
        stale::follow(&self.history(), self.catalog.as_ref()).await.unwrap();
        self.snapshot().await.stale.len()
    }

    async fn findings(&self) -> Vec<Finding> {
        let recount = Recount {
            clicks: Arc::clone(&self.clicks),
            archive: self.archive.clone(),
            history: self.history(),
            catalog: Arc::clone(&self.catalog),
            limits: self.limits,
        };
        let recounted = recount.run(|_, _| {}).await.unwrap();
        assert_eq!((recounted.hours, recounted.open_uncounted), (SEALED.unsigned_abs(), None));
        recounted.findings
    }

    /// A person takes another click of the first hour away.
    pub(super) async fn rule_again(&self) {
        let word = Attribution { actor: "anna".to_owned(), reason: "complaint".to_owned(), note: None };
        let target = Position::new(Epoch::FIRST, Seq::new(2).unwrap(), 0);
        let ruling = (Decision::Invalid, Some(Category::Policy));
        let verdict = hand::verdict(target, "y".to_owned(), ruling, Stage::Manual, &word, self.clock.now());
        hand::append(Arc::clone(&self.verdicts), self.archive.clone(), &[verdict]).await.unwrap();
    }

    async fn totals_as_of(&self, before: Position) -> (Totals, u64) {
        let as_of = AsOf {
            clicks: Arc::clone(&self.clicks),
            archive: self.archive.clone(),
            catalog: Arc::clone(&self.catalog),
            history: self.history(),
            limits: self.limits,
        };
        let sources = as_of.sources(before, None).await.unwrap();
        let files = sources.segments.iter().map(segment::file).collect();
        (self.totals(files, sources.rows).await, sources.projected)
    }
}

/// Everything sealed, in a directory of its own.
pub(super) async fn sealed() -> (tempfile::TempDir, World) {
    let directory = Prepared::new().await.copy();
    let world = World::open(directory.path()).await;
    world.seal().await;
    (directory, world)
}

/// The catalog is gone, and made again from archive and logs.
async fn lost_and_rebuilt(directory: &Path, world: World) -> World {
    let now = world.clock.now();
    drop(world);
    lose_catalog(directory);
    let world = World::open(directory).await;
    world.clock.set(now);
    world.rebuild().await;
    // What no verdict proves to be judged is judged again.
    world.judge_and_count().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rulings_count_once_they_are_promoted_and_no_longer_once_rolled_back() {
    let (_directory, world) = sealed().await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PLAIN, 3));
    let id = world.build(1).await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PLAIN, 3), "what is built counts for nothing");
    world.promote(&id).await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PROMOTED, 0));
    assert_eq!(world.findings().await, [], "an hour is verified with the verdicts that it knows");
    world.rule_again().await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PROMOTED, 1));
    assert_eq!(world.findings().await, []);
    world.roll_back(&id).await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PLAIN, 3));
    assert_eq!(world.findings().await, []);
}

/// Somebody promoted what another version of the code made, which does not heed what people rule.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segment_of_other_code_is_named_as_such_and_differs_nowhere_else() {
    let (_directory, world) = sealed().await;
    let hour = world.catalog.list_hours(Hour::from_i64(i64::MIN / 2), 1).await.unwrap().remove(0);
    let manifest = world.archive.manifest::<Clicks>(hour.hour).await.unwrap().unwrap();
    let before = world.history().end().await.unwrap();
    let rulings = HourRulings::as_of(&world.history(), &manifest, before).await.unwrap();
    let (input, code) = (segment::input_digest(&manifest, &rulings), Digest::of(b"other code"));
    let sealed = world.catalog.sealed_segment(counters::NAME, hour.hour).await.unwrap().unwrap();
    let made = Segment { input_digest: input.to_string(), code_digest: code.to_string(), ..sealed };
    let receipt = Receipt {
        version: receipt::VERSION,
        projection: made.projection.clone(),
        hour: hour.hour.to_string(),
        input_digest: made.input_digest.clone(),
        code_digest: made.code_digest.clone(),
        output_digest: made.output_digest.clone(),
        key: made.key.clone(),
        bytes: made.bytes,
        rows: made.rows,
    };
    let path = ReceiptKey::new(counters::NAME, hour.hour, &input, &code).path();
    world.archive.create(&path, receipt.to_bytes().into()).await.unwrap();
    let generation = world.generation(1, &code.to_string(), (hour.hour, hour.hour), before);
    world.catalog.put_generation(&generation, &[world.unit(&hour).await]).await.unwrap();
    let totals = ControlTotals::default();
    let output = UnitOutput { segment: made, read: totals, written: totals, is_reused: false };
    world.catalog.finish_unit(&generation.id, hour.hour, &output, world.clock.now()).await.unwrap();
    world.promote(&generation.id).await;
    let found = world.findings().await;
    let [Finding::OtherCode { part: Part::Hour(part), code_digest, values }] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((*part, code_digest.as_str()), (hour.hour, code.to_string().as_str()));
    assert!(*values > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn question_as_of_any_verdict_has_one_answer_whatever_is_promoted() {
    let (_directory, world) = sealed().await;
    let first = Position::new(Epoch::FIRST, Seq::FIRST, 0);
    let end = world.history().end().await.unwrap();
    // Each of the verdicts stands in a frame of its own.
    let mut moments: Vec<Position> = (first.seq().get()..=end.seq().get())
        .map(|seq| Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 0))
        .collect();
    let mut before = Vec::new();
    for moment in &moments {
        before.push(world.totals_as_of(*moment).await.0);
    }
    assert_eq!((before[0], before.last().copied()), (PLAIN, Some(AS_OF)));
    let id = world.build(1).await;
    world.promote(&id).await;
    assert_eq!(world.totals_as_of(end).await, (AS_OF, 0), "the promoted segments answer it");
    world.rule_again().await;
    moments.push(world.history().end().await.unwrap());
    before.push((ALL, AS_OF.1 - 1, AS_OF.2 - 1_000_000));
    let second = world.build(2).await;
    for state in ["the first is promoted", "the second is promoted", "the second is rolled back", "both are"] {
        for (moment, expected) in moments.iter().zip(&before) {
            assert_eq!(world.totals_as_of(*moment).await.0, *expected, "as of {moment}, {state}");
        }
        match state {
            "the first is promoted" => world.promote(&second).await,
            "the second is promoted" => world.roll_back(&second).await,
            _ if world.catalog.generation(&id).await.unwrap().unwrap().state == GenerationState::Promoted => {
                world.roll_back(&id).await;
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn catalog_that_was_lost_counts_again_what_was_promoted() {
    let (directory, world) = sealed().await;
    let first = world.build(1).await;
    world.promote(&first).await;
    assert_eq!((world.keep().await, world.keep().await), (1, 0));
    let world = lost_and_rebuilt(directory.path(), world).await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PROMOTED, 0));
    assert_eq!(world.findings().await, []);
    // A second one, promoted by a process that died before it could keep the record: the next one does.
    world.rule_again().await;
    let second = world.build(2).await;
    world.promote(&second).await;
    let both = world.plain().await;
    assert_eq!(both, (ALL, PROMOTED.1 - 1, PROMOTED.2 - 1_000_000));
    assert_eq!(world.keep().await, 1);
    let world = lost_and_rebuilt(directory.path(), world).await;
    assert_eq!(world.plain().await, both);
    // Rolled back to the first, and lost; rolled back to what was sealed, and lost; forward again, and lost.
    let mut world = world;
    for (expected, id) in [(PROMOTED, &second), (PLAIN, &first)] {
        world.roll_back(id).await;
        assert_eq!((world.plain().await, world.keep().await), (expected, 1));
        world = lost_and_rebuilt(directory.path(), world).await;
        assert_eq!(world.plain().await, expected);
        assert_eq!(world.findings().await, []);
    }
    world.promote(&first).await;
    world.keep().await;
    let world = lost_and_rebuilt(directory.path(), world).await;
    assert_eq!(world.plain().await, PROMOTED);
    let numbers: Vec<_> = world.catalog.promotions(0, 99).await.unwrap().iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuild_of_a_catalog_that_is_there_leaves_what_was_promoted() {
    let (directory, world) = sealed().await;
    let id = world.build(1).await;
    world.promote(&id).await;
    world.rebuild().await;
    assert_eq!((world.plain().await, world.stale_hours().await), (PROMOTED, 0));
    assert_eq!(world.keep().await, 0, "a rebuild keeps what is missing");
    // A record that is damaged, another, or lost is named, and nothing is made of the rest.
    let record = directory.path().join("archive/promotions/counters/00000001.json");
    let sound = fs::read(&record).unwrap();
    let refused = async |world: &World| {
        let refused = world.live_rebuild().run(world.clock.as_ref(), "ann", |_, _| {}).await.unwrap_err();
        clicktrail_log::causes::causes(&refused)
    };
    let mut damaged = sound.clone();
    damaged[200] ^= 1;
    fs::write(&record, &damaged).unwrap();
    let why = refused(&world).await;
    assert!(why.contains("promotions/counters/00000001.json"), "{why}");
    fs::remove_file(&record).unwrap();
    let later = record.with_file_name("00000002.json");
    fs::write(&later, &sound).unwrap();
    let why = refused(&world).await;
    assert!(why.contains("00000002.json") && why.contains("is promotion 1"), "{why}");
    fs::remove_file(&later).unwrap();
    // A segment that is gone: its hour is not counted from anything else instead.
    let live = world.snapshot().await.segments.remove(1);
    fs::remove_file(directory.path().join("archive").join(&live.key)).unwrap();
    let error = world.live_rebuild().run(world.clock.as_ref(), "ann", |_, _| {}).await.unwrap_err();
    let Error::Incomplete(why) = &error else { panic!("{error:?}") };
    assert!(why.contains(&live.key) && why.contains(&live.hour.to_string()), "{why}");
}

/// Somebody restored the catalog of yesterday.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_copy_of_the_catalog_is_found_before_it_promotes() {
    let (directory, world) = sealed().await;
    let first = world.build(1).await;
    let now = world.clock.now();
    drop(world);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let copy: Vec<(PathBuf, Vec<u8>)> = ["catalog.sqlite", "catalog.sqlite-wal"]
        .iter()
        .filter_map(|name| fs::read(directory.path().join(name)).ok().map(|bytes| (directory.path().join(name), bytes)))
        .collect();
    let world = World::open(directory.path()).await;
    world.clock.set(now);
    world.promote(&first).await;
    assert_eq!(world.keep().await, 1);
    drop(world);
    tokio::time::sleep(Duration::from_millis(500)).await;
    lose_catalog(directory.path());
    for (path, bytes) in copy {
        fs::write(path, bytes).unwrap();
    }
    let world = World::open(directory.path()).await;
    world.clock.set(now);
    assert_eq!(world.plain().await, PLAIN, "yesterday's numbers");
    let refused = promotions::keep(&world.archive, world.catalog.as_ref()).await.unwrap_err().to_string();
    assert!(refused.contains("promotion 1") && refused.contains("catalog rebuild"), "{refused}");
    world.rebuild().await;
    assert_eq!((world.plain().await, world.keep().await), (PROMOTED, 0));
}
