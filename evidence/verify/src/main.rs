//! `clicktrail-verify`: checks a bundle of evidence on a laptop, without any connection, database or columnar engine.

use std::{
    fs::File,
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Mutex,
};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use clicktrail_evidence::{
    Hash,
    note::VerifierKey,
    verify::{Failure, Kind, Report, Trust, verify, verify_receipt},
};

/// Check a bundle of evidence, without any connection.
///
/// Exit codes: 0 all of it is proved; 1 the command was called wrongly; 2 integrity: bytes, hashes, proofs or
/// signatures are not what they must be; 3 incomplete: something that the proof needs is missing; 4 arithmetic: counts,
/// money or the derivation do not follow; 5 untrusted: no key that was given signed it; 6 unreadable: it is no such
/// bundle; 7 promise broken: what the receipt promises is not what was logged.
#[derive(Debug, Parser)]
#[command(name = "clicktrail-verify", version)]
struct Arguments {
    /// The bundle.
    file: PathBuf,
    /// The public key of the log, as name+id+base64, or a file that holds it. Have it from elsewhere than the bundle.
    /// May be given more than once: one of them must have signed.
    #[arg(long = "key", required = true, value_name = "KEY", value_parser = log_key)]
    keys: Vec<VerifierKey>,
    /// The public key of a witness that must have signed too, given likewise. May be given more than once: each must
    /// have signed.
    #[arg(long = "witness-key", value_name = "KEY", value_parser = witness_key)]
    witnesses: Vec<VerifierKey>,
    /// An invoice or note as you have it, in its canonical JSON: it must be one of those in the bundle, to the byte,
    /// and need not be in the log yet. May be given more than once.
    #[arg(long = "document", value_name = "FILE")]
    documents: Vec<PathBuf>,
    /// A receipt that you were handed when an event was captured, as text or token: was its promise kept?
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Words for people, or JSON for programs.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn log_key(text: &str) -> anyhow::Result<VerifierKey> {
    Ok(Trust::log_key(verifier(text)?)?)
}

fn witness_key(text: &str) -> anyhow::Result<VerifierKey> {
    Ok(Trust::witness_key(verifier(text)?)?)
}

/// A key as it is given: itself, or the name of a file that holds it.
fn verifier(text: &str) -> anyhow::Result<VerifierKey> {
    let from_text = text.parse::<VerifierKey>();
    match (from_text, std::fs::read_to_string(text)) {
        (Ok(key), _) => Ok(key),
        (Err(error), Err(_)) => Err(error.into()),
        (Err(_), Ok(file)) => file.trim().parse().with_context(|| format!("in the file {text}")),
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::from(error.use_stderr());
            // Whoever closed the pipe knows enough.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let digest = |path: &PathBuf| {
        let bytes = std::fs::read(path).with_context(|| format!("read the document {}", path.display()))?;
        anyhow::Ok(Hash::of(&bytes))
    };
    let trust = Trust {
        keys: arguments.keys.clone(),
        witnesses: arguments.witnesses.clone(),
        documents: arguments.documents.iter().map(digest).collect::<Result<_, _>>()?,
    };
    let receipt = arguments
        .receipt
        .as_ref()
        .map(|path| std::fs::read(path).with_context(|| format!("read the receipt {}", path.display())));
    let report = match (File::open(&arguments.file), receipt.transpose()?) {
        (Ok(file), None) => verify(&Mutex::new(file), &trust),
        (Ok(file), Some(receipt)) => verify_receipt(&Mutex::new(file), &trust, &receipt),
        (Err(error), _) => {
            Report::unread(Failure::new(Kind::Unreadable, arguments.file.display().to_string(), error.to_string()))
        }
    };
    let text = match arguments.output {
        Output::Text if std::io::stdout().is_terminal() => report.for_terminal(),
        Output::Text => report.to_string(),
        Output::Json => serde_json::to_string_pretty(&report).context("write the report")? + "\n",
    };
    std::io::stdout().write_all(text.as_bytes()).context("write the report")?;
    Ok(report.exit_code)
}
