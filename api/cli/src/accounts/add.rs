//! `clicktrail accounts add|import`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clicktrail_billing::records::terms;
use clicktrail_catalog::invoicing::{AT_ONCE_MAX, NewTerms, TermsStored};
use clicktrail_invoices::Terms;
use serde_json::json;

use crate::{
    ads::Who,
    exit::Exit,
    global::{Format, Global},
    output,
};

/// The largest file that is read: terms are much smaller.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// So many files with mistakes are named.
const NAMED_MAX: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files of terms (see docs/invoices.md)
    #[arg(required = true, value_name = "FILE.toml")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Directory {
    /// Directory of files of terms
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    store(global, &arguments.files, arguments.who).await
}

pub(super) async fn import(global: &Global, arguments: Directory) -> anyhow::Result<Exit> {
    let directory = &arguments.directory;
    let entries = std::fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("read {}", directory.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "there is no .toml file in {}", directory.display());
    files.sort();
    store(global, &files, arguments.who).await
}

/// A file as text, if it is no larger than such a file can be.
pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    let named = || format!("read {}", file.display());
    let bytes = std::fs::metadata(file).with_context(named)?.len();
    ensure!(bytes <= FILE_BYTES_MAX, "{} has {bytes} bytes, more than {FILE_BYTES_MAX}", file.display());
    std::fs::read_to_string(file).with_context(named)
}

async fn store(global: &Global, files: &[PathBuf], who: Who) -> anyhow::Result<Exit> {
    let actor = global.actor(who.actor)?;
    let (mut all, mut wrong) = (Vec::with_capacity(files.len()), 0_usize);
    for file in files {
        let text = read(file);
        let terms = text.and_then(|text| Ok(Terms::from_toml(&text, &file.display().to_string())?));
        match terms {
            Ok(terms) => all.push(terms),
            Err(error) => {
                wrong += 1;
                if wrong <= NAMED_MAX {
                    output::note(&format!("{error:#}"));
                }
            }
        }
    }
    if wrong > 0 {
        bail!("{wrong} of {} cannot be used: nothing was stored", output::count(files.len(), "file"));
    }
    let instance = global.open().await?;
    let rows: Vec<NewTerms> = all.iter().map(row).collect();
    let mut stored: Vec<TermsStored> = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(AT_ONCE_MAX) {
        stored.extend(instance.catalog.put_terms(chunk, &actor, instance.clock.now()).await?);
    }
    // A catalog that is lost gets them back from there.
    let kept = terms::keep(&instance.archive, instance.catalog.as_ref()).await;
    kept.context("keep in the archive what the catalog has stored: the same command again does")?;
    tell(global, &all, &stored);
    Ok(Exit::Ok)
}

/// Terms as the catalog keeps them.
pub(crate) fn row(terms: &Terms) -> NewTerms {
    NewTerms {
        advertiser_id: terms.advertiser_id.clone(),
        valid_from: terms.valid_from.to_string(),
        text: terms.canonical(),
        digest: terms.digest().to_string(),
    }
}

fn tell(global: &Global, all: &[Terms], stored: &[TermsStored]) {
    let new = stored.iter().filter(|stored| stored.is_new).count();
    match global.output {
        Format::Json => {
            let rows = all.iter().zip(stored).map(|(terms, stored)| {
                json!({
                    "advertiser_id": terms.advertiser_id,
                    "version": stored.version,
                    "is_new": stored.is_new,
                    "valid_from": terms.valid_from.to_string(),
                    "missing": terms.missing(),
                })
            });
            output::json(&rows.collect());
        }
        Format::Table => {
            output::line(&format!("{} read, {new} new or changed", output::count(all.len(), "account")));
            // Of many the numbers are enough.
            for (terms, stored) in all.iter().zip(stored).take(NAMED_MAX) {
                let (id, from) = (&terms.advertiser_id, terms.valid_from);
                let verb = if stored.is_new { "is valid" } else { "is the same; valid" };
                output::line(&format!("  {id}: version {} {verb} from {from}", stored.version));
            }
        }
    }
    for terms in all {
        let missing = terms.missing();
        if !missing.is_empty() {
            output::note(&format!("{} cannot be invoiced yet: it lacks {}", terms.advertiser_id, missing.join(", ")));
        }
    }
}
