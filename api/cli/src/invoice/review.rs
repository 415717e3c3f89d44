//! `clicktrail invoice review`

use anyhow::ensure;
use clicktrail_billing::review::{
    Account, Review, Reviewing,
    odd::{Odd, change, percent},
};
use clicktrail_catalog::AuditResult;
use clicktrail_invoices::{PeriodName, money};
use clicktrail_replay::gates::Permille;
use serde_json::{Value, json};

use super::{limits, patience};
use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    output::{self, count},
};

/// Characters of a reason.
pub(super) const REASON_CHARS_MAX: usize = 256;
/// So much of what is odd is told beside a table.
const TOLD_MAX: usize = 50;
/// So much of it is named in the audit trail.
const NAMED_MAX: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A month, as in 2026-03, or an ISO week, as in 2026-W10
    period: PeriodName,
    #[command(flatten)]
    limits: limits::Arguments,
    /// Pass although something is beyond its limit: why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    patience: patience::Arguments,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let length = arguments.reason.as_ref().map_or(1, |reason| reason.chars().count());
    ensure!((1..=REASON_CHARS_MAX).contains(&length), "--reason has {length} characters: use 1 to {REASON_CHARS_MAX}");
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let reviewing = Reviewing {
        checking: arguments.patience.checking(&instance),
        threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        limits: arguments.limits.limits(),
    };
    let review = reviewing.review(arguments.period).await?;
    let gates = review.gates();
    match global.output {
        Format::Json => output::json(&as_json(arguments.period, &review)),
        Format::Table => print(&review),
    }
    if gates.is_empty() {
        return Ok(Exit::Ok);
    }
    let named: Vec<String> = gates.iter().take(NAMED_MAX).map(|(account, odd)| name(*account, odd)).collect();
    let more = gates.len().saturating_sub(named.len());
    let detail = format!(
        "{}: {}{}",
        arguments.period,
        named.join(", "),
        match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        }
    );
    let (result, exit) = match &arguments.reason {
        Some(_) => (AuditResult::Done, Exit::Ok),
        None => (AuditResult::Refused, Exit::GateRefused),
    };
    let reason = arguments.reason.as_deref().unwrap_or("");
    audit::write_ended(&instance, (&actor, "review_invoices", reason), result, detail).await?;
    let counted = count(gates.len(), "gate");
    match &arguments.reason {
        Some(reason) => output::note(&format!("{counted} passed: {reason}")),
        None => output::note(&format!("{counted} stopped it: look at each, and pass with --reason if it is right")),
    }
    Ok(exit)
}

fn name(account: Option<&Account>, odd: &Odd) -> String {
    account.map_or_else(|| odd.code().to_owned(), |account| format!("{} {}", odd.code(), account.revision.id))
}

fn print(review: &Review) {
    let wide = [
        "draft",
        "clicks",
        "clicks_change",
        "invalid",
        "invalid_last",
        "price",
        "price_change",
        "total",
        "total_change",
        "odd",
    ];
    let narrow = ["draft", "clicks", "±", "invalid", "price", "±", "total", "±"];
    let mut table = output::Table::new(if output::is_csv() { &wide } else { &narrow });
    for account in &review.accounts {
        table.push(row(account));
    }
    table.print();
    let odd = review.odd.iter().map(|odd| (None, odd));
    let of_accounts =
        review.accounts.iter().flat_map(|account| account.odd.iter().map(move |odd| (Some(account), odd)));
    let (gates, notes): (Vec<_>, Vec<_>) = odd.chain(of_accounts).partition(|(_, odd)| odd.is_gate());
    for (mark, found) in [("gate: ", gates), ("", notes)] {
        for (account, odd) in found.iter().take(TOLD_MAX) {
            let of = account.map_or(String::new(), |account| format!("{}: ", account.revision.id));
            output::note(&format!("{mark}{of}{odd}"));
        }
        if found.len() > TOLD_MAX {
            output::note(&format!("{mark}and {} more: --output json has them all", found.len() - TOLD_MAX));
        }
    }
}

fn row(account: &Account) -> Vec<String> {
    let (now, before) = (&account.now, account.before.as_ref());
    let against = |before: Option<i128>, now: i128| {
        before.and_then(|before| change(before, now)).map_or_else(|| "-".to_owned(), percent)
    };
    let price = |micros: Option<i128>| micros.map_or_else(|| "-".to_owned(), money::show_micros);
    let mut row = vec![
        account.revision.id.clone(),
        now.clicks.to_string(),
        against(before.map(|before| before.clicks.into()), now.clicks.into()),
        Permille(now.invalid_permille()).to_string(),
    ];
    if output::is_csv() {
        row.push(before.map_or_else(|| "-".to_owned(), |before| Permille(before.invalid_permille()).to_string()));
    }
    row.extend([
        price(now.price_micros()),
        match now.price_micros() {
            Some(now) => against(before.and_then(|before| before.price_micros()), now),
            None => "-".to_owned(),
        },
        money::show(account.currency, now.total_minor),
        against(before.map(|before| before.total_minor), now.total_minor),
    ]);
    if output::is_csv() {
        row.push(account.odd.iter().map(Odd::code).collect::<Vec<_>>().join(" "));
    }
    row
}

fn as_json(period: PeriodName, review: &Review) -> Value {
    let odd = |odd: &Odd| json!({"code": odd.code(), "is_gate": odd.is_gate(), "detail": odd.to_string()});
    let account = |account: &Account| {
        let figures = |figures: &clicktrail_billing::review::figures::Figures| {
            json!({
                "clicks": figures.clicks,
                "billable": figures.billable,
                "invalid_permille": figures.invalid_permille(),
                "price": figures.price_micros().map(money::show_micros),
                "total": money::show(account.currency, figures.total_minor),
            })
        };
        json!({
            "draft": account.revision.id,
            "revision": account.revision.revision,
            "state": account.state.as_str(),
            "advertiser_id": account.advertiser_id,
            "currency": account.currency.code(),
            "now": figures(&account.now),
            "last": account.before.as_ref().map(figures),
            "odd": account.odd.iter().map(odd).collect::<Vec<_>>(),
        })
    };
    json!({
        "period": period.to_string(),
        "accounts": review.accounts.iter().map(account).collect::<Vec<_>>(),
        "odd": review.odd.iter().map(odd).collect::<Vec<_>>(),
        "gates": review.gates().len(),
    })
}
