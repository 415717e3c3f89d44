//! `duplicate`: an event whose identity was logged before.
//!
//! The original is the first event of the identity that was logged within the rule's window before and is not set
//! aside: where a robot fetched a link before the person followed it, the person's event is the original, and the
//! robot's is nothing that a later one repeats. State knows those of the look-back; the archive knows the others, and
//! whoever folds has looked them up.

use super::{
    bucket_lists::BLOCK,
    firsts::{Event, Firsts, Known},
    frames::Frames,
    hits::Hits,
    state::State,
    view::View,
};
use crate::{kinds::Kinds, verdict::Evidence};

/// Events by their identity.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    /// What any of the rules looks at.
    pub(super) kinds: Kinds,
    /// Index and window.
    pub(super) rules: Vec<(usize, i64)>,
    events: Firsts<()>,
}

impl State for Duplicates {
    fn name(&self) -> &'static str {
        "duplicate"
    }

    fn pass(&mut self, view: &View<'_>, hits: &mut Hits) {
        let rows = view.rows;
        let mut identities = Vec::with_capacity(BLOCK);
        for from in (0..rows.len()).step_by(BLOCK) {
            let block = from..rows.len().min(from + BLOCK);
            identities.clear();
            let repeatable = block.filter(|row| self.kinds.holds(rows.kinds[*row]));
            identities.extend(repeatable.map(|row| (row, rows.identity(row))));
            self.events.touch(identities.iter().map(|(_, identity)| *identity));
            for (row, identity) in &identities {
                let known = self.events.find(*identity);
                self.ask(view, *row, known, hits);
                if !view.is_aside(*row) {
                    self.events.remember(known, Event::new((), rows.origins[*row]), view.frames);
                }
            }
        }
    }

    fn forget(&mut self, frames: &Frames, cut_micros: i64) {
        self.events.forget(frames, cut_micros);
    }

    fn bytes(&self) -> usize {
        self.events.bytes()
    }
}

impl Duplicates {
    fn ask(&self, view: &View<'_>, row: usize, known: Known, hits: &mut Hits) {
        let rows = view.rows;
        for (rule, window) in hits.asked(&self.rules) {
            let cut = view.cut(row).max(rows.logged[row].saturating_sub(*window));
            let in_log = self.events.first_after(known, cut, view.frames);
            let in_log = in_log.map(|event| view.position(event.origin()));
            let in_archive =
                view.originals.get(view.first_row + row, *window).filter(|original| *original < rows.positions[row]);
            if let Some(original) = in_log.into_iter().chain(in_archive).min() {
                hits.push(row, *rule, [("original", Evidence::Position(original))]);
            }
        }
    }
}
