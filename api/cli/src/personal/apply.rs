//! `clicktrail personal apply`

use super::progress;
use crate::{ads::Who, exit::Exit, global::Global};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let actor = global.actor(arguments.who.actor)?;
    let instance = global.open_existing().await?;
    let done = progress::go_on(&instance, &actor).await?;
    progress::print(global, &done)?;
    Ok(progress::exit(&done))
}
