use std::{collections::BTreeMap, path::Path, sync::Arc};

use clicktrail_evidence::salt::HourKey;
use uuid::Uuid;

use crate::{
    archive::{
        locate::locate,
        manifest::Manifest,
        seal::{self, Cursor, Sealer},
        store::Archive,
        verify::{Report, Verifier},
    },
    embedded::EmbeddedLog,
    frame::Writer,
    log::{Log, Stream},
    position::{Epoch, Seq},
    testing::clicks,
    time::{Hour, ManualClock, Timestamp},
};

const MINUTE: i64 = 60_000_000;

struct Bed {
    directory: tempfile::TempDir,
    log: Arc<EmbeddedLog>,
    archive: Archive,
    start: Hour,
}

/// A log with frames of ten clicks every ten minutes for five hours, but none in the third.
async fn bed() -> Bed {
    bed_of(&mut [Writer::new(Uuid::from_u128(7), 1)]).await
}

/// The same by several processes that take turns.
async fn bed_of(writers: &mut [Writer]) -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let start = Hour::parse("2026-03-01T22").unwrap();
    let clock = Arc::new(ManualClock::new(start.start()));
    let path = directory.path().join("log.sqlite");
    let log = Arc::new(EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<_>).await.unwrap());
    for step in (0..30_i64).filter(|step| !(12..18).contains(step)) {
        let now = start.start().plus_micros(step * 10 * MINUTE);
        clock.set(now);
        let first = u64::try_from(step).unwrap() * 10;
        // Event times reach a day back, so that the order in a part is not the order in the log.
        let batch = clicks(first..first + 10, now.micros() - (step % 5) * 24 * 60 * MINUTE);
        let turn = usize::try_from(step).unwrap() % writers.len();
        log.append(&writers[turn].seal(&batch, (now, now)).unwrap()).await.unwrap();
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    Bed { directory, log, archive, start }
}

/// As random as the tests need it: another one for each hour.
fn known_key(hour: Hour) -> Result<HourKey, clicktrail_evidence::salt::Error> {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&hour.as_i64().to_be_bytes());
    Ok(HourKey::from_bytes(bytes))
}

impl Bed {
    fn sealer(&self) -> Sealer {
        Sealer::new(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone()).with_part_rows(25).with_keys(known_key)
    }

    /// Past the fifth hour.
    fn late(&self) -> Timestamp {
        self.start.start().plus_micros(301 * MINUTE)
    }

    async fn seal_all(&self) -> Vec<Manifest> {
        let (sealer, mut cursor, mut manifests) = (self.sealer(), Cursor::start(), Vec::new());
        while let Some((manifest, after)) = sealer.seal_next(&cursor, self.late()).await.unwrap() {
            manifests.push(manifest);
            cursor = after;
        }
        manifests
    }

    async fn verify(&self, remembered: &BTreeMap<Hour, String>) -> Report {
        let mut verifier = Verifier::new(self.archive.clone(), true);
        for hour in verifier.hours(remembered).await.unwrap() {
            verifier.check(hour, remembered.get(&hour).map(String::as_str)).await.unwrap();
        }
        verifier.finish()
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
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

#[tokio::test]
async fn hours_are_contiguous_quiet_ones_included_and_read_back() {
    let bed = bed().await;
    let manifests = bed.seal_all().await;
    let rows: Vec<u64> = manifests.iter().map(|manifest| manifest.rows).collect();
    assert_eq!(rows, [60, 60, 0, 60, 60]);
    assert_eq!(manifests.iter().map(|manifest| manifest.parts.len()).collect::<Vec<_>>(), [2, 2, 0, 2, 2]);
    for pair in manifests.windows(2) {
        assert_eq!(pair[1].first_seq, pair[0].last_seq + 1, "I4");
        assert_eq!(pair[1].previous, Some(pair[0].digest().to_string()));
    }
    let report = bed.verify(&BTreeMap::new()).await;
    assert_eq!(report.problems, []);
    assert_eq!((report.hours, report.parts, report.rows), (5, 8, 240));
}

#[tokio::test]
async fn sealing_again_gives_the_same_bytes_wherever_it_stopped() {
    let one = bed().await;
    one.seal_all().await;
    for stop in 0..5 {
        let other = bed().await;
        let mut cursor = Cursor::start();
        let mut last = None;
        for _ in 0..stop {
            let (manifest, after) = other.sealer().seal_next(&cursor, other.late()).await.unwrap().unwrap();
            last = Some(manifest.hour());
            cursor = after;
        }
        // A crash: the state is found again from the last manifest alone.
        let sealer = other.sealer();
        let mut cursor = sealer.resume(last).await.unwrap();
        while let Some((_, after)) = sealer.seal_next(&cursor, other.late()).await.unwrap() {
            cursor = after;
        }
        assert!(one.files() == other.files(), "stopped after {stop} hours");
    }
}

/// Three processes under one identity, as on copies of a data directory: each row counts, and the first hour tells.
#[tokio::test]
async fn rows_of_forked_writers_count_and_the_manifest_keeps_the_story() {
    let forked = || [(); 3].map(|()| Writer::new(Uuid::from_u128(7), 1));
    let one = bed_of(&mut forked()).await;
    let manifests = one.seal_all().await;
    let told: Vec<_> = manifests.iter().map(|hour| (hour.rows, hour.repeats, hour.alarms.len())).collect();
    assert_eq!(told, [(60, 0, 2), (60, 0, 0), (0, 0, 0), (60, 0, 0), (60, 0, 0)]);
    assert!(manifests[0].alarms.iter().all(|alarm| alarm.contains("was used before")), "{:?}", manifests[0].alarms);
    assert_eq!(manifests[4].chain_after().unwrap().to_stored().len(), 3, "each branch goes on");
    let report = one.verify(&BTreeMap::new()).await;
    let alarms = report.problems.iter().filter(|problem| problem.reason.starts_with("sealed with an alarm"));
    assert_eq!((report.rows, alarms.count(), report.problems.len()), (240, 2, 2));
    for stop in 1..5 {
        let other = bed_of(&mut forked()).await;
        let sealer = other.sealer();
        let mut cursor = Cursor::start();
        for done in 0..5 {
            let (manifest, after) = sealer.seal_next(&cursor, other.late()).await.unwrap().unwrap();
            cursor = if done + 1 == stop { sealer.resume(Some(manifest.hour())).await.unwrap() } else { after };
        }
        assert!(one.files() == other.files(), "begun again after {stop} hours");
    }
}

#[tokio::test]
async fn hour_that_is_not_over_is_not_sealed() {
    let bed = bed().await;
    let sealed = bed.sealer().seal_next(&Cursor::start(), bed.start.end_exclusive()).await.unwrap();
    assert!(sealed.is_none(), "frames may still be on their way");
}

#[tokio::test]
async fn sealed_hour_is_adopted_and_never_cut_again() {
    let bed = bed().await;
    let manifests = bed.seal_all().await;
    // A straggler that the log dates back into the first hour changes nothing that is sealed.
    let again = bed.seal_all().await;
    assert_eq!(manifests, again, "I3");
}

/// Does something to one file and expects the verifier to name it.
async fn check_damage(key: &str, damage: impl Fn(&Path)) {
    let bed = bed().await;
    let remembered =
        bed.seal_all().await.iter().map(|manifest| (manifest.hour(), manifest.digest().to_string())).collect();
    let files = bed.files();
    let is_it = |name: &&String| name.starts_with(key) || name.ends_with(key);
    let name = files.keys().rfind(is_it).unwrap_or_else(|| panic!("{key}")).clone();
    damage(&bed.directory.path().join("archive").join(&name));
    let report = bed.verify(&remembered).await;
    assert!(report.problems.iter().any(|problem| problem.key == name), "{name}: {:?}", report.problems);
    if !name.starts_with("manifests") {
        assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    }
}

#[tokio::test]
async fn damage_is_found_and_named() {
    let files = [
        "clicks/dt=2026-03-01/hr=22",
        "personal/dt=2026-03-02",
        "evidence/nodes/clicks/dt=2026-03-02/hr=01",
        "personal/keys/2026-03-01T23.key",
        "2026-03-01T22.json",
        "2026-03-02T00.json",
        "2026-03-02T02.json",
    ];
    for key in files {
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
        check_damage(key, |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes.push(b' ');
            std::fs::write(path, bytes).unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn changed_or_missing_filter_is_named_once() {
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    check_damage("identities/dt=2026-03-01/hr=22", flip).await;
    check_damage("identities/dt=2026-03-02/hr=02", flip).await;
    check_damage("identities/dt=2026-03-01/hr=22", |path| std::fs::remove_file(path).unwrap()).await;
}

#[tokio::test]
async fn corrupt_frame_stops_sealing_and_is_named() {
    let bed = bed().await;
    let pool =
        sqlx::SqlitePool::connect(&format!("sqlite:{}/log.sqlite", bed.directory.path().display())).await.unwrap();
    sqlx::raw_sql("DROP TRIGGER frames_never_change; UPDATE frames SET payload = zeroblob(500) WHERE seq = 3")
        .execute(&pool)
        .await
        .unwrap();
    let error = bed.sealer().seal_next(&Cursor::start(), bed.late()).await.unwrap_err();
    assert_eq!(error.to_string(), "frame 3 of the log cannot be decoded");
    assert!(bed.files().keys().all(|name| !name.starts_with("manifests")));
}

#[tokio::test]
async fn wide_rows_end_a_part_by_their_bytes_and_a_frame_is_never_cut() {
    let bed = bed().await;
    let frame = clicks(0..10, 0);
    let bytes = crate::batch::arrow_bytes(&frame);
    // Two frames fill a part by bytes, where six would by rows.
    let sealer = bed.sealer().with_part_rows(60).with_part_bytes(bytes * 3 / 2);
    let (manifest, _) = sealer.seal_next(&Cursor::start(), bed.late()).await.unwrap().unwrap();
    assert_eq!(manifest.parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [20, 20, 20]);
    assert_eq!(bed.verify(&BTreeMap::new()).await.problems, []);
}

/// A log with a frame of ten clicks at each of these minutes behind `start`, in this order.
async fn logged_at(minutes: &[i64]) -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let start = Hour::parse("2026-03-01T22").unwrap();
    let clock = Arc::new(ManualClock::new(start.start()));
    let path = directory.path().join("log.sqlite");
    let log = Arc::new(EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<_>).await.unwrap());
    let mut writer = Writer::new(Uuid::from_u128(7), 1);
    for (minute, step) in minutes.iter().zip(0_u64..) {
        let now = start.start().plus_micros(minute * MINUTE);
        clock.set(now);
        let batch = clicks(step * 10..step * 10 + 10, now.micros());
        log.append(&writer.seal(&batch, (now, now)).unwrap()).await.unwrap();
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    Bed { directory, log, archive, start }
}

/// A clock that jumps years ahead and back, also before the first frame and behind the last.
#[tokio::test]
async fn frame_that_a_wrong_clock_logged_in_the_future_keeps_no_hour_open() {
    const YEARS: i64 = 5 * 365 * 24 * 60;
    for (minutes, expected) in
        [(&[10, YEARS, 20, 70, YEARS + 1, 80, 130, YEARS][..], &[30, 30][..]), (&[YEARS, 10, 70, 80], &[20, 20])]
    {
        let bed = logged_at(minutes).await;
        let (sealer, mut cursor, mut rows) = (bed.sealer(), Cursor::start(), Vec::new());
        let now = bed.start.start().plus_micros(125 * MINUTE);
        while let Some((manifest, after)) = sealer.seal_next(&cursor, now).await.unwrap() {
            assert_eq!(manifest.first_seq(), cursor.next_seq(), "I4");
            rows.push(manifest.rows);
            cursor = after;
        }
        assert_eq!(rows, expected, "{minutes:?}");
        assert_eq!(bed.verify(&BTreeMap::new()).await.problems, []);
    }
}

/// An older copy of a log: three frames of ten that others know of.
#[tokio::test]
async fn closed_hour_says_what_was_lost_and_the_next_epoch_goes_on_behind_it() {
    let bed = logged_at(&[10, 20, 30]).await;
    let now = bed.start.start().plus_micros(40 * MINUTE);
    let last = Seq::new(10).unwrap();
    let (closed, cursor) = bed.sealer().close(&Cursor::start(), last, "the disk died", now).await.unwrap();
    assert_eq!((closed.frames, closed.rows, closed.last_seq()), (3, 30, last));
    assert!(closed.ends_epoch() && closed.alarms[0].contains("frames 4 to 10 were lost: the disk died"), "{closed:?}");
    // The same once more: it stands.
    let (again, _) = bed.sealer().close(&Cursor::start(), last, "another word", now).await.unwrap();
    assert_eq!(again, closed);

    let second = Epoch::new(2).unwrap();
    bed.log.begin_epoch(second, cursor.next_seq()).await.unwrap();
    let clock = Arc::new(ManualClock::new(now));
    let path = bed.directory.path().join("log.sqlite");
    let log = Arc::new(EmbeddedLog::open(&path, Stream::Clicks, clock).await.unwrap());
    let mut writer = Writer::new(Uuid::from_u128(8), 1);
    log.append(&writer.seal(&clicks(100..110, now.micros()), (now, now)).unwrap()).await.unwrap();
    let sealer = Sealer::new(Arc::clone(&log) as Arc<dyn Log>, bed.archive.clone()).with_keys(known_key);
    let resumed = sealer.resume(Some(closed.hour())).await.unwrap();
    let (next, _) = sealer.seal_next(&resumed, bed.late()).await.unwrap().unwrap();
    let found = (next.epoch(), next.first_seq().get(), next.rows, next.hour());
    assert_eq!(found, (second, 11, 10, closed.hour().next()), "what comes in the rest of the hour is of the next");
    let problems = bed.verify(&BTreeMap::new()).await.problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].reason.contains("begins anew"), "{problems:?}");
    for (position, is_there) in
        [("1.3.9", true), ("2.11.0", true), ("1.4.0", false), ("2.3.0", false), ("1.11.0", false)]
    {
        let located = locate(log.as_ref(), &bed.archive, position.parse().unwrap()).await.unwrap();
        assert_eq!(located.is_some(), is_there, "{position}");
    }
    // A log of the epoch that is over is refused, however long it is.
    let older = logged_at(&[10; 20]).await;
    let sealer = Sealer::new(Arc::clone(&older.log) as Arc<dyn Log>, bed.archive.clone());
    assert!(matches!(sealer.resume(Some(next.hour())).await, Err(seal::Error::Epoch { log: 1, archive: 2 })));
}
