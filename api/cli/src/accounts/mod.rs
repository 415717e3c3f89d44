//! `clicktrail accounts add|import|list|show|seller`

mod add;
mod list;
mod seller;
mod show;

pub(crate) use add::row;

use crate::{exit::Exit, global::Global};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Store the terms of accounts: who is billed, in which currency and zone, with which taxes, discounts and minimums
    ///
    /// Terms are never edited: a file that says something new becomes the next version, valid from the day that it
    /// names. The same file again changes nothing. All files of a call are stored, or none.
    #[command(after_help = "Examples:\n  clicktrail accounts add acme.toml\n  clicktrail accounts add accounts/*.toml")]
    Add(add::Arguments),
    /// Store the terms of every .toml file in a directory
    #[command(after_help = "Examples:\n  clicktrail accounts import accounts/")]
    Import(add::Directory),
    /// List accounts with their newest terms
    #[command(after_help = "Examples:\n  clicktrail accounts list\n  clicktrail accounts list --output csv")]
    List,
    /// Show the terms of an account, and its versions
    #[command(
        after_help = "Examples:\n  clicktrail accounts show acme\n  clicktrail accounts show acme --at 2026-03-01"
    )]
    Show(show::Arguments),
    /// Store who bills: name, address, tax number and bank of the seller; without a file, show it
    #[command(after_help = "Examples:\n  clicktrail accounts seller seller.toml\n  clicktrail accounts seller")]
    Seller(seller::Arguments),
}

impl Command {
    /// Whether all that it prints is one table.
    pub(super) const fn answers_with_a_table(&self) -> bool {
        match self {
            Self::List => true,
            Self::Add(_) | Self::Import(_) | Self::Show(_) | Self::Seller(_) => false,
        }
    }
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Add(arguments) => Box::pin(add::run(global, arguments)).await,
        Command::Import(directory) => Box::pin(add::import(global, directory)).await,
        Command::List => Box::pin(list::run(global)).await,
        Command::Show(arguments) => Box::pin(show::run(global, arguments)).await,
        Command::Seller(arguments) => Box::pin(seller::run(global, arguments)).await,
    }
}
