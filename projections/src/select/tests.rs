use std::time::Duration;

use datafusion::arrow::{
    array::{Int64Array, StringArray},
    datatypes::{DataType, Field, Schema},
};
use object_store::memory::InMemory;

use super::*;

/// No hours, and a table of so many numbers with a text each.
fn numbers(rows: i64, text: &str) -> Hours {
    let archive = Archive::from_store(Arc::new(InMemory::new()));
    let limits = session::Limits { memory_bytes: 8 << 20, threads: 2 };
    let nothing = RecordBatch::new_empty(counters::rulings_schema());
    let hours = Hours::open(&archive, &[], nothing, limits).unwrap();
    let columns = [("n", DataType::Int64), ("text", DataType::Utf8)];
    let fields: Vec<Field> = columns.into_iter().map(|(name, kind)| Field::new(name, kind, false)).collect();
    let schema = Arc::new(Schema::new(fields));
    let texts = StringArray::from_iter_values((0..rows).map(|_| text));
    let columns = vec![Arc::new(Int64Array::from_iter_values(0..rows)) as _, Arc::new(texts) as _];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    hours.add("numbers", schema, vec![batch]).unwrap();
    hours
}

async fn refused(hours: &Hours, sql: &str) -> String {
    match hours.select(sql).await {
        Err(Error::Refused(why)) => why,
        Err(error) => format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string)),
        Ok(batches) => panic!("{sql} has an answer of {} batches", batches.len()),
    }
}

#[tokio::test]
async fn common_tables_that_double_one_another_are_refused_before_they_are_planned() {
    let hours = numbers(1, "");
    let doubling = |levels: usize| {
        let next = |level: usize| format!(", t{level} AS (SELECT a.n FROM t{0} a, t{0} b)", level - 1);
        let rest: String = (1..levels).map(next).collect();
        format!("WITH t0 AS (SELECT n FROM numbers){rest} SELECT count(*) FROM t{}", levels - 1)
    };
    assert_eq!(hours.select(&doubling(7)).await.unwrap().len(), 1);
    for levels in [9, 30, 200] {
        let why = refused(&hours, &doubling(levels)).await;
        assert!(why.contains("more than 16 tables are named") || why.contains("operators"), "{levels}: {why}");
    }
}

#[tokio::test]
async fn what_never_ends_by_itself_is_refused() {
    let hours = numbers(1, "");
    let recursive = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r";
    for sql in [
        recursive,
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT count(*) FROM range(1, 1000000000000)",
        "SELECT repeat('x', 2000000000)",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT array_length(range(0, 100000000000))",
        "SELECT array_length(array_repeat(1, 10000000000))",
    ] {
        let why = refused(&hours, sql).await;
        assert!(!why.is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn join_that_does_not_fit_the_memory_of_a_question_is_refused_in_plain_words() {
    let hours = numbers(100_000, &"wide ".repeat(40));
    let why =
        refused(&hours, "SELECT count(DISTINCT a.text || b.text || a.n) FROM numbers a CROSS JOIN numbers b").await;
    assert!(why.contains("it needs more than 8 MiB of memory"), "{why}");
}

#[tokio::test]
async fn answer_of_too_many_rows_or_bytes_is_refused() {
    let hours = numbers(4_000, &"x".repeat(1_000));
    for sql in ["SELECT a.n FROM numbers a, numbers b", "SELECT a.text FROM numbers a, numbers b WHERE b.n < 500"] {
        let why = refused(&hours, sql).await;
        assert!(why.contains("it answers more than 10000000 rows or 1024 MiB"), "{why}");
    }
}

/// Twenty thousand million pairs: whoever stops waiting stops it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn question_stops_when_nobody_waits_for_it() {
    let hours = numbers(3_000, "");
    let sql = "SELECT count(*) FROM numbers a, numbers b, numbers c WHERE a.n + b.n + c.n = 7";
    let answer = tokio::time::timeout(Duration::from_millis(300), hours.select(sql)).await;
    assert!(answer.is_err(), "it has an answer");
    // The workers are free again.
    assert_eq!(hours.select("SELECT count(*) FROM numbers").await.unwrap().len(), 1);
}
