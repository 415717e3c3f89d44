//! One segment of counters, added up by advertiser, currency and campaign.
//!
//! Rows come in the order of their keys, with texts as dictionaries: a run of rows with the same codes is one addition,
//! so texts are looked at once a campaign, not once a row. Row groups without a minute of the period are passed over by
//! what the file says of them, and the file was compared with its digest before.

#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, AsArray as _, DictionaryArray, RecordBatch},
    datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType},
};
use bytes::Bytes;
use clicktrail_invoices::usage::Counts;
use clicktrail_log::{
    archive::{
        self,
        batches::{self, Batches},
    },
    time::Timestamp,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use super::everybody::Everybody;

/// The columns that are read: whose, when, and what is billed.
const COLUMNS: [&str; 11] = [
    "advertiser_id",
    "campaign_id",
    "minute",
    "currency",
    "clicks",
    "billable_clicks",
    "invalid_givt",
    "invalid_sivt",
    "invalid_duplicate",
    "invalid_policy",
    "spend_micros",
];
const COUNTS: [&str; 6] =
    ["clicks", "billable_clicks", "invalid_givt", "invalid_sivt", "invalid_duplicate", "invalid_policy"];
/// Rows of a batch.
const BATCH_ROWS: usize = 16_384;

/// Whether a segment's numbers come or leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// They are added.
    Plus,
    /// They are taken away.
    Minus,
}

/// What is taken of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clip {
    /// Event times, half-open; whole minutes.
    pub(crate) period: Range<Timestamp>,
    /// Of this advertiser alone.
    pub(crate) advertiser: Option<String>,
}

/// Adds a segment, whose bytes are what its digest says, or takes it away.
///
/// # Errors
/// [`archive::Error::Damaged`], naming it, if it is no segment of counters, or its counts contradict each other (I7).
pub(crate) fn add(
    total: &mut Everybody,
    key: &str,
    bytes: Bytes,
    clip: &Clip,
    sign: Sign,
) -> Result<(), archive::Error> {
    read(total, bytes, clip, sign).map_err(|reason| archive::Error::Damaged { key: key.to_owned(), reason })
}

fn read(total: &mut Everybody, bytes: Bytes, clip: &Clip, sign: Sign) -> Result<(), String> {
    for batch in Batches::open(|| open(bytes, clip)).map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        add_batch(total, &batch, clip, sign)?;
    }
    Ok(())
}

fn open(bytes: Bytes, clip: &Clip) -> Result<ParquetRecordBatchReader, ParquetError> {
    let found = batches::footer(&bytes, ArrowReaderOptions::default())?;
    let options = ArrowReaderOptions::new().with_schema(coded(found.schema()));
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
    let mut indices = Vec::with_capacity(COLUMNS.len());
    for name in COLUMNS {
        indices.push(builder.schema().index_of(name)?);
    }
    let groups = builder.metadata().row_groups().iter().enumerate();
    let groups = groups.filter(|(_, group)| may_hold(group, clip)).map(|(index, _)| index).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), indices);
    builder.with_batch_size(BATCH_ROWS).with_projection(mask).with_row_groups(groups).build()
}

/// The file's columns with texts as dictionaries: the codes stand in the file already.
fn coded(schema: &SchemaRef) -> SchemaRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(dictionary.clone()),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Whether a row group may hold a row of the period and advertiser, as its statistics say. One without them may.
fn may_hold(group: &RowGroupMetaData, clip: &Clip) -> bool {
    group.columns().iter().all(|column| match (column.column_path().string().as_str(), column.statistics()) {
        ("minute", Some(Statistics::Int64(minutes))) => {
            let is_before = minutes.max_opt().is_some_and(|max| *max < clip.period.start.micros());
            let is_behind = minutes.min_opt().is_some_and(|min| *min >= clip.period.end.micros());
            !is_before && !is_behind
        }
        ("advertiser_id", Some(Statistics::ByteArray(ids))) => clip.advertiser.as_ref().is_none_or(|wanted| {
            let wanted = wanted.as_bytes();
            // A long text is cut, the greatest one upwards, so both stay bounds.
            let is_before = ids.max_opt().is_some_and(|max| max.data() < wanted);
            let is_behind = ids.min_opt().is_some_and(|min| min.data() > wanted);
            !is_before && !is_behind
        }),
        _ => true,
    })
}

/// The columns of a batch, by their types.
struct Columns<'b> {
    advertiser: Texts<'b>,
    campaign: Texts<'b>,
    currency: Texts<'b>,
    minutes: &'b [i64],
    counts: [&'b [i64]; COUNTS.len()],
    spend: &'b [i128],
}

/// A dictionary of texts and its codes.
struct Texts<'b> {
    codes: &'b [i32],
    texts: &'b arrow::array::StringArray,
}

impl<'b> Texts<'b> {
    fn of(batch: &'b RecordBatch, name: &str) -> Result<Self, String> {
        let column: &DictionaryArray<Int32Type> =
            column(batch, name)?.as_dictionary_opt().ok_or_else(|| format!("column {name} holds no texts"))?;
        let texts = column.values().as_string_opt::<i32>().ok_or_else(|| format!("column {name} holds no texts"))?;
        Ok(Self { codes: column.keys().values(), texts })
    }

    fn text(&self, code: i32) -> Result<&'b str, String> {
        let index = usize::try_from(code).ok().filter(|index| *index < self.texts.len());
        index.map(|index| self.texts.value(index)).ok_or_else(|| format!("code {code} has no text"))
    }
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b dyn Array, String> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("there is no column {name}"))?;
    match column.null_count() {
        0 => Ok(column.as_ref()),
        nulls => Err(format!("{nulls} values of {name} are not there")),
    }
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, String> {
        let wrong = |name: &str| format!("column {name} is of another type");
        let integers = |name: &str| -> Result<&'b [i64], String> {
            let found = column(batch, name)?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(name))?;
            Ok(&found.values()[..])
        };
        let mut counts: [&[i64]; COUNTS.len()] = [&[]; COUNTS.len()];
        for (place, name) in counts.iter_mut().zip(COUNTS) {
            *place = integers(name)?;
        }
        let minutes = column(batch, "minute")?.as_primitive_opt::<TimestampMicrosecondType>();
        let spend = column(batch, "spend_micros")?.as_primitive_opt::<Decimal128Type>();
        Ok(Self {
            advertiser: Texts::of(batch, "advertiser_id")?,
            campaign: Texts::of(batch, "campaign_id")?,
            currency: Texts::of(batch, "currency")?,
            minutes: minutes.ok_or_else(|| wrong("minute"))?.values(),
            counts,
            spend: spend.ok_or_else(|| wrong("spend_micros"))?.values(),
        })
    }
}

/// The sums of a run of rows, wider than any value of theirs.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    counts: [i128; COUNTS.len()],
    spend: i128,
}

impl Run {
    fn push(&mut self, columns: &Columns<'_>, row: usize) -> Result<(), String> {
        for (sum, values) in self.counts.iter_mut().zip(columns.counts) {
            *sum = sum.checked_add(i128::from(values[row])).ok_or("a count is beyond 128 bits")?;
        }
        self.spend = self.spend.checked_add(columns.spend[row]).ok_or("a sum is beyond 128 bits")?;
        Ok(())
    }

    fn counts(&self, sign: Sign) -> Result<Counts, String> {
        let mut values = [0_i64; COUNTS.len()];
        for (value, sum) in values.iter_mut().zip(self.counts) {
            *value = i64::try_from(sum).ok().filter(|count| *count >= 0).ok_or("a count is no count")?;
        }
        let [gross, billable, givt, sivt, duplicate, policy] = values;
        let counts = Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros: self.spend };
        let parts: i128 = [givt, sivt, duplicate, policy, billable].iter().copied().map(i128::from).sum();
        if parts != i128::from(gross) {
            return Err(format!("{gross} clicks are {parts} billable and invalid ones"));
        }
        match sign {
            Sign::Plus => Ok(counts),
            Sign::Minus => Counts::default().minus(&counts).map_err(|error| error.to_string()),
        }
    }
}

/// Adds a batch, advertiser by advertiser.
fn add_batch(total: &mut Everybody, batch: &RecordBatch, clip: &Clip, sign: Sign) -> Result<(), String> {
    let columns = Columns::of(batch)?;
    let (from, to) = (clip.period.start.micros(), clip.period.end.micros());
    let mut of_advertiser: Vec<(i32, i32, Run)> = Vec::new();
    let mut advertiser: Option<i32> = None;
    for (row, minute) in columns.minutes.iter().enumerate() {
        if *minute < from || *minute >= to {
            continue;
        }
        let code = columns.advertiser.codes[row];
        if advertiser != Some(code) {
            flush(total, &columns, advertiser, &mut of_advertiser, (clip, sign))?;
            advertiser = Some(code);
        }
        let key = (columns.campaign.codes[row], columns.currency.codes[row]);
        match of_advertiser.last_mut() {
            Some((campaign, currency, run)) if (*campaign, *currency) == key => run.push(&columns, row)?,
            Some(_) | None => {
                let mut run = Run::default();
                run.push(&columns, row)?;
                of_advertiser.push((key.0, key.1, run));
            }
        }
    }
    flush(total, &columns, advertiser, &mut of_advertiser, (clip, sign))
}

fn flush(
    total: &mut Everybody,
    columns: &Columns<'_>,
    advertiser: Option<i32>,
    runs: &mut Vec<(i32, i32, Run)>,
    (clip, sign): (&Clip, Sign),
) -> Result<(), String> {
    let Some(advertiser) = advertiser else { return Ok(()) };
    let advertiser = columns.advertiser.text(advertiser)?;
    if clip.advertiser.as_ref().is_none_or(|wanted| wanted == advertiser) {
        for (campaign, currency, run) in runs.iter() {
            let (campaign, currency) = (columns.campaign.text(*campaign)?, columns.currency.text(*currency)?);
            total.add(advertiser, currency, campaign, &run.counts(sign)?)?;
        }
    }
    runs.clear();
    Ok(())
}
