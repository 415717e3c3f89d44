//! Which hours a plan has, and what is wrong with them: an hour is never skipped in silence.

use std::collections::BTreeMap;

use clicktrail_catalog::{Catalog, SealedHour};
use clicktrail_log::{
    archive::{self, Archive, Manifest, clicks::Clicks},
    causes::causes,
    position::Seq,
    time::Hour,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    error::{Error, Problem},
    request::Request,
};
use crate::error::Error as ReplayError;

/// Hours of the catalog that are read at a time.
const PAGE_HOURS: u32 = 1_000;
const _: () = assert!(PAGE_HOURS > 1, "a page has more than the hour before the range");
/// Manifests that are fetched side by side.
const FETCHES_MAX: usize = 16;
/// The hours of a range, as the catalog knows them.
#[derive(Debug)]
pub(super) struct Hours {
    /// Those of the range, and the one before it.
    registered: BTreeMap<Hour, SealedHour>,
    from: Hour,
    to_inclusive: Hour,
    /// Whether nothing is registered before `from`.
    is_from_first: bool,
    judged_through: Seq,
}

impl Hours {
    /// Finds the range and checks that the catalog has all of it.
    pub(super) async fn find(catalog: &dyn Catalog, archive: &Archive, request: &Request) -> Result<Self, Error> {
        let failed = |cause| Error::Replay(ReplayError::Catalog(cause));
        let judged_through = catalog.judged().await.map_err(failed)?.clicks_through;
        let first = catalog.list_hours(Hour::from_i64(i64::MIN / 2), 1).await.map_err(failed)?.pop();
        let last = catalog.last_hour().await.map_err(failed)?;
        let (Some(first), Some(last)) = (first.map(|hour| hour.hour), last.map(|hour| hour.hour)) else {
            let asked = request.from.or(request.to_inclusive);
            return Err(match asked {
                Some(hour) => Error::Incomplete(vec![why_unregistered(archive, hour, judged_through).await?]),
                None => Error::Nothing("no hour is sealed yet".to_owned()),
            });
        };
        // Before its first hour there was no log.
        let from = request.from.unwrap_or(first).max(first);
        let to_inclusive = request.to_inclusive.unwrap_or(last);
        if to_inclusive < from {
            return Err(Error::Nothing(format!("the range ends before {from}, the first sealed hour in it")));
        }
        if to_inclusive > last {
            let hour = from.max(last.next());
            return Err(Error::Incomplete(vec![why_unregistered(archive, hour, judged_through).await?]));
        }
        let mut registered = BTreeMap::new();
        let mut next = Hour::from_i64(from.as_i64() - 1);
        while next <= to_inclusive {
            let page = catalog.list_hours(next, PAGE_HOURS).await.map_err(failed)?;
            let Some(last) = page.last() else { break };
            next = last.hour.next();
            registered.extend(page.into_iter().map(|hour| (hour.hour, hour)));
        }
        Ok(Self { registered, from, to_inclusive, is_from_first: from == first, judged_through })
    }

    /// The first and the last hour of the range.
    pub(super) const fn range(&self) -> (Hour, Hour) {
        (self.from, self.to_inclusive)
    }

    /// The manifests of the wanted hours, each held against the catalog and the hour before it.
    pub(super) async fn manifests(
        &self,
        archive: &Archive,
        wanted: &(dyn Fn(Hour) -> bool + Sync),
    ) -> Result<Vec<Manifest>, Error> {
        let range = self.from.as_i64()..=self.to_inclusive.as_i64();
        let hours: Vec<Hour> = range.map(Hour::from_i64).filter(|hour| wanted(*hour)).collect();
        let checked = stream::iter(hours).map(|hour| self.check(archive, hour)).buffered(FETCHES_MAX);
        let checked: Vec<Result<Manifest, Problem>> = checked.try_collect().await?;
        let (mut manifests, mut problems) = (Vec::new(), Vec::new());
        for found in checked {
            match found {
                Ok(manifest) => manifests.push(manifest),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(manifests) } else { Err(Error::Incomplete(problems)) }
    }

    async fn check(&self, archive: &Archive, hour: Hour) -> Result<Result<Manifest, Problem>, Error> {
        let problem = |what: &str| Ok(Err(Problem { hour, what: what.to_owned() }));
        let Some(registered) = self.registered.get(&hour) else {
            return Ok(Err(why_unregistered(archive, hour, self.judged_through).await?));
        };
        let manifest = match archive.manifest::<Clicks>(hour).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => return problem("has no manifest in the archive, though the catalog knows it: restore it"),
            Err(cause) if cause.is_transient() => return Err(ReplayError::from(cause).into()),
            Err(cause) => return Ok(Err(Problem { hour, what: unreadable(&cause) })),
        };
        if manifest.digest().to_string() != registered.manifest_digest {
            return problem("has another manifest in the archive than the catalog knows: restore the right one");
        }
        let before = self.registered.get(&Hour::from_i64(hour.as_i64() - 1));
        let expected = before.map(|before| &before.manifest_digest);
        let is_first = self.is_from_first && hour == self.from;
        if manifest.previous.as_ref() != expected && !(is_first && expected.is_none()) {
            return problem("does not follow the hour before it: its manifest is of another chain");
        }
        if is_first && manifest.previous.is_some() {
            return problem(
                "is the first hour of the catalog, and the archive had hours before it: rebuild the catalog",
            );
        }
        if manifest.last_seq() > self.judged_through && manifest.rows > 0 {
            return problem("is not judged: the judge has not passed it");
        }
        Ok(Ok(manifest))
    }
}

fn unreadable(cause: &archive::Error) -> String {
    format!("has a manifest that cannot be used: {}", causes(cause))
}

/// Why the catalog does not know an hour.
async fn why_unregistered(archive: &Archive, hour: Hour, judged_through: Seq) -> Result<Problem, Error> {
    let what = match archive.manifest::<Clicks>(hour).await {
        Ok(None) => "is not sealed".to_owned(),
        Ok(Some(manifest)) if manifest.last_seq() > judged_through => {
            "is sealed and not judged: the judge has not passed it".to_owned()
        }
        Ok(Some(_)) => "is sealed, and the catalog does not know it yet".to_owned(),
        Err(cause) if cause.is_transient() => return Err(ReplayError::from(cause).into()),
        Err(cause) => unreadable(&cause),
    };
    Ok(Problem { hour, what })
}
