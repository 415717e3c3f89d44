//! The value that says what a projection is.

use std::sync::{Arc, LazyLock};

use clicktrail_log::frame::Digest;
use datafusion::arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use futures::stream::BoxStream;

use crate::{counters, error::Error, segment::Writer, zone::Unit};

/// Rows of [`Projection::schema`] columns in the order of the key, one a key. Texts may be dictionaries.
pub type Rows = BoxStream<'static, Result<RecordBatch, Error>>;

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

/// What a file says of its columns.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) key: Vec<String>,
    pub(super) time: String,
    pub(super) unit: Unit,
    pub(super) measures: Vec<Measure>,
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

impl Definition {
    /// What the code digest of a user's projection is taken of, but for the versions of the libraries.
    fn canonical(&self) -> String {
        const FORMAT: u32 = 1;
        let columns = clicktrail_log::schema::columns(&self.schema);
        let (name, sql, time, unit) = (&self.name, &self.sql, &self.time, self.unit.as_str());
        let measures: Vec<_> = self.measures.iter().map(|measure| (&measure.name, measure.kind.as_str())).collect();
        let key = self.key_columns;
        format!("projection {FORMAT}\n{name}\n{sql}\n{columns:?}\nkey {key} time {time} by {unit}\n{measures:?}\n")
    }
}

impl Projection {
    /// The built-in projection.
    pub fn counters() -> Self {
        COUNTERS.clone()
    }

    /// A user's projection: what its file says of its columns, of which those of the key have these fields.
    pub(super) fn of_user(name: &str, sql: &str, declared: Declared, mut fields: Vec<Field>) -> Self {
        let Declared { key, time, unit, measures } = declared;
        fields.extend(measures.iter().map(|measure| Field::new(&measure.name, measure.kind.data_type(), false)));
        let (name, sql, schema) = (name.to_owned(), sql.to_owned(), Arc::new(Schema::new(fields)));
        let key_columns = key.len();
        let code = Digest::of(b"");
        let mut definition = Definition { name, sql, schema, key_columns, time, unit, measures, code };
        definition.code = Digest::of(format!("{}{}", definition.canonical(), counters::engine()).as_bytes());
        Self(Arc::new(definition))
    }

    /// The projection with the name and columns of counters, and this SQL, which nobody has looked at yet.
    pub(super) fn with_columns_of_counters(sql: &str) -> Self {
        counters_of(sql.to_owned())
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
