use std::{collections::BTreeMap, path::Path, sync::Arc};

use arrow::{array::RecordBatch, compute::concat_batches, datatypes::Int64Type};
use bytes::Bytes;
use clicktrail_log::{
    archive::{
        self,
        entry::Entry as _,
        kind::{EncodedPart, Hashed, Kind as _, PartRange},
        part,
        seal::Cursor,
        trees::hour::Growing,
    },
    frame::Digest,
    log::Stream,
    position::{Epoch, Position, Seq},
    schema::POSITION,
    time::{Hour, Timestamp},
};

use proptest::prelude::*;

use super::{Manifest, Part, Verdicts};
use crate::{
    schema,
    testing::{any_verdict, bed::bed, every_shape, fixture::fixture, summary, verdict},
    verdict::Verdict,
};

#[tokio::test]
async fn hours_are_contiguous_quiet_ones_included_and_read_back() {
    let bed = bed().await;
    let manifests = bed.seal(9).await;
    assert_eq!(manifests.iter().map(|manifest| manifest.rows).collect::<Vec<_>>(), [43, 43, 0, 43, 44]);
    assert_eq!(manifests.iter().map(|manifest| manifest.parts.len()).collect::<Vec<_>>(), [2, 2, 0, 2, 2]);
    for pair in manifests.windows(2) {
        assert_eq!(pair[1].first_seq, pair[0].last_seq + 1, "I4");
        assert_eq!(pair[1].previous, Some(pair[0].digest().to_string()));
    }
    let report = bed.verify(&BTreeMap::new()).await;
    assert_eq!(report.problems, []);
    assert_eq!((report.hours, report.parts, report.rows), (5, 8, 173));
}

#[tokio::test]
async fn sealing_again_gives_the_same_bytes_wherever_it_stopped() {
    let one = bed().await;
    one.seal(9).await;
    for stop in 0..5 {
        let other = bed().await;
        other.seal(stop).await;
        other.seal(9).await;
        assert!(one.files() == other.files(), "stopped after {stop} hours");
    }
}

#[tokio::test]
async fn sealed_hour_is_adopted_and_never_cut_again() {
    let bed = bed().await;
    let manifests = bed.seal(9).await;
    let (sealer, mut cursor) = (bed.sealer(), Cursor::start());
    for manifest in manifests {
        let (again, after) = sealer.seal_next(&cursor, bed.late()).await.unwrap().unwrap();
        assert_eq!(again, manifest, "I3");
        cursor = after;
    }
    assert!(sealer.seal_next(&cursor, bed.late()).await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_is_sealed_before_the_first_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(clicktrail_log::time::ManualClock::new(Timestamp::from_micros(0)));
    let path = directory.path().join("log.sqlite");
    let log = clicktrail_log::embedded::EmbeddedLog::open(&path, Stream::Verdicts, clock).await.unwrap();
    let archive = archive::Archive::directory(directory.path().join("archive")).unwrap();
    let sealer = archive::seal::Sealer::<Verdicts>::of(Arc::new(log), archive);
    let now = Timestamp::from_micros(i64::MAX);
    assert!(sealer.seal_next(&Cursor::start(), now).await.unwrap().is_none());
}

/// Does something to one file and expects the verifier to name it.
async fn check_damage(key: &str, damage: impl Fn(&Path)) {
    let bed = bed().await;
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
async fn damage_is_found_and_named() {
    let parts = ["verdicts/dt=2026-03-01/hr=22", "verdicts/dt=2026-03-02"];
    for key in parts.into_iter().chain(["evidence/nodes/verdicts", "2026-03-01T22.json", "2026-03-02T02.json"]) {
        for at in [0_usize, 100, 333] {
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
    let bed = bed().await;
    let manifest = bed.seal(1).await.remove(0);
    let (part, other) = (&manifest.parts[0], &manifest.parts[1]);
    let file = bed.archive.get_file(&part.file).await.unwrap();
    assert_eq!(Verdicts::check(&manifest, part, std::slice::from_ref(&file)), Ok(()));
    let cases = [
        (Part { rows: part.rows + 1, ..part.clone() }, "rows"),
        (Part { last_seq: part.first_seq, ..part.clone() }, "outside its frames"),
        (Part { target_min: other.target_max, ..part.clone() }, "targets"),
        (Part { target_max: other.target_max, ..part.clone() }, "targets"),
    ];
    for (said, expected) in cases {
        let reason = Verdicts::check(&manifest, &said, std::slice::from_ref(&file)).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn rows_stand_by_target_then_position() {
    let bed = bed().await;
    for manifest in bed.seal(9).await {
        for listed in &manifest.parts {
            let file = bed.archive.get_file(&listed.file).await.unwrap();
            let batches: Vec<RecordBatch> = part::read(file, None).unwrap().collect::<Result<_, _>>().unwrap();
            let rows = concat_batches(&schema::read(), &batches).unwrap();
            let targets = schema::primitive::<Int64Type>(&rows, "target").unwrap().values();
            let positions = schema::primitive::<Int64Type>(&rows, POSITION).unwrap().values();
            let keys: Vec<_> = targets.iter().zip(positions).collect();
            assert!(keys.is_sorted());
            assert_eq!(*keys[0].0, listed.target_min.as_i64());
            assert_eq!(*keys[keys.len() - 1].0, listed.target_max.as_i64());
        }
    }
}

/// The part of frame 1, which holds these verdicts.
fn encode(verdicts: &[Verdict]) -> EncodedPart<Part> {
    let (first, logged_at) = (Position::new(Epoch::FIRST, Seq::FIRST, 0), Timestamp::from_micros(2_000_000));
    let rows = Verdicts::rows(&schema::to_batch(verdicts).unwrap(), first, logged_at).unwrap();
    let hour = Hour::parse("2026-03-01T22").unwrap();
    Verdicts::encode(vec![rows], PartRange { hour, first: Seq::FIRST, last: Seq::FIRST }, Hashed::With(None)).unwrap()
}

/// The manifest of an hour with this part, in a version from before there were trees or with them.
fn manifest_of(version: u32, encoded: &EncodedPart<Part>) -> Manifest {
    let (stream, hour) = (Stream::Verdicts, Hour::parse("2026-03-01T22").unwrap());
    let mut trees = Growing::new(stream);
    trees.add(encoded.leaves.clone()).unwrap();
    let trees = trees.finish();
    let told = trees.told(None, trees.file(stream, hour).map(|nodes| nodes.file));
    let parts = vec![encoded.part.clone()];
    let rows = parts.iter().map(|part| part.rows).sum();
    let manifest = Manifest {
        version,
        stream: Stream::Verdicts.as_str().to_owned(),
        hour: "2026-03-01T22".to_owned(),
        epoch: 1,
        first_seq: 1,
        last_seq: 1,
        frames: 1,
        repeats: 0,
        rows,
        schema_id: clicktrail_log::schema::id(&schema::verdicts()),
        previous: None,
        writers: Vec::new(),
        last_frames: Vec::new(),
        alarms: Vec::new(),
        parts,
        trees: (version >= archive::manifest::VERSION).then_some(told),
        checksum: String::new(),
    };
    manifest.sealed()
}

fn read_all(file: Bytes) -> (Vec<Verdict>, Vec<i64>) {
    let batches: Vec<RecordBatch> = part::read(file, None).unwrap().collect::<Result<_, _>>().unwrap();
    let rows = concat_batches(&schema::read(), &batches).unwrap();
    let positions = schema::primitive::<Int64Type>(&rows, POSITION).unwrap().values().to_vec();
    (schema::from_batch(&rows).unwrap(), positions)
}

/// The bytes of version 1, which stay readable for ever. Whoever changes what is written makes another version, or
/// knows that the change comes from Parquet itself.
#[test]
fn manifests_of_all_versions_and_the_part_read_and_are_written_as_ever() {
    let verdicts: Vec<_> = (0..20).rev().map(verdict).collect();
    let encoded = encode(&verdicts);
    let files = &encoded.files;
    assert_eq!(files.iter().map(|file| &file.file).collect::<Vec<_>>(), encoded.part.files());
    for (name, version) in [("manifest-2.json", 2), ("manifest-3.json", 3)] {
        let later = manifest_of(version, &encoded);
        assert_eq!(Manifest::from_bytes(&fixture(name, &later.to_bytes())).unwrap(), later);
    }
    let written = manifest_of(1, &encoded);
    let stored = Manifest::from_bytes(&fixture("manifest-1.json", &written.to_bytes())).unwrap();
    assert_eq!(stored, written);
    let (part, file) = (&stored.parts[0], Bytes::from(fixture("part-1.parquet", &files[0].bytes)));
    assert_eq!(Digest::of(&file).to_string(), part.file.sha256);
    assert_eq!(Verdicts::check(&stored, part, std::slice::from_ref(&file)), Ok(()));
    let (read, positions) = read_all(file);
    assert_eq!(summary(&read[0]), "1.1.0 invalid sivt live 750 by judge, 1 reasons, None");
    assert_eq!(summary(&read[19]), "1.2.3 invalid sivt live 750 by judge, 1 reasons, None");
    assert_eq!(read, (0..20).map(verdict).collect::<Vec<_>>(), "sorted by target");
    let first = Position::new(Epoch::FIRST, Seq::FIRST, 0).as_i64();
    assert_eq!(positions, (first..first + 20).rev().collect::<Vec<_>>());
}

/// The same for verdicts of every shape.
#[test]
fn part_with_every_shape_of_verdict_reads_and_is_written_as_ever() {
    let encoded = encode(&every_shape());
    let file = Bytes::from(fixture("part-1-shapes.parquet", &encoded.files[0].bytes));
    let manifest = manifest_of(archive::manifest::VERSION, &encoded);
    assert_eq!(Verdicts::check(&manifest, &encoded.part, std::slice::from_ref(&file)), Ok(()));
    let shapes = every_shape();
    let by_target: Vec<Verdict> = [2, 1, 4, 0, 3, 5].map(|shape: usize| shapes[shape].clone()).into();
    assert_eq!(read_all(file).0, by_target);
}

proptest! {
    #[test]
    fn part_holds_what_its_frame_held_and_is_written_the_same_twice(
        verdicts in prop::collection::vec(any_verdict(), 1..60),
    ) {
        let encoded = encode(&verdicts);
        let file = encoded.files[0].bytes.clone();
        prop_assert_eq!(&encode(&verdicts).files[0].bytes, &file, "I6");
        let manifest = manifest_of(archive::manifest::VERSION, &encoded);
        prop_assert_eq!(Verdicts::check(&manifest, &encoded.part, std::slice::from_ref(&file)), Ok(()));
        let leaves = Verdicts::leaves(std::slice::from_ref(&file), manifest.hour(), None);
        prop_assert_eq!(leaves.as_ref(), Ok(&encoded.leaves), "the leaves of the file are those of the rows");
        let (read, positions) = read_all(file);
        let first = Position::new(Epoch::FIRST, Seq::FIRST, 0).as_i64();
        let mut expected: Vec<(i64, Verdict)> = (first..).zip(verdicts).collect();
        expected.sort_by_key(|(position, verdict)| (verdict.target, *position));
        prop_assert_eq!(positions.into_iter().zip(read).collect::<Vec<_>>(), expected);
    }
}
