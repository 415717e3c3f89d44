//! Rows of a log as a stream for programs: one JSON object a line, or one Arrow IPC stream.

use anyhow::Context as _;
use arrow::{array::RecordBatch, datatypes::SchemaRef, ipc::writer::StreamWriter};
use clicktrail_log::position::Position;
use serde_json::{Map, Value, json};

use crate::output;

/// How rows are written.
pub(super) enum Rows {
    /// One JSON object a line, without what is null.
    Ndjson,
    /// One Arrow IPC stream: its schema, then record batches, then its end. Positions are integers.
    Arrow(Box<StreamWriter<Vec<u8>>>),
}

impl Rows {
    /// An Arrow stream of these columns; its schema is written at once.
    pub(super) fn arrow(schema: &SchemaRef) -> anyhow::Result<Self> {
        let mut writer = StreamWriter::try_new(Vec::new(), schema).context("begin an Arrow stream")?;
        output::bytes(&std::mem::take(writer.get_mut()));
        Ok(Self::Arrow(Box::new(writer)))
    }

    /// Writes some rows, and waits as long as whoever reads them takes.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        match self {
            Self::Ndjson => {
                let mut lines = Vec::new();
                output::ndjson(rows, &mut lines)?;
                output::bytes(&lines);
            }
            Self::Arrow(writer) => {
                writer.write(rows).context("write to the Arrow stream")?;
                output::bytes(&std::mem::take(writer.get_mut()));
            }
        }
        Ok(())
    }

    /// Ends the stream, so that its reader can tell that nothing was cut off.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Ndjson => {}
            Self::Arrow(writer) => {
                writer.finish().context("end the Arrow stream")?;
                output::bytes(&std::mem::take(writer.get_mut()));
            }
        }
        Ok(())
    }
}

/// Rows as objects, without what is null.
pub(super) fn objects(rows: &RecordBatch) -> anyhow::Result<Vec<Map<String, Value>>> {
    let mut objects = output::objects(rows)?;
    for object in &mut objects {
        for name in output::POSITIONS {
            if let Some(value) = object.get_mut(name) {
                let position = value.as_i64().and_then(Position::from_i64);
                *value = json!(position.map(|position| position.to_string()));
            }
        }
        object.retain(|_, value| !value.is_null());
    }
    Ok(objects)
}
