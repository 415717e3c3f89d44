//! `clicktrail projections query`

use clicktrail_projections::{
    Projection,
    projection::query,
    zone::{Range, Zone},
};
use clicktrail_replay::projected::HoursFrom;

use super::directory;
use crate::{basis, exit::Exit, global::Global, output};

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
    let projection = directory::named(global, &arguments.name).await?;
    let (from, to) = (arguments.from.as_deref(), arguments.to.as_deref());
    let range = Range::parse(from, to, &arguments.timezone, projection.unit())?;
    let instance = global.open_reading().await?;
    arguments.basis.wait(&instance).await?;
    let question = query::Question { range, by: arguments.by };
    let answer = instance.questions().projected(&projection, &question).await?;
    let mut basis = basis::with_spool(answer.basis, &instance).await?;
    arguments.basis.look(&mut basis, &instance).await?;
    if let Some(from) = &basis.hours_from {
        tell(&projection, from);
    }
    arguments.basis.print(&answer.rows, &basis, global)
}

/// Says what the hours count from, if any of them has a live segment of the projection.
fn tell(projection: &Projection, from: &HoursFrom) {
    if from.live > 0 {
        let live = output::count(from.live, "hour");
        output::note(&format!("{live} from live segments, {} computed for this question", from.computed));
    }
    let name = projection.name();
    for (code, hours) in &from.other_code {
        let (hours, code) = (output::count(*hours, "hour"), code.get(..12).unwrap_or(code));
        output::note(&format!(
            "{name} was changed since it was promoted: {hours} with a segment of {code} are computed anew, until a \
             build of it is promoted (`clicktrail replay plan {name}`)"
        ));
    }
}
