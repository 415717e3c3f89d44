//! One advertiser's rows of a segment of `counters`: a minute of an ad, counted. Segments are read for this advertiser
//! alone, and compared with their digests before a row of them counts.

use arrow::{
    array::{Array as _, AsArray as _, Decimal128Array, Int64Array, RecordBatch, StringArray},
    datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType},
};
use clicktrail_invoices::usage::Counts;
use clicktrail_log::{
    archive::{self, Archive, manifest, of_advertiser},
    time::Timestamp,
};

use crate::error::Error;

const COLUMNS: [&str; 11] = [
    "minute",
    "campaign_id",
    "ad_id",
    "currency",
    "clicks",
    "invalid_givt",
    "invalid_sivt",
    "invalid_duplicate",
    "invalid_policy",
    "billable_clicks",
    "spend_micros",
];

/// What a segment says of a minute of an ad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'r> {
    /// The minute of event time.
    pub minute: Timestamp,
    /// The campaign.
    pub campaign_id: &'r str,
    /// The ad.
    pub ad_id: &'r str,
    /// The currency.
    pub currency: &'r str,
    /// What was counted.
    pub counts: Counts,
}

/// Shows each row of an advertiser in a segment.
///
/// # Errors
/// A segment that is missing or damaged, by name; archive out of reach; what `each` reports.
pub async fn read(
    archive: &Archive,
    segment: &manifest::File,
    advertiser: &str,
    each: &mut (dyn FnMut(Row<'_>) -> Result<(), Error> + Send),
) -> Result<(), Error> {
    let damaged = |reason: &dyn std::fmt::Display| archive::Error::Damaged {
        key: segment.key.clone(),
        reason: reason.to_string(),
    };
    let bytes = archive.get_file(segment).await?;
    for batch in of_advertiser::read(bytes, advertiser, &COLUMNS).map_err(|error| damaged(&error))? {
        let batch = batch.map_err(|error| damaged(&error))?;
        let columns = Columns::of(&batch).ok_or_else(|| damaged(&"a column has another type"))?;
        for row in 0..batch.num_rows() {
            each(columns.row(row))?;
        }
    }
    Ok(())
}

struct Columns<'b> {
    minute: &'b arrow::array::TimestampMicrosecondArray,
    texts: [&'b StringArray; 3],
    counts: [&'b Int64Array; 6],
    spend: &'b Decimal128Array,
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let text = |name: &str| column(name)?.as_string_opt::<i32>();
        let count = |name: &str| column(name)?.as_primitive_opt::<Int64Type>();
        let has_no_null = batch.columns().iter().all(|column| column.null_count() == 0);
        has_no_null.then_some(())?;
        Some(Self {
            minute: column("minute")?.as_primitive_opt::<TimestampMicrosecondType>()?,
            texts: [text("campaign_id")?, text("ad_id")?, text("currency")?],
            counts: [
                count("clicks")?,
                count("invalid_givt")?,
                count("invalid_sivt")?,
                count("invalid_duplicate")?,
                count("invalid_policy")?,
                count("billable_clicks")?,
            ],
            spend: column("spend_micros")?.as_primitive_opt::<Decimal128Type>()?,
        })
    }

    fn row(&self, row: usize) -> Row<'b> {
        let [campaign_id, ad_id, currency] = self.texts.map(|column| column.value(row));
        let [gross, givt, sivt, duplicate, policy, billable] = self.counts.map(|column| column.value(row));
        let counts = Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros: self.spend.value(row) };
        Row { minute: Timestamp::from_micros(self.minute.value(row)), campaign_id, ad_id, currency, counts }
    }
}
