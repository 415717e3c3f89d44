//! `clicktrail invoice export`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clicktrail_billing::{chain, correct::documents, kept};
use clicktrail_catalog::invoicing::{Document, DocumentFilter};
use clicktrail_invoices::{PeriodName, ledger};
use clicktrail_log::archive::keys::invoices::Form;
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format as OutputFormat, Global},
    installation::Installation,
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A document, as INV-00000012, or all documents of a period, as 2026-03
    #[arg(value_name = "NUMBER|PERIOD")]
    which: String,
    /// `json` (the document itself), `csv` and `parquet` (its lines), `pdf`, `ubl`, `cii`: as they were stored when it
    /// was issued. `ledger`: its bookings, as CSV
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Wanted,
    /// The directory for files named after their documents; `-`: on stdout, of one document
    #[arg(long, value_name = "DIR|-")]
    out: PathBuf,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    advertiser: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Stored(Form),
    Ledger,
}

fn format(text: &str) -> Result<Wanted, String> {
    match Form::parse(text) {
        Some(form) => Ok(Wanted::Stored(form)),
        None if text == "ledger" => Ok(Wanted::Ledger),
        None => Err("use json, csv, parquet, pdf, ubl, cii or ledger".to_owned()),
    }
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    let found = chosen(&instance, &arguments).await?;
    let (mut files, on_stdout) = (Vec::new(), arguments.out == Path::new("-"));
    let is_one = on_stdout && !matches!(arguments.format, Wanted::Ledger);
    ensure!(!is_one || found.len() == 1, "{} documents do not fit one stdout: name a directory", found.len());
    if !on_stdout {
        std::fs::create_dir_all(&arguments.out).with_context(|| format!("create {}", arguments.out.display()))?;
    }
    match arguments.format {
        Wanted::Stored(form) => {
            for document in &found {
                let bytes = stored(&instance, document, form).await?;
                let name = format!("{}.{}", chain::name(&document.number), form.suffix());
                files.extend(put(&arguments.out, on_stdout, &name, &bytes)?);
            }
        }
        Wanted::Ledger => {
            let bytes = bookings(&instance, &found).await?;
            let name = format!("{}.ledger.csv", arguments.which);
            files.extend(put(&arguments.out, on_stdout, &name, &bytes)?);
        }
    }
    if !on_stdout {
        match global.output {
            OutputFormat::Json => output::json(&json!({"files": files})),
            OutputFormat::Table => {
                for file in &files {
                    output::line(file);
                }
            }
        }
    }
    Ok(Exit::Ok)
}

/// The documents that are meant, by series and number.
async fn chosen(instance: &Installation, arguments: &Arguments) -> anyhow::Result<Vec<Document>> {
    let which = &arguments.which;
    let filter = match which.parse::<PeriodName>() {
        Ok(period) => DocumentFilter {
            period: Some(period.to_string()),
            advertiser_id: arguments.advertiser.clone(),
            ..DocumentFilter::default()
        },
        Err(_) => {
            let Some(number) = chain::number(which) else {
                bail!("{which:?} is neither a document, as INV-00000012, nor a period, as 2026-03");
            };
            let record = instance.catalog.document(&number).await?;
            return Ok(vec![record.with_context(|| format!("no document {which} was issued"))?.document]);
        }
    };
    let found = documents(instance.catalog.as_ref(), &filter).await?;
    ensure!(!found.is_empty(), "no document of {which} was issued");
    Ok(found)
}

/// A document in one form, as it was stored when it was issued.
pub(crate) async fn stored(instance: &Installation, document: &Document, form: Form) -> anyhow::Result<bytes::Bytes> {
    let name = chain::name(&document.number);
    let artefacts = instance.catalog.artefacts(&document.number).await?;
    let artefact = artefacts.iter().find(|artefact| artefact.format == form.as_str());
    let artefact = artefact.with_context(|| format!("{name} was issued without {}", form.as_str()))?;
    instance.archive.get_file(&kept::file(artefact)).await.with_context(|| format!("read {name}"))
}

async fn bookings(instance: &Installation, found: &[Document]) -> anyhow::Result<Vec<u8>> {
    let mut bookings = ledger::Bookings::new();
    for document in found {
        let artefacts = instance.catalog.artefacts(&document.number).await?;
        bookings.add(&kept::document(&instance.archive, document, &artefacts).await?)?;
    }
    Ok(bookings.csv())
}

fn put(directory: &Path, on_stdout: bool, name: &str, bytes: &[u8]) -> anyhow::Result<Option<String>> {
    if on_stdout {
        output::bytes(bytes);
        return Ok(None);
    }
    let path = directory.join(name);
    std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    Ok(Some(path.display().to_string()))
}
