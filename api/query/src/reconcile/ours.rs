//! Our side: an advertiser's clicks of a range of event time, with what stands about them by every verdict so far.
//!
//! Sealed hours are read part by part, for this advertiser alone; the rest comes from the log. A click counts by its
//! own time, as in a bill, whenever it was logged.

use std::time::Duration;

use arrow::{
    array::{AsArray as _, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    compute::{filter_record_batch, kernels::cmp},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    archive::{self, Manifest, clicks::Clicks, keys::ManifestKey, of_advertiser},
    log::{ReadLimit, Stream},
    position::{Position, Seq},
    time::{Hour, Timestamp},
};
use clicktrail_projections::zone::Range;
use clicktrail_replay::reader::Reader;
use clicktrail_verdicts::{
    reader::Stood,
    verdict::{Category, Decision, Evidence, Reason},
};

use super::{
    ledger::Ledger,
    side::{Click, Logged, Standing},
};
use crate::{error::Error, service::Service};

/// How far outside the range clicks are looked at, to explain those of the file: no zone is further from another.
const AROUND_MICROS: i64 = 26 * 3_600_000_000;
/// A client's clock may be ahead of the log's; what is further ahead is rejected when it is captured.
const AHEAD_MICROS: i64 = 24 * 3_600_000_000;
const COLUMNS: [&str; 8] =
    ["position", "event_id", "kind", "event_time", "campaign_id", "ad_id", "price_micros", "currency"];

/// Whose clicks, of which range.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The advertiser.
    pub advertiser: &'a str,
    /// The range of event time.
    pub range: &'a Range,
}

impl Asked<'_> {
    /// The range, with what lies around it.
    fn around(&self) -> (Timestamp, Timestamp) {
        let mut pieces = self.range.pieces();
        let first = pieces.next().and_then(|piece| piece.0).unwrap_or(Timestamp::from_micros(i64::MIN / 2));
        let end = self.range.end().unwrap_or(Timestamp::from_micros(i64::MAX / 2));
        (first.plus_micros(-AROUND_MICROS), end.plus_micros(AROUND_MICROS))
    }
}

impl Service {
    /// Adds an advertiser's clicks to a ledger.
    ///
    /// # Errors
    /// As logs, archive and catalog report; [`Error::TooLarge`].
    pub async fn add_clicks(&self, ledger: &mut Ledger, asked: Asked<'_>) -> Result<(), Error> {
        let verdicts_before = self.history.end().await?;
        let judged_through = self.catalog.judged().await?.clicks_through;
        let (from, to) = asked.around();
        let first = Timestamp::from_micros(from.micros().saturating_sub(AHEAD_MICROS)).hour();
        let hours = self.archive.sealed_hours(Stream::Clicks).await?;
        for hour in hours.iter().copied().filter(|hour| *hour >= first) {
            let key = ManifestKey { stream: Stream::Clicks, hour };
            let missing = || archive::Error::Missing(key.path().to_string());
            let manifest = self.archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
            let rows = self.rows_of(&manifest, asked.advertiser, (from, to)).await?;
            self.add(ledger, asked, &rows, (verdicts_before, None)).await?;
        }
        let rows = self.rows_of_tail(asked.advertiser, hours.last().copied()).await?;
        self.add(ledger, asked, &rows, (verdicts_before, Some(judged_through))).await
    }

    /// The advertiser's rows of an hour, of the parts that hold event times of a range.
    async fn rows_of(
        &self,
        manifest: &Manifest,
        advertiser: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<RecordBatch>, Error> {
        let mut rows = Vec::new();
        let touches = |min: i64, max: i64| Timestamp::from_micros(min) < to && from <= Timestamp::from_micros(max);
        for part in manifest.parts.iter().filter(|part| touches(part.event_time_min, part.event_time_max)) {
            let damaged = |reason: &dyn std::fmt::Display| archive::Error::Damaged {
                key: part.core.key.clone(),
                reason: reason.to_string(),
            };
            let bytes = self.archive.get_file(&part.core).await?;
            for batch in of_advertiser::read(bytes, advertiser, &COLUMNS).map_err(|error| damaged(&error))? {
                rows.push(batch.map_err(|error| damaged(&error))?);
            }
        }
        Ok(rows)
    }

    /// What is logged and not sealed.
    async fn rows_of_tail(&self, advertiser: &str, last: Option<Hour>) -> Result<Vec<RecordBatch>, Error> {
        let wanted = StringArray::new_scalar(advertiser);
        let mut reader = Reader::behind_hour(&self.clicks, &self.archive, last).await?;
        let end = self.clicks.info().await.map_err(clicktrail_replay::Error::from)?.last;
        let mut rows = Vec::new();
        while reader.through() < end {
            let frames = self.clicks.read(reader.next(), ReadLimit::waiting(Duration::ZERO)).await;
            let frames = frames.map_err(clicktrail_replay::Error::from)?;
            if frames.is_empty() {
                break;
            }
            for batch in reader.admit(&frames)? {
                let column = batch.column_by_name("advertiser_id").ok_or_else(|| unreadable("advertiser_id"))?;
                let is_of = cmp::eq(column, &wanted).map_err(|_| unreadable("advertiser_id"))?;
                rows.push(filter_record_batch(&batch, &is_of).map_err(|_| unreadable("advertiser_id"))?);
            }
        }
        Ok(rows)
    }

    /// Adds the advertiser's rows with what stands about them. Without a mark the judge has passed them all.
    async fn add(
        &self,
        ledger: &mut Ledger,
        asked: Asked<'_>,
        rows: &[RecordBatch],
        (verdicts_before, judged_through): (Position, Option<Seq>),
    ) -> Result<(), Error> {
        let (from, to) = asked.around();
        let mut clicks: Vec<(Position, usize, usize)> = Vec::new();
        let columns: Vec<Columns<'_>> = rows.iter().map(Columns::of).collect::<Result<_, _>>()?;
        for (batch, columns) in columns.iter().enumerate() {
            for row in 0..columns.position.len() {
                let time = Timestamp::from_micros(columns.event_time.value(row));
                if columns.is_click(row) && from <= time && time < to {
                    let position = Position::from_i64(columns.position.value(row));
                    clicks.push((position.ok_or_else(|| unreadable("position"))?, batch, row));
                }
            }
        }
        clicks.sort_unstable();
        let events: Vec<Position> = clicks.iter().map(|click| click.0).collect();
        let stood = self.history.standing_of(&events, verdicts_before).await?;
        for ((position, batch, row), stood) in clicks.into_iter().zip(stood) {
            let time = Timestamp::from_micros(columns[batch].event_time.value(row));
            let is_judged = judged_through.is_none_or(|through| position.seq() <= through);
            let standing = standing(stood, is_judged);
            let logged = Logged { position, standing, is_asked: asked.range.holds(time) };
            ledger.add_ours(&columns[batch].click(row), &logged)?;
        }
        Ok(())
    }
}

/// Whether a click is billed.
fn standing(stood: Option<Stood>, is_judged: bool) -> Standing {
    let Some(Stood { standing, reasons }) = stood else {
        return if is_judged { Standing::Billable } else { Standing::Unjudged };
    };
    match (standing.decision, standing.category) {
        (Decision::Invalid, Some(category)) => invalid(category, &reasons),
        (Decision::Valid, _) | (Decision::Invalid, None) => Standing::Billable,
    }
}

/// The rules that decided alone, or all that fired together.
fn invalid(category: Category, reasons: &[Reason]) -> Standing {
    let decides = reasons.iter().any(|reason| reason.decides);
    let of_rule = reasons.iter().filter(|reason| !decides || reason.decides);
    let rule = of_rule.map(|reason| reason.rule.as_str()).collect::<Vec<_>>().join("+");
    let evidence = reasons.iter().flat_map(|reason| &reason.evidence);
    let original = evidence.filter_map(|(name, evidence)| match evidence {
        Evidence::Position(position) if name == "original" || name == "previous" => Some(*position),
        Evidence::Position(_) | Evidence::Number(_) | Evidence::Text(_) => None,
    });
    Standing::Invalid { category, rule, original: original.min() }
}

struct Columns<'b> {
    position: &'b Int64Array,
    event_id: &'b StringArray,
    kind: &'b StringArray,
    event_time: &'b TimestampMicrosecondArray,
    campaign_id: &'b StringArray,
    ad_id: &'b StringArray,
    price_micros: &'b Int64Array,
    currency: &'b StringArray,
}

fn unreadable(column: &str) -> Error {
    let reason = format!("its column {column} has another type");
    archive::Error::Damaged { key: "clicks".to_owned(), reason }.into()
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, Error> {
        let text = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            column.ok_or_else(|| unreadable(name))
        };
        let number = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.ok_or_else(|| unreadable(name))
        };
        let time = batch.column_by_name("event_time");
        let time = time.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        Ok(Self {
            position: number("position")?,
            event_id: text("event_id")?,
            kind: text("kind")?,
            event_time: time.ok_or_else(|| unreadable("event_time"))?,
            campaign_id: text("campaign_id")?,
            ad_id: text("ad_id")?,
            price_micros: number("price_micros")?,
            currency: text("currency")?,
        })
    }

    fn is_click(&self, row: usize) -> bool {
        self.kind.value(row) == "click"
    }

    fn click(&self, row: usize) -> Click<'b> {
        Click {
            event_id: Some(self.event_id.value(row)),
            ad_id: Some(self.ad_id.value(row)),
            campaign_id: Some(self.campaign_id.value(row)),
            time: Timestamp::from_micros(self.event_time.value(row)),
            price_micros: self.price_micros.value(row),
            currency: self.currency.value(row),
        }
    }
}
