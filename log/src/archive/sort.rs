//! The order of rows in a part: `(advertiser_id, campaign_id, ad_id, event_time, position)`.

use std::collections::HashMap;

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch, UInt32Array},
    datatypes::{Int64Type, TimestampMicrosecondType},
};

use crate::schema::POSITION;

/// The rows of a batch of [`crate::schema::read`] columns in the order of a part.
///
/// Few ads make many rows, so the three texts are compared once per distinct ad: rows are grouped by ad, ads are
/// ranked, and each row is then one comparison of three integers.
pub(super) fn order(batch: &RecordBatch) -> UInt32Array {
    let texts = ["advertiser_id", "campaign_id", "ad_id"].map(|name| column(batch, name).as_string::<i32>());
    let times = column(batch, "event_time").as_primitive::<TimestampMicrosecondType>().values();
    let positions = column(batch, POSITION).as_primitive::<Int64Type>().values();

    let mut groups: HashMap<[&str; 3], u32> = HashMap::new();
    let mut group_of = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let next = u32::try_from(groups.len()).expect("a part has fewer rows than u32 counts");
        group_of.push(*groups.entry(texts.map(|text| text.value(row))).or_insert(next));
    }
    let mut ads: Vec<_> = groups.into_iter().collect();
    ads.sort_unstable();
    let mut rank_of = vec![0; ads.len()];
    for (rank, (_, group)) in (0_u32..).zip(ads) {
        rank_of[group as usize] = rank;
    }

    let mut keys: Vec<(u32, i64, i64, u32)> = group_of
        .iter()
        .zip(times.iter().zip(positions))
        .zip(0_u32..)
        .map(|((group, (time, position)), row)| (rank_of[*group as usize], *time, *position, row))
        .collect();
    keys.sort_unstable();
    UInt32Array::from_iter_values(keys.into_iter().map(|(_, _, _, row)| row))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> &'b dyn arrow::array::Array {
    let column = batch.column_by_name(name).expect("the batch has the columns of the read schema");
    debug_assert!(column.null_count() == 0 || name.is_empty(), "sort columns are never null");
    column.as_ref()
}
