use std::{collections::BTreeMap, path::Path, sync::Arc};

use arrow::{array::AsArray as _, array::RecordBatch, compute::concat_batches, datatypes::Int64Type};
use bytes::Bytes;
use clicktrail_evidence::sealed::Trees;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Invoices, Manifest, Part};
use crate::{
    archive::{
        Archive,
        entry::Entry as _,
        kind::{EncodedPart, Hashed, Kind as _, PartRange},
        manifest, part,
        seal::{Cursor, Sealer},
        trees::hour::Growing,
        verify::{Report, Verifier},
    },
    embedded::EmbeddedLog,
    fixtures::{is_writing, path, write},
    frame::{Digest, Writer},
    invoices::{
        InvoiceEntry,
        samples::{any_entry, credit_note, every_shape, invoice},
        schema,
    },
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    schema::POSITION,
    time::{Hour, ManualClock, Timestamp},
};

const MINUTE: i64 = 60_000_000;

/// A log of a few hours in a SQLite file, and its archive in a directory.
struct Bed {
    directory: tempfile::TempDir,
    log: Arc<EmbeddedLog>,
    archive: Archive,
    start: Hour,
}

impl Bed {
    /// Every ten minutes for five hours three documents, but none in the third hour.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = Hour::parse("2026-04-01T08").unwrap();
        let clock = Arc::new(ManualClock::new(start.start()));
        let path = directory.path().join("log.sqlite");
        let log = EmbeddedLog::open(&path, Stream::Invoices, Arc::clone(&clock) as Arc<_>).await.unwrap();
        let mut writer = Writer::new(Uuid::from_u128(7), 1);
        for step in (0..30_u32).filter(|step| !(12..18).contains(step)) {
            clock.set(start.start().plus_micros(i64::from(step) * 10 * MINUTE));
            let entries = [invoice(2 * step + 2), invoice(2 * step + 1), credit_note(step + 1, step + 1)];
            for frame in schema::to_frames(&mut writer, &entries).unwrap() {
                log.append(&frame).await.unwrap();
            }
        }
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        Self { directory, log: Arc::new(log), archive, start }
    }

    fn sealer(&self) -> Sealer<Invoices> {
        Sealer::of(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone()).with_part_rows(10)
    }

    /// Seals the next so many hours.
    async fn seal(&self, hours: usize) -> Vec<Manifest> {
        let (sealer, mut manifests) = (self.sealer(), Vec::new());
        // As after a restart: the state is found again from the last manifest alone.
        let last = self.archive.sealed_hours(Stream::Invoices).await.unwrap().pop();
        let mut cursor: Cursor = sealer.resume(last).await.unwrap();
        let late = self.start.start().plus_micros(301 * MINUTE);
        while manifests.len() < hours {
            let Some((manifest, after)) = sealer.seal_next(&cursor, late).await.unwrap() else { break };
            manifests.push(manifest);
            cursor = after;
        }
        manifests
    }

    async fn verify(&self, remembered: &BTreeMap<Hour, String>) -> Report {
        let mut verifier = Verifier::<Invoices>::of(self.archive.clone(), true);
        for hour in verifier.hours(remembered).await.unwrap() {
            verifier.check(hour, remembered.get(&hour).map(String::as_str)).await.unwrap();
        }
        verifier.finish()
    }

    /// Every file of the archive by its key.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let (root, mut files) = (self.directory.path().join("archive"), BTreeMap::new());
        let mut left = vec![root.clone()];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    let key = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                    files.insert(key, std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }
}

#[tokio::test]
async fn hours_of_issued_documents_are_sealed_and_read_back() {
    let bed = Bed::new().await;
    let manifests = bed.seal(9).await;
    assert_eq!(manifests.iter().map(|manifest| manifest.rows).collect::<Vec<_>>(), [18, 18, 0, 18, 18]);
    assert_eq!(manifests.iter().map(|manifest| manifest.parts.len()).collect::<Vec<_>>(), [2, 2, 0, 2, 2]);
    for pair in manifests.windows(2) {
        assert_eq!(pair[1].first_seq, pair[0].last_seq + 1, "I4");
        assert_eq!(pair[1].previous, Some(pair[0].digest().to_string()));
    }
    let first = &manifests[0].parts[0];
    assert_eq!((first.document_min.series.as_str(), first.document_min.number), ("CN", 1));
    assert_eq!((first.document_max.series.as_str(), first.document_max.number), ("INV", 8));
    let report = bed.verify(&BTreeMap::new()).await;
    assert_eq!(report.problems, []);
    assert_eq!((report.hours, report.parts, report.rows), (5, 8, 72));
    let keys: Vec<String> = bed.files().into_keys().collect();
    assert!(keys.iter().any(|key| key.starts_with("invoices/dt=2026-04-01/hr=08/1-4-")), "{keys:?}");
    assert!(keys.contains(&"manifests/invoices/2026-04-01T10.json".to_owned()), "{keys:?}");
}

#[tokio::test]
async fn sealing_issued_documents_again_gives_the_same_bytes_wherever_it_stopped() {
    let one = Bed::new().await;
    one.seal(9).await;
    for stop in 0..5 {
        let other = Bed::new().await;
        other.seal(stop).await;
        other.seal(9).await;
        assert!(one.files() == other.files(), "stopped after {stop} hours");
    }
}

/// Does something to one file and expects the verifier to name it.
async fn check_damage(key: &str, damage: impl Fn(&Path)) {
    let bed = Bed::new().await;
    let manifests = bed.seal(9).await;
    let remembered = manifests.iter().map(|manifest| (manifest.hour(), manifest.digest().to_string())).collect();
    let name = bed
        .files()
        .into_keys()
        .rfind(|name| name.starts_with(key) || name.ends_with(key))
        .unwrap_or_else(|| panic!("{key}"));
    damage(&bed.directory.path().join("archive").join(&name));
    let report = bed.verify(&remembered).await;
    assert!(report.problems.iter().any(|problem| problem.key == name), "{name}: {:?}", report.problems);
    if !name.starts_with("manifests") {
        assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    }
}

#[tokio::test]
async fn damage_of_issued_documents_is_found_and_named() {
    for key in [
        "invoices/dt=2026-04-01/hr=08",
        "invoices/dt=2026-04-01/hr=12",
        "evidence/nodes/invoices",
        "2026-04-01T10.json",
    ] {
        for at in [0_usize, 100, 333, 1_500] {
            check_damage(key, |path| {
                let mut bytes = std::fs::read(path).unwrap();
                let at = at % bytes.len();
                bytes[at] ^= 1;
                std::fs::write(path, bytes).unwrap();
            })
            .await;
        }
        check_damage(key, |path| std::fs::remove_file(path).unwrap()).await;
    }
}

#[tokio::test]
async fn part_that_is_not_what_its_manifest_says_does_not_pass() {
    let bed = Bed::new().await;
    let manifest = bed.seal(1).await.remove(0);
    let (part, other) = (&manifest.parts[0], &manifest.parts[1]);
    let file = bed.archive.get_file(&part.file).await.unwrap();
    assert_eq!(Invoices::check(&manifest, part, std::slice::from_ref(&file)), Ok(()));
    let cases = [
        (Part { rows: part.rows + 1, ..part.clone() }, "rows"),
        (Part { last_seq: part.first_seq, ..part.clone() }, "outside its frames"),
        (Part { document_min: other.document_max.clone(), ..part.clone() }, "documents"),
        (Part { document_max: other.document_max.clone(), ..part.clone() }, "documents"),
    ];
    for (said, expected) in cases {
        let reason = Invoices::check(&manifest, &said, std::slice::from_ref(&file)).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

/// The part of frame 1, which holds these entries.
fn encode(entries: &[InvoiceEntry]) -> EncodedPart<Part> {
    let (first, logged_at) = (Position::new(Epoch::FIRST, Seq::FIRST, 0), Timestamp::from_micros(2_000_000));
    let rows = Invoices::rows(&schema::to_batch(entries).unwrap(), first, logged_at).unwrap();
    let hour = Hour::parse("2026-04-01T08").unwrap();
    Invoices::encode(vec![rows], PartRange { hour, first: Seq::FIRST, last: Seq::FIRST }, Hashed::With(None)).unwrap()
}

/// The manifest of an hour with this part: of the version before there were trees, and of the present one with them.
fn manifests_of(encoded: &EncodedPart<Part>) -> [Manifest; 2] {
    let (stream, hour) = (Stream::Invoices, Hour::parse("2026-04-01T08").unwrap());
    let mut trees = Growing::new(stream);
    trees.add(encoded.leaves.clone()).unwrap();
    let trees = trees.finish();
    let told = trees.told(None, trees.file(stream, hour).map(|nodes| nodes.file));
    [(2, None), (manifest::VERSION, Some(told))]
        .map(|(version, trees)| manifest_of(version, encoded.part.clone(), trees))
}

fn manifest_of(version: u32, part: Part, trees: Option<Trees>) -> Manifest {
    let manifest = Manifest {
        version,
        stream: Stream::Invoices.as_str().to_owned(),
        hour: "2026-04-01T08".to_owned(),
        epoch: 1,
        first_seq: 1,
        last_seq: 1,
        frames: 1,
        repeats: 0,
        rows: part.rows,
        schema_id: crate::schema::id(&schema::invoices()),
        previous: None,
        writers: Vec::new(),
        last_frames: Vec::new(),
        alarms: Vec::new(),
        parts: vec![part],
        trees,
        checksum: String::new(),
    };
    manifest.sealed()
}

fn read_all(file: Bytes) -> (Vec<InvoiceEntry>, Vec<i64>) {
    let batches: Vec<RecordBatch> = part::read(file, None).unwrap().collect::<Result<_, _>>().unwrap();
    let rows = concat_batches(&schema::read(), &batches).unwrap();
    let positions = rows.column_by_name(POSITION).unwrap().as_primitive::<Int64Type>().values().to_vec();
    (schema::from_batch(&rows).unwrap(), positions)
}

/// The bytes of version 1, which stay readable for ever. Whoever changes what is written makes another version, or
/// knows that the change comes from Parquet itself.
#[test]
fn part_and_manifests_are_read_and_written_as_ever() {
    let encoded = encode(&every_shape());
    let files = &encoded.files;
    assert_eq!(files.iter().map(|file| &file.file).collect::<Vec<_>>(), encoded.part.files());
    let manifests = manifests_of(&encoded);
    if is_writing() {
        write("invoice-part-1.parquet", &files[0].bytes);
        write("invoice-manifest-1.json", manifests[0].to_bytes());
        write("invoice-manifest-3.json", manifests[1].to_bytes());
    }
    let stored = ["invoice-manifest-1.json", "invoice-manifest-3.json"];
    let stored = stored.map(|name| Manifest::from_bytes(&std::fs::read(path(name)).unwrap()).unwrap());
    assert_eq!(stored, manifests);
    let [stored, _] = stored;
    let file = Bytes::from(std::fs::read(path("invoice-part-1.parquet")).unwrap());
    assert!(file == files[0].bytes, "other bytes; a part of another layout says so in `created_by`");
    assert_eq!(Digest::of(&file).to_string(), stored.parts[0].file.sha256);
    assert_eq!(Invoices::check(&stored, &stored.parts[0], std::slice::from_ref(&file)), Ok(()));
    let shapes = every_shape();
    let by_number: Vec<InvoiceEntry> = [1, 4, 0, 3, 2].map(|shape: usize| shapes[shape].clone()).into();
    assert_eq!(read_all(file).0, by_number);
}

proptest! {
    #[test]
    fn part_holds_what_its_frame_held_and_is_written_the_same_twice(
        entries in prop::collection::vec(any_entry(), 1..40),
    ) {
        let encoded = encode(&entries);
        let file = encoded.files[0].bytes.clone();
        prop_assert_eq!(&encode(&entries).files[0].bytes, &file, "I6");
        let hour = Hour::parse("2026-04-01T08").unwrap();
        let leaves = Invoices::leaves(std::slice::from_ref(&file), hour, None);
        prop_assert_eq!(leaves.as_ref(), Ok(&encoded.leaves), "the leaves of the file are those of the rows");
        let [_, manifest] = manifests_of(&encoded);
        prop_assert_eq!(Invoices::check(&manifest, &manifest.parts[0], std::slice::from_ref(&file)), Ok(()));
        let (read, positions) = read_all(file);
        let first = Position::new(Epoch::FIRST, Seq::FIRST, 0).as_i64();
        let mut expected: Vec<(i64, InvoiceEntry)> = (first..).zip(entries).collect();
        expected.sort_by(|a, b| (&a.1.number, a.0).cmp(&(&b.1.number, b.0)));
        prop_assert_eq!(positions.into_iter().zip(read).collect::<Vec<_>>(), expected);
    }
}
