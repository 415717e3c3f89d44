//! `clicktrail evidence keygen`

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clicktrail_evidence::note::{Kind, SigningKey};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the log, or of the witness: a URL without its scheme, which need not lead anywhere
    #[arg(long)]
    name: String,
    /// File for the secret key; it must not exist
    #[arg(long, value_name = "FILE", default_value = "evidence.key")]
    out: PathBuf,
    /// Make the key of a witness
    #[arg(long)]
    witness: bool,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let kind = if arguments.witness { Kind::Cosignature } else { Kind::Ed25519 };
    let key = SigningKey::generate(&arguments.name, kind)?;
    write_secret(&arguments.out, &key.to_text())?;
    let verifier = key.verifier().to_string();
    match global.output {
        Format::Json => output::json(&json!({"verifier_key": verifier, "file": arguments.out.display().to_string()})),
        Format::Table => output::line(&verifier),
    }
    let file = arguments.out.display();
    output::note(&format!("clicktrail: the secret key is in {file}; keep a copy where no server is"));
    Ok(Exit::Ok)
}

/// Writes a secret that only its owner reads, durably. A file that exists is not written over: it may be a key.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let create = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(format!("{text}\n").as_bytes())?;
        file.sync_all()?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    create().with_context(|| format!("create the key file {}", path.display()))
}
