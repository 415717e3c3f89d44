//! Rejected events are sealed and trimmed beside the clicks, and leave what somebody asks to be erased from.

use clicktrail_log::{
    archive::erasure::{Person, Request},
    rejected::{Rejected, RejectedBuilder},
};

use super::*;

const ADA: &str = "ada-lovelace-0815";

/// A log of rejected events of a user, each at `hours` and a half.
async fn rejected(bed: &Bed, hours: &[i64]) -> Arc<EmbeddedLog> {
    let path = bed.directory.path().join("rejected.sqlite");
    let log = EmbeddedLog::open(&path, Stream::Rejected, Arc::clone(&bed.clock) as Arc<_>).await.unwrap();
    let log = Arc::new(log);
    let mut writer = FrameWriter::new(Uuid::from_u128(3), 1);
    for hours in hours {
        let at = bed.start.plus_micros(hours * HOUR + HOUR / 2);
        bed.clock.set(at);
        let mut builder = RejectedBuilder::with_capacity(1);
        builder.push(&Rejected {
            rejected_at: at,
            source: "http /v1/events".into(),
            item: 0,
            code: "price".into(),
            detail: "no price".into(),
            original: format!("{{\"user_id\":\"{ADA}\"}}").into_bytes().into(),
        });
        log.append(&writer.seal(&builder.finish(), (at, at)).unwrap()).await.unwrap();
    }
    log
}

async fn held(log: &EmbeddedLog) -> (u64, u64) {
    let info = log.info().await.unwrap();
    (info.first.get(), info.last.get())
}

#[tokio::test]
async fn hours_of_rejected_events_are_sealed_and_leave_their_log_once_they_read_back() {
    let bed = Bed::new().await;
    let log = rejected(&bed, &[0, 2]).await;
    let mut archiver = bed.archiver().with_rejected(Arc::clone(&log) as Arc<_>);
    let at = |hours: i64| bed.start.plus_micros(hours * HOUR + HOUR / 60);
    for _ in 0..3 {
        assert!(archiver.look(at(3)).await.unwrap());
    }
    assert!(!archiver.look(at(3)).await.unwrap());
    assert_eq!(bed.archive.sealed_hours(Stream::Rejected).await.unwrap().len(), 3);
    assert!(!archiver.trim(at(7 * 24)).await.unwrap());
    let part = bed.directory.path().join("archive/personal/rejected/dt=2026-05-01/hr=00");
    let part = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&part).unwrap();
    std::fs::write(&part, &whole[1..]).unwrap();
    assert!(!archiver.trim(at(7 * 24 + 5)).await.unwrap(), "it does not read back");
    assert_eq!(held(&log).await, (1, 2));
    std::fs::write(&part, &whole).unwrap();
    assert!(archiver.trim(at(7 * 24 + 1)).await.unwrap());
    assert_eq!(held(&log).await, (2, 2), "the first hour is a week old, the third is not");
}

#[tokio::test]
async fn rejected_event_that_is_not_sealed_keeps_a_request_open_until_it_is_sealed_erased_and_trimmed() {
    let bed = Bed::new().await;
    let log = rejected(&bed, &[0, 1]).await;
    let mut archiver = bed.archiver().with_rejected(Arc::clone(&log) as Arc<_>);
    let at = |hours: i64| bed.start.plus_micros(hours * HOUR + HOUR / 60);
    let (asked, person) = (bed.start.plus_micros(HOUR * 7 / 4), Person::user(ADA).unwrap());
    assert!(archiver.seal_next_rejected(asked).await.unwrap());
    let open = Request::open(&bed.archive, &person, Uuid::from_u128(1), (asked, asked), Seq::ZERO).await.unwrap();
    let erased = archiver.erase(asked, "ann").await.unwrap();
    assert_eq!((erased[0].rejected, erased[0].is_rejected_left, erased[0].is_done), (1, true, false));
    assert_eq!(held(&log).await, (2, 2), "the sealed hour left the log at once");
    assert!(archiver.seal_next_rejected(at(2)).await.unwrap());
    let erased = archiver.erase(at(2), "ann").await.unwrap();
    assert_eq!((erased[0].rejected, erased[0].is_rejected_left, erased[0].is_done), (1, false, true));
    assert_eq!(held(&log).await, (3, 2));
    assert!(bed.archive.erasures().await.unwrap().iter().all(|request| request.id != open.id));
}
