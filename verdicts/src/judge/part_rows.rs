//! What decides whether an archived event is an original: when it happened, and whether it is set aside.
//!
//! The stateless rules look at the archived event again, as they did when it was judged. What was ruled then is not
//! asked: it came of the rules of that day, and the verdict log may not have come so far.

use std::{collections::VecDeque, sync::Arc};

use clicktrail_log::{
    archive::{Archive, manifest::Part},
    invariant,
    position::Position,
    time::Timestamp,
};

use super::{error::Error, rows::read_part};
use crate::{
    detector::rows::Rows,
    fold::{self, alone::Alone},
    ruleset::Ruleset,
};

/// Rows that are kept, some 48 MiB: those of the parts that were asked for last.
const ROWS_MAX: usize = 2 << 20;

/// One row of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartRow {
    position: Position,
    pub(super) event_time: Timestamp,
    pub(super) is_aside: bool,
}

/// The rows of a part, in log order.
#[derive(Debug)]
pub(super) struct OfPart(Vec<PartRow>);

impl OfPart {
    pub(super) fn get(&self, position: Position) -> Option<PartRow> {
        let at = self.0.binary_search_by_key(&position, |row| row.position).ok()?;
        Some(self.0[at])
    }
}

/// Rows of some parts.
#[derive(Debug)]
pub(super) struct PartRows {
    archive: Archive,
    alone: Alone,
    /// By the digest of the core file; the part that was asked for last is the last.
    kept: VecDeque<(String, Arc<OfPart>)>,
}

impl PartRows {
    pub(super) fn new(archive: Archive, rules: Arc<Ruleset>) -> Self {
        Self { archive, alone: Alone::new(rules), kept: VecDeque::new() }
    }

    /// The rows of a part in which something was repeated; `None` if nothing can be set aside and nobody asks for
    /// times.
    ///
    /// # Errors
    /// If the part is missing, damaged or out of reach.
    pub(super) async fn of(&mut self, part: &Part, asks_for_times: bool) -> Result<Option<Arc<OfPart>>, Error> {
        if asks_for_times || self.alone.sets_aside() { self.read(part).await.map(Some) } else { Ok(None) }
    }

    async fn read(&mut self, part: &Part) -> Result<Arc<OfPart>, Error> {
        if let Some(at) = self.kept.iter().position(|(digest, _)| *digest == part.core.sha256) {
            let known = self.kept.remove(at).expect("it was just found");
            let rows = Arc::clone(&known.1);
            self.kept.push_back(known);
            return Ok(rows);
        }
        // An original whose columns were erased is not set aside by them: it counts as somebody.
        let batch = read_part(&self.archive, part).await?.batch;
        let rows = Rows::check(&batch).map_err(|bad| fold::Error::Rows(bad.0))?;
        let aside = self.alone.aside(&rows);
        let row = |row: usize| PartRow {
            position: rows.positions[row],
            event_time: Timestamp::from_micros(rows.times[row]),
            is_aside: aside.get(row).copied().unwrap_or(false),
        };
        let of_part = Arc::new(OfPart((0..rows.len()).map(row).collect()));
        self.kept.push_back((part.core.sha256.clone(), Arc::clone(&of_part)));
        let held = |kept: &VecDeque<(String, Arc<OfPart>)>| kept.iter().map(|(_, part)| part.0.len()).sum::<usize>();
        while held(&self.kept) > ROWS_MAX && self.kept.len() > 1 {
            self.kept.pop_front();
        }
        invariant!(I14, self.kept.len() == 1 || held(&self.kept) <= ROWS_MAX, "{} rows are kept", held(&self.kept));
        Ok(of_part)
    }
}
