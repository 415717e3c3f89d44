//! One advertiser's clicks of an archived hour, each with what was ruled about it: what a line is made of, before any
//! sum. Parts are read for this advertiser alone.

use arrow::{
    array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks, keys::ManifestKey, of_advertiser},
    frame::Digest,
    log::Stream,
    position::Position,
    time::{Hour, Timestamp},
};
use clicktrail_replay::{rulings::HourRulings, segment};
use clicktrail_verdicts::{reader::VerdictReader, verdict::Category};

use crate::error::Error;

const COLUMNS: [&str; 8] =
    ["position", "event_id", "kind", "event_time", "campaign_id", "ad_id", "price_micros", "currency"];

/// One click, as billing sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Click<'c> {
    /// Where it stands in the log.
    pub position: Position,
    /// Its id.
    pub event_id: &'c str,
    /// When it happened, by the client.
    pub event_time: Timestamp,
    /// The campaign.
    pub campaign_id: &'c str,
    /// The ad.
    pub ad_id: &'c str,
    /// What it costs if it is billed.
    pub price_micros: i64,
    /// In which currency.
    pub currency: &'c str,
    /// Why it is not billed; `None`: it is.
    pub category: Option<Category>,
}

/// Where clicks and rulings are read.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'r> {
    /// Manifests and parts.
    pub archive: &'r Archive,
    /// The verdicts.
    pub history: &'r VerdictReader,
}

/// An hour that is read, with the rulings about it.
#[derive(Debug)]
pub struct RawHour {
    manifest: Manifest,
    positions: Int64Array,
    categories: Vec<Category>,
    input: Digest,
}

impl RawHour {
    /// The digest of what the hour's segment is made of: clicks and rulings.
    pub fn input_digest(&self) -> Digest {
        self.input
    }

    fn category(&self, position: i64) -> Option<Category> {
        self.positions.values().binary_search(&position).ok().map(|index| self.categories[index])
    }
}

impl Raw<'_> {
    /// An hour with the verdicts before a position (`None`: those of the live judge alone).
    ///
    /// # Errors
    /// A manifest or verdict that is missing or damaged, by name; archive or log out of reach.
    pub async fn open(&self, hour: Hour, knows_before: Option<Position>) -> Result<RawHour, Error> {
        let key = ManifestKey { stream: Stream::Clicks, hour };
        let missing = || archive::Error::Missing(key.path().to_string());
        let manifest = self.archive.manifest::<Clicks>(hour).await?.ok_or_else(missing)?;
        let rulings = match knows_before {
            Some(before) => HourRulings::as_of(self.history, &manifest, before).await?,
            None => HourRulings::live(self.history, &manifest).await?,
        };
        let input = segment::input_digest(&manifest, &rulings);
        let rows = rulings.rows();
        let unreadable = || Error::Incomplete(format!("the rulings about {hour} are not those of a projection"));
        let positions = rows.column_by_name("position").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let texts = rows.column_by_name("category").and_then(|column| column.as_string_opt::<i32>());
        let (positions, texts) = positions.zip(texts).ok_or_else(unreadable)?;
        let category = |text: Option<&str>| Category::ALL.into_iter().find(|known| Some(known.as_str()) == text);
        let categories = texts.iter().map(category).collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
        Ok(RawHour { manifest, positions: positions.clone(), categories, input })
    }

    /// Shows each click of an advertiser in an hour: part by part, in the order of campaign, ad and time.
    ///
    /// # Errors
    /// A part that is missing or damaged, by name; archive out of reach; what `each` reports.
    pub async fn clicks(
        &self,
        hour: &RawHour,
        advertiser: &str,
        each: &mut (dyn FnMut(Click<'_>) -> Result<(), Error> + Send),
    ) -> Result<(), Error> {
        for part in &hour.manifest.parts {
            let damaged = |reason: &dyn std::fmt::Display| archive::Error::Damaged {
                key: part.core.key.clone(),
                reason: reason.to_string(),
            };
            let bytes = self.archive.get_file(&part.core).await?;
            let rows = of_advertiser::read(bytes, advertiser, &COLUMNS).map_err(|error| damaged(&error))?;
            for batch in rows {
                let batch = batch.map_err(|error| damaged(&error))?;
                let columns = Columns::of(&batch).ok_or_else(|| damaged(&"a column has another type"))?;
                for row in (0..batch.num_rows()).filter(|row| columns.kind.value(*row) == "click") {
                    let position = columns.position.value(row);
                    each(columns.click(row, hour.category(position)).ok_or_else(|| damaged(&"a position is none"))?)?;
                }
            }
        }
        Ok(())
    }
}

struct Columns<'b> {
    position: &'b Int64Array,
    event_id: &'b StringArray,
    kind: &'b StringArray,
    event_time: &'b arrow::array::TimestampMicrosecondArray,
    campaign_id: &'b StringArray,
    ad_id: &'b StringArray,
    price_micros: &'b Int64Array,
    currency: &'b StringArray,
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let has_no_null = batch.columns().iter().all(|column| column.null_count() == 0);
        has_no_null.then_some(())?;
        Some(Self {
            position: number("position")?,
            event_id: text("event_id")?,
            kind: text("kind")?,
            event_time: batch.column_by_name("event_time")?.as_primitive_opt::<TimestampMicrosecondType>()?,
            campaign_id: text("campaign_id")?,
            ad_id: text("ad_id")?,
            price_micros: number("price_micros")?,
            currency: text("currency")?,
        })
    }

    fn click(&self, row: usize, category: Option<Category>) -> Option<Click<'b>> {
        Some(Click {
            position: Position::from_i64(self.position.value(row))?,
            event_id: self.event_id.value(row),
            event_time: Timestamp::from_micros(self.event_time.value(row)),
            campaign_id: self.campaign_id.value(row),
            ad_id: self.ad_id.value(row),
            price_micros: self.price_micros.value(row),
            currency: self.currency.value(row),
            category,
        })
    }
}
