use clicktrail_catalog::invoicing::DraftState;
use clicktrail_invoices::money;
use clicktrail_log::time::Hour;
use clicktrail_verdicts::verdict::Category;

use super::{
    cause::Cause,
    outcome::{Drafted, How},
    *,
};
use crate::testing::{Bed, Click, add, click, hour, plain, seller, time};

mod changes;

const GLOBEX: &str = include_str!("../../../../examples/accounts/globex.toml");

/// An account that is billed by the week.
const WEEKLY: (&str, &str) = ("cycle = \"month\"", "cycle = \"week\"");

fn march() -> PeriodName {
    "2026-03".parse().unwrap()
}

async fn draft(bed: &Bed) -> Outcome {
    bed.drafting().draft(march(), None).await.unwrap()
}

/// As in `acme EUR r1 new 0.60`.
fn shown(outcome: &Outcome) -> Vec<String> {
    let row = |drafted: &Drafted| {
        let Drafted { advertiser_id, currency, revision, became, bill, .. } = drafted;
        let total = money::show(*currency, bill.total);
        format!("{advertiser_id} {currency} r{} {} {total}", revision.revision, became.as_str())
    };
    outcome.drafted.iter().map(row).collect()
}

fn left(outcome: &Outcome) -> Vec<String> {
    outcome.left_out.iter().map(|left| format!("{} {}", left.advertiser_id, left.why)).collect()
}

/// Two clicks of March, and hours up to its end. The log begins on its last day: quiet hours take their time.
async fn bed() -> Bed {
    let mut bed = Bed::new(hour("2026-03-31T20")).await;
    bed.hour("2026-03-31T20", &[click("2026-03-01T00:10:00Z"), click("2026-03-01T00:20:00Z")]).await;
    bed.hour("2026-03-31T23", &[]).await;
    seller(&bed).await;
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafting_again_changes_nothing_until_what_is_billed_changes() {
    let mut bed = bed().await;
    add(&bed, &plain(&[])).await;
    assert_eq!(shown(&draft(&bed).await), ["acme EUR r1 new 0.60"]);
    let again = draft(&bed).await;
    assert_eq!(shown(&again), ["acme EUR r1 same 0.60"]);
    assert_eq!(again.zones[0].summed.as_ref().unwrap().how, How::Kept);

    // A click that came late counts in its period; one of April does not.
    bed.hour("2026-04-02T05", &[click("2026-03-31T23:59:59Z"), click("2026-04-02T05:00:00Z")]).await;
    let late = draft(&bed).await;
    assert_eq!(shown(&late), ["acme EUR r2 revised 0.89"]);
    assert_eq!(again.zones[0].summed.as_ref().unwrap().later, 0);
    assert_eq!(late.zones[0].summed.as_ref().unwrap().later, 1, "it came later than nothing can come late");
    let change = late.drafted[0].change.as_ref().unwrap();
    assert_eq!((change.revision, change.total_before), (1, 60));
    let causes: Vec<_> =
        change.causes.iter().map(|moved| (moved.cause, moved.hours, moved.counts.unwrap().gross)).collect();
    assert_eq!(causes, [(Cause::LateEvents, 1, 1)]);
    assert_eq!(change.difference.total, (60, 89));

    add(&bed, &plain(&[("rate_basis_points = 1900", "rate_basis_points = 700")])).await;
    let taxed = draft(&bed).await;
    assert_eq!(shown(&taxed), ["acme EUR r3 revised 0.80"]);
    let causes: Vec<_> = taxed.drafted[0].change.as_ref().unwrap().causes.iter().map(|moved| moved.cause).collect();
    assert_eq!(causes, [Cause::Terms]);
    let newest = bed.catalog.draft("2026-03.acme.EUR").await.unwrap().unwrap();
    assert_eq!((newest.revision.revision, newest.state), (3, DraftState::Draft));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_be_billed_is_named() {
    let mut bed = bed().await;
    let of = |advertiser| Click { advertiser, ..click("2026-03-02T00:00:00Z") };
    let clicks = [of("nobody"), of("nobody"), of("globex"), of("soon")];
    let mut other = Bed::new(hour("2026-03-31T20")).await;
    std::mem::swap(&mut bed, &mut other);
    bed.hour("2026-03-31T20", &clicks).await;
    bed.hour("2026-03-31T23", &[]).await;
    let nothing = draft(&bed).await;
    assert_eq!(shown(&nothing), Vec::<String>::new());
    assert_eq!(left(&nothing).len(), 3, "nobody has an account: {:?}", left(&nothing));
    add(&bed, &GLOBEX.replace("Europe/Madrid", "UTC").replace("tax_id = \"ESB12345678\"", "")).await;
    let refused = bed.drafting().draft(march(), None).await.unwrap_err();
    assert!(refused.to_string().contains("accounts seller FILE"), "{refused}");
    seller(&bed).await;
    add(&bed, &plain(&[("\"acme\"", "\"soon\""), ("valid_from = 2026-01-01", "valid_from = 2026-04-01")])).await;
    let outcome = draft(&bed).await;
    assert_eq!(shown(&outcome), Vec::<String>::new());
    let expected = [
        "globex its terms lack customer.tax_id (tax category AE needs it)",
        "nobody 2 clicks and no account: add it with `accounts add`",
        "soon no terms were valid in the period: add some with `accounts add`",
    ];
    assert_eq!(left(&outcome), expected);
    add(&bed, &plain(&[("\"acme\"", "\"soon\""), ("valid_from = 2026-01-01", "valid_from = 2026-03-15")])).await;
    let outcome = draft(&bed).await;
    assert_eq!(shown(&outcome), ["soon EUR r1 new 0.30"]);
    assert!(outcome.drafted[0].notices[0].to_string().contains("begin on 2026-03-15"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_currency_is_an_invoice_of_its_own() {
    let mut bed = Bed::new(hour("2026-03-31T20")).await;
    let in_currency = |currency, price_micros| Click { currency, price_micros, ..click("2026-03-01T00:10:00Z") };
    let clicks = [in_currency("EUR", 250_000), in_currency("JPY", 30_600_000), in_currency("KWD", 1_234_500)];
    bed.hour("2026-03-31T20", &clicks).await;
    bed.hour("2026-03-31T23", &[]).await;
    seller(&bed).await;
    let without_tax = "category = \"Z\"\n# ";
    add(&bed, &plain(&[("category = \"S\"", without_tax), ("rate_basis_points = 1900", "")])).await;
    let outcome = draft(&bed).await;
    assert_eq!(shown(&outcome), ["acme EUR r1 new 0.25", "acme JPY r1 new 31", "acme KWD r1 new 1.235"]);
    let notices: Vec<usize> = outcome.drafted.iter().map(|drafted| drafted.notices.len()).collect();
    assert_eq!(notices, [0, 1, 1], "a currency that is not that of the terms is said");

    // A minimum is owed once, in the currency of the terms.
    let later = plain(&[("2026-01-01", "2026-02-01")]);
    add(&bed, &format!("{later}\n[[minimums]]\namount = \"10.00\"\n")).await;
    let outcome = draft(&bed).await;
    let expected = ["acme EUR r2 revised 11.90", "acme JPY r2 revised 37", "acme KWD r2 revised 1.470"];
    assert_eq!((shown(&outcome), left(&outcome)), (expected.map(str::to_owned).to_vec(), vec![]));

    // A cap promises that no more is billed, so what cannot be held against it is not billed.
    add(&bed, &format!("{later}\n[[caps]]\namount = \"10.00\"\n")).await;
    let outcome = draft(&bed).await;
    assert_eq!(shown(&outcome), ["acme EUR r3 revised 0.30"]);
    assert_eq!((left(&outcome).len(), outcome.outdated.len()), (2, 2), "{:?}", left(&outcome));
    assert!(left(&outcome)[0].contains("usage in JPY under terms"), "{:?}", left(&outcome));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minimum_is_billed_without_a_click_and_nothing_is_not() {
    let bed = bed().await;
    add(&bed, &plain(&[("\"acme\"", "\"idle\"")])).await;
    let minimum = format!("{}\n[[minimums]]\namount = \"100.00\"\n", plain(&[("\"acme\"", "\"minimum\"")]));
    add(&bed, &minimum).await;
    assert_eq!(shown(&draft(&bed).await), ["minimum EUR r1 new 119.00"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_have_periods_of_their_own_and_cut_the_same_hour_at_their_minutes() {
    let mut bed = Bed::new(hour("2026-03-01T18")).await;
    let of = |advertiser, at| Click { advertiser, ..click(at) };
    let at_half = |advertiser| [of(advertiser, "2026-03-01T18:29:59Z"), of(advertiser, "2026-03-01T18:30:00Z")];
    let at_quarter = |advertiser| [of(advertiser, "2026-03-01T18:14:59Z"), of(advertiser, "2026-03-01T18:15:00Z")];
    bed.hour("2026-03-01T18", &[at_half("kolkata"), at_quarter("kathmandu")].concat()).await;
    bed.hour("2026-03-08T23", &[]).await;
    seller(&bed).await;
    add(&bed, &plain(&[("\"acme\"", "\"kolkata\""), WEEKLY, ("\"UTC\"", "\"Asia/Kolkata\"")])).await;
    add(&bed, &plain(&[("\"acme\"", "\"kathmandu\""), WEEKLY, ("\"UTC\"", "\"Asia/Kathmandu\"")])).await;
    let outcome = bed.drafting().draft("2026-W10".parse().unwrap(), None).await.unwrap();
    assert_eq!(shown(&outcome), ["kathmandu EUR r1 new 0.30", "kolkata EUR r1 new 0.30"]);
    let from: Vec<String> = outcome.zones.iter().map(|zone| zone.period.from.to_string()).collect();
    assert_eq!(from, ["2026-03-01T18:15:00.000000Z", "2026-03-01T18:30:00.000000Z"]);
    let frozen = bed.catalog.period("2026-W10", "Asia/Kolkata").await.unwrap().unwrap();
    assert_eq!(frozen.frozen.from, time("2026-03-01T18:30:00Z"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn period_that_is_not_complete_is_not_drafted_and_says_what_is_missing() {
    let mut bed = Bed::new(hour("2026-03-30T23")).await;
    bed.hour("2026-03-30T23", &[click("2026-03-01T00:10:00Z")]).await;
    seller(&bed).await;
    add(&bed, &plain(&[])).await;
    let outcome = draft(&bed).await;
    assert_eq!((shown(&outcome).len(), left(&outcome).len(), outcome.zones[0].accounts), (0, 0, 1));
    let lack = outcome.zones[0].lacks[0].to_string();
    assert!(lack.contains("24 hours from 2026-03-31T00 to 2026-03-31T23 are not sealed"), "{lack}");
    assert_eq!(bed.catalog.period("2026-03", "UTC").await.unwrap(), None, "nothing is frozen before its time");

    bed.rule_later(Category::Givt).await;
    bed.hour("2026-03-31T23", &[]).await;
    let outcome = draft(&bed).await;
    let lack = outcome.zones[0].lacks[0].to_string();
    assert!(lack.contains("2026-03-30T23 has verdicts"), "{lack}");
    let mut allowing = bed.drafting();
    allowing.checking.patience.allow_stale = true;
    let outcome = allowing.draft(march(), None).await.unwrap();
    assert_eq!(shown(&outcome), ["acme EUR r1 new 0.30"]);
    let stale: Vec<Hour> = outcome.zones[0].summed.as_ref().unwrap().stale.clone();
    assert_eq!(stale, [hour("2026-03-30T23")]);
    let future = bed.drafting().draft("2027-01".parse().unwrap(), None).await.unwrap();
    assert!(future.zones[0].lacks[0].to_string().contains("still to come"), "{future:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draft_that_was_thrown_away_comes_back_only_when_asked_for() {
    let bed = bed().await;
    add(&bed, &plain(&[])).await;
    draft(&bed).await;
    let newest = bed.catalog.draft("2026-03.acme.EUR").await.unwrap().unwrap();
    bed.catalog.void(&newest.revision, "a test", "ann", time("2026-04-02T00:00:00Z")).await.unwrap();
    assert_eq!(shown(&draft(&bed).await), ["acme EUR r1 void 0.60"]);
    let asked = bed.drafting().draft(march(), Some("acme")).await.unwrap();
    assert_eq!(shown(&asked), ["acme EUR r2 revised 0.60"]);
    assert_eq!(shown(&draft(&bed).await), ["acme EUR r2 same 0.60"]);
}
