//! `clicktrail catalog rebuild|reconciliations`

use std::sync::Arc;

use clicktrail_billing::records::{
    restore::{Restored, Restoring},
    terms,
};
use clicktrail_log::time::Hour;
use clicktrail_projections::session;
use clicktrail_replay::{self as replay, rebuild};
use serde_json::json;

use crate::{
    basis,
    exit::Exit,
    global::{Format, Global},
    installation::{Installation, WriteLock},
    output, progress,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make hours, segments and live counts again from archive and logs
    ///
    /// It is built beside what is there and takes its place in one step: until then, and after any failure, everything
    /// counts as before. Hours that the judge has not passed are left out. Registered ads are kept. Stop the server of
    /// this data directory first; those elsewhere notice, and go on from what was rebuilt.
    ///
    /// What was damaged of the catalog is taken out and made again; what it cannot make again it names.
    Rebuild {
        /// Take the logs as they are for the right ones, although the catalog knows other frames under these numbers:
        /// what it knows of frames that no sealed hour holds is forgotten, and counted and judged again from the logs
        #[arg(long)]
        trust_log: bool,
        /// Take back documents too whose JSON is lost: as given out, with what the log of issued documents says of
        /// them. They can never be shown or corrected again
        #[arg(long)]
        take_lost_documents: bool,
    },
    /// List how sealed hours compared with what was counted live
    Reconciliations,
}

pub(super) async fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Rebuild { trust_log, take_lost_documents } => {
            Box::pin(rebuild(global, trust_log, take_lost_documents)).await
        }
        Command::Reconciliations => reconciliations(global).await,
    }
}

async fn rebuild(global: &Global, trusts_log: bool, takes_entries: bool) -> anyhow::Result<Exit> {
    let _lock = WriteLock::take(&global.existing()?.data)?;
    let instance = global.open_existing().await?;
    let bar = progress::bar(0, "rebuild");
    let rebuild = rebuild::Rebuild {
        clicks: Arc::clone(&instance.clicks),
        archive: instance.archive.clone(),
        history: instance.rulings(),
        catalog: Arc::clone(&instance.catalog),
        limits: session::Limits::default(),
        trusts_log,
        verdicts_kept: None,
    };
    let actor = global.actor(None)?;
    let rebuilt = rebuild.run(instance.clock.as_ref(), &actor, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    let rebuilt = rebuilt.await;
    bar.finish_and_clear();
    // What was issued comes back whatever became of the hours: it is in the archive, whole.
    let restored = restore(&instance, &actor, takes_entries).await?;
    let rebuilt = match rebuilt {
        Err(replay::Error::Incomplete(what)) => {
            output::note(&format!(
                "clicktrail: {what}: nothing was changed of hours and counts; restore what is missing, then try again"
            ));
            return Ok(Exit::InputIncomplete);
        }
        other => other?,
    };
    let is_finished = finish(&instance, &restored).await?;
    match global.output {
        Format::Json => output::json(&json!({
            "documents": restored.documents,
            "documents_of_log": restored.of_log,
            "terms": restored.terms,
            "documents_missing": restored.problems,
            "hours": rebuilt.hours,
            "rows": rebuilt.rows,
            "promotions": rebuilt.promotions,
            "unjudged_hours": rebuilt.unjudged,
            "open_uncounted": rebuilt.open_uncounted,
            "made_again": rebuilt.mended.taken_out,
            "lost": rebuilt.mended.lost,
        })),
        Format::Table => {
            let (hours, events) = (output::count(rebuilt.hours, "hour"), output::count(rebuilt.rows, "event"));
            output::line(&format!("{hours} with {events} registered again"));
            if rebuilt.promotions > 0 {
                let promotions = output::count(rebuilt.promotions, "promotion");
                output::line(&format!("{promotions} that the catalog had lost done again, from the archive"));
            }
        }
    }
    tell_left_out(&rebuilt);
    if instance.catalog.ads_version().await? == 0 {
        output::note("no ad is registered: links are answered with 404 until the ads are registered again");
    }
    let is_whole = rebuilt.hours > 0
        && rebuilt.unjudged == 0
        && rebuilt.open_uncounted.is_none()
        && rebuilt.mended.lost.is_empty()
        && is_finished;
    Ok(if is_whole { Exit::Ok } else { Exit::InputIncomplete })
}

/// What was issued, and the terms of accounts, from archive and log.
async fn restore(instance: &Installation, actor: &str, takes_entries: bool) -> anyhow::Result<Restored> {
    let looking = crate::invoice::looking(instance);
    let restoring = Restoring { looking: &looking, actor, now: instance.clock.now(), takes_entries };
    let restored = restoring.run().await?;
    // What the catalog still had the archive may lack.
    terms::keep(&instance.archive, instance.catalog.as_ref()).await?;
    let Restored { documents, of_log, periods: _, terms, problems } = &restored;
    if *documents > 0 {
        let documents = output::count(*documents, "issued document");
        output::note(&format!("{documents} that the catalog had lost put back, from the archive"));
    }
    if *of_log > 0 {
        output::note(&format!(
            "{} of which the log of issued documents alone knew",
            output::count(*of_log, "document")
        ));
    }
    if *terms > 0 {
        output::note(&format!("{} of terms that the catalog had lost put back", output::count(*terms, "version")));
    }
    for problem in problems {
        output::note(&format!("PROBLEM issued documents: {problem}"));
    }
    Ok(restored)
}

/// Finishes what was issued, unless numbers are still missing. Returns whether all of it is there.
async fn finish(instance: &Installation, restored: &Restored) -> anyhow::Result<bool> {
    let is_whole = restored.problems.is_empty();
    if let Some(unknown) = crate::invoice::looking(instance).ahead().await?.unknown() {
        output::note(&format!("nothing can be issued until all is there: {unknown}"));
        return Ok(false);
    }
    Ok(crate::invoice::finish(instance).await? && is_whole)
}

/// Says what the catalog does not count, and who will see to it.
fn tell_left_out(rebuilt: &rebuild::Rebuilt) {
    for what in &rebuilt.mended.taken_out {
        output::note(&format!("made again: {what}"));
    }
    for what in &rebuilt.mended.lost {
        output::note(&format!("not made again: {what}"));
    }
    if rebuilt.hours == 0 && rebuilt.unjudged == 0 {
        output::note("the archive holds no sealed hour: nothing was rebuilt");
    }
    if rebuilt.unjudged > 0 {
        let hours = output::count(rebuilt.unjudged, "sealed hour");
        output::note(&format!(
            "{hours} not registered, because the judge has not passed them: a server registers them once it has"
        ));
    }
    if let Some(why) = &rebuilt.open_uncounted {
        output::note(&format!("events behind the last sealed hour were not counted again: {why}"));
    }
}

async fn reconciliations(global: &Global) -> anyhow::Result<Exit> {
    let instance = global.open_reading().await?;
    basis::tell(&basis::present(&instance).await?);
    let mut from = Hour::from_i64(i64::MIN / 2);
    let mut all = Vec::new();
    loop {
        let page = instance.catalog.reconciliations(from, 1_000).await?;
        let Some(last) = page.last() else { break };
        from = last.hour.next();
        all.extend(page);
    }
    let hours = crate::log::known_hours(&instance, None).await?;
    let is_compared = |hour: Hour| all.binary_search_by_key(&hour, |row| row.hour).is_ok();
    let lost = hours.iter().filter(|hour| !is_compared(hour.hour)).count();
    if lost > 0 {
        let hours = output::count(lost, "hour");
        output::note(&format!("the catalog has lost the comparison of {hours}: run `clicktrail catalog rebuild`"));
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
