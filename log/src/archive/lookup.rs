//! Finding events by their id in a part: through the bloom filter first, then in the rows.

use arrow::{
    array::AsArray as _,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use bytes::Bytes;
use parquet::{
    bloom_filter::Sbbf,
    errors::ParquetError,
    file::{
        properties::ReaderProperties,
        reader::FileReader as _,
        serialized_reader::{ReadOptionsBuilder, SerializedFileReader},
    },
};

use crate::{archive::part, position::Position, time::Timestamp};

/// The bloom filters of a core file's event ids, one for each row group. A few hundred kilobytes, kept without the
/// file.
#[derive(Debug, Clone)]
pub struct Filter(Vec<Option<Sbbf>>);

impl Filter {
    /// Reads the filters of a core file.
    ///
    /// # Errors
    /// If the bytes are not a Parquet file with an `event_id`.
    pub fn of(core: Bytes) -> Result<Self, ParquetError> {
        let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
        let file = SerializedFileReader::new_with_options(core, options)?;
        let columns = file.metadata().file_metadata().schema_descr().columns();
        let column = columns.iter().position(|column| column.name() == "event_id");
        let column = column.ok_or_else(|| ParquetError::General("a core file has no event_id".to_owned()))?;
        let filter = |group| Ok(file.get_row_group(group)?.get_column_bloom_filter(column).cloned());
        (0..file.num_row_groups()).map(filter).collect::<Result<_, ParquetError>>().map(Self)
    }

    /// Whether the id may be among the rows; `false` means that it certainly is not.
    pub fn may_hold(&self, event_id: &str) -> bool {
        self.0.iter().any(|filter| filter.as_ref().is_none_or(|filter| filter.check(event_id)))
    }
}

/// An event of a part whose id was looked for: the columns that identify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its id.
    pub event_id: String,
    /// Its kind, as in the column.
    pub kind: String,
    /// Its address.
    pub position: Position,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// The events of a core file whose id is `wanted`, in the file's order.
///
/// # Errors
/// If the bytes are not a core file.
pub fn find(core: Bytes, wanted: impl Fn(&str) -> bool) -> Result<Vec<Match>, ParquetError> {
    let mut found = Vec::new();
    for batch in part::read(core, Some(&["position", "logged_at", "event_id", "kind"]))? {
        let batch = batch?;
        let positions = batch.column(0).as_primitive::<Int64Type>();
        let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        let (ids, kinds) = (batch.column(2).as_string::<i32>(), batch.column(3).as_string::<i32>());
        for row in (0..batch.num_rows()).filter(|row| wanted(ids.value(*row))) {
            let position = Position::from_i64(positions.value(row));
            let position = position.ok_or_else(|| ParquetError::General("a row has no position".to_owned()))?;
            let logged_at = Timestamp::from_micros(times.value(row));
            let (event_id, kind) = (ids.value(row).to_owned(), kinds.value(row).to_owned());
            found.push(Match { event_id, kind, position, logged_at });
        }
    }
    Ok(found)
}
