//! Sealed hours are asked for what they hold, whole, without filters, and with damaged ones.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;

use super::{ASKED_MAX, Asked, Fingerprint, Hit, Identities, SearchedHour, date_of, group::Growing};
use crate::{
    archive::{
        entry::{Entry, File},
        manifest::Part,
        seal::{Cursor, Sealer},
        store::Archive,
    },
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame::Writer,
    identity::Identity,
    log::{Log as _, Stream},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    testing::click,
    time::{Hour, ManualClock, Timestamp},
};

const MINUTE: i64 = 60_000_000;
const FRAMES: u64 = 4;
const ROWS: u64 = 2_000;

/// A sealed hour of four parts.
struct Bed {
    directory: tempfile::TempDir,
    archive: Archive,
    hour: SearchedHour,
    events: Vec<(Position, Event<'static>)>,
}

fn hour() -> Hour {
    Hour::parse("2026-03-01T22").unwrap()
}

/// An id that says that it was made at `at`.
fn dated(at: Timestamp, n: u64) -> String {
    let millis = u64::try_from(at.micros() / 1_000).unwrap();
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}

/// Event `n` of the hour, logged at `logged`: of any kind, of one of a few ads, and with an id of any sort.
fn event(n: u64, logged: Timestamp, has_ahead: bool) -> Event<'static> {
    let id = match n % 4 {
        0 => dated(logged, n),
        1 => format!("{n}"),
        2 if has_ahead && n % 400 == 2 => dated(logged.plus_micros(150 * MINUTE), n),
        _ => format!("client \u{e9} {n}"),
    };
    let kind = Kind::ALL[usize::try_from(n / 4 % 5).unwrap()];
    Event { kind, event_id: Cow::Owned(id), ..click(n, logged.micros()) }
}

async fn bed(has_ahead: bool) -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(hour().start()));
    let path = directory.path().join("log.sqlite");
    let log = Arc::new(EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<_>).await.unwrap());
    let (mut writer, mut events) = (Writer::new(Uuid::from_u128(7), 1), Vec::new());
    for frame in 0..FRAMES {
        let now = hour().start().plus_micros(i64::try_from(frame).unwrap() * 10 * MINUTE);
        clock.set(now);
        let mut builder = EventsBuilder::with_capacity(16);
        for row in 0..ROWS {
            let event = event(frame * ROWS + row, now, has_ahead);
            builder.push(&event);
            let seq = Seq::new(frame + 1).unwrap();
            events.push((Position::new(Epoch::FIRST, seq, u16::try_from(row).unwrap()), event));
        }
        log.append(&writer.seal(&builder.finish(), (now, now)).unwrap()).await.unwrap();
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let sealer = Sealer::new(log, archive.clone()).with_part_rows(2_000);
    let late = hour().next().next().start();
    let (manifest, _) = sealer.seal_next(&Cursor::start(), late).await.unwrap().unwrap();
    assert_eq!(manifest.parts.len(), 4);
    Bed { directory, archive, hour: SearchedHour::new(Arc::new(manifest)), events }
}

fn ask(event: &Event<'_>) -> Asked {
    let fingerprint = Fingerprint::of(event.kind, &event.advertiser_id, &event.ad_id, &event.event_id);
    Asked { fingerprint, date: date_of(&event.event_id) }
}

fn is_listed(event: &Event<'_>) -> bool {
    !matches!(event.kind, Kind::Probe | Kind::Prefetch)
}

impl Bed {
    fn filter(&self) -> PathBuf {
        let [group] = &self.hour.groups[..] else { panic!("{} filters", self.hour.groups.len()) };
        self.directory.path().join("archive").join(group.key.path().as_ref())
    }

    /// Asks for every event of the hour, and for as many others, and checks each answer.
    async fn check(&self, identities: &Identities) {
        let others = (1_000_000..1_008_000).map(|n| event(n, hour().start(), false));
        let others: Vec<Event<'_>> = others.collect();
        let all = self.events.iter().map(|(_, event)| event).chain(&others);
        let mut asked: Vec<(Asked, &Event<'_>)> = all.map(|event| (ask(event), event)).collect();
        asked.sort_by_key(|(asked, _)| asked.fingerprint);
        let questions: Vec<Asked> = asked.iter().map(|(asked, _)| *asked).collect();
        let mut found = BTreeSet::new();
        for (questions, asked) in questions.chunks(ASKED_MAX).zip(asked.chunks(ASKED_MAX)) {
            let hits = identities.find(&self.hour, questions).await.unwrap();
            for of_part in hits.chunk_by(|one, other| one.part == other.part) {
                let part = identities.index(&self.hour.manifest.parts[of_part[0].part]).await.unwrap();
                for Hit { asked: index, .. } in of_part {
                    let event = asked[*index].1;
                    let identity = Identity::of(event.kind, &event.advertiser_id, &event.ad_id, &event.event_id);
                    found.extend(part.find(identity).iter().map(|found| found.position));
                }
            }
        }
        let listed = self.events.iter().filter(|(_, event)| is_listed(event));
        assert_eq!(found, listed.map(|(position, _)| *position).collect::<BTreeSet<_>>());
    }
}

/// Asks a filter that is stored for every event of the hour, as somebody who reads it for the first time.
async fn check_stored(bed: &Bed) {
    let identities = Identities::keeping(bed.archive.clone(), 1 << 20);
    let mut asked: Vec<Asked> =
        bed.events.iter().map(|(_, event)| event).filter(|event| is_listed(event)).map(ask).collect();
    asked.sort_by_key(|asked| asked.fingerprint);
    for asked in asked.chunks(ASKED_MAX) {
        let hits = identities.find(&bed.hour, asked).await.unwrap();
        let found: BTreeSet<usize> = hits.into_iter().map(|hit| hit.asked).collect();
        assert_eq!(found.len(), asked.len());
    }
}

#[tokio::test]
async fn every_event_of_an_hour_is_found_however_little_is_kept() {
    let bed = bed(true).await;
    for kept in [1 << 30, 100_000, 20_000, 0] {
        let identities = Identities::keeping(bed.archive.clone(), kept);
        bed.check(&identities).await;
        bed.check(&identities).await;
        assert!(identities.memory_bytes() <= kept, "I14");
    }
}

#[tokio::test]
async fn ids_are_looked_up_in_the_hours_before_their_date_only_if_one_was_dated_ahead() {
    for has_ahead in [true, false] {
        let bed = bed(has_ahead).await;
        let identities = Identities::new(bed.archive.clone());
        assert_eq!(identities.lists_ahead(&bed.hour).await.unwrap(), has_ahead);
        // An id of the next hour is not there, whatever its other bits are.
        let later = event(4, hour().next().next().start(), false);
        assert!(identities.find(&bed.hour, &[ask(&later)]).await.unwrap().is_empty());
        // One that was dated ahead is found, by itself and under its date.
        for (_, event) in bed.events.iter().filter(|(_, event)| is_listed(event)) {
            let is_ahead = date_of(&event.event_id).is_some_and(|date| date > hour().next().next().start());
            if is_ahead {
                assert!(has_ahead);
                assert_eq!(identities.find(&bed.hour, &[ask(event)]).await.unwrap().len(), 1, "{}", event.event_id);
            }
        }
    }
}

#[tokio::test]
async fn missing_or_damaged_filter_is_made_again_with_the_same_bytes() {
    let bed = bed(true).await;
    let path = bed.filter();
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    check_stored(&bed).await;
    assert!(std::fs::read(&path).unwrap() == whole, "I6");
    for at in [0, 7, 8, 50, 60, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..at]).unwrap();
        check_stored(&bed).await;
        assert!(std::fs::read(&path).unwrap() == whole, "cut at {at}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 10).chain((1..60).step_by(6)) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        check_stored(&bed).await;
        assert!(std::fs::read(&path).unwrap() == whole, "flipped at {at}");
    }
    std::fs::write(&path, [&whole[..], b" "].concat()).unwrap();
    check_stored(&bed).await;
    assert!(std::fs::read(&path).unwrap() == whole, "longer");
}

#[tokio::test]
async fn filter_that_changes_while_it_is_read_is_made_again() {
    let bed = bed(true).await;
    let path = bed.filter();
    let whole = std::fs::read(&path).unwrap();
    let identities = Identities::keeping(bed.archive.clone(), 2_000);
    identities.lists_ahead(&bed.hour).await.unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    bed.check(&identities).await;
    assert!(std::fs::read(&path).unwrap() == whole);
}

#[tokio::test]
async fn filter_of_a_damaged_part_is_never_made() {
    let bed = bed(false).await;
    std::fs::remove_file(bed.filter()).unwrap();
    let core = &bed.hour.manifest.parts[2].core.key;
    let path = bed.directory.path().join("archive").join(core);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let identities = Identities::new(bed.archive.clone());
    let error = identities.find(&bed.hour, &[ask(&bed.events[1].1)]).await.unwrap_err();
    assert!(error.to_string().contains(core.as_str()), "{error}");
    assert!(!Path::exists(&bed.filter()));
}

#[test]
fn only_a_uuid_of_version_7_says_its_time() {
    let at = |text| date_of(text).map(Timestamp::micros);
    assert_eq!(at("019a7f4c-9d3b-7abc-8def-0123456789ab"), Some(0x019a_7f4c_9d3b * 1_000));
    assert_eq!(at("019A7F4C-9D3B-7ABC-8DEF-0123456789AB"), Some(0x019a_7f4c_9d3b * 1_000));
    for text in [
        "",
        "1001",
        "019a7f4c-9d3b-4abc-8def-0123456789ab",
        "019a7f4c9d3b7abc8def0123456789ab",
        "019a7f4c-9d3b-7abc-8def-0123456789a",
        "019a7f4c-9d3b-7abc-8def-0123456789ag",
        "019a7f4c-9d3b-7abc-8def0-123456789ab",
        "g19a7f4c-9d3b-7abc-8def-0123456789ab",
    ] {
        assert_eq!(at(text), None, "{text}");
    }
}

#[test]
fn fingerprints_are_the_same_for_ever_and_spread() {
    let of = |n: u64| Fingerprint::of(Kind::Click, "acme", "spring", &n.to_string()).0;
    assert_eq!([of(0), of(1), of(1_000_000)], GOLDEN);
    let mut buckets = [0_u32; 64];
    (0..64_000).for_each(|n| buckets[usize::try_from(of(n) >> 58).unwrap()] += 1);
    assert!(buckets.iter().all(|count| (850..1_150).contains(count)), "{buckets:?}");
    let low: BTreeSet<u64> = (0..64_000).map(|n| of(n) & 0xff_ffff_ffff).collect();
    assert_eq!(low.len(), 64_000, "forty bits tell them apart");
    let divided = [("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd"), ("", "abc", "d"), ("abc", "", "d")];
    let divided: BTreeSet<u64> = divided.map(|(a, b, c)| Fingerprint::of(Kind::Click, a, b, c).0).into();
    assert_eq!(divided.len(), 5);
}

const GOLDEN: [u64; 3] = [15_046_667_452_956_193_827, 15_190_439_650_707_342_191, 18_418_412_326_697_313_576];

#[test]
fn parts_are_grouped_by_rows_and_number() {
    let part = |rows: u64| {
        let file = File { key: "k".into(), bytes: 1, sha256: "s".into() };
        let (core, personal) = (file.clone(), file);
        Part { first_seq: 1, last_seq: 1, rows, event_time_min: 0, event_time_max: 0, core, personal }
    };
    let groups = |parts: &[Part]| -> Vec<usize> {
        super::group::groups_of(hour(), parts).into_iter().map(|group| group.parts.len()).collect()
    };
    assert!(groups(&[]).is_empty());
    assert_eq!(groups(&vec![part(1); 600]), [256, 256, 88]);
    assert_eq!(groups(&vec![part(3 << 20); 5]), [2, 2, 1]);
    assert_eq!(groups(&vec![part(20 << 20); 2]), [1, 1], "a large part has a filter of its own");
    assert!(Growing::new(hour(), 0).finish().is_none());
    assert_eq!(part(1).rows(), 1);
}
