use clicktrail_log::event::Kind as EventKind;
use futures::TryStreamExt as _;

use super::*;
use crate::counters::tests::{bytes, event, frame, limits};

async fn projected(projection: &Projection) -> Vec<RecordBatch> {
    let events: Vec<_> = (0..40).map(|id| event(usize::from(id), EventKind::Click, id % 32, id % 6)).collect();
    let clicks = Arc::new(crate::clicks::of_frames(&[frame(1, &events)]).unwrap());
    let rows = projection.project(clicks, counters::no_rulings(), limits()).await.unwrap();
    rows.try_collect().await.unwrap()
}

/// The digest is in every receipt: changed by accident, every segment ever built would be built again.
#[test]
fn counters_have_the_digest_and_columns_that_they_had() {
    let counters = Projection::counters();
    assert!(counters.is_built_in());
    assert_eq!(counters.code_digest(), counters::code_digest());
    assert_eq!(counters.schema(), counters::schema());
    let key: Vec<_> = counters.key().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(key, counters::KEYS);
    assert_eq!(counters.measures().len(), counters::COUNTS.len() + counters::SUMS.len());
}

#[tokio::test]
async fn candidate_that_says_the_same_gives_the_same_bytes_under_another_digest() {
    let reworded = format!("-- the same\n{}", counters::SQL);
    let candidate = Projection::candidate_of_counters(&reworded).await.unwrap();
    assert!(!candidate.is_built_in());
    assert_ne!(candidate.code_digest(), counters::code_digest());
    assert!(bytes(projected(&candidate).await) == bytes(projected(&Projection::counters()).await));
    let same = Projection::candidate_of_counters(counters::SQL).await.unwrap();
    assert!(same.is_built_in());
}

#[tokio::test]
async fn partial_results_add_up_to_the_whole() {
    let candidate = Projection::candidate_of_counters(&format!("-- again\n{}", counters::SQL)).await.unwrap();
    let whole = projected(&candidate).await;
    let twice = candidate.merge([whole.clone(), whole.clone()].concat(), limits()).await.unwrap();
    let known = counters::merge([whole.clone(), whole].concat(), limits()).await.unwrap();
    assert!(bytes(twice) == bytes(known));
}
