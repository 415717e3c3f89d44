//! `clicktrail correction open|add|preview|close|revert|list|show`

mod add;
mod close;
mod event;
mod logging;
mod named;
mod open;
mod preview;
mod revert;

use crate::{ads::Who, exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Open a correction: what is added to it counts once it is closed, and not before
    Open {
        /// Why, in a sentence; kept with each of its rulings
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Add events that were missing, or rulings about events that should not stand
    Add(add::Arguments),
    /// What closing would do to each bill, and to which hours; nothing is changed
    Preview {
        /// The correction
        id: String,
    },
    /// Make all of it count, at once; run it again if it was cut off
    Close(close::Arguments),
    /// Undo all of it, at once, however long ago it was closed; run it again if it was cut off
    Revert(revert::Arguments),
    /// List corrections and how far they have come
    List,
    /// Print a correction with all that it adds and rules
    Show {
        /// The correction
        id: String,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Open { reason, who } => Box::pin(open::open(global, reason, who)).await,
        Command::Add(arguments) => Box::pin(add::run(global, arguments)).await,
        Command::Preview { id } => Box::pin(preview::run(global, &id)).await,
        Command::Close(arguments) => Box::pin(close::run(global, arguments)).await,
        Command::Revert(arguments) => Box::pin(revert::run(global, arguments)).await,
        Command::List => open::list(global).await,
        Command::Show { id } => Box::pin(preview::show(global, &id)).await,
    }
}
