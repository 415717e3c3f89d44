//! One side of a comparison: a segment that is read by row groups.

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch, UInt32Array},
    compute::{cast, take},
    datatypes::DataType,
};
use clicktrail_log::archive::{self, groups::Groups};

use super::row::Layout;
use crate::error::Error;

/// A segment whose footer was read.
pub(super) struct Side<'s> {
    /// Its key in the archive, for errors.
    pub(super) key: &'s str,
    pub(super) groups: Groups,
}

impl<'s> Side<'s> {
    pub(super) fn open(key: &'s str, bytes: bytes::Bytes) -> Result<Self, Error> {
        let groups = Groups::open(bytes).map_err(|cause| damaged(key, cause.to_string()))?;
        Ok(Self { key, groups })
    }

    /// Whether it has a column of this name.
    pub(super) fn has(&self, column: &str) -> bool {
        self.groups.schema().field_with_name(column).is_ok()
    }

    pub(super) fn damaged(&self, reason: String) -> Error {
        damaged(self.key, reason)
    }

    /// Batches of a reader of it.
    pub(super) fn batches<'b, E: std::fmt::Display + 'b>(
        &'b self,
        reader: Result<impl Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>> + 'b, E>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + 'b, Error> {
        let reader = reader.map_err(|cause| self.damaged(cause.to_string()))?;
        Ok(reader.map(|batch| batch.map_err(|cause| self.damaged(cause.to_string()))))
    }
}

fn damaged(key: &str, reason: String) -> Error {
    archive::Error::Damaged { key: key.to_owned(), reason }.into()
}

/// The texts of the key columns of some rows of a batch, row by row.
pub(super) fn keys(layout: &Layout, batch: &RecordBatch, rows: &[u32]) -> Result<Vec<Vec<Option<String>>>, String> {
    let rows = UInt32Array::from_iter_values(rows.iter().copied());
    let mut keys = vec![Vec::with_capacity(layout.keys.len()); rows.len()];
    for name in &layout.keys {
        let column: &ArrayRef = batch.column_by_name(name).ok_or_else(|| format!("it has no column {name}"))?;
        let taken = take(column, &rows, None).map_err(|cause| cause.to_string())?;
        let texts = cast(&taken, &DataType::Utf8).map_err(|cause| cause.to_string())?;
        let texts = arrow::array::AsArray::as_string::<i32>(&texts);
        for (at, key) in keys.iter_mut().enumerate() {
            key.push((!texts.is_null(at)).then(|| texts.value(at).to_owned()));
        }
    }
    Ok(keys)
}
