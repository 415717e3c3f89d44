//! A whole data directory as version 1 of every stored format left it, which every later program must still open.
//!
//! `fixtures/data-1/data` is a small embedded installation: two sealed hours and one that is counted live, the shipped
//! rules' verdicts and a person's, ads, and a rejected event. `fixtures/data-1/expected` is what the commands print.
//!
//! `data-2` is the same as the version after it left it: manifests of version 2, shipped rules that decide alone, and
//! verdicts about impressions. `data-3` has manifests of version 3, with trees.
//!
//! A directory is never made again. Once a format or the shipped rules change, today's directory answers otherwise: it
//! then gets the next name, which `CLICKTRAIL_WRITE_FIXTURES=1` writes, and the others stay as they are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clicktrail_catalog::{Catalog, Sqlite};
use clicktrail_evidence::salt::HourKey;
use clicktrail_live::{
    backfill::{Backfill, Parts, Written},
    counting::Projector,
    judging::Judging,
    sealing::Archiver,
};
use clicktrail_log::{
    archive::Archive,
    embedded::EmbeddedLog,
    frame::Writer,
    log::{Log, Stream},
    position::Position,
    rejected::{Rejected, RejectedBuilder},
    time::{Clock, ManualClock, Timestamp},
};
use clicktrail_projections::session;
use clicktrail_simulate::{Config, Simulation};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    judge::Judge,
    reader::VerdictReader,
    ruleset::Ruleset,
    verdict::{Category, Decision, Stage},
};
use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use crate::{
    installation::Installation,
    real_log::tree,
    recount::{Recount, sum},
    server::Server,
};

const HOUR: i64 = 3_600_000_000;
const START: &str = "2026-01-01T10:00:00Z";
/// The rules that judged in version 1, as people see their digest.
/// A click of the first hour about which a person has the last word.
const RULED: &str = "1.1.4";

/// What is asked, and the file that holds the answer. The rebuild comes last, and what it makes counts the same.
const ASKED: [(&str, &[&str]); 14] = [
    ("counters.txt", &["counters", "--by", "advertiser,campaign", "--granularity", "hour"]),
    ("counters.json", &["counters", "--output", "json"]),
    ("counters-as-of.txt", &["counters", "--as-of", "latest"]),
    ("log-hours.txt", &["log", "hours"]),
    ("log-verify.txt", &["log", "verify", "--deep"]),
    ("verdicts-show.txt", &["verdicts", "show", RULED]),
    ("verdicts-stats.txt", &["verdicts", "stats"]),
    ("verdicts-stale.txt", &["verdicts", "stale"]),
    ("rejected-list.txt", &["rejected", "list"]),
    ("rejected-show.txt", &["rejected", "show", "1.1.0"]),
    ("ads-list.txt", &["ads", "list"]),
    ("reconciliations.txt", &["catalog", "reconciliations"]),
    ("rebuild.txt", &["catalog", "rebuild"]),
    ("counters.txt", &["counters", "--by", "advertiser,campaign", "--granularity", "hour"]),
];

/// What today's code makes.
const TODAY: &str = "data-3";
/// What earlier programs left.
const EARLIER: [&str; 2] = ["data-1", "data-2"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_directory_of_today_answers_like_one_that_was_stored() {
    let today = Installation::embedded();
    Box::pin(make(&today)).await;
    let impressions = today.ask(&["counters", "--tiers"]);
    assert_eq!(["gross", "judged"].map(|tier| sum(&impressions, &format!("impressions_{tier}"))), [261, 261]);
    let writes = env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some();
    if writes {
        let exists = fixture(TODAY, "data").exists();
        assert!(!exists, "{TODAY} is never written again: give today's directory the next name");
        copy(&today.data(), &fixture(TODAY, "data"));
    }
    check(&today, TODAY, writes);
    check(&stored(TODAY), TODAY, false);
}

#[test]
fn data_directories_of_earlier_versions_answer_as_ever() {
    EARLIER.into_iter().for_each(|version| check(&stored(version), version, false));
}

#[test]
fn hours_of_earlier_versions_are_verified_and_said_to_have_no_trees() {
    let said = "4 hours sealed by an earlier program, without trees: nothing of them can be proved";
    for version in EARLIER {
        let verified = stored(version).run(&["log", "verify", "--deep"]).exits(0);
        assert!(verified.stderr().contains(said), "{verified}");
    }
    let verified = stored(TODAY).run(&["log", "verify", "--deep"]).exits(0);
    assert!(!verified.stderr().contains("without trees"), "{verified}");
}

/// An installation as a version left it.
pub(crate) fn stored(version: &str) -> Installation {
    let stored = Installation::embedded();
    copy(&fixture(version, "data"), &stored.data());
    stored
}

/// The sums of these columns over an answer in tiers.
fn tiers<const N: usize>(installation: &Installation, more: &[&str], columns: [&str; N]) -> [i64; N] {
    let rows = installation.ask(&[&["counters", "--tiers"], more].concat());
    columns.map(|column| sum(&rows, column))
}

const IMPRESSIONS: [&str; 4] = ["impressions_gross", "impressions_net", "impressions_judged", "impressions_givt"];
const CONVERSIONS: [&str; 3] = ["conversions_gross", "conversions_net", "conversions_judged"];
const CLICKS: [&str; 4] = ["clicks_gross", "clicks_net", "clicks_total_net", "clicks_judged"];

/// Version 1 judged no impressions. An upgrade says so of what it has passed, judges what comes, and does not forget.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impressions_that_version_1_passed_are_in_gross_alone_and_the_answer_says_so() {
    let installation = stored("data-1");
    assert_eq!(tiers(&installation, &[], IMPRESSIONS), [261, 0, 0, 0]);
    assert_eq!(tiers(&installation, &[], CONVERSIONS), [1, 0, 0]);
    assert_eq!(tiers(&installation, &[], CLICKS), [38, 35, 35, 38], "clicks were judged");
    let rows = installation.ask(&["counters", "--tiers"]);
    assert_eq!(rows[0]["spend_gross_micros"], Value::Null, "version 1 did not add up what was not billed");
    assert_eq!(sum(&rows, "spend_total_net_micros"), 21_450_000);
    let said = installation.run(&["counters", "--tiers"]).exits(0);
    assert!(said.stderr().contains("impressions and conversions: not all were judged"), "{said}");

    // Judging the sealed hours again covers them, for answers that count its verdicts.
    installation.run(&["verdicts", "judge"]).exits(0);
    assert_eq!(tiers(&installation, &[], IMPRESSIONS)[..3], [261, 0, 0], "the bill stays");
    assert_eq!(tiers(&installation, &["--as-of", "latest"], IMPRESSIONS)[..3], [261, 171, 171]);

    // Nor does a catalog that is made anew take what nobody judged for valid.
    installation.run(&["catalog", "rebuild"]).exits(0);
    assert_eq!(tiers(&installation, &[], IMPRESSIONS), [261, 0, 0, 0]);
    assert_eq!(tiers(&installation, &["--as-of", "latest"], IMPRESSIONS)[..3], [261, 171, 171]);
    let rows = installation.ask(&["counters", "--tiers"]);
    let spend = ["spend_gross_micros", "spend_total_net_micros"].map(|column| sum(&rows, column));
    assert!(spend[0] > spend[1], "today's code adds up what was not billed: {spend:?}");

    // A server of today judges what comes from now on. What it did not judge stays so.
    let server = Server::start(&installation);
    let ads = installation.ask(&["ads", "list"]);
    let pixel = format!("{}/i.gif?ad={}", server.url(), ads[0]["ad_id"].as_str().unwrap());
    let seen = reqwest::Client::new().get(pixel).header("user-agent", "Firefox/143.0").send().await.unwrap();
    assert!(seen.status().is_success());
    let begin = std::time::Instant::now();
    while tiers(&installation, &[], IMPRESSIONS)[0] < 262 && begin.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The hour that was open is sealed as it is counted: the projector may find it gone.
    server.stop(&["counting is tried again"]);
    assert_eq!(tiers(&installation, &[], IMPRESSIONS), [262, 1, 1, 0]);
    assert_eq!(tiers(&installation, &[], CLICKS), [38, 35, 35, 38]);
}

fn fixture(version: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version).join(name)
}

/// Copies the files of a folder, but not what SQLite keeps beside an open file: nothing may depend on that.
fn copy(from: &Path, into: &Path) {
    for (path, bytes) in tree(from) {
        let beside = [".sqlite-wal", ".sqlite-shm"].iter().any(|end| path.to_string_lossy().ends_with(end));
        if !beside {
            let path = into.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

fn check(installation: &Installation, version: &str, writes: bool) {
    for (name, arguments) in ASKED {
        let outcome = installation.run(arguments).exits(0);
        let path = fixture(version, "expected").join(name);
        if writes {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, outcome.stdout()).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(outcome.stdout() == expected, "the directory of {version} answers {outcome}\nexpected:\n{expected}");
    }
}

/// The logs, the archive and the catalog of an installation, under a clock of the test's own.
struct Opened {
    clock: Arc<ManualClock>,
    clicks: Arc<dyn Log>,
    verdicts: Arc<dyn Log>,
    rejected: Arc<dyn Log>,
    archive: Archive,
    catalog: Arc<dyn Catalog>,
}

impl Opened {
    async fn new(data: &Path, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let open = async |stream: Stream| {
            let path = data.join(format!("{stream}.sqlite"));
            let log = EmbeddedLog::open(&path, stream, Arc::clone(&clock) as Arc<dyn Clock>).await;
            Arc::new(log.unwrap()) as Arc<dyn Log>
        };
        let (clicks, verdicts) = (open(Stream::Clicks).await, open(Stream::Verdicts).await);
        let rejected = open(Stream::Rejected).await;
        let archive = Archive::directory(data.join("archive")).unwrap();
        let catalog = Arc::new(Sqlite::open(&data.join("catalog.sqlite")).await.unwrap());
        Self { clock, clicks, verdicts, rejected, archive, catalog }
    }

    fn history(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.verdicts), self.archive.clone())
    }

    fn backfill(&self, present: Timestamp) -> Backfill {
        let (clicks, verdicts) = (Arc::clone(&self.clicks), Arc::clone(&self.verdicts));
        let (archive, catalog) = (self.archive.clone(), Arc::clone(&self.catalog));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let limits = session::Limits::default();
        let rules = Arc::new(Ruleset::shipped());
        let judge = Judge::new(Arc::clone(&clicks), Arc::clone(&verdicts), archive.clone(), rules, Arc::clone(&clock));
        let archiver = Archiver::new(Arc::clone(&clicks), archive.clone(), Arc::clone(&catalog), clock, limits);
        let projector = Projector::new(Arc::clone(&clicks), archive.clone(), Arc::clone(&catalog), limits);
        let parts = Parts {
            judging: Judging::new(judge, Arc::clone(&clicks), Arc::clone(&catalog)),
            projector: projector.behind_judge(self.history()),
            archiver: archiver.behind_judge(verdicts, self.history()),
            clicks,
            archive,
            catalog,
        };
        Backfill::new(parts, Arc::clone(&self.clock), present, Uuid::from_u128(1))
    }
}

/// Fills an installation, always with the same.
async fn make(installation: &Installation) {
    let data = installation.data();
    fs::create_dir_all(&data).unwrap();
    let start = Timestamp::parse_rfc3339(START).unwrap();
    // The third hour is not over: it is counted live.
    let present = start.plus_micros(2 * HOUR + HOUR / 2 + HOUR / 4);
    let opened = Opened::new(&data, start).await;
    let written = Box::pin(simulate(&opened, start, present)).await;
    assert_eq!((written.logged, written.hours_sealed, written.hours_equal), (300, 2, 2));
    opened.clock.set(present);
    rule(&opened, present).await;
    reject(&opened, present).await;
    fs::write(data.join("writer.json"), format!(r#"{{"id":"{}","epoch":1}}"#, Uuid::from_u128(2))).unwrap();
    drop(opened);
    for name in ["clicks", "verdicts", "rejected", "catalog"] {
        put_all_into_one_file(&data.join(format!("{name}.sqlite"))).await;
    }
}

async fn simulate(opened: &Opened, start: Timestamp, present: Timestamp) -> Written {
    // Keys of hours are random. Those that are there are taken.
    for hour in [start.hour(), start.hour().next()] {
        opened.archive.salts(hour, |_| Ok(HourKey::from_bytes([7; 32]))).await.unwrap();
    }
    let mut config = Config::new(300, 3, 1, start);
    (config.advertisers, config.campaigns_each, config.ads_each, config.publishers) = (2, 2, 2, 3);
    let mut simulation = Simulation::new(&config);
    opened.catalog.put_ads(simulation.ads(), "simulate", start).await.unwrap();
    let mut backfill = opened.backfill(present);
    while let Some(batch) = simulation.next_batch() {
        backfill.append(&batch.events, batch.first, batch.last).await.unwrap();
    }
    backfill.finish().await.unwrap()
}

async fn rule(opened: &Opened, now: Timestamp) {
    let target: Position = RULED.parse().unwrap();
    let recount = Recount::of(opened.clicks.as_ref()).await;
    let is_billable = |position: &&Position| recount.findings.iter().all(|finding| finding.target != **position);
    assert_eq!(recount.prices.keys().find(is_billable), Some(&target), "the first billable click");
    let named = recount.positions.iter().find(|(_, positions)| positions.contains(&target));
    let word = Attribution {
        actor: "anna".to_owned(),
        reason: "complaint".to_owned(),
        note: Some("the advertiser's own office".to_owned()),
    };
    let ruling = (Decision::Invalid, Some(Category::Policy));
    let verdict = hand::verdict(target, named.unwrap().0.clone(), ruling, Stage::Manual, &word, now);
    hand::append(Arc::clone(&opened.verdicts), opened.archive.clone(), &[verdict]).await.unwrap();
}

async fn reject(opened: &Opened, now: Timestamp) {
    let mut events = RejectedBuilder::with_capacity(1);
    events.push(&Rejected {
        rejected_at: now,
        source: "http /v1/events".into(),
        item: 3,
        code: "missing_field".into(),
        detail: "advertiser_id is missing".into(),
        original: br#"{"kind":"click","ad_id":"ad-1"}"#.into(),
    });
    let frame = Writer::new(Uuid::from_u128(2), 1).seal(&events.finish(), (now, now)).unwrap();
    opened.rejected.append(&frame).await.unwrap();
}

/// Moves everything from the write-ahead log into the file itself, once nobody else has it open any more.
async fn put_all_into_one_file(path: &Path) {
    for _ in 0..200 {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        let done = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await.unwrap();
        let busy: i64 = done.get(0);
        connection.close().await.unwrap();
        if busy == 0 && !path.with_extension("sqlite-wal").exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} is still open", path.display());
}
