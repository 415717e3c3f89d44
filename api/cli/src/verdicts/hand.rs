//! `clicktrail verdicts add|revoke`

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use arrow::array::AsArray as _;
use clicktrail_log::{archive::locate, position::Position};
use clicktrail_verdicts::{
    hand::{self, Attribution},
    kinds::JUDGED,
    verdict::{Category, Decision, Stage, Verdict},
};
use serde_json::json;

use crate::{
    audit,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output,
    verdicts::{
        bill,
        words::{now, ruling},
    },
};

/// Characters of a reason or a name.
const WORD_CHARS_MAX: usize = 256;

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The event's position, as `log cat` prints it
    position: Position,
    #[command(flatten)]
    word: Given,
    /// The ruling: invalid or valid
    #[arg(long, default_value = "invalid")]
    decision: Decision,
    /// Category of an invalid event: givt, sivt, duplicate or policy
    #[arg(long, default_value = "policy")]
    category: Category,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The event's position, as `log cat` prints it
    position: Position,
    #[command(flatten)]
    word: Given,
}

#[derive(Debug, clap::Args)]
pub(super) struct Given {
    /// Why, in a word or a sentence; kept with the verdict
    #[arg(long)]
    reason: String,
    /// Who decides; kept with the verdict
    #[arg(long)]
    actor: String,
    /// A note for people; kept with the verdict
    #[arg(long)]
    note: Option<String>,
}

impl Given {
    pub(super) fn word(self) -> anyhow::Result<Attribution> {
        for (name, text) in [("--reason", &self.reason), ("--actor", &self.actor)] {
            let length = text.chars().count();
            ensure!(
                (1..=WORD_CHARS_MAX).contains(&length),
                "{name} has {length} characters: use 1 to {WORD_CHARS_MAX}"
            );
        }
        Ok(Attribution { actor: self.actor, reason: self.reason, note: self.note })
    }
}

pub(super) async fn add(global: &Global, arguments: Add) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let word = arguments.word.word()?;
    let event_id = judged(&instance, arguments.position).await?;
    let what = (arguments.decision, Some(arguments.category));
    let verdict = hand::verdict(arguments.position, event_id, what, Stage::Manual, &word, now(&instance));
    let appended =
        hand::append(Arc::clone(&instance.verdicts), instance.archive.clone(), std::slice::from_ref(&verdict)).await?;
    let at = instance.rulings().address(appended.context("one verdict was appended")?).await?;
    say(global, &instance, (&verdict, at), ("verdicts_add", word)).await
}

pub(super) async fn revoke(global: &Global, arguments: Revoke) -> anyhow::Result<Exit> {
    let instance = global.open_existing().await?;
    let word = arguments.word.word()?;
    let event_id = judged(&instance, arguments.position).await?;
    let place = (Arc::clone(&instance.verdicts), instance.archive.clone());
    let (verdict, at) = hand::revoke(place, (arguments.position, &event_id), &word, now(&instance)).await?;
    say(global, &instance, (&verdict, at), ("verdicts_revoke", word)).await
}

/// The id of the event at a position, if it is one that can be ruled about.
async fn judged(instance: &Installation, position: Position) -> anyhow::Result<String> {
    let located = locate::locate(instance.clicks.as_ref(), &instance.archive, position).await?;
    let Some(located) = located else { bail!("there is no event at {position}") };
    let text =
        |name: &str| located.event.column_by_name(name).map(|column| column.as_string::<i32>().value(0).to_owned());
    let (id, kind) = (text("event_id").context("an event has an id")?, text("kind").context("an event has a kind")?);
    ensure!(
        kind.parse().is_ok_and(|kind| JUDGED.holds(kind)),
        "the event at {position} is of kind {kind}, which is never billed: rule about clicks, impressions and conversions"
    );
    Ok(id)
}

/// Says what was appended, also in the audit trail.
async fn say(
    global: &Global,
    instance: &Installation,
    (verdict, position): (&Verdict, Position),
    (action, word): (&str, Attribution),
) -> anyhow::Result<Exit> {
    let (target, what) = (verdict.target, ruling(verdict.decision, verdict.category));
    match global.output {
        Format::Json => {
            output::json(&json!({"position": position.to_string(), "target": target.to_string(), "ruling": what}))
        }
        Format::Table => output::line(&format!("{target} is {what}, by verdict {position}")),
    }
    let detail = format!("{target} is {what}, by verdict {position}");
    audit::write(instance, &word.actor, action, &word.reason, detail).await?;
    bill::say(instance, [target.seq()].into(), 1, &position.to_string()).await?;
    Ok(Exit::Ok)
}
