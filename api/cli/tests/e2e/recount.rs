//! The log read from its first frame by its own contract, and held against what clients were told.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::array::AsArray as _;
use clicktrail_log::{
    archive::part,
    chain::{Admission, Chain},
    log::{Log, ReadLimit, Stream},
    position::{Position, Seq},
};
use clicktrail_verdicts::{
    fold::{Finding, Fold, Originals},
    reader::VerdictReader,
    ruleset::Ruleset,
    verdict::{Category, Decision, Stage},
};
use serde_json::Value;

use crate::{installation::Installation, loader::Loader};

/// What the log holds, repeats of frames left out.
#[derive(Debug, Default)]
pub(crate) struct Recount {
    /// Every event id with the positions at which it stands.
    pub(crate) positions: BTreeMap<String, Vec<Position>>,
    /// Events by kind.
    pub(crate) kinds: BTreeMap<String, i64>,
    /// The kind of the event at each position.
    pub(crate) kind_of: BTreeMap<Position, String>,
    /// What each click charges, billable or not.
    pub(crate) prices: BTreeMap<Position, i64>,
    /// What a single pass of the shipped rules over the log finds, in order.
    pub(crate) findings: Vec<Finding>,
    /// Frames that were dropped because their writer had used the number before.
    pub(crate) repeats: u64,
    /// How the chain of a writer is broken.
    pub(crate) alarms: Vec<String>,
}

impl Recount {
    pub(crate) async fn of(log: &dyn Log) -> Self {
        let info = log.info().await.unwrap();
        assert_eq!(info.first, Seq::FIRST, "nothing was trimmed");
        let (mut recount, mut chain, mut next) = (Self::default(), Chain::default(), Seq::FIRST);
        let mut fold = Fold::new(Arc::new(Ruleset::shipped()));
        while next <= info.last {
            let frames = log.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
            assert!(!frames.is_empty(), "the log ends before frame {next}, and says it ends at {}", info.last);
            for logged in frames {
                assert_eq!(logged.seq, next);
                next = logged.seq.next();
                match chain.admit(&logged.frame.header) {
                    Admission::Fresh => {}
                    Admission::Repeat => {
                        recount.repeats += 1;
                        continue;
                    }
                    Admission::Broken(alarm) => recount.alarms.push(alarm.to_string()),
                }
                let (events, first) = (logged.frame.decode().unwrap(), Position::new(info.epoch, logged.seq, 0));
                recount.add(&events, first);
                let events = part::with_position(&events, first, logged.logged_at).unwrap();
                recount.findings.extend(fold.judge(&events, &Originals::none()).unwrap());
            }
        }
        recount
    }

    fn add(&mut self, events: &arrow::array::RecordBatch, first: Position) {
        let text = |name: &str| events.column_by_name(name).unwrap().as_string::<i32>().clone();
        let (ids, kinds) = (text("event_id"), text("kind"));
        let prices = events.column_by_name("price_micros").unwrap();
        let prices = prices.as_primitive::<arrow::datatypes::Int64Type>();
        for row in 0..events.num_rows() {
            let position = first.plus_rows(u16::try_from(row).unwrap());
            self.positions.entry(ids.value(row).to_owned()).or_default().push(position);
            self.kind_of.insert(position, kinds.value(row).to_owned());
            *self.kinds.entry(kinds.value(row).to_owned()).or_default() += 1;
            if kinds.value(row) == "click" {
                self.prices.insert(position, prices.value(row));
            }
        }
    }

    /// Invariant I1, for a load in which every id was sent once: what was acknowledged is there exactly once, at the
    /// position that was told, in the order in which each client sent it; nothing is there twice.
    #[track_caller]
    pub(crate) fn check_acknowledged(&self, loader: &Loader) {
        assert_eq!(self.alarms, Vec::<String>::new());
        let doubled: Vec<_> = self.positions.iter().filter(|(_, positions)| positions.len() > 1).take(5).collect();
        assert!(doubled.is_empty(), "logged twice: {doubled:?}");
        loader.look(|record| {
            let lost: Vec<_> = record.acknowledged.keys().filter(|id| !self.positions.contains_key(*id)).collect();
            assert!(
                lost.is_empty(),
                "{} acknowledged events are not in the log: {:?}",
                lost.len(),
                &lost[..lost.len().min(5)]
            );
            for (id, told) in &record.acknowledged {
                let Some(told) = told else { continue };
                assert_eq!(self.positions[id][0].to_string(), *told, "{id} stands elsewhere than its client was told");
            }
            for order in &record.orders {
                let positions: Vec<Position> = order.iter().map(|id| self.positions[id][0]).collect();
                assert!(positions.is_sorted(), "a client's events changed their order");
            }
            assert!(self.positions.len() as u64 <= record.sent, "the log holds events that nobody sent");
        });
    }

    /// What the judge appended is what one pass over the log finds: nothing is missing, nothing is there twice (I5).
    pub(crate) async fn check_verdicts(&self, installation: &Installation) {
        let history = VerdictReader::new(installation.log(Stream::Verdicts).await, installation.archive());
        let (mut found, mut next) = (Vec::new(), Seq::FIRST);
        loop {
            let page = history.read(next, ReadLimit::waiting(Duration::ZERO)).await.unwrap();
            found.extend(page.ruled.into_iter().map(|ruled| ruled.verdict));
            if page.next == next {
                break;
            }
            next = page.next;
        }
        assert!(found.iter().all(|verdict| verdict.stage == Stage::Live));
        assert_eq!(found.len(), self.findings.len(), "verdicts in the log, and findings of one pass");
        for (verdict, finding) in found.into_iter().zip(&self.findings) {
            let verdict = Finding {
                target: verdict.target,
                event_id: verdict.event_id,
                decision: verdict.decision,
                category: verdict.category,
                score_permille: verdict.score_permille,
                reasons: verdict.reasons,
            };
            assert_eq!(verdict, *finding);
        }
    }

    fn is_of(&self, position: Position, kind: &str) -> bool {
        self.kind_of.get(&position).is_some_and(|found| found == kind)
    }

    /// The counters must say what the log holds, to the last event and the last millionth, net of the judge's verdicts.
    #[track_caller]
    pub(crate) fn check_counters(&self, installation: &Installation) {
        let rows = installation.ask(&["counters"]);
        let kind = |kind: &str| self.kinds.get(kind).copied().unwrap_or(0);
        let mut billable = self.prices.clone();
        for finding in self.findings.iter().filter(|finding| finding.decision == Decision::Invalid) {
            billable.remove(&finding.target);
        }
        let billable_clicks = i64::try_from(billable.len()).unwrap();
        for (column, expected) in [
            ("clicks", kind("click")),
            ("billable_clicks", billable_clicks),
            ("impressions", kind("impression")),
            ("conversions", kind("conversion")),
            ("probes", kind("probe")),
            ("prefetches", kind("prefetch")),
            ("spend_micros", billable.values().sum()),
        ] {
            assert_eq!(sum(&rows, column), expected, "{column} of the counters, and in the log");
        }
        let tiers = installation.ask(&["counters", "--tiers"]);
        for name in ["click", "impression", "conversion"] {
            let categories = self.findings.iter().filter(|finding| self.is_of(finding.target, name));
            let categories: Vec<_> = categories.filter_map(|finding| finding.category).collect();
            let out = |of: &[Category]| categories.iter().filter(|category| of.contains(category)).count();
            let out = |of: &[Category]| i64::try_from(out(of)).unwrap();
            let net = kind(name) - out(&[Category::Givt, Category::Duplicate]);
            for (tier, expected) in [
                ("gross", kind(name)),
                ("judged", kind(name)),
                ("net", net),
                ("total_net", net - out(&[Category::Sivt, Category::Policy])),
            ] {
                assert_eq!(sum(&tiers, &format!("{name}s_{tier}")), expected, "{tier} {name}s, and in the log");
            }
        }
        let invalid = ["invalid_givt", "invalid_sivt", "invalid_duplicate", "invalid_policy"];
        let invalid: i64 = invalid.iter().map(|column| sum(&rows, column)).sum();
        assert_eq!(invalid, kind("click") - billable_clicks, "I7: a click is billable or invalid");
    }
}

/// The sum of a column over the rows of an answer: counts are numbers, sums of money text.
#[track_caller]
pub(crate) fn sum(rows: &Value, column: &str) -> i64 {
    let rows = rows.as_array().unwrap_or_else(|| panic!("not a list of rows: {rows}"));
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let value = |row: &Value| number(&row[column]).unwrap_or_else(|| panic!("no number {column} in {row}"));
    rows.iter().map(value).sum()
}

/// Waits until everything that was acknowledged has reached the log: what waited on the spool comes later.
pub(crate) async fn until_all_is_logged(installation: &Installation, loader: &Loader) {
    let log = installation.log(Stream::Clicks).await;
    let begin = Instant::now();
    loop {
        let recount = Recount::of(log.as_ref()).await;
        let missing = |id: &&String| !recount.positions.contains_key(*id);
        let missing = loader.look(|record| record.acknowledged.keys().filter(missing).count());
        if missing == 0 {
            return;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{missing} acknowledged events did not reach the log in 30 s"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
