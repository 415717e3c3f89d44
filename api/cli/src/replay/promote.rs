//! `clicktrail replay promote`

use clicktrail_catalog::{
    self as catalog, AuditResult,
    generations::{Generation, GenerationId, GenerationState, Promotion},
};
use clicktrail_log::causes::causes;
use clicktrail_replay::{
    gates::{Checked, Gate, Gates, Measures, Permille},
    promotions,
};
use serde_json::json;

use crate::{
    ads::Who,
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    invoice::patience,
    output::{self, Table},
    replay::{generation, invoiced},
};

/// So many gates are shown.
const SHOWN_MAX: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The generation, or the beginning of its id
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for the audit trail
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
    /// Refuse if the spend or the billable clicks of an advertiser change by more than this part of what the changing
    /// hours bill now; of another projection than counters, if a sum does, by the first column of its key. `any`: no
    /// limit
    #[arg(long, default_value = "5%", value_name = "PERCENT", value_parser = percent)]
    max_delta: Limit,
    /// Check everything and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Let it change periods that are invoiced, and draft the notes that this takes. Without it such a promotion is
    /// refused
    #[arg(long)]
    notes: bool,
    #[command(flatten)]
    patience: patience::Arguments,
}

/// `None`: there is none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<Permille>);

fn percent(text: &str) -> Result<Limit, String> {
    match text {
        "any" => Ok(Limit(None)),
        _ => Permille::parse(text).map(|part| Limit(Some(part))).ok_or_else(|| "write it as 5% or 2.5%".to_owned()),
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let actor = global.actor(arguments.who.actor)?;
    let generation = generation::named(&instance, &arguments.id).await?;
    let checked = check(&instance, &generation, arguments.max_delta.0).await?;
    if !checked.gates.is_empty() {
        refuse(&checked, global);
        if !arguments.dry_run {
            let gate = checked.gates.first().map_or("", |first| gate(first).0);
            let detail = format!("generation {}: gate {gate}", generation.id);
            let who = (actor.as_str(), "promote", arguments.reason.as_str());
            audit::write_ended(&instance, who, AuditResult::Refused, detail).await?;
        }
        return Ok(Exit::GateRefused);
    }
    let invoiced = invoiced::changed(&instance, &generation).await?;
    if !invoiced.is_empty() && !arguments.notes {
        invoiced::refuse(&invoiced, "promoted", global);
        if !arguments.dry_run {
            let detail = format!("generation {}: gate invoiced", generation.id);
            let who = (actor.as_str(), "promote", arguments.reason.as_str());
            audit::write_ended(&instance, who, AuditResult::Refused, detail).await?;
        }
        return Ok(Exit::GateRefused);
    }
    if arguments.dry_run {
        output::note(&format!(
            "{} would count from {}; nothing was changed",
            output::count(checked.hours, "hour"),
            generation.id
        ));
        tell(&checked, global);
        return Ok(Exit::Ok);
    }
    let promoted = promote(global, &instance, &checked, (&generation.id, &actor, &arguments.reason)).await?;
    match (promoted, invoiced.is_empty()) {
        (Exit::Ok | Exit::Partial, false) => {
            Ok(promoted.and(invoiced::draft(global, &instance, arguments.patience, &actor, &invoiced).await?))
        }
        (other, _) => Ok(other),
    }
}

/// Moves the pointers, and keeps the record of it in the archive, from which a lost catalog is made again.
pub(super) async fn promote(
    global: &Global,
    instance: &Installation,
    checked: &Checked,
    (id, actor, reason): (&GenerationId, &str, &str),
) -> anyhow::Result<Exit> {
    // An older copy of the catalog would promote what is long promoted, or undone.
    promotions::keep(&instance.archive, instance.catalog.as_ref()).await?;
    match instance.catalog.promote(id, actor, reason, instance.clock.now()).await {
        Ok(promotion) => {
            promoted(&promotion, checked, global);
            Ok(keep(instance).await)
        }
        Err(catalog::Error::Conflict(what)) => moved(instance, id, (actor, "promote", reason), &what).await,
        Err(cause) => Err(cause.into()),
    }
}

/// It is done, whatever becomes of its record: the next promotion, rollback or `replay log` keeps it.
pub(super) async fn keep(instance: &Installation) -> Exit {
    match promotions::keep(&instance.archive, instance.catalog.as_ref()).await {
        Ok(_) => Exit::Ok,
        Err(cause) => {
            let why = causes(&cause);
            output::note(&format!(
                "its record is not in the archive yet ({why}): `clicktrail replay log` puts it there"
            ));
            Exit::Partial
        }
    }
}

/// Checks a generation's gates.
pub(super) async fn check(
    instance: &Installation,
    generation: &Generation,
    limit: Option<Permille>,
) -> anyhow::Result<Checked> {
    let gates = Gates { archive: &instance.archive, catalog: instance.catalog.as_ref() };
    Ok(gates.check(generation, limit).await?)
}

/// Somebody else was first, or the state is another: which is a gate too.
pub(super) async fn moved(
    instance: &Installation,
    id: &GenerationId,
    who: (&str, &str, &str),
    what: &str,
) -> anyhow::Result<Exit> {
    output::note(&format!("refused: {what}"));
    let detail = format!("generation {id}: {what}");
    audit::write_ended(instance, who, AuditResult::Refused, detail).await?;
    Ok(Exit::GateRefused)
}

pub(super) fn document(promotion: &Promotion) -> serde_json::Value {
    json!({
        "number": promotion.number,
        "generation": promotion.generation.as_str(),
        "hours": promotion.hours,
        "at": promotion.at.to_string(),
        "actor": promotion.actor,
        "reason": promotion.reason,
    })
}

fn promoted(promotion: &Promotion, checked: &Checked, global: &Global) {
    let id = &promotion.generation;
    match global.output {
        Format::Json => output::json(&document(promotion)),
        Format::Table => {
            output::line(&format!("{} count from generation {id}", output::count(promotion.hours, "hour")));
            tell(checked, global);
        }
    }
    output::note(&format!("back again: clicktrail replay rollback {id}"));
}

/// What it does to each bill.
fn tell(checked: &Checked, global: &Global) {
    if let Some(measures) = &checked.measures {
        return tell_measures(measures, global);
    }
    if checked.totals.is_empty() || global.output == Format::Json {
        return;
    }
    output::line(&format!("in the {} that change:", output::count(checked.hours, "hour")));
    let mut table =
        Table::new(&["advertiser", "currency", "clicks", "billable", "spend before", "spend after", "change"]);
    let changed = checked.totals.iter().filter(|(_, (before, after))| before != after);
    for ((advertiser, currency), (before, after)) in changed {
        table.push(vec![
            advertiser.clone(),
            currency.clone(),
            signed((after.clicks - before.clicks).to_string()),
            signed((after.billable_clicks - before.billable_clicks).to_string()),
            output::amount(before.spend_micros),
            output::amount(after.spend_micros),
            signed(output::amount(after.spend_micros - before.spend_micros)),
        ]);
    }
    table.print();
    let same = checked.totals.values().filter(|(before, after)| before == after).count();
    if same > 0 {
        output::note(&format!("{} with the same clicks and spend as before", output::count(same, "advertiser")));
    }
}

/// What it does to each sum of another projection, and what was not checked of it.
fn tell_measures(measures: &Measures, global: &Global) {
    let changed: Vec<_> = measures.sums.iter().filter(|(_, (before, after))| before != after).collect();
    if !changed.is_empty() && global.output == Format::Table {
        let by = measures.by.as_deref().unwrap_or("of");
        let mut table = Table::new(&[by, "currency", "measure", "before", "after", "change"]);
        for (of, (before, after)) in changed {
            let group = if measures.by.is_some() { of.group.clone() } else { "all".to_owned() };
            let name = of.measure.trim_end_matches("_micros").to_owned();
            let (before, after, change) = (
                output::amount(*before),
                output::amount(*after),
                signed(output::amount(after.saturating_sub(*before))),
            );
            table.push(vec![group, of.currency.clone(), name, before, after, change]);
        }
        table.print();
    }
    if measures.new_hours > 0 {
        let hours = output::count(measures.new_hours, "hour");
        output::note(&format!("{hours} counted from nothing before, so --max-delta had nothing to compare there"));
    }
    output::note("not checked: counts, and who is billed what, which only counters say");
}

/// With a plus, if it grew.
fn signed(number: String) -> String {
    let grew = !number.starts_with('-') && number.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    if grew { format!("+{number}") } else { number }
}

pub(super) fn refuse(checked: &Checked, global: &Global) {
    let mut lines: Vec<(&str, String)> = checked.gates.iter().filter(|gate| !is_moved(gate)).map(gate).collect();
    let moved: Vec<&Gate> = checked.gates.iter().filter(|gate| is_moved(gate)).collect();
    if let Some((Gate::Moved(first), rest)) = moved.split_first().map(|(first, rest)| (*first, rest)) {
        let hours = match rest.len() {
            0 => first.to_string(),
            others => format!("{first} and {}", output::count(others, "later hour")),
        };
        let text = format!("what {hours} count from is not what it was when the build was planned: plan again");
        lines.insert(0, ("live-moved", text));
    }
    if global.output == Format::Json {
        let gates = lines.iter().map(|(name, text)| json!({"gate": name, "reason": text})).collect::<Vec<_>>();
        output::json(&json!({"refused": gates}));
    }
    let all = lines.len();
    for (name, text) in lines.into_iter().take(SHOWN_MAX) {
        output::note(&format!("refused by gate {name}: {text}"));
    }
    if all > SHOWN_MAX {
        output::note(&format!("and {} more: --output json names all", all - SHOWN_MAX));
    }
}

const fn is_moved(gate: &Gate) -> bool {
    matches!(gate, Gate::Moved(_))
}

/// A gate's name, and what it says.
pub(super) fn gate(gate: &Gate) -> (&'static str, String) {
    match gate {
        Gate::State(state) => ("state", state_text(*state).to_owned()),
        Gate::Cut => ("cut", "it counts only clicks before a position, so it is an answer and no bill".to_owned()),
        Gate::Moved(hour) => {
            ("live-moved", format!("{hour} counts from something else than when it was planned: plan again"))
        }
        Gate::Input(hour) => ("input", format!("{hour} is not in the archive as it was built: `log verify` says more")),
        Gate::Segment(hour, why) => ("segment", format!("{hour}: {why}: `replay build --rerun all` builds it again")),
        Gate::Empty((advertiser, currency)) => {
            ("empty", format!("{advertiser} has clicks in {currency} now, and would have none"))
        }
        Gate::Sum { of, before, after, limit } => (
            "max-delta",
            format!(
                "{of} would go from {} to {} {}, by more than {limit}: look at `replay diff`, then allow it \
                 with --max-delta",
                output::amount(*before),
                output::amount(*after),
                of.currency
            ),
        ),
        Gate::Limit { owed: (advertiser, currency), what, before, after, limit } => {
            let shown = |value: i128| match *what {
                "spend_micros" => format!("{} {currency}", output::amount(value)),
                _ => format!("{value} {}", what.replace('_', " ")),
            };
            let (before, after) = (shown(*before), shown(*after));
            let text = format!(
                "{advertiser} would go from {before} to {after}, by more than {limit}: look at `replay diff`, then \
                 allow it with --max-delta"
            );
            ("max-delta", text)
        }
    }
}

const fn state_text(state: GenerationState) -> &'static str {
    match state {
        GenerationState::Building => "it is not built yet: `replay resume` goes on",
        GenerationState::Built => "it is built",
        GenerationState::Failed => "an hour of it failed: `replay status` says why",
        GenerationState::Aborted => "it was given up: plan again",
        GenerationState::Promoted => "it is promoted already",
    }
}
