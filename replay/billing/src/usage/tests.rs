use clicktrail_log::time::Timestamp;
use clicktrail_verdicts::verdict::Category;

use clicktrail_invoices::Counts;

use super::{stored, sum::Summing, *};
use crate::{
    basis::{self, Basis},
    testing::{Bed, Click, click, hour, time},
};

/// A period of two days: a test seals no month.
fn march() -> std::ops::Range<Timestamp> {
    time("2026-03-01T00:00:00Z")..time("2026-03-03T00:00:00Z")
}

async fn basis_of(bed: &Bed, period: std::ops::Range<Timestamp>, known: Option<&Basis>) -> Basis {
    let first = bed.checking().patience.first_hour(period.start);
    let checked = bed.checking().check(&period, time("2027-01-01T00:00:00Z")).await.unwrap();
    basis::find(&bed.archive, &checked.snapshot, period, first, known).await.unwrap()
}

fn summing(bed: &Bed) -> Summing {
    Summing { archive: bed.archive.clone(), threads: 2, advertiser: None }
}

/// Rows as text: `acme EUR spring 3/2 500000`.
fn shown(sum: &Everybody) -> Vec<String> {
    let row = |(advertiser, currency, campaign, counts): (&str, &str, &str, &Counts)| {
        let Counts { gross, billable, spend_micros, .. } = counts;
        format!("{advertiser} {currency} {campaign} {gross}/{billable} {spend_micros}")
    };
    sum.rows().map(row).collect()
}

/// Clicks at both edges of the period, of two advertisers and currencies; one is logged before its time, one long
/// after.
async fn bed() -> Bed {
    let mut bed = Bed::new(hour("2026-02-28T23")).await;
    let zeta = |at| Click { advertiser: "zeta", campaign: "autumn", ..click(at) };
    let invalid = |at| Click { invalid: Some(Category::Sivt), ..click(at) };
    bed.hour("2026-02-28T23", &[click("2026-02-28T23:59:59Z"), click("2026-03-01T00:00:01Z")]).await;
    bed.hour("2026-03-01T00", &[click("2026-03-01T00:00:00Z"), click("2026-02-28T23:58:00Z")]).await;
    bed.hour("2026-03-01T02", &[zeta("2026-03-01T02:10:00Z"), invalid("2026-03-01T02:10:01Z")]).await;
    let dollars = Click { currency: "USD", ..click("2026-03-01T03:00:00Z") };
    bed.hour("2026-03-01T03", &[dollars, zeta("2026-03-01T03:10:00Z")]).await;
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minutes_of_the_period_alone_are_summed_whenever_they_were_logged() {
    let mut bed = bed().await;
    let first = basis_of(&bed, march(), None).await;
    let sum = summing(&bed).fresh(&first).await.unwrap();
    let early = ["acme EUR spring 3/2 500000", "acme USD spring 1/1 250000", "zeta EUR autumn 2/2 500000"];
    assert_eq!(shown(&sum), early);

    bed.hour("2026-03-03T00", &[click("2026-03-02T23:59:59Z"), click("2026-03-03T00:00:00Z")]).await;
    bed.hour("2026-03-04T00", &[click("2026-03-03T23:59:59Z")]).await;
    let later = basis_of(&bed, march(), Some(&first)).await;
    let read: Vec<String> = later.segments().iter().map(|read| read.hour.to_string()).collect();
    let with = ["2026-02-28T23", "2026-03-01T00", "2026-03-01T02", "2026-03-01T03", "2026-03-03T00"];
    assert_eq!(read, with, "hours behind the period are read only if they have a minute of it");
    assert!(later.without().iter().any(|hours| hours.to_inclusive == hour("2026-03-04T00")), "{later:?}");
    let sum = summing(&bed).fresh(&later).await.unwrap();
    assert_eq!(shown(&sum)[0], "acme EUR spring 4/3 750000");
    assert_eq!(basis_of(&bed, march(), None).await, later, "what an earlier basis knows changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zone_with_a_half_hour_cuts_the_hour_at_its_minute() {
    let mut bed = Bed::new(hour("2026-02-28T18")).await;
    bed.hour("2026-02-28T18", &[click("2026-02-28T18:29:59Z"), click("2026-02-28T18:30:00Z")]).await;
    bed.hour("2026-03-01T18", &[click("2026-03-01T18:29:59Z"), click("2026-03-01T18:30:00Z")]).await;
    let kolkata = time("2026-02-28T18:30:00Z")..time("2026-03-01T18:30:00Z");
    let next = kolkata.end..time("2026-03-02T18:30:00Z");
    for (period, clicks) in [(kolkata, 2), (next, 1)] {
        let basis = basis_of(&bed, period, None).await;
        let sum = summing(&bed).fresh(&basis).await.unwrap();
        assert_eq!(shown(&sum), [format!("acme EUR spring {clicks}/{clicks} {}", clicks * 250_000)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sum_that_moved_is_the_fresh_sum_and_comes_back_from_the_archive() {
    let mut bed = bed().await;
    let first = basis_of(&bed, march(), None).await;
    let sum = summing(&bed).fresh(&first).await.unwrap();
    assert_eq!(stored::get(&bed.archive, &first).await.unwrap(), None);
    stored::put(&bed.archive, &first, &sum).await.unwrap();
    assert_eq!(stored::get(&bed.archive, &first).await.unwrap().as_ref(), Some(&sum));

    bed.hour("2026-03-02T23", &[click("2026-03-02T23:00:00Z"), click("2026-03-01T12:00:00Z")]).await;
    let later = basis_of(&bed, march(), Some(&first)).await;
    let fresh = summing(&bed).fresh(&later).await.unwrap();
    assert_ne!(fresh, sum);
    assert_eq!(summing(&bed).moved((&first, sum.clone()), &later).await.unwrap(), fresh);
    assert_eq!(
        summing(&bed).moved((&later, fresh.clone()), &first).await.unwrap(),
        sum,
        "and back: nothing is left over"
    );
    let empty = summing(&bed).moved((&first, Everybody::default()), &later).await.unwrap();
    assert_ne!(empty, fresh);
    let wrong = summing(&bed).moved((&later, Everybody::default()), &first).await.unwrap_err();
    assert!(wrong.to_string().contains("fewer than no clicks"), "{wrong}");

    let one = Summing { advertiser: Some("zeta".to_owned()), ..summing(&bed) };
    assert_eq!(shown(&one.fresh(&later).await.unwrap()), ["zeta EUR autumn 2/2 500000"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_segment_is_named_and_a_damaged_sum_is_not_used() {
    let bed = bed().await;
    let basis = basis_of(&bed, march(), None).await;
    let sum = summing(&bed).fresh(&basis).await.unwrap();
    stored::put(&bed.archive, &basis, &sum).await.unwrap();
    let prefix = clicktrail_log::archive::keys::invoices::UsageKey::prefix(&basis.inputs());
    let kept = bed.archive.list(&prefix).await.unwrap().remove(0).path;
    let mut bytes = bed.archive.get(&kept).await.unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bed.archive.put_content(&kept, bytes.into()).await.unwrap();
    assert_eq!(stored::get(&bed.archive, &basis).await.unwrap(), None);

    let file = basis.segments()[1].file();
    let path = clicktrail_log::archive::keys::SegmentKey::parse(&file.key).unwrap().path();
    let mut bytes = bed.archive.get(&path).await.unwrap().to_vec();
    bytes[100] ^= 1;
    bed.archive.put_content(&path, bytes.into()).await.unwrap();
    let refused = summing(&bed).fresh(&basis).await.unwrap_err();
    assert!(refused.is_incomplete(), "{refused:?}");
    assert!(clicktrail_log::causes::causes(&refused).contains(&file.key), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basis_comes_back_as_it_was_written_and_no_other_bytes_do() {
    let bed = bed().await;
    let found = basis_of(&bed, march(), None).await;
    let bytes = found.to_bytes();
    assert_eq!(Basis::from_bytes(&bytes).unwrap(), found);
    let text = String::from_utf8(bytes).unwrap();
    for (said, instead) in [
        ("\"version\": 2", "\"version\": 1"),
        ("\"version\": 2", "\"version\": 3"),
        ("\"counters\"", "\"spend\""),
        ("  \"projection\"", " \"projection\""),
        ("\"bytes\"", "\"octets\""),
        ("2026-03-01T02", "2026-02-01T02"),
        ("\n}\n", "\n}"),
    ] {
        assert!(text.contains(said), "{said}");
        Basis::from_bytes(text.replacen(said, instead, 1).as_bytes()).unwrap_err();
    }
}
