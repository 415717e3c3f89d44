//! Step 3: the manifests are entries of the log of logs, and no hour between them is missing.
//!
//! All entries of the log are there, from the first to the last. So no hour was logged twice, with other rows, before
//! or behind what is looked at; and which hour of a stream is its first, and which its last, is known.

use std::{collections::HashMap, io::BufRead as _, io::Read as _};

use super::{
    failure::Failure,
    manifest::Manifest,
    opened::{Opened, expect_end, unreadable},
    signed::SignedHead,
};
use crate::{
    bundle::{columns, contents::Hours, names, time::Hour},
    hash::Hash,
    tlog::Entry,
    tree,
};

/// The longest line of `entries`.
const LINE_BYTES_MAX: u64 = 1 << 10;

/// Manifests that are in the log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) clicks: Vec<Manifest>,
    pub(super) verdicts: Vec<Manifest>,
    pub(super) issued: Vec<Manifest>,
    /// The entries of the hours of verdicts, by number.
    verdict_entries: Vec<u64>,
    /// How many entries the log has.
    pub(super) entries: u64,
    /// The last hour of clicks in the log, and of verdicts.
    pub(super) last_clicks: Option<Hour>,
    pub(super) last_verdicts: Option<Hour>,
}

impl Logged {
    /// The manifest of an hour of clicks.
    pub(super) fn of_hour(&self, hour: Hour) -> Option<&Manifest> {
        let first = self.clicks.first()?.hour;
        let index = usize::try_from(hour.0.checked_sub(first.0)?).ok()?;
        self.clicks.get(index)
    }

    /// Before which position every verdict was logged when the log of logs had so many entries; `None` if none was.
    pub(super) fn verdicts_before(&self, size: u64) -> Option<i64> {
        let hours = self.verdict_entries.partition_point(|number| *number < size);
        hours.checked_sub(1).map(|last| self.verdicts[last].positions().end)
    }
}

/// What the log says of an hour.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: u64,
    manifest: Hash,
    /// The manifest in the entry before it of its stream; `None` if it is the first.
    previous: Option<Hash>,
}

/// The entries of the log, by stream and hour.
#[derive(Debug, Default)]
struct Entries {
    places: HashMap<(String, Hour), Place>,
    /// The last hour of each stream, and its manifest.
    last: HashMap<String, (Hour, Hash)>,
    leaves: Vec<Hash>,
}

impl Entries {
    /// Takes in an entry: hours of a stream ascend, so none is there twice.
    fn note(&mut self, line: &[u8]) -> Result<(), String> {
        let entry = Entry::from_bytes(line).map_err(|error| error.to_string())?;
        let hour: Hour = entry.hour.parse().map_err(|_| format!("{:?} is no hour", entry.hour))?;
        let before = self.last.insert(entry.stream.clone(), (hour, entry.manifest));
        if let Some((last, _)) = before.filter(|(last, _)| *last >= hour) {
            return Err(format!("{hour} of {} was logged behind {last}: a second time, or out of order", entry.stream));
        }
        let (number, previous) = (self.leaves.len() as u64, before.map(|(_, manifest)| manifest));
        let place = Place { number, manifest: entry.manifest, previous };
        self.leaves.push(Hash::leaf(line));
        self.places.insert((entry.stream, hour), place);
        Ok(())
    }

    fn last(&self, stream: &str) -> Option<Hour> {
        self.last.get(stream).map(|(hour, _)| *hour)
    }
}

/// Checks entries and manifests.
pub(super) fn check(opened: &Opened<'_>, head: &SignedHead) -> Result<Logged, Failure> {
    let entries = entries(opened, head)?;
    let contents = &opened.contents;
    let read = |stream: &str, schema: &str, hour: Hour| -> Result<Manifest, Failure> {
        let name = names::manifest(stream, hour);
        let bytes = opened.bytes(&name)?;
        let Some(place) = entries.places.get(&(stream.to_owned(), hour)) else {
            return Err(Failure::incomplete(&name, "the log of logs has no such hour"));
        };
        if place.manifest != Hash::of(&bytes) {
            return Err(Failure::integrity(&name, "the log of logs has another manifest of this hour"));
        }
        let manifest = Manifest::read(stream, schema, hour, &bytes)?;
        match place.previous.is_none() || place.previous == manifest.previous {
            true => Ok(manifest),
            false => Err(Failure::integrity(&name, "it does not name the hour that was logged before it")),
        }
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
        None if entries.last(names::VERDICTS_STREAM).is_some() => {
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
    let number = |manifest: &Manifest| entries.places.get(&(names::VERDICTS_STREAM.to_owned(), manifest.hour));
    let verdict_entries = verdicts.iter().filter_map(number).map(|place| place.number).collect();
    let last_hours = [names::CLICKS_STREAM, names::VERDICTS_STREAM].map(|stream| entries.last(stream));
    let [last_clicks, last_verdicts] = last_hours;
    Ok(Logged { clicks, verdicts, issued, verdict_entries, entries: head.checkpoint.size, last_clicks, last_verdicts })
}

/// All entries of the log.
fn entries(opened: &Opened<'_>, head: &SignedHead) -> Result<Entries, Failure> {
    let mut lines = opened.reader(names::ENTRIES)?;
    let mut entries = Entries::default();
    let mut line = Vec::new();
    for index in 0..head.checkpoint.size {
        line.clear();
        let read = lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| unreadable(names::ENTRIES, &error))?;
        if line.is_empty() {
            let reason = format!("it has {index} entries, and the log {}: all are to be there", head.checkpoint.size);
            return Err(Failure::incomplete(names::ENTRIES, reason));
        }
        let noted = entries.note(&line);
        noted.map_err(|reason| Failure::integrity(names::ENTRIES, format!("entry {index}: {reason}")))?;
    }
    expect_end(names::ENTRIES, &mut lines)?;
    if tree::root(entries.leaves.drain(..)) != head.checkpoint.root {
        let reason = "the entries are not in the log whose head was signed: its root is another";
        return Err(Failure::integrity(names::ENTRIES, reason));
    }
    Ok(entries)
}
