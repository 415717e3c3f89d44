//! `clicktrail invoice approve`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use clicktrail_billing::{
    ready::{Checking, Patience},
    review::{Reviewing, odd},
};
use clicktrail_catalog::{
    AuditResult,
    invoicing::{AT_ONCE_MAX, Draft, DraftFilter, DraftRevision, DraftState, Kind},
};
use clicktrail_invoices::PeriodName;
use serde_json::json;

use super::{limits, named, review::REASON_CHARS_MAX};
use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, count},
};

/// So many drafts that were refused are told.
const TOLD_MAX: usize = 50;
/// So much is named in the audit trail.
const NAMED_MAX: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Drafts, as `invoice list` names them, with @REVISION only if that is still the newest; or a period, as with
    /// --period
    #[arg(value_name = "DRAFT[@REVISION]", required_unless_present = "period", conflicts_with = "period")]
    drafts: Vec<String>,
    /// All drafts of this period that are not approved yet
    #[arg(long, value_name = "PERIOD")]
    period: Option<PeriodName>,
    /// Approve although this gate of `invoice review` marks the draft: change, price, invalid_share, zero_total,
    /// negative_total, unbilled, stale_hours, outdated, correction_open
    #[arg(long, value_name = "GATE", requires = "reason", value_parser = gate)]
    accept: Vec<String>,
    /// Why gates are accepted, for the audit trail
    #[arg(long, value_name = "TEXT", requires = "accept")]
    reason: Option<String>,
    #[command(flatten)]
    limits: limits::Arguments,
    #[command(flatten)]
    who: Who,
}

fn gate(text: &str) -> Result<String, String> {
    match odd::ACCEPTED.contains(&text) {
        true => Ok(text.to_owned()),
        false if text == "dispute_open" => Err("a dispute ends with `invoice dispute close`".to_owned()),
        false => Err(format!("use {}", odd::ACCEPTED.join(", "))),
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let length = arguments.reason.as_ref().map_or(1, |reason| reason.chars().count());
    ensure!((1..=REASON_CHARS_MAX).contains(&length), "--reason has {length} characters: use 1 to {REASON_CHARS_MAX}");
    let actor = global.actor(arguments.who.actor.clone())?;
    let instance = global.open_existing().await?;
    let wanted = wanted(&instance, &arguments).await?;
    let named = wanted.len();
    let Gated { free, accepted, refused } = gated(&instance, &arguments, wanted).await?;
    let reason = arguments.reason.as_deref().unwrap_or("");
    for (result, gated) in [(AuditResult::Done, &accepted), (AuditResult::Refused, &refused)] {
        if !gated.is_empty() {
            let reason = if result == AuditResult::Done { reason } else { "" };
            audit::write_ended(&instance, (&actor, "approve_gated", reason), result, detail(gated)).await?;
        }
    }
    let mut approved = 0;
    for chunk in free.chunks(AT_ONCE_MAX) {
        approved += instance.catalog.approve(chunk, &actor, instance.clock.now()).await?;
    }
    ensure!(approved <= free.len() as u64, "{approved} of {} drafts were approved", free.len());
    match global.output {
        Format::Json => {
            let row = |(revision, gates): &(DraftRevision, Vec<String>)| json!({"draft": revision.id, "gates": gates});
            let refused: Vec<_> = refused.iter().map(row).collect();
            output::json(&json!({"named": named, "approved": approved, "refused": refused}));
        }
        Format::Table => output::line(&format!("{} named, {approved} newly approved", count(named, "draft"))),
    }
    tell(&refused);
    Ok(match (refused.is_empty(), free.is_empty()) {
        (true, _) => Exit::Ok,
        (false, true) => Exit::GateRefused,
        (false, false) => Exit::Partial,
    })
}

/// A draft, and the words of the gates that mark it.
type Marked = Vec<(DraftRevision, Vec<String>)>;

/// Drafts by what gates say of them.
#[derive(Default)]
struct Gated {
    /// Those that may be approved.
    free: Vec<DraftRevision>,
    /// Those of them that a gate marks which was accepted.
    accepted: Marked,
    /// The others.
    refused: Marked,
}

/// The newest revisions that are meant.
async fn wanted(instance: &Installation, arguments: &Arguments) -> anyhow::Result<BTreeMap<DraftRevision, Draft>> {
    let mut wanted: BTreeMap<DraftRevision, Draft> = BTreeMap::new();
    match arguments.period.or_else(|| named::period(&arguments.drafts)) {
        Some(period) => {
            let filter = DraftFilter {
                period: Some(period.to_string()),
                state: Some(DraftState::Draft),
                ..DraftFilter::default()
            };
            let drafts = named::drafts(instance, &filter).await?.into_iter();
            wanted.extend(drafts.map(|draft| (draft.revision.clone(), draft)));
        }
        None => {
            for text in &arguments.drafts {
                let revision = named::written(instance, text).await?;
                let draft = named::newest(instance, &revision.id).await?;
                wanted.insert(revision, draft);
            }
        }
    }
    if wanted.is_empty() {
        bail!("there is no draft to approve: `invoice draft` makes them");
    }
    Ok(wanted)
}

/// Holds invoices against the gates of a review. What a note corrects was reviewed when it was issued.
async fn gated(
    instance: &Installation,
    arguments: &Arguments,
    wanted: BTreeMap<DraftRevision, Draft>,
) -> anyhow::Result<Gated> {
    let reviewing = Reviewing {
        checking: Checking {
            archive: instance.archive.clone(),
            catalog: std::sync::Arc::clone(&instance.catalog),
            history: instance.rulings(),
            patience: Patience::default(),
        },
        threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        limits: arguments.limits.limits(),
    };
    let is_open = |draft: &&Draft| draft.facts.kind == Kind::Invoice && draft.state == DraftState::Draft;
    let periods: BTreeSet<String> =
        wanted.values().filter(is_open).map(|draft| draft.facts.about.period.clone()).collect();
    let mut reviews = BTreeMap::new();
    for period in periods {
        let name: PeriodName = period.parse().with_context(|| format!("read the period of drafts of {period}"))?;
        reviews.insert(period, reviewing.review(name).await?);
    }
    let mut gated = Gated::default();
    for (revision, draft) in wanted {
        let review = reviews.get(&draft.facts.about.period).filter(|_| is_open(&&draft));
        let gates = review.map_or_else(Vec::new, |review| review.gates_of(&revision));
        let is_accepted =
            gates.iter().all(|odd| odd.may_be_accepted() && arguments.accept.iter().any(|gate| gate == odd.code()));
        let words: BTreeSet<&str> = gates.iter().map(|odd| odd.code()).collect();
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        if !is_accepted {
            gated.refused.push((revision, words));
            continue;
        }
        if !words.is_empty() {
            gated.accepted.push((revision.clone(), words));
        }
        gated.free.push(revision);
    }
    Ok(gated)
}

/// `2026-03.acme.EUR r1 change price, …`
fn detail(gated: &Marked) -> String {
    let named = gated.iter().take(NAMED_MAX).map(|(revision, gates)| format!("{revision} {}", gates.join(" ")));
    let named: Vec<String> = named.collect();
    match gated.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn tell(refused: &Marked) {
    for (revision, gates) in refused.iter().take(TOLD_MAX) {
        let is_disputed = gates.iter().any(|gate| gate == "dispute_open");
        let how = match is_disputed {
            true => "`invoice dispute close` first".to_owned(),
            false => format!("look at it, and pass --accept {} --reason TEXT", gates.join(" --accept ")),
        };
        output::note(&format!("{revision} was not approved, because of {}: {how}", gates.join(", ")));
    }
    if refused.len() > TOLD_MAX {
        output::note(&format!("and {} more: `invoice review` shows them", refused.len() - TOLD_MAX));
    }
}
