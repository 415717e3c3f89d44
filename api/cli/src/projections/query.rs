//! `clicktrail projections query`

use anyhow::Context as _;
use clicktrail_projections::{
    Projection,
    counters::NAME,
    projection::query,
    zone::{Range, Zone},
};

use super::directory;
use crate::{basis, exit::Exit, global::Global};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The projection: the name of its files in the directory that --projections names
    name: String,
    /// Event time from, inclusive: 2026-11-22 is a day of --timezone, 2026-11-22T14:00 a time of its clocks, and
    /// 2026-11-22T14:00:00Z that instant; whole minutes or hours, as the projection has them
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Event time to, exclusive, written as --from is
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Add up by these columns of the key, separated by commas [default: the whole key]; currency is always added
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    by: Vec<String>,
    /// Time zone of --from and --to, by its IANA name, as in Europe/Berlin, or as an offset, as in +02:00
    #[arg(long, default_value = "UTC", value_name = "ZONE", allow_hyphen_values = true)]
    timezone: Zone,
    #[command(flatten)]
    basis: basis::Arguments,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let projection = match arguments.name.as_str() {
        NAME => Projection::counters(),
        name => {
            let directory = global.projections()?;
            let directory = directory.with_context(|| {
                format!("{name} is no built-in projection: name the directory of yours by --projections")
            })?;
            directory::load_one(&directory, name).await?
        }
    };
    let (from, to) = (arguments.from.as_deref(), arguments.to.as_deref());
    let range = Range::parse(from, to, &arguments.timezone, projection.unit())?;
    let instance = global.open_answering().await?;
    arguments.basis.wait(&instance).await?;
    let question = query::Question { range, by: arguments.by };
    let answer = instance.questions().projected(&projection, &question).await?;
    let basis = basis::with_spool(answer.basis, &instance).await?;
    arguments.basis.print(&answer.rows, &basis, global)
}
