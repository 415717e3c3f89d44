//! Documents on their way into the archive, without the month that they bill: made in all their forms, then put there.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clicktrail_billing::{
    making::{Made, Paper},
    paper::Typeset,
};
use clicktrail_invoices::{
    Counts, Currency, Document, Draft, Kind, Language, Period, PeriodName, Pins, Rounding, Seller, Terms, Usage, bill,
};
use clicktrail_log::{archive::Archive, frame::Digest};
use clicktrail_rendering::{Fonts, Template};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    bill::{ACCOUNT, SELLER},
    memory,
    sizes::Sizes,
    table::{Table, float, gib, millis},
    took::{Round, Took},
};

/// As many as a server of two cores makes at a time.
const AT_ONCE: usize = 4;
/// Lines of most documents, and of every hundredth.
const LINES: i64 = 5;
const LONG_LINES: i64 = 150;
const LANGUAGES: [Language; 4] = [Language::English, Language::German, Language::French, Language::Spanish];
/// One has no decimals, one has so many that there is no XML.
const CURRENCIES: [&str; 8] = ["EUR", "EUR", "EUR", "USD", "EUR", "JPY", "EUR", "KWD"];
const NAMES: [&str; 12] = [
    "Brightside Outdoor Ltd.",
    "Šarūnas & Söhne GmbH",
    "Ελληνικά Кириллица Tiếng Việt",
    "שלום עולם 12 abc",
    "حملة الربيع ٢٠٢٦",
    "春节促销 活动",
    "スプリングセール",
    "봄 세일",
    "वसंत बिक्री",
    "ฤดูใบไม้ผลิ",
    "🚀 👍🏽 № ™ €",
    "க\u{301} b\u{e000} xyzevil",
];

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let count = sizes.paper_documents;
    let name = format!("papers, {count} documents of {LINES} lines");
    let paper: Arc<dyn Paper> = Arc::new(Typeset::new(Template::builtin(), Fonts::builtin()));
    // What all have in common is made before.
    for number in 0..100 {
        Made::of(document(number)?, paper.as_ref(), None)?;
    }
    memory::forget_peak()?;
    let round = Round::begin()?;
    let digest = Digest::of(made(&paper, 0..count / 3).await?.as_bytes());
    let early = memory::peak_bytes()?;
    let rest = made(&paper, count / 3..count).await?;
    say(table, &format!("{name}: made in all forms"), round.end()?, count);
    table.say(format!("{name}: … resident memory after a third, after all"), {
        format!("{}, {}", gib(float(early)), gib(float(memory::peak_bytes()?)))
    });
    table.say(format!("{name}: … digest of all files"), Digest::of(format!("{digest}{rest}").as_bytes()).to_string());

    let home = tempfile::tempdir().context("make a directory for documents")?;
    let archive = Archive::directory(home.path().join("archive"))?;
    let round = Round::begin()?;
    let put = stream::iter(0..count).map(|number| put(&archive, &paper, number)).buffer_unordered(AT_ONCE);
    put.try_collect::<()>().await?;
    say(table, &format!("{name}: made and put into the archive"), round.end()?, count);
    Ok(())
}

fn say(table: &mut Table, what: &str, took: Took, count: u64) {
    let each = float(count);
    let (time, cpu) = (took.time.as_secs_f64(), took.cpu.as_secs_f64());
    table.say(what, format!("{:.1}/s, {} of CPU each", each / time, millis(cpu / each)));
}

/// The digests of the forms of some documents, in their order.
async fn made(paper: &Arc<dyn Paper>, numbers: std::ops::Range<u64>) -> anyhow::Result<String> {
    let made = stream::iter(numbers).map(|number| make(paper, number)).buffered(AT_ONCE);
    made.try_fold(String::new(), async |all, Made { forms, .. }| {
        Ok(forms.iter().fold(all, |all, (form, bytes)| format!("{all}{}{}\n", form.as_str(), Digest::of(bytes))))
    })
    .await
    .map(|all| Digest::of(all.as_bytes()).to_string())
}

async fn make(paper: &Arc<dyn Paper>, number: u64) -> anyhow::Result<Made> {
    let paper = Arc::clone(paper);
    tokio::task::spawn_blocking(move || Ok(Made::of(document(number)?, paper.as_ref(), None)?)).await?
}

async fn put(archive: &Archive, paper: &Arc<dyn Paper>, number: u64) -> anyhow::Result<()> {
    let Made { document, forms, .. } = make(paper, number).await?;
    let files = archive.put_document(&document.series, document.number, forms).await?;
    ensure!(!files.is_empty(), "a document without files");
    Ok(())
}

/// A made-up document: every language, many scripts, some currencies, every seventh a credit note.
fn document(number: u64) -> anyhow::Result<Document> {
    let at = usize::try_from(number)?;
    let signed = i64::try_from(number)?;
    let lines = if number % 100 == 99 { LONG_LINES } else { LINES };
    let mut terms = Terms::from_toml(ACCOUNT, "acme.toml")?;
    terms.advertiser_id = format!("advertiser-{number:05}");
    terms.customer.name = format!("{} {number}", NAMES[at % NAMES.len()]);
    terms.language = LANGUAGES[at / 3 % LANGUAGES.len()];
    terms.currency = Currency::parse(CURRENCIES[at % CURRENCIES.len()])?;
    terms.minimums.clear();
    terms.caps.clear();
    let usage = |scale: i64| {
        let campaign = |line: i64| {
            let name = NAMES[(at + usize::try_from(line)?) % NAMES.len()];
            Ok((format!("{name} {number}-{line}"), counts(signed.wrapping_mul(31) + line, scale)))
        };
        Ok::<_, anyhow::Error>(Usage { campaigns: (0..lines).map(campaign).collect::<anyhow::Result<_>>()? })
    };
    let whole = bill(&usage(2)?, &terms, terms.currency)?;
    let invoice = issued(&terms, Kind::Invoice, whole, number, None)?;
    if number % 7 != 6 {
        return Ok(invoice);
    }
    let change = bill(&usage(1)?, &terms, terms.currency)?.minus(std::slice::from_ref(&invoice.draft.bill))?;
    let original = clicktrail_invoices::Original {
        series: invoice.series.clone(),
        number: invoice.number,
        period: invoice.draft.pins.period.name,
        issued_on: invoice.issued_on,
        reason: clicktrail_invoices::Reason::Sivt,
    };
    issued(&terms, Kind::of_note(&change), change, number, Some(original))
}

fn issued(
    terms: &Terms,
    kind: Kind,
    bill: clicktrail_invoices::Bill,
    number: u64,
    original: Option<clicktrail_invoices::Original>,
) -> anyhow::Result<Document> {
    let name: PeriodName = "2026-03".parse()?;
    let seller = Seller::from_toml(SELLER, "seller.toml")?;
    let draft = Draft {
        kind,
        advertiser_id: terms.advertiser_id.clone(),
        seller: seller.party.clone(),
        terms: terms.clone(),
        pins: Pins {
            period: Period::of(name, &terms.zone)?,
            basis: Digest::ZERO,
            terms_version: 1,
            terms: terms.digest(),
            seller: seller.digest(),
            rounding: Rounding::HalfAwayFromZeroPerLine,
            template: None,
            renderer: None,
        },
        bill,
        original,
        hours: Vec::new(),
    };
    Ok(draft.issued(u32::try_from(number)?.saturating_add(1), seller.valid_from)?)
}

/// Counts that add up, and differ from campaign to campaign.
fn counts(number: i64, scale: i64) -> Counts {
    let spread = |factor: i64, below: i64| (number * factor + 17).rem_euclid(below) * scale;
    let [givt, sivt, duplicate, policy] = [spread(31, 211), spread(37, 307), spread(41, 53), spread(43, 7)];
    let billable = spread(7919, 100_003);
    let spend_micros = i128::from(billable) * (120_000 + i128::from(number % 50) * 1_001) + 3;
    Counts { gross: givt + sivt + duplicate + policy + billable, givt, sivt, duplicate, policy, billable, spend_micros }
}
