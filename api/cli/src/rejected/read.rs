//! Rejected events as they were logged: from the archive as far as hours are sealed, then from the log, each once.
//!
//! Programs before there was an archive erased somebody by appending frames again, and trimmed the old ones. A copy is
//! known by the position of what it is of. Where such a program died, copies stand behind what they are of: then the
//! first counts.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use clicktrail_log::{
    log::Stream,
    position::{Position, Seq},
    rejected::KNOWN_AS,
    schema::POSITION,
    time::Timestamp,
};
use clicktrail_replay::history::{History, Source, Start, Step};

use crate::installation::Installation;

/// One rejected event.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) rejected_at: Timestamp,
    pub(crate) source: String,
    pub(crate) item: i64,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) original: Vec<u8>,
}

/// Reads rejected events. Memory is bounded by one part of the archive, or by one read of the log.
pub(crate) struct Entries {
    history: History,
    once: Once,
}

/// Knows which copies are of something that was given.
#[derive(Debug, Default)]
struct Once {
    /// The first frame that was read: whatever stands behind it is given where it stands.
    first: Option<Seq>,
    /// What copies that were given are of.
    copied: HashSet<Position>,
}

impl Once {
    /// Whether an event is to be given that stands at one position, and is known by another if it is a copy.
    fn gives(&mut self, stands_at: Position, known_as: Position) -> bool {
        let first = *self.first.get_or_insert(stands_at.seq());
        known_as == stands_at || (known_as.seq() < first && self.copied.insert(known_as))
    }
}

impl Entries {
    pub(crate) async fn open(instance: &Installation, start: Start) -> anyhow::Result<Self> {
        let (log, archive) = (Arc::clone(&instance.rejected), instance.archive.clone());
        let history = History::open(log, archive, Source::new(Stream::Rejected), start, None).await?;
        Ok(Self { history, once: Once::default() })
    }

    /// The next events; `None` at the end of the log.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<Entry>>> {
        match self.history.next(Duration::ZERO).await.context("read rejected events")? {
            Step::Rows(rows) => {
                let entries = of_rows(&rows)?.into_iter();
                Ok(Some(entries.filter(|(at, entry)| self.once.gives(*at, entry.position)).map(|(_, it)| it).collect()))
            }
            Step::Tail | Step::End => Ok(None),
        }
    }
}

/// The event that is known by a position.
pub(crate) async fn at(instance: &Installation, position: Position) -> anyhow::Result<Option<Entry>> {
    let info = instance.rejected.info().await?;
    if position.epoch() > info.epoch || position.seq() == Seq::ZERO || position.seq() > info.last {
        return Ok(None);
    }
    let is_it = |entry: &Entry| entry.position == position;
    let there = Entries::open(instance, Start::At(position)).await?.next().await?;
    let found = there.into_iter().flatten().find(is_it);
    if found.is_some() {
        return Ok(found);
    }
    // It may be known by where it stood before it was appended again.
    let mut all = Entries::open(instance, Start::Beginning).await?;
    while let Some(entries) = all.next().await? {
        if let Some(found) = entries.into_iter().find(is_it) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Events, each with the position at which it stands.
fn of_rows(rows: &RecordBatch) -> anyhow::Result<Vec<(Position, Entry)>> {
    let column = |name: &str| rows.column_by_name(name).with_context(|| format!("rejected events without {name}"));
    let integers = |name: &str| -> anyhow::Result<_> {
        column(name)?.as_primitive_opt::<Int64Type>().with_context(|| format!("{name} of rejected events"))
    };
    let (positions, known_as, items) = (integers(POSITION)?, integers(KNOWN_AS)?, integers("item")?);
    let times = column("rejected_at")?.as_primitive_opt::<TimestampMicrosecondType>().context("rejected_at")?;
    let text = |name: &str| column(name)?.as_string_opt::<i32>().with_context(|| name.to_owned());
    let (sources, codes, details) = (text("source")?, text("code")?, text("detail")?);
    let originals = column("original")?.as_binary_opt::<i32>().context("original")?;
    let position = |number: i64| Position::from_i64(number).with_context(|| format!("{number} is no position"));
    let entry = |row: usize| {
        ensure!(originals.is_valid(row), "a rejected event without what arrived");
        let stands_at = position(positions.value(row))?;
        let known_as = if known_as.is_valid(row) { position(known_as.value(row))? } else { stands_at };
        let entry = Entry {
            position: known_as,
            rejected_at: Timestamp::from_micros(times.value(row)),
            source: sources.value(row).to_owned(),
            item: items.value(row),
            code: codes.value(row).to_owned(),
            detail: details.value(row).to_owned(),
            original: originals.value(row).to_owned(),
        };
        Ok((stands_at, entry))
    };
    (0..rows.num_rows()).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_is_given_once_and_not_beside_what_it_is_of() {
        let at = |text: &str| text.parse::<Position>().unwrap();
        let mut once = Once::default();
        for (stands_at, known_as, expected) in [
            ("1.4.0", "1.4.0", true),
            ("1.5.0", "1.2.0", true),
            ("1.5.1", "1.2.1", true),
            ("1.6.0", "1.2.0", false),
            ("1.7.0", "1.4.0", false),
            ("1.8.0", "1.8.0", true),
        ] {
            assert_eq!(once.gives(at(stands_at), at(known_as)), expected, "{stands_at} of {known_as}");
        }
    }
}
