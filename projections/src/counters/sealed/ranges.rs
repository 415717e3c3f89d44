//! An hour cut into ranges that can be counted apart: no key has rows in two of them.
//!
//! Rows of every part are in the order `(advertiser_id, campaign_id, ad_id, event_time, position)`, and keys begin
//! with the same three columns. So the parts are read side by side, and what lies before the least of the last
//! decoded places is complete. A range is whole ads. An ad with too many rows for that is cut at minutes, which keys
//! hold as well; but a segment has its publishers before its minutes, so these *pieces* must be merged afterwards.

use datafusion::arrow::array::RecordBatch;

use super::cursor::{Ad, Cursor, RowKey};
use crate::error::Error;

/// About as many rows are in a range: enough to be worth a query, and few enough to stay in the processor's cache.
const RANGE_ROWS: usize = 1 << 17;
/// Ads with about as many rows are still counted whole. With more, one thread would be busy and the others wait.
const RANGE_ROWS_MAX: usize = 1 << 18;
/// Fewer rows are decoded at a time only if this is all that a part has.
const BATCH_ROWS_MIN: usize = 1_024;

/// Rows that share no key with any other range.
#[derive(Debug)]
pub(super) struct Range {
    /// Of one part after the other, in the columns of [`super::columns::read`].
    pub(super) slices: Vec<RecordBatch>,
    /// Whether all rows are of one ad, and others of it are in the range before or behind.
    pub(super) is_piece: bool,
    /// Whether it is the last piece of its ad.
    pub(super) is_last: bool,
}

/// How large ranges are: smaller in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) rows: usize,
    pub(super) rows_max: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { rows: RANGE_ROWS, rows_max: RANGE_ROWS_MAX }
    }
}

impl Sizes {
    /// Rows that are decoded at a time of each of so many parts.
    pub(super) fn batch_rows(self, parts: usize) -> usize {
        (self.rows / parts.max(1)).max(BATCH_ROWS_MIN.min(self.rows))
    }
}

/// The ranges of an hour, in order.
#[derive(Debug)]
pub(super) struct Ranges {
    cursors: Vec<Cursor>,
    sizes: Sizes,
    /// The ad of which a piece was cut, and more is to come.
    open: Option<[String; 3]>,
}

/// What ends the range that is cut next.
enum Cut {
    /// The first row of this ad.
    BeforeAd([String; 3]),
    /// The first row behind this ad.
    BehindAd([String; 3]),
    /// The first row of this ad in this minute or a later one.
    BeforeMinute([String; 3], i64),
    /// Nothing.
    Never,
}

fn borrow(ad: &[String; 3]) -> Ad<'_> {
    [&ad[0], &ad[1], &ad[2]]
}

impl Cut {
    fn ends_at(&self, place: RowKey<'_>) -> bool {
        match self {
            Self::BeforeAd(ad) => place.ad >= borrow(ad),
            Self::BehindAd(ad) => place.ad > borrow(ad),
            Self::BeforeMinute(ad, minute) => (place.ad, place.minute) >= (borrow(ad), *minute),
            Self::Never => false,
        }
    }
}

impl Ranges {
    pub(super) fn new(cursors: Vec<Cursor>, sizes: Sizes) -> Self {
        Self { cursors, sizes, open: None }
    }

    /// The next range; `None` at the end.
    ///
    /// # Errors
    /// A part that cannot be decoded, by name.
    pub(super) fn next(&mut self) -> Result<Option<Range>, Error> {
        let cut = self.next_cut()?;
        let (is_piece, is_last) = match &cut {
            Cut::BeforeAd(_) | Cut::Never => (false, true),
            Cut::BehindAd(_) => (true, true),
            Cut::BeforeMinute(..) => (true, false),
        };
        self.open = match &cut {
            Cut::BeforeMinute(ad, _) => Some(ad.clone()),
            Cut::BeforeAd(_) | Cut::BehindAd(_) | Cut::Never => None,
        };
        let mut slices = Vec::with_capacity(self.cursors.len());
        self.cursors.iter_mut().for_each(|cursor| cursor.take(&|place| cut.ends_at(place), &mut slices));
        let is_over = matches!(cut, Cut::Never) && slices.is_empty();
        Ok((!is_over).then_some(Range { slices, is_piece, is_last }))
    }

    fn next_cut(&mut self) -> Result<Cut, Error> {
        let mut ahead = self.sizes.rows;
        loop {
            let each = self.sizes.batch_rows(self.cursors.len()).max(ahead / self.cursors.len().max(1));
            self.cursors.iter_mut().try_for_each(|cursor| cursor.fill(each))?;
            let decoded_to = self.cursors.iter().filter_map(Cursor::decoded_to).min();
            let Some(RowKey { ad, minute }) = decoded_to else {
                return Ok(self.open.take().map_or(Cut::Never, Cut::BehindAd));
            };
            let ad = ad.map(str::to_owned);
            match &self.open {
                Some(open) if *open != ad => return Ok(Cut::BehindAd(open.clone())),
                Some(_) | None => {}
            }
            let whole_ads = Cut::BeforeAd(ad.clone());
            let rows = self.rows_before(&whole_ads);
            let is_worth_it = rows >= self.sizes.rows / 4 || ahead >= self.sizes.rows_max;
            if rows > 0 && is_worth_it {
                return Ok(whole_ads);
            }
            if ahead >= self.sizes.rows_max {
                let piece = Cut::BeforeMinute(ad, minute);
                if self.rows_before(&piece) > 0 {
                    return Ok(piece);
                }
            }
            // Beyond the maximum only while one minute of one ad is not decoded: it cannot be cut.
            ahead = ahead.saturating_mul(2);
        }
    }

    fn rows_before(&self, cut: &Cut) -> usize {
        self.cursors.iter().map(|cursor| cursor.count(&|place| cut.ends_at(place))).sum()
    }
}
