use clicktrail_catalog::{
    Ad,
    invoicing::{AccountPeriod, NewDispute},
};
use clicktrail_verdicts::verdict::Category;

use super::*;
use crate::testing::{Bed, Click, add, click, hour, plain, seller, time};

/// An account that is billed by the week.
const WEEKLY: (&str, &str) = ("cycle = \"month\"", "cycle = \"week\"");

fn reviewing(bed: &Bed) -> Reviewing {
    Reviewing { checking: bed.checking(), threads: 2, limits: Limits::default() }
}

/// What is odd, as in `acme: first` and `no_invoice`.
fn shown(review: &Review) -> Vec<String> {
    let of_accounts = review.accounts.iter().flat_map(|account| {
        account.odd.iter().map(move |odd| format!("{} {}: {}", account.advertiser_id, account.currency, odd.code()))
    });
    of_accounts.chain(review.odd.iter().map(|odd| odd.code().to_owned())).collect()
}

/// A week with two clicks, and one with four, of which one is invalid; hours up to the end of that.
async fn bed() -> Bed {
    let mut bed = Bed::new(hour("2026-03-01T22")).await;
    bed.hour("2026-03-01T22", &[click("2026-03-01T00:10:00Z"), click("2026-03-01T00:20:00Z")]).await;
    let second = |invalid| Click { invalid, ..click("2026-03-02T00:10:00Z") };
    bed.hour("2026-03-02T00", &[second(None), second(None), second(None), second(Some(Category::Sivt))]).await;
    bed.hour("2026-03-08T23", &[]).await;
    seller(&bed).await;
    add(&bed, &plain(&[WEEKLY])).await;
    for period in ["2026-W09", "2026-W10"] {
        bed.drafting().draft(period.parse().unwrap(), None).await.unwrap();
    }
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_period_is_compared_with_the_last_one() {
    let bed = bed().await;
    let review = reviewing(&bed).review("2026-W09".parse().unwrap()).await.unwrap();
    assert_eq!((shown(&review), review.gates().len()), (vec!["acme EUR: first".to_owned()], 0));
    let review = reviewing(&bed).review("2026-W10".parse().unwrap()).await.unwrap();
    let account = &review.accounts[0];
    let before = account.before.unwrap();
    assert_eq!((before.clicks, account.now.clicks, account.now.billable), (2, 4, 3));
    assert_eq!((before.total_minor, account.now.total_minor), (60, 89));
    assert_eq!(account.now.invalid_permille(), 250);
    assert_eq!((shown(&review), review.gates().len()), (vec![], 0), "48 % more is within the limit of 50 %");
    let strict = Limits { change: Some(clicktrail_replay::gates::Permille(400)), ..Limits::default() };
    let review = Reviewing { limits: strict, ..reviewing(&bed) }.review("2026-W10".parse().unwrap()).await.unwrap();
    assert_eq!((shown(&review), review.gates().len()), (vec!["acme EUR: change".to_owned()], 1));
    let refused = reviewing(&bed).review("2026-W08".parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("run `clicktrail invoice draft 2026-W08`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_disputes_late_hours_and_clicks_without_an_invoice_are_said() {
    let mut bed = bed().await;
    let ad = |price_micros| Ad {
        ad_id: "shoes".to_owned(),
        advertiser_id: "acme".to_owned(),
        campaign_id: "spring".to_owned(),
        target_url: "https://example.com/".to_owned(),
        price_micros,
        currency: "EUR".to_owned(),
    };
    let week = "2026-W10".parse().unwrap();
    bed.catalog.put_ads(&[ad(250_000)], "ann", time("2026-03-01T00:00:00Z")).await.unwrap();
    assert_eq!(
        shown(&reviewing(&bed).review(week).await.unwrap()),
        Vec::<String>::new(),
        "a new ad has no price before"
    );
    bed.catalog.put_ads(&[ad(300_000)], "ann", time("2026-03-05T00:00:00Z")).await.unwrap();
    let about =
        AccountPeriod { period: "2026-W10".to_owned(), advertiser_id: "acme".to_owned(), currency: "EUR".to_owned() };
    let dispute = NewDispute { about, document: None, reason: "too many clicks".to_owned() };
    bed.catalog.open_dispute(&dispute, "ann", time("2026-04-02T00:00:00Z")).await.unwrap();
    let review = reviewing(&bed).review(week).await.unwrap();
    assert_eq!(shown(&review), ["acme EUR: price_changed", "acme EUR: dispute_open"]);
    assert_eq!(review.gates().len(), 1, "that a price changed is told, and no gate");

    let stranger = Click { advertiser: "nobody", ..click("2026-03-07T00:00:00Z") };
    bed.hour("2026-03-09T03", &[stranger, click("2026-03-08T10:00:00Z")]).await;
    let review = reviewing(&bed).review(week).await.unwrap();
    assert_eq!(review.odd, [Odd::Outdated { zone: "UTC".to_owned(), hours: 1 }]);
    bed.drafting().draft(week, None).await.unwrap();
    let review = reviewing(&bed).review(week).await.unwrap();
    let nobody = |currency: &str| Odd::NoInvoice {
        advertiser_id: "nobody".to_owned(),
        currency: currency.to_owned(),
        zone: "UTC".to_owned(),
        clicks: 1,
    };
    assert_eq!(review.odd, [nobody("EUR")]);

    // Who is billed by the month has no invoice of the week.
    add(&bed, &plain(&[("\"acme\"", "\"nobody\"")])).await;
    assert_eq!(reviewing(&bed).review(week).await.unwrap().odd, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_in_a_second_currency_without_a_draft_is_no_invoice() {
    let mut bed = Bed::new(hour("2026-03-01T22")).await;
    let dollars = Click { currency: "USD", ..click("2026-03-02T00:20:00Z") };
    bed.hour("2026-03-02T00", &[click("2026-03-02T00:10:00Z"), dollars]).await;
    bed.hour("2026-03-08T23", &[]).await;
    seller(&bed).await;
    // Under a cap in euros nothing can be billed in dollars.
    add(&bed, &format!("{}\n[[caps]]\namount = \"10.00\"\n", plain(&[WEEKLY]))).await;
    let week = "2026-W10".parse().unwrap();
    let outcome = bed.drafting().draft(week, None).await.unwrap();
    assert_eq!((outcome.drafted.len(), outcome.left_out.len()), (1, 1));
    let review = reviewing(&bed).review(week).await.unwrap();
    let (advertiser_id, currency, zone) = ("acme".to_owned(), "USD".to_owned(), "UTC".to_owned());
    assert_eq!(review.odd, [Odd::NoInvoice { advertiser_id, currency, zone, clicks: 1 }]);
    assert!(review.gates_of(&review.accounts[0].revision).is_empty(), "it is not about the draft in euros");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_without_a_bill_are_a_gate_until_they_are_drafted() {
    let bed = bed().await;
    let review = reviewing(&bed).review("2026-W10".parse().unwrap()).await.unwrap();
    assert_eq!(review.gates().len(), 0);
    let last = bed.catalog.draft("2026-W09.acme.EUR").await.unwrap().unwrap().revision;
    // As if nobody had drafted the week before.
    bed.catalog.outdate(std::slice::from_ref(&last), "a test", "ann", time("2026-03-09T00:00:00Z")).await.unwrap();
    let review = reviewing(&bed).review("2026-W10".parse().unwrap()).await.unwrap();
    let revision = &review.accounts[0].revision;
    let gates: Vec<&str> = review.gates_of(revision).iter().map(|odd| odd.code()).collect();
    assert_eq!(gates, ["unbilled"]);
    let said = review.gates_of(revision)[0].to_string();
    assert!(said.starts_with("\"acme\" had 2 clicks in the period before, 2026-W09 of UTC from"), "{said}");
    bed.drafting().draft("2026-W09".parse().unwrap(), None).await.unwrap();
    let review = reviewing(&bed).review("2026-W10".parse().unwrap()).await.unwrap();
    assert!(!shown(&review).iter().any(|odd| odd.contains("unbilled")), "{:?}", shown(&review));
}
