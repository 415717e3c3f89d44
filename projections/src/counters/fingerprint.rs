//! Whether two tables of counters add up to the same, without merging either.
//!
//! An additive multiset hash (D. Clarke, S. Devadas, M. van Dijk, B. Gassend, G. E. Suh, *Incremental Multiset Hash
//! Functions and Their Application to Memory Integrity Checking*, Asiacrypt 2003): the sum, modulo 2^128, of the hash
//! of a row's key times what the row measures. It is linear, so it is the same however the sums of a key are spread
//! over rows, and rows may come in any order and number; nothing of them is held.

use clicktrail_log::frame::Digest;
use datafusion::arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType},
};

use super::schema::{COUNTS, KEYS, SUMS, schema};
use crate::error::Error;

/// What rows add up to. Two are equal if for each key and measure the sums are; and if they are not, with a probability
/// of 2^-64 at the most for sums below 2^64, as long as the salt was not known to whoever chose the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    salt: Digest,
    sum: u128,
    /// By which each measure is multiplied, so that one is not taken for another.
    factors: Vec<u128>,
}

impl Fingerprint {
    /// Of no rows. Fingerprints are compared under one salt.
    pub fn new(salt: Digest) -> Self {
        let factors =
            COUNTS.iter().chain(&SUMS).map(|name| hash(&[salt.0.as_slice(), name.as_bytes()].concat())).collect();
        Self { salt, sum: 0, factors }
    }

    /// Of no rows, under the same salt.
    #[must_use]
    pub fn of_no_rows(&self) -> Self {
        Self { sum: 0, ..self.clone() }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// [`Error::Argument`] if they are not of [`schema`](super::schema()).
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        if rows.schema().fields() != schema().fields() {
            return Err(Error::Argument("a fingerprint is of the columns of counters".to_owned()));
        }
        let measures = self.measured(rows);
        let mut key = Vec::with_capacity(256);
        for (row, measured) in measures.into_iter().enumerate() {
            key.clear();
            key.extend_from_slice(self.salt.0.as_slice());
            for column in rows.columns().iter().take(KEYS.len()) {
                if let Some(text) = column.as_string_opt::<i32>() {
                    // Texts are set apart by their length, and nothing by a length that none has.
                    let text = text.is_valid(row).then(|| text.value(row).as_bytes());
                    key.extend_from_slice(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
                    key.extend_from_slice(text.unwrap_or_default());
                } else {
                    let minute = column.as_primitive::<TimestampMicrosecondType>().value(row);
                    key.extend_from_slice(&minute.to_le_bytes());
                }
            }
            self.sum = self.sum.wrapping_add(hash(&key).wrapping_mul(measured));
        }
        Ok(())
    }

    /// What each row measures, as one number.
    fn measured(&self, rows: &RecordBatch) -> Vec<u128> {
        let mut measured = vec![0_u128; rows.num_rows()];
        let columns = rows.columns().iter().skip(KEYS.len());
        for (column, factor) in columns.zip(&self.factors) {
            let mut add = |row: usize, value: i128| {
                measured[row] = measured[row].wrapping_add(factor.wrapping_mul(value.cast_unsigned()));
            };
            if let Some(counts) = column.as_primitive_opt::<Int64Type>() {
                counts.values().iter().enumerate().for_each(|(row, count)| add(row, i128::from(*count)));
            } else {
                let sums = column.as_primitive::<Decimal128Type>();
                sums.values().iter().enumerate().for_each(|(row, sum)| add(row, *sum));
            }
        }
        measured
    }
}

/// The first half of a SHA-256.
fn hash(bytes: &[u8]) -> u128 {
    let digest = Digest::of(bytes);
    u128::from_le_bytes(digest.0[..16].try_into().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests;
