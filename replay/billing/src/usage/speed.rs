//! How fast a month is summed: 720 hours, 10,000 advertisers, 50,000 campaigns. Run it by hand, with the room's code
//! optimised: `cargo test --release --workspace --lib -- --ignored --nocapture month_of_720_hours`.

use std::{sync::Arc, time::Instant};

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clicktrail_catalog::invoicing::NewTerms;
use clicktrail_invoices::{Seller, Terms};
use clicktrail_log::{
    archive::{Archive, keys::SegmentKey},
    frame::Digest,
    time::Hour,
};
use clicktrail_projections::{counters, segment::Writer};

use super::{Everybody, stored, sum::Summing};
use crate::{
    basis::{Basis, Read},
    testing::{Bed, Click, click, hour, time},
};

const HOURS: i64 = 720;
const ADVERTISERS: usize = 10_000;
const CAMPAIGNS: usize = 50_000;
/// Rows of an hour for each campaign.
const ROWS_EACH: usize = 3;

/// Rows of an hour: each campaign's, in the order of a segment.
fn rows(begin: Hour, price: i64) -> RecordBatch {
    let mut keys: Vec<(String, String)> = (0..CAMPAIGNS)
        .map(|number| (format!("advertiser-{:05}", number % ADVERTISERS), format!("campaign-{number:05}")))
        .collect();
    keys.sort();
    let keys: Vec<&(String, String)> = keys.iter().flat_map(|key| std::iter::repeat_n(key, ROWS_EACH)).collect();
    let minutes =
        (0..keys.len()).map(|row| begin.start().plus_micros(i64::try_from(row % 60).unwrap() * 60_000_000).micros());
    let texts = |of: &dyn Fn(&(String, String)) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(keys.iter().map(|key| of(key).to_owned())))
    };
    let schema = counters::schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let count = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; keys.len()])) };
        match field.name().as_str() {
            "advertiser_id" => texts(&|key| &key.0),
            "campaign_id" => texts(&|key| &key.1),
            "ad_id" | "publisher_id" | "country" | "device_type" => texts(&|_| "same"),
            "currency" => texts(&|_| "EUR"),
            "minute" => Arc::new(TimestampMicrosecondArray::from_iter_values(minutes.clone()).with_timezone("UTC")),
            "clicks" => count(3),
            "billable_clicks" => count(2),
            "invalid_sivt" => count(1),
            "spend_micros" => {
                let spend = Decimal128Array::from(vec![i128::from(price); keys.len()]);
                Arc::new(spend.with_precision_and_scale(38, 0).unwrap())
            }
            name if counters::SUMS.contains(&name) => {
                let none = Decimal128Array::from(vec![0; keys.len()]);
                Arc::new(none.with_precision_and_scale(38, 0).unwrap())
            }
            _ => count(0),
        }
    });
    RecordBatch::try_new(counters::schema(), columns.collect()).unwrap()
}

/// Puts an hour's segment.
async fn put(archive: &Archive, bytes: &bytes::Bytes, rows: u64, at: Hour) -> Read {
    let output_digest = Digest::of(bytes);
    archive.put_content(&SegmentKey::new(counters::NAME, at, &output_digest).path(), bytes.clone()).await.unwrap();
    Read {
        hour: at,
        input_digest: output_digest,
        code_digest: output_digest,
        output_digest,
        bytes: bytes.len() as u64,
        rows,
        generation: None,
        knows_before: None,
        verdicts_before: None,
    }
}

fn segment(rows: &RecordBatch) -> bytes::Bytes {
    let mut writer = Writer::new(&counters::schema()).unwrap();
    writer.push(rows.clone()).unwrap();
    writer.finish().unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; takes minutes where the code is not optimised"]
async fn month_of_720_hours_is_summed_and_moved() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::directory(directory.path().to_owned()).unwrap();
    let begin = hour("2026-03-01T00");
    let (one, other) = (rows(begin, 500_000), rows(begin, 500_001));
    let (bytes, changed) = (segment(&one), segment(&other));
    let mut reads = Vec::new();
    for number in 0..HOURS {
        let at = Hour::from_i64(begin.as_i64() + number);
        reads.push(put(&archive, &bytes, one.num_rows() as u64, at).await);
    }
    let period = time("2026-03-01T00:00:00Z")..time("2026-04-01T00:00:00Z");
    let basis = Basis::of_segments(period.clone(), reads.clone());
    let summing = Summing { archive: archive.clone(), threads: 2, advertiser: None };
    let started = Instant::now();
    let sum = summing.fresh(&basis).await.unwrap();
    let fresh = started.elapsed();
    assert_eq!(sum.rows().count(), CAMPAIGNS);
    let expected = i64::try_from(ROWS_EACH).unwrap() * HOURS * 3;
    assert!(sum.rows().all(|(.., counts)| counts.gross == expected));
    let started = Instant::now();
    stored::put(&archive, &basis, &sum).await.unwrap();
    let kept = started.elapsed();

    reads[300] = put(&archive, &changed, one.num_rows() as u64, reads[300].hour).await;
    let later = Basis::of_segments(period, reads);
    let started = Instant::now();
    let earlier: Everybody = stored::get(&archive, &basis).await.unwrap().unwrap();
    let moved = summing.moved((&basis, earlier), &later).await.unwrap();
    let incremental = started.elapsed();
    assert_eq!(moved, summing.fresh(&later).await.unwrap());
    let rows = one.num_rows();
    println!("{HOURS} hours of {rows} rows, {} bytes each: summed in {fresh:?}, kept in {kept:?}", bytes.len());
    println!("moved by one hour, read back and all, in {incremental:?}");
}

/// Drafts of 10,000 accounts with five campaigns each; then one hour more, with a click of each hundredth account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; takes minutes where the code is not optimised"]
async fn month_of_720_hours_is_drafted_for_ten_thousand_accounts() {
    let named = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let advertisers: Vec<&'static str> =
        (0..ADVERTISERS).map(|number| named(format!("advertiser-{number:05}"))).collect();
    let campaigns: Vec<&'static str> = (0..5).map(|number| named(format!("campaign-{number}"))).collect();
    let of = |advertiser, campaign| Click { advertiser, campaign, ..click("2026-03-01T00:10:00Z") };
    let clicks: Vec<Click> = advertisers
        .iter()
        .flat_map(|advertiser| campaigns.iter().map(|campaign| of(*advertiser, *campaign)).collect::<Vec<_>>())
        .collect();
    let mut bed = Bed::new(hour("2026-03-01T00")).await;
    bed.hour("2026-03-01T00", &clicks).await;
    bed.hour("2026-03-31T23", &[]).await;
    let text = include_str!("../../../../examples/accounts/acme.toml").split_once("[[caps]]").unwrap().0;
    let terms: Vec<NewTerms> = advertisers
        .iter()
        .map(|advertiser| {
            let text = text.replace("\"acme\"", &format!("{advertiser:?}")).replace("Europe/Berlin", "UTC");
            let terms = Terms::from_toml(&text, "terms.toml").unwrap();
            NewTerms {
                advertiser_id: terms.advertiser_id.clone(),
                valid_from: terms.valid_from.to_string(),
                text: terms.canonical(),
                digest: terms.digest().to_string(),
            }
        })
        .collect();
    for chunk in terms.chunks(1_000) {
        bed.catalog.put_terms(chunk, "ann", time("2026-01-01T00:00:00Z")).await.unwrap();
    }
    let seller = Seller::from_toml(include_str!("../../../../examples/accounts/seller.toml"), "seller.toml").unwrap();
    let (text, digest) = (seller.canonical(), seller.digest().to_string());
    bed.catalog.put_seller("2026-01-01", &text, &digest, "ann", time("2026-01-01T00:00:00Z")).await.unwrap();
    for round in 0..3 {
        if round == 2 {
            let late: Vec<Click> =
                clicks.iter().step_by(500).map(|click| Click { at: "2026-03-31T22:00:00Z", ..*click }).collect();
            bed.hour("2026-04-01T05", &late).await;
        }
        let started = Instant::now();
        let outcome = bed.drafting().draft("2026-03".parse().unwrap(), None).await.unwrap();
        println!("round {round}: {} drafts in {:?}", outcome.drafted.len(), started.elapsed());
        assert_eq!((outcome.drafted.len(), outcome.left_out.len()), (ADVERTISERS, 0));
    }
}
