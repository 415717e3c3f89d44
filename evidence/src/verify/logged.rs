//! Step 3: the manifests are entries of the log of logs, and no hour between them is missing.
//!
//! From the first entry that is shown, all entries up to the end of the log are: so an hour cannot have been logged a
//! second time, with other rows, behind what is shown.

use std::{collections::HashMap, io::BufRead as _, io::Read as _};

use super::{
    failure::Failure,
    manifest::Manifest,
    opened::{Opened, expect_end, unreadable},
    signed::SignedHead,
};
use crate::{
    bundle::{
        columns,
        contents::Hours,
        names,
        proof::{self, Leaf},
        time::Hour,
    },
    hash::Hash,
    tlog::Entry,
};

/// The longest line of `entries`.
const LINE_BYTES_MAX: u64 = 1 << 10;

/// Manifests that are in the log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) clicks: Vec<Manifest>,
    pub(super) verdicts: Vec<Manifest>,
    pub(super) issued: Vec<Manifest>,
    /// How many entries are shown.
    pub(super) entries: u64,
}

impl Logged {
    /// The manifest of an hour of clicks.
    pub(super) fn of_hour(&self, hour: Hour) -> Option<&Manifest> {
        let first = self.clicks.first()?.hour;
        let index = usize::try_from(hour.0.checked_sub(first.0)?).ok()?;
        self.clicks.get(index)
    }
}

/// Checks entries and manifests.
pub(super) fn check(opened: &Opened<'_>, head: &SignedHead) -> Result<Logged, Failure> {
    let (entries, shown) = entries(opened, head)?;
    let contents = &opened.contents;
    let read = |stream: &str, schema: &str, hour: Hour| -> Result<Manifest, Failure> {
        let name = names::manifest(stream, hour);
        let bytes = opened.bytes(&name)?;
        let Some(logged) = entries.get(&(stream.to_owned(), hour)) else {
            return Err(Failure::incomplete(&name, "its entry in the log of logs is not shown"));
        };
        if *logged != Hash::of(&bytes) {
            return Err(Failure::integrity(&name, "the log of logs has another manifest of this hour"));
        }
        Manifest::read(stream, schema, hour, &bytes)
    };
    let run = |stream: &str, schema: &str, hours: Hours| -> Result<Vec<Manifest>, Failure> {
        let mut manifests: Vec<Manifest> = Vec::new();
        for hour in hours.iter() {
            let manifest = read(stream, schema, hour)?;
            if let Some(last) = manifests.last() {
                manifest.check_follows(last)?;
            }
            manifests.push(manifest);
        }
        Ok(manifests)
    };
    let clicks = run(names::CLICKS_STREAM, columns::EVENTS_SCHEMA, contents.clicks)?;
    let verdicts = match contents.verdicts {
        Some(hours) => run(names::VERDICTS_STREAM, columns::VERDICTS_SCHEMA, hours)?,
        None if entries.keys().any(|(stream, _)| stream == names::VERDICTS_STREAM) => {
            return Err(Failure::incomplete(names::BUNDLE, "hours of verdicts were logged, and none is there"));
        }
        None => Vec::new(),
    };
    let issued = contents.issued.iter().map(|hour| read(names::INVOICES_STREAM, columns::ISSUED_SCHEMA, *hour));
    let issued = issued.collect::<Result<Vec<_>, _>>()?;
    let expected = clicks.len() + verdicts.len() + issued.len();
    let found = contents.files.iter().filter(|file| file.name.starts_with("manifests/")).count();
    if found != expected {
        return Err(Failure::integrity(names::BUNDLE, "it has manifests of hours that it does not name"));
    }
    Ok(Logged { clicks, verdicts, issued, entries: shown })
}

type Entries = HashMap<(String, Hour), Hash>;

/// The entries that are shown, by stream and hour, and how many they are.
fn entries(opened: &Opened<'_>, head: &SignedHead) -> Result<(Entries, u64), Failure> {
    let mut lines = opened.reader(names::ENTRIES)?;
    let mut from = opened.reader(names::PROOF_ENTRIES)?;
    let mut entries = Entries::new();
    let mut last_of: HashMap<String, Hour> = HashMap::new();
    let mut next: Option<u64> = None;
    let size = head.checkpoint.size;
    let mut shown = 0;
    let mut line = Vec::new();
    let root = proof::read_root::<Failure>(size, &mut from, &mut |index, leaf| {
        if leaf != Leaf::Shown {
            return Err(Failure::integrity(names::PROOF_ENTRIES, "it has leaves of verdicts"));
        }
        if next.is_some_and(|next| next != index) {
            let reason = format!("entries before {index} are hidden; from the first one all are to be shown");
            return Err(Failure::incomplete(names::PROOF_ENTRIES, reason));
        }
        (next, shown) = (Some(index + 1), shown + 1);
        line.clear();
        let read = lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| unreadable(names::ENTRIES, &error))?;
        if line.is_empty() {
            return Err(Failure::incomplete(names::ENTRIES, "it has fewer entries than the proof shows"));
        }
        match note(&line, &mut entries, &mut last_of) {
            Ok(()) => Ok(Hash::leaf(&line)),
            Err(reason) => Err(Failure::integrity(names::ENTRIES, format!("entry {index}: {reason}"))),
        }
    });
    let root = root.map_err(|failure| failure.or_at(names::PROOF_ENTRIES))?;
    if root != head.checkpoint.root {
        let reason = "the entries are not in the log whose head was signed: its root is another";
        return Err(Failure::integrity(names::ENTRIES, reason));
    }
    if shown == 0 || next != Some(size) {
        return Err(Failure::incomplete(names::ENTRIES, "entries at the end of the log are not shown"));
    }
    expect_end(names::PROOF_ENTRIES, &mut from)?;
    expect_end(names::ENTRIES, &mut lines)?;
    Ok((entries, shown))
}

/// Takes in an entry: hours of a stream ascend, so none is there twice.
fn note(line: &[u8], entries: &mut Entries, last_of: &mut HashMap<String, Hour>) -> Result<(), String> {
    let entry = Entry::from_bytes(line).map_err(|error| error.to_string())?;
    let hour: Hour = entry.hour.parse().map_err(|_| format!("{:?} is no hour", entry.hour))?;
    if let Some(last) = last_of.insert(entry.stream.clone(), hour)
        && last >= hour
    {
        return Err(format!("{hour} of {} was logged behind {last}: a second time, or out of order", entry.stream));
    }
    entries.insert((entry.stream, hour), entry.manifest);
    Ok(())
}
