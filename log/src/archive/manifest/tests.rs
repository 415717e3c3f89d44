use std::fs;

use clicktrail_evidence::{
    Hash,
    sealed::{People, Tree},
    tree::Node as _,
};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::*;
use crate::fixtures::{is_writing, path, write};

fn file(key: &str) -> File {
    File { key: key.to_owned(), bytes: 1_234, sha256: Digest::of(key.as_bytes()).to_string() }
}

fn manifest_1() -> Manifest {
    let writer = StoredWriter {
        writer: Uuid::from_u128(7),
        epoch: 2,
        number: 41,
        digest: Digest::of(b"frame").to_string(),
        recent: String::new(),
    };
    let part = Part {
        first_seq: 42,
        last_seq: 43,
        rows: 20,
        event_time_min: 1_772_402_400_000_000,
        event_time_max: 1_772_402_999_000_000,
        core: file("core.parquet"),
        personal: file("personal.parquet"),
    };
    let manifest = Manifest {
        version: VERSION_1,
        stream: "clicks".to_owned(),
        hour: "2026-03-01T22".to_owned(),
        epoch: 1,
        first_seq: 42,
        last_seq: 44,
        frames: 2,
        repeats: 1,
        rows: 20,
        schema_id: "cff16e09552ee9f7".to_owned(),
        previous: Some(Digest::of(b"previous").to_string()),
        writers: vec![writer.clone()],
        last_frames: vec![StoredWriter { number: 43, ..writer }],
        alarms: vec!["frame 42: a \"quoted\" alarm".to_owned()],
        parts: vec![part],
        trees: None,
        checksum: String::new(),
    };
    manifest.sealed()
}

/// The same in version 2: the writer has two branches, and some frames before their ends are remembered.
fn manifest_2() -> Manifest {
    let first = manifest_1();
    let recent = |count: usize| Digest::of(b"before").to_string()[..32].repeat(count);
    let branch = |number: u64, count: usize| StoredWriter { number, recent: recent(count), ..first.writers[0].clone() };
    let (writers, last_frames) = (vec![branch(7, 0), branch(41, 3)], vec![branch(7, 0), branch(43, 5)]);
    Manifest { version: VERSION_2, writers, last_frames, checksum: String::new(), ..first }.sealed()
}

/// What is said of the trees of so many rows.
fn trees(rows: u64) -> Trees {
    let root = |of: &[u8]| if rows == 0 { Hash::empty() } else { Hash::of(of) };
    let key = (rows > 0).then(|| file("hour.key"));
    Trees {
        rows: Tree { leaves: rows, root: root(b"rows") },
        people: Some(People { leaves: rows, root: root(b"people"), key }),
        advertisers: Some(Tree { leaves: rows.min(3), root: root(b"advertisers") }),
        nodes: (rows > 0).then(|| file("hour.nodes")),
    }
}

/// The same in version 3: it has trees.
fn manifest() -> Manifest {
    let before = manifest_2();
    Manifest { version: VERSION, trees: Some(trees(before.rows)), checksum: String::new(), ..before }.sealed()
}

/// The next hour's manifest names these bytes: they change with the version alone.
#[track_caller]
fn check_golden(golden: &str, manifest: &Manifest, named: &str) {
    assert_eq!(String::from_utf8(manifest.to_bytes()).unwrap(), golden);
    assert_eq!(Manifest::<Part>::from_bytes(golden.as_bytes()).unwrap(), *manifest);
    assert_eq!(manifest.digest().to_string(), named, "how the next hour's manifest names this one");
}

#[test]
fn document_has_the_bytes_of_version_1() {
    let golden = include_str!("../../../fixtures/manifest-1.json");
    check_golden(golden, &manifest_1(), "f78b53dd22c0c9f0063b7e42c222d894a30fe6a5d29fe8de2532e0030e55035c");
}

#[test]
fn document_has_the_bytes_of_version_2() {
    let golden = include_str!("../../../fixtures/manifest-2.json");
    check_golden(golden, &manifest_2(), "5ffcd09889c9e5f7c3da75fd870af8a80caaa624d85f8e7fc577bb2523afddc6");
}

#[test]
fn document_has_the_bytes_of_version_3() {
    if is_writing() {
        write("manifest-3.json", manifest().to_bytes());
    }
    let golden = fs::read_to_string(path("manifest-3.json")).unwrap();
    check_golden(&golden, &manifest(), "575744ebfcb1110c6f1772d8ae387d8f256acb6351114d53da8e36eb830ec9ad");
}

/// Versions before 3 have no trees, and 3 has those of its rows.
#[test]
fn trees_stand_where_the_version_has_them_and_nowhere_else() {
    let with = |manifest: Manifest, trees: Option<Trees>| {
        let mut edited = Manifest { trees, checksum: String::new(), ..manifest };
        edited.checksum = edited.expected_checksum();
        Manifest::<Part>::from_bytes(&edited.to_bytes())
    };
    for (of, trees) in [
        (manifest_1(), Some(trees(20))),
        (manifest_2(), Some(trees(20))),
        (manifest(), None),
        (manifest(), Some(trees(21))),
        (manifest(), Some(trees(0))),
        (manifest(), Some(Trees { people: None, advertisers: None, ..trees(20) })),
        (Manifest { stream: "verdicts".to_owned(), ..manifest() }, Some(trees(20))),
    ] {
        let read = with(of, trees);
        assert!(matches!(&read, Err(Error::Contradiction(_))), "{read:?}");
    }
    assert_eq!(with(manifest(), Some(trees(20))).unwrap(), manifest());
}

#[test]
fn version_1_that_remembers_more_is_refused() {
    let mut mixed = Manifest { version: VERSION_1, checksum: String::new(), ..manifest_2() };
    mixed.checksum = mixed.expected_checksum();
    let refused = Manifest::<Part>::from_bytes(&mixed.to_bytes());
    assert!(matches!(&refused, Err(Error::Contradiction(why)) if why.contains("version 1")), "{refused:?}");
}

#[test]
fn later_epoch_of_a_writer_takes_the_place_of_the_one_before_in_version_1_alone() {
    let epochs = |version: u32| {
        let mut manifest = Manifest { version, ..manifest_1() };
        manifest.last_frames[0].epoch = 3;
        let chain = manifest.chain_after().unwrap();
        chain.to_stored().iter().map(|writer| writer.epoch).collect::<Vec<_>>()
    };
    assert_eq!((epochs(VERSION_1), epochs(VERSION_2), epochs(VERSION)), (vec![3], vec![2, 3], vec![2, 3]));
}

#[test]
fn positions_are_those_of_the_frames() {
    let shown = |manifest: &Manifest| {
        let range = manifest.positions();
        (range.start.to_string(), range.end.to_string())
    };
    let busy = manifest();
    assert_eq!(shown(&busy), ("1.42.0".to_owned(), "1.45.0".to_owned()));
    let quiet = Manifest { last_seq: 41, rows: 0, parts: Vec::new(), ..busy };
    assert!(quiet.positions().is_empty());
}

/// What is drawn for a part: frames that no part holds, its frames, its rows, and where its event times begin.
type DrawnPart = (u64, u64, u64, i64);

fn part_of(first_seq: u64, (_, frames, rows, time): DrawnPart) -> Part {
    let last_seq = first_seq + frames - 1;
    let key = |half: &str| format!("{half}/{first_seq}-{last_seq}.parquet");
    Part {
        first_seq,
        last_seq,
        rows,
        event_time_min: time,
        event_time_max: time.saturating_add(1_000),
        core: file(&key("clicks")),
        personal: file(&key("personal")),
    }
}

fn writers() -> impl Strategy<Value = Vec<StoredWriter>> {
    let writer = (any::<u128>(), any::<u32>(), any::<u64>(), any::<[u8; 32]>());
    let stored = |(writer, epoch, number, digest)| StoredWriter {
        writer: Uuid::from_u128(writer),
        epoch,
        number,
        digest: Digest(digest).to_string(),
        recent: Digest(digest).to_string()[..32].repeat(usize::from(digest[0] % 4)),
    };
    vec(writer.prop_map(stored), 0..4)
}

prop_compose! {
    /// A manifest that does not contradict itself, of any hour, busy or quiet.
    fn manifests()(
        hour in 0..1_000_000_i64,
        epoch in 1..=127_u8,
        first_seq in 1..1_000_000_u64,
        parts in vec((0..3_u64, 1..5_u64, 0..1_000_u64, any::<i64>()), 0..5),
        (writers, last_frames) in (writers(), writers()),
        alarms in vec(".*", 0..3),
        previous in option::of(any::<[u8; 32]>()),
        repeats in any::<u64>(),
    ) -> Manifest {
        let mut next = first_seq;
        let parts: Vec<Part> = parts.into_iter().map(|drawn| {
            let part = part_of(next + drawn.0, drawn);
            next = part.last_seq + 1;
            part
        }).collect();
        let manifest = Manifest {
            hour: Hour::from_i64(hour).to_string(),
            epoch,
            first_seq,
            last_seq: next - 1,
            repeats,
            rows: parts.iter().map(|part| part.rows).sum(),
            previous: previous.map(|digest| Digest(digest).to_string()),
            writers,
            last_frames,
            alarms,
            trees: Some(trees(parts.iter().map(|part| part.rows).sum())),
            parts,
            ..manifest()
        };
        manifest.sealed()
    }
}

proptest! {
    #[test]
    fn document_reads_back_as_the_manifest(manifest in manifests()) {
        let bytes = manifest.to_bytes();
        let read = Manifest::<Part>::from_bytes(&bytes).unwrap();
        prop_assert_eq!(read.digest(), Digest::of(&bytes));
        prop_assert_eq!(read.positions().start.seq(), manifest.first_seq());
        let stored = |manifest: &Manifest<Part>| manifest.chain_after().map(|chain| chain.to_stored());
        prop_assert_eq!(stored(&read), stored(&manifest));
        prop_assert_eq!(read, manifest);
    }

    #[test]
    fn no_changed_byte_is_read_over(manifest in manifests(), at: usize, flipped in 1..=255_u8) {
        let mut bytes = manifest.to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= flipped;
        prop_assert!(Manifest::<Part>::from_bytes(&bytes).is_err(), "byte {} of {}", at, bytes.len());
    }
}
