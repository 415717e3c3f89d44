//! `clicktrail replay resume`

use super::{
    build::Again,
    summary::{find, unknown},
    trail::Said,
    working::{self, Working},
};
use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which build: its id, or the beginning of it [default: the newest that is not over]
    id: Option<String>,
    /// Which hours are taken again
    #[arg(long, value_enum, default_value = "failed")]
    rerun: Again,
    #[command(flatten)]
    working: Working,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let by = arguments.said.by(global)?;
    let instance = global.open_existing().await?;
    let named = arguments.id.as_deref();
    let Some(generation) = find(instance.catalog.as_ref(), named).await? else { return Ok(unknown(named)) };
    instance.catalog.release_units(&generation.id, arguments.rerun.rerun(), instance.clock.now()).await?;
    let exit = working::build(global, &instance, &generation, &arguments.working, (0, None)).await?;
    by.write_of(&instance, "resume", exit, &generation).await?;
    Ok(exit)
}
