//! A repeat is found within its window, whatever is sealed, lost or restarted meanwhile: compared with looking at every
//! event before it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{Array as _, AsArray as _},
    datatypes::TimestampMicrosecondType,
};
use clicktrail_log::{
    archive::{
        Archive,
        clicks::Clicks,
        seal::{Cursor, Sealer},
    },
    embedded::EmbeddedLog,
    event::{Event, Kind},
    frame::Writer,
    log::{Log, ReadLimit, Stream},
    position::{Position, Seq},
    schema::EventsBuilder,
    time::{Clock, Hour, ManualClock, Timestamp},
};
use futures::{StreamExt as _, stream};
use proptest::{prelude::*, strategy::ValueTree as _};
use uuid::Uuid;

use crate::{
    judge::{Error, Judge, Mark, rejudge::Rejudge},
    reader::{Ruled, VerdictReader},
    ruleset::Ruleset,
    testing::{event, seed::seeded},
    verdict::{Evidence, Verdict},
};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// An event, the rule that found it, and the original that the rule names.
type Repeat = (Position, String, Position);

/// A log of clicks, and what is made of it.
struct Repeats {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    clicks: Arc<EmbeddedLog>,
    archive: Archive,
    writer: Writer,
    cursor: Cursor,
    rules: Arc<Ruleset>,
    verdict_logs: AtomicU32,
}

fn start() -> Timestamp {
    Hour::parse("2026-03-01T22").unwrap().start()
}

/// The `duplicate` rule with this before it and within it.
fn duplicate(before: &str, within: &str) -> String {
    format!("version = 1\nname = \"t\"\n{before}\n[[rule]]\ndetector = \"duplicate\"\n{within}\n")
}

/// One event as it was logged.
struct Logged {
    at: Position,
    logged: i64,
    time: i64,
    is_robot: bool,
    identity: [String; 4],
}

const ROBOT: &str = "curl/8.16.0";

impl Repeats {
    async fn new(rules: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(start()));
        let path = directory.path().join("clicks.sqlite");
        let clicks = EmbeddedLog::open(&path, Stream::Clicks, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let archive = Archive::directory(directory.path().join("archive")).unwrap();
        Self {
            directory,
            clock,
            clicks: Arc::new(clicks),
            archive,
            writer: Writer::new(Uuid::from_u128(3), 1),
            cursor: Cursor::start(),
            rules: Arc::new(Ruleset::parse(rules, &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap()),
            verdict_logs: AtomicU32::new(0),
        }
    }

    async fn log(&mut self, at: Timestamp, events: &[Event<'static>]) {
        self.clock.set(at);
        let mut builder = EventsBuilder::with_capacity(8);
        events.iter().for_each(|event| builder.push(event));
        self.clicks.append(&self.writer.seal(&builder.finish(), (at, at)).unwrap()).await.unwrap();
    }

    /// A click with an id, that claims to have just happened.
    async fn click(&mut self, micros: i64, id: &str) {
        let at = start().plus_micros(micros);
        self.log(at, &[event(Kind::Click, id, at.micros())]).await;
    }

    async fn seal_until(&mut self, now: Timestamp) {
        let sealer = Sealer::<Clicks>::of(Arc::clone(&self.clicks) as Arc<dyn Log>, self.archive.clone());
        let sealer = sealer.with_part_rows(7);
        while let Some((_, after)) = sealer.seal_next(&self.cursor, now).await.unwrap() {
            self.cursor = after;
        }
    }

    fn archived(&self, folder: &str) -> std::path::PathBuf {
        self.directory.path().join("archive").join(folder)
    }

    /// A judge with a verdict log of its own.
    async fn judge(&self) -> (Judge, VerdictReader) {
        let verdicts = self.verdict_log().await;
        let reader = VerdictReader::new(Arc::clone(&verdicts), self.archive.clone());
        (self.judge_into(verdicts), reader)
    }

    async fn verdict_log(&self) -> Arc<dyn Log> {
        let number = self.verdict_logs.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(format!("verdicts-{number}.sqlite"));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Arc::new(EmbeddedLog::open(&path, Stream::Verdicts, clock).await.unwrap())
    }

    fn judge_into(&self, verdicts: Arc<dyn Log>) -> Judge {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let clicks = Arc::clone(&self.clicks) as Arc<dyn Log>;
        Judge::new(clicks, verdicts, self.archive.clone(), Arc::clone(&self.rules), clock)
    }

    /// What a judge finds who comes now and judges everything.
    async fn judged(&self) -> Vec<Repeat> {
        let (mut judge, reader) = self.judge().await;
        let mut mark = Mark::NOTHING;
        while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
            mark = next;
        }
        found(&reader).await
    }

    /// The same by judges each of whom ends after one step.
    async fn judged_with_restarts(&self) -> Vec<Repeat> {
        let verdicts = self.verdict_log().await;
        let mut mark = Mark::NOTHING;
        while let Some(next) = self.judge_into(Arc::clone(&verdicts)).step(mark, Duration::ZERO).await.unwrap() {
            mark = next;
        }
        found(&VerdictReader::new(verdicts, self.archive.clone())).await
    }

    /// What three workers find who judge the sealed hours side by side.
    async fn judged_again(&self) -> Vec<Repeat> {
        let (_, reader) = self.judge().await;
        let before = Position::new(reader.end().await.unwrap().epoch(), Seq::FIRST, 0);
        let (clicks, clock) = (Arc::clone(&self.clicks) as Arc<dyn Log>, Arc::clone(&self.clock) as Arc<dyn Clock>);
        let rejudge = Rejudge::new(clicks, self.archive.clone(), reader, Arc::clone(&self.rules), clock, before);
        // The last hours first.
        let judged = stream::iter(self.archive.sealed_hours(Stream::Clicks).await.unwrap().into_iter().rev())
            .map(|hour| {
                let rejudge = rejudge.clone();
                tokio::spawn(async move { rejudge.hour(hour).await.unwrap() })
            })
            .buffer_unordered(3);
        let judged: Vec<_> = judged.collect().await;
        let changes = judged.into_iter().flat_map(|judged| judged.unwrap().changes);
        let mut found: Vec<Repeat> = changes.flat_map(|change| repeats(&change.verdict)).collect();
        // Of one event, in the order of the rules.
        found.sort_by_key(|(target, ..)| *target);
        found
    }

    /// The definition: of the events of an identity that lie within the window and are not set aside, the first in the
    /// log. The window is one of logged time; for an event that was logged more than an hour late, also one of event
    /// time.
    async fn expected(&self, windows: &[(&str, i64)]) -> Vec<Repeat> {
        let mut log = Vec::new();
        let mut next = Seq::FIRST;
        loop {
            let frames = self.clicks.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
            let Some(last) = frames.last() else { break };
            next = last.seq.next();
            let epoch = self.clicks.info().await.unwrap().epoch;
            for frame in frames {
                let rows = frame.frame.decode().unwrap();
                let text = |name: &str, row: usize| {
                    rows.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned()
                };
                for row in 0..rows.num_rows() {
                    let names = ["kind", "advertiser_id", "ad_id", "event_id"];
                    let at = Position::new(epoch, frame.seq, u16::try_from(row).unwrap());
                    let times = rows.column_by_name("event_time").unwrap().as_primitive::<TimestampMicrosecondType>();
                    let agents = rows.column_by_name("user_agent").unwrap().as_string::<i32>();
                    log.push(Logged {
                        at,
                        logged: frame.logged_at.micros(),
                        time: times.value(row),
                        is_robot: agents.is_valid(row) && agents.value(row) == ROBOT,
                        identity: names.map(|name| text(name, row)),
                    });
                }
            }
        }
        let mut expected = Vec::new();
        let robots_decide = self.rules.rules().iter().any(|rule| rule.detector() == "suspicious_agent");
        for (index, this) in log.iter().enumerate() {
            if !matches!(this.identity[0].as_str(), "click" | "impression" | "conversion") {
                continue;
            }
            for (rule, window) in windows {
                let is_original = |other: &&Logged| {
                    other.identity == this.identity
                        && !(robots_decide && other.is_robot)
                        && (other.logged > this.logged - window
                            || (this.logged - this.time > HOUR && (this.time - other.time).abs() < *window))
                };
                let original = log[..index].iter().find(is_original);
                expected.extend(original.map(|original| (this.at, (*rule).to_owned(), original.at)));
            }
        }
        expected
    }
}

fn repeats(verdict: &Verdict) -> Vec<Repeat> {
    let original = |evidence: &[(String, Evidence)]| match evidence {
        [(name, Evidence::Position(original))] if name == "original" => *original,
        other => panic!("{other:?}"),
    };
    let repeats = verdict.reasons.iter().filter(|reason| reason.rule != "suspicious_agent");
    repeats.map(|reason| (verdict.target, reason.rule.clone(), original(&reason.evidence))).collect()
}

async fn found(reader: &VerdictReader) -> Vec<Repeat> {
    let (mut found, mut next) = (Vec::new(), Seq::FIRST);
    loop {
        let page = reader.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
        if page.next == next {
            return found;
        }
        found.extend(page.ruled.iter().flat_map(|Ruled { verdict, .. }| repeats(verdict)));
        next = page.next;
    }
}

/// One event of a generated log.
#[derive(Debug, Clone)]
struct Draw {
    sort: u8,
    number: u8,
    advertiser: u8,
    kind: Kind,
    age_hours: i64,
    is_robot: bool,
}

/// Frames: how many steps of twenty minutes behind the last, how far the clock runs back, and their events.
fn frames() -> impl Strategy<Value = Vec<(i64, i64, Vec<Draw>)>> {
    let kind = prop_oneof![4 => Just(Kind::Click), 1 => Just(Kind::Conversion), 1 => Just(Kind::Impression)];
    let age_hours = prop_oneof![4 => Just(0_i64), 4 => 0_i64..30, 1 => 30_i64..150];
    let event = (0_u8..4, 0_u8..12, 0_u8..3, kind, age_hours, prop::bool::weighted(0.3)).prop_map(
        |(sort, number, advertiser, kind, age_hours, is_robot)| Draw {
            sort,
            number,
            advertiser,
            kind,
            age_hours,
            is_robot,
        },
    );
    let step = prop_oneof![3 => Just(0_i64), 4 => 1_i64..4, 1 => 4_i64..13, 1 => Just(6), 1 => Just(72)];
    let back = prop_oneof![4 => Just(0_i64), 1 => 0_i64..600];
    prop::collection::vec((step, back, prop::collection::vec(event, 1..6)), 40..90)
}

/// An id that says that it was made at `at`.
fn dated(at: Timestamp, number: u64) -> String {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    let millis = u64::try_from(at.micros() / 1_000).unwrap();
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}

fn made(draw: &Draw, logged: Timestamp, fresh: u64) -> Event<'static> {
    let every_three_hours = start().plus_micros(i64::from(draw.number) * 3 * HOUR);
    let id = match draw.sort {
        // Minted as it was captured.
        0 => dated(logged, fresh),
        // A date that is past, present or future, on a text that comes again.
        1 => dated(every_three_hours, 7),
        _ => format!("client-{}", draw.number),
    };
    let mut event = event(draw.kind, &id, logged.micros() - draw.age_hours * HOUR);
    event.user_agent = Some(if draw.is_robot { ROBOT } else { "Mozilla/5.0 (Windows NT 10.0)" }.into());
    event.advertiser_id = if draw.advertiser == 0 { "other".into() } else { "acme".into() };
    event
}

/// Judges a generated log in every way, under rules whose windows are `windows`, in hours.
async fn check(rules: &str, windows: &[(&str, i64)]) {
    let windows: Vec<(&str, i64)> = windows.iter().map(|(rule, hours)| (*rule, hours * HOUR)).collect();
    let mut runner = seeded();
    for _ in 0..2 {
        let frames = frames().new_tree(&mut runner).unwrap().current();
        let mut world = Repeats::new(rules).await;
        let (mut judge, reader) = world.judge().await;
        let (mut mark, mut now, mut fresh) = (Mark::NOTHING, start(), 0);
        for (index, (step, back, draws)) in frames.iter().enumerate() {
            now = now.plus_micros(step * 20 * MINUTE);
            let logged = now.plus_micros(-back * 1_000_000);
            let events: Vec<_> = draws
                .iter()
                .map(|draw| {
                    fresh += 1;
                    made(draw, logged, fresh)
                })
                .collect();
            world.log(logged, &events).await;
            // The archiver comes at any time, and stays away for hours.
            if index % 7 == 3 || index % 11 == 4 {
                world.seal_until(now.plus_micros(6_000_000)).await;
            }
            while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
                mark = next;
            }
        }
        let expected = world.expected(&windows).await;
        assert!(expected.len() > 5, "{}", expected.len());
        assert_eq!(found(&reader).await, expected, "as they came");
        assert_eq!(world.judged().await, expected, "whatever is sealed");
        world.seal_until(now.plus_micros(HOUR + 6_000_000)).await;
        assert_eq!(world.judged().await, expected, "all is sealed");
        std::fs::remove_dir_all(world.archived("identities")).unwrap();
        assert_eq!(world.judged_with_restarts().await, expected, "without filters, and with restarts");
        assert_eq!(world.judged_again().await, expected, "again, side by side");
        let unsealed = Repeats { archive: Archive::directory(world.archived("none")).unwrap(), ..world };
        assert_eq!(unsealed.judged().await, expected, "nothing is sealed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_of_a_day_are_found_however_the_log_is_judged() {
    check(&duplicate("", ""), &[("duplicate", 24)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_may_be_shorter_than_the_look_back_and_longer_than_a_day() {
    let rules = duplicate("", "window_hours = 1\n[[rule]]\ndetector = \"duplicate\"\nname = \"b\"\nwindow_hours = 40");
    check(&rules, &[("duplicate", 1), ("b", 40)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn look_back_may_be_short() {
    check(&duplicate("look_back_seconds = 60", "window_hours = 3"), &[("duplicate", 3)]).await;
}

/// With robots that are set aside, in the state, in the log and in the archive.
#[tokio::test(flavor = "multi_thread")]
async fn robots_are_no_originals_however_the_log_is_judged() {
    let robots = "[[rule]]\ndetector = \"suspicious_agent\"\ndecides = true\n[[rule]]\ndetector = \"duplicate\"\n\
                  name = \"b\"\nwindow_hours = 3";
    check(&duplicate("look_back_seconds = 1800", robots), &[("duplicate", 24), ("b", 3)]).await;
    check(&duplicate("", robots), &[("duplicate", 24), ("b", 3)]).await;
}

/// Ids at times since the start, all with fresh event times; which of them repeat an earlier one.
async fn repeated(clicks: &[(i64, &str)], is_sealed: bool) -> Vec<usize> {
    let mut world = Repeats::new(&duplicate("", "")).await;
    for (micros, id) in clicks {
        world.click(*micros, id).await;
        if is_sealed {
            world.seal_until(start().plus_micros(micros + 6_000_000)).await;
        }
    }
    let repeats = world.judged().await;
    repeats.iter().map(|(target, ..)| usize::try_from(target.seq().get()).unwrap() - 1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_with_a_fresh_time_is_found_for_a_day_and_not_longer() {
    for is_sealed in [true, false] {
        for (later, is_found) in [
            (6 * MINUTE, true),
            (2 * HOUR, true),
            (3 * HOUR + 10 * MINUTE, true),
            (23 * HOUR, true),
            (24 * HOUR - 1, true),
            (24 * HOUR, false),
            (25 * HOUR, false),
        ] {
            for begins in [0, 30 * MINUTE, HOUR - 1] {
                let found = repeated(&[(begins, "a"), (begins, "b"), (begins + later, "a")], is_sealed).await;
                assert_eq!(found, if is_found { vec![2] } else { vec![] }, "{later} after {begins}, {is_sealed}");
            }
        }
        // Each repeat begins the window anew.
        assert_eq!(
            repeated(&[(0, "a"), (20 * HOUR, "a"), (40 * HOUR, "a"), (65 * HOUR, "a")], is_sealed).await,
            [1, 2]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_date_neither_hides_an_original_nor_a_repeat() {
    let at = |hours: i64| start().plus_micros(hours * HOUR);
    for is_sealed in [true, false] {
        // Dated for the moment of the repeat, long before, and as it was first sent.
        for date in [at(5), at(-300), at(0), at(4), at(6), at(500_000)] {
            let id = dated(date, 1);
            let clicks =
                [(0, id.as_str()), (3 * HOUR, "x"), (5 * HOUR, id.as_str()), (7 * HOUR + 30 * MINUTE, id.as_str())];
            assert_eq!(repeated(&clicks, is_sealed).await, [2, 3], "{date}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archive_that_does_not_answer_is_asked_until_it_does() {
    let mut world = Repeats::new(&duplicate("", "")).await;
    for (micros, id) in [(0, "a"), (90 * MINUTE, "b"), (210 * MINUTE, "a")] {
        world.click(micros, id).await;
    }
    world.seal_until(start().plus_micros(5 * HOUR)).await;
    let expected = world.judged().await;
    assert_eq!(expected.len(), 1);
    let parts = world.archived("clicks");
    let aside = world.directory.path().join("aside");
    std::fs::remove_dir_all(world.archived("identities")).unwrap();
    std::fs::rename(&parts, &aside).unwrap();
    let (mut judge, reader) = world.judge().await;
    for _ in 0..2 {
        let refused = judge.step(Mark::NOTHING, Duration::ZERO).await.unwrap_err();
        assert!(matches!(refused, Error::Archive(_)), "{refused}");
    }
    assert!(found(&reader).await.is_empty());
    std::fs::rename(&aside, &parts).unwrap();
    let mut mark = Mark::NOTHING;
    while let Some(next) = judge.step(mark, Duration::ZERO).await.unwrap() {
        mark = next;
    }
    assert_eq!(found(&reader).await, expected);
    assert!(Path::exists(&world.archived("identities")), "and the filter is there again");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_judges_with_the_same_mark_the_second_repeats_nothing() {
    let mut world = Repeats::new(&duplicate("", "")).await;
    world.click(0, "a").await;
    let verdicts = world.verdict_log().await;
    let (mut one, mut other) = (world.judge_into(Arc::clone(&verdicts)), world.judge_into(Arc::clone(&verdicts)));
    // Neither finds anything, so neither has appended yet.
    let mark = one.step(Mark::NOTHING, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(other.step(Mark::NOTHING, Duration::ZERO).await.unwrap(), Some(mark));
    world.click(MINUTE, "a").await;
    let moved = one.step(mark, Duration::ZERO).await.unwrap().unwrap();
    let refused = other.step(mark, Duration::ZERO).await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    assert_eq!(other.step(mark, Duration::ZERO).await.unwrap(), Some(moved));
    assert_eq!(found(&VerdictReader::new(verdicts, world.archive.clone())).await.len(), 1);
}

/// Clicks of one id, each with when it was logged and when it happened; which of them repeat an earlier one.
async fn late(clicks: &[(i64, i64)], is_sealed: bool) -> Vec<usize> {
    let mut world = Repeats::new(&duplicate("", "")).await;
    for (logged, happened) in clicks {
        let at = start().plus_micros(*logged);
        world.log(at, &[event(Kind::Click, "a", start().plus_micros(*happened).micros())]).await;
        if is_sealed {
            world.seal_until(at.plus_micros(6_000_000)).await;
        }
    }
    let repeats = world.judged().await;
    if is_sealed {
        world.seal_until(start().plus_micros(clicks[clicks.len() - 1].0 + 2 * HOUR)).await;
        assert_eq!(world.judged_again().await, repeats, "again");
    }
    repeats.iter().map(|(target, ..)| usize::try_from(target.seq().get()).unwrap() - 1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_one_day_repeat_each_other_however_far_apart_they_are_imported() {
    let day = 24 * HOUR;
    for is_sealed in [true, false] {
        // As it happened, then a file that comes four days later: within a day in event time, and not.
        assert_eq!(late(&[(0, 0), (4 * day, 20 * HOUR)], is_sealed).await, [1]);
        assert_eq!(late(&[(0, 0), (4 * day, day - 1)], is_sealed).await, [1]);
        assert_eq!(late(&[(0, 0), (4 * day, day)], is_sealed).await, [] as [usize; 0]);
        // Lines before those that were imported first.
        assert_eq!(late(&[(0, 0), (4 * day, -20 * HOUR)], is_sealed).await, [1]);
        // Both files came late.
        assert_eq!(late(&[(5 * day, 0), (7 * day, 3 * HOUR), (9 * day, -HOUR)], is_sealed).await, [1, 2]);
        // What just happened is no line of an old file: its window is one of logged time.
        assert_eq!(late(&[(0, 0), (day + HOUR / 2, day + HOUR / 2 - 1)], is_sealed).await, [] as [usize; 0]);
        assert_eq!(late(&[(0, 0), (day + MINUTE, day - 2 * HOUR)], is_sealed).await, [1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_late_is_looked_for_a_month_and_what_came_in_time_for_ever() {
    let day = 24 * HOUR;
    assert_eq!(late(&[(0, 0), (400 * day, HOUR)], false).await, [1]);
    assert_eq!(late(&[(0, -2 * day), (31 * day - 1, -2 * day)], false).await, [1]);
    assert_eq!(late(&[(0, -2 * day), (31 * day, -2 * day)], false).await, [] as [usize; 0]);
}

/// As where a template's `{click_id}` was never filled in. Robots come too, and events that are late.
#[tokio::test(flavor = "multi_thread")]
async fn sender_that_gives_every_event_one_id_is_judged_as_defined() {
    let robots = "[[rule]]\ndetector = \"suspicious_agent\"\ndecides = true";
    let mut world = Repeats::new(&duplicate("", robots)).await;
    for frame in 0..60 {
        let at = start().plus_micros(frame * 47 * MINUTE);
        let click = |row: i64| {
            let age = if row % 11 == 10 { row * HOUR } else { row };
            let mut click = event(Kind::Click, "{click_id}", at.micros() - age);
            // Robots alone for a day and more, then both.
            let is_robot = frame < 34 || row % 3 == 0;
            click.user_agent = Some(if is_robot { ROBOT } else { "Mozilla/5.0 (Windows NT 10.0)" }.into());
            click
        };
        let clicks: Vec<_> = (0..40).map(click).collect();
        world.log(at, &clicks).await;
    }
    let expected = world.expected(&[("duplicate", 24 * HOUR)]).await;
    assert_eq!(expected.len(), 26 * 40 - 2, "all but the first person, and the robot before");
    assert_eq!(world.judged().await, expected, "nothing is sealed");
    world.seal_until(start().plus_micros(60 * 47 * MINUTE + 2 * HOUR)).await;
    assert_eq!(world.judged().await, expected, "all is sealed");
    assert_eq!(world.judged_again().await, expected, "again, side by side");
}
