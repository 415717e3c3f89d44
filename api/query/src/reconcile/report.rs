//! Every click with its reason, and the sums: what both sides ask for differs by what the reasons add up to.

use std::collections::BTreeMap;

use clicktrail_log::{position::Position, time::Timestamp};

use super::{
    both::{Both, Rejection},
    by_id,
    reason::{self, Place, Reason},
    side::Stands,
};

/// What is said of one click, or of a pair.
#[derive(Debug, Clone, Copy)]
struct Finding {
    reason: Reason,
    ours: Option<u32>,
    theirs: Option<u32>,
}

/// Clicks and money of one reason, or of a side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Findings.
    pub clicks: u64,
    /// What we bill for them.
    pub ours_micros: i128,
    /// What the partner's list says that they cost.
    pub theirs_micros: i128,
}

impl Sum {
    /// What we bill, less what the list says.
    pub fn difference_micros(&self) -> i128 {
        self.ours_micros - self.theirs_micros
    }
}

/// What both sides ask for in a currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Clicks that we bill.
    pub our_clicks: u64,
    /// What we bill.
    pub ours_micros: i128,
    /// Clicks of the list.
    pub their_clicks: u64,
    /// What the list says that they cost.
    pub theirs_micros: i128,
}

impl Total {
    /// What we bill, less what the list says.
    pub fn difference_micros(&self) -> i128 {
        self.ours_micros - self.theirs_micros
    }
}

/// What is summed: a reason, what is more to say of it, and a currency.
pub type Key = (Place, Reason, String, String);

/// One finding as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'r> {
    /// Why.
    pub reason: Reason,
    /// What is more to say: rule, code of a rejection, other line, offset.
    pub detail: String,
    /// The line of the file.
    pub line: Option<u64>,
    /// The id, ours if we have one.
    pub event_id: String,
    /// The ad, ours if we have one.
    pub ad_id: &'r str,
    /// The campaign, ours if we have one.
    pub campaign_id: &'r str,
    /// When it happened, by the file.
    pub their_time: Option<Timestamp>,
    /// When it happened, by our log.
    pub our_time: Option<Timestamp>,
    /// Where it stands in our log, or in the rejected log.
    pub position: Option<Position>,
    /// What it costs, by the file, and the currency.
    pub their_price: Option<(i64, &'r str)>,
    /// What we bill for it, which is nothing if we do not, and the currency.
    pub our_price: Option<(i64, &'r str)>,
}

/// Each click with its reason.
#[derive(Debug)]
pub struct Report {
    both: Both,
    rejections: Vec<Rejection>,
    /// The partner's by line, then ours alone by position.
    findings: Vec<Finding>,
    sums: BTreeMap<Key, Sum>,
    totals: BTreeMap<String, Total>,
    offsets: Vec<String>,
    ids_known: bool,
}

impl Report {
    /// # Panics
    /// If the reasons do not add up to the difference: nobody may be shown such a report.
    pub(super) fn new(both: Both, offsets: &[i64], rejected_of: &[Option<u32>], rejections: Vec<Rejection>) -> Self {
        let findings = findings(&both, rejected_of);
        let has_ids = both.theirs.numbers().any(|row| !both.theirs.id(row).is_empty());
        let is_known = |row: u32| !both.theirs.id(row).is_empty() && both.pairs.of_theirs(row).is_some();
        let ids_known = !has_ids || both.theirs.numbers().any(is_known);
        let offsets = offsets.iter().filter_map(|micros| reason::offset(*micros, 0)).collect();
        let totals = totals(&both);
        let mut report = Self { both, rejections, findings, sums: BTreeMap::new(), totals, offsets, ids_known };
        report.add_up();
        report
    }

    fn add_up(&mut self) {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        for finding in &self.findings {
            let (ours, theirs) = (self.our_price(*finding), self.their_price(*finding));
            // Numbers of rows and rejections would make a line of each.
            let reason = match finding.reason {
                Reason::Rejected(_) => Reason::Rejected(0),
                Reason::Repeated(_) => Reason::Repeated(0),
                Reason::OtherTime(_) => Reason::OtherTime(0),
                other => other,
            };
            let mut add = |currency: &str, ours: i64, theirs: i64, clicks: u64| {
                let key = (reason.place(), reason, self.group(*finding), currency.to_owned());
                let sum = sums.entry(key).or_default();
                sum.clicks += clicks;
                sum.ours_micros += i128::from(ours);
                sum.theirs_micros += i128::from(theirs);
            };
            match (ours, theirs) {
                (Some((ours, currency)), Some((theirs, other))) if currency == other => add(currency, ours, theirs, 1),
                (Some((ours, currency)), Some((theirs, other))) => {
                    add(currency, ours, 0, 1);
                    add(other, 0, theirs, 0);
                }
                (Some((ours, currency)), None) => add(currency, ours, 0, 1),
                (None, Some((theirs, currency))) => add(currency, 0, theirs, 1),
                (None, None) => {}
            }
        }
        let mut all: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
        for ((_, _, _, currency), sum) in &sums {
            let all = all.entry(currency).or_default();
            (all.0, all.1) = (all.0 + sum.ours_micros, all.1 + sum.theirs_micros);
        }
        for (currency, total) in &self.totals {
            let explained = all.remove(currency.as_str()).unwrap_or_default();
            assert!(
                explained == (total.ours_micros, total.theirs_micros),
                "the reasons add up to {explained:?} {currency}, both sides to {total:?}"
            );
        }
        assert!(all.values().all(|sums| *sums == (0, 0)), "money was explained that neither side has: {all:?}");
        self.sums = sums;
    }

    /// Clicks and money by reason, what is more to say, and currency.
    pub fn sums(&self) -> &BTreeMap<Key, Sum> {
        &self.sums
    }

    /// What both sides ask for, by currency.
    pub fn totals(&self) -> &BTreeMap<String, Total> {
        &self.totals
    }

    /// The offsets at which many of the file's times lie, as `+02:00`, where it has no ids.
    pub fn offsets(&self) -> &[String] {
        &self.offsets
    }

    /// Whether any of the file's ids is one of ours, or it has none.
    pub fn ids_are_known(&self) -> bool {
        self.ids_known
    }

    /// How many findings there are on which both sides do not agree.
    pub fn differences(&self) -> u64 {
        self.findings.iter().filter(|finding| !finding.reason.is_agreement()).count() as u64
    }

    /// Every finding, or every difference: the partner's clicks by line, then those that only we have by position.
    pub fn rows(&self, all: bool) -> impl Iterator<Item = Shown<'_>> {
        let asked = self.findings.iter().filter(move |finding| all || !finding.reason.is_agreement());
        asked.map(|finding| self.shown(*finding))
    }

    fn shown(&self, finding: Finding) -> Shown<'_> {
        let Both { names, ours, theirs, .. } = &self.both;
        let (one, other) = (finding.ours.map(|row| ours.row(row)), finding.theirs.map(|row| theirs.row(row)));
        let id = match (finding.ours, finding.theirs) {
            (Some(row), _) => ours.id(row),
            (None, Some(row)) => theirs.id(row),
            (None, None) => &[],
        };
        let ad = one.and_then(|row| row.ad).or_else(|| other.and_then(|row| row.ad));
        let campaign = one.and_then(|row| row.campaign).or_else(|| other.and_then(|row| row.campaign));
        let rejected = self.rejection(finding.reason).map(|rejection| rejection.position);
        Shown {
            reason: finding.reason,
            detail: self.detail(finding),
            line: other.map(|row| row.own.line),
            event_id: String::from_utf8_lossy(id).into_owned(),
            ad_id: ad.map_or("", |ad| names.text(ad)),
            campaign_id: campaign.map_or("", |campaign| names.text(campaign)),
            their_time: other.map(|row| Timestamp::from_micros(row.time)),
            our_time: one.map(|row| Timestamp::from_micros(row.time)),
            position: one.map(|row| row.own.position).or(rejected),
            their_price: self.their_price(finding),
            our_price: self.our_price(finding),
        }
    }

    fn rejection(&self, reason: Reason) -> Option<&Rejection> {
        if let Reason::Rejected(number) = reason { self.rejections.get(number as usize) } else { None }
    }

    /// What we bill for it; `None` if we do not have it.
    fn our_price(&self, finding: Finding) -> Option<(i64, &str)> {
        let row = self.both.ours.row(finding.ours?);
        Some((if row.own.is_billed() { row.price } else { 0 }, self.both.names.text(row.currency)))
    }

    fn their_price(&self, finding: Finding) -> Option<(i64, &str)> {
        let row = self.both.theirs.row(finding.theirs?);
        Some((row.price, self.both.names.text(row.currency)))
    }

    /// What is more to say of a reason, so far as it is said of many.
    fn group(&self, finding: Finding) -> String {
        match finding.reason {
            Reason::Invalid | Reason::NotInFileInvalid => self.rule(finding),
            Reason::Rejected(number) => self.rejections[number as usize].code.clone(),
            Reason::OtherTime(micros) => reason::offset(micros, self.both.tolerance).unwrap_or_default(),
            Reason::Same
            | Reason::OtherAd
            | Reason::Unjudged
            | Reason::OtherPeriod
            | Reason::Currency
            | Reason::Price
            | Reason::NotInFile
            | Reason::NotInFileUnjudged
            | Reason::Repeated(_)
            | Reason::OutOfRange
            | Reason::NotReceived => String::new(),
        }
    }

    fn detail(&self, finding: Finding) -> String {
        let theirs = finding.theirs.map(|row| self.both.theirs.row(row));
        if let Some(Rejection { code, detail, .. }) = self.rejection(finding.reason) {
            return format!("{code}: {detail}");
        }
        if let Reason::Repeated(first) = finding.reason {
            return format!("line {}", self.both.theirs.row(first).own.line);
        }
        if let (Reason::OtherAd, Some(ad)) = (finding.reason, theirs.and_then(|row| row.ad)) {
            return format!("the file says {}", self.both.names.text(ad));
        }
        let original = finding.ours.and_then(|row| match self.both.ours.row(row).own.stands {
            Stands::Invalid { original, .. } => original,
            Stands::Billable | Stands::Unjudged => None,
        });
        match original.filter(|_| matches!(finding.reason, Reason::Invalid | Reason::NotInFileInvalid)) {
            Some(original) => format!("{}, repeats {original}", self.rule(finding)),
            None => self.group(finding),
        }
    }

    /// Category and rule of one of ours that is invalid.
    fn rule(&self, finding: Finding) -> String {
        match finding.ours.map(|row| self.both.ours.row(row).own.stands) {
            Some(Stands::Invalid { category, rule, .. }) => format!("{category} {}", self.both.names.text(rule)),
            Some(Stands::Billable | Stands::Unjudged) | None => String::new(),
        }
    }
}

/// Each of theirs, and each of ours that was asked for, once.
fn findings(both: &Both, rejected_of: &[Option<u32>]) -> Vec<Finding> {
    let repeated = repeated(both);
    let mut findings = Vec::with_capacity(both.theirs.rows.len());
    for theirs in both.theirs.numbers() {
        let ours = both.pairs.of_theirs(theirs);
        let reason = match (ours, rejected_of[theirs as usize], repeated.get(&theirs)) {
            (Some(ours), _, _) => of_pair(both, ours, theirs),
            (None, Some(number), _) => Reason::Rejected(number),
            (None, None, Some(first)) => Reason::Repeated(*first),
            (None, None, None) if both.theirs.row(theirs).own.is_asked => Reason::NotReceived,
            (None, None, None) => Reason::OutOfRange,
        };
        findings.push(Finding { reason, ours, theirs: Some(theirs) });
    }
    for ours in both.ours.numbers() {
        let own = both.ours.row(ours).own;
        if both.pairs.of_ours(ours).is_some() || !own.is_asked {
            continue;
        }
        let reason = match own.stands {
            Stands::Billable => Reason::NotInFile,
            Stands::Invalid { .. } => Reason::NotInFileInvalid,
            Stands::Unjudged => Reason::NotInFileUnjudged,
        };
        findings.push(Finding { reason, ours: Some(ours), theirs: None });
    }
    findings
}

fn of_pair(both: &Both, ours: u32, theirs: u32) -> Reason {
    let (one, other) = (both.ours.row(ours), both.theirs.row(theirs));
    match one.own.stands {
        _ if !one.own.is_asked => return Reason::OtherPeriod,
        Stands::Invalid { .. } => return Reason::Invalid,
        Stands::Unjudged => return Reason::Unjudged,
        Stands::Billable => {}
    }
    let later = other.time.saturating_sub(one.time);
    if one.currency != other.currency {
        Reason::Currency
    } else if one.price != other.price {
        Reason::Price
    } else if other.ad.is_some() && one.ad != other.ad {
        Reason::OtherAd
    } else if later.unsigned_abs() > both.tolerance.unsigned_abs() {
        Reason::OtherTime(later)
    } else {
        Reason::Same
    }
}

/// Of the rows of theirs that have no partner and whose id stands in an earlier line too: the first row of the id.
fn repeated(both: &Both) -> BTreeMap<u32, u32> {
    let keyed = by_id::sorted(&both.theirs, |_| true);
    let (mut rest, mut repeated) = (&keyed[..], BTreeMap::new());
    while !rest.is_empty() {
        let (same, behind) = rest.split_at(by_id::group(&both.theirs, rest));
        for (_, row) in &same[1..] {
            if both.pairs.of_theirs(*row).is_none() {
                repeated.insert(*row, same[0].1);
            }
        }
        rest = behind;
    }
    repeated
}

/// What both sides ask for, straight from their rows.
fn totals(both: &Both) -> BTreeMap<String, Total> {
    let mut totals: BTreeMap<String, Total> = BTreeMap::new();
    for row in both.ours.rows.iter().filter(|row| row.own.is_billed()) {
        let total = totals.entry(both.names.text(row.currency).to_owned()).or_default();
        total.our_clicks += 1;
        total.ours_micros += i128::from(row.price);
    }
    for row in &both.theirs.rows {
        let total = totals.entry(both.names.text(row.currency).to_owned()).or_default();
        total.their_clicks += 1;
        total.theirs_micros += i128::from(row.price);
    }
    totals
}
