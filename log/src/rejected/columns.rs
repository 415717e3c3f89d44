//! The columns of rejected events, as frames have them and as they are read.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::schema::{LOGGED_AT, POSITION, timestamp_type};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("rejected_at", timestamp_type(), false),
        Field::new("source", DataType::Utf8, false),
        Field::new("item", DataType::Int64, false),
        Field::new("code", DataType::Utf8, false),
        Field::new("detail", DataType::Utf8, false),
        Field::new("original", DataType::Binary, false),
    ]))
});

/// By which position a row is known, if that is not where it stands: behind the columns of a frame.
pub const KNOWN_AS: &str = "known_as";

static READ: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new(POSITION, DataType::Int64, false), Field::new(LOGGED_AT, timestamp_type(), false)];
    fields.extend(SCHEMA.fields().iter().map(|field| field.as_ref().clone()));
    fields.push(Field::new(KNOWN_AS, DataType::Int64, true));
    Arc::new(Schema::new(fields))
});

/// The columns of a frame of the rejected stream.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The columns of its rows as they are read: `position` and `logged_at` in front, [`KNOWN_AS`] behind.
pub fn read() -> SchemaRef {
    Arc::clone(&READ)
}
