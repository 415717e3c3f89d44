//! Every stored format as it was first published, under `log/fixtures/`: what disks keep must stay readable for ever.
//!
//! A fixture is never changed. A new version gets fixtures of its own beside the old ones, written by running these
//! tests once with `CLICKTRAIL_WRITE_FIXTURES=1`; the test of the old version then only reads.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arrow::{
    array::{AsArray as _, RecordBatch, RecordBatchReader as _, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::{Int64Type, SchemaRef},
};
use async_nats::{HeaderMap, HeaderName, HeaderValue};
use clicktrail_evidence::salt::HourKey;
use uuid::Uuid;

use crate::{
    archive::{
        clicks::Clicks,
        entry::File,
        part,
        seal::{Cursor, Sealer},
        store::Archive,
        verify::{Problem, Verifier},
    },
    chain::{Admission, Chain},
    embedded::EmbeddedLog,
    frame::{Frame, Writer},
    invoices::{samples::every_shape, schema as invoices},
    jetstream::headers,
    log::{Log, ReadLimit, Stream},
    position::{Epoch, Position, Seq},
    rejected::{Rejected, RejectedBuilder},
    schema,
    testing::any_events,
    time::{Hour, ManualClock, Timestamp},
};

/// The digest of the header of `frame-1`, which is frame 2 of `log-1.sqlite` too.
const FRAME_DIGEST: &str = "9b030d5196f9aa647c3febce47425aaed1fa78c0b1201994f5f1090c6750d56d";
/// The digests of the manifests of `archive-1`, which are of version 1.
const MANIFEST_1_DIGESTS: [&str; 2] = [
    "866e0b1ef2fb14ccd01d3a9167fe343a2f229573c63fa3e8c4b974b895bb2468",
    "a438ba33ea6e71a517f1c236234ad4cc7d28cb69b77ec7ba22da07c9fbd6327a",
];
/// The same of `archive-2`: version 2, with the parts of `archive-1`.
const MANIFEST_2_DIGESTS: [&str; 2] = [
    "ecd4f0e644208eb103858448ceb92038fb8fe998aebe89a9e9bf853842eeabca",
    "be7a33fbdd3b20bf2afc5422f00b478f3620a6d1d28f382b944e02a9e356cb8d",
];

/// The same of `archive-3`: version 3, with the parts of `archive-1` and a key of their hours that is known.
const MANIFEST_3_DIGESTS: [&str; 2] = [
    "950466ccec95837c8ef7420bacf4ee4401f5efe7c39f4829d8571e1b948a8286",
    "294c2f28698cb2a06deb88af91d43d4d043cec97f190d77b741865b90ce1c244",
];

/// What the filter of the first hour of `archive-1` is made of.
const FILTER_INPUT: &str = "daf99dc8e2b8c8479b21cad4e69e18f4";

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Whether the fixtures are to be written, not only read.
pub(crate) fn is_writing() -> bool {
    std::env::var("CLICKTRAIL_WRITE_FIXTURES").is_ok_and(|value| value == "1")
}

pub(crate) fn write(name: &str, bytes: impl AsRef<[u8]>) {
    let path = path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Every file under a directory, by its path there.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut directories) = (BTreeMap::new(), vec![directory.to_owned()]);
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let found = entry.unwrap().path();
            if found.is_dir() {
                directories.push(found);
            } else {
                files.insert(found.strip_prefix(directory).unwrap().to_owned(), fs::read(&found).unwrap());
            }
        }
    }
    files
}

const HOUR: &str = "2026-03-01T22";

fn start() -> Timestamp {
    Hour::parse(HOUR).unwrap().start()
}

fn writer() -> Writer {
    Writer::new(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), 3)
}

/// Three frames of one writer: twenty, one and thirty events.
fn frames() -> Vec<Frame> {
    let mut writer = writer();
    let captured = (start(), start().plus_micros(59_000_000));
    [0..20, 20..21, 21..51].map(|numbers| writer.seal(&any_events(numbers), captured).unwrap()).into()
}

/// Writes a frame as a broker would hold it: message headers and payload.
fn write_frame(name: &str, frame: &Frame) {
    let headers = headers::of(&frame.header);
    let line = |(name, values): (&HeaderName, &Vec<HeaderValue>)| format!("{name}: {}\n", values[0].as_str());
    let mut lines: Vec<_> = headers.iter().map(line).collect();
    lines.sort_unstable();
    write(&format!("{name}/headers.txt"), lines.concat());
    write(&format!("{name}/payload.bin"), &frame.payload);
}

fn read_frame(name: &str) -> Frame {
    let mut headers = HeaderMap::new();
    for line in fs::read_to_string(path(name).join("headers.txt")).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        headers.insert(name.parse::<HeaderName>().unwrap(), value);
    }
    let payload = fs::read(path(name).join("payload.bin")).unwrap().into();
    Frame { header: headers::parse(&headers).unwrap(), payload }
}

#[test]
fn frame_of_version_1_is_read() {
    if is_writing() {
        write_frame("frame-1", &frames()[1]);
    }
    let frame = read_frame("frame-1");
    let header = &frame.header;
    assert_eq!(header.message_id(), "01234567-89ab-cdef-0123-456789abcdef/3/2");
    assert_eq!((header.format, header.rows, header.schema_id.as_str()), (1, 1, "cff16e09552ee9f7"));
    assert_eq!(header.digest().to_string(), FRAME_DIGEST, "how the writer's next frame names this one");
    assert_eq!(frame.decode().unwrap(), any_events(20..21));
}

/// Two rejected events.
fn rejected_events() -> RecordBatch {
    let mut builder = RejectedBuilder::with_capacity(2);
    for (item, original) in [(0, &b"{\"kind\":\"click\"}"[..]), (7, &b"\xff\x00 not JSON"[..])] {
        builder.push(&Rejected {
            rejected_at: start().plus_micros(item),
            source: "http /v1/events".into(),
            item,
            code: "missing_field".into(),
            detail: "ad_id is missing".into(),
            original: original.into(),
        });
    }
    builder.finish()
}

#[test]
fn rejected_columns_of_version_1_are_read() {
    if is_writing() {
        write_frame("rejected-1", &writer().seal(&rejected_events(), (start(), start())).unwrap());
    }
    let frame = read_frame("rejected-1");
    assert_eq!((frame.header.rows, frame.header.schema_id.as_str()), (2, "8466303c06f88e4c"));
    assert_eq!(frame.decode().unwrap(), rejected_events());
}

#[test]
fn issued_documents_of_version_1_are_read_and_written_as_ever() {
    let frames = invoices::to_frames(&mut writer(), &every_shape()).unwrap();
    if is_writing() {
        write_frame("invoices-1", &frames[0]);
    }
    let frame = read_frame("invoices-1");
    assert_eq!((frame.header.rows, frame.header.schema_id.as_str()), (5, "22846c6cca62c4fe"));
    assert_eq!(invoices::from_frame(&frame).unwrap(), every_shape());
    assert_eq!(frames, [frame], "other bytes");
}

/// The log of the three frames, in the file that `log-1.sqlite` is a copy of.
async fn write_log(path: &Path) -> Arc<EmbeddedLog> {
    let clock = Arc::new(ManualClock::new(start()));
    let log = EmbeddedLog::open(path, Stream::Clicks, Arc::clone(&clock) as Arc<_>).await.unwrap();
    for (minutes, frame) in [0, 59, 61].into_iter().zip(frames()) {
        clock.set(start().plus_micros(minutes * 60_000_000));
        log.append(&frame).await.unwrap();
    }
    Arc::new(log)
}

#[tokio::test]
async fn log_file_of_version_1_is_read() {
    let directory = tempfile::tempdir().unwrap();
    if is_writing() {
        let source = directory.path().join("source.sqlite");
        let _log = write_log(&source).await;
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", source.display())).await.unwrap();
        let copy = directory.path().join("copy.sqlite");
        let vacuum = sqlx::AssertSqlSafe(format!("VACUUM INTO '{}'", copy.display()));
        sqlx::raw_sql(vacuum).execute(&pool).await.unwrap();
        write("log-1.sqlite", fs::read(copy).unwrap());
    }
    // A log writes beside its file even if it is only read.
    let copy = directory.path().join("log.sqlite");
    fs::copy(path("log-1.sqlite"), &copy).unwrap();
    let log = EmbeddedLog::open(&copy, Stream::Clicks, Arc::new(ManualClock::new(start()))).await.unwrap();
    let read = log.read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    let minutes: Vec<_> =
        read.iter().map(|logged| (logged.logged_at.micros() - start().micros()) / 60_000_000).collect();
    assert_eq!(minutes, [0, 59, 61]);
    let rows: Vec<_> = read.iter().map(|logged| logged.frame.decode().unwrap()).collect();
    assert_eq!(rows, [0..20, 20..21, 21..51].map(any_events));
    assert_eq!(read[1].frame.header.digest().to_string(), FRAME_DIGEST);
    // And it goes on: a frame sent again is known, the next one gets the next sequence.
    assert!(log.append(&read[2].frame).await.unwrap().duplicate);
    let mut chain = Chain::default();
    for logged in &read {
        assert_eq!(chain.admit(&logged.frame.header), Admission::Fresh);
    }
    let next = chain.writer(writer().id()).seal(&any_events(51..52), (start(), start())).unwrap();
    assert_eq!(log.append(&next).await.unwrap().seq, Seq::new(4).unwrap());
}

fn known_key(_hour: Hour) -> Result<HourKey, clicktrail_evidence::salt::Error> {
    Ok(HourKey::from_bytes([7; 32]))
}

/// Seals the two hours of the log into `directory`.
async fn write_archive(directory: &Path) -> Archive {
    let temporary = tempfile::tempdir().unwrap();
    let log = write_log(&temporary.path().join("log.sqlite")).await;
    let archive = Archive::directory(directory.to_owned()).unwrap();
    let sealer = Sealer::new(log, archive.clone()).with_keys(known_key);
    let (mut cursor, late) = (Cursor::start(), start().plus_micros(121 * 60_000_000));
    while let Some((_, after)) = sealer.seal_next(&cursor, late).await.unwrap() {
        cursor = after;
    }
    archive
}

/// Version 3 of manifests, layout 2 of parts, stored nodes and the key: the same rows give the same bytes.
#[tokio::test]
async fn same_rows_are_sealed_as_the_bytes_of_archive_3() {
    if is_writing() {
        let _ = fs::remove_dir_all(path("archive-3"));
        write_archive(&path("archive-3")).await;
    }
    let directory = tempfile::tempdir().unwrap();
    write_archive(directory.path()).await;
    let (kept, made) = (files(&path("archive-3")), files(directory.path()));
    assert_eq!(kept.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    let differ: Vec<_> = kept.iter().filter(|(name, bytes)| made[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differ.is_empty(), "other bytes: {differ:?}; a part of another layout says so in `created_by`");
    // Parts are those of the version before, which had no trees.
    let before = files(&path("archive-2"));
    let is_part = |name: &Path| name.extension().is_some_and(|extension| extension == "parquet");
    for (name, bytes) in before.iter().filter(|(name, _)| is_part(name)) {
        assert!(made[name] == *bytes, "{}", name.display());
    }
}

/// Version 1 of identity filters: the same parts have the same filter, at the same key.
#[tokio::test]
async fn filter_of_archive_1_is_identity_filter_1() {
    const KEY: &str = "identities/dt=2026-03-01/hr=22/1-2-";
    let directory = tempfile::tempdir().unwrap();
    write_archive(directory.path()).await;
    let made = files(directory.path());
    let (name, bytes) = made.iter().find(|(name, _)| name.to_str().unwrap().starts_with(KEY)).unwrap();
    if is_writing() {
        write("identity-filter-1.bin", bytes);
    }
    assert!(fs::read(path("identity-filter-1.bin")).unwrap() == *bytes, "other bytes");
    assert_eq!(name.to_str().unwrap(), format!("{KEY}{FILTER_INPUT}.filter"));
}

/// The rows of a file in the order of the log.
async fn rows(archive: &Archive, file: &File) -> RecordBatch {
    let reader = part::read(archive.get_file(file).await.unwrap(), None).unwrap();
    let schema = reader.schema();
    let whole = concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
    let positions = whole.column_by_name(schema::POSITION).unwrap().as_primitive::<Int64Type>();
    let mut order: Vec<u32> = (0..).take(whole.num_rows()).collect();
    order.sort_unstable_by_key(|row| positions.value(*row as usize));
    take_record_batch(&whole, &UInt32Array::from(order)).unwrap()
}

/// The rows of a frame of the log, as a part holds them.
fn logged(seq: u64, minutes: i64, numbers: Range<u64>) -> RecordBatch {
    let first = Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 0);
    part::with_position(&any_events(numbers), first, start().plus_micros(minutes * 60_000_000)).unwrap()
}

#[tokio::test]
async fn archive_1_is_read() {
    assert_eq!(check_archive("archive-1", MANIFEST_1_DIGESTS).await, []);
}

/// It is from before identity filters: each hour lacks its own, and is told how it comes to have it.
#[tokio::test]
async fn archive_2_is_read() {
    let problems = check_archive("archive-2", MANIFEST_2_DIGESTS).await;
    assert_eq!(problems.len(), 2);
    for problem in problems {
        assert!(problem.key.starts_with("identities/"), "{problem:?}");
        assert!(
            problem.reason.contains("is missing") && problem.reason.ends_with("which makes it again"),
            "{problem:?}"
        );
    }
}

#[tokio::test]
async fn archive_3_is_read() {
    assert_eq!(check_archive("archive-3", MANIFEST_3_DIGESTS).await, []);
}

/// What is wrong with the archive, after its hours and rows were found to be as expected.
async fn check_archive(name: &str, digests: [&str; 2]) -> Vec<Problem> {
    let archive = Archive::directory(path(name)).unwrap();
    let mut verifier = Verifier::new(archive.clone(), true);
    let hours = verifier.hours(&BTreeMap::new()).await.unwrap();
    assert_eq!(hours.iter().map(Hour::to_string).collect::<Vec<_>>(), [HOUR, "2026-03-01T23"]);
    let expected = [vec![logged(1, 0, 0..20), logged(2, 59, 20..21)], vec![logged(3, 61, 21..51)]];
    let mut previous = None;
    for ((hour, expected), digest) in hours.into_iter().zip(expected).zip(digests) {
        verifier.check(hour, Some(digest)).await.unwrap();
        let manifest = archive.manifest::<Clicks>(hour).await.unwrap().unwrap();
        assert_eq!((manifest.previous.as_deref(), manifest.digest().to_string()), (previous, digest.to_owned()));
        previous = Some(digest);
        let [part] = &manifest.parts[..] else { panic!("{} parts", manifest.parts.len()) };
        let expected = concat_batches(&schema::read(), &expected).unwrap();
        let columns = |schema: SchemaRef| {
            let indices: Vec<_> =
                schema.fields().iter().map(|field| expected.schema().index_of(field.name()).unwrap()).collect();
            expected.project(&indices).unwrap()
        };
        assert_eq!(rows(&archive, &part.core).await, columns(schema::core()));
        assert_eq!(rows(&archive, &part.personal).await, columns(schema::personal()));
    }
    verifier.finish().problems
}

/// An archive that an earlier program sealed is gone on with, and verified as one.
#[tokio::test]
async fn archive_of_manifests_of_version_1_goes_on_in_version_3() {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&path("archive-1")) {
        let target = directory.path().join("archive").join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let log = write_log(&directory.path().join("log.sqlite")).await;
    let sealed = log.read(Seq::new(3).unwrap(), ReadLimit::waiting(Duration::ZERO)).await.unwrap();
    let sealer = Sealer::new(Arc::clone(&log) as Arc<dyn Log>, archive.clone());
    let mut cursor = sealer.resume(Hour::parse("2026-03-01T23")).await.unwrap();
    let mut writer = cursor.chain().writer(writer().id());
    let clock = ManualClock::new(start().plus_micros(125 * 60_000_000));
    let later = EmbeddedLog::open(&directory.path().join("log.sqlite"), Stream::Clicks, Arc::new(clock)).await.unwrap();
    later.append(&writer.seal(&any_events(51..60), (start(), start())).unwrap()).await.unwrap();
    assert!(later.append(&sealed[0].frame).await.unwrap().duplicate);
    while let Some((_, after)) = sealer.seal_next(&cursor, start().plus_micros(241 * 60_000_000)).await.unwrap() {
        cursor = after;
    }
    let mut verifier = Verifier::new(archive.clone(), true);
    let hours = verifier.hours(&BTreeMap::new()).await.unwrap();
    let mut versions = Vec::new();
    for hour in hours {
        verifier.check(hour, None).await.unwrap();
        versions.push(archive.manifest::<Clicks>(hour).await.unwrap().unwrap().version);
    }
    assert_eq!(versions, [1, 1, 3, 3]);
    let report = verifier.finish();
    assert_eq!((report.problems, report.without_trees), (vec![], 2));
}
