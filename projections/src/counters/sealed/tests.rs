use std::{slice, sync::Arc};

use bytes::Bytes;
use clicktrail_log::{
    archive::{self, Archive, manifest, part},
    event::{Event, Kind},
    frame::Digest,
    position::{Epoch, Position, Seq},
    schema,
};
use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, UInt32Array},
        compute::{concat_batches, take_record_batch},
        datatypes::Int64Type,
    },
    parquet::arrow::ArrowWriter,
};
use futures::TryStreamExt as _;
use object_store::{memory::InMemory, path::Path};
use proptest::prelude::*;

use super::{
    hour::{open, project_files},
    plan::{self, Plan},
    ranges::{Ranges, Sizes},
    threads::Threads,
};
use crate::{
    Error,
    clicks::CheckedFiles,
    counters::{
        self,
        tests::{bytes, event, events, frame, limits},
    },
    session,
};

fn archive() -> Archive {
    Archive::from_store(Arc::new(InMemory::new()))
}

async fn put(archive: &Archive, name: &str, bytes: Bytes) -> manifest::File {
    let sha256 = Digest::of(&bytes).to_string();
    let file = manifest::File { key: name.to_owned(), bytes: bytes.len() as u64, sha256 };
    archive.put_content(&Path::from(name), bytes).await.unwrap();
    file
}

/// The events as so many parts, one frame each.
async fn parts(archive: &Archive, events: &[Event<'_>], count: usize) -> Vec<manifest::File> {
    let mut files = Vec::new();
    for (seq, rows) in (1..).zip(events.chunks(events.len().div_ceil(count))) {
        let core = part::encode(&[frame(seq, rows)]).unwrap().core;
        files.push(put(archive, &format!("part-{seq}"), core).await);
    }
    files
}

/// A ruling about the first row of every frame and every row that a bit of `rows` names.
fn some_rulings(parts: u64, rows: u64) -> RecordBatch {
    let mut positions = Vec::new();
    for seq in 1..=parts {
        let first = Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 0).as_i64();
        positions.extend((0..64).filter(|row| rows >> row & 1 == 1).map(|row| first + row));
    }
    let categories = ["givt", "sivt", "duplicate", "policy"].into_iter().cycle().take(positions.len());
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(positions)), Arc::new(StringArray::from_iter_values(categories))];
    RecordBatch::try_new(counters::rulings_schema(), columns).unwrap()
}

async fn in_ranges(
    archive: &Archive,
    files: &[manifest::File],
    rulings: &RecordBatch,
    sizes: Sizes,
) -> Result<Vec<RecordBatch>, Error> {
    project_files(archive, files.to_vec(), plan::of_counters().await?, slice::from_ref(rulings), limits(), sizes)
        .await?
        .try_collect()
        .await
}

async fn as_a_table(archive: &Archive, files: &[manifest::File], rulings: &RecordBatch) -> Vec<RecordBatch> {
    let clicks = Arc::new(CheckedFiles::new(archive.clone(), files.to_vec(), schema::core(), 2));
    let rows = counters::project(clicks, counters::rulings(vec![rulings.clone()]).unwrap(), limits()).await.unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    rows.iter().map(|batch| counters::normalize(batch).unwrap()).collect()
}

/// [`as_a_table`] with other SQL.
async fn with_sql(archive: &Archive, files: &[manifest::File], rulings: &RecordBatch, sql: &str) -> Vec<RecordBatch> {
    let session = session::session(limits()).unwrap();
    let clicks = Arc::new(CheckedFiles::new(archive.clone(), files.to_vec(), schema::core(), 2));
    session.register_table("clicks", clicks).unwrap();
    session.register_table("rulings", counters::rulings(vec![rulings.clone()]).unwrap()).unwrap();
    let rows = session.sql(sql).await.unwrap().collect().await.unwrap();
    rows.iter().map(|batch| counters::normalize(batch).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any cut of an hour into parts and ranges gives the segment of the whole hour as one table (I6).
    #[test]
    fn ranges_add_up_to_the_hour(
        events in events(),
        count in 1_usize..5,
        rows in 1_usize..40,
        rows_max in 1_usize..80,
        ruled in prop_oneof![Just(0), any::<u64>()],
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (ranges, table) = runtime.block_on(async {
            let archive = archive();
            let files = parts(&archive, &events, count).await;
            let rulings = some_rulings(files.len() as u64, ruled);
            let ranges = in_ranges(&archive, &files, &rulings, Sizes { rows, rows_max }).await.unwrap();
            (ranges, as_a_table(&archive, &files, &rulings).await)
        });
        prop_assert!(bytes(ranges) == bytes(table));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Frames, whose rows come as they were logged, are counted as the same SQL counts their table (I6).
    #[test]
    fn frames_are_counted_as_their_table(
        events in events(),
        frame_rows in 1_usize..60,
        ruled in prop_oneof![Just(0), any::<u64>()],
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let frames: Vec<_> = (1..).zip(events.chunks(frame_rows)).map(|(seq, rows)| frame(seq, rows)).collect();
        let rulings = some_rulings(frames.len() as u64, ruled);
        let (counted, table) = runtime.block_on(async {
            let counted = counters::project_frames(&frames, slice::from_ref(&rulings)).await.unwrap();
            let clicks = Arc::new(crate::clicks::of_frames(&frames).unwrap());
            let table = counters::rulings(vec![rulings.clone()]).unwrap();
            let rows: Vec<_> = counters::project(clicks, table, limits()).await.unwrap().try_collect().await.unwrap();
            (counted, rows.iter().map(|batch| counters::normalize(batch).unwrap()).collect::<Vec<_>>())
        });
        prop_assert!(counted.iter().all(|batch| batch.schema() == counters::schema()));
        prop_assert!(bytes(counted) == bytes(table));
    }
}

#[tokio::test]
async fn frames_without_rows_have_no_counts_and_a_second_ruling_is_refused() {
    let (none, some) = (frame(1, &[]), frame(2, &one_ad(6)));
    assert!(counters::project_frames(slice::from_ref(&none), &[]).await.unwrap().is_empty());
    assert!(counters::project_frames(&[], &[]).await.unwrap().is_empty());
    let rulings = some_rulings(2, 0b11);
    let refused = counters::project_frames(&[none, some], &[rulings.clone(), rulings]).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
}

/// Other ways to count than `counters.sql` has: every way in which a filter, an argument or a measure can look at a
/// row, and all of them of a key of which no row passes.
const MEASURES: [&str; 7] = [
    "COUNT(*)",
    "COUNT(r.category)",
    "COUNT(*) - COUNT(r.category)",
    "COUNT(c.value_micros)",
    "COUNT(*) FILTER (WHERE c.price_micros > 1010)",
    "COUNT(*) FILTER (WHERE c.value_micros IS NULL AND r.category <> 'givt')",
    "COUNT(*) FILTER (WHERE NOT (c.kind = 'click' AND r.category = 'givt'))",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What a plan is spared, it is spared whatever the SQL counts (I6).
    #[test]
    fn other_sql_counts_alike_in_ranges(
        events in events(),
        rows in 1_usize..200,
        ruled in prop_oneof![Just(0), any::<u64>()],
        measures in [0..MEASURES.len(), 0..MEASURES.len()],
    ) {
        let [one, other] = measures.map(|measure| MEASURES[measure]);
        let sql = counters::SQL
            .replace("COUNT(*) FILTER (WHERE c.kind = 'prefetch')", one)
            .replace("COUNT(*) FILTER (WHERE c.kind = 'probe')", other);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (ranges, table) = runtime.block_on(async {
            let archive = archive();
            let files = parts(&archive, &events, 2).await;
            let rulings = some_rulings(files.len() as u64, ruled);
            let plan = Arc::new(Plan::new(&sql).await.unwrap());
            let sizes = Sizes { rows, rows_max: rows };
            let ruled = slice::from_ref(&rulings);
            let ranges = project_files(&archive, files.clone(), plan, ruled, limits(), sizes).await.unwrap();
            (ranges.try_collect().await.unwrap(), with_sql(&archive, &files, &rulings, &sql).await)
        });
        prop_assert!(bytes(ranges) == bytes(table), "{one}, {other}");
    }
}

/// Clicks of one ad, three a minute, of publishers that differ from row to row.
fn one_ad(rows: u8) -> Vec<Event<'static>> {
    (0..rows).map(|row| event(usize::from(row), Kind::Click, row % 2 * 2, row / 3 * 2)).collect()
}

#[tokio::test]
async fn an_ad_larger_than_a_range_is_cut_at_minutes() {
    let archive = archive();
    let files = parts(&archive, &one_ad(60), 3).await;
    let sizes = Sizes { rows: 4, rows_max: 8 };
    let cursors = open(&archive, files.clone(), false, sizes, &Threads::new(1)).await.unwrap();
    let mut ranges = Ranges::new(cursors, sizes);
    let (mut rows, mut pieces) = (0, 0);
    while let Some(range) = ranges.next().unwrap() {
        rows += range.slices.iter().map(|slice| slice.num_rows()).sum::<usize>();
        assert!(range.is_piece);
        assert_eq!(range.is_last, rows == 60, "the last piece closes its ad");
        pieces += 1;
    }
    assert!(rows == 60 && pieces > 3, "{pieces} pieces of {rows} rows");
    let none = some_rulings(0, 0);
    let counted = in_ranges(&archive, &files, &none, sizes).await.unwrap();
    assert_eq!(bytes(counted), bytes(as_a_table(&archive, &files, &none).await));
}

#[tokio::test]
async fn quiet_hour_has_no_counts() {
    let counted = in_ranges(&archive(), &[], &some_rulings(0, 0), Sizes::default()).await.unwrap();
    assert!(counted.is_empty());
}

#[tokio::test]
async fn damaged_part_is_named_before_a_row_is_counted() {
    let archive = archive();
    let mut files = parts(&archive, &one_ad(60), 3).await;
    files[1].sha256 = files[0].sha256.clone();
    let error = in_ranges(&archive, &files, &some_rulings(0, 0), Sizes::default()).await.unwrap_err();
    assert!(matches!(error, Error::Archive(archive::Error::Damaged { key, .. }) if key == "part-2"));
}

#[tokio::test]
async fn part_whose_rows_are_out_of_order_is_refused() {
    let archive = archive();
    for size in [2, 1_000] {
        let frame = frame(1, &one_ad(60));
        let backwards = UInt32Array::from_iter_values((0..60).rev());
        let rows = take_record_batch(&frame, &backwards).unwrap();
        let keep: Vec<usize> =
            schema::core().fields().iter().map(|field| schema::read().index_of(field.name()).unwrap()).collect();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema::core(), None).unwrap();
        writer.write(&rows.project(&keep).unwrap()).unwrap();
        let file = put(&archive, "backwards", writer.into_inner().unwrap().into()).await;
        let sizes = Sizes { rows: size, rows_max: size };
        let error = in_ranges(&archive, &[file], &some_rulings(0, 0), sizes).await.unwrap_err();
        assert!(matches!(error, Error::Archive(archive::Error::Damaged { key, .. }) if key == "backwards"));
    }
}

#[tokio::test]
async fn second_ruling_about_a_position_is_refused() {
    let archive = archive();
    let files = parts(&archive, &one_ad(60), 1).await;
    let rulings = some_rulings(1, 0b11);
    let twice = concat_batches(&counters::rulings_schema(), [&rulings, &rulings]).unwrap();
    let refused = in_ranges(&archive, &files, &twice, Sizes::default()).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
}

#[tokio::test]
async fn rulings_move_clicks_in_ranges_too() {
    let archive = archive();
    let files = parts(&archive, &one_ad(60), 2).await;
    let counted = in_ranges(&archive, &files, &some_rulings(2, 0b1111), Sizes { rows: 4, rows_max: 8 }).await.unwrap();
    let counted: Vec<_> = counted.iter().map(|batch| counters::normalize(batch).unwrap()).collect();
    let whole = concat_batches(&counters::schema(), &counted).unwrap();
    let sum = |name| {
        let column = whole.column_by_name(name).unwrap().as_primitive::<Int64Type>();
        column.values().iter().sum::<i64>()
    };
    assert_eq!(["clicks", "billable_clicks", "invalid_givt", "invalid_policy"].map(sum), [60, 52, 2, 2], "I7");
}
