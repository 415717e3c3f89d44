//! The click log's kind of archive: each part is a core and a personal file, sorted by ad.

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType},
    error::ArrowError,
};
use bytes::Bytes;
use clicktrail_evidence::salt::HourKey;
use parquet::errors::ParquetError;

use crate::{
    archive::{
        entry::{Entry, File},
        identities::{self, Fingerprints},
        keys::{Half, PartKey},
        kind::{EncodedPart, Hashed, Kind, NewFile, PartRange},
        manifest::{Manifest, Part},
        part, sort,
        trees::{
            self, Leaves,
            clicks::{Hashing, WITHOUT_KEY},
        },
    },
    frame::{self, Digest},
    log::Stream,
    position::Position,
    schema,
    time::{Hour, Timestamp},
};

/// The click log's kind of archive.
#[derive(Debug, Clone, Copy)]
pub struct Clicks;

const _: () = assert!(Clicks::PART_ROWS >= part::READ_BATCH_ROWS, "a part is read in batches");
const _: () = assert!(Clicks::PART_ROWS + frame::ROWS_MAX <= u32::MAX as usize, "rows of a part are sorted by u32");

impl Entry for Part {
    fn frames(&self) -> (u64, u64) {
        (self.first_seq, self.last_seq)
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn files(&self) -> Vec<&File> {
        vec![&self.core, &self.personal]
    }
}

impl Kind for Clicks {
    type Part = Part;

    const STREAM: Stream = Stream::Clicks;
    const PART_ROWS: usize = 1 << 19;

    fn schema() -> SchemaRef {
        schema::events()
    }

    fn rows(batch: &RecordBatch, first: Position, logged_at: Timestamp) -> Result<RecordBatch, ArrowError> {
        part::with_position(batch, first, logged_at)
    }

    fn encode(rows: Vec<RecordBatch>, range: PartRange, hashed: Hashed<'_>) -> Result<EncodedPart<Part>, ParquetError> {
        let order = sort::order(&rows);
        let (encoded, leaves) = match hashed {
            Hashed::Without => (part::encode_beside(&rows, &order.rows, &|| {})?, Leaves::default()),
            Hashed::With(None) => return Err(ParquetError::General(WITHOUT_KEY.to_owned())),
            Hashed::With(Some(key)) => {
                let hashing = Hashing::new(&rows, key);
                let encoded = part::encode_beside(&rows, &order.rows, &|| hashing.work())?;
                (encoded, hashing.finish(&order, range.hour).map_err(ParquetError::General)?)
            }
        };
        let file = |half: Half, bytes: Bytes| {
            let digest = Digest::of(&bytes);
            NewFile::new(PartKey::new(half, range.hour, range.first, range.last, &digest).path(), bytes, digest)
        };
        let (core, personal) = (file(Half::Core, encoded.core), file(Half::Personal, encoded.personal));
        let part = Part {
            first_seq: range.first.get(),
            last_seq: range.last.get(),
            rows: encoded.rows,
            event_time_min: encoded.event_time_min,
            event_time_max: encoded.event_time_max,
            core: core.file.clone(),
            personal: personal.file.clone(),
        };
        Ok(EncodedPart { part, files: vec![core, personal], leaves })
    }

    fn leaves(files: &[Bytes], hour: Hour, key: Option<&HourKey>) -> Result<Leaves, String> {
        let [core, personal] = files else { return Err(format!("it has {} files, not two", files.len())) };
        trees::clicks::stored(core, personal, hour, key)
    }

    fn fingerprints(rows: &[RecordBatch]) -> Result<Option<Fingerprints>, ArrowError> {
        let mut fingerprints = Fingerprints::default();
        rows.iter().try_for_each(|rows| fingerprints.add(rows))?;
        Ok(Some(fingerprints))
    }

    fn fingerprints_stored(files: &[Bytes]) -> Result<Option<Fingerprints>, String> {
        let [core, _] = files else { return Err(format!("it has {} files, not two", files.len())) };
        identities::fingerprints_of(core.clone()).map(Some).map_err(unreadable)
    }

    fn check(manifest: &Manifest, part: &Part, files: &[Bytes]) -> Result<(), String> {
        let [core, personal] = files else { return Err(format!("it has {} files, not two", files.len())) };
        let mut positions = check_core(manifest, part, core.clone())?;
        if positions.len() as u64 != part.rows {
            return Err(format!("it has {} rows, its manifest says {}", positions.len(), part.rows));
        }
        let mut others = Vec::with_capacity(positions.len());
        for batch in part::read(personal.clone(), Some(&[schema::POSITION])).map_err(unreadable)? {
            let batch = batch.map_err(unreadable)?;
            others.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
        }
        if others != positions {
            return Err("its personal file holds other rows, or another order".into());
        }
        positions.sort_unstable();
        match positions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("position {} stands in it twice", pair[0])),
            None => Ok(()),
        }
    }
}

fn unreadable(error: impl std::fmt::Display) -> String {
    format!("its rows cannot be read: {error}")
}

/// Checks the rows of a core file and their order, and returns their positions.
fn check_core(manifest: &Manifest, part: &Part, core: Bytes) -> Result<Vec<i64>, String> {
    let columns = ["advertiser_id", "campaign_id", "ad_id", "event_time", schema::POSITION];
    let mut positions = Vec::new();
    let mut last: Option<(String, String, String, i64, i64)> = None;
    for batch in part::read(core, Some(&columns)).map_err(unreadable)? {
        let batch = batch.map_err(unreadable)?;
        let text = |name: &str| batch.column_by_name(name).expect("projected").as_string::<i32>().clone();
        let (advertisers, campaigns, ads) = (text(columns[0]), text(columns[1]), text(columns[2]));
        let times = batch.column_by_name("event_time").expect("projected").as_primitive::<TimestampMicrosecondType>();
        let at = batch.column_by_name(schema::POSITION).expect("projected").as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let (time, position) = (times.value(row), at.value(row));
            let key = (
                advertisers.value(row).to_owned(),
                campaigns.value(row).to_owned(),
                ads.value(row).to_owned(),
                time,
                position,
            );
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(format!("the row at position {position} is out of order"));
            }
            let seq = Position::from_i64(position).map(|position| position.seq().get());
            if !seq.is_some_and(|seq| (part.first_seq..=part.last_seq).contains(&seq)) {
                return Err(format!(
                    "position {position} lies outside its frames {}..={}",
                    part.first_seq, part.last_seq
                ));
            }
            if !(part.event_time_min..=part.event_time_max).contains(&time) {
                return Err(format!("the event time of position {position} lies outside what {} says", manifest.hour));
            }
            positions.push(position);
            last = Some(key);
        }
    }
    Ok(positions)
}
