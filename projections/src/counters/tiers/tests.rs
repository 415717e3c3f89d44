use clicktrail_log::{event::Event, position::Position};
use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, Int64Array, StringArray},
    datatypes::{Decimal128Type, Int64Type},
};
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::*;
use crate::{
    counters::{
        self, hot,
        query::{Dimension, Granularity},
        rulings_schema,
        tests::{event, events, frame, limits},
    },
    zone::{Range, Zone},
};

const CATEGORIES: [Option<&str>; 5] = [None, Some("givt"), Some("sivt"), Some("duplicate"), Some("policy")];
const ALL: Kinds = Kinds::of(&[Kind::Click, Kind::Impression, Kind::Conversion]);

fn question(dimensions: &[Dimension]) -> Question {
    Question {
        range: Range::everything(),
        advertiser: None,
        dimensions: dimensions.to_vec(),
        granularity: Granularity::Total,
        zone: Zone::utc(),
    }
}

/// The rulings about the rows of frame 1 that `categories` has.
fn rulings(categories: &[Option<&str>]) -> RecordBatch {
    let first: Position = "1.1.0".parse().unwrap();
    let ruled = || categories.iter().zip(0_i64..).filter_map(|(category, row)| Some(((*category)?, row)));
    let positions = Int64Array::from_iter_values(ruled().map(|(_, row)| first.as_i64() + row));
    let words = StringArray::from_iter_values(ruled().map(|(category, _)| category));
    let columns: Vec<ArrayRef> = vec![Arc::new(positions), Arc::new(words)];
    RecordBatch::try_new(rulings_schema(), columns).unwrap()
}

/// What counting the events of frame 1 gives, from the payload of a hot partial.
async fn counted(events: &[Event<'_>], categories: &[Option<&str>], judged: Kinds) -> Counted {
    let table = counters::rulings(vec![rulings(categories)]).unwrap();
    let clicks = Arc::new(crate::clicks::of_frames(&[frame(1, events)]).unwrap());
    let rows: Vec<RecordBatch> = counters::project(clicks, table, limits()).await.unwrap().try_collect().await.unwrap();
    let rows: Vec<RecordBatch> = rows.iter().map(|batch| counters::normalize(batch).unwrap()).collect();
    let partials = hot::decode_for_questions(&hot::encode(&rows).unwrap()).unwrap();
    Counted { judged, segments: Vec::new(), partials }
}

async fn tiers(counted: Vec<Counted>, dimensions: &[Dimension]) -> RecordBatch {
    let archive = Archive::from_store(Arc::new(InMemory::new()));
    let rows = ask(&question(dimensions), &archive, counted, limits()).await.unwrap();
    arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap()
}

fn count(rows: &RecordBatch, name: &str, row: usize) -> i64 {
    rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row)
}

fn money(rows: &RecordBatch, name: &str, row: usize) -> Option<i128> {
    let column = rows.column_by_name(name).unwrap().as_primitive::<Decimal128Type>();
    column.is_valid(row).then(|| column.value(row))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// For every kind and key: gross is net, what was taken out of it, and what nobody judged; and what stands in each
    /// tier is what counting the events one by one gives (I7).
    #[test]
    fn gross_is_net_and_what_was_taken_out(
        events in events(),
        ruled in proptest::collection::vec(0_usize..CATEGORIES.len(), 120),
        impressions_are_judged: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let categories: Vec<_> = ruled[..events.len()].iter().map(|index| CATEGORIES[*index]).collect();
        let judged = if impressions_are_judged { ALL } else { Kinds::of(&[Kind::Click, Kind::Conversion]) };
        let dimensions = [Dimension::Advertiser, Dimension::Publisher];
        let rows = runtime.block_on(async {
            tiers(vec![counted(&events, &categories, judged).await], &dimensions).await
        });
        let text = |name: &str, row: usize| {
            let column = rows.column_by_name(name).unwrap();
            let texts = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).unwrap();
            let texts = texts.as_string::<i32>();
            texts.is_valid(row).then(|| texts.value(row).to_owned())
        };
        let mut seen = 0;
        for row in 0..rows.num_rows() {
            let key = (text("advertiser_id", row), text("publisher_id", row), text("currency", row));
            let of_key: Vec<_> = events.iter().zip(&categories).filter(|(event, _)| {
                let publisher = event.publisher_id.as_deref().map(str::to_owned);
                (Some(event.advertiser_id.to_string()), publisher, Some(event.currency.to_string())) == key
            }).collect();
            seen += of_key.len();
            for (kind, name) in MEASURES {
                let all = |out: &[&str]| of_key.iter().filter(|(event, category)| {
                    event.kind == kind && category.is_none_or(|category| !out.contains(&category))
                }).count() as i64;
                let judged = judged.holds(kind);
                let value = |tier: &str| count(&rows, &format!("{name}_{tier}"), row);
                prop_assert_eq!(value("gross"), all(&[]));
                prop_assert_eq!(value("net"), if judged { all(&["givt", "duplicate"]) } else { 0 });
                let total_net = all(&["givt", "duplicate", "sivt", "policy"]);
                prop_assert_eq!(value("total_net"), if judged { total_net } else { 0 });
                let out: i64 = GENERAL.iter().map(|category| value(category)).sum();
                prop_assert_eq!(value("gross"), value("net") + out + (value("gross") - value("judged")), "{}", name);
                let out: i64 = OTHER.iter().map(|category| value(category)).sum();
                prop_assert_eq!(value("net"), value("total_net") + out, "{}", name);
            }
            let spend = |out: &[&str]| of_key.iter().filter(|(event, category)| {
                event.kind == Kind::Click && category.is_none_or(|category| !out.contains(&category))
            }).map(|(event, _)| i128::from(event.price_micros)).sum::<i128>();
            prop_assert_eq!(money(&rows, "spend_gross_micros", row), Some(spend(&[])));
            prop_assert_eq!(money(&rows, "spend_net_micros", row), Some(spend(&GENERAL)));
            prop_assert_eq!(money(&rows, "spend_total_net_micros", row), Some(spend(&[GENERAL, OTHER].concat())));
        }
        prop_assert_eq!(seen, events.len());
    }
}

#[tokio::test]
async fn what_nobody_judged_is_in_gross_alone_and_the_answer_says_how_much_that_is() {
    let kinds = [Kind::Impression, Kind::Impression, Kind::Conversion, Kind::Click];
    let events: Vec<_> = kinds.into_iter().enumerate().map(|(id, kind)| event(id, kind, 0, 0)).collect();
    let before = counted(&events, &[None; 4], Kinds::of(&[Kind::Click])).await;
    let since = counted(&events, &[Some("duplicate"), None, Some("givt"), None], ALL).await;
    let rows = tiers(vec![before, since], &[Dimension::Advertiser]).await;
    for (name, expected) in
        [("impressions", [4, 1, 1, 2, 500]), ("conversions", [2, 0, 0, 1, 500]), ("clicks", [2, 2, 2, 2, 1000])]
    {
        let tiers = ["gross", "net", "total_net", "judged", "judged_permille"];
        assert_eq!(tiers.map(|tier| count(&rows, &format!("{name}_{tier}"), 0)), expected, "{name}");
    }
    let value = ["value_gross_micros", "value_net_micros", "value_total_net_micros"];
    assert_eq!(value.map(|name| money(&rows, name, 0)), [Some(14_000_000), Some(0), Some(0)]);
}

/// A bill of an earlier version has no sum of what was not billed: nobody makes one up.
#[tokio::test]
async fn spend_that_an_earlier_version_did_not_add_up_is_null() {
    let payload = include_bytes!("../../../fixtures/hot-partial-1.arrow.zst");
    assert!(hot::is_of_earlier_version(payload).unwrap());
    let earlier = Counted {
        judged: Kinds::of(&[Kind::Click]),
        segments: Vec::new(),
        partials: hot::decode_for_questions(payload).unwrap(),
    };
    let rows = tiers(vec![earlier], &[Dimension::Ad]).await;
    let boots = 0;
    assert_eq!(["gross", "net", "total_net"].map(|tier| count(&rows, &format!("clicks_{tier}"), boots)), [7, 5, 4]);
    assert_eq!(["gross", "net", "judged"].map(|tier| count(&rows, &format!("impressions_{tier}"), boots)), [100, 0, 0]);
    let spend = ["spend_gross_micros", "spend_net_micros", "spend_total_net_micros"];
    assert_eq!(spend.map(|name| money(&rows, name, boots)), [None, None, Some(1_000_000)]);
}
