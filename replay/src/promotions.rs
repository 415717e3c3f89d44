//! Promotions in the object store, so that a catalog that was lost can be made again with everything that counted.
//!
//! The catalog alone decides what counts. After each promotion or rollback its record is put beside the segments. A
//! process that dies in between leaves a record out: [`keep`] puts what is missing, whoever calls it next.

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;
use clicktrail_catalog::{
    Catalog, Segment,
    generations::{GenerationId, Move, Promotion, PromotionRecord},
};
use clicktrail_log::{
    archive::{self, Archive, keys::PromotionKey},
    causes::causes,
    time::Hour,
};

use crate::error::Error;

pub mod document;

/// Promotions of the catalog that are read at a time.
const PAGE: u32 = 1_000;
const _: () = assert!(PAGE > 0, "an empty page would end the list");

/// Puts the record of every promotion into the archive that is not there. Returns how many there were.
///
/// # Errors [`Error::Incomplete`] if the archive has another promotion under a number than the catalog, or one that the
/// catalog does not know: then the catalog is an older copy, and a rebuild brings it up to date. Whoever promotes calls
/// it before as well, so that an older copy promotes nothing.
pub async fn keep(archive: &Archive, catalog: &dyn Catalog) -> Result<u64, Error> {
    let kept = archive.promotions().await?;
    let mut after = 0;
    let (mut put, mut last): (u64, Option<Promotion>) = (0, None);
    loop {
        let page = catalog.promotions(after, PAGE).await?;
        let Some(end) = page.last().map(|promotion| promotion.number) else { break };
        for promotion in page {
            let is_kept = kept.binary_search_by_key(&promotion.number, |key| key.number.into()).is_ok();
            if !is_kept {
                put_record(archive, catalog, promotion.number).await?;
                put += 1;
            } else {
                last = Some(promotion);
            }
        }
        after = end;
    }
    if let Some(last) = last {
        check_same(archive, &last).await?;
    }
    match kept.last() {
        Some(unknown) if i64::from(unknown.number) > after => Err(Error::Incomplete(format!(
            "the archive has promotion {}, the catalog knows {after}: the catalog is an older copy, and `clicktrail \
             catalog rebuild` brings it up to date",
            unknown.number
        ))),
        Some(_) | None => Ok(put),
    }
}

/// The last promotion in the archive, if the catalog does not know it: then the catalog is an older copy, and its
/// numbers are those of before that promotion.
///
/// # Errors
/// [`Error::Incomplete`] if it has another one under that number. As archive and catalog report.
pub async fn unknown(archive: &Archive, catalog: &dyn Catalog) -> Result<Option<u32>, Error> {
    let Some(last) = archive.promotions().await?.pop() else { return Ok(None) };
    match catalog.promotions(i64::from(last.number) - 1, 1).await?.pop() {
        None => Ok(Some(last.number)),
        Some(known) => check_same(archive, &known).await.map(|()| None),
    }
}

/// Promotions of archive and catalog, held against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Those of which both say the same.
    pub equal: u64,
    /// Those that the archive does not have yet, by number: [`keep`] puts them there.
    pub unkept: Vec<i64>,
    /// What is damaged, not known to the catalog, or another in it.
    pub contradictions: Vec<String>,
}

/// Holds every record in the archive against the catalog: who, when, why, and which segment each hour got. Nothing is
/// written.
///
/// # Errors
/// If archive or catalog cannot be reached.
pub async fn compare(archive: &Archive, catalog: &dyn Catalog) -> Result<Compared, Error> {
    let kept = archive.promotions().await?;
    let mut keys: BTreeMap<i64, PromotionKey> = kept.into_iter().map(|key| (key.number.into(), key)).collect();
    let (mut compared, mut after) = (Compared::default(), 0);
    loop {
        let page = catalog.promotions(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = end.number;
        for known in page {
            let Some(key) = keys.remove(&known.number) else {
                compared.unkept.push(known.number);
                continue;
            };
            match same(archive, catalog, &key).await {
                Ok(true) => compared.equal += 1,
                Ok(false) => compared.contradictions.push(causes(&parted(&known))),
                Err(cause) if cause.is_transient() => return Err(cause),
                Err(cause) => compared.contradictions.push(causes(&cause)),
            }
        }
    }
    let unknown = |number: i64| format!("the archive has promotion {number}, which the catalog does not know");
    compared.contradictions.extend(keys.into_keys().map(unknown));
    Ok(compared)
}

/// Whether the catalog has the promotion that a record of the archive says.
async fn same(archive: &Archive, catalog: &dyn Catalog, key: &PromotionKey) -> Result<bool, Error> {
    let kept = read(archive, key).await?;
    let Some(known) = catalog.promotion_record(key.number.into()).await? else { return Ok(false) };
    // How long ago a unit was computed, and what is known of segments from before, may be said otherwise since.
    let moved = |record: &PromotionRecord| -> Vec<_> {
        let hours = record.hours.iter();
        hours.map(|hour| (hour.unit.clone(), hour.output.segment.clone(), hour.is_moved)).collect()
    };
    Ok(kept.promotion == known.promotion
        && kept.generation.plan == known.generation.plan
        && moved(&kept) == moved(&known))
}

/// The last promotion up to which the archive has every record; 0 if it has none.
pub(crate) async fn kept(archive: &Archive) -> Result<i64, Error> {
    let kept = archive.promotions().await?;
    let in_order = (1_i64..).zip(kept).take_while(|(number, key)| i64::from(key.number) == *number);
    Ok(in_order.last().map_or(0, |(number, _)| number))
}

/// Whether the archive has the same promotion as the catalog under a number.
async fn check_same(archive: &Archive, known: &Promotion) -> Result<(), Error> {
    let standing = read(archive, &key(&known.projection, known.number)?).await?.promotion;
    if standing == *known { Ok(()) } else { Err(parted(known)) }
}

fn parted(known: &Promotion) -> Error {
    let Promotion { number, generation, .. } = known;
    Error::Incomplete(format!(
        "promotion {number} of the catalog, of generation {generation}, is another than the archive has: something was \
         promoted from an older copy of the catalog"
    ))
}

fn key(projection: &str, number: i64) -> Result<PromotionKey, Error> {
    let beyond = || Error::Incomplete(format!("promotion {number} has a number that no record can have"));
    let number = u32::try_from(number).map_err(|_| beyond())?;
    Ok(PromotionKey { projection: projection.to_owned(), number })
}

async fn put_record(archive: &Archive, catalog: &dyn Catalog, number: i64) -> Result<(), Error> {
    let gone = || Error::Incomplete(format!("promotion {number} is not in the catalog any more"));
    let record = catalog.promotion_record(number).await?.ok_or_else(gone)?;
    let key = key(&record.promotion.projection, number)?;
    match archive.create(&key.path(), Bytes::from(document::to_bytes(&record))).await {
        Ok(()) => Ok(()),
        // Somebody else put it in the meantime, with what was known then of the segments from before.
        Err(archive::Error::Conflict(_)) => check_same(archive, &record.promotion).await,
        Err(cause) => Err(cause.into()),
    }
}

async fn read(archive: &Archive, key: &PromotionKey) -> Result<PromotionRecord, Error> {
    let path = key.path();
    let bytes = archive.get(&path).await?;
    let damaged = |reason: String| archive::Error::Damaged { key: path.to_string(), reason };
    let record = document::from_bytes(&bytes).map_err(|cause| damaged(causes(&cause)))?;
    let says = (record.promotion.projection.as_str(), record.promotion.number);
    if says != (key.projection.as_str(), i64::from(key.number)) {
        return Err(damaged(format!("it is promotion {} of {}", says.1, says.0)).into());
    }
    Ok(record)
}

/// The promotions of the archive that the catalog has lost, in order: those after its last.
///
/// # Errors [`Error::Incomplete`] if one in between is not there, or the catalog's last is another;
/// [`archive::Error::Damaged`] by name.
pub(crate) async fn lost(archive: &Archive, catalog: &dyn Catalog) -> Result<Vec<PromotionRecord>, Error> {
    let kept = archive.promotions().await?;
    let last = last_known(catalog).await?;
    let known = last.as_ref().map_or(0, |last| last.number);
    if let Some(last) = last
        && kept.binary_search_by_key(&known, |key| key.number.into()).is_ok()
    {
        check_same(archive, &last).await?;
    }
    let mut records = Vec::new();
    let beyond = kept.into_iter().filter(|key| i64::from(key.number) > known);
    for (next, key) in (known + 1..).zip(beyond) {
        if i64::from(key.number) != next {
            let path = key.path();
            return Err(Error::Incomplete(format!("the archive has {path}, and no promotion {next} before it")));
        }
        records.push(read(archive, &key).await?);
    }
    Ok(records)
}

async fn last_known(catalog: &dyn Catalog) -> Result<Option<Promotion>, Error> {
    let mut last: Option<Promotion> = None;
    loop {
        let after = last.as_ref().map_or(0, |last| last.number);
        match catalog.promotions(after, PAGE).await?.pop() {
            Some(promotion) => last = Some(promotion),
            None => return Ok(last),
        }
    }
}

/// What hours of a projection count from once `records` are done again over what stands in the catalog: the segments of
/// promotions that were not rolled back.
pub(crate) fn standing(known: Vec<Segment>, records: &[PromotionRecord], projection: &str) -> BTreeMap<Hour, Segment> {
    let mut standing: BTreeMap<Hour, Segment> = known.into_iter().map(|segment| (segment.hour, segment)).collect();
    let of_projection = |record: &&PromotionRecord| record.promotion.projection == projection;
    let mut promoted: BTreeMap<&GenerationId, &PromotionRecord> = BTreeMap::new();
    for record in records.iter().filter(of_projection) {
        match record.promotion.moved {
            Move::Promote => {
                for hour in record.hours.iter().filter(|hour| hour.is_moved) {
                    standing.insert(hour.unit.hour, hour.output.segment.clone());
                }
                promoted.insert(&record.generation.id, record);
            }
            Move::Rollback => {
                let Some(undone) = promoted.get(&record.generation.id) else { continue };
                for hour in undone.hours.iter().filter(|hour| hour.is_moved) {
                    let was_promoted = hour.unit.base.as_ref().is_some_and(|base| base.generation.is_some());
                    match (standing.entry(hour.unit.hour), &hour.base) {
                        (Entry::Occupied(mut entry), Some(base)) if was_promoted => {
                            entry.insert(base.clone());
                        }
                        (Entry::Occupied(entry), _) => {
                            entry.remove();
                        }
                        (Entry::Vacant(_), _) => {}
                    }
                }
            }
        }
    }
    standing
}
