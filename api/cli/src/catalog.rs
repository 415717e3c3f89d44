//! `clicktrail catalog rebuild|reconciliations`

use clicktrail_log::time::Hour;
use clicktrail_projections::session;
use clicktrail_replay::{self as replay, rebuild};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    installation::WriteLock,
    output, progress,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Forget hours, segments and live counts, then register every sealed hour again from the archive
    ///
    /// Stop every server first, on every machine, and let the judge pass all sealed hours. Registered ads are kept.
    Rebuild,
    /// List how sealed hours compared with what was counted live
    Reconciliations,
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Rebuild => rebuild(global).await,
        Command::Reconciliations => reconciliations(global).await,
    }
}

async fn rebuild(global: &Global) -> anyhow::Result<Exit> {
    let _lock = WriteLock::take(&global.places()?.data)?;
    let instance = global.open().await?;
    let bar = progress::bar(0, "rebuild");
    let limits = session::Limits::default();
    let actor = global.actor(None)?;
    let rebuilt = rebuild::catalog(
        &instance.archive,
        &instance.rulings(),
        instance.catalog.as_ref(),
        instance.clock.as_ref(),
        limits,
        &actor,
        |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        },
    )
    .await;
    bar.finish_and_clear();
    let rebuilt = match rebuilt {
        Err(replay::Error::Incomplete(what)) => {
            output::note(&format!("clicktrail: {what}: nothing was changed; restore the manifest, then try again"));
            return Ok(Exit::InputIncomplete);
        }
        other => other?,
    };
    match global.output {
        Format::Json => output::json(&json!({"hours": rebuilt.hours, "rows": rebuilt.rows})),
        Format::Table => {
            let (hours, events) = (output::count(rebuilt.hours, "hour"), output::count(rebuilt.rows, "event"));
            output::line(&format!("{hours} with {events} registered again"))
        }
    }
    if rebuilt.hours == 0 {
        output::note("the archive holds no sealed hour: nothing was rebuilt");
        return Ok(Exit::InputIncomplete);
    }
    Ok(Exit::Ok)
}

async fn reconciliations(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open().await?;
    let mut from = Hour::from_i64(i64::MIN / 2);
    let mut all = Vec::new();
    loop {
        let page = instance.catalog.reconciliations(from, 1_000).await?;
        let Some(last) = page.last() else { break };
        from = last.hour.next();
        all.extend(page);
    }
    match global.output {
        Format::Json => {
            let rows = all.iter().map(|row| {
                json!({
                    "projection": row.projection,
                    "hour": row.hour.to_string(),
                    "outcome": row.outcome.as_str(),
                    "sealed_rows": row.sealed_rows,
                    "hot_rows": row.hot_rows,
                    "detail": row.detail,
                    "compared_at": row.compared_at.to_string(),
                })
            });
            output::json(&rows.collect());
        }
        Format::Table => {
            let mut table = output::Table::new(&["hour", "outcome", "sealed_rows", "hot_rows", "detail"]);
            for row in &all {
                let outcome = row.outcome.as_str().to_owned();
                table.push(vec![
                    row.hour.to_string(),
                    outcome,
                    row.sealed_rows.to_string(),
                    row.hot_rows.to_string(),
                    row.detail.clone(),
                ]);
            }
            table.print();
        }
    }
    Ok(Exit::Ok)
}
