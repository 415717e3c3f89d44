//! `clicktrail evidence verify`: what `clicktrail-verify` does, for whoever has this program at hand.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::{Context as _, ensure};
use clicktrail_evidence::{
    Hash,
    note::VerifierKey,
    verify::{Failure, Kind, Report, Trust, verify, verify_receipt},
};
use clicktrail_export::rows;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output, signing,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The bundle
    file: PathBuf,
    /// A verifier key of the log, or a file that holds it; have it from elsewhere than the bundle
    #[arg(long = "key", required = true, value_name = "VKEY or FILE", value_parser = signing::log_key)]
    keys: Vec<VerifierKey>,
    /// A witness that must have signed too, likewise
    #[arg(long = "witness-key", value_name = "VKEY or FILE", value_parser = signing::witness_key)]
    witnesses: Vec<VerifierKey>,
    /// A document as you have it, in its canonical JSON: it need not be in the log of issued documents yet
    #[arg(long = "document", value_name = "FILE")]
    documents: Vec<PathBuf>,
    /// A receipt that was handed out when an event was captured, as text or token: was its promise kept?
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Write the rows as Parquet too, once all of it is proved: a new file
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
}

pub(super) fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, keys, witnesses, documents, receipt, parquet } = arguments;
    ensure!(parquet.as_ref().is_none_or(|path| !path.exists()), "the file for --parquet is there already");
    let digest = |path: &PathBuf| -> anyhow::Result<Hash> {
        let bytes = fs::read(path).with_context(|| format!("read the document {}", path.display()))?;
        Ok(Hash::of(&bytes))
    };
    let documents = documents.iter().map(digest).collect::<anyhow::Result<Vec<_>>>()?;
    let trust = Trust { keys, witnesses, documents };
    let bundle = match File::open(&file) {
        Ok(bundle) => Mutex::new(bundle),
        Err(error) => {
            let failure = Failure::new(Kind::Unreadable, file.display().to_string(), error.to_string());
            return say(global, &Report::unread(failure));
        }
    };
    let report = match receipt {
        None => verify(&bundle, &trust),
        Some(path) => {
            let receipt = fs::read(&path).with_context(|| format!("read the receipt {}", path.display()))?;
            verify_receipt(&bundle, &trust, &receipt)
        }
    };
    let exit = say(global, &report)?;
    if let Some(path) = parquet.filter(|_| report.verified) {
        let rows = write(&bundle, &path).with_context(|| format!("write {}", path.display()))?;
        output::note(&format!("{}: {}", path.display(), output::count(rows, "event")));
    }
    Ok(exit)
}

/// Prints a report, and says how the command ends.
fn say(global: &Global, report: &Report) -> anyhow::Result<Exit> {
    match global.output {
        Format::Json => output::json(&serde_json::to_value(report)?),
        Format::Table if io::stdout().is_terminal() => output::line(report.for_terminal().trim_end()),
        Format::Table => output::line(report.to_string().trim_end()),
    }
    Ok(if report.verified { Exit::Ok } else { Exit::Unverified(report.exit_code) })
}

/// Writes the rows beside the file, and gives it its name when it is whole.
fn write(bundle: &Mutex<File>, path: &Path) -> anyhow::Result<u64> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = rows::to_parquet(bundle, File::create(&new)?).map_err(anyhow::Error::from);
    let written = written.and_then(|rows| {
        fs::rename(&new, path)?;
        Ok(rows)
    });
    if written.is_err() {
        // Nobody may take it for all rows.
        let _ = fs::remove_file(&new);
    }
    written
}
