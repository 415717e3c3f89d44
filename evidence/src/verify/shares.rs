//! Which rows of each hour are the advertiser's: the lines of `proofs/advertisers`, checked.

use std::{
    io::{BufRead as _, Read as _},
    ops::Range,
};

use super::{
    failure::Failure,
    manifest::Manifest,
    opened::{Opened, expect_end, unreadable},
    subject::{Asked, Scope},
};
use crate::{
    advertisers::{Key, Run},
    bundle::{
        advertisers::{LINE_BYTES_MAX, Line},
        canonical, names,
        zip::EntryReader,
    },
};

/// Reads the lines, hour by hour.
pub(super) struct Shares<'r, 's> {
    scope: &'r Scope,
    /// Of a single event there are none: nothing is said of others.
    lines: Option<EntryReader<'s>>,
}

impl<'r, 's> Shares<'r, 's> {
    pub(super) fn open(opened: &Opened<'s>, scope: &'r Scope) -> Result<Self, Failure> {
        let lines = match scope.asked {
            Asked::Event(_) => None,
            Asked::Invoice(_) | Asked::Events => Some(opened.reader(names::PROOF_ADVERTISERS)?),
        };
        Ok(Self { scope, lines })
    }

    /// The advertiser's leaves of an hour, ascending; none if it has none. Of a single event it may be any leaf.
    pub(super) fn of(&mut self, manifest: &Manifest) -> Result<Vec<Range<u64>>, Failure> {
        let name = names::PROOF_ADVERTISERS;
        let Some(lines) = &mut self.lines else {
            return Ok(manifest.part_leaves().map(|(_, leaves)| leaves).filter(|leaves| !leaves.is_empty()).collect());
        };
        let line = line(lines)?;
        let hour = manifest.hour;
        if line.hour != hour {
            let reason = format!("the line of {hour} is missing: there is that of {}", line.hour);
            return Err(Failure::incomplete(name, reason));
        }
        let wrong = |reason: String| Failure::integrity(name, format!("{hour}: {reason}"));
        let tree = manifest.trees().advertisers.as_ref();
        let tree = tree.ok_or_else(|| wrong("its manifest has no tree of advertisers".to_owned()))?;
        let root = manifest.trees().advertisers_root(manifest.rows);
        let root = root.ok_or_else(|| wrong("its manifest has no tree of advertisers".to_owned()))?;
        let key = Key::new(&hour.to_string(), &self.scope.advertiser);
        match (line.presence, line.absence) {
            (Some(presence), None) => {
                let rows = presence.verify(key, tree.leaves, &root, manifest.rows);
                rows.map_err(|error| wrong(error.to_string()))?;
                let runs: Option<Vec<_>> = presence.runs.into_iter().map(Run::range).collect();
                let runs = runs.ok_or_else(|| wrong("a range has no end".to_owned()))?;
                match is_one_in_a_part(manifest, &runs) {
                    true => Ok(runs),
                    false => Err(wrong("its ranges are not one in a part".to_owned())),
                }
            }
            (None, Some(absence)) => {
                let proved = absence.verify(key, tree.leaves, &root, manifest.rows);
                proved.map_err(|error| wrong(error.to_string()))?;
                Ok(Vec::new())
            }
            (Some(_), Some(_)) | (None, None) => Err(wrong("it has rows and has none".to_owned())),
        }
    }

    /// Checks that nothing is left.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.lines.as_mut().map_or(Ok(()), |lines| expect_end(names::PROOF_ADVERTISERS, lines))
    }
}

/// A part is sorted by advertiser, so it has one run.
fn is_one_in_a_part(manifest: &Manifest, runs: &[Range<u64>]) -> bool {
    let mut parts = manifest.part_leaves();
    runs.iter().all(|run| parts.any(|(_, leaves)| leaves.start <= run.start && run.end <= leaves.end))
}

fn line(lines: &mut EntryReader<'_>) -> Result<Line, Failure> {
    let name = names::PROOF_ADVERTISERS;
    let mut bytes = Vec::new();
    let read = lines.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes);
    read.map_err(|error| unreadable(name, &error))?;
    if bytes.is_empty() {
        return Err(Failure::incomplete(name, "lines of hours are missing at its end"));
    }
    let line: Line = serde_json::from_slice(&bytes).map_err(|error| Failure::integrity(name, error.to_string()))?;
    match canonical::write(&line) == bytes {
        true => Ok(line),
        false => Err(Failure::integrity(name, format!("the line of {} is not in its one form", line.hour))),
    }
}
