//! The order of rows in a part: `(advertiser_id, campaign_id, ad_id, event_time, position)`.

use std::collections::HashMap;

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::{Int64Type, TimestampMicrosecondType},
};

use crate::{invariant, schema::POSITION};

/// Where a row is, and what it is compared by among the rows of its ad.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    time: i64,
    position: i64,
    batch: u32,
    row: u32,
}

/// The rows of some batches in the order of a part.
#[derive(Debug)]
pub(crate) struct Order {
    /// Each row as (batch, row of the batch).
    pub(crate) rows: Vec<(usize, usize)>,
    /// Where the rows of each ad begin: ascending, from 0 on.
    pub(crate) ads: Vec<usize>,
}

/// The order of the rows of batches of [`crate::schema::read`] columns.
///
/// Few ads make many rows, so the three texts are compared once for each ad, not for each row. Rows are counted by ad,
/// and the ads are ranked; then each row goes into the range of its ad, and is compared only there, by two integers.
pub(super) fn order(batches: &[RecordBatch]) -> Order {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut groups: HashMap<[&str; 3], u32> = HashMap::new();
    let mut group_of: Vec<u32> = Vec::with_capacity(rows);
    for batch in batches {
        let texts = ["advertiser_id", "campaign_id", "ad_id"].map(|name| column(batch, name).as_string::<i32>());
        for row in 0..batch.num_rows() {
            let next = u32::try_from(groups.len()).expect("a part has fewer rows than u32 counts");
            group_of.push(*groups.entry(texts.map(|text| text.value(row))).or_insert(next));
        }
    }
    let ranges = ranges_of(groups, &group_of);

    let mut next: Vec<usize> = ranges.iter().map(|(start, _)| *start).collect();
    let mut sorted = vec![Row::default(); rows];
    let mut group_of = group_of.into_iter();
    for (batch, rows) in (0_u32..).zip(batches) {
        let times = column(rows, "event_time").as_primitive::<TimestampMicrosecondType>().values();
        let positions = column(rows, POSITION).as_primitive::<Int64Type>().values();
        for ((row, (time, position)), group) in (0_u32..).zip(times.iter().zip(positions)).zip(&mut group_of) {
            let free = &mut next[group as usize];
            sorted[*free] = Row { time: *time, position: *position, batch, row };
            *free += 1;
        }
    }
    let filled = next.iter().zip(&ranges).all(|(next, (_, end))| next == end);
    invariant!(I1, filled && group_of.next().is_none(), "{rows} rows do not fill the ranges of their ads");
    let mut ads: Vec<usize> = ranges.iter().map(|(start, _)| *start).collect();
    ads.sort_unstable();
    for (start, end) in ranges {
        sorted[start..end].sort_unstable_by_key(|row| (row.time, row.position));
    }
    Order { rows: sorted.into_iter().map(|row| (row.batch as usize, row.row as usize)).collect(), ads }
}

/// The range of rows of each group, as start and end; the ranges follow each other in the order of the groups' texts.
fn ranges_of(groups: HashMap<[&str; 3], u32>, group_of: &[u32]) -> Vec<(usize, usize)> {
    let mut rows_of = vec![0_usize; groups.len()];
    for group in group_of {
        rows_of[*group as usize] += 1;
    }
    let mut ads: Vec<_> = groups.into_iter().collect();
    ads.sort_unstable();
    let mut ranges = vec![(0, 0); ads.len()];
    let mut start = 0;
    for (_, group) in ads {
        let end = start + rows_of[group as usize];
        ranges[group as usize] = (start, end);
        start = end;
    }
    ranges
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> &'b dyn arrow::array::Array {
    let column = batch.column_by_name(name).expect("the batch has the columns of the read schema");
    assert!(column.null_count() == 0, "sort columns are never null");
    column.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        archive::part::with_position,
        position::{Epoch, Position, Seq},
        testing::clicks,
        time::Timestamp,
    };

    #[test]
    fn rows_of_all_batches_stand_in_the_order_of_a_part() {
        // Event times go back from frame to frame, and every second frame repeats the times of the one before.
        let batch = |seq: i64| {
            let events = clicks(0..50, 1_000_000_000_000 - seq / 2 * 7_000_000);
            let first = Position::new(Epoch::FIRST, Seq::from_i64(seq).unwrap(), 0);
            with_position(&events, first, Timestamp::from_micros(0)).unwrap()
        };
        let batches: Vec<_> = [5, 1, 2, 3, 4].map(batch).into();
        let key = |(batch, row): (usize, usize)| {
            let batch = &batches[batch];
            let text = |name| column(batch, name).as_string::<i32>().value(row);
            let time = column(batch, "event_time").as_primitive::<TimestampMicrosecondType>().value(row);
            let position = column(batch, POSITION).as_primitive::<Int64Type>().value(row);
            (text("advertiser_id"), text("campaign_id"), text("ad_id"), time, position)
        };
        let Order { rows: found, ads } = order(&batches);
        let mut expected: Vec<_> = (0..5).flat_map(|batch| (0..50).map(move |row| (batch, row))).collect();
        expected.sort_by_key(|row| key(*row));
        assert_eq!(found, expected);
        let ad = |row: usize| (key(found[row]).0, key(found[row]).1, key(found[row]).2);
        let begins = |row: &usize| *row == 0 || ad(*row) != ad(row - 1);
        assert_eq!(ads, (0..found.len()).filter(begins).collect::<Vec<_>>());
        assert!(order(&[]).rows.is_empty());
    }
}
