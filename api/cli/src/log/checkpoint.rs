//! `clicktrail log checkpoint`: what was signed last, as others read it.

use clicktrail_evidence::note::VerifierKey;
use clicktrail_log::archive::transparency::{Kept, Reader};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output, signing,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the checkpoint over this many entries instead of the newest
    #[arg(long, value_name = "ENTRIES")]
    size: Option<u64>,
    /// Check that it is signed by one of these verifier keys, or of files that hold them
    #[arg(long = "key", value_name = "VKEY or FILE", value_parser = signing::verifier)]
    keys: Vec<VerifierKey>,
}

pub(super) async fn run(global: &Global, instance: &Installation, arguments: &Arguments) -> anyhow::Result<Exit> {
    let reader = Reader::new(instance.archive.clone());
    let kept = match arguments.size {
        Some(size) => reader.checkpoint(size).await?,
        None => reader.newest().await?,
    };
    let Some(kept) = kept else {
        let what = arguments.size.map_or("nothing was signed yet".to_owned(), |size| {
            format!("no checkpoint over {} was signed", output::count(size, "entry"))
        });
        output::note(&format!("clicktrail: {what}: see `log sign` and `serve --evidence-key`"));
        return Ok(Exit::InputIncomplete);
    };
    if !is_signed(&kept, &arguments.keys, "the checkpoint") {
        return Ok(Exit::Differences);
    }
    print(global, &kept);
    Ok(Exit::Ok)
}

/// Whether one of `keys` signed a checkpoint, if any were given; says so if none did, or if a signature is forged.
pub(super) fn is_signed(kept: &Kept, keys: &[VerifierKey], what: &str) -> bool {
    let checked = if keys.is_empty() { Ok(()) } else { kept.note.verify(keys).map(drop) };
    if let Err(error) = &checked {
        output::note(&format!("PROBLEM {what}: {error}"));
    }
    checked.is_ok()
}

fn print(global: &Global, kept: &Kept) {
    let note = kept.note.to_string();
    match global.output {
        Format::Json => output::json(&json!({
            "origin": kept.checkpoint.origin,
            "size": kept.checkpoint.size,
            "root": kept.checkpoint.root.to_string(),
            "note": note,
        })),
        Format::Table => output::bytes(note.as_bytes()),
    }
}
