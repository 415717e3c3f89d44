//! What a manifest says that matters here. Its bytes are authenticated by the log of logs, so fields that do not matter
//! are read over.

use serde::Deserialize;

use super::failure::{Failure, Kind};
use crate::{
    bundle::{names, time::Hour},
    hash::Hash,
    sealed::Trees,
};

/// The first version that says anything of trees.
const VERSION: u32 = 3;
/// Bits of a position below the sequence of its frame.
const ROW_BITS: u32 = 16;
/// Bits of a position below its epoch.
const EPOCH_SHIFT: u32 = 56;
/// The last sequence of a frame.
const SEQ_MAX: u64 = (1 << 40) - 1;

/// What is read of a manifest before anything else.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// A manifest.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Manifest {
    stream: String,
    pub(super) hour: Hour,
    epoch: i64,
    first_seq: u64,
    last_seq: u64,
    pub(super) rows: u64,
    schema_id: String,
    pub(super) previous: Option<Hash>,
    pub(super) parts: Vec<Part>,
    trees: Option<Trees>,
    /// SHA-256 of its bytes.
    #[serde(skip, default = "nothing")]
    pub(super) digest: Hash,
}

fn nothing() -> Hash {
    Hash::of(b"")
}

/// A part of an hour.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Part {
    pub(super) rows: u64,
    event_time_min: Option<i64>,
    event_time_max: Option<i64>,
    target_min: Option<String>,
    target_max: Option<String>,
}

/// A text as in `1.42.7` as a position.
pub(crate) fn position(text: &str) -> Option<i64> {
    let mut parts = text.split('.');
    let (epoch, seq, row) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let (epoch, seq, row) = (number(epoch)?, number(seq)?, number(row)?);
    let fits = parts.next().is_none()
        && (1..=127).contains(&epoch)
        && u64::try_from(seq).is_ok_and(|seq| seq <= SEQ_MAX)
        && (0..1 << ROW_BITS).contains(&row);
    fits.then_some(epoch << EPOCH_SHIFT | seq << ROW_BITS | row)
}

/// A position as people see it.
pub(crate) fn show(position: i64) -> String {
    let (epoch, seq) = (position >> EPOCH_SHIFT, position >> ROW_BITS & ((1 << (EPOCH_SHIFT - ROW_BITS)) - 1));
    format!("{epoch}.{seq}.{}", position & ((1 << ROW_BITS) - 1))
}

impl Part {
    /// Whether an event of these times may be in it.
    pub(super) fn may_hold(&self, period: &std::ops::Range<i64>) -> bool {
        let (min, max) = (self.event_time_min.unwrap_or(i64::MIN), self.event_time_max.unwrap_or(i64::MAX));
        max >= period.start && min < period.end
    }

    /// The least and the greatest target of verdicts.
    pub(super) fn targets(&self) -> Option<(i64, i64)> {
        Some((position(self.target_min.as_deref()?)?, position(self.target_max.as_deref()?)?))
    }
}

impl Manifest {
    /// Reads the manifest of an hour of a stream.
    pub(super) fn read(stream: &str, schema: &str, hour: Hour, bytes: &[u8]) -> Result<Self, Failure> {
        let name = names::manifest(stream, hour);
        let malformed = |reason: String| Failure::integrity(&name, reason);
        // A later version may have another shape, and an earlier one has fewer fields.
        let Version { version } = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        let without_trees =
            || Failure::incomplete(&name, "the hour was sealed before there were trees: it proves no rows");
        if version < VERSION {
            return Err(without_trees());
        }
        let unknown = |what: String| Failure::new(Kind::Unreadable, &name, format!("{what} is not known here"));
        if version > VERSION {
            return Err(unknown(format!("version {version}")));
        }
        let mut manifest: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        manifest.digest = Hash::of(bytes);
        if manifest.trees.is_none() {
            return Err(without_trees());
        }
        if manifest.schema_id != schema {
            return Err(unknown(format!("what has the columns {}", manifest.schema_id)));
        }
        if manifest.stream != stream || manifest.hour != hour {
            return Err(malformed(format!("it is that of {} of {}", manifest.hour, manifest.stream)));
        }
        let rows = manifest.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.rows));
        let is_range = (1..=127).contains(&manifest.epoch)
            && manifest.first_seq > 0
            && manifest.last_seq <= SEQ_MAX
            && manifest.first_seq <= manifest.last_seq + 1;
        if rows != Some(manifest.rows) || !is_range {
            return Err(malformed("its parts, rows or frames contradict each other".to_owned()));
        }
        manifest.trees().check(manifest.rows, stream == names::CLICKS_STREAM).map_err(malformed)?;
        Ok(manifest)
    }

    /// Its trees.
    pub(super) fn trees(&self) -> &Trees {
        self.trees.as_ref().expect("checked when it was read")
    }

    fn frame(&self, seq: u64) -> i64 {
        self.epoch << EPOCH_SHIFT | i64::try_from(seq).expect("forty bits, checked when it was read") << ROW_BITS
    }

    /// The positions of its rows, half-open.
    pub(super) fn positions(&self) -> std::ops::Range<i64> {
        self.frame(self.first_seq)..self.frame(self.last_seq.saturating_add(1))
    }

    /// Whether it follows another: the hour behind it, which names it, and whose frames go on where it ended.
    pub(super) fn check_follows(&self, before: &Self) -> Result<(), Failure> {
        let name = names::manifest(&self.stream, self.hour);
        if self.hour != before.hour.next() {
            return Err(Failure::incomplete(name, format!("the hour behind {} is missing", before.hour)));
        }
        if self.previous != Some(before.digest) {
            return Err(Failure::integrity(
                name,
                format!("it does not name the manifest of {} before it", before.hour),
            ));
        }
        let goes_on = self.epoch > before.epoch
            || (self.epoch == before.epoch && self.first_seq == before.last_seq.saturating_add(1));
        match goes_on {
            true => Ok(()),
            false => Err(Failure::integrity(name, format!("its frames do not begin where {} ended", before.hour))),
        }
    }

    /// The leaves of each part: half-open, in the tree of rows.
    pub(super) fn part_leaves(&self) -> impl Iterator<Item = (&Part, std::ops::Range<u64>)> {
        self.parts.iter().scan(0_u64, |from, part| {
            let leaves = *from..*from + part.rows;
            *from = leaves.end;
            Some((part, leaves))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_has_one_text() {
        let whole = 1_i64 << 56 | 42 << 16 | 7;
        assert_eq!((position("1.42.7"), show(whole).as_str()), (Some(whole), "1.42.7"));
        assert_eq!(position("127.1099511627775.65535"), Some(i64::MAX));
        for text in ["", "1.42", "1.42.7.1", "0.1.1", "128.1.1", "1.01.1", "1.1.65536", "1.1099511627776.0", "1.-1.0"] {
            assert_eq!(position(text), None, "{text}");
        }
    }
}
