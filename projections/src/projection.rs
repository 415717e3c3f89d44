//! What a projection is: its SQL, its output's columns, and the digest that names its code.
//!
//! There are three kinds. The built-in [`counters`] has a way of its own through a sealed hour; a candidate is other SQL
//! for the same columns, tried before it is released; and a user's comes from a file of SQL with a few lines of TOML.
//! All of them have a key with a time column, and measures that can be added up: that is what lets an hour be counted
//! by itself, and an event that comes late be counted in another segment.

mod ordered;
mod run;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use clicktrail_log::frame::Digest;
use datafusion::arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, SchemaRef},
};
use futures::stream::BoxStream;

use crate::{counters, error::Error, segment::Writer};

/// Rows of [`Projection::schema`] columns in the order of the key, one a key. Texts may be dictionaries.
pub type Rows = BoxStream<'static, Result<RecordBatch, Error>>;

/// How long one value of the time column lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Sixty seconds.
    Minute,
    /// Sixty minutes.
    Hour,
}

impl Unit {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// The word in files and messages, and in `date_trunc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// How long, in microseconds.
    pub const fn micros(self) -> i64 {
        match self {
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
        }
    }
}

/// What is counted or summed of the events of a key, and how two such numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of events: a 64-bit integer, added up.
    Count,
    /// An amount in millionths of the row's currency: `DECIMAL(38,0)`, added up.
    Sum,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Count, Self::Sum];

    /// The word in files and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
        }
    }

    /// The column's type.
    pub const fn data_type(self) -> DataType {
        match self {
            Self::Count => DataType::Int64,
            Self::Sum => DataType::Decimal128(38, 0),
        }
    }
}

/// A column that can be added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The column.
    pub name: String,
    /// How it is added up.
    pub kind: Kind,
}

/// A pure function from (an hour's clicks, the rulings about them) to a table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Projection(Arc<Definition>);

#[derive(Debug)]
struct Definition {
    name: String,
    sql: String,
    /// The key's columns in order, then the measures.
    schema: SchemaRef,
    key_columns: usize,
    time: String,
    unit: Unit,
    measures: Vec<Measure>,
    code: Digest,
}

static COUNTERS: LazyLock<Projection> = LazyLock::new(|| counters_of(counters::SQL.to_owned()));

/// The projection with the name and columns of counters, and this SQL.
fn counters_of(sql: String) -> Projection {
    let of = |kind| move |name: &&str| Measure { name: (*name).to_owned(), kind };
    let measures = counters::COUNTS.iter().map(of(Kind::Count)).chain(counters::SUMS.iter().map(of(Kind::Sum)));
    Projection(Arc::new(Definition {
        name: counters::NAME.to_owned(),
        code: counters::code_digest_of(&sql),
        sql,
        schema: counters::schema(),
        key_columns: counters::KEYS.len(),
        time: "minute".to_owned(),
        unit: Unit::Minute,
        measures: measures.collect(),
    }))
}

impl Projection {
    /// The built-in projection.
    pub fn counters() -> Self {
        COUNTERS.clone()
    }

    /// Other SQL for the columns of counters, which may be tried and compared before it is released. Its code digest is
    /// the one that counters have once this text is theirs, so that what it built is then used again.
    ///
    /// # Errors
    /// [`Error::Refused`] if the SQL fails the lint, or gives other columns.
    pub async fn candidate_of_counters(sql: &str) -> Result<Self, Error> {
        if sql == counters::SQL {
            return Ok(Self::counters());
        }
        let candidate = counters_of(sql.to_owned());
        candidate.check().await?;
        Ok(candidate)
    }

    /// In keys, tables and commands.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The fold.
    pub fn sql(&self) -> &str {
        &self.0.sql
    }

    /// The columns of its rows and segments: the key's, then the measures.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    /// The columns of the key, by which the rows are ordered: ascending, nulls first.
    pub fn key(&self) -> &[Arc<Field>] {
        &self.0.schema.fields()[..self.0.key_columns]
    }

    /// The column of the key that is the events' time.
    pub fn time(&self) -> &str {
        &self.0.time
    }

    /// How long one value of the time column lasts.
    pub fn unit(&self) -> Unit {
        self.0.unit
    }

    /// What is added up.
    pub fn measures(&self) -> &[Measure] {
        &self.0.measures
    }

    /// Names the code: the same digest and input give the same bytes (I6).
    pub fn code_digest(&self) -> Digest {
        self.0.code
    }

    /// Whether this is the code of counters that ships with this program.
    pub fn is_built_in(&self) -> bool {
        Arc::ptr_eq(&self.0, &COUNTERS.0)
    }

    /// A writer of segments.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn writer(&self) -> Result<Writer, Error> {
        Writer::new(&self.0.schema)
    }
}
