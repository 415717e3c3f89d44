//! What is about people leaves hours that are sealed now, hours that are sealed later, and the log.

use clicktrail_catalog::AuditFilter;
use clicktrail_log::archive::{
    erasure::{Person, Request},
    redaction::Chooses,
};

use super::*;
use crate::sealing::erasing::Erasing;

const ADA: &str = "ada-lovelace-0815";

impl Bed {
    /// Asks at `hours` and three quarters.
    async fn ask(&self, hours: i64) -> Request {
        let now = self.start.plus_micros(hours * HOUR + HOUR * 3 / 4);
        let through = self.log.info().await.unwrap().last;
        let person = Person::user(ADA).unwrap();
        Request::open(&self.archive, &person, Uuid::from_u128(1), (now, now), through).await.unwrap()
    }

    /// Erases, a minute into an hour.
    async fn erase(&self, hours: i64) -> Vec<Erasing> {
        self.archiver().erase(self.start.plus_micros(hours * HOUR + HOUR / 60), "ann").await.unwrap()
    }

    /// What the log's file has of a frame and nowhere else: the digest of its payload.
    async fn trace(&self, seq: u64) -> [u8; 32] {
        let limit = ReadLimit { frames: 1, ..ReadLimit::waiting(Duration::ZERO) };
        let frames = self.log.read(Seq::new(seq).unwrap(), limit).await.unwrap();
        frames[0].frame.header.payload_digest.0
    }

    /// Whether the log's files, free pages and all, have it.
    fn log_holds(&self, trace: [u8; 32]) -> bool {
        let names = ["log.sqlite", "log.sqlite-wal"].map(|name| self.directory.path().join(name));
        let files = names.iter().map(|path| std::fs::read(path).unwrap());
        files.into_iter().any(|bytes| bytes.windows(trace.len()).any(|window| window == trace))
    }
}

#[tokio::test]
async fn what_is_not_sealed_yet_is_erased_once_it_is_and_leaves_the_log_at_once() {
    let mut bed = Bed::new().await;
    bed.click_of(0, Some(ADA)).await;
    bed.seal_until(1).await;
    bed.click_of(1, Some(ADA)).await;
    let request = bed.ask(1).await;
    let traces = [bed.trace(1).await, bed.trace(2).await];
    assert!(traces.iter().all(|trace| bed.log_holds(*trace)));
    let first = bed.erase(1).await;
    assert_eq!((first.len(), first[0].progress.rows, first[0].is_done), (1, 1, false));
    assert_eq!(bed.first_frame().await, 2, "the frame of the sealed hour left the log, long before a week");
    assert_eq!(traces.map(|trace| bed.log_holds(trace)), [false, true], "and no free page holds it");
    let still = bed.erase(2).await;
    assert_eq!((still[0].progress.rows, still[0].progress.is_sealed, still[0].is_done), (0, false, false));

    // She comes back after she asked.
    bed.seal_until(2).await;
    bed.click_of(2, Some(ADA)).await;
    let done = bed.erase(2).await;
    assert_eq!((done[0].progress.rows, done[0].is_logged, done[0].is_done), (1, false, true));
    assert!(bed.erase(2).await.is_empty());
    let (from, actor) = (None, None);
    let filter = AuditFilter { after: 0, from, to: None, actor, action: Some("personal_erased".to_owned()) };
    let trail = bed.catalog.audit_log(&filter, 10).await.unwrap();
    assert_eq!(trail.len(), 1);
    assert!(trail[0].entry.detail.contains(request.digest()) && !trail[0].entry.detail.contains(ADA));
    bed.seal_until(3).await;
    let hours = bed.archive.hours_with_people(Hour::from_i64(i64::MAX), 9).await.unwrap();
    assert_eq!(hours.iter().map(|manifest| manifest.rows).sum::<u64>(), 1, "what came later was not asked for");
    assert_eq!(traces.map(|trace| bed.log_holds(trace)), [false, false]);
}

#[tokio::test]
async fn personal_columns_go_after_their_months_and_the_log_of_hours_reads_back() {
    let mut bed = Bed::new().await;
    for hours in [0, 800] {
        bed.click_of(hours, Some(ADA)).await;
    }
    bed.seal_until(801).await;
    // The fourth of June: a month before the current one is May.
    let at = bed.start.plus_micros(805 * HOUR);
    let kept = bed.archiver().retain(at, 1).await.unwrap();
    assert_eq!((kept.clicks.hours, kept.clicks.rows), (0, 0));
    let gone = bed.archiver().retain(at, 0).await.unwrap();
    assert_eq!((gone.clicks.hours, gone.clicks.rows, gone.clicks.left_alone), (1, 1, 0));
    let left = bed.archive.hours_with_people(Hour::from_i64(i64::MAX), 9).await.unwrap();
    assert_eq!(left.iter().map(|manifest| manifest.rows).sum::<u64>(), 1);
    assert_eq!(bed.archive.holds_about(&left[0], &Chooses::all()).await.unwrap().found, 1);
    assert!(bed.archiver().trim(bed.start.plus_micros(1_000 * HOUR)).await.unwrap(), "every hour reads back");
    assert_eq!(bed.archiver().retain(at, 0).await.unwrap().clicks.hours, 0);
}
