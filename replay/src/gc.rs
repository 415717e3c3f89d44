//! Which segments and receipts may go: those that nothing counts from, no kept generation was built of or would go back
//! to, no document was computed from, and that are older than a question may take. All of them are derived, so any of
//! them can be built again.
//!
//! Clicks, verdicts, manifests and filters are never removed.

use std::collections::BTreeSet;

use clicktrail_catalog::{
    Catalog,
    generations::{GenerationState, LivePointer},
};
use clicktrail_log::{
    archive::{
        Archive,
        keys::{ReceiptKey, SegmentKey},
        store::Listed,
    },
    frame::Digest,
    time::{Hour, Timestamp},
};

use crate::{error::Error, gates, receipt::Receipt};

/// Generations that are listed at a time.
const PAGE: u32 = 200;
const _: () = assert!(PAGE > 0, "an empty page would end the list");

/// An object that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    /// The object.
    pub object: Listed,
    /// Why.
    pub why: &'static str,
}

/// What stays although nothing counts from it: what documents were computed from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pinned {
    /// Receipts.
    pub receipts: BTreeSet<ReceiptKey>,
    /// Segments, by their keys: they stay whatever became of their receipts.
    pub segments: BTreeSet<String>,
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Garbage {
    /// What may go: receipts before the segments that they name, so that what is left half done is no receipt without
    /// its segment.
    pub removable: Vec<Removable>,
    /// Objects that are kept.
    pub kept: u64,
    /// Objects that nothing needs, and that are too young to go.
    pub young: u64,
}

/// Looks at every segment and receipt of every projection that has some. What was written at `before` or later stays,
/// and so does what is `pinned`.
///
/// # Errors
/// [`Error::Incomplete`] if a generation is building: what it has written is named nowhere yet. As archive and catalog
/// report.
pub async fn look(
    archive: &Archive,
    catalog: &dyn Catalog,
    pinned: &Pinned,
    before: Timestamp,
) -> Result<Garbage, Error> {
    let receipts = archive.list(&ReceiptKey::of_all_projections()).await?;
    let segments = archive.list(&SegmentKey::of_all_projections()).await?;
    let projections: BTreeSet<String> =
        receipts.iter().filter_map(|object| Some(ReceiptKey::parse(object.path.as_ref())?.projection)).collect();
    // What counts is read after the objects were listed: what is written in between is not among them.
    let needed = needed(catalog, &projections).await?;
    let (mut garbage, mut named) = (Garbage::default(), BTreeSet::new());
    let note = |object: Listed, is_needed: bool, why: &'static str, garbage: &mut Garbage| -> bool {
        let goes = !is_needed && object.modified < before;
        match (is_needed, goes) {
            (true, _) => garbage.kept += 1,
            (false, false) => garbage.young += 1,
            (false, true) => garbage.removable.push(Removable { object, why }),
        }
        goes
    };
    for object in receipts {
        let is_needed = |key| needed.contains(&key) || pinned.receipts.contains(&key);
        let is_needed = ReceiptKey::parse(object.path.as_ref()).is_none_or(is_needed);
        let path = object.path.clone();
        if !note(object, is_needed, "no live pointer and no generation names this build", &mut garbage) {
            // A receipt that is damaged names nothing, and is kept for people to see.
            if let Ok(receipt) = Receipt::from_bytes(&archive.get(&path).await?) {
                named.insert(receipt.key);
            }
        }
    }
    for object in segments {
        let key = object.path.as_ref();
        let is_needed = named.contains(key) || pinned.segments.contains(key);
        note(object, is_needed, "no receipt that stays names it", &mut garbage);
    }
    Ok(garbage)
}

/// The receipts that something needs.
async fn needed(catalog: &dyn Catalog, projections: &BTreeSet<String>) -> Result<BTreeSet<ReceiptKey>, Error> {
    let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
    let mut needed = BTreeSet::new();
    let mut note = |projection: &str, pointer: &LivePointer| -> Result<(), Error> {
        let digest = |text: &str| {
            text.parse::<Digest>().map_err(|_| Error::Incomplete(format!("{text:?} of {} is no digest", pointer.hour)))
        };
        let (input, code) = (digest(&pointer.input_digest)?, digest(&pointer.code_digest)?);
        needed.insert(ReceiptKey::new(projection, pointer.hour, &input, &code));
        Ok(())
    };
    for projection in projections {
        for pointer in catalog.live_pointers(projection, first, last).await? {
            note(projection, &pointer)?;
        }
    }
    let mut after = None;
    loop {
        let page = catalog.list_generations(after.as_ref().map(|(at, id)| (*at, id)), PAGE).await?;
        let Some(oldest) = page.last() else { return Ok(needed) };
        after = Some((oldest.created_at, oldest.id.clone()));
        for generation in page {
            if generation.state == GenerationState::Building {
                let id = &generation.id;
                return Err(Error::Incomplete(format!("generation {id} is building: let it end, or abort it")));
            }
            for unit in gates::units(catalog, &generation).await? {
                let mut pointers = unit.base.iter().cloned().chain(gates::pointer(&generation, &unit));
                pointers.try_for_each(|pointer| note(&generation.projection, &pointer))?;
            }
        }
    }
}

/// Removes what may go. Returns how many objects and bytes.
///
/// # Errors
/// As the archive reports; what was not removed yet stays.
pub async fn remove(archive: &Archive, garbage: &Garbage) -> Result<(u64, u64), Error> {
    let (mut objects, mut bytes) = (0, 0);
    for Removable { object, .. } in &garbage.removable {
        archive.remove_derived(&object.path).await?;
        (objects, bytes) = (objects + 1, bytes + object.bytes);
    }
    Ok((objects, bytes))
}
