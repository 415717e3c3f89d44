//! `clicktrail verdicts judge`

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use clicktrail_log::{
    archive::{Manifest, clicks::Clicks},
    position::{Position, Seq},
    time::Hour,
};
use clicktrail_verdicts::{
    coverage::Coverage,
    hand,
    judge::rejudge::{Change, Rejudge, Rejudgement},
    kinds::Kinds,
    verdict::Verdict,
};
use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, amount},
    progress,
    verdicts::{bill, range::Range, words::sum},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    range: Range,
    /// Append nothing: only say what would change, in clicks and money
    #[arg(long)]
    dry_run: bool,
    /// Also judge hours of which personal columns were erased: what stands about erased events stays, and the others
    /// are judged as if these had named nobody
    #[arg(long)]
    with_erased: bool,
    /// Hours that are judged at the same time [default: one for each core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Who has it judged, for the audit trail [default: `actor` of the configuration file, else the user]
    #[arg(long, env = "CLICKTRAIL_ACTOR", value_name = "NAME")]
    actor: Option<String>,
}

/// What changes for one advertiser by one rule, in one currency.
#[derive(Debug, Default)]
struct Effect {
    now_invalid: u64,
    now_valid: u64,
    recategorized: u64,
    spend_micros: i128,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let range = arguments.range.hours()?;
    let instance = global.open_existing().await?;
    let (rules, actor) = (global.rules()?, global.actor(arguments.actor)?);
    let history = instance.rulings();
    let before = history.end().await?;
    let hours: Vec<Hour> = instance.questions().hours(|hour| range.holds(hour)).await?;
    if hours.is_empty() {
        output::note("clicktrail: no sealed hour is in this range: nothing was judged");
        return Ok(Exit::InputIncomplete);
    }
    let (clicks, archive, clock) =
        (Arc::clone(&instance.clicks), instance.archive.clone(), Arc::clone(&instance.clock));
    let rejudge = Rejudge::new(clicks, archive, history, Arc::clone(&rules), clock, before);
    let rejudge = rejudge.with_erased(arguments.with_erased);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = arguments.jobs.unwrap_or(cores).max(1);
    let bar = progress::bar(hours.len() as u64, "judge");
    let mut judged = stream::iter(hours.iter().copied())
        .map(|hour| {
            let rejudge = rejudge.clone();
            tokio::spawn(async move { (hour, rejudge.hour(hour).await) })
        })
        .buffered(jobs);
    let (mut total, mut effects) = (Rejudgement::default(), BTreeMap::new());
    let (mut changes, mut ruled) = (0_u64, BTreeSet::new());
    while let Some(done) = judged.next().await {
        let (hour, found) = done.context("a worker panicked")?;
        let found = found.with_context(|| format!("judge {hour}"))?;
        total.rows += found.rows;
        total.findings += found.findings;
        total.erased += found.erased;
        changes += found.changes.len() as u64;
        found.changes.iter().for_each(|change| add_effect(&mut effects, change));
        // The frames are enough to know which hours are concerned.
        ruled.extend(found.changes.iter().map(|change| change.verdict.target.seq()));
        let verdicts: Vec<Verdict> = found.changes.into_iter().map(|change| change.verdict).collect();
        if !arguments.dry_run && !verdicts.is_empty() {
            hand::append(Arc::clone(&instance.verdicts), instance.archive.clone(), &verdicts).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if !arguments.dry_run {
        cover(&instance, &hours, rules.kinds()).await?;
    }
    let summary = Summary { hours: hours.len(), total, changes, dry_run: arguments.dry_run };
    print(global, &rules.digest().to_string(), &summary, &effects);
    if !arguments.dry_run {
        let verdicts = usize::try_from(changes).expect("changes that were in memory fit it");
        let (hours, digest) = (output::count(summary.hours, "hour"), rules.digest().to_string());
        let detail = format!("{hours}, {} under ruleset {}", output::count(changes, "ruling"), &digest[..12]);
        audit::write(&instance, &actor, "verdicts_judge", "", detail).await?;
        bill::say(&instance, ruled, verdicts, "latest").await?;
    }
    Ok(Exit::Ok)
}

/// Says in the archive which kinds of the hours' events are judged now, so that answers as of a later verdict know it.
async fn cover(instance: &Installation, hours: &[Hour], kinds: Kinds) -> anyhow::Result<()> {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(()) };
    let missing = || anyhow::anyhow!("a sealed hour has no manifest");
    let manifest = async |hour: Hour| instance.archive.manifest::<Clicks>(hour).await?.with_context(missing);
    let (first, last) = (manifest(*first).await?, manifest(*last).await?);
    let frame = |manifest: &Manifest, seq: Seq| Position::new(manifest.epoch(), seq, 0);
    let frames = frame(&first, first.first_seq())..frame(&last, last.last_seq().next());
    let mut coverage = Coverage::read(&instance.archive).await?;
    if coverage.judged_again(frames, kinds, instance.rulings().end().await?) {
        coverage.write(&instance.archive).await?;
    }
    Ok(())
}

/// Advertiser, currency, rule.
type EffectKey = (String, String, String);

/// A change counts under the heaviest of its rules, so that the sums are those of the clicks.
fn add_effect(effects: &mut BTreeMap<EffectKey, Effect>, change: &Change) {
    let rule = change.rules.first().cloned().unwrap_or_else(|| "no rule".to_owned());
    let effect = effects.entry((change.advertiser_id.clone(), change.currency.clone(), rule)).or_default();
    let price = if change.kind == "click" { i128::from(change.price_micros) } else { 0 };
    match (change.category_before, change.verdict.category) {
        (None, Some(_)) => {
            effect.now_invalid += 1;
            effect.spend_micros -= price;
        }
        (Some(_), None) => {
            effect.now_valid += 1;
            effect.spend_micros += price;
        }
        (Some(_), Some(_)) | (None, None) => effect.recategorized += 1,
    }
}

struct Summary {
    hours: usize,
    total: Rejudgement,
    changes: u64,
    dry_run: bool,
}

fn print(global: &Global, ruleset: &str, summary: &Summary, effects: &BTreeMap<EffectKey, Effect>) {
    let Summary { hours, total, changes, dry_run } = summary;
    if global.output == Format::Json {
        let effect = |((advertiser, currency, rule), effect): (&EffectKey, &Effect)| {
            json!({
                "advertiser_id": advertiser,
                "currency": currency,
                "rule": rule,
                "now_invalid": effect.now_invalid,
                "now_valid": effect.now_valid,
                "recategorized": effect.recategorized,
                "spend_micros": sum(effect.spend_micros),
            })
        };
        output::json(&json!({
            "ruleset": ruleset,
            "hours": hours,
            "events": total.rows,
            "findings": total.findings,
            "erased": total.erased,
            "changes": changes,
            "appended": if *dry_run { 0 } else { *changes },
            "effects": effects.iter().map(effect).collect::<Vec<_>>(),
        }));
        return;
    }
    output::line(&format!(
        "{} with {} judged under ruleset {}: {}, {} {}",
        output::count(*hours, "hour"),
        output::count(total.rows, "event"),
        &ruleset[..12.min(ruleset.len())],
        output::count(total.findings, "finding"),
        output::count(*changes, "ruling"),
        if *dry_run { "would change" } else { "changed" },
    ));
    if !effects.is_empty() {
        let mut table = output::Table::new(&[
            "advertiser",
            "rule",
            "now_invalid",
            "now_valid",
            "recategorized",
            "spend",
            "currency",
        ]);
        for ((advertiser, currency, rule), effect) in effects {
            table.push(vec![
                advertiser.clone(),
                rule.clone(),
                effect.now_invalid.to_string(),
                effect.now_valid.to_string(),
                effect.recategorized.to_string(),
                amount(effect.spend_micros),
                currency.clone(),
            ]);
        }
        table.print();
    }
    if total.erased > 0 {
        let erased = output::count(total.erased, "event");
        output::note(&format!("{erased} without personal columns, which were erased: what stands about them stays"));
    }
    if *dry_run {
        output::note("nothing was appended: run it without --dry-run to append these verdicts");
        output::note(
            "applying it would not change billed totals either: see `clicktrail verdicts stale`, and `counters --as-of`",
        );
    }
}
