//! Whatever is logged, late, invalid or of another month, and in a currency of any decimals: all documents together are
//! the bill of an i128 recount of the very clicks that were logged.

use clicktrail_invoices::{Counts, PeriodName, Terms};
use clicktrail_verdicts::verdict::Category;

use super::*;
use crate::{
    issue::tests as issuing,
    testing::{Bed, Click, add, click, hour, plain, seller, time},
};

/// Numbers that look random and are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

fn some(numbers: &mut Numbers, currency: &'static str) -> Click {
    let times = ["2026-03-01T00:00:00Z", "2026-03-31T23:59:59Z", "2026-02-28T23:59:59Z", "2026-04-01T00:00:00Z"];
    let invalid = [None, None, None, Some(Category::Sivt), Some(Category::Givt), Some(Category::Policy)];
    Click {
        campaign: numbers.of(&["spring", "brand", "autumn"]),
        price_micros: i64::try_from(numbers.below(3_000_000)).unwrap(),
        currency: if numbers.below(9) == 0 { "USD" } else { currency },
        invalid: numbers.of(&invalid),
        ..click(numbers.of(&times))
    }
}

/// What clicks come to: counted one by one.
fn recount(clicks: &[Click], currency: &str) -> Usage {
    let mut usage = Usage::default();
    let month = time("2026-03-01T00:00:00Z")..time("2026-04-01T00:00:00Z");
    for click in clicks.iter().filter(|click| click.currency == currency && month.contains(&time(click.at))) {
        let mut counts = Counts { gross: 1, ..Counts::default() };
        match click.invalid {
            None => (counts.billable, counts.spend_micros) = (1, i128::from(click.price_micros)),
            Some(Category::Givt) => counts.givt = 1,
            Some(Category::Sivt) => counts.sivt = 1,
            Some(Category::Duplicate) => counts.duplicate = 1,
            Some(Category::Policy) => counts.policy = 1,
        }
        usage.add(click.campaign, &counts).unwrap();
    }
    usage
}

fn terms(numbers: &mut Numbers, currency: &str) -> String {
    let mut text = plain(&[("\"EUR\"", &format!("\"{currency}\""))]);
    let mut list = |kind: &str, value: &str, campaign: Option<&str>| {
        let campaign = campaign.map_or(String::new(), |campaign| format!("campaign = \"{campaign}\"\n"));
        text.push_str(&format!("\n[[{kind}]]\n{campaign}{value}\n"));
    };
    list("discounts", &format!("rate_basis_points = {}", 1 + numbers.below(9_999)), Some("brand"));
    list("discounts", &format!("rate_basis_points = {}", 1 + numbers.below(3_000)), None);
    list("minimums", &format!("amount = \"{}\"", 1 + numbers.below(4)), Some("spring"));
    list("minimums", &format!("amount = \"{}\"", 4 + numbers.below(9)), None);
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_the_bill_of_an_i128_recount_of_what_was_logged() {
    let march: PeriodName = "2026-03".parse().unwrap();
    for (seed, currency) in (1_u64..).zip(["JPY", "EUR", "KWD", "CLF"]) {
        let numbers = &mut Numbers(0x9E37_79B9_7F4A_7C15 ^ seed);
        let mut bed = Bed::new(hour("2026-03-31T22")).await;
        let mut logged: Vec<Click> = (0..12).map(|_| some(numbers, currency)).collect();
        bed.hour("2026-03-31T22", &logged).await;
        bed.hour("2026-03-31T23", &[]).await;
        seller(&bed).await;
        add(&bed, &terms(numbers, currency)).await;
        let desk = issuing::desk(&bed, bed.archive.clone()).await;
        for step in 0..4 {
            if step == 0 {
                bed.drafting().draft(march, None).await.unwrap();
            } else {
                let late: Vec<Click> = (0..numbers.below(6)).map(|_| some(numbers, currency)).collect();
                bed.hour(["", "2026-04-01T01", "2026-04-01T02", "2026-04-01T03"][step], &late).await;
                logged.extend(late);
                let now = time("2027-01-01T12:00:00Z");
                let correcting = Correcting { checking: bed.checking(), threads: 2, actor: "ann".to_owned(), now };
                correcting.period("2026-03", &Asked::default(), |_| true).await.unwrap();
            }
            let outcome = desk.issuing.issue(issuing::approved(&bed).await, |_| {}).await;
            assert!(outcome.failed.is_none() && outcome.left.is_empty(), "seed {seed}: {outcome:?}");
            for code in [currency, "USD"] {
                let (period, advertiser_id) = ("2026-03".to_owned(), "acme".to_owned());
                let about = AccountPeriod { period, advertiser_id, currency: code.to_owned() };
                let links = chain::of(&bed.archive, bed.catalog.as_ref(), &about).await.unwrap();
                let Some(first) = links.first() else {
                    assert_eq!(code, "USD", "seed {seed}");
                    continue;
                };
                let draft = &first.document.draft;
                let under: &Terms = &draft.terms;
                let truth = bill(&recount(&logged, code), under, draft.bill.currency).unwrap();
                let issued: Vec<Bill> = links.iter().map(|link| link.document.draft.bill.clone()).collect();
                let rest = truth.minus(&issued).unwrap();
                assert!(rest.is_nothing(), "seed {seed}, step {step}, {code}: {rest:?}");
                let exact: i128 = truth.lines.iter().map(|line| line.counts.spend_micros).sum();
                let valid = logged.iter().filter(|click| click.currency == code && click.invalid.is_none());
                let month = time("2026-03-01T00:00:00Z")..time("2026-04-01T00:00:00Z");
                let by_hand: i128 = valid
                    .filter(|click| month.contains(&time(click.at)))
                    .map(|click| i128::from(click.price_micros))
                    .sum();
                assert_eq!(exact, by_hand, "seed {seed}");
            }
        }
    }
}
