//! `clicktrail replay build`

use std::path::PathBuf;

use anyhow::Context as _;
use clicktrail_catalog::generations::{GenerationState, Rerun};
use clicktrail_replay::plan::{Plan, document::Document};

use super::{
    plan::refuse,
    question::{self, Question},
    trail::Said,
    working::{self, Working},
};
use crate::{exit::Exit, global::Global, installation::Installation, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Build this plan, which `replay plan --save` wrote; refused if its input is another one now (exit code 3)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "stale", "clicks_as_of", "sql"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    question: Question,
    /// Which hours are taken again, if the same was built before
    #[arg(long, value_enum, default_value = "missing")]
    rerun: Again,
    #[command(flatten)]
    working: Working,
    /// Compare only this advertiser with what counts once it is built; a build is always of all of them
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
    #[command(flatten)]
    said: Said,
}

/// Which hours are taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Again {
    /// Those that nobody finished.
    Missing,
    /// And those that failed.
    Failed,
    /// All of them: what stands with its receipt is used, and anything else is computed.
    All,
}

impl Again {
    pub(super) const fn rerun(self) -> Rerun {
        match self {
            Self::Missing => Rerun::Missing,
            Self::Failed => Rerun::Failed,
            Self::All => Rerun::All,
        }
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let by = arguments.said.by(global)?;
    let instance = global.open_existing().await?;
    let plan = match arguments.plan {
        Some(file) => match saved(global, &instance, &file).await? {
            Ok(plan) => plan,
            Err(exit) => return Ok(exit),
        },
        None => match arguments.question.plan(global, &instance).await? {
            Ok(plan) => plan,
            Err(refused) => return refuse(refused),
        },
    };
    let (generation, units) = plan.generation(&by.actor, instance.clock.now());
    output::note(&format!("resume with: clicktrail replay resume {}", generation.id));
    let before = instance.catalog.generation(&generation.id).await?;
    if before.is_some_and(|before| before.state == GenerationState::Aborted) {
        // It was given up: what was planned again begins anew.
        instance.catalog.drop_generation(&generation.id, &by.actor, instance.clock.now()).await?;
    }
    instance.catalog.put_generation(&generation, &units).await?;
    if arguments.rerun != Again::Missing {
        instance.catalog.release_units(&generation.id, arguments.rerun.rerun(), instance.clock.now()).await?;
    }
    let noted = match arguments.rerun {
        Again::Missing | Again::Failed => {
            plan.note_reused(&instance.archive, instance.catalog.as_ref(), instance.clock.now()).await?
        }
        // Every hour is looked at.
        Again::All => 0,
    };
    let advertiser = arguments.advertiser.as_deref();
    let exit = working::build(global, &instance, &generation, &arguments.working, (noted, advertiser)).await?;
    by.write_of(&instance, "build", exit, &generation).await?;
    Ok(exit)
}

/// A saved plan, if everything is still as it was planned.
async fn saved(global: &Global, instance: &Installation, file: &std::path::Path) -> anyhow::Result<Result<Plan, Exit>> {
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let planned = Document::from_bytes(&bytes).with_context(|| format!("read the plan {}", file.display()))?;
    let now = match question::again(instance, &planned).await? {
        Ok(now) => now,
        Err(refused) => return Ok(Err(refuse(refused)?)),
    };
    match planned.difference(&now.document) {
        None => {
            question::tell_changed(global, &planned).await;
            Ok(Ok(now))
        }
        Some(difference) => {
            output::note(&format!("clicktrail: the plan {} is not of today: {difference}", file.display()));
            output::note("nothing was built: plan again, and look at what changed");
            Ok(Err(Exit::GateRefused))
        }
    }
}
