//! `clicktrail invoice verify`

use anyhow::ensure;
use clicktrail_billing::{
    chain,
    counted::Origin,
    regenerate::Regenerating,
    verify::{Verdict, Verified},
};
use serde_json::{Value, json};

use super::regenerate;
use crate::{
    exit::Exit,
    global::{Format, Global},
    output, progress,
    replay::trail::Said,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// All documents that were ever issued
    #[arg(long, required_unless_present = "sample")]
    all: bool,
    /// Only so many documents, others each hour that it is asked: for a nightly check
    #[arg(long, value_name = "NUMBER")]
    sample: Option<usize>,
    /// Count clicks and rulings of each hour again, and not only the segments
    #[arg(long)]
    from_raw: bool,
    #[command(flatten)]
    paper: super::paper::Arguments,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    ensure!(arguments.sample != Some(0), "a sample of no document verifies nothing");
    let by = arguments.said.by(global)?;
    let instance = global.open_recorded().await?;
    let (paper, history) = (arguments.paper.read()?, instance.rulings());
    let regenerating = Regenerating {
        archive: &instance.archive,
        catalog: instance.catalog.as_ref(),
        paper: paper.as_ref(),
        origin: if arguments.from_raw { Origin::Raw(&history) } else { Origin::Segments },
    };
    let sample = arguments.sample.map(|size| (size, instance.clock.now().hour().as_i64()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let bar = progress::bar(0, "verify");
    let verified = regenerating.verify(sample, threads, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    let verified = verified.await;
    bar.finish_and_clear();
    let verified = verified?;
    print(&verified, global);
    let exit = exit(&verified);
    let all = output::count(verified.equal + verified.findings.len() as u64, "document");
    let detail = format!("{} of {all} came out the same", verified.equal);
    by.write(&instance, clicktrail_live::verified::INVOICES_ACTION, exit, detail).await?;
    Ok(exit)
}

/// Success only if something was compared, and all of it was equal.
fn exit(verified: &Verified) -> Exit {
    let is_failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed(_));
    match (verified.equal, verified.findings.is_empty()) {
        (0, true) => Exit::InputIncomplete,
        (_, true) => Exit::Ok,
        (_, false) if verified.findings.values().all(is_failed) => Exit::InputIncomplete,
        (_, false) => Exit::Differences,
    }
}

fn print(verified: &Verified, global: &Global) {
    match global.output {
        Format::Json => {
            let findings = verified.findings.iter().map(|(number, verdict)| {
                let (failed, found) = match verdict {
                    Verdict::Failed(why) => (Some(why), Vec::new()),
                    Verdict::Differs(findings) => (None, findings.iter().map(regenerate::as_json).collect()),
                };
                json!({"document": chain::name(number), "not_compared": failed, "findings": found})
            });
            let skipped = verified.skipped.iter().map(|(skipped, documents)| {
                json!({"format": skipped.form, "reason": skipped.reason, "documents": documents})
            });
            output::json(&json!({
                "equal": verified.equal,
                "findings": findings.collect::<Vec<Value>>(),
                "not_compared": skipped.collect::<Vec<Value>>(),
            }));
        }
        Format::Table => {
            for (number, verdict) in &verified.findings {
                let name = chain::name(number);
                match verdict {
                    Verdict::Failed(why) => output::line(&format!("{name} was not compared: {why}")),
                    Verdict::Differs(findings) => {
                        findings.iter().for_each(|finding| regenerate::tell(&name, finding));
                    }
                }
            }
            let all = verified.equal + verified.findings.len() as u64;
            let all = output::count(all, "document");
            output::line(&format!("{} of {all} came out the same, to the byte", verified.equal));
        }
    }
    for (skipped, documents) in &verified.skipped {
        let documents = output::count(documents, "document");
        output::note(&format!("{} of {documents} was not compared: {}", skipped.form, skipped.reason));
    }
    if verified.equal == 0 && verified.findings.is_empty() {
        output::note("nothing was compared: no document was issued");
    }
}
