//! `clicktrail invoice regenerate`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clicktrail_billing::{
    chain,
    counted::Origin,
    regenerate::{Finding, Regenerated, Regenerating},
};
use clicktrail_invoices::money;
use clicktrail_log::archive::keys::invoices::Form;
use serde_json::{Value, json};

use super::diff;
use crate::{
    exit::Exit,
    global::{Format, Global},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The document, as INV-00000012
    number: String,
    /// Count clicks and rulings of each hour again, and not only the segments that it was summed from
    #[arg(long)]
    from_raw: bool,
    /// Write what was computed into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put stored forms that are missing or damaged back, if they come out as they were issued
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    paper: super::paper::Arguments,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let instance = match arguments.repair {
        true => global.open_existing().await?,
        false => global.open_reading().await?,
    };
    let Some(number) = chain::number(&arguments.number) else {
        bail!("{:?} is no document: write it as INV-00000012", arguments.number);
    };
    let (paper, history) = (arguments.paper.read()?, instance.rulings());
    let regenerating = Regenerating {
        archive: &instance.archive,
        catalog: instance.catalog.as_ref(),
        paper: paper.as_ref(),
        origin: if arguments.from_raw { Origin::Raw(&history) } else { Origin::Segments },
    };
    let found = match regenerating.run(&number, None).await {
        Err(clicktrail_billing::Error::Contradiction(what)) => {
            output::note(&format!("clicktrail: {what}"));
            return Ok(Exit::Differences);
        }
        Err(cause) if cause.is_incomplete() => {
            output::error(&cause.into());
            return Ok(Exit::InputIncomplete);
        }
        found => found?,
    };
    let regenerated = found.with_context(|| format!("no document {} was issued", arguments.number))?;
    let name = chain::name(&number);
    if let Some(directory) = &arguments.out {
        write(directory, &name, &regenerated)?;
    }
    let put_back = if arguments.repair { regenerating.repair(&regenerated).await? } else { Vec::new() };
    print(&name, &regenerated, &put_back, global);
    let is_left = regenerated.findings.iter().any(|finding| match finding {
        Finding::Stored { form, .. } => !put_back.contains(form),
        Finding::Bill(_) | Finding::Text(_) | Finding::Bytes { .. } => true,
    });
    Ok(if is_left { Exit::Differences } else { Exit::Ok })
}

fn write(directory: &Path, name: &str, regenerated: &Regenerated) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    for (form, bytes) in &regenerated.made.forms {
        let path = directory.join(format!("{name}.{}", form.suffix()));
        std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn names(forms: &[Form]) -> String {
    forms.iter().map(|form| form.as_str()).collect::<Vec<_>>().join(", ")
}

fn print(name: &str, regenerated: &Regenerated, put_back: &[Form], global: &Global) {
    match global.output {
        Format::Json => {
            let skipped = regenerated.skipped.iter().map(|one| json!({"format": one.form, "reason": one.reason}));
            output::json(&json!({
                "document": name,
                "equal": regenerated.equal.iter().map(|form| form.as_str()).collect::<Vec<_>>(),
                "findings": regenerated.findings.iter().map(as_json).collect::<Vec<_>>(),
                "not_compared": skipped.collect::<Vec<_>>(),
                "put_back": put_back.iter().map(|form| form.as_str()).collect::<Vec<_>>(),
            }));
        }
        Format::Table => {
            if !regenerated.equal.is_empty() {
                output::line(&format!("{name}: {} came out the same, to the byte", names(&regenerated.equal)));
            }
            for finding in &regenerated.findings {
                tell(name, finding);
            }
            if !put_back.is_empty() {
                output::line(&format!("{name}: {} put back as issued", names(put_back)));
            }
        }
    }
    for skipped in &regenerated.skipped {
        output::note(&format!("{name}: {} was not compared: {}", skipped.form, skipped.reason));
    }
}

/// A finding in a sentence, with the lines that differ.
pub(super) fn tell(name: &str, finding: &Finding) {
    output::line(&format!("{name}: {}", sentence(finding)));
    if let Finding::Bill(difference) = finding {
        diff::table(difference).print();
    }
}

pub(super) fn sentence(finding: &Finding) -> String {
    match finding {
        Finding::Bill(difference) => {
            let show = |minor: i128| money::show(difference.currency, minor);
            let (stored, computed) = (show(difference.total.0), show(difference.total.1));
            format!("{stored} {0} was issued, {computed} {0} is computed", difference.currency)
        }
        Finding::Text(what) => what.clone(),
        Finding::Bytes { form, reason } => format!("{} comes out otherwise: {reason}", form.as_str()),
        Finding::Stored { form, reason, can_be_put_back } => {
            let hint = if *can_be_put_back { "; it comes out as it was issued: --repair puts it back" } else { "" };
            format!("{}: {reason}{hint}", form.as_str())
        }
    }
}

pub(super) fn as_json(finding: &Finding) -> Value {
    let (what, lines) = match finding {
        Finding::Bill(difference) => ("bill", diff::as_json(difference, difference.currency)),
        Finding::Text(_) => ("text", Value::Null),
        Finding::Bytes { .. } => ("bytes", Value::Null),
        Finding::Stored { .. } => ("stored", Value::Null),
    };
    json!({"finding": what, "detail": sentence(finding), "lines": lines})
}
