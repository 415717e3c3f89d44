use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use clicktrail_log::{
    archive::{
        Archive,
        seal::{Cursor, Sealer},
    },
    frame::Writer,
    log::{self, Log, ReadLimit},
    position::{Epoch, Position, Seq},
    time::{Hour, Timestamp},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Error, Ruled, VerdictReader};
use crate::{
    archive::Verdicts,
    frames::to_frames,
    ruling,
    rulings::Stages,
    testing::{any_verdict, bed::bed, click, memory_log::MemoryLog},
    verdict::{Category, Decision, Stage, Verdict},
};

const NOW: ReadLimit = ReadLimit::waiting(Duration::ZERO);

fn everything() -> Range<Position> {
    click(0)..click(10_000)
}

/// What the verdicts before `before` about `targets` are, counted by hand.
fn recount(ruled: &[Ruled], targets: &Range<Position>, before: Position) -> Vec<Ruled> {
    let asked = |ruled: &&Ruled| targets.contains(&ruled.verdict.target) && ruled.position < before;
    ruled.iter().filter(asked).cloned().collect()
}

/// What stands, counted by hand.
fn stands(ruled: &[Ruled], stages: Stages) -> Vec<(Position, Category)> {
    let mut by_target: BTreeMap<Position, Vec<&Ruled>> = BTreeMap::new();
    for one in ruled.iter().filter(|one| stages == Stages::All || one.verdict.stage == Stage::Live) {
        by_target.entry(one.verdict.target).or_default().push(one);
    }
    let standing = |(target, about): (Position, Vec<&Ruled>)| {
        let verdict = ruling::standing(about.iter().map(|one| (one.position, &one.verdict)))?;
        (verdict.decision == Decision::Invalid).then(|| (target, verdict.category.unwrap()))
    };
    by_target.into_iter().filter_map(standing).collect()
}

/// Everything that a follower gets from `from` on.
async fn follow(reader: &VerdictReader, from: Seq) -> (Vec<Ruled>, Seq) {
    let (mut ruled, mut next) = (Vec::new(), from);
    loop {
        let page = reader.read(next, NOW).await.unwrap();
        ruled.extend(page.ruled);
        if page.next == next {
            return (ruled, next);
        }
        next = page.next;
    }
}

#[tokio::test]
async fn answers_do_not_depend_on_what_is_sealed_or_trimmed() {
    let bed = bed().await;
    let kept = bed.reader();
    let end = kept.end().await.unwrap();
    let targets = click(30)..click(170);
    let mut sealed = 0;
    for hours in [0, 1, 1, 1, 2] {
        let manifests = bed.seal(hours).await;
        sealed += hours;
        if let Some(last) = manifests.last() {
            bed.log.trim(last.last_seq().next()).await.unwrap();
        }
        // One reader that was open all the while, and one that begins now.
        for reader in [&kept, &bed.reader()] {
            assert_eq!(reader.end().await.unwrap(), end);
            let about = reader.about(targets.clone(), end).await.unwrap();
            assert_eq!(about, recount(&bed.ruled, &targets, end), "{sealed} hours are sealed");
            let rulings = reader.rulings(everything(), end, Stages::All).await.unwrap();
            assert_eq!(rulings.invalid().collect::<Vec<_>>(), stands(&bed.ruled, Stages::All));
            assert_eq!(follow(reader, Seq::FIRST).await.0, bed.ruled);
        }
    }
    assert_eq!(kept.last_sealed().await.unwrap().map(|hour| hour.to_string()).as_deref(), Some("2026-03-02T02"));
}

#[tokio::test]
async fn each_position_of_the_verdict_log_shows_what_stood_then() {
    let bed = bed().await;
    bed.seal(3).await;
    let reader = bed.reader();
    let end = reader.end().await.unwrap();
    for before in bed.ruled.iter().map(|ruled| ruled.position).chain([end]) {
        for stages in [Stages::All, Stages::LiveOnly] {
            let rulings = reader.rulings(everything(), before, stages).await.unwrap();
            let known = recount(&bed.ruled, &everything(), before);
            assert_eq!(rulings.invalid().collect::<Vec<_>>(), stands(&known, stages), "as of {before}");
        }
    }
}

#[tokio::test]
async fn follower_sees_each_verdict_once_while_hours_are_sealed_under_it() {
    let bed = bed().await;
    let reader = bed.reader();
    let (mut seen, mut next) = (Vec::new(), Seq::FIRST);
    for step in 0.. {
        let page = reader.read(next, ReadLimit { frames: 2, ..NOW }).await.unwrap();
        seen.extend(page.ruled);
        if page.next == next {
            break;
        }
        next = page.next;
        if step % 2 == 1
            && let Some(manifest) = bed.seal(1).await.pop()
        {
            bed.log.trim(manifest.last_seq().next()).await.unwrap();
        }
    }
    assert_eq!(seen, bed.ruled);
}

#[tokio::test]
async fn position_past_the_end_is_refused() {
    let bed = bed().await;
    let reader = bed.reader();
    let end = reader.end().await.unwrap();
    let further = end.plus_rows(1);
    for hours in [0, 5] {
        bed.seal(hours).await;
        let error = reader.rulings(everything(), further, Stages::All).await.unwrap_err();
        assert!(matches!(error, Error::Ahead { .. }), "{error}");
    }
    let error = reader.read(end.seq().next(), NOW).await.unwrap_err();
    assert!(matches!(error, Error::Log(log::Error::Gap { .. })), "{error}");
}

#[tokio::test]
async fn archive_that_lost_or_changed_something_is_named() {
    let cases = ["verdicts/dt=2026-03-01/hr=22", "verdicts/dt=2026-03-02/hr=02", "T22.json", "T00.json", "T02.json"];
    for (case, remove) in cases.into_iter().flat_map(|case| [(case, false), (case, true)]) {
        let bed = bed().await;
        let last = bed.seal(9).await.pop().unwrap();
        bed.log.trim(last.last_seq().next()).await.unwrap();
        let end = bed.reader().end().await.unwrap();
        let name = bed.files().into_keys().find(|name| name.starts_with(case) || name.ends_with(case)).unwrap();
        let path = bed.directory.path().join("archive").join(&name);
        match remove {
            true => std::fs::remove_file(&path).unwrap(),
            false => {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[99] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let reader = bed.reader();
        let errors = [
            reader.about(everything(), end).await.unwrap_err(),
            reader.rulings(everything(), end, Stages::All).await.unwrap_err(),
        ];
        for error in errors {
            let text = clicktrail_log::causes::causes(&error);
            assert!(text.contains(&name) && !error.is_transient(), "{name}, removed: {remove}: {text}");
        }
    }
}

#[tokio::test]
async fn damaged_part_is_no_obstacle_where_it_is_not_asked() {
    let bed = bed().await;
    bed.seal(9).await;
    let name = bed.files().into_keys().rfind(|name| name.starts_with("verdicts/")).unwrap();
    std::fs::write(bed.directory.path().join("archive").join(&name), b"x").unwrap();
    let (reader, targets) = (bed.reader(), click(30)..click(60));
    let end = reader.end().await.unwrap();
    assert_eq!(reader.about(targets.clone(), end).await.unwrap(), recount(&bed.ruled, &targets, end));
}

/// A writer's frames in a log that takes anything.
struct Loose {
    log: Arc<MemoryLog>,
    archive: Archive,
    ruled: Vec<Ruled>,
}

impl Loose {
    /// Frames of verdicts, each so many minutes after the one before, some appended again after later ones.
    fn new(frames: &[(i64, Vec<Verdict>, bool)]) -> Self {
        let log = Arc::new(MemoryLog::default());
        let mut writer = Writer::new(Uuid::from_u128(9), 1);
        let mut ruled = Vec::new();
        let mut sent = Vec::new();
        let mut logged_at = Hour::parse("2026-03-01T22").unwrap().start();
        for (minutes, verdicts, again) in frames {
            logged_at = logged_at.plus_micros(minutes * 60_000_000);
            let frame = to_frames(&mut writer, verdicts).unwrap().remove(0);
            let first = Position::new(Epoch::FIRST, log.put(frame.clone(), logged_at), 0);
            let places = (0..).map(|row| first.plus_rows(row)).zip(verdicts);
            ruled.extend(places.map(|(position, verdict)| Ruled { position, logged_at, verdict: verdict.clone() }));
            sent.push(frame);
            if *again {
                log.put(sent[sent.len() / 2].clone(), logged_at);
            }
        }
        let archive = Archive::from_store(Arc::new(object_store::memory::InMemory::new()));
        Self { log, archive, ruled }
    }

    fn reader(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone())
    }

    /// Seals at most so many hours; where they end.
    async fn seal(&self, hours: usize, part_rows: usize) -> Seq {
        let sealer = Sealer::<Verdicts>::of(Arc::clone(&self.log) as Arc<dyn Log>, self.archive.clone());
        let (sealer, mut cursor) = (sealer.with_part_rows(part_rows), Cursor::start());
        for _ in 0..hours {
            let late = Timestamp::from_micros(self.ruled.last().unwrap().logged_at.micros() + 3_700_000_000);
            let Some((_, after)) = sealer.seal_next(&cursor, late).await.unwrap() else { break };
            cursor = after;
        }
        cursor.next_seq()
    }
}

#[tokio::test]
async fn damaged_frame_is_named_and_not_skipped() {
    let frames: Vec<_> = (0..5).map(|id| (10, vec![crate::testing::verdict(id)], false)).collect();
    let loose = Loose::new(&frames);
    let spoiled = Seq::new(3).unwrap();
    loose.log.spoil(spoiled, |frame| frame.payload = frame.payload.slice(1..));
    let reader = loose.reader();
    let end = reader.end().await.unwrap();
    let before = Position::new(Epoch::FIRST, spoiled, 0);
    assert_eq!(reader.about(everything(), before).await.unwrap().len(), 2, "what came before is known");
    for error in [
        reader.about(everything(), end).await.unwrap_err(),
        reader.rulings(everything(), end, Stages::All).await.unwrap_err(),
        reader.read(Seq::FIRST, NOW).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Frame { seq, .. } if seq == spoiled), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn answers_are_the_recount_of_the_log_whatever_is_archived_or_trimmed(
        frames in prop::collection::vec(
            (0..100_i64, prop::collection::vec(any_verdict(), 1..12), any::<bool>()), 1..14),
        (hours, part_rows, trim) in (0..12_usize, 1..40_usize, any::<bool>()),
        (first, last) in (0..42_u64, 0..42_u64),
        (at, from) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let loose = Loose::new(&frames);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kept = loose.reader();
            prop_assert_eq!(&follow(&kept, Seq::FIRST).await.0, &loose.ruled);
            let sealed = loose.seal(hours, part_rows).await;
            if trim {
                loose.log.trim(sealed).await.unwrap();
            }
            let end = kept.end().await.unwrap();
            let places: Vec<Position> = loose.ruled.iter().map(|ruled| ruled.position).chain([end]).collect();
            let (before, from) = (places[at.index(places.len())], places[from.index(places.len())].seq());
            let targets = click(first)..click(last);
            for reader in [kept, loose.reader()] {
                let known = recount(&loose.ruled, &targets, before);
                prop_assert_eq!(reader.about(targets.clone(), before).await.unwrap(), known.clone());
                for stages in [Stages::All, Stages::LiveOnly] {
                    let rulings = reader.rulings(targets.clone(), before, stages).await.unwrap();
                    prop_assert_eq!(rulings.invalid().collect::<Vec<_>>(), stands(&known, stages));
                }
                let rest: Vec<Ruled> =
                    loose.ruled.iter().filter(|ruled| ruled.position.seq() >= from).cloned().collect();
                let (followed, next) = follow(&reader, from).await;
                prop_assert_eq!(followed, rest);
                prop_assert_eq!(next, end.seq());
            }
            Ok(())
        })?;
    }
}
