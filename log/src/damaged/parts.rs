//! Parquet files of the archive. Their digests stand in the manifests, so only a forged or torn file with a manifest
//! that fits comes as far as this.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use bytes::Bytes;
use clicktrail_damage::{Random, Trial, mutate, test};
use parquet::{arrow::ArrowWriter, errors::ParquetError};

use super::{fixture, fixtures};
use crate::archive::{
    batches::Batches, clicks::Clicks, groups::Groups, identities::PartIndex, kind::Kind as _, of_advertiser, part,
};
use crate::time::Hour;

/// Of a part, so many rows at most: what is read is held in memory by some of its readers.
const ROWS_MAX: usize = 10_000_000;

/// Reads to the end, or to the first error.
fn drain(reader: Result<Batches, ParquetError>) {
    match reader.map(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(Ok(batches)) => assert!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() < ROWS_MAX),
        Ok(Err(error)) => assert!(!error.to_string().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Everything that reads a part, or a file like one.
fn read(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    drain(part::read(bytes.clone(), None));
    drain(part::read_any(bytes.clone(), None));
    drain(part::read_those(bytes.clone(), |name| *name != "event_id"));
    drain(of_advertiser::read(bytes.clone(), "advertiser-1", &["position", "advertiser_id"]));
    let _ =
        (PartIndex::of(bytes.clone()).is_ok(), Clicks::fingerprints_stored(&[bytes.clone(), bytes.clone()]).is_ok());
    let hour = Hour::parse("2026-03-01T05").expect("an hour");
    let _ = Clicks::leaves(&[bytes.clone(), bytes.clone()], hour, None).is_ok();
    if let Ok(groups) = Groups::open(bytes) {
        for group in 0..groups.count().min(4) {
            let _ = (groups.rows(group), groups.is_same(&groups, group, "event_id"));
            drain(groups.read_rows(group, &[0..1, 3..5], &["position"]));
            drain(groups.read(group..group + 2, &["position"]));
        }
    }
}

fn parts() -> Vec<Vec<u8>> {
    let parts = fixtures("archive-3/clicks", ".parquet").into_iter().chain(fixtures("archive-3/personal", ".parquet"));
    parts.chain([fixture("invoice-part-1.parquet")]).collect()
}

#[test]
fn part_of_any_bytes_is_read_or_refused() {
    let trial = Trial::of(test!(part_of_any_bytes_is_read_or_refused)).slow(2).bytes_per_byte(1_000);
    trial.examples(parts()).run(read);
}

/// The end of a file says where everything else is, and of which types it is.
#[test]
fn part_with_any_footer_is_read_or_refused() {
    let parts = parts();
    let trial = Trial::of(test!(part_with_any_footer_is_read_or_refused)).slow(2).bytes_per_byte(1_000);
    trial.run_drawn(
        |random| {
            let mut part = random.of(&parts).clone();
            let length = part.len().checked_sub(8).and_then(|at| part.get(at..at + 4)?.try_into().ok());
            let footer = length.map_or(0, |length| u32::from_le_bytes(length) as usize);
            let mut tail = part.split_off(part.len().saturating_sub(footer + 8).min(part.len()));
            let end = tail.split_off(tail.len().saturating_sub(8));
            let before = tail.len();
            for _ in 0..1 + random.below(3) {
                once(random, &mut tail);
            }
            tail.truncate(2 * before);
            let length = u32::try_from(tail.len()).expect("a footer is short").to_le_bytes();
            part.extend(tail);
            part.extend(length);
            part.extend(&end[4..]);
            part
        },
        read,
    );
}

/// Mostly a byte or two: what is damaged so is still read far into the decoder.
fn once(random: &mut Random, bytes: &mut Vec<u8>) {
    if random.has(300) {
        return mutate::once(random, bytes, b"", &[]);
    }
    let at = random.place(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte = u8::try_from(random.below(256)).expect("a byte");
    }
}

/// One that was found: the decoder slices where the footer says, and panics.
#[test]
fn readers_are_told_of_damage_on_which_the_decoder_panics() {
    let parts = parts();
    let told = (0..2_000).find_map(|seed| {
        let damaged = mutate::of_examples(&mut Random::new(seed), &parts, &[]);
        let read = part::read_any(damaged.into(), None).map_err(|error| error.to_string());
        let read = read.and_then(|batches| batches.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string()));
        read.err().filter(|error| error.contains("its decoder broke down"))
    });
    assert!(told.is_some(), "no seed made the decoder panic: does it still?");
}

#[test]
fn column_of_another_type_is_refused_by_its_name() {
    let position: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let number: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let bytes = file(vec![("position", position), ("advertiser_id", Arc::clone(&number))]);
    let refused = part::read(bytes.clone(), None).unwrap_err().to_string();
    assert!(refused.contains("its column advertiser_id is Int32, not Utf8"), "{refused}");
    assert!(part::read_those(bytes.clone(), |_| true).is_err());
    assert!(part::read(bytes.clone(), Some(&["position"])).is_ok(), "what is not asked for harms nobody");
    let any = part::read_any(bytes, None).unwrap().next().unwrap().unwrap();
    assert_eq!(any.column(1).data_type(), &DataType::Int32, "a projection has whatever columns it has");
    // A segment has a sum where an event has a number.
    let segment = file(vec![("value_micros", number)]);
    assert!(part::read(segment, None).is_ok(), "it is no part");
}

/// A Parquet file of one row.
fn file(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let field = |name: &str, column: &ArrayRef| Field::new(name, column.data_type().clone(), false);
    let schema = Arc::new(Schema::new(columns.iter().map(|(name, column)| field(name, column)).collect::<Vec<_>>()));
    let rows =
        RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, column)| column).collect()).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    writer.write(&rows).unwrap();
    Bytes::from(writer.into_inner().unwrap())
}
