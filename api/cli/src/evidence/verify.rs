//! `clicktrail evidence verify`: what `clicktrail-verify` does, for whoever has this program at hand.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::Mutex,
};

use anyhow::Context as _;
use clicktrail_evidence::{
    Hash,
    note::VerifierKey,
    verify::{Failure, Kind, Report, Trust, verify, verify_receipt},
};

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
}

pub(super) fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, keys, witnesses, documents, receipt } = arguments;
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
    say(global, &report)
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
