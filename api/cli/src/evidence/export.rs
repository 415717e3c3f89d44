//! `clicktrail evidence export`

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::BufWriter,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail, ensure};
use clicktrail_billing::chain;
use clicktrail_export::{Ask, Error, Exported, Exporting, find};
use clicktrail_log::position::Position;
use clicktrail_projections::zone::{Range, Unit, Zone};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, count},
    replay::trail::Said,
};

/// The action of the row in the audit trail.
const ACTION: &str = "export_evidence";
/// The longest id of a case.
const CASE_CHARS_MAX: usize = 128;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// An invoice, or a note of it, as INV-00000012: the invoice with all of its notes
    #[arg(long, value_name = "DOCUMENT", required_unless_present = "query", conflicts_with = "query")]
    invoice: Option<String>,
    /// Only the clicks of these campaigns: lines are proved, totals are not
    #[arg(long, value_name = "CAMPAIGN", value_delimiter = ',', requires = "invoice")]
    lines: Vec<String>,
    /// Instead of an invoice: event_id=ID, position=1.42.7, or advertiser=ID,from=TIME,to=TIME (event time, `to` is
    /// exclusive)
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Time zone of the times of --query
    #[arg(long, default_value = "UTC", value_name = "ZONE", allow_hyphen_values = true)]
    timezone: Zone,
    /// With addresses, user agents and all else about people; needs --case
    #[arg(long, requires = "case")]
    with_personal: bool,
    /// The case for which personal columns are handed out; it is in the bundle and in the audit trail
    #[arg(long, value_name = "ID", requires = "with_personal")]
    case: Option<String>,
    /// The bundle: a new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { invoice, lines, query, timezone, case, out, said, with_personal: _ } = arguments;
    let by = said.by(global)?;
    let is_case =
        |case: &String| (1..=CASE_CHARS_MAX).contains(&case.chars().count()) && !case.chars().any(char::is_control);
    ensure!(case.as_ref().is_none_or(is_case), "--case is an id of at most {CASE_CHARS_MAX} characters");
    ensure!(!out.exists(), "{} is there already", out.display());
    let instance = global.open_recorded().await?;
    ensure!(
        case.is_none() || !instance.is_read_only,
        "who exports personal columns is written into the audit trail, and nothing can be written here: export without \
         --with-personal, or from an installation that can be written to"
    );
    let named = described(invoice.as_deref().or(query.as_deref()).unwrap_or_default(), &lines);
    let ask = match (&invoice, &query) {
        (Some(name), _) => of_document(name, lines),
        (None, Some(query)) => of_query(&instance, query, &timezone).await,
        (None, None) => Err(anyhow!("name --invoice or --query")),
    };
    let new = beside(&out, ".new");
    let written = match ask {
        Ok(ask) => write(&instance, &ask, case.as_deref(), &out).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    let exit = match &written {
        Ok(_) => Exit::Ok,
        Err(error) if error.downcast_ref().is_some_and(is_incomplete) => Exit::InputIncomplete,
        Err(_) => Exit::Failed,
    };
    if let Some(case) = &case {
        let people = written.as_ref().map_or(0, |exported| exported.people);
        let detail = format!("case {case}: {named} with personal columns of {}", count(people, "event"));
        // What is about people has no name before the trail says who has it.
        if let Err(cause) = by.write(&instance, ACTION, exit, detail).await {
            let _ = fs::remove_file(&new);
            return Err(cause).context("nothing was handed out, because the audit trail cannot say so");
        }
    }
    let written = written.and_then(|exported| {
        fs::rename(&new, &out)?;
        Ok(exported)
    });
    match written {
        Ok(exported) => print(global, &exported, &out),
        Err(error) if exit == Exit::InputIncomplete => output::error(&error),
        Err(error) => return Err(error),
    }
    Ok(exit)
}

/// What is asked for, as the audit trail says it.
fn described(what: &str, lines: &[String]) -> String {
    match lines.is_empty() {
        true => what.to_owned(),
        false => format!("{what}, lines {}", lines.join(", ")),
    }
}

/// Whether something that is asked for is not there, or cannot be proved.
fn is_incomplete(error: &Error) -> bool {
    match error {
        Error::NotFound(_)
        | Error::NoEvent(_)
        | Error::NotSealed(_)
        | Error::Unsigned
        | Error::HourUnsigned { .. }
        | Error::WithoutTrees { .. }
        | Error::VerdictsOpen(_)
        | Error::TooManyHours(_) => true,
        Error::Archive(_) | Error::Head(_) | Error::Catalog(_) | Error::Billing(_) | Error::Io(_) | Error::Zip(_) => {
            false
        }
    }
}

fn of_document(name: &str, lines: Vec<String>) -> anyhow::Result<Ask> {
    let number = chain::number(name).with_context(|| format!("{name:?} is no document: write it as INV-00000012"))?;
    Ok(Ask::Document { number, campaigns: (!lines.is_empty()).then_some(lines) })
}

async fn of_query(instance: &Installation, query: &str, zone: &Zone) -> anyhow::Result<Ask> {
    let wrong =
        || format!("{query:?} is no query: write event_id=ID, position=1.42.7, or advertiser=ID,from=TIME,to=TIME");
    if let Some(text) = query.strip_prefix("position=") {
        return Ok(Ask::Event(text.parse::<Position>()?));
    }
    if let Some(id) = query.strip_prefix("event_id=") {
        let found = find::event(&instance.archive, id).await?;
        return match found.as_slice() {
            [position] => Ok(Ask::Event(*position)),
            [] => Err(Error::NotFound(format!("no sealed event has the id {id:?}")).into()),
            all => {
                let all = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                bail!("several events have the id {id:?}: ask for one by its position: {all}")
            }
        };
    }
    let rest = query.strip_prefix("advertiser=").with_context(wrong)?;
    let (advertiser, times) = rest.rsplit_once(",from=").with_context(wrong)?;
    let (from, to) = times.split_once(",to=").with_context(wrong)?;
    let range = Range::parse(Some(from), Some(to), zone, Unit::Minute)?;
    let mut pieces = range.pieces();
    match (pieces.next(), pieces.next()) {
        (Some((Some(from), Some(to))), None) => Ok(Ask::Events { advertiser: advertiser.to_owned(), from, to }),
        _ => bail!("the range of {query:?} has several pieces, because clocks were put back: name instants"),
    }
}

/// A file or directory beside another.
fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    out.with_file_name(name)
}

/// Writes beside the file; it gets its name when it is whole. What is about people nobody else may read.
async fn write(instance: &Installation, ask: &Ask, case: Option<&str>, out: &Path) -> Result<Exported, Error> {
    let (scratch, new) = (beside(out, ".parts"), beside(out, ".new"));
    let (of_directory, of_file) = if case.is_some() { (0o700, 0o600) } else { (0o777, 0o666) };
    // Of a process that died: it may have other rights.
    let _ = fs::remove_dir_all(&scratch);
    let _ = fs::remove_file(&new);
    DirBuilder::new().mode(of_directory).create(&scratch)?;
    let exporting = Exporting { archive: &instance.archive, catalog: instance.catalog.as_ref(), scratch: &scratch };
    let file = OpenOptions::new().write(true).create_new(true).mode(of_file).open(&new)?;
    let file = BufWriter::with_capacity(1 << 20, file);
    let written = exporting.write(ask, case, file).await;
    // What is left in it belongs to a bundle that was not finished.
    let cleared = fs::remove_dir_all(&scratch);
    let finished = written.and_then(|(exported, file)| {
        cleared?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(exported)
    });
    if finished.is_err() {
        // Nobody may take it for a bundle.
        let _ = fs::remove_file(&new);
    }
    finished
}

fn print(global: &Global, exported: &Exported, out: &Path) {
    let Exported { rows, verdicts, hours, head: (log, entries), unlogged, people, erased } = exported;
    match global.output {
        Format::Json => output::json(&json!({
            "file": out.display().to_string(), "events": rows, "verdicts": verdicts, "hours": hours,
            "log": log, "entries": entries, "unlogged": unlogged, "people": people, "erased": erased,
        })),
        Format::Table => {
            let (rows, verdicts, hours) = (count(rows, "event"), count(verdicts, "verdict"), count(hours, "hour"));
            output::line(&format!(
                "{}: {rows} and {verdicts} of {hours}, under {log} at {entries} entries",
                out.display()
            ));
        }
    }
    if *erased > 0 {
        output::note(&format!(
            "the personal columns of {} were erased: the bundle has the hashes of what was sealed, and not the values",
            count(erased, "event")
        ));
    }
    for document in unlogged {
        output::note(&format!(
            "{document} is in no signed hour of the log of issued documents yet: whoever checks must hand in the \
             document (--document), or ask again for a bundle once that hour is over and signed"
        ));
    }
}
