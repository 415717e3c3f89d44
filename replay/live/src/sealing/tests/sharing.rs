//! Judge, projector and archiver of one process, over one log of clicks.

use clicktrail_log::recent::{self, Recent, RecentLog};
use clicktrail_verdicts::{
    judge::Judge,
    reader::{Outlined, VerdictReader},
    ruleset::Ruleset,
};

use super::*;
use crate::judging::Judging;

/// Frames of one hour, each with the same click: about most of them the judge rules.
const FRAMES: usize = 6;

/// What the three made of the log.
#[derive(Debug, PartialEq)]
struct Made {
    verdicts: Vec<Outlined>,
    counted: Vec<HotPartial>,
    segment: String,
    outcome: Outcome,
}

/// What they make with so much room for decoded frames, and how often they decode one.
async fn made_with(bytes_max: usize) -> (Made, u64) {
    let mut bed = Bed::new().await;
    for _ in 0..FRAMES {
        bed.click(0).await;
    }
    let path = bed.directory.path().join("verdicts.sqlite");
    let verdicts = EmbeddedLog::open(&path, Stream::Verdicts, Arc::clone(&bed.clock) as Arc<_>).await.unwrap();
    let (verdicts, recent): (Arc<dyn Log>, _) = (Arc::new(verdicts), Arc::new(Recent::new(bytes_max)));
    let clicks = RecentLog::new(Arc::clone(&bed.log) as Arc<dyn Log>, Arc::clone(&recent));
    let (clicks, catalog): (Arc<dyn Log>, Arc<dyn Catalog>) = (Arc::new(clicks), Arc::clone(&bed.catalog) as Arc<_>);
    let (archive, clock) = (bed.archive.clone(), Arc::clone(&bed.clock) as Arc<dyn Clock>);
    let history = VerdictReader::new(Arc::clone(&verdicts), archive.clone());
    let limits = session::Limits::default();

    let rules = Arc::new(Ruleset::shipped());
    let judge = Judge::new(Arc::clone(&clicks), Arc::clone(&verdicts), archive.clone(), rules, Arc::clone(&clock));
    let mut judging = Judging::new(judge, Arc::clone(&clicks), Arc::clone(&catalog));
    while judging.tick(Duration::ZERO).await.unwrap() {}

    let projector = Projector::new(Arc::clone(&clicks), archive.clone(), Arc::clone(&catalog), limits);
    assert_eq!(projector.behind_judge(history.clone()).tick(Duration::ZERO).await.unwrap(), FRAMES);
    let counted = catalog.partials(bed.start.hour(), Seq::ZERO, u32::MAX).await.unwrap();

    let archiver = Archiver::new(clicks, archive, catalog, clock, limits);
    let sealed =
        archiver.behind_judge(verdicts, history.clone()).seal_next(bed.start.plus_micros(HOUR + HOUR / 60)).await;
    let sealed = sealed.unwrap().unwrap();
    let verdicts = history.read_outlines(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap().ruled;
    assert!(recent.bytes() <= bytes_max, "I14");
    let (segment, outcome) = (sealed.segment.output_digest, sealed.reconciliation.outcome);
    (Made { verdicts, counted, segment, outcome }, recent.decoded())
}

#[tokio::test]
async fn roles_of_one_process_decode_each_frame_once_and_make_the_same_of_it() {
    let (shared, decoded) = made_with(recent::BYTES_MAX).await;
    let (alone, decoded_alone) = made_with(0).await;
    assert_eq!((decoded, decoded_alone), (FRAMES as u64, 3 * FRAMES as u64));
    assert_eq!(shared, alone);
    assert_eq!((shared.verdicts.is_empty(), shared.outcome), (false, Outcome::Equal), "I8");
}
