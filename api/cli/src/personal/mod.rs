//! `clicktrail personal`: somebody is erased, and what was proved stays proved.

mod apply;
mod ddrf;
mod erase;
mod list;
mod look;
mod progress;

use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Erase what is known about a user or an address, wherever it is stored
    ///
    /// Events stay, and with them counts, invoices and proofs; every column about people of theirs goes. What is not
    /// sealed yet goes right after its hour is sealed and judged: until then the request stays open, and the exit code
    /// is 5.
    Erase(erase::Arguments),
    /// Go on with the requests that are open, as the role archive does every ten minutes
    ///
    /// Exit code 5: some are open still.
    Apply(apply::Arguments),
    /// List the requests that are open
    List,
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        matches!(self, Self::List)
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Erase(arguments) => Box::pin(erase::run(global, arguments)).await,
        Command::Apply(arguments) => Box::pin(apply::run(global, arguments)).await,
        Command::List => list::run(global).await,
    }
}
