use std::{borrow::Cow, collections::BTreeSet, fs, path::PathBuf, sync::Arc};

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use clicktrail_evidence::{row::PEOPLE, tree::ranges};
use uuid::Uuid;

use super::*;
use crate::{
    archive::{
        Manifest,
        clicks::Clicks,
        keys::{RedactionKey, SaltsKey},
        part,
        seal::{Cursor, Sealer},
        store::{Archive, Error},
        verify::{Report, Verifier},
    },
    embedded::EmbeddedLog,
    event::CORRECTION_PREFIX,
    frame::Writer,
    log::{Log as _, Stream},
    schema::EventsBuilder,
    testing::any_event,
    time::{Hour, ManualClock, Timestamp},
};

/// Whoever is to go; a text that no other event has.
const ADA: &str = "ada-lovelace-0815";
const ROWS: u64 = 200;

fn hour() -> Hour {
    Hour::parse("2026-03-01T22").unwrap()
}

fn late() -> Timestamp {
    hour().end_exclusive().plus_micros(60_000_000)
}

/// Every fifth event is Ada's, and says so in each column about people. One of them came by a correction.
fn events(numbers: std::ops::Range<u64>) -> RecordBatch {
    let mut builder = EventsBuilder::with_capacity(16);
    for number in numbers {
        let mut event = any_event(number);
        if number % 5 == 0 {
            let text = |text: String| Some(Cow::Owned(text));
            event.user_id = text(ADA.to_owned());
            event.session_id = text(format!("{ADA}-{number}"));
            event.ip = text("203.0.113.99".to_owned());
            event.user_agent = text(format!("Agent of {ADA}"));
            event.page_url = text(format!("https://example.com/?who={ADA}"));
            event.extra = text(format!("{{\"mail\":\"{ADA}\"}}"));
        }
        if number == 10 {
            event.extra = Some(Cow::Owned(format!("{CORRECTION_PREFIX}C-7\"}}")));
        }
        builder.push(&event);
    }
    builder.finish()
}

struct Bed {
    directory: tempfile::TempDir,
    archive: Archive,
    manifest: Manifest,
}

async fn bed(with_trees: bool) -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(hour().start()));
    let log = EmbeddedLog::open(&directory.path().join("log.sqlite"), Stream::Clicks, clock).await.unwrap();
    let mut writer = Writer::new(Uuid::from_u128(7), 1);
    for first in (0..ROWS).step_by(40) {
        let frame = writer.seal(&events(first..first + 40), (hour().start(), hour().start())).unwrap();
        log.append(&frame).await.unwrap();
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let sealer = Sealer::new(Arc::new(log), archive.clone()).with_part_rows(70);
    let sealer = if with_trees { sealer } else { sealer.without_trees() };
    let (manifest, _) = sealer.seal_next(&Cursor::start(), late()).await.unwrap().unwrap();
    assert!(manifest.parts.len() > 1);
    Bed { directory, archive, manifest }
}

/// Rows with this text in a column.
fn of(column: &'static str, text: &'static str) -> Chooses {
    Chooses::new(move |rows| {
        let texts = rows.column_by_name(column).unwrap().as_string::<i32>();
        texts.iter().map(|found| found == Some(text)).collect()
    })
}

impl Bed {
    async fn erase(&self, chooses: &Chooses) -> u64 {
        let hidden = self.archive.redact(&self.manifest, chooses, Cause::Erasure, late()).await.unwrap();
        assert_eq!(hidden.left_alone, 0);
        hidden.rows
    }

    async fn verify(&self) -> Report {
        let mut verifier = Verifier::new(self.archive.clone(), true);
        verifier.check(hour(), None).await.unwrap();
        verifier.finish()
    }

    async fn problems(&self) -> Vec<String> {
        let report = self.verify().await;
        report.problems.iter().map(|problem| format!("{}: {}", problem.key, problem.reason)).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.directory.path().join("archive")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }

    /// Every text that can be read in the archive, parts decoded.
    fn holds(&self, text: &str) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            let bytes = fs::read(path).unwrap();
            let raw = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            raw || path.extension().is_some_and(|extension| extension == "parquet")
                && part::read(bytes.into(), None).unwrap().any(|rows| {
                    let rows = rows.unwrap();
                    let texts = rows.columns().iter().filter_map(|column| column.as_string_opt::<i32>());
                    texts.flat_map(StringArray::iter).flatten().any(|found| found.contains(text))
                })
        };
        self.files().into_iter().filter(holds).collect()
    }

    async fn personal(&self) -> Vec<RecordBatch> {
        let mut all = Vec::new();
        for part in &self.manifest.parts {
            let bytes = self.archive.get_file(&part.personal).await.unwrap();
            all.extend(part::read(bytes, None).unwrap().map(Result::unwrap));
        }
        all
    }
}

#[tokio::test]
async fn erased_values_are_in_no_file_and_what_is_left_leads_to_the_sealed_roots() {
    let bed = bed(true).await;
    assert_eq!(bed.holds(ADA).len(), 2 * bed.manifest.parts.len(), "both halves of each part know her");
    let her = of("user_id", ADA);
    let held = bed.archive.holds_about(&bed.manifest, &her).await.unwrap();
    assert_eq!(held, Held { found: ROWS / 5, erased: 0, rows: ROWS });
    assert_eq!(bed.erase(&her).await, ROWS / 5);

    assert_eq!(bed.holds(ADA), Vec::<PathBuf>::new());
    assert_eq!(bed.holds("203.0.113.99"), Vec::<PathBuf>::new());
    assert!(!bed.archive.holds(&SaltsKey { hour: hour() }.path()).await.unwrap(), "the key gave her salts too");
    let report = bed.verify().await;
    assert_eq!((report.problems.len(), report.redacted, report.erased), (0, 1, ROWS / 5), "{report:?}");
    // What a correction wrote is about nobody.
    let core = bed.archive.get_file(&bed.manifest.parts[0].core).await.unwrap();
    let is_ours = |rows: RecordBatch| {
        let extras = rows.column_by_name("extra").cloned();
        extras.is_some_and(|extras| {
            extras.as_string::<i32>().iter().flatten().any(|extra| extra.starts_with(CORRECTION_PREFIX))
        })
    };
    let files = part::read(core, None).unwrap().map(Result::unwrap).chain(bed.personal().await);
    assert!(files.into_iter().any(is_ours));

    // The others are proved as before, and she cannot be shown.
    let trees = bed.archive.stored_trees::<Clicks>(&bed.manifest).await.unwrap().unwrap();
    let all: Vec<_> = std::iter::once(0..ROWS).collect();
    let left = bed.archive.not_erased(&bed.manifest, &all).await.unwrap();
    assert_eq!(left.iter().map(|range| range.end - range.start).sum::<u64>(), ROWS - ROWS / 5);
    let told = bed.manifest.trees.as_ref().unwrap();
    let key = bed.archive.key_of(told).await.unwrap();
    assert_eq!(key, None);
    let proved = bed.archive.proved_people(&bed.manifest, &trees, &left, None).await.unwrap();
    let mut leaves = Vec::new();
    let mut salts = proved.salts.iter();
    for rows in &proved.rows {
        for row in 0..rows.num_rows() {
            let positions = rows.column(0).as_primitive::<arrow::datatypes::Int64Type>();
            let texts = PEOPLE.iter().map(|name| {
                let texts = rows.column_by_name(name).unwrap().as_string::<i32>();
                match texts.is_valid(row) {
                    true => clicktrail_evidence::row::Value::Text(texts.value(row)),
                    false => clicktrail_evidence::row::Value::Null,
                }
            });
            let values = std::iter::once(clicktrail_evidence::row::Value::Int(positions.value(row))).chain(texts);
            leaves.push(clicktrail_evidence::salt::leaf(salts.next().unwrap(), values));
        }
    }
    let root = &told.people.as_ref().unwrap().root;
    assert_eq!(ranges::verify(&left, ROWS, leaves.iter().copied(), &proved.nodes, root), Ok(()));
    assert!(bed.archive.proved_people(&bed.manifest, &trees, &all, None).await.is_err());

    // Once more changes nothing, and somebody else is the next redaction.
    assert_eq!(bed.erase(&her).await, 0);
    assert!(bed.erase(&of("ip", "2001:db8::-1")).await > 0);
    let newest = bed.archive.redaction(hour()).await.unwrap().unwrap();
    assert_eq!(newest.number, 2);
    assert_eq!(bed.problems().await, [""; 0]);
    let positions = bed.archive.erased_positions(&bed.manifest).await.unwrap();
    assert_eq!(positions.len() as u64, newest.rows);
    assert_eq!(bed.erase(&Chooses::all()).await, ROWS - newest.rows);
    assert_eq!(bed.problems().await, [""; 0]);
    assert_eq!(bed.archive.not_erased(&bed.manifest, &all).await.unwrap(), []);
}

#[tokio::test]
async fn an_hour_without_trees_is_erased_too() {
    let bed = bed(false).await;
    assert_eq!(bed.erase(&of("user_id", ADA)).await, ROWS / 5);
    assert!(bed.erase(&of("ip", "2001:db8::-2")).await > 0);
    assert_eq!(bed.holds(ADA), Vec::<PathBuf>::new());
    assert_eq!(bed.problems().await, [""; 0]);
}

#[tokio::test]
async fn whoever_dies_between_two_steps_leaves_what_the_next_one_finishes() {
    let bed = bed(true).await;
    let copies: Vec<(PathBuf, Vec<u8>)> =
        bed.files().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    bed.erase(&of("user_id", ADA)).await;
    // Died before it removed anything.
    for (path, bytes) in &copies {
        fs::write(path, bytes).unwrap();
    }
    let problems = bed.problems().await;
    assert_eq!(problems.len(), 2 * bed.manifest.parts.len() + 1, "files and key: {problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("personal apply")), "{problems:?}");
    assert_eq!(bed.erase(&of("user_id", ADA)).await, 0);
    assert_eq!(bed.problems().await, [""; 0]);
    assert_eq!(bed.holds(ADA), Vec::<PathBuf>::new());

    // Died before the redaction named what it had written, or while it wrote.
    let (orphan, bytes) = copies.iter().find(|(path, _)| path.to_string_lossy().contains("personal/dt=")).unwrap();
    let name = orphan.file_name().unwrap().to_string_lossy();
    let (frames, _) = name.rsplit_once('-').unwrap();
    for name in [format!("{frames}-{}.parquet", "0".repeat(32)), format!("{name}#1000000000")] {
        let orphan = orphan.with_file_name(name);
        fs::write(&orphan, bytes).unwrap();
        let written = fs::metadata(&orphan).unwrap().modified().unwrap();
        let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
        let written = Timestamp::from_micros(i64::try_from(written).unwrap());
        assert_eq!(bed.archive.sweep(&bed.manifest, written).await.unwrap(), 1, "somebody may be writing it");
        assert!(orphan.exists());
        let later = written.plus_micros(3_700_000_000);
        assert_eq!(bed.archive.sweep(&bed.manifest, later).await.unwrap(), 0);
        assert!(!orphan.exists());
    }
    assert_eq!(bed.problems().await, [""; 0]);
}

#[tokio::test]
async fn what_is_only_missing_is_damage_and_so_is_an_edited_redaction() {
    let bed = bed(true).await;
    let part = &bed.manifest.parts[0];
    let path = bed.directory.path().join("archive").join(&part.personal.key);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(bed.archive.get_file(&part.personal).await, Err(Error::Missing(_))));
    assert_eq!(bed.problems().await.len(), 1);
    fs::write(&path, whole).unwrap();

    bed.erase(&of("user_id", ADA)).await;
    let key = RedactionKey { stream: Stream::Clicks, hour: hour(), number: 1 }.path().to_string();
    let document = bed.directory.path().join("archive").join(&key);
    let sound = fs::read_to_string(&document).unwrap();
    fs::write(&document, sound.replace("\"erasure\"", "\"retention\"")).unwrap();
    let problems: BTreeSet<String> = bed.problems().await.into_iter().collect();
    assert!(problems.iter().any(|problem| problem.contains("edited")), "{problems:?}");
    assert!(matches!(bed.archive.get_file(&part.personal).await, Err(Error::Damaged { .. })));
    fs::write(&document, sound).unwrap();
    // What is left is as exact as what was sealed.
    let left = bed.archive.redaction(hour()).await.unwrap().unwrap();
    let path = bed.directory.path().join("archive").join(&left.parts[0].personal.key);
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(bed.archive.get_file(&part.personal).await, Err(Error::Damaged { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(bed.archive.get_file(&part.personal).await, Err(Error::Missing(_))));
}
