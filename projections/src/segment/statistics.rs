//! What a column chunk says of its values: as parquet-rs says it, which knows how to cut long texts and order numbers.

use std::{io, sync::Arc};

use datafusion::parquet::{
    column::writer::{get_column_writer, get_typed_column_writer_mut},
    data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterPropertiesPtr},
        statistics::Statistics,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::{
    column::{Column, Values},
    dictionary::{NONE, Number as _},
};

/// The statistics of a chunk, if its column has any.
pub(super) fn of(
    column: &Column,
    descriptor: &ColumnDescPtr,
    properties: &WriterPropertiesPtr,
) -> Result<Option<Statistics>, ParquetError> {
    if properties.statistics_enabled(descriptor.path()) == EnabledStatistics::None {
        return Ok(None);
    }
    let nulls = column.codes().count(NONE);
    match column.values() {
        Values::Texts(texts) => {
            let extremes = extremes(texts.values()).map(ByteArray::from);
            write::<ByteArrayType>(extremes.collect(), nulls, descriptor, properties)
        }
        Values::Integers(numbers) => {
            let extremes = extremes(numbers.values().iter()).copied();
            write::<Int64Type>(extremes.collect(), nulls, descriptor, properties)
        }
        Values::Decimals(numbers) => {
            let extremes = extremes(numbers.values().iter()).map(|number| number.plain().to_vec());
            let extremes = extremes.map(FixedLenByteArray::from);
            write::<FixedLenByteArrayType>(extremes.collect(), nulls, descriptor, properties)
        }
    }
}

/// The least and the greatest, if there is any.
fn extremes<T: Ord + Copy>(values: impl Iterator<Item = T> + Clone) -> impl Iterator<Item = T> {
    values.clone().min().into_iter().chain(values.max())
}

/// Writes the extremes and the nulls of a chunk to nowhere.
fn write<T: DataType>(
    extremes: Vec<T::T>,
    nulls: usize,
    descriptor: &ColumnDescPtr,
    properties: &WriterPropertiesPtr,
) -> Result<Option<Statistics>, ParquetError> {
    let mut nowhere = TrackedWrite::new(io::sink());
    let pages = Box::new(SerializedPageWriter::new(&mut nowhere));
    let mut writer = get_column_writer(Arc::clone(descriptor), Arc::clone(properties), pages);
    let mut levels = vec![1; extremes.len()];
    levels.resize(extremes.len() + nulls, 0);
    let levels = (descriptor.max_def_level() > 0).then_some(levels.as_slice());
    get_typed_column_writer_mut::<T>(&mut writer).write_batch(&extremes, levels, None)?;
    Ok(writer.close()?.metadata.statistics().cloned())
}
