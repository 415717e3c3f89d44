//! One small hour for ever: the segment and the receipt of every layout and version stay in `fixtures/`, and are read
//! as on the day they were written.
//!
//! A new layout or version gets files of its own under the next number. `CLICKTRAIL_WRITE_FIXTURES=1` writes those that
//! today's code makes; the test that reads them passes from the next run on. Those of an older number are never written
//! again.

use std::{path::PathBuf, sync::Arc};

use arrow::util::pretty::pretty_format_batches;
use clicktrail_log::{
    archive::seal::{Cursor, GRACE, Sealer},
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame,
    kinds::Kinds,
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    time::{ManualClock, Timestamp},
};
use clicktrail_projections::{
    counters::{
        query,
        tiers::{self, Counted},
    },
    zone::{Range, Zone},
};
use clicktrail_verdicts::{
    append::Appender,
    hand::{self, Attribution},
    reader::VerdictReader,
    verdict::{Category, Decision, Stage},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

/// Segment, what it answers, receipt: of layout 3, with the columns of the first and of the second version.
const EARLIER: [&str; 3] = ["segment-3.parquet", "segment-3.txt", "receipt-1.json"];
const TODAY: [&str; 3] = ["segment-3-columns-2.parquet", "segment-3-columns-2.txt", "receipt-1-columns-2.json"];
const SEGMENT: &str = TODAY[0];
const ROWS: &str = TODAY[1];
const RECEIPT: &str = TODAY[2];
const MINUTE: i64 = 60_000_000;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{}: {error}", path(name).display()))
}

/// Compares with a fixture, or writes it.
#[track_caller]
fn check(name: &str, found: &[u8]) {
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
        std::fs::write(path(name), found).unwrap();
    }
    let (stored, shown) = (fixture(name), String::from_utf8_lossy(found));
    assert!(stored == found, "{name} is not what this code makes, of {} bytes:\n{shown}", found.len());
}

/// Number, kind, minute of the hour, publisher and currency.
type Sample = (u8, Kind, i64, Option<&'static str>, &'static str);

/// Of the clicks the second is invalid, and the fourth again: a person's word, which a segment does not know. The
/// impression and the conversion were logged before.
const SAMPLES: [[Sample; 4]; 2] = [
    [
        (1, Kind::Click, 0, Some("site"), "EUR"),
        (2, Kind::Click, 0, Some("site"), "EUR"),
        (3, Kind::Impression, 0, Some("site"), "EUR"),
        (4, Kind::Click, 1, None, "EUR"),
    ],
    [
        (5, Kind::Conversion, 1, None, "EUR"),
        (6, Kind::Click, 59, Some("Zürich"), "USD"),
        (7, Kind::Probe, 59, Some("Zürich"), "USD"),
        (8, Kind::Prefetch, -30, None, "EUR"),
    ],
];

fn event((number, kind, minute, publisher, currency): Sample, hour: Hour) -> Event<'static> {
    let at = hour.start().plus_micros(minute * MINUTE + i64::from(number));
    Event {
        event_id: format!("event-{number}").into(),
        kind,
        event_time: at,
        captured_at: at,
        advertiser_id: "acme".into(),
        campaign_id: "spring".into(),
        ad_id: if number % 2 == 0 { "boots".into() } else { "shoes".into() },
        publisher_id: publisher.map(Into::into),
        placement_id: None,
        user_id: Some("user".into()),
        session_id: None,
        ip: Some("192.0.2.1".into()),
        user_agent: None,
        page_url: None,
        device_type: (number < 5).then(|| "mobile".into()),
        os: None,
        browser: None,
        country: (number < 7).then(|| "DE".into()),
        city: None,
        price_micros: 250_000 + i64::from(number),
        currency: currency.into(),
        click_event_id: None,
        value_micros: (kind == Kind::Conversion).then_some(19_990_000),
        extra: None,
    }
}

/// The hour, sealed in a directory of its own, with what the judge found about it.
pub(crate) struct Bed {
    _directory: TempDir,
    pub(crate) archive: Archive,
    pub(crate) manifest: Manifest,
    pub(crate) history: VerdictReader,
    rulings: HourRulings,
}

pub(crate) async fn bed() -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let hour = Hour::parse("2026-03-01T22").unwrap();
    let clock = Arc::new(ManualClock::new(hour.start()));
    let open = async |stream: Stream| {
        let path = directory.path().join(format!("{stream}.sqlite"));
        Arc::new(EmbeddedLog::open(&path, stream, Arc::clone(&clock) as Arc<_>).await.unwrap()) as Arc<dyn Log>
    };
    let (clicks, verdicts) = (open(Stream::Clicks).await, open(Stream::Verdicts).await);
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let mut writer = frame::Writer::new(Uuid::from_u128(7), 1);
    for samples in SAMPLES {
        let mut events = EventsBuilder::with_capacity(samples.len());
        samples.into_iter().for_each(|sample| events.push(&event(sample, hour)));
        let frame = writer.seal(&events.finish(), (hour.start(), hour.start())).unwrap();
        clicks.append(&frame).await.unwrap();
    }
    rule(Arc::clone(&verdicts), &archive, hour.start()).await;
    let over = hour.end_exclusive().plus_micros(i64::try_from(GRACE.as_micros()).unwrap());
    // The receipt's fixture has the digest of this hour's manifest, which is of version 2 and needs no random key.
    let sealer = Sealer::new(clicks, archive.clone()).without_trees();
    let (manifest, _) = sealer.seal_next(&Cursor::start(), over).await.unwrap().unwrap();
    let history = VerdictReader::new(verdicts, archive.clone());
    let rulings = HourRulings::live(&history, &manifest).await.unwrap();
    Bed { _directory: directory, archive, manifest, history, rulings }
}

async fn rule(log: Arc<dyn Log>, archive: &Archive, at: Timestamp) {
    let word = Attribution { actor: "judge".to_owned(), reason: "rate".to_owned(), note: None };
    let target = |row: u16| Position::new(Epoch::FIRST, Seq::FIRST, row);
    let ruling = (Decision::Invalid, Some(Category::Sivt));
    let verdict = |row: u16, stage| hand::verdict(target(row), format!("event-{}", row + 1), ruling, stage, &word, at);
    let duplicate = |target: &str, event: &str| {
        let ruling = (Decision::Invalid, Some(Category::Duplicate));
        hand::verdict(target.parse().unwrap(), event.to_owned(), ruling, Stage::Live, &word, at)
    };
    let ruled = [
        verdict(1, Stage::Live),
        verdict(3, Stage::Manual),
        duplicate("1.1.2", "event-3"),
        duplicate("1.2.0", "event-5"),
    ];
    Appender::new(log, archive.clone(), Uuid::from_u128(9)).append(&ruled).await.unwrap();
}

async fn ask(archive: &Archive, segment: manifest::File) -> String {
    let question = query::Question {
        range: Range::everything(),
        advertiser: None,
        dimensions: query::Dimension::ALL.to_vec(),
        granularity: query::Granularity::Minute,
        zone: Zone::utc(),
    };
    let sources = query::Sources { archive: archive.clone(), segments: vec![segment], partials: Vec::new() };
    let rows = query::ask(&question, sources, session::Limits::default()).await.unwrap();
    format!("{}\n", pretty_format_batches(&rows).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn todays_code_writes_the_bytes_of_the_fixtures() {
    let bed = bed().await;
    let segment = build(&bed.archive, &Projection::counters(), &bed.manifest, &bed.rulings, session::Limits::default())
        .await
        .unwrap();
    check(SEGMENT, &bed.archive.get_file(&file(&segment)).await.unwrap());
    check(ROWS, ask(&bed.archive, file(&segment)).await.as_bytes());
    let (input, code) = (input_digest(&bed.manifest, &bed.rulings), counters::code_digest());
    let key = ReceiptKey::new(counters::NAME, bed.manifest.hour(), &input, &code).path();
    let mut receipt = Receipt::from_bytes(&bed.archive.get(&key).await.unwrap()).unwrap();
    // A later engine makes another code digest of the same SQL; what it computes must be the same.
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_none() {
        receipt.code_digest = Receipt::from_bytes(&fixture(RECEIPT)).unwrap().code_digest;
    }
    check(RECEIPT, &receipt.to_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segment_and_receipt_of_an_earlier_day_are_read() {
    for [segment, rows, receipt] in [EARLIER, TODAY] {
        let (segment, receipt) = (fixture(segment), Receipt::from_bytes(&fixture(receipt)).unwrap());
        let named = (receipt.version, receipt.projection.as_str(), receipt.hour.as_str(), receipt.rows);
        assert_eq!(named, (1, "counters", "2026-03-01T22", 7));
        assert_eq!(
            (receipt.bytes, receipt.output_digest.as_str()),
            (segment.len() as u64, &*Digest::of(&segment).to_string())
        );
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::directory(directory.path().to_owned()).unwrap();
        archive.put_content(&SegmentKey::parse(&receipt.key).unwrap().path(), segment.into()).await.unwrap();
        let file = manifest::File { key: receipt.key, bytes: receipt.bytes, sha256: receipt.output_digest };
        assert_eq!(ask(&archive, file).await, String::from_utf8(fixture(rows)).unwrap());
    }
}

/// What an earlier version did not count is nothing that counts; and nobody makes up what it did not add up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_of_both_versions_answer_in_tiers_together() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::directory(directory.path().to_owned()).unwrap();
    let mut counted = Vec::new();
    for ([segment, _, receipt], judged) in
        [(EARLIER, Kinds::of(&[Kind::Click])), (TODAY, Kinds::of(&[Kind::Click, Kind::Impression, Kind::Conversion]))]
    {
        let receipt = Receipt::from_bytes(&fixture(receipt)).unwrap();
        archive.put_content(&SegmentKey::parse(&receipt.key).unwrap().path(), fixture(segment).into()).await.unwrap();
        let file = manifest::File { key: receipt.key, bytes: receipt.bytes, sha256: receipt.output_digest };
        counted.push(Counted { judged, segments: vec![file], partials: Vec::new() });
    }
    let question = query::Question {
        range: Range::everything(),
        advertiser: None,
        dimensions: vec![query::Dimension::Ad],
        granularity: query::Granularity::Total,
        zone: Zone::utc(),
    };
    let rows = tiers::ask(&question, &archive, counted, session::Limits::default()).await.unwrap();
    let shown = pretty_format_batches(&rows).unwrap().to_string();
    let shown: Vec<Vec<&str>> = shown.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let named = |name: &str| shown[1].iter().position(|cell| *cell == name).unwrap();
    let shoes = shown.iter().find(|line| line.len() > 2 && line[1] == "shoes").unwrap();
    let values = |names: [&str; 4]| names.map(|name| shoes[named(name)].to_owned());
    let expected = |values: [&str; 4]| values.map(str::to_owned);
    let tiers = |kind: &str| ["gross", "net", "total_net", "judged"].map(|tier| format!("{kind}_{tier}"));
    for (kind, numbers) in
        [("impressions", ["2", "0", "0", "1"]), ("conversions", ["2", "0", "0", "1"]), ("clicks", ["2", "2", "2", "2"])]
    {
        assert_eq!(values(tiers(kind).each_ref().map(String::as_str)), expected(numbers), "{kind}");
    }
    let money = ["spend_gross_micros", "spend_total_net_micros", "value_gross_micros", "value_net_micros"];
    assert_eq!(values(money), expected(["", "500002", "39980000", "0"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_that_proves_nothing_is_replaced_and_one_that_contradicts_is_kept() {
    let bed = bed().await;
    let again = async || {
        reuse_or_build(&bed.archive, &Projection::counters(), &bed.manifest, &bed.rulings, session::Limits::default())
            .await
    };
    let segment = again().await.unwrap();
    let (input, code) = (input_digest(&bed.manifest, &bed.rulings), counters::code_digest());
    let key = ReceiptKey::new(counters::NAME, bed.manifest.hour(), &input, &code).path();
    let sound = bed.archive.get(&key).await.unwrap();
    let receipt = Receipt::from_bytes(&sound).unwrap();
    let elsewhere = Receipt { hour: "2026-03-01T23".to_owned(), ..receipt.clone() };
    for damaged in [b"{".to_vec(), sound[1..].to_vec(), elsewhere.to_bytes()] {
        bed.archive.put_content(&key, damaged.into()).await.unwrap();
        assert_eq!(reuse(&bed.archive, &Projection::counters(), &bed.manifest, &bed.rulings).await.unwrap(), None);
        assert_eq!(again().await.unwrap(), segment);
        assert_eq!(bed.archive.get(&key).await.unwrap(), sound);
    }
    let other = Digest::of(b"other bytes").to_string();
    let contradicts = Receipt { output_digest: other, ..receipt }.to_bytes();
    bed.archive.put_content(&key, contradicts.clone().into()).await.unwrap();
    let refused = again().await.unwrap_err();
    assert!(matches!(refused, Error::Archive(archive::Error::Conflict(_))), "{refused:?}");
    assert_eq!(bed.archive.get(&key).await.unwrap(), contradicts, "I6: a person must look at both");
}
