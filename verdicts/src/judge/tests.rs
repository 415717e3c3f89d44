//! A judge that is stopped anywhere, and judging again, find what one uninterrupted judge found.

use std::{path::Path, sync::Arc, time::Duration};

use clicktrail_log::{
    archive::{
        Archive,
        clicks::Clicks,
        keys::CoverageKey,
        seal::{Cursor, Sealer},
    },
    embedded::EmbeddedLog,
    event::Kind,
    frame::Writer,
    log::{Log, ReadLimit, Stream},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    time::{Clock, Hour, ManualClock},
};
use uuid::Uuid;

mod future;
mod repeats;

use super::{Judge, Mark, rejudge::Rejudge};
use crate::{
    coverage::Coverage,
    kinds::Kinds,
    reader::{Ruled, VerdictReader},
    ruleset::Ruleset,
    testing::event,
};

const FRAMES: i64 = 30;
const MINUTE: i64 = 60_000_000;

/// Five hours of clicks in a directory, a frame every ten minutes, and the logs that they are judged in.
struct JudgeBed {
    clicks: Arc<EmbeddedLog>,
    verdicts: Arc<EmbeddedLog>,
    archive: Archive,
    clock: Arc<ManualClock>,
    start: Hour,
}

impl JudgeBed {
    async fn new(directory: &Path) -> Self {
        let bed = Self::empty(directory).await;
        let mut writer = Writer::new(Uuid::from_u128(3), 1);
        for frame in 0..FRAMES {
            // Every third id comes again an hour later.
            let id = |row| if row % 3 == 0 { format!("{}-{row}", frame / 6) } else { format!("{frame} {row}") };
            bed.log(&mut writer, frame * 10 * MINUTE, 0, id).await;
        }
        bed
    }

    /// The same without clicks.
    async fn empty(directory: &Path) -> Self {
        let start = Hour::parse("2026-03-01T22").unwrap();
        let clock = Arc::new(ManualClock::new(start.start()));
        let open = async |name: &str, stream| {
            let log = EmbeddedLog::open(&directory.join(name), stream, Arc::clone(&clock) as Arc<dyn Clock>).await;
            Arc::new(log.unwrap())
        };
        let clicks = open("clicks.sqlite", Stream::Clicks).await;
        let verdicts = open("verdicts.sqlite", Stream::Verdicts).await;
        let archive = Archive::directory(directory.join("archive")).unwrap();
        Self { clicks, verdicts, archive, clock, start }
    }

    /// Logs a frame of eight clicks so long after the start, by a clock that is so far ahead. Every second agent is a
    /// tool's.
    async fn log(&self, writer: &mut Writer, micros: i64, ahead: i64, id: impl Fn(i64) -> String) {
        let now = self.start.start().plus_micros(micros);
        self.clock.set(now.plus_micros(ahead));
        let mut events = EventsBuilder::with_capacity(8);
        for row in 0..8 {
            let mut click = event(Kind::Click, &id(row), now.micros());
            click.user_agent = Some(if row % 2 == 0 { "curl/8.0" } else { "Firefox/143.0" }.into());
            events.push(&click);
        }
        self.clicks.append(&writer.seal(&events.finish(), (now, now)).unwrap()).await.unwrap();
        self.clock.set(now);
    }

    fn judge(&self) -> Judge {
        let (clicks, verdicts) = (Arc::clone(&self.clicks) as Arc<dyn Log>, Arc::clone(&self.verdicts) as Arc<dyn Log>);
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Judge::new(clicks, verdicts, self.archive.clone(), Arc::new(Ruleset::shipped()), clock)
    }

    fn reader(&self) -> VerdictReader {
        VerdictReader::new(Arc::clone(&self.verdicts) as Arc<dyn Log>, self.archive.clone())
    }

    async fn ruled(&self) -> Vec<Ruled> {
        self.reader().read(Seq::FIRST, ReadLimit::waiting(Duration::ZERO)).await.unwrap().ruled
    }

    /// Seals the next hours of clicks.
    async fn seal(&self, hours: usize) {
        let sealer = Sealer::<Clicks>::of(Arc::clone(&self.clicks) as Arc<dyn Log>, self.archive.clone());
        let mut cursor = Cursor::start();
        let late = self.start.start().plus_micros(400 * MINUTE);
        for _ in 0..hours {
            cursor = sealer.seal_next(&cursor, late).await.unwrap().unwrap().1;
        }
    }

    fn rejudge(&self, before: Position) -> Rejudge {
        let clicks = Arc::clone(&self.clicks) as Arc<dyn Log>;
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Rejudge::new(clicks, self.archive.clone(), self.reader(), Arc::new(Ruleset::shipped()), clock, before)
    }
}

/// What was found: events and rules, apart from how the verdicts came in frames.
fn found(ruled: &[Ruled]) -> Vec<(Position, Vec<String>)> {
    let rules = |ruled: &Ruled| ruled.verdict.reasons.iter().map(|reason| reason.rule.clone()).collect();
    ruled.iter().map(|ruled| (ruled.verdict.target, rules(ruled))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn judge_that_stops_anywhere_misses_nothing_and_repeats_nothing() {
    let one = tempfile::tempdir().unwrap();
    let whole = JudgeBed::new(one.path()).await;
    let (mut judge, mut mark) = (whole.judge(), Mark::NOTHING);
    while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
        mark = next;
    }
    let expected = found(&whole.ruled().await);
    assert!(expected.len() > 100 && mark.clicks_through.get() == FRAMES.unsigned_abs());

    for sealed in 0..5 {
        let other = tempfile::tempdir().unwrap();
        let parted = JudgeBed::new(other.path()).await;
        parted.seal(sealed).await;
        let mut mark = Mark::NOTHING;
        for attempt in 0.. {
            // Each time another process; of three marks that it returns two are lost.
            let mut judge = parted.judge();
            let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() else { break };
            let further = judge.step(next, Duration::ZERO).await.unwrap();
            mark = if attempt % 3 == 2 { further.unwrap_or(next) } else { mark };
            if further.is_none() {
                mark = next;
            }
        }
        assert_eq!(found(&parted.ruled().await), expected, "I1: {sealed} hours were sealed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn judging_sealed_hours_again_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let bed = JudgeBed::new(directory.path()).await;
    let (mut judge, mut mark) = (bed.judge(), Mark::NOTHING);
    while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
        mark = next;
    }
    bed.seal(4).await;
    let nothing_ruled = Position::new(bed.reader().end().await.unwrap().epoch(), Seq::FIRST, 0);
    let (mut hour, mut findings) = (bed.start, Vec::new());
    for _ in 0..4 {
        let again = bed.rejudge(bed.reader().end().await.unwrap()).hour(hour).await.unwrap();
        assert_eq!((again.rows, again.changes.len()), (48, 0), "I5: {hour}");
        let anew = bed.rejudge(nothing_ruled).hour(hour).await.unwrap();
        findings.extend(anew.changes.iter().map(|change| change.verdict.target));
        hour = hour.next();
    }
    let last = Position::new(nothing_ruled.epoch(), Seq::new(24).unwrap(), u16::MAX);
    let live = bed.ruled().await;
    let invalid = live.iter().filter(|ruled| ruled.verdict.category.is_some() && ruled.verdict.target <= last);
    assert_eq!(findings, invalid.map(|ruled| ruled.verdict.target).collect::<Vec<_>>(), "I5");
    assert!(!findings.is_empty());
}

const ALL: Kinds = Kinds::of(&[Kind::Click, Kind::Impression, Kind::Conversion]);
const CLICKS: Kinds = Kinds::of(&[Kind::Click]);

async fn covered(bed: &JudgeBed, first: u64, last: u64) -> Kinds {
    let frame = |seq: u64| Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 0);
    Coverage::read(&bed.archive).await.unwrap().of(&(frame(first)..frame(last + 1)), None)
}

/// Every frame that this judge passes is covered; what an earlier one passed is not, however that is known.
#[tokio::test(flavor = "multi_thread")]
async fn coverage_begins_behind_what_an_earlier_judge_has_passed() {
    let directory = tempfile::tempdir().unwrap();
    let fresh = JudgeBed::new(directory.path()).await;
    let mark = fresh.judge().step(Mark::NOTHING, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(covered(&fresh, 1, 30).await, ALL, "nobody judged before");

    // The earlier program left its verdicts and no document. The mark of the catalog says how far it came; and if that
    // says less than the verdicts of its last frame do, these.
    let forget = async || {
        for path in [CoverageKey.path(), CoverageKey.copy_path()] {
            std::fs::remove_file(directory.path().join("archive").join(path.as_ref())).unwrap();
        }
    };
    forget().await;
    let last = fresh.ruled().await.last().unwrap().verdict.target.seq().get();
    let stood = Mark { clicks_through: Seq::new(10).unwrap(), ..mark };
    fresh.judge().step(stood, Duration::ZERO).await.unwrap();
    assert_eq!((covered(&fresh, 1, 30).await, covered(&fresh, last + 1, 31).await), (CLICKS, ALL));

    // The mark is lost with the catalog, and the verdicts say how far it came.
    forget().await;
    fresh.judge().step(Mark::NOTHING, Duration::ZERO).await.unwrap();
    assert_eq!((covered(&fresh, last, 30).await, covered(&fresh, last + 1, 31).await), (CLICKS, ALL));

    // Sealed hours, and neither a mark nor a verdict: somebody passed them, and found nothing.
    let other = tempfile::tempdir().unwrap();
    let sealed = JudgeBed::new(other.path()).await;
    sealed.seal(2).await;
    sealed.judge().step(Mark::NOTHING, Duration::ZERO).await.unwrap();
    assert_eq!((covered(&sealed, 12, 30).await, covered(&sealed, 13, 30).await), (CLICKS, ALL));
}

#[tokio::test(flavor = "multi_thread")]
async fn judge_says_what_it_passed_and_what_its_rules_look_at() {
    let directory = tempfile::tempdir().unwrap();
    let bed = JudgeBed::new(directory.path()).await;
    let text = "version = 1\nname = \"x\"\n[[rule]]\ndetector = \"duplicate\"\nkinds = [\"impression\"]\n";
    let rules = Arc::new(Ruleset::parse(text, &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap());
    for (rules, judged) in [(Arc::new(Ruleset::shipped()), 240), (rules, 0)] {
        let (clicks, verdicts) = (Arc::clone(&bed.clicks) as Arc<dyn Log>, Arc::clone(&bed.verdicts) as Arc<dyn Log>);
        let clock = Arc::clone(&bed.clock) as Arc<dyn Clock>;
        let (mut judge, mut mark) = (Judge::new(clicks, verdicts, bed.archive.clone(), rules, clock), Mark::NOTHING);
        let mut passed = Vec::new();
        while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
            mark = next;
            passed.extend(judge.take_passed());
        }
        let clicks: Vec<_> = passed.iter().filter(|passed| passed.kind == Kind::Click).collect();
        let sums = clicks.iter().fold((0, 0), |sums, passed| (sums.0 + passed.logged, sums.1 + passed.judged));
        assert!(passed.iter().all(|passed| passed.kind == Kind::Click || passed.logged == 0));
        if judged > 0 {
            assert_eq!(sums, (240, judged));
        } else {
            assert_eq!(sums.1, 0, "no rule looks at clicks");
        }
    }
}
