//! `clicktrail evidence`: what others can check without us.

mod export;
mod keygen;
mod verify;

use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key that signs sealed hours, or one for a witness
    ///
    /// The secret goes into a file that only its owner reads; the verifier key is printed: give it to whoever checks
    /// evidence. The name of the key is the name of the log for good, as in logs.example.com/clicks.
    Keygen(keygen::Arguments),
    /// Write one file that proves an invoice, or some events, to whoever has nothing but a key
    ///
    /// It exits with 4 if something cannot be proved yet, and says what helps. Whoever gets the file checks it with
    /// `clicktrail-verify`, without a connection.
    Export(export::Arguments),
    /// Check such a file, as `clicktrail-verify` does
    ///
    /// Exit codes are its own: 0 all of it is proved, 2 integrity, 3 incomplete, 4 arithmetic, 5 untrusted key,
    /// 6 unreadable, 7 the promise of a receipt was broken.
    Verify(verify::Arguments),
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Keygen(arguments) => keygen::run(global, &arguments),
        Command::Export(arguments) => export::run(global, arguments).await,
        Command::Verify(arguments) => verify::run(global, arguments),
    }
}
