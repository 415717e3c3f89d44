//! Parquet files of the archive. Their digests stand in the manifests, so only a forged or torn file with a manifest
//! that fits comes as far as this.

use arrow::array::RecordBatch;
use bytes::Bytes;
use clicktrail_damage::{Trial, test};

use super::{fixture, fixtures};
use crate::archive::{groups::Groups, of_advertiser, part};

fn read(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let rows = |batches: Vec<RecordBatch>| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    match part::read(bytes.clone(), None).map(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(Ok(batches)) => assert!(rows(batches) < 10_000_000),
        Ok(Err(error)) => assert!(!error.to_string().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(reader) = of_advertiser::read(bytes.clone(), "advertiser-1", &["position", "advertiser_id"]) {
        let _ = reader.collect::<Result<Vec<_>, _>>();
    }
    if let Ok(groups) = Groups::open(bytes) {
        for group in 0..groups.count().min(4) {
            let _ = (groups.rows(group), groups.is_same(&groups, group, "event_id"));
            if let Ok(reader) = groups.read_rows(group, &[0..1, 3..5], &["position"]) {
                let _ = reader.collect::<Result<Vec<_>, _>>();
            }
        }
    }
}

#[test]
fn part_of_any_bytes_is_read_or_refused() {
    let trial = Trial::of(test!(part_of_any_bytes_is_read_or_refused)).slow(2).bytes_per_byte(1_000);
    let parts = fixtures("archive-3/clicks", ".parquet").into_iter().chain(fixtures("archive-3/personal", ".parquet"));
    trial.examples(parts).example(fixture("invoice-part-1.parquet")).run(read);
}
