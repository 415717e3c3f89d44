#![expect(clippy::single_range_in_vec_init, reason = "one range is meant as one range")]

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray},
    compute::concat_batches,
    datatypes::{DataType, Int64Type, TimestampMicrosecondType},
};
use clicktrail_evidence::{
    Hash,
    advertisers::Key,
    row::{self, PEOPLE, Value},
    salt::{self, HourKey},
    tree::ranges,
};
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::prove;
use crate::{
    archive::{
        Manifest,
        clicks::Clicks,
        entry::File,
        keys::{Half, ManifestKey, PartKey, SaltsKey},
        part,
        seal::{Cursor, Sealer},
        store::{Archive, Error},
        verify::{Report, Verifier},
    },
    embedded::EmbeddedLog,
    frame::{Digest, Writer},
    log::{Log as _, Stream},
    position::Seq,
    schema,
    testing::any_events,
    time::{Hour, ManualClock, Timestamp},
};

fn hour() -> Hour {
    Hour::parse("2026-03-01T22").unwrap()
}

fn late() -> Timestamp {
    hour().end_exclusive().plus_micros(60_000_000)
}

fn known_key(_hour: Hour) -> Result<HourKey, salt::Error> {
    Ok(HourKey::from_bytes([7; 32]))
}

/// A log with frames of so many events each, all of one hour.
async fn log_of(frames: &[u64]) -> (tempfile::TempDir, Arc<EmbeddedLog>) {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(hour().start()));
    let log = EmbeddedLog::open(&directory.path().join("log.sqlite"), Stream::Clicks, clock).await.unwrap();
    let (mut writer, mut first) = (Writer::new(Uuid::from_u128(7), 1), 0);
    for rows in frames {
        let frame = writer.seal(&any_events(first..first + rows), (hour().start(), hour().start())).unwrap();
        log.append(&frame).await.unwrap();
        first += rows;
    }
    (directory, Arc::new(log))
}

/// A sealed hour in memory.
struct Sealed {
    store: Arc<InMemory>,
    archive: Archive,
    manifest: Manifest,
}

async fn sealed(frames: &[u64], part_rows: usize) -> Sealed {
    let (_directory, log) = log_of(frames).await;
    let store = Arc::new(InMemory::new());
    let archive = Archive::from_store(Arc::clone(&store) as Arc<_>);
    let sealer = Sealer::new(log, archive.clone()).with_part_rows(part_rows).with_keys(known_key);
    let (manifest, _) = sealer.seal_next(&Cursor::start(), late()).await.unwrap().unwrap();
    Sealed { store, archive, manifest }
}

impl Sealed {
    async fn file(&self, file: &File) -> RecordBatch {
        let reader = part::read(self.archive.get_file(file).await.unwrap(), None).unwrap();
        concat_batches(
            &arrow::array::RecordBatchReader::schema(&reader),
            &reader.map(Result::unwrap).collect::<Vec<_>>(),
        )
        .unwrap()
    }

    /// All rows of the hour in the order of its parts.
    async fn rows(&self) -> Vec<RecordBatch> {
        let mut parts = Vec::new();
        for part in &self.manifest.parts {
            let (core, personal) = (self.file(&part.core).await, self.file(&part.personal).await);
            let column = |name: &str| {
                core.column_by_name(name).or_else(|| personal.column_by_name(name)).map(Arc::clone).unwrap()
            };
            let columns = schema::read().fields().iter().map(|field| column(field.name())).collect();
            parts.push(RecordBatch::try_new(schema::read(), columns).unwrap());
        }
        parts
    }

    async fn verify(&self, deep: bool) -> Report {
        let mut verifier = Verifier::new(self.archive.clone(), deep);
        verifier.check(hour(), None).await.unwrap();
        verifier.finish()
    }

    /// What `log verify` says, as `key: reason`.
    async fn problems(&self, deep: bool) -> Vec<String> {
        let report = self.verify(deep).await;
        report.problems.iter().map(|problem| format!("{}: {}", problem.key, problem.reason)).collect()
    }

    async fn put(&self, key: &str, bytes: impl Into<bytes::Bytes>) {
        self.store.put(&Path::from(key), bytes.into().into()).await.unwrap();
    }

    /// Seals the first part with other rows, as somebody would who can write everything but a signature.
    async fn forge(&mut self, edit: impl FnOnce(&RecordBatch) -> RecordBatch) {
        let rows = edit(&self.rows().await[0]);
        let encoded = part::encode(&[rows]).unwrap();
        let part = self.manifest.parts[0].clone();
        let seq = |seq: u64| Seq::new(seq).unwrap();
        let mut files = Vec::new();
        for (half, bytes) in [(Half::Core, encoded.core), (Half::Personal, encoded.personal)] {
            let digest = Digest::of(&bytes);
            let key = PartKey::new(half, hour(), seq(part.first_seq), seq(part.last_seq), &digest).path().to_string();
            self.put(&key, bytes.clone()).await;
            files.push(File { key, bytes: bytes.len() as u64, sha256: digest.to_string() });
        }
        let dropped = part.rows - encoded.rows;
        let manifest = &mut self.manifest;
        let forged = &mut manifest.parts[0];
        (forged.personal, forged.core) = (files.pop().unwrap(), files.pop().unwrap());
        forged.rows = encoded.rows;
        manifest.rows -= dropped;
        let trees = manifest.trees.as_mut().unwrap();
        trees.rows.leaves -= dropped;
        trees.people.as_mut().unwrap().leaves -= dropped;
        manifest.checksum.clear();
        self.manifest = manifest.clone().sealed();
        let key = ManifestKey { stream: Stream::Clicks, hour: hour() }.path();
        self.put(key.as_ref(), self.manifest.to_bytes()).await;
    }
}

/// The value of a column as the encoding has it, told by its type.
fn value<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Value<'b> {
    let column: &ArrayRef = batch.column_by_name(name).unwrap();
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int64 => Value::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Timestamp(..) => Value::Int(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row)),
        other => panic!("{name} has the type {other}"),
    }
}

/// The leaves of both trees over rows, by their definition.
fn leaves_of(batch: &RecordBatch) -> (Vec<Hash>, Vec<Hash>) {
    let key = known_key(hour()).unwrap();
    let names: Vec<String> = schema::read().fields().iter().map(|field| field.name().clone()).collect();
    let leaf = |row: usize| {
        let is_core = |name: &&String| !PEOPLE.contains(&name.as_str());
        let core = names.iter().filter(is_core).map(|name| value(batch, name, row));
        let Value::Int(position) = value(batch, "position", row) else { panic!("a position is an integer") };
        let people = ["position"].into_iter().chain(PEOPLE).map(|name| value(batch, name, row));
        let people = [key.salt(position).0.as_slice(), &row::encode(row::Kind::People, people)].concat();
        (Hash::leaf(&row::encode(row::Kind::Clicks, core)), Hash::leaf(&people))
    };
    (0..batch.num_rows()).map(leaf).unzip()
}

/// The definition of RFC 6962.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(b""),
        [leaf] => *leaf,
        _ => {
            let middle = (1..leaves.len()).rev().find(|size| size.is_power_of_two()).unwrap();
            Hash::node(&root(&leaves[..middle]), &root(&leaves[middle..]))
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn check_trees_of(frames: &[u64], part_rows: usize) {
    let sealed = sealed(frames, part_rows).await;
    let parts = sealed.rows().await;
    let (rows, people): (Vec<Vec<Hash>>, Vec<Vec<Hash>>) = parts.iter().map(leaves_of).unzip();
    let told = sealed.manifest.trees.clone().unwrap();
    assert_eq!((told.rows.leaves, told.rows.root), (sealed.manifest.rows, root(&rows.concat())));
    assert_eq!(told.people.as_ref().unwrap().root, root(&people.concat()));
    // Whose rows are where, counted row by row.
    let mut of_advertisers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let names =
        parts.iter().flat_map(|part| part.column_by_name("advertiser_id").unwrap().as_string::<i32>().iter().flatten());
    for (row, name) in (0..).zip(names) {
        of_advertisers.entry(name.to_owned()).or_default().push(row);
    }
    let stored = sealed.archive.stored_trees::<Clicks>(&sealed.manifest).await.unwrap().unwrap();
    let (advertisers, root) =
        (told.advertisers.as_ref().unwrap().leaves, told.advertisers_root(told.rows.leaves).unwrap());
    assert_eq!(advertisers, of_advertisers.len() as u64);
    of_advertisers.insert("nobody".to_owned(), Vec::new());
    for (name, rows) in of_advertisers {
        let proof = prove::advertiser(&stored, hour(), &name).unwrap();
        let key = Key::new(&hour().to_string(), &name);
        assert_eq!(proof.verify(key, advertisers, &root, told.rows.leaves), Ok(rows.len() as u64), "{name}");
        let proved: Vec<u64> = proof.runs().iter().flat_map(|run| run.range().unwrap()).collect();
        assert_eq!(proved, rows, "{name}");
    }
    assert_eq!(sealed.archive.recomputed_trees::<Clicks>(&sealed.manifest).await.unwrap(), Some(stored));
    assert_eq!(sealed.problems(true).await, [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_rows_in_any_parts_have_the_trees_of_their_definition(
        frames in vec(1..120_u64, 1..6),
        part_rows in 1..200_usize,
    ) {
        runtime().block_on(check_trees_of(&frames, part_rows));
    }

    #[test]
    fn any_rows_are_proved_with_stored_nodes(
        frames in vec(100..400_u64, 1..4),
        part_rows in 50..500_usize,
        drawn in vec((0..300_u64, 1..80_u64), 1..4),
    ) {
        runtime().block_on(check_proofs_of(&frames, part_rows, &drawn));
    }
}

async fn check_proofs_of(frames: &[u64], part_rows: usize, drawn: &[(u64, u64)]) {
    let sealed = sealed(frames, part_rows).await;
    let (archive, manifest) = (&sealed.archive, &sealed.manifest);
    let (mut from, mut asked) = (0, Vec::<Range<u64>>::new());
    for (gap, length) in drawn {
        let range = from + gap..(from + gap + length).min(manifest.rows);
        if !range.is_empty() {
            from = range.end;
            asked.push(range);
        }
    }
    let trees = archive.stored_trees::<Clicks>(manifest).await.unwrap().unwrap();
    let told = manifest.trees.as_ref().unwrap();
    let whole = concat_batches(&schema::read(), &sealed.rows().await).unwrap();
    let rows: Vec<usize> = asked.iter().cloned().flatten().map(|row| usize::try_from(row).unwrap()).collect();
    let expected = |name: &str| rows.iter().map(|row| format!("{:?}", value(&whole, name, *row))).collect::<Vec<_>>();
    let found = |batches: &[RecordBatch], name: &str| -> Vec<String> {
        let of = |batch: &RecordBatch| {
            (0..batch.num_rows()).map(|row| format!("{:?}", value(batch, name, row))).collect::<Vec<_>>()
        };
        batches.iter().flat_map(of).collect()
    };

    let proved = archive.proved_rows(manifest, &trees, &asked).await.unwrap();
    for field in schema::core().fields() {
        assert_eq!(found(&proved.rows, field.name()), expected(field.name()), "{}", field.name());
    }
    let (of_rows, of_people) = leaves_of(&whole);
    let shown = |leaves: &[Hash]| rows.iter().map(|row| leaves[*row]).collect::<Vec<_>>();
    let verified = ranges::verify(&asked, manifest.rows, shown(&of_rows), &proved.nodes, &told.rows.root);
    assert_eq!(verified, Ok(()));

    let key = archive.key_of(told).await.unwrap().unwrap();
    let proved = archive.proved_people(manifest, &trees, &asked, Some(&key)).await.unwrap();
    for name in PEOPLE {
        assert_eq!(found(&proved.rows, name), expected(name), "{name}");
    }
    assert_eq!(proved.salts.len(), rows.len());
    let root = &told.people.as_ref().unwrap().root;
    assert_eq!(ranges::verify(&asked, manifest.rows, shown(&of_people), &proved.nodes, root), Ok(()));
}

/// A column of a batch, with another value in a row.
fn with(batch: &RecordBatch, name: &str, row: usize, edit: impl Fn(&str) -> String) -> RecordBatch {
    let index = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[index] = match columns[index].data_type() {
        DataType::Int64 => {
            let mut values = columns[index].as_primitive::<Int64Type>().values().to_vec();
            values[row] = edit(&values[row].to_string()).parse().unwrap();
            Arc::new(Int64Array::from(values))
        }
        _ => {
            let texts = columns[index].as_string::<i32>();
            let text = |(at, text): (usize, Option<&str>)| {
                if at == row { Some(edit(text.unwrap_or_default())) } else { text.map(str::to_owned) }
            };
            Arc::new(texts.iter().enumerate().map(text).collect::<StringArray>())
        }
    };
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// Digests, checksums and the order of rows are all as they should be; only the trees tell.
#[tokio::test]
async fn rows_that_were_forged_with_their_manifest_are_named_by_the_trees() {
    type Edit = fn(&RecordBatch) -> RecordBatch;
    let cases: [(&str, Edit, &str); 6] = [
        ("a price", |rows| with(rows, "price_micros", 3, |price| format!("{price}1")), "its tree of rows"),
        ("an id", |rows| with(rows, "event_id", 3, |id| id.replace("event", "evenu")), "its tree of rows"),
        (
            "a row moved to another advertiser",
            |rows| with(rows, "advertiser_id", 3, |_| "advertiser-2".to_owned()),
            "its tree of rows",
        ),
        ("a row dropped", |rows| rows.slice(1, rows.num_rows() - 1), "its tree of rows"),
        ("an address", |rows| with(rows, "ip", 3, |ip| format!("{ip}9")), "its tree of what is about people"),
        ("a user", |rows| with(rows, "user_id", 3, |user| format!("{user}9")), "its tree of what is about people"),
    ];
    for (case, edit, expected) in cases {
        let mut sealed = sealed(&[40, 40], 50).await;
        assert_eq!(sealed.problems(true).await, [""; 0]);
        sealed.forge(edit).await;
        let problems = sealed.problems(true).await;
        let manifest = "manifests/clicks/2026-03-01T22.json";
        let is_named = problems.iter().any(|problem| problem.starts_with(manifest) && problem.contains(expected));
        assert!(is_named, "{case}: {problems:?}");
        let refused = sealed.archive.recomputed_trees::<Clicks>(&sealed.manifest).await.unwrap_err();
        assert!(matches!(&refused, Error::Damaged { key, .. } if key == manifest), "{case}: {refused}");
    }
}

#[tokio::test]
async fn what_stands_beside_the_parts_is_checked_without_reading_them() {
    let nodes = |sealed: &Sealed| sealed.manifest.trees.as_ref().unwrap().nodes.clone().unwrap();
    let good = sealed(&[600], 1_000).await;
    let nodes_file = nodes(&good);
    let bytes = good.archive.get_file(&nodes_file).await.unwrap();
    for at in [0, 9, 40, 100, bytes.len() - 1] {
        let sealed = sealed(&[600], 1_000).await;
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1;
        sealed.put(&nodes_file.key, damaged).await;
        let problems = sealed.problems(false).await;
        assert!(matches!(&problems[..], [problem] if problem.starts_with(&nodes_file.key)), "{at}: {problems:?}");
    }
    // Nodes of another hour, whose digest is right.
    let mut forged = sealed(&[600], 1_000).await;
    let other = sealed(&[599, 1], 1_000).await;
    let others = other.archive.get(&Path::from(nodes(&other).key.as_str())).await.unwrap();
    let mut file = nodes(&other);
    file.key = nodes_file.key.clone();
    forged.put(&file.key, others).await;
    forged.manifest.trees.as_mut().unwrap().nodes = Some(file);
    let refused = forged.archive.stored_trees::<Clicks>(&forged.manifest).await.unwrap_err().to_string();
    assert!(refused.contains("another root of rows"), "{refused}");
    // The key.
    let key = SaltsKey { hour: hour() }.path();
    let sealed = sealed(&[600], 1_000).await;
    sealed.put(key.as_ref(), HourKey::from_bytes([8; 32]).to_file()).await;
    let problems = sealed.problems(true).await;
    assert!(matches!(&problems[..], [problem] if problem.starts_with(key.as_ref())), "{problems:?}");
}

#[tokio::test]
async fn rows_are_not_proved_from_a_part_that_is_not_what_was_sealed() {
    let mut sealed = sealed(&[700], 1_000).await;
    let trees = sealed.archive.stored_trees::<Clicks>(&sealed.manifest).await.unwrap().unwrap();
    sealed.forge(|rows| with(rows, "price_micros", 300, |price| format!("{price}1"))).await;
    let refused = sealed.archive.proved_rows(&sealed.manifest, &trees, &[290..310]).await.unwrap_err();
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    // What is not asked for is not looked at.
    sealed.archive.proved_rows(&sealed.manifest, &trees, &[520..600]).await.unwrap();
    let refused = sealed.archive.proved_rows(&sealed.manifest, &trees, &[690..701]).await.unwrap_err();
    assert!(matches!(refused, Error::Setup(_)), "{refused}");
}

#[tokio::test]
async fn key_of_an_hour_is_made_once_and_adopted_by_whoever_comes_later() {
    let (_directory, log) = log_of(&[30]).await;
    let archive = Archive::from_store(Arc::new(InMemory::new()));
    let sealer = || Sealer::new(Arc::clone(&log) as Arc<_>, archive.clone());
    // Died after the key and before the manifest.
    let made = archive.salts(hour(), |_| HourKey::random()).await.unwrap();
    let (first, second) = (sealer(), sealer());
    let start = Cursor::start();
    let (one, two) = tokio::join!(first.seal_next(&start, late()), second.seal_next(&start, late()));
    let (one, two) = (one.unwrap().unwrap().0, two.unwrap().unwrap().0);
    assert_eq!(one, two);
    assert_eq!(one.trees.as_ref().unwrap().people.as_ref().unwrap().key, Some(made.file));
    assert_eq!(archive.key_of(one.trees.as_ref().unwrap()).await.unwrap(), Some(made.key));
    // Two archives have two keys, and so other leaves of people over the same rows.
    let other = Archive::from_store(Arc::new(InMemory::new()));
    let (other, _) = Sealer::new(log, other).seal_next(&Cursor::start(), late()).await.unwrap().unwrap();
    let (one, other) = (one.trees.unwrap(), other.trees.unwrap());
    assert_eq!(one.rows, other.rows);
    assert_ne!(one.people.unwrap().root, other.people.unwrap().root);
}

#[tokio::test]
async fn key_that_is_damaged_stops_sealing_and_is_named() {
    let (_directory, log) = log_of(&[30]).await;
    let store = Arc::new(InMemory::new());
    store.put(&SaltsKey { hour: hour() }.path(), "something else".into()).await.unwrap();
    let sealer = Sealer::new(log, Archive::from_store(store));
    let refused = sealer.seal_next(&Cursor::start(), late()).await.unwrap_err();
    let told = crate::causes::causes(&refused);
    assert!(told.contains("personal/keys/2026-03-01T22.key") && told.contains("no key"), "{told}");
}

#[tokio::test]
async fn hour_from_before_there_were_trees_reads_and_says_so() {
    let (_directory, log) = log_of(&[30]).await;
    let archive = Archive::from_store(Arc::new(InMemory::new()));
    let sealer = Sealer::new(log, archive.clone()).without_trees();
    let (manifest, _) = sealer.seal_next(&Cursor::start(), late()).await.unwrap().unwrap();
    assert_eq!((manifest.version, &manifest.trees), (2, &None));
    assert_eq!(archive.manifest::<Clicks>(hour()).await.unwrap().as_ref(), Some(&manifest));
    assert_eq!(archive.stored_trees::<Clicks>(&manifest).await.unwrap(), None);
    assert_eq!(archive.recomputed_trees::<Clicks>(&manifest).await.unwrap(), None);
    let mut verifier = Verifier::new(archive, true);
    verifier.check(hour(), None).await.unwrap();
    let report = verifier.finish();
    assert_eq!((report.problems, report.without_trees), (vec![], 1));
}
