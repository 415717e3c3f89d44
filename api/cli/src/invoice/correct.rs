//! `clicktrail invoice correct`

use anyhow::{Context as _, bail, ensure};
use clicktrail_billing::{
    chain,
    correct::{Asked, Corrected, Correcting, Correction},
};
use clicktrail_catalog::{generations::GenerationState, invoicing::AccountPeriod};
use clicktrail_invoices::{PeriodName, document::Reason, money};
use serde_json::{Value, json};

use super::{finishing, patience, show};
use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, count},
    replay::generation,
};

const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A period, as 2026-03: all its invoices; or one of them, as INV-00000012
    #[arg(value_name = "PERIOD|NUMBER")]
    which: String,
    /// Only this account
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
    /// Count hours as this build made them, also before it is promoted [default: as they count now]
    #[arg(long, value_name = "ID")]
    generation: Option<String>,
    /// Why, on the note: sivt, givt, duplicate, policy, projection_fix, late_events, correction, goodwill [default:
    /// what moved most]
    #[arg(long, value_name = "REASON", value_parser = reason, conflicts_with = "cancel")]
    reason: Option<Reason>,
    /// Take all of it back: a note of everything that was issued. The account can be drafted again then
    #[arg(long, conflicts_with = "generation")]
    cancel: bool,
    /// Refuse periods that ended longer ago than so many days [default: none]
    #[arg(long, value_name = "DAYS", env = "CLICKTRAIL_CLAIM_WINDOW_DAYS")]
    claim_window: Option<u32>,
    #[command(flatten)]
    patience: patience::Arguments,
    #[command(flatten)]
    who: Who,
}

fn reason(text: &str) -> Result<Reason, String> {
    let found: Result<Reason, _> = text.parse();
    match found {
        Ok(Reason::Cancelled) => Err("use --cancel".to_owned()),
        Ok(reason) => Ok(reason),
        Err(_) => {
            Err("use sivt, givt, duplicate, policy, projection_fix, late_events, correction or goodwill".to_owned())
        }
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor.clone())?;
    let instance = global.open_existing().await?;
    let is_whole = finishing::finish(&instance).await?;
    let (period, about) = meant(&instance, &arguments).await?;
    ensure!(about.is_some() || !arguments.cancel, "--cancel takes one invoice: name it, as INV-00000012");
    let built = match &arguments.generation {
        Some(id) => Some(generation::named(&instance, id).await?),
        None => None,
    };
    if let Some(generation) = &built {
        match generation.state {
            GenerationState::Built | GenerationState::Promoted => {}
            state @ (GenerationState::Building | GenerationState::Failed | GenerationState::Aborted) => {
                bail!("generation {} is {}, and not built", generation.id, state.as_str())
            }
        }
    }
    let correcting = correcting(&instance, arguments.patience, actor);
    let asked = Asked {
        generation: built,
        reason: arguments.reason,
        cancel: arguments.cancel,
        named: about.as_ref().and_then(|_| chain::number(&arguments.which)),
        claim_micros: arguments.claim_window.map(|days| i64::from(days) * DAY_MICROS),
    };
    let wanted = |found: &AccountPeriod| {
        about.as_ref().is_none_or(|about| found == about)
            && arguments.advertiser.as_ref().is_none_or(|advertiser| found.advertiser_id == *advertiser)
    };
    let corrected = correcting.period(&period, &asked, wanted).await?;
    if corrected.accounts.is_empty() && corrected.lacks.is_empty() {
        bail!("no invoice of {} was issued: there is nothing to correct", arguments.which);
    }
    print(&corrected, global);
    Ok(exit(&corrected).and(if is_whole { Exit::Ok } else { Exit::Partial }))
}

/// Whoever corrects on an installation.
pub(crate) fn correcting(instance: &Installation, patience: patience::Arguments, actor: String) -> Correcting {
    Correcting {
        checking: patience.checking(instance),
        threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        actor,
        now: instance.clock.now(),
    }
}

/// Whatever counts now.
pub(crate) fn now() -> Asked {
    Asked::default()
}

/// The period, and the account if it is one document's.
async fn meant(instance: &Installation, arguments: &Arguments) -> anyhow::Result<(String, Option<AccountPeriod>)> {
    let which = &arguments.which;
    if let Ok(period) = which.parse::<PeriodName>() {
        return Ok((period.to_string(), None));
    }
    let Some(number) = chain::number(which) else {
        bail!("{which:?} is neither a period, as 2026-03, nor a document, as INV-00000012");
    };
    let record = instance.catalog.document(&number).await?;
    let about = record.with_context(|| format!("no document {which} was issued"))?.document.facts.about;
    Ok((about.period.clone(), Some(about)))
}

pub(crate) fn exit(corrected: &Corrected) -> Exit {
    let is_refused = corrected.accounts.iter().any(|(_, one)| matches!(one, Correction::Refused(_)));
    match (corrected.lacks.is_empty(), corrected.accounts.is_empty(), is_refused) {
        (true, _, false) => Exit::Ok,
        (true, _, true) => Exit::GateRefused,
        (false, true, _) => Exit::InputIncomplete,
        (false, false, _) => Exit::Partial,
    }
}

pub(crate) fn print(corrected: &Corrected, global: &Global) {
    match global.output {
        Format::Json => output::json(&as_json(corrected)),
        Format::Table => {
            // The draft's name says in which currency.
            let mut table = output::Table::new(&["draft", "kind", "corrects", "reason", "hours", "total"]);
            for (_, correction) in &corrected.accounts {
                let Correction::Drafted { revision, note, .. } = correction else { continue };
                let Some(original) = &note.original else { continue };
                table.push(vec![
                    revision.id.clone(),
                    note.kind.to_string().replace('_', " "),
                    original.name(),
                    original.reason.to_string(),
                    note.hours.len().to_string(),
                    money::show(note.currency, note.total),
                ]);
            }
            let notes = corrected.accounts.iter().filter(|(_, one)| matches!(one, Correction::Drafted { .. })).count();
            match corrected.accounts.as_slice() {
                [(_, Correction::Drafted { note, .. })] => {
                    table.print();
                    if let Some(bill) = &note.bill {
                        show::lines(bill).print();
                    }
                }
                _ if notes > 0 => table.print(),
                _ => {}
            }
        }
    }
    tell(corrected);
}

/// What a person should know, on stderr.
pub(crate) fn tell(corrected: &Corrected) {
    let mut right = 0;
    for (about, correction) in &corrected.accounts {
        match correction {
            Correction::Nothing { open: None } => right += 1,
            Correction::Nothing { open: Some(open) } => output::note(&format!(
                "{about}: nothing to correct any more: {open} is outdated, and cannot be approved or issued"
            )),
            Correction::Drafted { revision, note, .. } => output::note(&format!(
                "{revision}: {} of {} {}",
                note.kind.to_string().replace('_', " "),
                money::show(note.currency, note.total),
                note.currency
            )),
            Correction::Refused(why) => output::note(&format!("{about} was not corrected: {why}")),
        }
    }
    if right > 0 {
        let invoices = count(right, "invoice");
        output::note(&format!("{invoices} with nothing to correct: what was issued is what counts"));
    }
    for (zone, lacks) in &corrected.lacks {
        for lack in lacks {
            output::note(&format!("accounts in {zone} cannot be corrected: {lack}"));
        }
    }
}

fn as_json(corrected: &Corrected) -> Value {
    let account = |(about, correction): &(AccountPeriod, Correction)| {
        let (became, draft, reason) = match correction {
            Correction::Nothing { open } => ("nothing", open.as_ref().map(|open| open.id.clone()), None),
            Correction::Drafted { revision, is_new, .. } => {
                (if *is_new { "new" } else { "same" }, Some(revision.id.clone()), None)
            }
            Correction::Refused(why) => ("refused", None, Some(why.clone())),
        };
        let note = match correction {
            Correction::Drafted { note, revision, .. } => json!({
                "revision": revision.revision,
                "kind": note.kind.to_string(),
                "corrects": note.original.as_ref().map(clicktrail_invoices::Original::name),
                "reason": note.original.as_ref().map(|original| original.reason.to_string()),
                "hours": note.hours.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "total": money::show(note.currency, note.total),
            }),
            Correction::Nothing { .. } | Correction::Refused(_) => Value::Null,
        };
        json!({
            "period": about.period,
            "advertiser_id": about.advertiser_id,
            "currency": about.currency,
            "became": became,
            "draft": draft,
            "refused": reason,
            "note": note,
        })
    };
    let lacks = corrected.lacks.iter().flat_map(|(zone, lacks)| {
        lacks.iter().map(move |lack| json!({"zone": zone, "code": lack.code(), "detail": lack.to_string()}))
    });
    json!({
        "accounts": corrected.accounts.iter().map(account).collect::<Vec<_>>(),
        "lacks": lacks.collect::<Vec<_>>(),
    })
}
