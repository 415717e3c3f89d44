//! A sum as an object of the archive: derived, so it may be lost. Its name says what it was summed from and what its
//! bytes are, so one that is damaged or another's is not used.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{ArrayRef, AsArray as _, Decimal128Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema, SchemaRef},
    error::ArrowError,
};
use clicktrail_invoices::usage::Counts;
use clicktrail_log::{
    archive::{Archive, keys::invoices::UsageKey, part},
    frame::Digest,
    invariant,
};
use clicktrail_projections::segment::Writer;

use super::everybody::Everybody;
use crate::{basis::Basis, error::Error};

const TEXTS: [&str; 3] = ["advertiser_id", "currency", "campaign_id"];
const COUNTS: [&str; 6] = ["gross", "givt", "sivt", "duplicate", "policy", "billable"];
const SPEND: &str = "spend_micros";
/// Rows that are written at a time.
const BATCH_ROWS: usize = 65_536;
const _: () = assert!(BATCH_ROWS > 0, "some are written");

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields: Vec<Field> = TEXTS.iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect();
    fields.extend(COUNTS.iter().map(|name| Field::new(*name, DataType::Int64, false)));
    fields.push(Field::new(SPEND, DataType::Decimal128(38, 0), false));
    Arc::new(Schema::new(fields))
});

/// Keeps the sum of a basis.
///
/// # Errors
/// As the archive reports; a sum beyond 38 digits.
pub async fn put(archive: &Archive, basis: &Basis, sum: &Everybody) -> Result<(), Error> {
    let bytes = encode(sum)?;
    let read = decode(bytes.clone());
    invariant!(I6, read.as_ref() == Ok(sum), "a sum does not read back as it was written: {:?}", read.err());
    let key = UsageKey::new(&basis.inputs(), &Digest::of(&bytes));
    Ok(archive.put_content(&key.path(), bytes).await?)
}

/// The sum of a basis, if it was kept and is undamaged.
///
/// # Errors
/// If the archive is out of reach.
pub async fn get(archive: &Archive, basis: &Basis) -> Result<Option<Everybody>, Error> {
    for listed in archive.list(&UsageKey::prefix(&basis.inputs())).await? {
        let Some(key) = UsageKey::parse(listed.path.as_ref()) else { continue };
        let bytes = match archive.get(&listed.path).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(_) => continue,
        };
        if key.is_of(&Digest::of(&bytes))
            && let Ok(sum) = decode(bytes)
        {
            return Ok(Some(sum));
        }
    }
    Ok(None)
}

pub(super) fn encode(sum: &Everybody) -> Result<bytes::Bytes, Error> {
    let mut writer = Writer::new(&SCHEMA)?;
    let rows: Vec<_> = sum.rows().collect();
    for chunk in rows.chunks(BATCH_ROWS) {
        writer.push(batch(chunk).map_err(|error| Error::Contradiction(error.to_string()))?)?;
    }
    Ok(writer.finish()?.0)
}

fn batch(rows: &[(&str, &str, &str, &Counts)]) -> Result<RecordBatch, ArrowError> {
    let counts = |of: fn(&Counts) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(.., counts)| of(counts))))
    };
    let spend = Decimal128Array::from_iter_values(rows.iter().map(|(.., counts)| counts.spend_micros));
    let spend = spend.with_precision_and_scale(38, 0)?;
    spend.validate_decimal_precision(38)?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(advertiser, ..)| advertiser))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, currency, ..)| currency))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, _, campaign, _)| campaign))),
        counts(|counts| counts.gross),
        counts(|counts| counts.givt),
        counts(|counts| counts.sivt),
        counts(|counts| counts.duplicate),
        counts(|counts| counts.policy),
        counts(|counts| counts.billable),
        Arc::new(spend),
    ];
    RecordBatch::try_new(Arc::clone(&SCHEMA), columns)
}

pub(super) fn decode(bytes: bytes::Bytes) -> Result<Everybody, String> {
    let mut sum = Everybody::default();
    for batch in part::read(bytes, None).map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        if batch.schema().fields() != SCHEMA.fields() {
            return Err("its columns are not those of a sum".to_owned());
        }
        let column = |name: &str| batch.column_by_name(name).expect("its columns were compared");
        let [advertisers, currencies, campaigns] = TEXTS.map(|name| column(name).as_string::<i32>());
        let counts = COUNTS.map(|name| column(name).as_primitive::<Int64Type>().values());
        let spend = column(SPEND).as_primitive::<Decimal128Type>().values();
        for row in 0..batch.num_rows() {
            let [gross, givt, sivt, duplicate, policy, billable] = counts.map(|column| column[row]);
            let counts = Counts { gross, givt, sivt, duplicate, policy, billable, spend_micros: spend[row] };
            sum.add(advertisers.value(row), currencies.value(row), campaigns.value(row), &counts)?;
        }
    }
    Ok(sum)
}
