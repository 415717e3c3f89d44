//! `clicktrail log sign`: signs what was sealed, once, without a server.

use anyhow::ensure;
use clicktrail_billing::heads;
use clicktrail_log::{
    archive::transparency::{Kept, mend},
    causes::causes,
};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output, signing,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    signing: signing::Arguments,
    /// First make tiles and bundles again that are gone; nothing that is there is written over
    #[arg(long)]
    mend: bool,
}

pub(super) async fn run(global: &Global, instance: &Installation, arguments: &Arguments) -> anyhow::Result<Exit> {
    let signing = arguments.signing.signing(&instance.archive)?;
    ensure!(signing.is_some(), "name a key to sign with: --evidence-key FILE (see `evidence keygen`)");
    let Some(mut signing) = signing else { return Ok(Exit::Failed) };
    // What was signed once is not signed again in another order.
    if let Some(reason) = heads::contradiction(&instance.archive).await? {
        output::note(&format!("PROBLEM nothing is signed: {reason}"));
        return Ok(Exit::Differences);
    }
    if arguments.mend {
        for key in mend(&instance.archive, signing.keys()).await? {
            output::note(&format!("clicktrail: {key} was made again"));
        }
    }
    let (mut entries, mut exit) = (0, Exit::Ok);
    loop {
        let signed = signing.step().await?;
        entries += signed.entries;
        for cause in &signed.left_out {
            output::note(&format!("PROBLEM {}", causes(cause)));
            exit = Exit::Differences;
        }
        if !signed.is_behind {
            break;
        }
    }
    let mut cosigned = Vec::new();
    for asked in signing.ask_witnesses().await? {
        match asked.outcome {
            Ok(()) => cosigned.push(asked.witness),
            Err(cause) => {
                output::note(&format!("clicktrail: {} did not sign: {cause}", asked.witness));
                exit = exit.and(Exit::Partial);
            }
        }
    }
    print(global, entries, signing.newest(), &cosigned);
    Ok(exit)
}

fn print(global: &Global, entries: usize, newest: Option<&Kept>, cosigned: &[String]) {
    let size = newest.map_or(0, |kept| kept.checkpoint.size);
    match global.output {
        Format::Json => output::json(&json!({
            "signed_hours": entries,
            "entries": size,
            "root": newest.map(|kept| kept.checkpoint.root.to_string()),
            "witnesses": cosigned,
        })),
        Format::Table => {
            let hours = output::count(entries, "hour");
            output::line(&format!("{hours} signed; the newest checkpoint is over {size} entries"));
            cosigned.iter().for_each(|witness| output::line(&format!("signed by the witness {witness}")));
        }
    }
}
