//! What a manifest says of a part of the verdict log.

use clicktrail_log::{
    archive::{
        self,
        entry::{Entry, File},
    },
    position::Position,
};
use serde::{Deserialize, Serialize};

/// A sealed hour of verdicts.
pub type Manifest = archive::Manifest<Part>;

/// One part. Its positions are texts in the manifest: `1.42.0` says more than an integer, which many readers of JSON
/// would round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The first frame in it.
    pub first_seq: u64,
    /// The last frame in it.
    pub last_seq: u64,
    /// Its rows.
    pub rows: u64,
    /// The earliest event that it judges.
    #[serde(with = "position_text")]
    pub target_min: Position,
    /// The latest event that it judges.
    #[serde(with = "position_text")]
    pub target_max: Position,
    /// Its one file.
    pub file: File,
}

mod position_text {
    use clicktrail_log::position::Position;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(position)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Entry for Part {
    fn frames(&self) -> (u64, u64) {
        (self.first_seq, self.last_seq)
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn files(&self) -> Vec<&File> {
        vec![&self.file]
    }
}
