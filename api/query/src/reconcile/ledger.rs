//! Both sides, taken in, paired, and told what was rejected.

use clicktrail_log::time::Timestamp;

use super::{
    both::{Both, Rejection},
    by_id, by_time,
    names::{Name, Names},
    pairs::Pairs,
    report::Report,
    side::{BYTES_MAX, Click, Logged, Our, Side, Standing, Stands, Their, TooLarge},
};

/// Rejections that are remembered. Each explains one click of the partner's; what is beyond the limit leaves its click
/// as one that never came.
const REJECTIONS_MAX: usize = 1 << 20;

/// Both sides as they come.
#[derive(Debug)]
pub struct Ledger {
    names: Names,
    ours: Side<Our>,
    theirs: Side<Their>,
    tolerance: i64,
    bytes_max: usize,
}

impl Ledger {
    /// Nothing yet. Two times are the same if they are not further apart than the tolerance.
    pub fn new(tolerance_micros: i64) -> Self {
        Self {
            names: Names::default(),
            ours: Side::default(),
            theirs: Side::default(),
            tolerance: tolerance_micros,
            bytes_max: BYTES_MAX,
        }
    }

    #[cfg(test)]
    pub(super) fn with_bytes_max(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    /// Takes in one of our clicks.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn add_ours(&mut self, click: &Click<'_>, logged: &Logged) -> Result<(), TooLarge> {
        let stands = match &logged.standing {
            Standing::Billable => Stands::Billable,
            Standing::Unjudged => Stands::Unjudged,
            Standing::Invalid { category, rule, original } => {
                Stands::Invalid { category: *category, rule: self.names.name(rule), original: *original }
            }
        };
        let own = Our { position: logged.position, stands, is_asked: logged.is_asked };
        self.ours.push(click, own, &mut self.names);
        self.check()
    }

    /// Takes in one of the partner's clicks, which stands in a line of the file, from 1, and may have happened outside
    /// the range that was asked for.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn add_theirs(&mut self, click: &Click<'_>, line: u64, is_asked: bool) -> Result<(), TooLarge> {
        self.theirs.push(click, Their { line, is_asked }, &mut self.names);
        self.check()
    }

    fn check(&self) -> Result<(), TooLarge> {
        let bytes = self.names.bytes() + self.ours.bytes() + self.theirs.bytes();
        if bytes > self.bytes_max { Err(TooLarge) } else { Ok(()) }
    }

    /// When the partner's first and last click happened, by its file.
    pub fn span_of_theirs(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.theirs.rows.iter().map(|row| row.time);
        Some((Timestamp::from_micros(times().min()?), Timestamp::from_micros(times().max()?)))
    }

    /// Pairs both sides.
    pub fn matched(self) -> Matched {
        let Self { names, ours, theirs, tolerance, .. } = self;
        let mut pairs = Pairs::new(ours.rows.len(), theirs.rows.len());
        by_id::pair(&ours, &theirs, &mut pairs);
        let offsets = by_time::pair(&ours, &theirs, tolerance, &mut pairs);
        let alone = |row: u32| pairs.of_theirs(row).is_none();
        let by_id = by_id::sorted(&theirs, alone);
        let mut by_time: Vec<(Name, i64, u32)> = Vec::new();
        for row in theirs.numbers().filter(|row| alone(*row) && theirs.id(*row).is_empty()) {
            let click = theirs.row(row);
            by_time.extend(click.ad.map(|ad| (ad, click.time, row)));
        }
        by_time.sort_unstable();
        let unexplained = by_id.len() + by_time.len();
        let rejected_of = vec![None; theirs.rows.len()];
        let both = Both { names, ours, theirs, tolerance, pairs };
        Matched {
            both,
            offsets,
            alone_by_id: by_id,
            alone_by_time: by_time,
            rejected_of,
            rejections: Vec::new(),
            unexplained,
        }
    }
}

/// Both sides, paired.
#[derive(Debug)]
pub struct Matched {
    both: Both,
    offsets: Vec<i64>,
    /// The partner's clicks that we do not have, by id.
    alone_by_id: Vec<by_id::Keyed>,
    /// Those without an id: ad, time, row.
    alone_by_time: Vec<(Name, i64, u32)>,
    /// By row of theirs, the number of its rejection.
    rejected_of: Vec<Option<u32>>,
    rejections: Vec<Rejection>,
    unexplained: usize,
}

impl Matched {
    /// How many of the partner's clicks we do not have, and no rejection explains.
    pub fn unexplained(&self) -> usize {
        self.unexplained
    }

    /// Tells of something that was rejected and that has this id. It explains one click at most.
    pub fn reject_id(&mut self, id: &str, rejection: impl FnOnce() -> Rejection) -> bool {
        let (theirs, id) = (&self.both.theirs, id.as_bytes());
        let key = (by_id::beginning(id), id);
        let first = self.alone_by_id.partition_point(|keyed| (keyed.0, theirs.id(keyed.1)) < key);
        let same = self.alone_by_id[first..].iter().take_while(|keyed| theirs.id(keyed.1) == id);
        let free = same.map(|keyed| keyed.1).find(|row| self.rejected_of[*row as usize].is_none());
        free.is_some_and(|row| self.explain(row, rejection))
    }

    /// Tells of something without an id of the list's that was rejected: of this ad, at this time.
    pub fn reject_at(&mut self, ad: &str, time: Timestamp, rejection: impl FnOnce() -> Rejection) -> bool {
        let Some(ad) = self.both.names.find(ad) else { return false };
        let earliest = (ad, time.micros().saturating_sub(self.both.tolerance), 0);
        let latest = time.micros().saturating_add(self.both.tolerance);
        let first = self.alone_by_time.partition_point(|keyed| *keyed < earliest);
        let near = self.alone_by_time[first..].iter().take_while(|keyed| keyed.0 == ad && keyed.1 <= latest);
        let free = near.map(|keyed| keyed.2).find(|row| self.rejected_of[*row as usize].is_none());
        free.is_some_and(|row| self.explain(row, rejection))
    }

    fn explain(&mut self, row: u32, rejection: impl FnOnce() -> Rejection) -> bool {
        let Some(number) = u32::try_from(self.rejections.len()).ok().filter(|_| self.rejections.len() < REJECTIONS_MAX)
        else {
            return false;
        };
        self.rejections.push(rejection());
        self.rejected_of[row as usize] = Some(number);
        self.unexplained -= 1;
        true
    }

    /// Gives each click its reason, and adds up.
    pub fn report(self) -> Report {
        Report::new(self.both, &self.offsets, &self.rejected_of, self.rejections)
    }
}
