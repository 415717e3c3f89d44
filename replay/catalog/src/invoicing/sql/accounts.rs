//! Terms of accounts, and what the seller says of itself: versions that are added and never edited.

use std::{collections::BTreeMap, sync::LazyLock};

use super::trail::{self, By};
use crate::{
    digest,
    error::Error,
    invoicing::{
        bounds::{self, TERMS_PAGE_MAX},
        digests,
        terms::{NewTerms, Terms, TermsStored},
    },
    many::Many,
    rows,
    session::{Arg, Session},
};

/// Whose terms are those of the seller.
pub(crate) const SELLER: &str = "";

static PUT: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "INSERT INTO terms (advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest)
         VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?)",
        "",
    )
});

static NEWEST: LazyLock<Many> = LazyLock::new(|| {
    Many::keys(
        "SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
         FROM terms t
         WHERE version = (SELECT MAX(version) FROM terms l WHERE l.advertiser_id = t.advertiser_id)
            AND advertiser_id = ?",
    )
});

const READ: &str = "
    SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
    FROM terms WHERE advertiser_id = $1 AND version = $2";

const AT: &str = "
    SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
    FROM terms WHERE advertiser_id = $1 AND valid_from <= $2 ORDER BY valid_from DESC, version DESC LIMIT 1";

const OF: &str = "
    SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
    FROM terms WHERE advertiser_id = $1 AND version > $2 ORDER BY version LIMIT $3";

const ALL: &str = "
    SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
    FROM terms WHERE advertiser_id <> '' AND (advertiser_id > $1 OR (advertiser_id = $1 AND version > $2))
    ORDER BY advertiser_id, version LIMIT $3";

/// The seller's id is empty, so it is behind no other.
const LIST: &str = "
    SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
    FROM terms t
    WHERE advertiser_id > $1 AND version = (SELECT MAX(version) FROM terms l WHERE l.advertiser_id = t.advertiser_id)
    ORDER BY advertiser_id LIMIT $2";

const LIST_AT: &str = "
    SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
    FROM terms t
    WHERE advertiser_id > $1 AND valid_from <= $2 AND NOT EXISTS (
        SELECT 1 FROM terms l
        WHERE l.advertiser_id = t.advertiser_id AND l.valid_from <= $2
            AND (l.valid_from > t.valid_from OR (l.valid_from = t.valid_from AND l.version > t.version)))
    ORDER BY advertiser_id LIMIT $3";

/// See [`Invoicing::put_terms`](crate::invoicing::Invoicing::put_terms). Of the seller too.
pub(crate) async fn put(
    session: &mut impl Session,
    all: &[NewTerms],
    by: By<'_>,
    action: &str,
) -> Result<Vec<TermsStored>, Error> {
    bounds::at_once(all.len(), "versions of terms")?;
    for terms in all {
        bounds::terms(terms)?;
    }
    let ids: Vec<&str> = all.iter().map(|terms| terms.advertiser_id.as_str()).collect();
    let newest = NEWEST.fetch(session, &ids, rows::invoicing::terms).await?;
    let mut newest: BTreeMap<String, Terms> =
        newest.into_iter().map(|terms| (terms.advertiser_id.clone(), terms)).collect();
    let (mut stored, mut new) = (Vec::new(), Vec::new());
    for terms in all {
        let last = newest.get(&terms.advertiser_id);
        if let Some(last) = last.filter(|last| says_the_same(last, terms)) {
            stored.push(TermsStored { version: last.version, is_new: false });
            continue;
        }
        let version = last.map_or(1, |last| last.version + 1);
        let made = Terms {
            advertiser_id: terms.advertiser_id.clone(),
            version,
            valid_from: terms.valid_from.clone(),
            text: terms.text.clone(),
            digest: terms.digest.clone(),
            created_at: by.at,
            created_by: by.actor.to_owned(),
        };
        stored.push(TermsStored { version, is_new: true });
        newest.insert(made.advertiser_id.clone(), made.clone());
        new.push(made);
    }
    insert(session, &new).await?;
    let named: Vec<String> = new.iter().map(named).collect();
    trail::write(session, by, action, &named).await?;
    Ok(stored)
}

/// See [`Invoicing::restore_terms`](crate::invoicing::Invoicing::restore_terms).
pub(crate) async fn restore(session: &mut impl Session, all: &[Terms], by: By<'_>) -> Result<u64, Error> {
    bounds::at_once(all.len(), "versions of terms")?;
    let mut restored = Vec::new();
    for terms in all {
        bounds::kept_terms(terms)?;
        let (id, version) = (terms.advertiser_id.as_str(), terms.version);
        match read(session, id, version).await? {
            Some(standing) if (&standing.valid_from, &standing.digest) == (&terms.valid_from, &terms.digest) => {
                continue;
            }
            Some(_) => {
                let what = named(terms);
                return Err(Error::Refused(format!("to restore {what}, because other terms have that number")));
            }
            None => {}
        }
        if version != 1 && read(session, id, version - 1).await?.is_none() {
            let what = named(terms);
            return Err(Error::Refused(format!("to restore {what}, because the version before is missing")));
        }
        insert(session, std::slice::from_ref(terms)).await?;
        restored.push(named(terms));
    }
    trail::write(session, by, "restore_terms", &restored).await?;
    Ok(restored.len() as u64)
}

fn says_the_same(last: &Terms, terms: &NewTerms) -> bool {
    (&last.valid_from, &last.text, &last.digest) == (&terms.valid_from, &terms.text, &terms.digest)
}

/// `acme v2 from 2026-01-01`.
fn named(terms: &Terms) -> String {
    let whose = if terms.advertiser_id == SELLER { "the seller" } else { &terms.advertiser_id };
    format!("{whose} v{} from {}", terms.version, terms.valid_from)
}

async fn insert(session: &mut impl Session, new: &[Terms]) -> Result<(), Error> {
    let values: Vec<Vec<Arg<'_>>> = new.iter().map(digests::terms).collect();
    let sums: Vec<String> = values.iter().map(|values| digest::of("terms", values)).collect();
    let rows: Vec<Vec<Arg<'_>>> =
        values.into_iter().zip(&sums).map(|(values, sum)| [values, vec![Arg::from(sum)]].concat()).collect();
    PUT.execute(session, &rows).await?;
    Ok(())
}

/// See [`Invoicing::terms`](crate::invoicing::Invoicing::terms).
pub(crate) async fn read(session: &mut impl Session, id: &str, version: u32) -> Result<Option<Terms>, Error> {
    Ok(session.fetch(READ, &[id.into(), version.into()], rows::invoicing::terms).await?.pop())
}

/// See [`Invoicing::terms_at`](crate::invoicing::Invoicing::terms_at).
pub(crate) async fn at(session: &mut impl Session, id: &str, date: &str) -> Result<Option<Terms>, Error> {
    bounds::date("date", date)?;
    Ok(session.fetch(AT, &[id.into(), date.into()], rows::invoicing::terms).await?.pop())
}

/// See [`Invoicing::terms_of`](crate::invoicing::Invoicing::terms_of).
pub(crate) async fn of(session: &mut impl Session, id: &str, after: u32, limit: u32) -> Result<Vec<Terms>, Error> {
    let limit = limit.min(TERMS_PAGE_MAX);
    session.fetch(OF, &[id.into(), after.into(), limit.into()], rows::invoicing::terms).await
}

/// See [`Invoicing::all_terms`](crate::invoicing::Invoicing::all_terms).
pub(crate) async fn all(
    session: &mut impl Session,
    after: Option<(&str, u32)>,
    limit: u32,
) -> Result<Vec<Terms>, Error> {
    let (id, version) = after.unwrap_or((SELLER, 0));
    let limit = limit.min(TERMS_PAGE_MAX);
    session.fetch(ALL, &[id.into(), version.into(), limit.into()], rows::invoicing::terms).await
}

/// See [`Invoicing::list_accounts`](crate::invoicing::Invoicing::list_accounts).
pub(crate) async fn list(session: &mut impl Session, after: &str, limit: u32) -> Result<Vec<Terms>, Error> {
    session.fetch(LIST, &[after.into(), limit.min(TERMS_PAGE_MAX).into()], rows::invoicing::terms).await
}

/// See [`Invoicing::accounts_at`](crate::invoicing::Invoicing::accounts_at).
pub(crate) async fn list_at(
    session: &mut impl Session,
    date: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<Terms>, Error> {
    bounds::date("date", date)?;
    let limit = limit.min(TERMS_PAGE_MAX);
    session.fetch(LIST_AT, &[after.into(), date.into(), limit.into()], rows::invoicing::terms).await
}
