//! Revisions of drafts as rows: how they are stored and read.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{
    digest,
    error::Error,
    invoicing::{
        bounds::PAGE_MAX,
        digests::{self, Texts},
        draft::{Draft, DraftRevision},
    },
    many::Many,
    rows,
    session::{Arg, Session},
};

static PUT: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "INSERT INTO drafts (draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id,
            currency, kind, original_series, original_number, reason, terms_version, total_minor, lines,
            inputs_digest, basis_digest, text_digest, text_bytes, state, created_at, created_by, changed_at,
            changed_by, row_digest)
         VALUES",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "",
    )
});

static STORE: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "WITH v (draft_id, revision, is_newest, state, changed_at, changed_by, row_digest) AS (VALUES",
        "(?, ?, ?, ?, ?, ?, ?)",
        ")
         UPDATE drafts SET is_newest = v.is_newest, state = v.state, changed_at = v.changed_at,
            changed_by = v.changed_by, row_digest = v.row_digest
         FROM v WHERE drafts.draft_id = v.draft_id AND drafts.revision = v.revision",
    )
});

/// The newest revision of each draft of each account's period: one for each document, and one behind them.
static OF_PERIODS: LazyLock<Many> = LazyLock::new(|| {
    Many::keys(
        "SELECT draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id, currency, kind,
            original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
            text_digest, text_bytes, state, created_at, created_by, changed_at, changed_by, row_digest
         FROM drafts WHERE is_newest = 1 AND account_period = ?",
    )
});

static NEWEST: LazyLock<Many> = LazyLock::new(|| {
    Many::keys(
        "SELECT draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id, currency, kind,
            original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
            text_digest, text_bytes, state, created_at, created_by, changed_at, changed_by, row_digest
         FROM drafts WHERE is_newest = 1 AND draft_id = ?",
    )
});

const REVISIONS: &str = "
    SELECT draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        text_digest, text_bytes, state, created_at, created_by, changed_at, changed_by, row_digest
    FROM drafts WHERE draft_id = $1 AND revision > $2 ORDER BY revision LIMIT $3";

const ALL: &str = "
    SELECT draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        text_digest, text_bytes, state, created_at, created_by, changed_at, changed_by, row_digest
    FROM drafts WHERE draft_id > $1 OR (draft_id = $1 AND revision > $2) ORDER BY draft_id, revision LIMIT $3";

/// Adds revisions.
pub(crate) async fn insert(session: &mut impl Session, new: &[Draft]) -> Result<(), Error> {
    let texts: Vec<Texts> = new.iter().map(|draft| Texts::of(&draft.facts)).collect();
    let values: Vec<Vec<Arg<'_>>> = new.iter().zip(&texts).map(|(draft, texts)| digests::draft(draft, texts)).collect();
    let sums: Vec<String> = values.iter().map(|values| digest::of("drafts", values)).collect();
    let rows: Vec<Vec<Arg<'_>>> =
        values.into_iter().zip(&sums).map(|(values, sum)| [values, vec![Arg::from(sum)]].concat()).collect();
    PUT.execute(session, &rows).await?;
    Ok(())
}

/// Stores the states of these revisions.
pub(crate) async fn store(session: &mut impl Session, changed: &[Draft]) -> Result<(), Error> {
    let sums: Vec<String> =
        changed.iter().map(|draft| digest::of("drafts", &digests::draft(draft, &Texts::of(&draft.facts)))).collect();
    let rows: Vec<Vec<Arg<'_>>> = changed
        .iter()
        .zip(&sums)
        .map(|(draft, sum)| {
            vec![
                Arg::from(&draft.revision.id),
                draft.revision.revision.into(),
                i64::from(draft.is_newest).into(),
                draft.state.as_str().into(),
                draft.changed_at.into(),
                Arg::from(&draft.changed_by),
                Arg::from(sum),
            ]
        })
        .collect();
    let stored = STORE.execute(session, &rows).await?;
    assert_eq!(stored, changed.len() as u64, "every draft whose state changes is stored, and once");
    Ok(())
}

/// The newest revision of each draft of these accounts' periods.
pub(crate) async fn of_periods(session: &mut impl Session, keys: &[&str]) -> Result<Vec<Draft>, Error> {
    OF_PERIODS.fetch(session, keys, rows::invoicing::draft).await
}

/// The newest revision of the last draft of an account's period.
pub(crate) async fn last_of(session: &mut impl Session, about: &str) -> Result<Option<Draft>, Error> {
    Ok(of_periods(session, &[about]).await?.into_iter().max_by_key(|draft| draft.serial))
}

/// The newest revisions of these drafts, by id.
pub(crate) async fn newest(session: &mut impl Session, ids: &[&str]) -> Result<BTreeMap<String, Draft>, Error> {
    let found = NEWEST.fetch(session, ids, rows::invoicing::draft).await?;
    Ok(found.into_iter().map(|draft| (draft.revision.id.clone(), draft)).collect())
}

/// See [`Invoicing::draft_revisions`](crate::invoicing::Invoicing::draft_revisions).
pub(crate) async fn of(session: &mut impl Session, id: &str, after: u32, limit: u32) -> Result<Vec<Draft>, Error> {
    let args = [id.into(), after.into(), limit.min(PAGE_MAX).into()];
    session.fetch(REVISIONS, &args, rows::invoicing::draft).await
}

/// All revisions of all drafts, in pages.
pub(crate) async fn all(
    session: &mut impl Session,
    after: Option<&DraftRevision>,
    limit: u32,
) -> Result<Vec<Draft>, Error> {
    let (id, revision) = after.map_or(("", 0), |after| (after.id.as_str(), after.revision));
    session.fetch(ALL, &[id.into(), revision.into(), limit.into()], rows::invoicing::draft).await
}
