//! Finds the sealed hours that are stale: their live segment does not know a verdict about them.
//!
//! The verdict log is followed frame by frame. The catalog keeps which click frames it rules about, and how far it was
//! read. A sealed segment knows a live verdict unless that came after the hour was projected, and no other verdict. A
//! promoted one knows all verdicts before a position: the catalog leaves those out.

use std::{collections::BTreeMap, time::Duration};

use clicktrail_catalog::{self as catalog, Catalog, LaterRuling, SealedHour};
use clicktrail_log::{
    invariant,
    log::ReadLimit,
    position::{Position, Seq},
};
use clicktrail_projections::counters;
use clicktrail_verdicts::{
    reader::{Outlined, VerdictReader},
    verdict::Stage,
};

use crate::error::Error;

/// Reads the verdict log on from where it was read last, and stores what is new.
///
/// # Errors
/// As log, archive and catalog report. The same call may be made again, by several processes at once.
pub async fn follow(history: &VerdictReader, catalog: &dyn Catalog) -> Result<(), Error> {
    loop {
        let catalog = catalog.begin().await?;
        let followed = catalog.followed_through().await?;
        let page = history.read_outlines(followed.next(), ReadLimit::waiting(Duration::ZERO)).await?;
        let through = page.next.previous();
        if through <= followed {
            return Ok(());
        }
        let places = page.ruled.iter().map(|ruled| ruled.position);
        let in_order = places.clone().is_sorted() && places.clone().all(|place| place.seq() <= through);
        invariant!(I1, in_order, "verdicts of frames up to {through} are out of order, or lie behind them");
        let mut sealed = SealedHours::default();
        let mut later: BTreeMap<Seq, LaterRuling> = BTreeMap::new();
        for ruled in &page.ruled {
            if ruled.outline.stage != Stage::Live || sealed.misses(ruled, catalog.as_ref()).await? {
                note(&mut later, ruled);
            }
        }
        let later: Vec<LaterRuling> = later.into_values().collect();
        let frame = history.digest_of(through).await?;
        match catalog.put_later_rulings(&later, followed, (through, frame)).await {
            // After a conflict somebody else has followed: go on from there.
            Ok(()) | Err(catalog::Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn note(later: &mut BTreeMap<Seq, LaterRuling>, ruled: &Outlined) {
    let click_seq = ruled.outline.target.seq();
    let first = LaterRuling { click_seq, first: ruled.position, last: ruled.position, verdicts: 0 };
    let entry = later.entry(click_seq).or_insert(first);
    entry.last = ruled.position;
    entry.verdicts += 1;
}

/// Remembers the sealed hour that was looked up last, and up to where its segment knows the verdicts.
#[derive(Debug, Default)]
struct SealedHours {
    last_sealed: Option<Seq>,
    hour: Option<(SealedHour, i64)>,
}

impl SealedHours {
    /// Whether a live verdict came after the hour that it concerns was projected.
    async fn misses(&mut self, ruled: &Outlined, catalog: &dyn Catalog) -> Result<bool, Error> {
        let target: Position = ruled.outline.target;
        let last_sealed = match self.last_sealed {
            Some(last) => last,
            None => catalog.last_hour().await?.map_or(Seq::ZERO, |last| last.last_seq),
        };
        self.last_sealed = Some(last_sealed);
        if target.seq() > last_sealed {
            return Ok(false);
        }
        let holds = |hour: &SealedHour| (hour.first_seq..=hour.last_seq).contains(&target.seq());
        if !self.hour.as_ref().is_some_and(|(hour, _)| holds(hour)) {
            let Some(hour) = catalog.hour_of(target.seq()).await? else { return Ok(false) };
            // Not the live one: a promoted segment may know it, and be rolled back.
            let segment = catalog.sealed_segment(counters::NAME, hour.hour).await?;
            self.hour = segment.map(|segment| (hour, segment.verdicts_before));
        }
        Ok(self.hour.as_ref().is_some_and(|(_, before)| ruled.position.as_i64() >= *before))
    }
}
