//! Judging past hours again, each by itself. A fold is first warmed on the look-back before the hour, so any number of
//! workers find what one live pass would have found.
//!
//! Only changes come of it: a verdict is made where another ruling stands. A ruling by hand is never overruled.

#![expect(
    clippy::disallowed_methods,
    reason = "folding keeps a thread busy, and judging again has nothing else to do meanwhile"
)]

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{AsArray as _, RecordBatch},
    compute::min,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    archive::{Archive, Manifest},
    invariant,
    log::{Log, Stream},
    position::Position,
    time::{Clock, Hour, Timestamp},
};

use super::{
    archived_originals::ArchivedOriginals,
    error::Error,
    rows::{ClickRows, manifest_of},
    verdict::verdict,
};
use crate::{
    fold::{Finding, Fold},
    reader::VerdictReader,
    ruleset::Ruleset,
    rulings::{Rulings, Stages},
    verdict::{Category, Decision, Reason, Stage, Verdict},
};

/// Judges past hours under other rules.
#[derive(Debug, Clone)]
pub struct Rejudge {
    clicks: Arc<dyn Log>,
    archive: Archive,
    verdicts: VerdictReader,
    rules: Arc<Ruleset>,
    clock: Arc<dyn Clock>,
    /// The verdicts that count as standing: those before this position.
    before: Position,
    /// Shared by all workers: the hours that they judge look into the same hours before.
    originals: Arc<ArchivedOriginals>,
    /// Whether hours are judged of which something was erased.
    with_erased: bool,
}

/// One event whose ruling changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who pays.
    pub advertiser_id: String,
    /// `click`, `impression` or `conversion`.
    pub kind: String,
    /// What a click charges, in millionths of `currency`.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
    /// Why it was invalid; `None` if it was not.
    pub category_before: Option<Category>,
    /// The rules that fire now, the heaviest first. Empty if the event is valid because none fires any more.
    pub rules: Vec<String>,
    /// The verdict to append.
    pub verdict: Verdict,
}

/// What judging an hour again came to.
#[derive(Debug, Default)]
pub struct Rejudgement {
    /// Events that were read, without those that only warmed the folds.
    pub rows: u64,
    /// Events that the rules had something to say about.
    pub findings: u64,
    /// Events whose personal columns were erased: what stands about them stays.
    pub erased: u64,
    /// Whose ruling changes, by position.
    pub changes: Vec<Change>,
}

impl Rejudge {
    /// Judges against the verdicts before `before`.
    pub fn new(
        clicks: Arc<dyn Log>,
        archive: Archive,
        verdicts: VerdictReader,
        rules: Arc<Ruleset>,
        clock: Arc<dyn Clock>,
        before: Position,
    ) -> Self {
        let originals = ArchivedOriginals::new(Arc::clone(&clicks), archive.clone(), Arc::clone(&rules));
        let originals = Arc::new(originals);
        Self { clicks, archive, verdicts, rules, clock, before, originals, with_erased: false }
    }

    /// The same that also judges hours of which something was erased. What stands about erased events stays; others are
    /// judged as if these had named nobody.
    #[must_use]
    pub fn with_erased(self, with_erased: bool) -> Self {
        Self { with_erased, ..self }
    }

    /// Judges one sealed hour.
    ///
    /// # Errors
    /// See [`Error`]: nothing was appended. [`Error::Erased`] if something of it was erased, or of what it has to look
    /// back at.
    pub async fn hour(&self, hour: Hour) -> Result<Rejudgement, Error> {
        let manifest = manifest_of(&self.archive, hour).await?;
        let mut outcome = Rejudgement::default();
        if manifest.rows == 0 {
            return Ok(outcome);
        }
        let standing = self.standing(&manifest).await?;
        let (mut rows, mut fold) = self.warmed(&manifest).await?;
        while let Some(read) = rows.next(Duration::ZERO).await? {
            outcome.rows += read.batch.num_rows() as u64;
            outcome.erased += read.erased.len() as u64;
            let found = self.originals.find(&fold.candidates(&read.batch)?).await?;
            let findings = tokio::task::block_in_place(|| fold.judge(&read.batch, &found))?;
            outcome.findings += findings.len() as u64;
            let changes = self.changes(findings, &read.batch, &standing).into_iter();
            let is_erased = |change: &Change| read.erased.binary_search(&change.verdict.target.as_i64()).is_ok();
            outcome.changes.extend(changes.filter(|change| !is_erased(change)));
        }
        Ok(outcome)
    }

    /// A reader at the beginning of the hour, and a fold that knows what came before it.
    async fn warmed(&self, manifest: &Manifest) -> Result<(ClickRows, Fold), Error> {
        let epoch = manifest.epoch();
        let of_hours =
            |hours: &[Manifest]| ClickRows::of_hours(Arc::clone(&self.clicks), self.archive.clone(), epoch, hours);
        // Workers judge hours side by side: a fold with two threads would only get in their way.
        let mut fold = Fold::new(Arc::clone(&self.rules)).on_one_thread();
        // Where a clock ran behind, events of the hour may have logged times from before it.
        let mut earliest = manifest.hour().start();
        let (mut own, mut erased) = (of_hours(std::slice::from_ref(manifest)), 0);
        while let Some(read) = own.next(Duration::ZERO).await? {
            erased += read.erased.len() as u64;
            let times = read.batch.column(1).as_primitive::<TimestampMicrosecondType>();
            earliest = min(times).map_or(earliest, |first| earliest.min(Timestamp::from_micros(first)));
        }
        let look_back = i64::try_from(self.rules.look_back().as_micros()).unwrap_or(i64::MAX / 2);
        let first = earliest.plus_micros(-look_back).hour();
        let mut before = Vec::new();
        for hour in self.archive.sealed_hours(Stream::Clicks).await? {
            if hour >= first && hour < manifest.hour() {
                before.push(manifest_of(&self.archive, hour).await?);
            }
        }
        let mut warming = of_hours(&before);
        while let Some(read) = warming.next(Duration::ZERO).await? {
            erased += read.erased.len() as u64;
            tokio::task::block_in_place(|| fold.warm(&read.batch))?;
        }
        if erased > 0 && !self.with_erased {
            return Err(Error::Erased { hour: manifest.hour(), rows: erased });
        }
        Ok((of_hours(std::slice::from_ref(manifest)), fold))
    }

    async fn standing(&self, manifest: &Manifest) -> Result<Rulings, Error> {
        let frame = |seq| Position::new(manifest.epoch(), seq, 0);
        let targets = frame(manifest.first_seq())..frame(manifest.last_seq().next());
        Ok(self.verdicts.rulings(targets, self.before, Stages::All).await?)
    }

    /// What changes among the rows of one batch, by position.
    fn changes(&self, findings: Vec<Finding>, batch: &RecordBatch, standing: &Rulings) -> Vec<Change> {
        let rows = Row::all(batch);
        let mut found = findings.into_iter().peekable();
        let mut changes = Vec::new();
        for row in rows {
            let finding = found.next_if(|finding| finding.target == row.position);
            let stands = standing.get(row.position);
            let category_before = stands.and_then(|stands| stands.category);
            let category = finding.as_ref().and_then(|finding| finding.category);
            if category == category_before || stands.is_some_and(|stands| stands.rank.is_by_hand()) {
                continue;
            }
            // Without a finding the event was invalid before, and no rule fires for it any more.
            let finding = finding.unwrap_or_else(|| row.nothing_found());
            let mut reasons: Vec<&Reason> = finding.reasons.iter().collect();
            reasons.sort_by_key(|reason| std::cmp::Reverse((reason.decides, reason.weight_permille)));
            changes.push(Change {
                advertiser_id: row.advertiser_id.to_owned(),
                kind: row.kind.to_owned(),
                price_micros: row.price_micros,
                currency: row.currency.to_owned(),
                category_before,
                rules: reasons.into_iter().map(|reason| reason.rule.clone()).collect(),
                verdict: verdict(finding, Stage::Rejudge, &self.rules, self.clock.now()),
            });
        }
        invariant!(I5, found.next().is_none(), "a finding is about none of the rows that were judged");
        changes
    }
}

/// One event, as far as a change tells of it.
struct Row<'b> {
    position: Position,
    event_id: &'b str,
    kind: &'b str,
    advertiser_id: &'b str,
    price_micros: i64,
    currency: &'b str,
}

impl<'b> Row<'b> {
    fn all(batch: &'b RecordBatch) -> impl Iterator<Item = Self> + 'b {
        let column = |name: &str| batch.column_by_name(name).expect("a column that judging reads");
        let text = |name: &str| column(name).as_string::<i32>();
        let number = |name: &str| column(name).as_primitive::<Int64Type>();
        let (positions, prices) = (number("position"), number("price_micros"));
        let (ids, kinds, advertisers, currencies) =
            (text("event_id"), text("kind"), text("advertiser_id"), text("currency"));
        (0..batch.num_rows()).filter_map(move |row| {
            Some(Self {
                position: Position::from_i64(positions.value(row))?,
                event_id: ids.value(row),
                kind: kinds.value(row),
                advertiser_id: advertisers.value(row),
                price_micros: prices.value(row),
                currency: currencies.value(row),
            })
        })
    }

    fn nothing_found(&self) -> Finding {
        Finding {
            target: self.position,
            event_id: self.event_id.to_owned(),
            decision: Decision::Valid,
            category: None,
            score_permille: 0,
            reasons: Vec::new(),
        }
    }
}
