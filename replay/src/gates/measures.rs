//! What hours that change sum up to in another projection than counters: each sum of money by the first column of the
//! key, if that is neither the time nor the currency. Who is owed what is not known of such a projection.

use std::{collections::BTreeMap, fmt};

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::DataType,
};
use clicktrail_log::archive::{self, Archive, manifest, part};
use clicktrail_projections::{Projection, projection::Kind};

use crate::{error::Error, sums};

/// The column of the currency.
const CURRENCY: &str = "currency";
/// What stands for null, as in tables.
const NULL: &str = "-";

/// Of what a sum is: the value of the key's first column (empty: of all), the currency, and the measure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Of {
    /// The value of [`Measures::by`].
    pub group: String,
    /// The currency.
    pub currency: String,
    /// The measure.
    pub measure: String,
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.measure),
            group => write!(f, "{} of {group}", self.measure),
        }
    }
}

/// Sums of money before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    /// By which column they are grouped; `None`: the key begins with its time or currency.
    pub by: Option<String>,
    /// In micros, over the hours that count from something now.
    pub sums: BTreeMap<Of, (i128, i128)>,
    /// Hours that count from nothing now: there is nothing to compare them with.
    pub new_hours: u64,
}

impl Measures {
    pub(super) fn of(projection: &Projection) -> Self {
        let first = projection.key().first().map(|field| field.name().clone());
        let by = first.filter(|name| name != projection.time() && name != CURRENCY);
        Self { by, sums: BTreeMap::new(), new_hours: 0 }
    }

    /// Adds an hour. A measure that the segment before does not have is not compared.
    pub(super) async fn add(
        &mut self,
        projection: &Projection,
        archive: &Archive,
        before: &manifest::File,
        after: &manifest::File,
    ) -> Result<(), Error> {
        let (before, after) = (batches(archive, before).await?, batches(archive, after).await?);
        for measure in projection.measures().iter().filter(|measure| measure.kind == Kind::Sum) {
            let name = measure.name.as_str();
            if before.iter().any(|rows| rows.column_by_name(name).is_none()) {
                continue;
            }
            for rows in &before {
                self.add_rows(rows, name, |(before, _)| before)?;
            }
            for rows in &after {
                self.add_rows(rows, name, |(_, after)| after)?;
            }
        }
        Ok(())
    }

    fn add_rows(
        &mut self,
        rows: &RecordBatch,
        measure: &str,
        side: impl Fn(&mut (i128, i128)) -> &mut i128,
    ) -> Result<(), Error> {
        let wrong = || Error::Incomplete(format!("the sums of {measure} are not known"));
        let values = sums::integers(rows, measure).ok_or_else(wrong)?;
        let (groups, currencies) = (texts(rows, self.by.as_deref())?, texts(rows, Some(CURRENCY))?);
        for (at, value) in values.into_iter().enumerate() {
            let of = Of { group: groups[at].clone(), currency: currencies[at].clone(), measure: measure.to_owned() };
            let sum = side(self.sums.entry(of).or_default());
            *sum = sum.checked_add(value).ok_or_else(wrong)?;
        }
        Ok(())
    }
}

async fn batches(archive: &Archive, file: &manifest::File) -> Result<Vec<RecordBatch>, Error> {
    let damaged =
        |error: &dyn fmt::Display| archive::Error::Damaged { key: file.key.clone(), reason: error.to_string() };
    let bytes = archive.get_file(file).await?;
    let read = part::read_any(bytes, None).map_err(|error| damaged(&error))?;
    Ok(read.collect::<Result<_, _>>().map_err(|error| damaged(&error))?)
}

/// A column as texts; empty ones if the rows do not have it.
fn texts(rows: &RecordBatch, column: Option<&str>) -> Result<Vec<String>, Error> {
    let Some(column) = column.and_then(|name| rows.column_by_name(name)) else {
        return Ok(vec![String::new(); rows.num_rows()]);
    };
    let texts = cast(column, &DataType::Utf8).map_err(|cause| Error::Incomplete(cause.to_string()))?;
    let texts = texts.as_string::<i32>();
    let text = |at: usize| if texts.is_null(at) { NULL.to_owned() } else { texts.value(at).to_owned() };
    Ok((0..texts.len()).map(text).collect())
}
