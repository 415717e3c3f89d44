//! Other engines that compute the same counters from the same files, hour by hour, in one process that waits its turn.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clicktrail_projections::counters;
use serde::Deserialize;

use super::{bed::Bed, working::THREADS};
use crate::took::Took;

const SCRIPT: &str = include_str!("engines.py");

/// What an engine made of all hours.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    seconds: f64,
    cpu: f64,
    /// Rows, clicks and spend of all of them.
    pub(super) rows: u64,
    pub(super) clicks: u64,
    pub(super) spend: String,
}

impl Made {
    pub(super) fn took(&self) -> Took {
        Took { time: Duration::from_secs_f64(self.seconds), cpu: Duration::from_secs_f64(self.cpu) }
    }
}

/// The process.
pub(super) struct Engines {
    child: Child,
    turns: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Names and versions of those that are installed.
    pub(super) versions: BTreeMap<String, String>,
}

impl Engines {
    pub(super) fn start(bed: &Bed) -> anyhow::Result<Self> {
        let named = ["CLICKTRAIL_BENCH_PYTHON", "CLICKTRAIL_TEST_PYTHON"];
        let python = named.into_iter().find_map(|name| std::env::var(name).ok());
        let python = python.context("CLICKTRAIL_BENCH_PYTHON is not set: use `make bench`")?;
        let job = serde_json::json!({
            "hours": bed.files(),
            "sql": counters::SQL,
            "threads": THREADS,
            "scratch": bed.home().join("engines"),
        });
        // A process's argument ends at 128 KiB, and long ranges have more names than that.
        let file = bed.home().join("engines.json");
        std::fs::write(&file, job.to_string())?;
        let mut command = Command::new(python);
        command.args(["-c", SCRIPT]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("run the engines")?;
        let turns = child.stdin.take().context("a child has the input that was asked for")?;
        let answers = child.stdout.take().context("a child has the output that was asked for")?;
        let mut answers = BufReader::new(answers).lines();
        let first = answers.next().context("the engines did not start: see above")??;
        let versions = serde_json::from_str(&first).context("read which engines there are")?;
        Ok(Self { child, turns, answers, versions })
    }

    /// Lets one compute all hours.
    pub(super) fn turn(&mut self, name: &str) -> anyhow::Result<Made> {
        writeln!(self.turns, "{name}")?;
        self.turns.flush()?;
        let answer = self.answers.next().with_context(|| format!("{name} ended: see above"))??;
        let made: Made = serde_json::from_str(&answer).with_context(|| format!("read what {name} measured"))?;
        ensure!(made.rows > 0, "{name} made no rows");
        Ok(made)
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
