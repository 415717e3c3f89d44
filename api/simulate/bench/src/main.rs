//! `clicktrail-bench`: how fast, and in how much memory, beside what the same machine does without us in the same run.
//!
//! A ratio of two figures of one run means something on another machine; the figures alone do not. Needs what
//! `.ci/services` starts: run it with `make bench`.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures time, waits, and is told by .ci/services where everything is"
)]

mod bill;
mod catch_up;
mod client;
mod exporting;
mod far;
mod fsync;
mod hour;
mod http;
mod judge;
mod link;
mod memory;
mod papers;
mod project;
mod q17;
mod reconciling;
mod record;
mod redirect;
mod repeats;
mod replay;
mod seal;
mod server;
mod sizes;
mod table;
mod took;
mod verifying;
mod visible;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use clicktrail_log::time::{Clock, SystemClock};

use hour::World;
use sizes::Sizes;
use table::Table;

/// The measured binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures clicktrail on this machine, and prints one table.
#[derive(Debug, Parser)]
#[command(name = "clicktrail-bench")]
struct Cli {
    #[command(subcommand)]
    child: Option<Child>,
    #[command(flatten)]
    sizes: Sizes,
    /// A file that gets one more line of JSON with what was measured
    #[arg(long)]
    record: Option<PathBuf>,
    /// What to measure [default: everything]
    #[arg(value_enum)]
    sections: Vec<Section>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Http,
    Redirect,
    Far,
    Seal,
    Project,
    Judge,
    Repeats,
    Replay,
    Q17,
    Bill,
    Papers,
    Memory,
    CatchUp,
    Visible,
    Verify,
    Export,
    Reconcile,
}

/// What runs in a process of its own, started by this program itself.
#[derive(Debug, Subcommand)]
enum Child {
    #[command(hide = true)]
    SealAndProject(memory::Arguments),
    #[command(hide = true)]
    ProjectAgain(project::Arguments),
    #[command(hide = true)]
    OneMessagePerClick(redirect::Arguments),
    #[command(hide = true)]
    ReplayWork(replay::Arguments),
    #[command(hide = true)]
    VerifyBundle(verifying::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.child {
        Some(Child::SealAndProject(arguments)) => Box::pin(memory::child(arguments)).await.map(|()| true),
        Some(Child::ProjectAgain(arguments)) => Box::pin(project::child(arguments)).await.map(|()| true),
        Some(Child::OneMessagePerClick(arguments)) => redirect::child(arguments).await.map(|()| true),
        Some(Child::ReplayWork(arguments)) => Box::pin(replay::child(arguments)).await.map(|()| true),
        Some(Child::VerifyBundle(arguments)) => verifying::child(arguments).map(|()| true),
        None => Box::pin(run(&cli, &SystemClock)).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            table::note(&format!("clicktrail-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether every target was met.
async fn run(cli: &Cli, clock: &dyn Clock) -> anyhow::Result<bool> {
    let Cli { sections, sizes, record, child: _ } = cli;
    let mut table = Table::default();
    let wanted = |section| sections.is_empty() || sections.contains(&section);
    if wanted(Section::Http) {
        Box::pin(http::run(sizes, &mut table)).await.context("http")?;
    }
    if wanted(Section::Redirect) {
        Box::pin(redirect::run(sizes, &mut table)).await.context("redirect")?;
    }
    if wanted(Section::Far) {
        Box::pin(far::run(sizes, &mut table)).await.context("far")?;
    }
    if wanted(Section::Visible) {
        Box::pin(visible::run(sizes, &mut table)).await.context("visible")?;
    }
    if wanted(Section::Seal) || wanted(Section::Project) {
        table::note(&format!("make an hour of {} events", sizes.events));
        let home = tempfile::tempdir()?;
        hour::fill(home.path(), sizes.events, 1, World::Sparse).await?;
        let manifest = Box::pin(seal::run(home.path(), &mut table)).await.context("seal")?;
        if wanted(Section::Project) {
            Box::pin(project::run(home.path(), &manifest, World::Sparse, &mut table)).await.context("project")?;
            Box::pin(project::dense(sizes.events, &mut table)).await.context("project, dense")?;
        }
    }
    if wanted(Section::Judge) {
        Box::pin(judge::run(sizes, &mut table)).await.context("judge")?;
    }
    if wanted(Section::Repeats) {
        Box::pin(repeats::run(&mut table)).await.context("repeats")?;
    }
    if wanted(Section::Replay) {
        Box::pin(replay::run(sizes, &mut table)).await.context("replay")?;
    }
    if wanted(Section::Q17) {
        Box::pin(q17::run(sizes, &mut table)).await.context("q17")?;
    }
    if wanted(Section::Bill) {
        Box::pin(bill::run(sizes, &mut table)).await.context("bill")?;
    }
    if wanted(Section::Papers) {
        Box::pin(papers::run(sizes, &mut table)).await.context("papers")?;
    }
    if wanted(Section::Verify) {
        Box::pin(verifying::run(sizes, &mut table)).await.context("verify")?;
    }
    if wanted(Section::Export) {
        Box::pin(exporting::run(sizes, &mut table)).await.context("export")?;
    }
    if wanted(Section::Reconcile) {
        Box::pin(reconciling::run(sizes, &mut table)).await.context("reconcile")?;
    }
    if wanted(Section::Memory) {
        memory::run(sizes, &mut table).await.context("memory")?;
    }
    if wanted(Section::CatchUp) {
        Box::pin(catch_up::run(sizes, &mut table)).await.context("catch-up")?;
    }
    table.print();
    if let Some(file) = record {
        record::append(file, clock.now(), sizes, &table).context("record")?;
    }
    Ok(table.all_met())
}
