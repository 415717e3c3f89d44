//! A part by identity: what decides whether an event was logged before.

use arrow::{array::AsArray as _, datatypes::Int64Type, error::ArrowError};
use bytes::Bytes;
use parquet::errors::ParquetError;

use super::fingerprint::{Columns, Fingerprints};
use crate::{archive::part, identity::Identity, position::Position, schema, time::Timestamp};

/// An event of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    identity: Identity,
    /// Where it stands in the log.
    pub position: Position,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// Every click, impression and conversion of a part by identity, those of one identity in log order.
#[derive(Debug)]
pub struct PartIndex(Vec<Found>);

impl PartIndex {
    /// Reads a core file.
    ///
    /// # Errors
    /// If the bytes are not one.
    pub fn of(core: Bytes) -> Result<Self, ParquetError> {
        let mut found = Vec::new();
        let names = [[schema::POSITION].as_slice(), &Columns::NAMES].concat();
        for rows in part::read(core, Some(&names))? {
            let rows = rows?;
            let columns = Columns::of(&rows)?;
            let positions = rows.column_by_name(schema::POSITION).expect("asked for").as_primitive::<Int64Type>();
            for row in 0..rows.num_rows() {
                let Some(kind) = columns.kind(row) else { continue };
                let position = Position::from_i64(positions.value(row));
                let position = position.ok_or_else(|| ParquetError::General("a row has no position".to_owned()))?;
                let (advertiser, ad, id) =
                    (columns.advertisers.value(row), columns.ads.value(row), columns.ids.value(row));
                found.push(Found {
                    identity: Identity::of(kind, advertiser, ad, id),
                    position,
                    logged_at: Timestamp::from_micros(columns.logged[row]),
                });
            }
        }
        found.sort_unstable();
        found.shrink_to_fit();
        Ok(Self(found))
    }

    /// The events of an identity, in log order.
    pub fn find(&self, identity: Identity) -> &[Found] {
        let from = self.0.partition_point(|found| found.identity < identity);
        let rest = &self.0[from..];
        &rest[..rest.partition_point(|found| found.identity == identity)]
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.0.capacity() * size_of::<Found>()
    }
}

/// The fingerprints of a core file's rows.
pub(crate) fn fingerprints_of(core: Bytes) -> Result<Fingerprints, ParquetError> {
    let mut fingerprints = Fingerprints::default();
    for rows in part::read(core, Some(&Columns::NAMES))? {
        let added: Result<(), ArrowError> = fingerprints.add(&rows?);
        added?;
    }
    Ok(fingerprints)
}
