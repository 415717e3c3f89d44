//! What was approved is issued only while it is still what would be drafted.

use clicktrail_invoices::PeriodName;

use crate::{
    correct::{Asked, Correcting, Correction},
    drafting::outcome::Became,
    issue::tests::{approved, bed, desk, draft, terms},
    testing::{add, click, time},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approved_draft_waits_once_its_counts_or_terms_changed() {
    let mut bed = bed().await;
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    let before = approved(&bed).await;
    bed.hour("2026-04-01T01", &[click("2026-03-31T10:00:00Z")]).await;
    let outcome = desk.issuing.issue(before, |_| {}).await;
    let [(_, why)] = outcome.left.as_slice() else { panic!("{outcome:?}") };
    assert!(outcome.issued.is_empty() && why.starts_with("an hour of it counts otherwise now"), "{why}");
    draft(&bed).await;
    let before = approved(&bed).await;
    add(&bed, &terms().replace("= 1900", "= 700")).await;
    let outcome = desk.issuing.issue(before, |_| {}).await;
    let [(_, why)] = outcome.left.as_slice() else { panic!("{outcome:?}") };
    assert!(outcome.issued.is_empty() && why.contains("changed since"), "{why}");
    draft(&bed).await;
    assert_eq!(desk.issuing.issue(approved(&bed).await, |_| {}).await.issued.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_are_invoiced_are_not_invoiced_again_by_another_cycle() {
    let bed = bed().await;
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    assert_eq!(desk.issuing.issue(approved(&bed).await, |_| {}).await.issued.len(), 1);
    add(&bed, &terms().replace("cycle = \"month\"", "cycle = \"week\"")).await;
    let week: PeriodName = "2026-W12".parse().unwrap();
    let outcome = bed.drafting().draft(week, None).await.unwrap();
    assert_eq!(outcome.drafted.len(), 1, "a minimum is owed each week: {outcome:?}");
    let outcome = desk.issuing.issue(approved(&bed).await, |_| {}).await;
    let [(_, why)] = outcome.left.as_slice() else { panic!("{outcome:?}") };
    assert!(outcome.issued.is_empty() && why.starts_with("INV-00000001 has 10080 minutes of it"), "{why}");
    let mut sure = desk.issuing.clone();
    sure.allow_overlap = true;
    assert_eq!(sure.issue(approved(&bed).await, |_| {}).await.issued.len(), 1);
}

/// Series of notes come before those of invoices: what stands is decided by the order in which they were issued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn period_is_drafted_again_beside_a_note() {
    let mut bed = bed().await;
    draft(&bed).await;
    let desk = desk(&bed, bed.archive.clone()).await;
    assert_eq!(desk.issuing.issue(approved(&bed).await, |_| {}).await.issued.len(), 1);
    bed.hour("2026-04-01T01", &[click("2026-03-31T10:00:00Z"); 9]).await;
    let now = time("2027-01-01T12:00:00Z");
    let correcting = Correcting { checking: bed.checking(), threads: 2, actor: "ann".to_owned(), now };
    let corrected = correcting.period("2026-03", &Asked::default(), |_| true).await.unwrap();
    assert!(matches!(corrected.accounts.as_slice(), [(_, Correction::Drafted { .. })]), "{corrected:?}");
    assert_eq!(desk.issuing.issue(approved(&bed).await, |_| {}).await.issued.len(), 1);
    let outcome = bed.drafting().draft("2026-03".parse().unwrap(), None).await.unwrap();
    let [drafted] = outcome.drafted.as_slice() else { panic!("{outcome:?}") };
    assert_eq!((drafted.became, drafted.revision.id.as_str()), (Became::Issued, "2026-03.acme.EUR"));
}
