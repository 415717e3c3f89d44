//! `clicktrail import FILE`

#![expect(clippy::disallowed_methods, reason = "reading and sorting a file is all that the process does meanwhile")]

mod rejects_max;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clicktrail_import::{Import, Mapping, Options};
use clicktrail_log::time::{Clock as _, ManualClock, SystemClock, Timestamp};
use serde_json::json;

use crate::{
    audit, behind,
    exit::Exit,
    global::{Format, Global},
    import::{rejects_max::RejectsMax, write::Summary},
    installation::{Installation, Places, WRITE_LOCK, WriteLock},
    made_up, output, progress,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to import. A longer version of a file that was imported adds its new lines; the same file adds nothing,
    /// and that is success
    file: PathBuf,
    /// Format of its lines: combined (a web server's access log, also common, nginx's main, and with a virtual host in
    /// front), csv or ndjson
    #[arg(long)]
    format: String,
    /// Mapping: says where each column of an event comes from (see examples/apache.toml). Only ndjson needs none: its
    /// lines are then events as POST /v1/events takes them
    #[arg(long, value_name = "FILE.toml")]
    mapping: Option<PathBuf>,
    /// Name of the server that wrote the file. Lines without an id are told apart by their bytes, and by this: give
    /// each of several servers its own, always the same, if two may write the same line in the same second
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The file is complete: import its last line too, although it has no line end. Without this it waits, because a
    /// line that is still being written would become an event of its own
    #[arg(long)]
    whole: bool,
    /// Exit with 2 if more lines are rejected: a share of the lines read (1%), or a number. So does an import that logs
    /// nothing although it read lines that the log does not hold
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    rejects_max: RejectsMax,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let places = global.places()?;
    let (rules, actor) = (global.rules()?, global.actor(None)?);
    let mapping = mapping(&arguments)?;
    let made = Made::of(&places.data);
    let (import, lock, present) = match opened(&arguments, &places, mapping) {
        Ok(opened) => opened,
        Err(failed) => {
            made.undo();
            return Err(failed);
        }
    };
    let clock = Arc::new(ManualClock::new(present));
    let instance = Installation::open(places, Arc::clone(&clock) as Arc<_>).await?;
    behind::check(&instance).await?;
    let trail = instance.clone();
    let summary = Box::pin(write::all(instance, rules, (Arc::clone(&clock), present), import, &arguments.file)).await?;
    clock.set(present);
    let (read, logged, rejected) = (output::count(summary.read, "line"), summary.logged, summary.rejected);
    let detail = format!("{}: {read}, {logged} logged, {rejected} rejected", arguments.file.display());
    audit::write(&trail, &actor, "import", "", detail).await?;
    drop(lock);
    let failure = summary.failure(arguments.rejects_max);
    print(global, &summary, failure.as_deref());
    Ok(if failure.is_some() { Exit::Differences } else { Exit::Ok })
}

/// Reads and sorts the file, which goes by way of the data directory. Returns the present too, as it was then.
fn opened(arguments: &Arguments, places: &Places, mapping: Mapping) -> anyhow::Result<(Import, WriteLock, Timestamp)> {
    let lock = WriteLock::take(&places.data)?;
    made_up::end(&places.data)?;
    let present = SystemClock.now();
    let options =
        Options { source: arguments.source.clone(), whole: arguments.whole, ..Options::new(&places.data, present) };
    let bar = progress::bar(0, "read");
    let import = tokio::task::block_in_place(|| {
        Import::open(&arguments.file, mapping, &options, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })
    });
    bar.finish_and_clear();
    Ok((import.with_context(|| format!("import {}", arguments.file.display()))?, lock, present))
}

/// The directories that are made on the way to a data directory that is not there yet.
#[derive(Debug)]
struct Made(Vec<PathBuf>);

impl Made {
    fn of(data: &Path) -> Self {
        let missing = data.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        Self(missing.map(Path::to_owned).collect())
    }

    /// Takes them away again, as far as nothing is in them but the lock.
    fn undo(self) {
        if let Some(data) = self.0.first() {
            let _ = fs::remove_file(data.join(WRITE_LOCK));
        }
        for directory in self.0 {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn mapping(arguments: &Arguments) -> anyhow::Result<Mapping> {
    let format = arguments.format.parse().map_err(anyhow::Error::msg)?;
    let Some(path) = &arguments.mapping else {
        anyhow::ensure!(arguments.format == "ndjson", "--format {} needs --mapping FILE.toml", arguments.format);
        return Ok(Mapping::events());
    };
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Mapping::parse(format, &text).with_context(|| format!("read {}", path.display()))
}

impl Summary {
    /// Why the import failed as a whole, although what could be logged was.
    fn failure(&self, rejects_max: RejectsMax) -> Option<String> {
        let Self { read, logged, known, rejected, rejected_before, held_back, .. } = self;
        let reasons: Vec<String> = self.codes.iter().map(|(code, lines)| format!("{code} {lines}")).collect();
        let see = format!("({}): see clicktrail rejected list", reasons.join(", "));
        if read == held_back && *read > 0 {
            return Some(
                "nothing was logged: the only line has no line end; pass --whole if the file is complete".into(),
            );
        }
        if *logged == 0 && *known == 0 && *read > 0 {
            return Some(format!("nothing was logged: {rejected} of {} rejected {see}", were(*read, "line")));
        }
        if *logged == 0 && rejected > rejected_before {
            let new = rejected - rejected_before;
            return Some(format!("nothing new was logged: {} rejected {see}", were(new, "new line")));
        }
        rejects_max.is_exceeded(*rejected, *read).then(|| {
            format!("{} of {} rejected, more than --rejects-max {rejects_max} {see}", rejected, were(*read, "line"))
        })
    }
}

/// `1 line was`, `2 lines were`.
fn were(number: u64, noun: &str) -> String {
    format!("{} {}", output::count(number, noun), if number == 1 { "was" } else { "were" })
}

fn print(global: &Global, summary: &Summary, failure: Option<&str>) {
    let Summary { read, logged, known, rejected, held_back, written, .. } = summary;
    match global.output {
        Format::Json => {
            output::json(&json!({
                "read": read,
                "logged": logged,
                "rejected": rejected,
                "rejected_before": summary.rejected_before,
                "duplicates": known,
                "held_back": held_back,
                "hours_sealed": written.hours_sealed,
                "hours_reconciled": written.hours_equal,
                "failure": failure,
            }));
            if let Some(failure) = failure {
                output::note(&format!("import failed: {failure}"));
            }
        }
        Format::Table => {
            output::line(&format!(
                "read {}: {logged} logged, {known} were in the log already, {rejected} rejected",
                output::count(*read, "line"),
            ));
            if *held_back > 0 {
                output::line("the last line has no line end and was held back: pass --whole if the file is complete");
            }
            output::line(&format!(
                "sealed {}, {} of them equal to what was counted live",
                output::count(written.hours_sealed, "hour"),
                written.hours_equal
            ));
            match failure {
                Some(failure) => output::line(&format!("import failed: {failure}")),
                None => output::note(
                    "next: clicktrail counters --by campaign --granularity day; clicktrail rejected list; clicktrail log \
                     verify",
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clicktrail_live::backfill::Written;

    use super::*;

    #[track_caller]
    fn check(numbers: [u64; 6], expected: Option<&str>) {
        let [read, logged, known, rejected, rejected_before, held_back] = numbers;
        let codes = BTreeMap::from([("malformed", rejected)]);
        let written = Written::default();
        let summary = Summary { read, logged, known, rejected, rejected_before, held_back, codes, written };
        let failure = summary.failure("1%".parse().unwrap());
        assert_eq!(failure.as_ref().map(|text| text.split(" (").next().unwrap()), expected, "{numbers:?}");
    }

    #[test]
    fn an_import_fails_that_logs_nothing_or_rejects_too_much() {
        check([10_000, 9_998, 0, 2, 0, 0], None);
        check([100, 99, 0, 1, 0, 0], None);
        check([99, 98, 0, 1, 0, 0], Some("1 of 99 lines were rejected, more than --rejects-max 1%"));
        check([0, 0, 0, 0, 0, 0], None);
        check([3, 0, 0, 3, 0, 0], Some("nothing was logged: 3 of 3 lines were rejected"));
        check([3, 0, 0, 3, 3, 0], Some("nothing was logged: 3 of 3 lines were rejected"));
        // The same file again, and a longer one whose new line is none.
        check([10_000, 0, 9_998, 2, 2, 0], None);
        check([10_001, 0, 9_998, 3, 2, 0], Some("nothing new was logged: 1 new line was rejected"));
        check([10_001, 0, 10_000, 0, 0, 1], None);
        check(
            [1, 0, 0, 0, 0, 1],
            Some("nothing was logged: the only line has no line end; pass --whole if the file is complete"),
        );
    }
}
