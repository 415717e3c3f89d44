//! `clicktrail reconcile`: a partner's own list of clicks held against ours.
//!
//! `theirs` reads the file, `rejected` looks for what came and was no event, `print` and `html` show the report.

mod html;
mod print;
mod reconciled;
mod rejected;
mod theirs;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clicktrail_import::{Format, Mapping};
use clicktrail_projections::zone::{Range, Unit, Zone};
use clicktrail_query::reconcile::{Asked, Ledger};

use crate::{exit::Exit, global::Global, output};
use reconciled::Reconciled;

/// The largest tolerance that makes sense: what is further apart is another click, or another zone.
const TOLERANCE_SECONDS_MAX: u32 = 440;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The partner's list of clicks
    file: PathBuf,
    /// Mapping file: where the list has time, price, currency, and event id or ad (see docs/reconciliation.md)
    #[arg(long, value_name = "FILE.toml")]
    mapping: PathBuf,
    /// Format of the list: csv, ndjson or combined
    #[arg(long, default_value = "csv", value_name = "FORMAT")]
    format: Format,
    /// Whose clicks
    #[arg(long, value_name = "ID")]
    advertiser: String,
    /// Event time from, inclusive: 2026-11-22 is a day of --timezone
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Event time to, exclusive, written as --from is
    #[arg(long, value_name = "TIME")]
    to: String,
    /// Time zone of --from and --to, by its IANA name or as an offset; that of the file's times is in the mapping
    #[arg(long, visible_alias = "zone", default_value = "UTC", value_name = "ZONE", allow_hyphen_values = true)]
    timezone: Zone,
    /// Times that are not further apart are the same
    #[arg(
        long,
        default_value_t = 5,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(..=i64::from(TOLERANCE_SECONDS_MAX))
    )]
    tolerance: u32,
    /// List every click, and not only those on which both sides do not agree
    #[arg(long)]
    all: bool,
    /// Write the report as a page, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let range = Range::parse(Some(&arguments.from), Some(&arguments.to), &arguments.timezone, Unit::Minute)?;
    let text = std::fs::read_to_string(&arguments.mapping);
    let text = text.with_context(|| format!("read the mapping {}", arguments.mapping.display()))?;
    let mapping = Mapping::parse_list(arguments.format, &text)
        .with_context(|| format!("read the mapping {}", arguments.mapping.display()))?;
    let instance = global.open_reading().await?;
    let mut ledger = Ledger::new(i64::from(arguments.tolerance) * 1_000_000);
    let (read, file_digest) = theirs::read(&arguments.file, mapping, &arguments.advertiser, &range, &mut ledger)?;
    let asked = Asked { advertiser: &arguments.advertiser, range: &range };
    instance.questions().add_clicks(&mut ledger, asked).await?;
    let mut matched = ledger.matched();
    if matched.unexplained() > 0 {
        rejected::explain(&instance, &arguments.advertiser, &mut matched).await?;
    }
    let report = matched.report();
    let reconciled = Reconciled {
        report,
        read,
        file: arguments.file.display().to_string(),
        file_digest,
        advertiser: arguments.advertiser,
        from: arguments.from,
        to: arguments.to,
        zone: arguments.timezone.name().to_owned(),
        tolerance_seconds: arguments.tolerance,
        all: arguments.all,
    };
    if let Some(path) = &arguments.html {
        ensure!(*path != arguments.file, "--html names the list itself: it would be overwritten");
        html::write(path, &reconciled).with_context(|| format!("write {}", path.display()))?;
    }
    print::print(global, &reconciled)?;
    if range.end().is_some_and(|end| end > instance.clock.now()) {
        output::note("the range is not over: more clicks may come into it");
    }
    Ok(reconciled.exit())
}
