//! `clicktrail replay stale`

use clicktrail_capture::amount;
use clicktrail_replay::plan;

use super::{
    invoiced,
    plan::refuse,
    promote,
    question::Question,
    working::{self, Working},
};
use crate::{ads::Who, exit::Exit, global::Global, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Promote what was built if the spend of every advertiser changes by less than this, in each currency; otherwise
    /// it is left for a person
    #[arg(long, value_name = "MONEY", value_parser = money)]
    auto_promote_below: i64,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    working: Working,
    #[command(flatten)]
    who: Who,
}

fn money(text: &str) -> Result<i64, String> {
    let micros = amount::micros_of_decimal(text).map_err(|reason| format!("it {reason}"))?;
    if micros < 0 { Err("it is negative".to_owned()) } else { Ok(micros) }
}

/// Builds every stale hour, and promotes it within the limit: for a schedule.
pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let plan = match arguments.question.of_stale_hours().plan(global, &instance).await? {
        Ok(plan) => plan,
        Err(plan::Error::Nothing(why)) => {
            output::note(&why);
            return Ok(Exit::Ok);
        }
        Err(refused) => return refuse(refused),
    };
    let (generation, units) = plan.generation(&actor, instance.clock.now());
    instance.catalog.put_generation(&generation, &units).await?;
    let built = working::build(global, &instance, &generation, &arguments.working, (0, None)).await?;
    if built != Exit::Ok {
        return Ok(built);
    }
    let generation = super::generation::named(&instance, generation.id.as_str()).await?;
    let checked = promote::check(&instance, &generation, None).await?;
    if !checked.gates.is_empty() {
        promote::refuse(&checked, global);
        return Ok(Exit::GateRefused);
    }
    let limit = u128::from(arguments.auto_promote_below.unsigned_abs());
    let mut over = checked.changes();
    over.retain(|(_, _, change)| change.unsigned_abs() >= limit);
    let new_hours = checked.measures.as_ref().map_or(0, |measures| measures.new_hours);
    let invoiced = invoiced::changed(&instance, &generation).await?;
    if over.is_empty() && new_hours == 0 && invoiced.is_empty() {
        let reason = format!("stale hours; no spend changes by {}", output::amount(arguments.auto_promote_below));
        return promote::promote(global, &instance, &checked, (&generation.id, &actor, &reason)).await;
    }
    if new_hours > 0 {
        let hours = output::count(new_hours, "hour");
        output::note(&format!("left: {hours} count from nothing yet, so there is nothing to compare them with"));
    }
    for (whose, currency, change) in &over {
        let (change, limit) = (output::amount(*change), output::amount(arguments.auto_promote_below));
        output::note(&format!("left: {whose} changes by {change} {currency}, and the limit is {limit}"));
    }
    let id = &generation.id;
    if !invoiced.is_empty() {
        let accounts = output::count(invoiced.len(), "account");
        output::note(&format!("left: {accounts} with an invoice would change: `replay promote {id} --notes`"));
    }
    output::note(&format!(
        "{} count as before; look with `clicktrail replay diff {id}`, then `clicktrail replay promote {id}`",
        output::count(checked.hours, "stale hour")
    ));
    Ok(Exit::GateRefused)
}
