use std::{collections::BTreeMap, sync::Mutex};

use clicktrail_log::archive::{keys::PartKey, manifest::File, watch::Watch};
use clicktrail_projections::counters;

use super::*;
use crate::segment::tests::{Bed, bed};

fn task(bed: &Bed, verdicts_before: Position) -> UnitTask {
    UnitTask {
        projection: counters::NAME.to_owned(),
        sql: String::new(),
        code_digest: counters::code_digest().to_string(),
        hour: bed.manifest.hour(),
        manifest_digest: bed.manifest.digest().to_string(),
        clicks_before: None,
        verdicts_before,
    }
}

async fn run_on(bed: &Bed, task: &UnitTask) -> Result<UnitOutput, Error> {
    run(task, &bed.archive, &bed.history, session::Limits::default()).await
}

fn position(text: &str) -> Position {
    text.parse().unwrap()
}

/// Of the clicks 1, 2, 4 and 6 the judge found 2 invalid, and later a person 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unit_counts_with_the_verdicts_and_clicks_before_its_positions() {
    let bed = bed().await;
    let end = bed.history.end().await.unwrap();
    let check = async |task: UnitTask, events: u64, billable: u64, micros: i128| {
        let sent: UnitTask = serde_json::from_str(&serde_json::to_string(&task).unwrap()).unwrap();
        assert_eq!(sent, task, "a task can be sent");
        let output = run_on(&bed, &sent).await.unwrap();
        assert_eq!(output.read, ControlTotals { events, billable, micros }, "{task:?}");
        assert_eq!(output.read, output.written);
        assert!(!output.is_reused);
        let again = run_on(&bed, &task).await.unwrap();
        assert_eq!(again, UnitOutput { is_reused: true, ..output.clone() }, "a second run finds what the first left");
        output.segment
    };
    let all = check(task(&bed, end), 8, 2, 500_007).await;
    let early = check(task(&bed, position("1.1.1")), 8, 3, 750_011).await;
    let cut = UnitTask { clicks_before: Some(position("1.1.3")), ..task(&bed, end) };
    let cut = check(cut, 3, 1, 250_001).await;
    let first = UnitTask { clicks_before: Some(position("1.1.0")), ..task(&bed, end) };
    let none = check(first, 0, 0, 0).await;
    let inputs = [&all, &early, &cut, &none].map(|segment| segment.input_digest.clone());
    assert_eq!(std::collections::BTreeSet::from(inputs).len(), 4, "each input has its name");
    // A position behind the hour cuts nothing, so it is no other input.
    let behind = UnitTask { clicks_before: Some(position("1.3.0")), ..task(&bed, end) };
    let behind = run_on(&bed, &behind).await.unwrap();
    assert_eq!((behind.segment, behind.is_reused), (all, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidate_is_built_beside_the_released_code() {
    let bed = bed().await;
    let end = bed.history.end().await.unwrap();
    let released = run_on(&bed, &task(&bed, end)).await.unwrap();
    // Counts probes as clicks that are billed: money that the released code does not know.
    let sql = counters::SQL
        .replace("c.kind = 'click' AND r.category IS NULL", "c.kind IN ('click', 'probe') AND r.category IS NULL")
        .replace("(WHERE c.kind = 'click') AS clicks", "(WHERE c.kind IN ('click', 'probe')) AS clicks");
    assert_ne!(sql, counters::SQL);
    let candidate = Projection::candidate_of_counters(&sql).await.unwrap();
    let task = UnitTask { sql, code_digest: candidate.code_digest().to_string(), ..task(&bed, end) };
    let built = run_on(&bed, &task).await.unwrap();
    assert_eq!(built.written.billable, released.written.billable + 1);
    assert_eq!(built.written.micros, released.written.micros + 250_007);
    assert_ne!(built.segment.key, released.segment.key);
    assert_eq!(run_on(&bed, &self::task(&bed, end)).await.unwrap().segment, released.segment);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_as_planned_is_refused_by_name() {
    let bed = bed().await;
    let end = bed.history.end().await.unwrap();
    let check = async |task: UnitTask, expected: &str| {
        let refused = clicktrail_log::causes::causes(&run_on(&bed, &task).await.unwrap_err()).to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    };
    let planned = task(&bed, end);
    check(UnitTask { code_digest: "ab".repeat(32), ..planned.clone() }, "it was planned with code abababababab").await;
    let foreign = UnitTask { manifest_digest: "ab".repeat(32), ..planned.clone() };
    check(foreign, "manifests/clicks/2026-03-01T22.json is damaged").await;
    let missing = UnitTask { hour: bed.manifest.hour().next(), ..planned.clone() };
    check(missing, "manifests/clicks/2026-03-01T23.json is missing").await;
    check(UnitTask { projection: "spend".to_owned(), ..planned.clone() }, "no projection \"spend\"").await;
    let part = &bed.manifest.parts[0].core;
    let mut bytes = bed.archive.get_file(part).await.unwrap().to_vec();
    bytes[100] ^= 1;
    let path = PartKey::parse(&part.key).unwrap().path();
    bed.archive.put_content(&path, bytes.into()).await.unwrap();
    check(planned, &part.key).await;
}

/// How often each file was read whole.
#[derive(Debug, Default)]
struct Reads(Mutex<BTreeMap<String, u64>>);

impl Watch for Reads {
    fn see(&self, file: &File, _bytes: &Bytes) {
        *self.0.lock().unwrap().entry(file.key.clone()).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_file_of_a_unit_is_read_once() {
    let bed = bed().await;
    let reads = Arc::new(Reads::default());
    let archive = bed.archive.watched(Arc::<Reads>::clone(&reads));
    let read = async |task: &UnitTask| {
        let output = run(task, &archive, &bed.history, session::Limits::default()).await.unwrap();
        (output, std::mem::take(&mut *reads.0.lock().unwrap()))
    };
    let sql = format!("-- the same\n{}", counters::SQL);
    let candidate = Projection::candidate_of_counters(&sql).await.unwrap();
    let released = task(&bed, bed.history.end().await.unwrap());
    let candidate = UnitTask { sql, code_digest: candidate.code_digest().to_string(), ..released.clone() };
    let parts: BTreeMap<String, u64> = bed.manifest.parts.iter().map(|part| (part.core.key.clone(), 1)).collect();
    for task in [released, candidate] {
        let (built, found) = read(&task).await;
        assert_eq!((built.is_reused, found), (false, parts.clone()), "the parts alone, and each of them once");
        let (again, found) = read(&task).await;
        assert_eq!((again.is_reused, found), (true, BTreeMap::from([(built.segment.key, 1)])));
    }
}
