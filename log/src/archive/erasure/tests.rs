use std::{borrow::Cow, sync::Arc};

use arrow::array::RecordBatch;
use object_store::memory::InMemory;
use uuid::Uuid;

use super::{apply::Progress, *};
use crate::{
    archive::{
        keys::ErasureKey,
        seal::{Cursor, Sealer},
        store::Archive,
    },
    embedded::EmbeddedLog,
    frame::{Digest, Writer},
    log::{Log, Stream},
    position::Seq,
    schema::EventsBuilder,
    testing::any_event,
    time::{Hour, ManualClock, Timestamp},
};

const ADA: &str = "ada-lovelace-0815";

fn memory() -> Archive {
    Archive::from_store(Arc::new(InMemory::new()))
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

async fn request(archive: &Archive, person: &Person, asked: Timestamp, through: u64) -> Request {
    let digest = Digest::of(format!("{through} {}", person.value()).as_bytes());
    let id = Uuid::from_bytes(*digest.0.first_chunk().unwrap());
    Request::open(archive, person, id, (asked, asked), Seq::new(through).unwrap()).await.unwrap()
}

#[tokio::test]
async fn somebody_is_found_in_whole_texts_and_in_words_of_them() {
    let (archive, user) = (memory(), Person::user(&format!(" {ADA} ")).unwrap());
    let request_of_user = request(&archive, &user, at(0), 1).await;
    let check = |text: &str, expected: bool| assert_eq!(request_of_user.is_in(text), expected, "{text}");
    check(ADA, true);
    check(&format!("https://example.com/p?uid={ADA}&x=1"), true);
    check("https://example.com/p?uid=ada%2Dlovelace%2d0815", true);
    check(&format!("{{\"a\":[1,{{\"b\":\"{ADA}\"}}]}}"), true);
    check("{\"a\":\"\\u0061da-lovelace-0815\"}", true);
    check(&format!("{{\"{ADA}\":1}}"), true);
    check(&format!("{ADA}1"), false);
    check(&format!("x{ADA}"), false);
    check("", false);
    check("%", false);

    let address = Person::address("::ffff:203.0.113.99").unwrap();
    let request_of_address = request(&archive, &address, at(0), 2).await;
    let check = |text: &str, expected: bool| assert_eq!(request_of_address.is_in(text), expected, "{text}");
    check("203.0.113.99", true);
    check("{\"ip_given\":\"[::ffff:203.0.113.99]\"}", true);
    check("{\"forwarded_for\":\"10.0.0.1, 203.0.113.99\"}", true);
    check("203.0.113.99:443", true);
    check("1203.0.113.99", false);
    check("203.0.113.9", false);
    assert!(Person::address("203.0.113").is_err() && Person::user("  ").is_err());
    assert!(!format!("{user:?}{address:?}").contains("203"));
}

#[tokio::test]
async fn a_request_is_found_again_and_never_repeats_the_value() {
    let archive = memory();
    let (ada, other) = (Person::user(ADA).unwrap(), Person::user("somebody-else-081").unwrap());
    let first = request(&archive, &ada, at(1), 1).await;
    let again = request(&archive, &ada, at(5), 7).await;
    assert_eq!((again.id, again.asked_at(), again.through()), (first.id, at(5), 7));
    let second = request(&archive, &other, at(1), 1).await;
    assert_ne!(first.digest(), second.digest());
    let stored = archive.get(&ErasureKey { id: first.id }.path()).await.unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains(ADA));
    let ids: Vec<Uuid> = archive.erasures().await.unwrap().iter().map(|request| request.id).collect();
    assert_eq!(ids.len(), 2);
    archive.close_erasure(&first).await.unwrap();
    archive.close_erasure(&first).await.unwrap();
    let third = request(&archive, &ada, at(9), 9).await;
    assert_ne!(third.digest(), first.digest(), "every request has a key of its own");
}

/// Five events an hour; those of even numbers are Ada's.
fn events(first: u64, captured_at: Timestamp) -> RecordBatch {
    let mut builder = EventsBuilder::with_capacity(8);
    for number in first..first + 5 {
        let mut event = any_event(number);
        event.captured_at = captured_at;
        event.user_id = (number % 2 == 0).then_some(Cow::Borrowed(ADA));
        builder.push(&event);
    }
    builder.finish()
}

#[tokio::test]
async fn only_what_was_captured_before_is_erased_and_only_behind_the_judge() {
    let directory = tempfile::tempdir().unwrap();
    let start = Hour::parse("2026-03-01T22").unwrap();
    let clock = Arc::new(ManualClock::new(start.start()));
    let path = directory.path().join("log.sqlite");
    let log: Arc<dyn Log> =
        Arc::new(EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<_>).await.unwrap());
    let mut writer = Writer::new(Uuid::from_u128(7), 1);
    for (number, hour) in [(0, start), (5, start.next()), (10, start.next().next())] {
        let now = hour.start().plus_micros(60_000_000);
        clock.set(now);
        log.append(&writer.seal(&events(number, now), (now, now)).unwrap()).await.unwrap();
    }
    let archive = Archive::directory(directory.path().join("archive")).unwrap();
    let sealer = Sealer::new(Arc::clone(&log), archive.clone());
    let (mut cursor, late) = (Cursor::start(), start.start().plus_micros(3 * 3_600_000_000 + 60_000_000));
    let mut seal = async || {
        let (_, after) = sealer.seal_next(&cursor, late).await.unwrap().unwrap();
        cursor = after;
    };
    seal().await;
    seal().await;

    // Asked for in the second hour, when two frames were logged, of which the judge has passed one.
    let asked = start.next().start().plus_micros(120_000_000);
    let opened = request(&archive, &Person::user(ADA).unwrap(), asked, 2).await;
    let apply = async |judged: u64| -> Progress {
        let mut all = archive.apply_erasures(Seq::new(judged).unwrap(), late).await.unwrap();
        assert_eq!(all.len(), 1);
        all.pop().unwrap()
    };
    let first = apply(1).await;
    assert_eq!((first.rows, first.hours, first.is_sealed, first.through.get()), (3, 1, false, 1));
    let second = apply(2).await;
    assert_eq!(
        (second.rows, second.hours, second.is_sealed),
        (2, 1, true),
        "the first hour is not looked through again"
    );
    seal().await;
    let third = apply(3).await;
    assert_eq!((third.rows, third.is_sealed), (0, true), "what came later was not asked for");
    let redacted = archive.redacted_hours(Stream::Clicks).await.unwrap();
    assert_eq!(redacted.into_iter().collect::<Vec<_>>(), [start, start.next()]);
    archive.close_erasure(&opened).await.unwrap();
    assert!(archive.apply_erasures(Seq::new(3).unwrap(), late).await.unwrap().is_empty());
}
