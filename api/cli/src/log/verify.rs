//! `clicktrail log verify`: the archive read back, stream by stream.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clicktrail_catalog as catalog;
use clicktrail_evidence::note::VerifierKey;
use clicktrail_log::{
    archive::{
        clicks::Clicks,
        invoices::Invoices,
        kind::Kind,
        rejected::RejectedEvents,
        verify::{Problem, Report, Verifier},
    },
    causes::causes,
    time::Hour,
};
use clicktrail_projections::counters;
use clicktrail_replay::{
    history::Start,
    issued::{self, Issued},
    recount::Recounted,
};
use clicktrail_verdicts::{archive::Verdicts, coverage::Coverage};
use serde_json::json;

use super::{fault::named, known_hours::known_hours, signed::Signed};
use crate::{
    basis,
    exit::Exit,
    global::{Format, Global},
    installation::Installation,
    output, progress, recount,
};

/// The archive of each stream, as it was found.
struct Streams {
    clicks: Report,
    verdicts: Report,
    invoices: Report,
    rejected: Report,
}

impl Streams {
    async fn read(instance: &Installation, deep: bool, remembered: &BTreeMap<Hour, String>) -> anyhow::Result<Self> {
        let clicks = Verifier::<Clicks>::of(instance.archive.clone(), deep);
        let clicks = verify_hours(clicks, remembered, "verify clicks").await?;
        // No catalog remembers the hours of the others: their chains have to speak for themselves.
        let verdicts = Verifier::<Verdicts>::of(instance.archive.clone(), deep);
        let verdicts = verify_hours(verdicts, &BTreeMap::new(), "verify verdicts").await?;
        let invoices = Verifier::<Invoices>::of(instance.archive.clone(), deep);
        let invoices = verify_hours(invoices, &BTreeMap::new(), "verify invoices").await?;
        let rejected = Verifier::<RejectedEvents>::of(instance.archive.clone(), deep);
        let rejected = verify_hours(rejected, &BTreeMap::new(), "verify rejected events").await?;
        Ok(Self { clicks, verdicts, invoices, rejected })
    }

    fn all(&self) -> [&Report; 4] {
        [&self.clicks, &self.verdicts, &self.invoices, &self.rejected]
    }

    fn problems(&self) -> Vec<&Problem> {
        self.all().into_iter().flat_map(|report| &report.problems).collect()
    }

    fn exit(&self) -> Exit {
        match (self.problems().len(), self.all().iter().map(|report| report.hours).sum()) {
            (1.., _) => Exit::Differences,
            // Checked nothing is never a success.
            (0, 0_u64) => Exit::InputIncomplete,
            (0, 1..) => Exit::Ok,
        }
    }
}

pub(super) async fn run(
    global: &Global,
    instance: &Installation,
    deep: bool,
    recounts: bool,
    keys: &[VerifierKey],
) -> anyhow::Result<Exit> {
    let catalog = verify_catalog(instance).await?;
    let streams = Streams::read(instance, deep, &catalog.remembered).await?;
    let signed = Signed::check(&instance.archive, keys).await?;
    let recounted = match recounts && catalog.is_readable {
        true => Some(recount::run(instance).await?),
        // Nothing can be held against a catalog that cannot be read.
        false => None,
    };
    print_report(global, &streams, &signed, recounted.as_ref());
    let recounted = match &recounted {
        None => Exit::Ok,
        // What is counted nowhere was compared with nothing.
        Some(recounted) => match recount::exit(recounted) {
            Exit::Ok => {
                let basis = basis::present(instance).await?;
                basis::tell(&basis);
                if basis.is_complete() { Exit::Ok } else { Exit::InputIncomplete }
            }
            exit => exit,
        },
    };
    let issued = verify_issued(instance, &streams.invoices).await?;
    let found = [catalog.exit, verify_coverage(instance).await?, streams.exit(), signed.exit(), issued, recounted];
    let worst = [Exit::Differences, Exit::InputIncomplete].into_iter().find(|exit| found.contains(exit));
    Ok(worst.unwrap_or(Exit::Ok))
}

/// What was found of the catalog.
struct CatalogChecked {
    /// The digests of manifests that it remembers.
    remembered: BTreeMap<Hour, String>,
    is_readable: bool,
    exit: Exit,
}

/// Reads all of the catalog, and names what cannot be read and what is lost.
async fn verify_catalog(instance: &Installation) -> anyhow::Result<CatalogChecked> {
    let catalog = &instance.catalog;
    let (mut remembered, mut problems) = (BTreeMap::new(), catalog.lost().await?);
    let all = async {
        let hours = known_hours(instance, None).await?;
        remembered.extend(hours.into_iter().map(|hour| (hour.hour, hour.manifest_digest)));
        let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
        catalog.snapshot(counters::NAME, first, last).await?;
        catalog.reconciliations(first, u32::MAX).await?;
        Ok::<_, catalog::Error>(())
    };
    let read = all.await;
    let is_readable = read.is_ok();
    match read {
        Ok(()) => {}
        Err(damaged @ (catalog::Error::Damaged(_) | catalog::Error::Corrupt(_))) => problems.push(causes(&damaged)),
        Err(other) => return Err(other.into()),
    }
    for problem in &problems {
        output::note(&format!("PROBLEM catalog: {problem}"));
    }
    let exit = if problems.is_empty() { Exit::Ok } else { Exit::Differences };
    Ok(CatalogChecked { remembered, is_readable, exit })
}

/// Whether the document that says what was judged can be read: without it judging stands still.
async fn verify_coverage(instance: &Installation) -> anyhow::Result<Exit> {
    let problems = Coverage::problems(&instance.archive).await.context("read what was judged")?;
    for problem in &problems {
        output::note(&format!("PROBLEM {}", causes(problem)));
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Differences })
}

/// Whether every number was given to one document: from archive and log, if the archive is as it was sealed.
async fn verify_issued(instance: &Installation, archive: &Report) -> anyhow::Result<Exit> {
    if !archive.problems.is_empty() {
        return Ok(Exit::Ok);
    }
    let mut problems = Vec::new();
    let read = async {
        let mut issued = Issued::open(&instance.invoices, &instance.archive, Start::Beginning).await?;
        while let Some(found) = issued.next().await? {
            problems.extend(found.iter().filter_map(|found| found.as_ref().err()).map(ToString::to_string));
        }
        Ok(())
    };
    match read.await {
        Ok(()) => {}
        Err(damaged) if issued::Error::is_incomplete(&damaged) => problems.push(causes(&damaged)),
        Err(other) => return Err(other).context("read what was issued"),
    }
    for problem in &problems {
        output::note(&format!("PROBLEM issued documents: {problem}"));
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Differences })
}

async fn verify_hours<K: Kind>(
    mut verifier: Verifier<K>,
    remembered: &BTreeMap<Hour, String>,
    what: &'static str,
) -> anyhow::Result<Report> {
    let hours = verifier.hours(remembered).await?;
    let bar = progress::bar(hours.len() as u64, what);
    for hour in &hours {
        verifier.check(*hour, remembered.get(hour).map(String::as_str)).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(verifier.finish())
}

/// Counts of clicks stand where they always stood; problems of all streams are one list.
fn print_report(global: &Global, streams: &Streams, signed: &Signed, recounted: Option<&Recounted>) {
    let problems = streams.problems();
    if global.output == Format::Json {
        let counts = |report: &Report| {
            json!({
                "hours": report.hours,
                "parts": report.parts,
                "rows": report.rows,
                "bytes": report.bytes,
                "hours_without_trees": report.without_trees,
                "hours_redacted": report.redacted,
                "erased": report.erased,
            })
        };
        let problem = |problem: &&Problem| {
            json!({
                "hour": problem.hour.to_string(),
                "key": problem.key,
                "reason": problem.reason,
            })
        };
        let mut report = counts(&streams.clicks);
        report["verdicts"] = counts(&streams.verdicts);
        report["invoices"] = counts(&streams.invoices);
        report["rejected"] = counts(&streams.rejected);
        report["signed"] = signed.document();
        report["problems"] = problems.iter().map(problem).collect();
        if let Some(recounted) = recounted {
            report["counters"] = recount::document(recounted);
        }
        output::json(&report);
        return;
    }
    for problem in &problems {
        output::line(&format!("PROBLEM {}  {}", problem.hour, named(&problem.key, &problem.reason)));
    }
    print_counts(&streams.clicks, "event");
    let others =
        [(&streams.verdicts, "verdict"), (&streams.invoices, "issued document"), (&streams.rejected, "rejected event")];
    for (report, what) in others {
        if report.hours > 0 || !report.problems.is_empty() {
            print_counts(report, what);
        }
    }
    let without_trees: u64 = streams.all().iter().map(|report| report.without_trees).sum();
    if without_trees > 0 {
        let hours = output::count(without_trees, "hour");
        output::note(&format!("{hours} sealed by an earlier program, without trees: nothing of them can be proved"));
    }
    let clicks = &streams.clicks;
    if clicks.redacted > 0 {
        let (erased, hours) = (output::count(clicks.erased, "event"), output::count(clicks.redacted, "hour"));
        output::note(&format!(
            "the personal columns of {erased} of {hours} were erased; their leaves are as they were sealed"
        ));
    }
    let rejected = &streams.rejected;
    if rejected.redacted > 0 {
        let (erased, hours) = (output::count(rejected.erased, "event"), output::count(rejected.redacted, "hour"));
        output::note(&format!("what arrived with {erased} that were rejected, of {hours}, was erased"));
    }
    signed.print();
    if let Some(recounted) = recounted {
        recount::print(recounted);
    }
}

fn print_counts(report: &Report, what: &str) {
    let (hours, parts) = (output::count(report.hours, "hour"), output::count(report.parts, "part"));
    let (rows, bytes) = (output::count(report.rows, what), output::count(report.bytes, "byte"));
    output::line(&match (report.problems.len(), report.hours) {
        (0, 0) => "nothing is sealed yet: nothing was checked".to_owned(),
        (0, _) => format!("{hours}, {parts}, {rows}, {bytes} read: all of it is as it was sealed"),
        // Counts are what manifests say: what is missing was not read.
        (found, _) => {
            let problems = output::count(found, "problem");
            format!("{problems}: manifests name {hours}, {parts}, {rows}; {bytes} could be read")
        }
    });
}
