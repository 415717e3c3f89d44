//! `clicktrail invoice draft`

use anyhow::{bail, ensure};
use clicktrail_billing::drafting::{
    Drafting,
    cause::{Change, Moved},
    outcome::{Became, Drafted, How, LeftOut, Outcome, Unbilled, Zone},
};
use clicktrail_catalog::invoicing::DraftRevision;
use clicktrail_invoices::{Counts, PeriodName, Terms, money};
use serde_json::{Value, json};

use super::{diff, patience};
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, amount, count},
};

/// Changes that are told after a table; `invoice diff` shows each.
const CHANGES_SHOWN: usize = 20;
/// Advertisers without an invoice that are named after a table.
const LEFT_OUT_SHOWN: usize = 100;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A month, as in 2026-03, or an ISO week, as in 2026-W10
    period: PeriodName,
    /// Only this account
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
    #[command(flatten)]
    patience: patience::Arguments,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let drafting = Drafting {
        checking: arguments.patience.checking(&instance),
        threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        actor,
        now: instance.clock.now(),
    };
    let advertiser = arguments.advertiser.as_deref();
    if let Some(advertiser) = advertiser {
        check_account(&instance, arguments.period, advertiser).await?;
    }
    let outcome = drafting.draft(arguments.period, advertiser).await?;
    if let Some(advertiser) = advertiser.filter(|_| is_silent(&outcome)) {
        let period = arguments.period;
        output::note(&format!("{advertiser:?} used nothing in {period}, and owes no minimum: there is no draft"));
    }
    match global.output {
        Format::Json => output::json(&as_json(arguments.period, &outcome)),
        Format::Table => print(&outcome),
    }
    tell(arguments.period, &outcome);
    let exit = exit(&outcome);
    if exit == Exit::Partial {
        output::note(
            "exit code 5: the drafts are made; of who is named above nothing is, which may be as it should be",
        );
    }
    Ok(exit)
}

/// Whether it says nothing of anybody.
fn is_silent(outcome: &Outcome) -> bool {
    let lacks = outcome.zones.iter().any(|zone| !zone.lacks.is_empty());
    outcome.drafted.is_empty() && outcome.left_out.is_empty() && !lacks
}

/// Whether the one account that is asked for can have a draft.
///
/// # Errors
/// If it cannot: nobody knows it, or it is billed by other periods or from a later day on.
async fn check_account(instance: &Installation, period: PeriodName, advertiser: &str) -> anyhow::Result<()> {
    let catalog = &instance.catalog;
    let first = catalog.terms_of(advertiser, 0, 1).await?;
    ensure!(
        !first.is_empty(),
        "there is no account {advertiser:?}: `accounts list` shows them, `accounts add` adds one"
    );
    let last_day = period.last_day().to_string();
    let Some(stored) = catalog.terms_at(advertiser, &last_day).await? else {
        let from = first.first().map_or("later", |terms| terms.valid_from.as_str());
        bail!("account {advertiser:?} has no terms for {period}: its first are valid from {from}");
    };
    let cycle = Terms::from_canonical(&stored.text)?.cycle;
    ensure!(
        cycle == period.cycle(),
        "account {advertiser:?} is billed by the {cycle}, and {period} is a {}: name a {cycle}",
        period.cycle()
    );
    Ok(())
}

/// 4: nothing could be drafted; 5: somebody was left out.
fn exit(outcome: &Outcome) -> Exit {
    let is_left = !outcome.left_out.is_empty() || outcome.zones.iter().any(|zone| !zone.lacks.is_empty());
    match (outcome.drafted.is_empty(), is_left) {
        (_, false) => Exit::Ok,
        (true, true) => Exit::InputIncomplete,
        (false, true) => Exit::Partial,
    }
}

fn print(outcome: &Outcome) {
    let mut table = output::Table::new(&["draft", "rev", "became", "clicks", "billable", "total", "cur"]);
    for drafted in &outcome.drafted {
        let counts = counts(drafted);
        table.push(vec![
            drafted.revision.id.clone(),
            drafted.revision.revision.to_string(),
            drafted.became.as_str().to_owned(),
            counts.gross.to_string(),
            counts.billable.to_string(),
            money::show(drafted.currency, drafted.bill.total),
            drafted.currency.code().to_owned(),
        ]);
    }
    table.print();
}

fn counts(drafted: &Drafted) -> Counts {
    let lines = drafted.bill.lines.iter();
    lines.fold(Counts::default(), |sum, line| sum.plus(&line.counts).unwrap_or(sum))
}

/// Everything beside the table, on stderr: who is missing, what to know, what changed and why.
fn tell(period: PeriodName, outcome: &Outcome) {
    outcome.zones.iter().for_each(|zone| tell_zone(period, zone));
    tell_missing(outcome);
    for drafted in &outcome.drafted {
        for notice in &drafted.notices {
            output::note(&format!("{}: {notice}", drafted.revision.id));
        }
    }
    let revised: Vec<_> =
        outcome.drafted.iter().filter_map(|drafted| Some((drafted, drafted.change.as_ref()?))).collect();
    for (drafted, change) in revised.iter().take(CHANGES_SHOWN) {
        let total = |minor: i128| money::show(drafted.currency, minor);
        output::note(&format!(
            "{} was {} {currency} in revision {}, is {} {currency}",
            drafted.revision.id,
            total(change.total_before),
            change.revision,
            total(drafted.bill.total),
            currency = drafted.currency,
        ));
        change.causes.iter().for_each(|moved| output::note(&format!("  {}", cause(moved))));
    }
    if revised.len() > CHANGES_SHOWN {
        output::note(&format!("and {} more: `invoice diff DRAFT` shows each", revised.len() - CHANGES_SHOWN));
    }
    let issued = outcome.drafted.iter().filter(|drafted| drafted.became == Became::Issued).count();
    if issued > 0 {
        output::note(&format!("{} issued: what changed since is for a note", count(issued, "invoice")));
    }
}

fn tell_zone(period: PeriodName, zone: &Zone) {
    for lack in &zone.lacks {
        let accounts = count(zone.accounts, "account");
        output::note(&format!("{period} in {} ({accounts}) cannot be drafted: {lack}", zone.period.zone));
    }
    if let Some(summed) = zone.summed.as_ref().filter(|_| zone.lacks.is_empty()) {
        let how = match summed.how {
            How::Kept => "as it was summed before".to_owned(),
            How::Moved { left, came } => format!("of which {left} left and {came} came since"),
            How::Fresh => "all summed".to_owned(),
        };
        output::note(&format!(
            "{period} in {}: from {} to {}, {} up to {}, {how}",
            zone.period.zone,
            output::minute(zone.period.from),
            output::minute(zone.period.to),
            count(summed.segments, "segment"),
            summed.last_hour,
        ));
        if summed.later > 0 {
            let hours = count(summed.later, "hour");
            output::note(&format!(
                "{hours} behind its lateness window had events of it: if more may come so late, draft it later, with \
                 --lateness"
            ));
        }
        if !summed.stale.is_empty() {
            output::note(&format!("{} stale, and taken as they are", count(summed.stale.len(), "hour")));
        }
    }
}

/// Whoever and whatever has no draft.
fn tell_missing(outcome: &Outcome) {
    for LeftOut { advertiser_id, currency, why } in outcome.left_out.iter().take(LEFT_OUT_SHOWN) {
        let currency = currency.as_ref().map_or(String::new(), |currency| format!(" in {currency}"));
        output::note(&format!("no invoice for {advertiser_id:?}{currency}: {why}"));
    }
    if outcome.left_out.len() > LEFT_OUT_SHOWN {
        let more = outcome.left_out.len() - LEFT_OUT_SHOWN;
        output::note(&format!("and no invoice for {more} more: --output json names them all"));
    }
    for (revision, why) in outcome.outdated.iter().take(LEFT_OUT_SHOWN) {
        output::note(&format!("{revision} is outdated and cannot be approved or issued: {why}"));
    }
    if outcome.outdated.len() > LEFT_OUT_SHOWN {
        let more = outcome.outdated.len() - LEFT_OUT_SHOWN;
        output::note(&format!("and {more} more drafts are outdated: --output json names them all"));
    }
    for unbilled in outcome.unbilled.iter().take(LEFT_OUT_SHOWN) {
        output::note(&unbilled.to_string());
    }
    if outcome.unbilled.len() > LEFT_OUT_SHOWN {
        let more = outcome.unbilled.len() - LEFT_OUT_SHOWN;
        output::note(&format!("and {more} more have such clicks: --output json names them all"));
    }
}

/// What one cause did, in a sentence.
pub(super) fn cause(moved: &Moved) -> String {
    let name = moved.cause.as_str().replace('_', " ");
    let hours = if moved.hours == 0 { String::new() } else { format!(" in {}", count(moved.hours, "hour")) };
    match moved.counts {
        Some(counts) => format!(
            "{name}{hours}: {:+} clicks, {:+} billable, {}{} spend",
            counts.gross,
            counts.billable,
            if counts.spend_micros < 0 { "" } else { "+" },
            amount(counts.spend_micros)
        ),
        None => format!("{name}{hours}"),
    }
}

fn as_json(period: PeriodName, outcome: &Outcome) -> Value {
    let left = |left: &LeftOut| {
        json!({
            "advertiser_id": left.advertiser_id,
            "currency": left.currency,
            "code": left.why.code(),
            "detail": left.why.to_string(),
        })
    };
    json!({
        "period": period.to_string(),
        "zones": outcome.zones.iter().map(zone).collect::<Vec<_>>(),
        "drafts": outcome.drafted.iter().map(drafted).collect::<Vec<_>>(),
        "left_out": outcome.left_out.iter().map(left).collect::<Vec<_>>(),
        "outdated": outcome.outdated.iter().map(outdated).collect::<Vec<_>>(),
        "unbilled": outcome.unbilled.iter().map(unbilled).collect::<Vec<_>>(),
    })
}

fn outdated((revision, why): &(DraftRevision, String)) -> Value {
    json!({"draft": revision.id, "revision": revision.revision, "detail": why})
}

/// Clicks of the period before that are in no bill.
fn unbilled(unbilled: &Unbilled) -> Value {
    let Unbilled { advertiser_id, period, clicks } = unbilled;
    json!({
        "advertiser_id": advertiser_id,
        "period": period.name.to_string(),
        "zone": period.zone,
        "from": period.from.to_string(),
        "to": period.to.to_string(),
        "clicks": clicks,
    })
}

fn zone(zone: &Zone) -> Value {
    let lack = |lack: &clicktrail_billing::ready::Lack| json!({"code": lack.code(), "detail": lack.to_string()});
    json!({
        "zone": zone.period.zone,
        "from": zone.period.from.to_string(),
        "to": zone.period.to.to_string(),
        "tzdb": zone.period.tzdb,
        "accounts": zone.accounts,
        "lacks": zone.lacks.iter().map(lack).collect::<Vec<_>>(),
        "basis": zone.summed.as_ref().map(|summed| summed.basis.to_string()),
        "segments": zone.summed.as_ref().map(|summed| summed.segments),
        "later_hours": zone.summed.as_ref().map(|summed| summed.later),
        "last_hour": zone.summed.as_ref().map(|summed| summed.last_hour.to_string()),
        "summed": zone.summed.as_ref().map(|summed| match summed.how {
            How::Kept => json!({"how": "kept"}),
            How::Moved { left, came } => json!({"how": "moved", "left": left, "came": came}),
            How::Fresh => json!({"how": "fresh"}),
        }),
        "stale_hours": zone.summed.as_ref().map_or_else(Vec::new, |summed| {
            summed.stale.iter().map(|hour| hour.to_string()).collect::<Vec<_>>()
        }),
    })
}

fn drafted(drafted: &Drafted) -> Value {
    let counts = counts(drafted);
    json!({
        "draft": drafted.revision.id,
        "revision": drafted.revision.revision,
        "became": drafted.became.as_str(),
        "advertiser_id": drafted.advertiser_id,
        "currency": drafted.currency.code(),
        "clicks": counts.gross,
        "billable": counts.billable,
        "lines": drafted.bill.lines.len(),
        "subtotal": money::show(drafted.currency, drafted.bill.subtotal),
        "total": money::show(drafted.currency, drafted.bill.total),
        "notices": drafted.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "change": drafted.change.as_ref().map(|change| change_as_json(drafted, change)),
    })
}

fn change_as_json(drafted: &Drafted, change: &Change) -> Value {
    let moved = |moved: &Moved| {
        json!({
            "cause": moved.cause.as_str(),
            "hours": moved.hours,
            "clicks": moved.counts.map(|counts| counts.gross),
            "billable": moved.counts.map(|counts| counts.billable),
            "spend_micros": moved.counts.map(|counts| counts.spend_micros.to_string()),
        })
    };
    json!({
        "revision": change.revision,
        "total": money::show(drafted.currency, change.total_before),
        "causes": change.causes.iter().map(moved).collect::<Vec<_>>(),
        "lines": diff::as_json(&change.difference, drafted.currency),
    })
}
