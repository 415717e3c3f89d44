use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use arrow::{array::AsArray as _, array::RecordBatch, compute::concat_batches, datatypes::Int64Type};
use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::{
    archive::{
        Archive,
        entry::Entry as _,
        erasure::{Person, Request, apply::Progress, chooses_rejected},
        kind::{Hashed, Kind as _, PartRange},
        manifest, part,
        redaction::{Cause, Chooses},
        seal::Sealer,
        verify::{Report, Verifier},
    },
    embedded::EmbeddedLog,
    fixtures::{is_writing, path, write},
    frame::{Frame, Writer},
    log::{Log, Stream},
    position::{Epoch, Position, Seq},
    rejected::{KNOWN_AS, Rejected, RejectedBuilder, copy_identity, erased::ERASED},
    schema::POSITION,
    time::{Hour, ManualClock, Timestamp},
};

const MINUTE: i64 = 60_000_000;
const ADA: &str = "ada-lovelace-0815";
/// Frames of the bed whose second row names her.
const OF_ADA: [u64; 3] = [2, 9, 17];

fn start() -> Hour {
    Hour::parse("2026-04-01T08").unwrap()
}

/// Two rejected events.
fn rows(number: u64, at: Timestamp, who: &str) -> RecordBatch {
    let mut builder = RejectedBuilder::with_capacity(2);
    for item in 0..2 {
        let who = if item == 1 { who } else { "somebody" };
        builder.push(&Rejected {
            rejected_at: at,
            source: "http /v1/events".into(),
            item,
            code: "price".into(),
            detail: format!("no price in event {number}").into(),
            original: format!("{{\"user_id\":\"{who}\",\"n\":{number}}}").into_bytes().into(),
        });
    }
    builder.finish()
}

fn frame(writer: &mut Writer, number: u64, at: Timestamp, who: &str) -> Frame {
    writer.seal(&rows(number, at, who), (at, at)).unwrap()
}

/// A log of a few hours in a SQLite file, and its archive in a directory.
struct Bed {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: Arc<EmbeddedLog>,
    archive: Archive,
}

impl Bed {
    /// Every ten minutes for five hours two events, but none in the third hour.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(start().start()));
        let path = directory.path().join("log.sqlite");
        let log = EmbeddedLog::open(&path, Stream::Rejected, Arc::clone(&clock) as Arc<_>).await.unwrap();
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        let bed = Self { directory, clock, log: Arc::new(log), archive };
        let (mut writer, mut number) = (Writer::new(Uuid::from_u128(7), 1), 0);
        for step in (0..30_i64).filter(|step| !(12..18).contains(step)) {
            number += 1;
            let at = start().start().plus_micros(step * 10 * MINUTE);
            let who = if OF_ADA.contains(&number) { ADA } else { "another" };
            bed.append(&frame(&mut writer, number, at, who), at).await;
        }
        bed
    }

    async fn append(&self, frame: &Frame, at: Timestamp) {
        self.clock.set(at);
        self.log.append(frame).await.unwrap();
    }

    fn sealer(&self) -> Sealer<RejectedEvents> {
        Sealer::of(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone()).with_part_rows(8)
    }

    /// Seals all hours that are over.
    async fn seal(&self) -> Vec<Manifest> {
        let (sealer, mut manifests) = (self.sealer(), Vec::new());
        let last = self.archive.sealed_hours(Stream::Rejected).await.unwrap().pop();
        let mut cursor = sealer.resume(last).await.unwrap();
        let late = start().start().plus_micros(301 * MINUTE);
        while let Some((manifest, after)) = sealer.seal_next(&cursor, late).await.unwrap() {
            manifests.push(manifest);
            cursor = after;
        }
        manifests
    }

    async fn verify(&self) -> Report {
        let mut verifier = Verifier::<RejectedEvents>::of(self.archive.clone(), true);
        for hour in verifier.hours(&BTreeMap::new()).await.unwrap() {
            verifier.check(hour, None).await.unwrap();
        }
        verifier.finish()
    }

    async fn read(&self, manifest: &Manifest) -> Vec<RecordBatch> {
        let mut all = Vec::new();
        for part in &manifest.parts {
            let bytes = self.archive.get_file(&part.file).await.unwrap();
            all.extend(part::read(bytes, None).unwrap().map(Result::unwrap));
        }
        all
    }

    /// The files of the archive that can be read to hold her name.
    fn name_her(&self) -> Vec<String> {
        let root = self.directory.path().join("archive");
        let (mut left, mut found) = (vec![root], Vec::new());
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else if names_her(&path) {
                    found.push(path.display().to_string());
                }
            }
        }
        found
    }
}

fn names_her(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let is_part = path.extension().is_some_and(|extension| extension == "parquet");
    let says = |bytes: &[u8]| bytes.windows(ADA.len()).any(|window| window == ADA.as_bytes());
    let in_rows = |rows: RecordBatch| originals(&rows).iter().any(|original| says(original));
    says(&bytes) || (is_part && part::read(bytes.into(), None).unwrap().any(|rows| in_rows(rows.unwrap())))
}

fn originals(rows: &RecordBatch) -> Vec<Vec<u8>> {
    let column = rows.column_by_name("original").unwrap().as_binary::<i32>();
    column.iter().map(|original| original.unwrap().to_vec()).collect()
}

fn integers(rows: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().iter().collect()
}

async fn asks(bed: &Bed, at: Timestamp) -> Progress {
    let person = Person::user(ADA).unwrap();
    let request = Request::open(&bed.archive, &person, Uuid::from_u128(1), (at, at), Seq::ZERO).await.unwrap();
    Progress { request, hours: 0, rows: 0, left_alone: 0, through: Seq::ZERO, is_sealed: true }
}

#[tokio::test]
async fn hours_of_rejected_events_are_sealed_and_read_back() {
    let bed = Bed::new().await;
    let manifests = bed.seal().await;
    assert_eq!(manifests.iter().map(|manifest| manifest.rows).collect::<Vec<_>>(), [12, 12, 0, 12, 12]);
    assert_eq!(manifests.iter().map(|manifest| manifest.parts.len()).collect::<Vec<_>>(), [2, 2, 0, 2, 2]);
    assert!(manifests.iter().all(|manifest| manifest.alarms.is_empty()));
    assert!(manifests[0].parts[0].file.key.starts_with("personal/rejected/dt=2026-04-01/hr=08/1-4-"));
    let report = bed.verify().await;
    assert_eq!(report.problems, []);
    assert_eq!((report.hours, report.parts, report.rows), (5, 8, 48));
    let read = bed.read(&manifests[1]).await;
    assert_eq!(integers(&read[0], POSITION)[..2], [7 << 16, (7 << 16) + 1].map(|at| Some((1 << 56) + at)));
    assert_eq!(originals(&read[0])[1], b"{\"user_id\":\"another\",\"n\":7}");
}

#[tokio::test]
async fn somebody_is_erased_from_sealed_hours_whose_trees_and_manifests_stay() {
    let bed = Bed::new().await;
    let manifests = bed.seal().await;
    assert_eq!(bed.name_her().len(), 3);
    // What came after she asked is not concerned: her third event.
    let at = start().start().plus_micros(200 * MINUTE);
    let mut open = vec![asks(&bed, at).await];
    let before = chooses_rejected(vec![open[0].request.clone()]);
    let mut about = Vec::new();
    for manifest in &manifests {
        about.push(bed.archive.rejected_about(manifest, &before).await.unwrap());
    }
    assert_eq!(about, [1, 1, 0, 0, 0]);
    let applied = bed.archive.apply_erasures_of_rejected(&mut open, at).await.unwrap();
    assert_eq!((applied.rows, applied.left_alone), (2, 0));
    assert_eq!(open[0].request.rejected().get(), 24, "it is written down");
    assert_eq!(bed.name_her().len(), 1, "{:?}", bed.name_her());
    let report = bed.verify().await;
    assert_eq!((report.problems.as_slice(), report.redacted, report.erased), (&[][..], 2, 2));
    let rows = concat_batches(&crate::rejected::read(), &bed.read(&manifests[0]).await).unwrap();
    assert_eq!(rows.num_rows(), 12);
    let details = rows.column_by_name("detail").unwrap().as_string::<i32>();
    assert_eq!((details.value(3), originals(&rows)[3].as_slice()), (ERASED, b"".as_slice()));
    assert!(originals(&rows)[2].starts_with(b"{\"user_id\":\"somebody\""));

    let again = bed.archive.apply_erasures_of_rejected(&mut open, at).await.unwrap();
    assert_eq!((again.rows, again.left_alone), (0, 0));
    // A second redaction of an hour stands on the first.
    let hidden = bed.archive.redact_rejected(&manifests[0], &Chooses::all(), Cause::Retention, at).await.unwrap();
    assert_eq!((hidden.rows, hidden.left_alone), (11, 0));
    assert_eq!(bed.verify().await.problems, []);
    let left = bed.archive.hours_with_originals(Hour::from_i64(i64::MAX), 9).await.unwrap();
    assert_eq!(left.len(), 3, "an hour of which all was erased is due no more");
    let retained = bed.archive.retain_rejected(start().next().next(), at).await.unwrap();
    assert_eq!((retained.hours, retained.rows), (1, 11));
    assert_eq!(bed.verify().await.problems, []);
}

/// A process that died left a file of what is left, or did not remove the one that was sealed.
#[tokio::test]
async fn erasure_that_died_is_finished_and_said_to_be_unfinished_until_then() {
    let bed = Bed::new().await;
    let manifest = bed.seal().await.remove(0);
    let sealed = bed.directory.path().join("archive").join(&manifest.parts[0].file.key);
    let bytes = std::fs::read(&sealed).unwrap();
    let at = start().start().plus_micros(400 * MINUTE);
    let her = chooses_rejected(vec![asks(&bed, at).await.request]);
    bed.archive.redact_rejected(&manifest, &her, Cause::Erasure, at).await.unwrap();
    assert!(!sealed.exists());
    std::fs::write(&sealed, bytes).unwrap();
    let report = bed.verify().await;
    assert!(report.problems[0].reason.contains("still there"), "{:?}", report.problems);
    // Whoever erases something else goes on from what is left, and not from the file that is still there.
    let first = Chooses::new(|rows| (0..rows.num_rows()).map(|row| row == 0).collect());
    let hidden = bed.archive.redact_rejected(&manifest, &first, Cause::Erasure, at).await.unwrap();
    assert_eq!((hidden.rows, bed.name_her().len()), (2, 2));
    assert!(!sealed.exists());
    assert_eq!(bed.verify().await.problems, []);
    // A part that is gone without a redaction that says so is damage.
    let hour = bed.archive.sealed_hours(Stream::Rejected).await.unwrap()[1];
    let other = bed.archive.manifest::<RejectedEvents>(hour).await.unwrap().unwrap();
    std::fs::remove_file(bed.directory.path().join("archive").join(&other.parts[1].file.key)).unwrap();
    let report = bed.verify().await;
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(report.problems[0].reason.contains("copy of the archive"), "{:?}", report.problems);
}

/// As programs before this archive erased: frames were appended again, and the old ones were trimmed.
#[tokio::test]
async fn log_from_which_an_earlier_program_erased_is_sealed_from_where_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(start().start()));
    let path = directory.path().join("log.sqlite");
    let log = EmbeddedLog::open(&path, Stream::Rejected, Arc::clone(&clock) as Arc<_>).await.unwrap();
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let bed = Bed { directory, clock, log: Arc::new(log), archive };
    let (mut writer, at) = (Writer::new(Uuid::from_u128(7), 1), start().start());
    for number in 1..=3 {
        bed.append(&frame(&mut writer, number, at, ADA), at).await;
    }
    for origin in 1..=3 {
        let mut copies = Writer::new(copy_identity(1, Seq::new(origin).unwrap()), 1);
        bed.append(&frame(&mut copies, origin, at, "nobody"), at).await;
    }
    bed.log.trim(Seq::new(4).unwrap()).await.unwrap();
    bed.append(&frame(&mut writer, 4, at, "another"), at).await;
    let manifest = bed.seal().await.remove(0);
    assert_eq!((manifest.first_seq, manifest.last_seq, manifest.rows), (4, 7, 8));
    assert_eq!(manifest.alarms, Vec::<String>::new());
    assert_eq!(bed.verify().await.problems, []);
    let rows = concat_batches(&crate::rejected::read(), &bed.read(&manifest).await).unwrap();
    let at = |seq: u64, row: u16| Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), row).as_i64();
    assert_eq!(integers(&rows, KNOWN_AS)[..3], [Some(at(1, 0)), Some(at(1, 1)), Some(at(2, 0))]);
    assert_eq!(integers(&rows, KNOWN_AS)[6..], [None, None]);
}

/// The bytes of version 1, which stay readable for ever. Whoever changes what is written makes another version, or
/// knows that the change comes from Parquet itself.
#[tokio::test]
async fn part_and_manifest_are_read_and_written_as_ever() {
    let at = Timestamp::from_micros(2_000_000);
    let first = Position::new(Epoch::FIRST, Seq::FIRST, 0);
    let known_as = Position::new(Epoch::FIRST, Seq::new(99).unwrap(), 0);
    let copied = crate::rejected::positioned(&rows(2, at, "é"), first.next_frame(), at, Some(known_as)).unwrap();
    let batches = vec![RejectedEvents::rows(&rows(1, at, ADA), first, at).unwrap(), copied];
    let range = PartRange { hour: start(), first: Seq::FIRST, last: Seq::FIRST.next() };
    let encoded = RejectedEvents::encode(batches, range, Hashed::With(None)).unwrap();
    let files: Vec<Bytes> = encoded.files.iter().map(|file| file.bytes.clone()).collect();
    let leaves = RejectedEvents::leaves(&files, start(), None).unwrap();
    assert_eq!(leaves, encoded.leaves, "the leaves of the file are those of the rows");
    let bed = Bed::new().await;
    let manifest = bed.seal().await.remove(0);
    assert_eq!(manifest.version, manifest::VERSION);
    if is_writing() {
        write("rejected-part-1.parquet", &files[0]);
        write("rejected-manifest-3.json", manifest.to_bytes());
    }
    let stored = Bytes::from(std::fs::read(path("rejected-part-1.parquet")).unwrap());
    assert!(stored == files[0], "other bytes; a part of another layout says so in `created_by`");
    assert_eq!(RejectedEvents::check(&manifest, &encoded.part, &[stored]), Ok(()));
    let stored = std::fs::read(path("rejected-manifest-3.json")).unwrap();
    assert_eq!(Manifest::from_bytes(&stored).unwrap(), manifest);
    let keys: BTreeSet<&str> = manifest.parts.iter().flat_map(|part| part.files()).map(|file| &*file.key).collect();
    assert_eq!(keys.len(), 2);
}

#[tokio::test]
async fn damage_of_rejected_events_is_found_and_named() {
    for key in ["personal/rejected/dt=2026-04-01/hr=08", "evidence/nodes/rejected", "manifests/rejected/2026-04-01T10"]
    {
        let bed = Bed::new().await;
        bed.seal().await;
        let root = bed.directory.path().join("archive");
        let (mut left, mut found) = (vec![root.clone()], Vec::new());
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { left.push(path) } else { found.push(path) }
            }
        }
        let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
        let path = found.iter().find(|path| name(path).starts_with(key)).unwrap_or_else(|| panic!("{key}"));
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
        let report = bed.verify().await;
        assert!(report.problems.iter().any(|problem| problem.key == name(path)), "{key}: {:?}", report.problems);
    }
}
