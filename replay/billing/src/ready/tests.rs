use clicktrail_catalog::{Catalog as _, Sqlite};

use super::*;

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn hour(text: &str) -> Hour {
    Hour::parse(text).unwrap()
}

fn sealed(text: &str, last: u64) -> SealedHour {
    let seq = Seq::new(last).unwrap();
    SealedHour {
        hour: hour(text),
        first_seq: seq,
        last_seq: seq,
        epoch: 1,
        rows: 1,
        parts: 1,
        bytes: 1,
        manifest_digest: String::new(),
    }
}

/// Marks of a catalog that has sealed up to an hour, and judged up to a frame.
async fn marks(last: Option<&str>, judged: u64) -> Marks {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Sqlite::open(&directory.path().join("catalog.sqlite")).await.unwrap();
    let mut marks = catalog.marks(counters::NAME).await.unwrap();
    marks.last_hour = last.map(|last| sealed(last, 9));
    marks.first_hour = last.map(|_| sealed("2026-03-01T00", 1));
    marks.judged.clicks_through = Seq::new(judged).unwrap();
    marks
}

fn march() -> Range<Timestamp> {
    time("2026-03-01T00:00:00Z")..time("2026-04-01T00:00:00Z")
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_run() {
    let (march, patience) = (march(), Patience::default());
    let check = async |last: Option<&str>, judged: u64, facts: Facts, now: &str, expected: &[&str]| {
        let marks = marks(last, judged).await;
        let found: Vec<String> =
            decide(&march, &patience, &marks, &facts, time(now)).iter().map(Lack::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{expected}: {found}");
        }
    };
    let (all, later) = (Some("2026-04-01T23"), "2026-04-02T00:00:00Z");
    check(all, 9, Facts::default(), later, &[]).await;
    check(all, 9, Facts::default(), "2026-03-31T23:59:59Z", &["ends at 2026-04-01T00:00:00.000000Z"]).await;
    check(all, 9, Facts::default(), "2026-04-01T23:59:59Z", &["may still be logged until 2026-04-02T00:00"]).await;
    let last = Some("2026-04-01T22");
    check(last, 9, Facts::default(), later, &["hour 2026-04-01T23 is not sealed"]).await;
    let early = Some("2026-03-30T12");
    let hours = "59 hours from 2026-03-30T13 to 2026-04-01T23 are not sealed (the judge has come to frame 9";
    check(early, 9, Facts::default(), later, &[hours]).await;
    check(None, 9, Facts::default(), later, &["from 2026-02-28T23 to 2026-04-01T23 are not sealed"]).await;
    check(all, 8, Facts::default(), later, &["up to 9, but the judge has passed only frame 8"]).await;
    let facts = Facts {
        stale: vec![hour("2026-03-02T01"), hour("2026-03-02T04")],
        verdicts_away: Some("no route".to_owned()),
        is_first_hour_not_the_first: true,
        promotion: Some(7),
    };
    let expected = [
        "hours before 2026-03-01T00 that are not counted",
        "promotion 7",
        "2026-03-02T01, 2026-03-02T04 have verdicts that the numbers do not know: run `clicktrail replay stale",
        "(no route)",
    ];
    check(all, 9, facts.clone(), later, &expected).await;
    let mut lossy = marks(all, 9).await;
    let holes = [Hole::Segment(hour("2026-02-27T00")), Hole::Segment(hour("2026-03-05T00"))];
    lossy.holes = [&holes[..], &[Hole::Frames(Seq::FIRST, Seq::FIRST)]].concat();
    let found = decide(&march, &patience, &lossy, &Facts::default(), time(later));
    assert_eq!(found, [Lack::Lost(holes[1])], "holes elsewhere keep nothing from being drafted");
    let allowing = Patience { allow_stale: true, ..patience };
    assert_eq!(decide(&march, &allowing, &marks(all, 9).await, &facts, time(later)).len(), 2);
}

/// Half an hour of a zone with :30 cuts the hours of UTC: the hour that holds the end is needed whole.
#[tokio::test]
async fn hour_that_a_zone_cuts_must_be_sealed() {
    let kolkata = time("2026-02-28T18:30:00Z")..time("2026-03-31T18:30:00Z");
    let patience = Patience { lateness: Duration::ZERO, ..Patience::default() };
    assert_eq!(patience.first_hour(kolkata.start), hour("2026-02-28T17"));
    let now = time("2026-05-01T00:00:00Z");
    let lacks = async |last: &str| {
        let marks = marks(Some(last), 9).await;
        decide(&kolkata, &patience, &marks, &Facts::default(), now).len()
    };
    assert_eq!((lacks("2026-03-31T17").await, lacks("2026-03-31T18").await), (1, 0));
}
