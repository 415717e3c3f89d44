//! Hot partials, projections of users, their SQL, and what people ask, damaged: each is read or refused.

use std::{fs, path::Path, sync::Arc};

use clicktrail_damage::{Random, Trial, mutate, test};
use clicktrail_log::{archive::Archive, zone::Zone};
use datafusion::arrow::array::RecordBatch;
use object_store::memory::InMemory;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Projection, counters,
    counters::{
        hot,
        query::{Dimension, Granularity},
    },
    select::Hours,
    session,
    zone::{Bound, Range, Unit},
};

const TOML: &str = include_str!("../../examples/projections/spend_by_country_and_device.toml");
const SQL: &str = include_str!("../../examples/projections/spend_by_country_and_device.sql");

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Reads a payload in all ways: what is read comes back from what is written.
fn read_payload(payload: &[u8]) {
    match hot::decode(payload) {
        Ok(rows) => {
            let again = hot::decode(&hot::encode(&rows).unwrap()).unwrap();
            assert_eq!(again, rows);
            let count = rows.iter().map(RecordBatch::num_rows).sum::<usize>();
            assert!(count <= 1 << 24, "{count} rows");
        }
        Err(error) => assert!(error.to_string().contains("hot partial"), "{error}"),
    }
    let _ = (hot::decode_for_questions(payload), hot::is_of_earlier_version(payload));
}

#[test]
fn hot_partial_of_any_bytes_is_read_or_refused() {
    let payloads = ["hot-partial-1.arrow.zst", "hot-partial-2.arrow.zst"].map(fixture);
    // Under zstd a few bytes may stand for many.
    let trial = Trial::of(test!(hot_partial_of_any_bytes_is_read_or_refused)).bytes_per_byte(4_000);
    trial.examples(payloads).run(read_payload);
}

#[test]
fn hot_partial_that_says_anything_below_its_compression_is_read_or_refused() {
    let inflated = |name: &str| zstd::decode_all(fixture(name).as_slice()).unwrap();
    let mut streams = vec![inflated("hot-partial-1.arrow.zst"), inflated("hot-partial-2.arrow.zst")];
    // One that was found: a message that says that it has 1.9 GB.
    let mut claiming = streams[0].clone();
    claiming[..4].copy_from_slice(&0x7000_0000_u32.to_le_bytes());
    streams.push(claiming);
    let draw = |random: &mut Random| {
        let stream = mutate::of_examples(random, &streams, &[]);
        zstd::bulk::compress(&stream, 1).unwrap()
    };
    let trial = Trial::of(test!(hot_partial_that_says_anything_below_its_compression_is_read_or_refused));
    trial.bytes_per_byte(4_000).run_drawn(draw, read_payload);
}

#[test]
fn projection_of_any_toml_or_text_is_used_or_refused() {
    let runtime = runtime();
    let stored = runtime.block_on(Projection::from_files("spend", TOML, SQL)).unwrap().to_text();
    let trial = Trial::of(test!(projection_of_any_toml_or_text_is_used_or_refused)).slow(8).bytes_per_byte(1_000);
    trial.examples([TOML, &stored]).words(&["[[measures]]\n", "--| ", "--.\n"]).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        for read in [
            runtime.block_on(Projection::from_files("spend", text, SQL)),
            runtime.block_on(Projection::from_text("spend", text)),
        ] {
            match read {
                Ok(read) => {
                    let again = runtime.block_on(Projection::from_text("spend", &read.to_text())).unwrap();
                    assert_eq!(again.code_digest(), read.code_digest());
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    });
}

const SQL_WORDS: [&str; 16] = [
    " UNION ALL ",
    " JOIN clicks USING (position) ",
    "(SELECT 1)",
    " WITH x AS (",
    "CASE WHEN ",
    " OVER (",
    "sum(",
    "NULL",
    "1/0",
    "CAST(",
    "INTERVAL '1' DAY",
    "'1970-01-01'::timestamp",
    " IN (",
    " ORDER BY 1 ",
    "*",
    "CREATE TABLE x AS ",
];

#[test]
fn sql_of_a_projection_of_any_text_is_used_or_refused() {
    let runtime = runtime();
    let trial = Trial::of(test!(sql_of_a_projection_of_any_text_is_used_or_refused)).slow(4).bytes_per_byte(1_000);
    trial.examples([SQL, counters::SQL]).words(&SQL_WORDS).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Err(error) = runtime.block_on(Projection::from_files("spend", TOML, text)) {
            assert!(error.to_string().contains("spend.sql"), "{error}");
        }
    });
}

#[test]
fn sql_of_a_person_of_any_text_is_answered_or_refused() {
    let runtime = runtime();
    let archive = Archive::from_store(Arc::new(InMemory::new()));
    let rulings = RecordBatch::new_empty(counters::rulings_schema());
    let limits = session::Limits { memory_bytes: 64 << 20, threads: 1 };
    let hours = runtime.block_on(async { Hours::open(&archive, &[], rulings, limits) }).unwrap();
    let trial = Trial::of(test!(sql_of_a_person_of_any_text_is_answered_or_refused)).slow(2).bytes_per_byte(2_000);
    let examples = [
        "SELECT c.position, count(*) OVER (PARTITION BY ip) FROM clicks c JOIN personal p USING (position) WHERE kind = 'click'",
        "WITH r AS (SELECT position FROM rulings) SELECT ad_id, sum(price_micros) FROM clicks WHERE position NOT IN (SELECT position FROM r) GROUP BY 1 HAVING count(*) > 1 + 1 + 1",
        "SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS t (n, s) UNION ALL SELECT 3, 'c' ORDER BY 1 LIMIT 5",
    ];
    trial.examples(examples).words(&SQL_WORDS).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        if let Err(error) = runtime.block_on(hours.select(text)) {
            assert!(!error.to_string().is_empty());
        }
    });
}

#[test]
fn bound_or_word_of_a_question_of_any_text_is_read_or_refused() {
    let trial = Trial::of(test!(bound_or_word_of_a_question_of_any_text_is_read_or_refused));
    let examples = [
        "2026-11-22",
        "2026-10-25T02:30",
        "2026-11-22T14:00:00+05:45",
        "2026-11",
        "0001-01-01",
        "9999-12-31T23:59:59Z",
        "5m",
    ];
    trial.examples(examples).run(|bytes| {
        let text = &*String::from_utf8_lossy(bytes);
        for name in ["UTC", "Europe/Berlin", "Pacific/Apia", "America/Havana"] {
            let zone: Zone = name.parse().unwrap();
            for unit in Unit::ALL {
                if let Ok(bound) = Bound::parse(text, &zone, unit) {
                    let _ = bound.first(&zone);
                }
                for (from, to) in [
                    (Some(text), None),
                    (None, Some(text)),
                    (Some(text), Some("2026-12-01")),
                    (Some("2026-01-01"), Some(text)),
                ] {
                    match Range::parse(from, to, &zone, unit) {
                        Ok(range) => {
                            assert!(range.pieces().all(|(from, to)| from.is_none() || to.is_none() || from < to))
                        }
                        Err(error) => assert!(!error.to_string().is_empty()),
                    }
                }
            }
            let _ = Range::month(text, &zone);
        }
        let _ = (text.parse::<Granularity>(), text.parse::<Dimension>());
    });
}
