//! What `log verify` finds of the log of sealed hours, and of what was signed.

use clicktrail_billing::heads;
use clicktrail_evidence::note::VerifierKey;
use clicktrail_log::archive::{
    Archive,
    transparency::verify::{self, Report},
};
use serde_json::{Value, json};

use super::fault::named;
use crate::{exit::Exit, output};

/// What was found.
pub(super) struct Signed {
    /// `None` if nothing was ever signed.
    report: Option<Report>,
    /// Why it is not the log on which documents stand.
    contradiction: Option<String>,
    /// Whether anybody said whose signatures count.
    has_keys: bool,
}

impl Signed {
    /// Compares what was signed with the archive.
    ///
    /// # Errors
    /// If the archive cannot be reached.
    pub(super) async fn check(archive: &Archive, keys: &[VerifierKey]) -> anyhow::Result<Self> {
        let report = Box::pin(verify::check(archive, keys)).await?;
        let is_sound = report.as_ref().is_none_or(|report| report.problems.is_empty());
        // What is damaged was said, and cannot be compared with anything.
        let contradiction = if is_sound { heads::contradiction(archive).await? } else { None };
        Ok(Self { report, contradiction, has_keys: !keys.is_empty() })
    }

    /// Whoever names a key wants to know that something is signed with it.
    pub(super) fn exit(&self) -> Exit {
        match &self.report {
            _ if self.contradiction.is_some() => Exit::Differences,
            Some(report) if !report.problems.is_empty() => Exit::Differences,
            Some(report) if self.has_keys && report.newest.is_none() => Exit::InputIncomplete,
            None if self.has_keys => Exit::InputIncomplete,
            Some(_) | None => Exit::Ok,
        }
    }

    /// As JSON; null if nothing was ever signed.
    pub(super) fn document(&self) -> Value {
        let Some(report) = &self.report else { return Value::Null };
        let checkpoint = report.newest.as_ref().map(|kept| &kept.checkpoint);
        let problem = |(key, reason): &(String, String)| json!({"key": key, "reason": reason});
        json!({
            "entries": report.entries,
            "checkpoints": report.checkpoints,
            "origin": checkpoint.map(|checkpoint| &checkpoint.origin),
            "size": checkpoint.map(|checkpoint| checkpoint.size),
            "root": checkpoint.map(|checkpoint| checkpoint.root.to_string()),
            "signed_by": report.signed_by,
            "unsigned_hours": report.unsigned,
            "contradiction": self.contradiction,
            "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub(super) fn print(&self) {
        if let Some(reason) = &self.contradiction {
            output::line(&format!("PROBLEM {reason}"));
        }
        let Some(report) = &self.report else {
            if self.has_keys {
                output::line("no hour was ever signed: no signature was checked");
            }
            return;
        };
        for (key, reason) in &report.problems {
            output::line(&format!("PROBLEM {}", named(key, reason)));
        }
        let state = match (&report.newest, report.problems.len()) {
            (_, 1..) => output::count(report.problems.len(), "problem"),
            (None, 0) => "no checkpoint is kept".to_owned(),
            (Some(kept), 0) => format!("as it was signed in the name of {}", kept.checkpoint.origin),
        };
        let checkpoints = output::count(report.checkpoints, "checkpoint");
        let entries = output::count(report.entries, "entry");
        output::line(&format!("log of hours: {entries}, {checkpoints}: {state}"));
        if report.unsigned > 0 {
            output::line(&format!("{} not signed yet", output::count(report.unsigned, "sealed hour")));
        }
        match (self.has_keys, report.signed_by.as_slice()) {
            (false, _) => output::line("who signed it was not checked: name the verifier key with --key"),
            (true, []) => {}
            (true, keys) => output::line(&format!("signed by {}", keys.join(" and "))),
        }
    }
}
