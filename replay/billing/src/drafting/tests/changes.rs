//! Accounts whose cycle, zone, currency or usage changes: no day is billed twice or by nobody, no minimum twice, and
//! what would not be drafted any more is outdated.

use clicktrail_catalog::invoicing::{Cycle, NewPeriod};
use clicktrail_invoices::Period;

use super::*;
use crate::{issue::tests as issuing, testing::Bed};

fn name(text: &str) -> PeriodName {
    text.parse().unwrap()
}

async fn draft_of(bed: &Bed, period: &str) -> Outcome {
    bed.drafting().draft(name(period), None).await.unwrap()
}

fn unbilled(outcome: &Outcome) -> Vec<String> {
    let row = |one: &outcome::Unbilled| format!("{} {} {}", one.advertiser_id, one.period.name, one.clicks);
    outcome.unbilled.iter().map(row).collect()
}

fn outdated(outcome: &Outcome) -> Vec<String> {
    outcome.outdated.iter().map(|(revision, why)| format!("{revision}: {why}")).collect()
}

/// The end of April and the first days of May, of an account that is billed by the month until then.
async fn spring() -> Bed {
    let mut bed = Bed::new(hour("2026-04-30T23")).await;
    bed.hour("2026-04-30T23", &[click("2026-04-30T23:10:00Z")]).await;
    bed.hour("2026-05-01T00", &[click("2026-05-01T00:10:00Z"), click("2026-05-01T00:20:00Z")]).await;
    bed.hour("2026-05-03T23", &[]).await;
    seller(&bed).await;
    add(&bed, &plain(&[])).await;
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_of_cycle_loses_no_day_and_bills_none_twice() {
    let bed = spring().await;
    add(&bed, &plain(&[WEEKLY, ("valid_from = 2026-01-01", "valid_from = 2026-04-08")])).await;
    // The week that the month ends in is not the account's: it begins inside.
    let week = draft_of(&bed, "2026-W18").await;
    assert_eq!(shown(&week), Vec::<String>::new());
    let part = left(&week);
    assert!(part[0].contains("run `clicktrail invoice draft 2026-W18-5`"), "{part:?}");
    let first = draft_of(&bed, "2026-W18-5").await;
    assert_eq!(shown(&first), ["acme EUR r1 new 0.60"]);
    assert_eq!(first.zones[0].period.from, time("2026-05-01T00:00:00Z"));
    assert!(first.drafted[0].notices[0].to_string().contains("where 2026-04 of UTC ended"), "{first:?}");
    assert_eq!(unbilled(&first), ["acme 2026-04 1"], "April is still the month's, and nobody drafted it");
    assert!(first.unbilled[0].to_string().contains("run `clicktrail invoice draft 2026-04 --advertiser acme`"));
    assert_eq!(shown(&draft_of(&bed, "2026-04").await), ["acme EUR r1 new 0.30"]);
    let again = draft_of(&bed, "2026-W18-5").await;
    assert_eq!((shown(&again), unbilled(&again)), (vec!["acme EUR r1 same 0.60".to_owned()], vec![]));
    assert_eq!(left(&draft_of(&bed, "2026-W18").await), Vec::<String>::new(), "it is drafted");
    for billed_by_the_month in ["2026-W16", "2026-W17"] {
        let outcome = draft_of(&bed, billed_by_the_month).await;
        assert_eq!((shown(&outcome).len(), left(&outcome).len()), (0, 0), "{billed_by_the_month}");
    }
    let frozen = bed.catalog.period("2026-W18-5", "UTC").await.unwrap().unwrap().frozen;
    assert_eq!((frozen.from, frozen.to), (time("2026-05-01T00:00:00Z"), time("2026-05-04T00:00:00Z")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_of_zone_is_billed_from_the_minute_at_which_the_last_zone_ended() {
    let bed = bed().await;
    add(&bed, &plain(&[])).await;
    let later = [("\"UTC\"", "\"Asia/Kolkata\""), ("valid_from = 2026-01-01", "valid_from = 2026-03-01")];
    add(&bed, &plain(&later)).await;
    let whole = draft(&bed).await;
    assert!(left(&whole)[0].contains("draft 2026-03+330m"), "{whole:?}");
    let outcome = draft_of(&bed, "2026-03+330m").await;
    assert_eq!(shown(&outcome), ["acme EUR r1 new 0.60"]);
    let period = &outcome.zones[0].period;
    assert_eq!((period.from, period.to), (time("2026-03-01T00:00:00Z"), time("2026-03-31T18:30:00Z")));
}

/// Somebody with another edition of the time zones froze it between the look at it and the sum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_frozen_is_what_is_summed() {
    let bed = bed().await;
    add(&bed, &plain(&[])).await;
    let by_table = Period::of(march(), "UTC").unwrap();
    let frozen = NewPeriod {
        name: "2026-03".to_owned(),
        zone: "UTC".to_owned(),
        cycle: Cycle::Month,
        from: time("2026-03-01T00:15:00Z"),
        to: by_table.to,
        tzdb: "1999a".to_owned(),
    };
    bed.catalog.put_period(&frozen, "eve", time("2026-04-01T00:00:00Z")).await.unwrap();
    let standing = Standing::read(bed.catalog.as_ref(), march(), None).await.unwrap();
    let (found, told) = bed.drafting().zone(by_table, true, None, &standing).await.unwrap();
    let found = found.unwrap();
    assert_eq!((told.period.from, found.basis.period().start), (frozen.from, frozen.from));
    assert_eq!(clicks(found.usage.of("acme").unwrap()), 1, "one of two clicks is before it");
    assert_eq!(shown(&draft(&bed).await), ["acme EUR r1 new 0.30"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draft_that_would_not_be_made_any_more_is_outdated_and_comes_back_by_itself() {
    let bed = bed().await;
    add(&bed, &plain(&[])).await;
    draft(&bed).await;
    let first = bed.catalog.draft("2026-03.acme.EUR").await.unwrap().unwrap().revision;
    let approve = async || bed.catalog.approve(std::slice::from_ref(&first), "ann", time("2026-04-02T00:00:00Z")).await;
    assert_eq!(approve().await.unwrap(), 1);
    // Billed by the week from the first day on, as its terms say now.
    add(&bed, &plain(&[WEEKLY])).await;
    let outcome = draft(&bed).await;
    assert_eq!(shown(&outcome), Vec::<String>::new());
    let said = ["2026-03.acme.EUR r1: its account is not billed for this period any more, as its terms say now"];
    assert_eq!(outdated(&outcome), said);
    assert!(approve().await.unwrap_err().to_string().contains("which is outdated"));
    assert_eq!(outdated(&draft(&bed).await), Vec::<String>::new(), "it is said once");
    add(&bed, &plain(&[("\"UTC\"", "\"Europe/Berlin\"")])).await;
    assert_eq!(shown(&draft(&bed).await), ["acme EUR r2 revised 0.60"]);
    add(&bed, &plain(&[])).await;
    assert_eq!(shown(&draft(&bed).await), ["acme EUR r3 revised 0.60"], "another zone is another period");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draft_of_nothing_is_outdated_and_not_one_of_zero() {
    let bed = bed().await;
    let idle = plain(&[("\"acme\"", "\"idle\"")]);
    add(&bed, &format!("{idle}\n[[minimums]]\namount = \"100.00\"\n")).await;
    assert_eq!(shown(&draft(&bed).await), ["idle EUR r1 new 119.00"]);
    add(&bed, &idle).await;
    let outcome = draft(&bed).await;
    assert_eq!(
        (shown(&outcome), outdated(&outcome)),
        (vec![], vec!["2026-03.idle.EUR r1: nothing is left to bill".to_owned()])
    );
    let newest = bed.catalog.draft("2026-03.idle.EUR").await.unwrap().unwrap();
    assert_eq!((newest.is_outdated(), newest.word()), (true, "outdated"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn currency_that_changes_inside_a_period_owes_its_minimum_once() {
    let bed = issuing::bed().await;
    issuing::draft(&bed).await;
    let desk = issuing::desk(&bed, bed.archive.clone()).await;
    assert_eq!(desk.issuing.issue(issuing::approved(&bed).await, |_| {}).await.issued.len(), 1);
    // The account changes to dollars for the same month, and the terms owe a minimum in them.
    add(&bed, &issuing::terms().replace("\"EUR\"", "\"USD\"")).await;
    let outcome = draft(&bed).await;
    assert!(shown(&outcome).iter().all(|row| !row.contains("USD")), "{outcome:?}");
    let left = left(&outcome);
    assert!(left.iter().any(|left| left.contains("INV-00000001 has billed the minimum")), "{left:?}");
}
