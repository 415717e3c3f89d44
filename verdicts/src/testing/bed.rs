//! A verdict log of a few hours in a SQLite file, and its archive in a directory.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use clicktrail_log::{
    archive::{
        Archive,
        seal::{Cursor, Sealer},
        verify::{Report, Verifier},
    },
    embedded::EmbeddedLog,
    frame::Writer,
    log::{Log, Stream},
    position::{Epoch, Position},
    time::{Hour, ManualClock, Timestamp},
};
use uuid::Uuid;

use super::samples::verdict;
use crate::{
    archive::{Manifest, Verdicts},
    frames::to_frames,
    reader::{Ruled, VerdictReader},
    verdict::{Category, Decision, Stage, Verdict},
};

const MINUTE: i64 = 60_000_000;

pub(crate) struct Bed {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) archive: Archive,
    pub(crate) start: Hour,
    /// Everything in the log, in its order.
    pub(crate) ruled: Vec<Ruled>,
}

/// What is ruled in step `step` of ten minutes: seven live verdicts, and now and then a person's about an earlier hour.
fn ruled_in(step: u64) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = (0..7).rev().map(|row| verdict(step * 7 + row)).collect();
    if step % 5 == 4 {
        let manual = Verdict { stage: Stage::Manual, actor: "anna".to_owned(), ..verdict((step - 4) * 7) };
        verdicts.push(match step % 2 {
            0 => Verdict { decision: Decision::Valid, category: None, score_permille: 0, ..manual },
            _ => Verdict { category: Some(Category::Policy), ..manual },
        });
    }
    verdicts
}

/// A log with frames of verdicts every ten minutes for five hours, but none in the third.
pub(crate) async fn bed() -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let start = Hour::parse("2026-03-01T22").unwrap();
    let clock = Arc::new(ManualClock::new(start.start()));
    let path = directory.path().join("log.sqlite");
    let log = Arc::new(EmbeddedLog::open(&path, Stream::Verdicts, Arc::clone(&clock) as Arc<_>).await.unwrap());
    let mut writer = Writer::new(Uuid::from_u128(7), 1);
    let mut ruled = Vec::new();
    for step in (0..30_u64).filter(|step| !(12..18).contains(step)) {
        let logged_at = start.start().plus_micros(i64::try_from(step).unwrap() * 10 * MINUTE);
        clock.set(logged_at);
        let verdicts = ruled_in(step);
        for frame in to_frames(&mut writer, &verdicts).unwrap() {
            let first = Position::new(Epoch::FIRST, log.append(&frame).await.unwrap().seq, 0);
            let places = (0..).map(|row| first.plus_rows(row));
            ruled.extend(places.zip(&verdicts).map(|(position, verdict)| Ruled {
                position,
                logged_at,
                verdict: verdict.clone(),
            }));
        }
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    Bed { directory, log, archive, start, ruled }
}

impl Bed {
    pub(crate) fn sealer(&self) -> Sealer<Verdicts> {
        Sealer::of(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone()).with_part_rows(20)
    }

    pub(crate) fn reader(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone())
    }

    /// Past the fifth hour.
    pub(crate) fn late(&self) -> Timestamp {
        self.start.start().plus_micros(301 * MINUTE)
    }

    /// Seals the next so many hours.
    pub(crate) async fn seal(&self, hours: usize) -> Vec<Manifest> {
        let (sealer, mut manifests) = (self.sealer(), Vec::new());
        // As after a restart: the state is found again from the last manifest alone.
        let last = self.reader().last_sealed().await.unwrap();
        let mut cursor: Cursor = sealer.resume(last).await.unwrap();
        while manifests.len() < hours {
            let Some((manifest, after)) = sealer.seal_next(&cursor, self.late()).await.unwrap() else { break };
            manifests.push(manifest);
            cursor = after;
        }
        manifests
    }

    pub(crate) async fn verify(&self, remembered: &BTreeMap<Hour, String>) -> Report {
        let mut verifier = Verifier::<Verdicts>::of(self.archive.clone(), true);
        for hour in verifier.hours(remembered).await.unwrap() {
            verifier.check(hour, remembered.get(&hour).map(String::as_str)).await.unwrap();
        }
        verifier.finish()
    }

    /// Every file of the archive by its key.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.directory.path().join("archive"), &mut files);
        files
    }
}

fn collect(directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let name = path.to_string_lossy().split_once("/archive/").unwrap().1.to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}
