use std::{borrow::Cow, sync::Arc};

use arrow::array::AsArray as _;
use clicktrail_log::{
    archive::part,
    event::{Event, Kind},
    position::{Epoch, Position, Seq},
    schema::EventsBuilder,
    time::Timestamp,
};
use datafusion::arrow::{
    self,
    array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::{Decimal128Type, Int64Type},
};
use datafusion::datasource::MemTable;
use futures::TryStreamExt as _;
use proptest::prelude::*;

use super::*;
use crate::{segment::Writer, session};

/// A few keys, so that rows meet.
pub(crate) fn event(id: usize, kind: Kind, key: u8, minute: u8) -> Event<'static> {
    let optional = |bit: u8| (key & bit != 0).then_some(Cow::Borrowed("x"));
    Event {
        event_id: Cow::Owned(format!("e{id}")),
        kind,
        event_time: Timestamp::from_micros(1_780_000_000_000_000 + i64::from(minute) * 30_000_000),
        captured_at: Timestamp::from_micros(0),
        advertiser_id: Cow::Borrowed(if key & 1 == 0 { "a" } else { "b" }),
        campaign_id: Cow::Borrowed("c"),
        ad_id: Cow::Borrowed("d"),
        publisher_id: optional(2),
        placement_id: None,
        user_id: None,
        session_id: None,
        ip: None,
        user_agent: None,
        page_url: None,
        device_type: optional(4),
        os: None,
        browser: None,
        country: optional(8),
        city: None,
        price_micros: 1_000 + i64::from(key),
        currency: Cow::Borrowed(if key & 16 == 0 { "EUR" } else { "USD" }),
        click_event_id: None,
        value_micros: (kind == Kind::Conversion).then_some(7_000_000),
        extra: None,
    }
}

pub(crate) fn frame(seq: u64, events: &[Event<'_>]) -> RecordBatch {
    let mut builder = EventsBuilder::with_capacity(events.len());
    events.iter().for_each(|event| builder.push(event));
    let first = Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), 0);
    part::with_position(&builder.finish(), first, Timestamp::from_micros(0)).unwrap()
}

pub(crate) fn limits() -> session::Limits {
    session::Limits::default()
}

pub(crate) fn bytes(rows: Vec<RecordBatch>) -> Vec<u8> {
    let mut writer = Writer::new(&schema()).unwrap();
    rows.into_iter().for_each(|batch| writer.push(batch).unwrap());
    writer.finish().unwrap().0.to_vec()
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event<'static>>> {
    let kind = prop_oneof![
        2 => Just(Kind::Click),
        1 => Just(Kind::Impression),
        1 => Just(Kind::Conversion),
        1 => Just(Kind::Probe),
        1 => Just(Kind::Prefetch),
    ];
    let one = (kind, 0_u8..32, 0_u8..6);
    proptest::collection::vec(one, 1..120).prop_map(|rows| {
        rows.into_iter().enumerate().map(|(id, (kind, key, minute))| event(id, kind, key, minute)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any cut of the log into frames and ticks gives the bytes of one clean pass (I6, I8).
    #[test]
    fn ticks_add_up_to_the_sealed_hour(events in events(), frame_rows in 1_usize..40, tick_frames in 1_usize..5) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let frames: Vec<_> = (1..).zip(events.chunks(frame_rows)).map(|(seq, rows)| frame(seq, rows)).collect();
        let (whole, ticks) = runtime.block_on(async {
            let whole = project_frames(&[frame(1, &events)], &[ruled_rows(1, &events, events.len())]).await.unwrap();
            let mut partials = Vec::new();
            let mut seq = 1;
            for tick in frames.chunks(tick_frames) {
                let rulings = ruled_rows(seq, &events, frame_rows);
                seq += tick.len() as u64;
                let rows = project_frames(tick, &[rulings]).await.unwrap();
                partials.extend(hot::decode(&hot::encode(&rows).unwrap()).unwrap());
            }
            (whole, merge(partials, limits()).await.unwrap())
        });
        let kinds = ["impressions", "clicks", "conversions", "probes", "prefetches"];
        let counted: i64 = whole.iter().flat_map(|batch| kinds.map(|name| sum(batch, name))).sum::<i64>();
        prop_assert_eq!(counted, i64::try_from(events.len()).unwrap());
        prop_assert!(bytes(whole) == bytes(ticks));
    }
}

/// Rulings about every third event, by its number, whichever frame of so many rows it is in: those from frame `seq` on.
pub(crate) fn ruled_rows(seq: u64, events: &[Event<'_>], frame_rows: usize) -> RecordBatch {
    let position = |id: usize| {
        let frame = Seq::new((id / frame_rows) as u64 + 1).unwrap();
        Position::new(Epoch::FIRST, frame, u16::try_from(id % frame_rows).unwrap())
    };
    let (mut positions, mut categories) = (Vec::new(), Vec::new());
    for id in (0..events.len()).step_by(3).filter(|id| position(*id).seq().get() >= seq) {
        positions.push(position(id).as_i64());
        categories.push(["givt", "sivt", "duplicate", "policy"][id % 4]);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(positions)), Arc::new(StringArray::from(categories))];
    RecordBatch::try_new(rulings_schema(), columns).unwrap()
}

/// The same as a table.
pub(crate) fn ruled(seq: u64, events: &[Event<'_>], frame_rows: usize) -> Arc<dyn datafusion::catalog::TableProvider> {
    rulings(vec![ruled_rows(seq, events, frame_rows)]).unwrap()
}

fn sum(batch: &RecordBatch, name: &str) -> i64 {
    arrow::compute::sum(batch.column_by_name(name).unwrap().as_primitive::<Int64Type>()).unwrap_or(0)
}

#[tokio::test]
async fn ruling_moves_a_click_from_billable_to_invalid() {
    let clicks: Vec<_> = (0..3).map(|id| event(id, Kind::Click, 0, 0)).collect();
    let position = Position::new(Epoch::FIRST, Seq::FIRST, 1).as_i64();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(vec![position])), Arc::new(StringArray::from(vec!["sivt"]))];
    let rulings = RecordBatch::try_new(rulings_schema(), columns).unwrap();
    let rulings = Arc::new(MemTable::try_new(rulings_schema(), vec![vec![rulings]]).unwrap());
    let table = Arc::new(crate::clicks::of_frames(&[frame(1, &clicks)]).unwrap());
    let rows: Vec<RecordBatch> = project(table, rulings, limits()).await.unwrap().try_collect().await.unwrap();
    let row = normalize(&rows[0]).unwrap();
    assert_eq!(["clicks", "billable_clicks", "invalid_sivt"].map(|name| sum(&row, name)), [3, 2, 1], "I7");
    let spend = row.column_by_name("spend_micros").unwrap().as_primitive::<Decimal128Type>().value(0);
    assert_eq!(spend, 2_000);
}

#[tokio::test]
async fn spend_beyond_64_bits_is_exact() {
    let mut dear = event(0, Kind::Click, 0, 0);
    dear.price_micros = i64::MAX;
    let rows = project_frames(&[frame(1, &[dear.clone(), dear])], &[]).await.unwrap();
    let spend = rows[0].column_by_name("spend_micros").unwrap().as_primitive::<Decimal128Type>().value(0);
    assert_eq!(spend, i128::from(i64::MAX) * 2);
}

#[test]
fn damaged_hot_partial_is_an_error() {
    let whole = hot::encode(&[]).unwrap();
    for cut in 0..whole.len() {
        assert!(hot::decode(&whole[..cut]).is_err(), "{cut} bytes");
    }
    assert!(hot::decode(b"not a partial").is_err());
}
