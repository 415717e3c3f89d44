//! The columns of the log of issued documents: how entries become rows, and rows entries again.
//!
//! Like the columns of events they evolve by addition only. Every published version is kept under `log/schemas/`, and
//! `clicktrail schema check` compares.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{
        Array, ArrayRef, AsArray as _, Decimal128Array, Int64Array, PrimitiveArray, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    datatypes::{
        ArrowPrimitiveType, DataType, Decimal128Type, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
    },
};

use super::{
    artefacts,
    entry::{DocumentNumber, InvoiceEntry},
};
use crate::{
    frame::{self, Digest, Frame, Writer},
    schema::{Column, LOGGED_AT, POSITION, published_in, timestamp_type},
    time::Timestamp,
};

/// The type of a total: 38 digits, none behind the point.
const TOTAL: DataType = DataType::Decimal128(38, 0);

static INVOICES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let integer = |name: &str| Field::new(name, DataType::Int64, false);
    let time = |name: &str| Field::new(name, timestamp_type(), false);
    Arc::new(Schema::new(vec![
        text("document"),
        text("series"),
        integer("number"),
        text("kind"),
        text("advertiser_id"),
        text("currency"),
        text("period"),
        text("zone"),
        time("period_from"),
        time("period_to"),
        text("issued_on"),
        time("issued_at"),
        Field::new("total_minor", TOTAL, false),
        integer("minor_digits"),
        text("original_series").with_nullable(true),
        integer("original_number").with_nullable(true),
        text("basis"),
        text("artefacts"),
        text("actor"),
    ]))
});

static READ: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new(POSITION, DataType::Int64, false), Field::new(LOGGED_AT, timestamp_type(), false)];
    fields.extend(INVOICES.fields().iter().map(|field| field.as_ref().clone()));
    Arc::new(Schema::new(fields))
});

/// The 19 columns of a frame of issued documents.
pub fn invoices() -> SchemaRef {
    Arc::clone(&INVOICES)
}

/// What a reader of the log sees, and what parts hold: `position` and `logged_at`, then the columns of [`invoices`].
pub fn read() -> SchemaRef {
    Arc::clone(&READ)
}

/// The published versions of the columns, oldest first: `(id, columns)`. Each stays readable for ever.
pub fn published() -> Vec<(String, Vec<Column>)> {
    published_in(&[include_str!("../../schemas/invoices-1.json")])
}

/// Why entries cannot become rows, or rows entries.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The columns are not those of a version that this program knows.
    #[error("these are no columns of issued documents: {0}")]
    Columns(String),
    /// A row is no entry, or an entry contradicts itself.
    #[error("row {row} of issued documents is unusable: {reason}")]
    Row {
        /// From 0.
        row: usize,
        /// Which column, and what is wrong with it.
        reason: String,
    },
    /// Entries do not fit a frame, or a frame is damaged.
    #[error("read or write a frame of issued documents")]
    Frame(#[from] frame::Error),
}

/// Entries as one batch of [`invoices`] columns, in their order.
///
/// # Errors
/// [`Error::Row`] for an entry that contradicts itself, or has a text that is empty or too long.
pub fn to_batch(entries: &[InvoiceEntry]) -> Result<RecordBatch, Error> {
    for (row, entry) in entries.iter().enumerate() {
        entry.check().map_err(|reason| Error::Row { row, reason })?;
    }
    let text =
        |of: fn(&InvoiceEntry) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(entries.iter().map(of))) };
    let written = |of: fn(&InvoiceEntry) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(entries.iter().map(of)))
    };
    let time = |of: fn(&InvoiceEntry) -> Timestamp| -> ArrayRef {
        let micros = entries.iter().map(|entry| of(entry).micros());
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let integer = |of: fn(&InvoiceEntry) -> Option<u32>| -> ArrayRef {
        Arc::new(entries.iter().map(|entry| of(entry).map(i64::from)).collect::<Int64Array>())
    };
    let totals = Decimal128Array::from_iter_values(entries.iter().map(|entry| entry.total_minor));
    let series = |entry: &InvoiceEntry| entry.original.as_ref().map(|original| original.series.clone());
    let columns: Vec<ArrayRef> = vec![
        written(|entry| entry.document.to_string()),
        text(|entry| &entry.number.series),
        integer(|entry| Some(entry.number.number)),
        text(|entry| entry.kind.as_str()),
        text(|entry| &entry.advertiser_id),
        text(|entry| &entry.currency),
        text(|entry| &entry.period),
        text(|entry| &entry.zone),
        time(|entry| entry.period_from),
        time(|entry| entry.period_to),
        text(|entry| &entry.issued_on),
        time(|entry| entry.issued_at),
        Arc::new(totals.with_data_type(TOTAL)),
        integer(|entry| Some(u32::from(entry.minor_digits))),
        Arc::new(entries.iter().map(series).collect::<StringArray>()),
        integer(|entry| entry.original.as_ref().map(|original| original.number)),
        written(|entry| entry.basis.to_string()),
        written(|entry| artefacts::to_text(&entry.artefacts)),
        text(|entry| &entry.actor),
    ];
    Ok(RecordBatch::try_new(invoices(), columns).expect("the arrays are those of the schema of issued documents"))
}

/// The entries of a batch that has the columns of [`invoices`], and perhaps others.
///
/// # Errors
/// [`Error::Columns`], or [`Error::Row`] with the first row that is no entry; never a panic, whatever the bytes.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<InvoiceEntry>, Error> {
    each_of_batch(batch)?.into_iter().collect()
}

/// The same, each row by itself: one that is no entry keeps nobody from the others.
///
/// # Errors
/// [`Error::Columns`]; never a panic, whatever the bytes.
pub fn each_of_batch(batch: &RecordBatch) -> Result<Vec<Result<InvoiceEntry, Error>>, Error> {
    let columns = Columns(batch);
    for field in INVOICES.fields() {
        columns.check(field)?;
    }
    let entry = |row: usize| {
        let read = columns.entry(row).and_then(|entry| entry.check().map(|()| entry));
        read.map_err(|reason| Error::Row { row, reason })
    };
    Ok((0..batch.num_rows()).map(entry).collect())
}

/// Makes frames of these entries, in their order: see [`Writer::seal_all`]. A frame's captured times are the times at
/// which its documents got their numbers.
///
/// # Errors
/// As [`to_batch`]. Every entry fits a frame.
pub fn to_frames(writer: &mut Writer, entries: &[InvoiceEntry]) -> Result<Vec<Frame>, Error> {
    let issued = |entries: &[InvoiceEntry]| {
        let times = entries.iter().map(|entry| (entry.issued_at, entry.issued_at));
        times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).expect("a frame has at least one row")
    };
    Ok(writer.seal_all(&to_batch(entries)?, |rows| issued(&entries[rows]))?)
}

/// The entries of a frame, in their order.
///
/// # Errors
/// See [`Error`]; never a panic, whatever the bytes.
pub fn from_frame(frame: &Frame) -> Result<Vec<InvoiceEntry>, Error> {
    from_batch(&frame.decode()?)
}

/// A batch whose columns were checked.
struct Columns<'b>(&'b RecordBatch);

impl Columns<'_> {
    fn check(&self, field: &Field) -> Result<(), Error> {
        let name = field.name();
        let found = self.0.column_by_name(name);
        let found = found.ok_or_else(|| Error::Columns(format!("{name} is not there")))?;
        if found.data_type() != field.data_type() {
            return Err(Error::Columns(format!("{name} is of type {}, not {}", found.data_type(), field.data_type())));
        }
        match found.null_count() > 0 && !field.is_nullable() {
            true => Err(Error::Columns(format!("{name} has nulls"))),
            false => Ok(()),
        }
    }

    fn column(&self, name: &str) -> &ArrayRef {
        self.0.column_by_name(name).expect("the columns were checked")
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> &PrimitiveArray<T> {
        self.column(name).as_primitive::<T>()
    }

    fn text(&self, name: &str, row: usize) -> String {
        self.column(name).as_string::<i32>().value(row).to_owned()
    }

    fn time(&self, name: &str, row: usize) -> Timestamp {
        Timestamp::from_micros(self.primitive::<TimestampMicrosecondType>(name).value(row))
    }

    fn integer<N: TryFrom<i64>>(&self, name: &str, row: usize) -> Result<N, String> {
        let value = self.primitive::<Int64Type>(name).value(row);
        N::try_from(value).map_err(|_| format!("{name} {value} is out of range"))
    }

    fn digest(&self, name: &str, row: usize) -> Result<Digest, String> {
        let text = self.text(name, row);
        let digest: Option<Digest> = text.parse().ok();
        digest.filter(|digest| digest.to_string() == text).ok_or_else(|| format!("{name} {text:?} is no digest"))
    }

    fn original(&self, row: usize) -> Result<Option<DocumentNumber>, String> {
        let has = |name: &str| self.column(name).is_valid(row);
        match (has("original_series"), has("original_number")) {
            (false, false) => Ok(None),
            (true, true) => Ok(Some(DocumentNumber {
                series: self.text("original_series", row),
                number: self.integer("original_number", row)?,
            })),
            (true, false) | (false, true) => Err("original_series and original_number go together".to_owned()),
        }
    }

    fn entry(&self, row: usize) -> Result<InvoiceEntry, String> {
        let text = |name: &str| self.text(name, row);
        let artefacts = artefacts::from_text(&text("artefacts")).map_err(|reason| format!("artefacts: {reason}"))?;
        Ok(InvoiceEntry {
            document: self.digest("document", row)?,
            number: DocumentNumber { series: text("series"), number: self.integer("number", row)? },
            kind: text("kind").parse().map_err(|error| format!("kind: {error}"))?,
            advertiser_id: text("advertiser_id"),
            currency: text("currency"),
            period: text("period"),
            zone: text("zone"),
            period_from: self.time("period_from", row),
            period_to: self.time("period_to", row),
            issued_on: text("issued_on"),
            issued_at: self.time("issued_at", row),
            total_minor: self.primitive::<Decimal128Type>("total_minor").value(row),
            minor_digits: self.integer("minor_digits", row)?,
            original: self.original(row)?,
            basis: self.digest("basis", row)?,
            artefacts,
            actor: text("actor"),
        })
    }
}
