//! `clicktrail period list|show|close`

mod close;
mod list;
mod show;
mod zones;

use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the periods whose instants are frozen, and which of them are closed
    #[command(after_help = "Examples:\n  clicktrail period list\n  clicktrail period list --output csv")]
    List,
    /// Show when a period begins and ends in each zone, and what is missing before it can be drafted
    ///
    /// Exit code 4: something is missing.
    #[command(after_help = "Examples:\n  clicktrail period show 2026-03\n  clicktrail period show 2026-03 --zone \
                            Asia/Kolkata")]
    Show(show::Arguments),
    /// Close a period: its instants are frozen, and somebody says that its hours are complete
    ///
    /// Refused, with exit code 4 and what is missing by name, until all of its hours are sealed, judged and counted.
    #[command(after_help = "Examples:\n  clicktrail period close 2026-03\n  clicktrail period close 2026-03 --zone \
                            Europe/Berlin --lateness 48h")]
    Close(close::Arguments),
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        match self {
            Self::List | Self::Show(_) => true,
            Self::Close(_) => false,
        }
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List => Box::pin(list::run(global)).await,
        Command::Show(arguments) => Box::pin(show::run(global, arguments)).await,
        Command::Close(arguments) => Box::pin(close::run(global, arguments)).await,
    }
}
