//! `clicktrail retention`: what is kept for how long, and what is older.

mod apply;
mod show;

use clicktrail_log::archive::retention::PERSONAL_MONTHS;

use crate::{config, exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show for each purpose how long it is kept, and the oldest that there is
    ///
    /// Exit code 2: something is older than it may get.
    Show(Kept),
    /// Erase personal columns that are older than they may get: whole months, in UTC
    Apply(apply::Arguments),
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        matches!(self, Self::Show(_))
    }
}

/// How long.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Kept {
    /// Months before the current one for which personal columns are kept [default: `personal_months` of the
    /// configuration file, else 12]
    #[arg(long, env = "CLICKTRAIL_PERSONAL_MONTHS", value_name = "MONTHS")]
    personal_months: Option<u32>,
}

impl Kept {
    /// The months, if anybody said how many.
    pub(crate) fn said(self, global: &Global) -> anyhow::Result<Option<u32>> {
        Ok(self.personal_months.or(config::load(global.config.as_deref())?.personal_months))
    }

    /// The months, or as many as usual.
    fn months(self, global: &Global) -> anyhow::Result<u32> {
        Ok(self.said(global)?.unwrap_or(PERSONAL_MONTHS))
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(kept) => Box::pin(show::run(global, kept)).await,
        Command::Apply(arguments) => Box::pin(apply::run(global, arguments)).await,
    }
}
