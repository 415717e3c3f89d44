//! `clicktrail personal erase`

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clicktrail_log::{
    archive::erasure::{Person, Request},
    ids::{Ids as _, RandomIds},
};
use serde_json::json;

use super::{ddrf, look, progress};
use crate::{
    behind,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output::{self, count},
    replay::trail::Said,
};

/// The action of the row in the audit trail: a request was made.
const ACTION: &str = "personal_erase";
/// For so long events may come from spools that were captured before a request: a request on a broker stays open.
const SPOOLED: Duration = Duration::from_secs(7 * 24 * 3_600);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["user", "address", "ddrf"]))]
pub(crate) struct Arguments {
    /// An id of a user or of a session, as it was sent
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// An IP address
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// A request of the IAB's Data Deletion Request Framework: a file with its JWT (rqJWT), or with what that says as
    /// JSON. Its signatures are not checked here
    #[arg(long, value_name = "FILE")]
    ddrf: Option<PathBuf>,
    /// With --ddrf: a type of identifiers that are ids of users here [default: user_id, uid, session_id]
    #[arg(long, value_name = "TYPE", requires = "ddrf")]
    user_type: Vec<String>,
    /// Only say where and how often it is stored
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Erase it: it cannot be taken back
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { user, address, ddrf, user_type, dry_run, yes, said } = arguments;
    ensure!(dry_run || yes, "say --dry-run to look, or --yes to erase");
    let person = match (user, address, ddrf) {
        (Some(id), _, _) => Person::user(&id).map_err(anyhow::Error::msg).context("read --user")?,
        (_, Some(address), _) => Person::address(&address).map_err(anyhow::Error::msg).context("read --address")?,
        (None, None, file) => ddrf::read(&file.context("name --user, --address or --ddrf")?, &user_type)?,
    };
    let by = said.by(global)?;
    ensure!(
        !by.says(person.value()),
        "--reason and --actor repeat who is to be erased: they go into the audit trail, which is never erased"
    );
    let instance = global.open_existing().await?;
    if dry_run {
        let found = look::look(&instance, &person).await?;
        print_found(global, &found);
        return Ok(Exit::Ok);
    }
    ensure!(by.has_reason(), "say --reason: it goes into the audit trail, so name the request and not the person");
    behind::check(&instance).await?;
    let request = open(&instance, &person).await?;
    let detail = format!("request {} about {} {}", request.id, request.kind.as_str(), request.digest());
    by.write(&instance, ACTION, Exit::Ok, detail).await?;
    let done = progress::go_on(&instance, by.actor()).await?;
    progress::print(global, &done)?;
    look::tell_of_bundles(&instance).await?;
    Ok(progress::exit(&done))
}

async fn open(instance: &Installation, person: &Person) -> anyhow::Result<Request> {
    let now = instance.clock.now();
    let spooled = i64::try_from(SPOOLED.as_micros()).expect("a week");
    let until = if instance.is_embedded() { now } else { now.plus_micros(spooled) };
    let through = instance.clicks.info().await?.last;
    let request = Request::open(&instance.archive, person, RandomIds.next(now), (now, until), through).await;
    request.context("store the request")
}

fn print_found(global: &Global, found: &look::Found) {
    let look::Found { hours, archived, unsealed, rejected, spooled } = found;
    match global.output {
        Format::Json => output::json(&json!({
            "dry_run": true, "hours": hours, "archived": archived, "unsealed": unsealed, "rejected": rejected,
            "spooled_frames": spooled,
        })),
        Format::Table => output::line(&format!(
            "{} of {} in the archive, {} that are not sealed yet, {}",
            count(archived, "event"),
            count(hours, "sealed hour"),
            count(unsealed, "event"),
            count(rejected, "rejected event"),
        )),
    }
    if *spooled > 0 {
        let frames = count(spooled, "frame");
        output::note(&format!(
            "{frames} on this directory's spools: nobody looked into them, and they are sealed later"
        ));
    }
    output::note("nothing was erased: pass --yes --reason TEXT to erase it");
}
