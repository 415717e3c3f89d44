//! What of invoicing is damaged or contradicts itself. Nothing of it mirrors anything, so it is named and never made
//! up: documents come back from the archive's records, the rest from a backup.

use std::collections::BTreeSet;

use super::{documents, revisions};
use crate::{
    error::Error,
    invoicing::{
        bounds::{PAGE_MAX, TERMS_PAGE_MAX},
        document::DocumentFilter,
        draft::DraftState,
    },
    rows,
    session::{Fields, Session},
};

/// What is said twice and not alike: each with a query of what it concerns.
const TWICE: [(&str, &str); 4] = [
    (
        "numbers are missing in series of documents",
        "SELECT series AS named FROM documents GROUP BY series HAVING COUNT(*) <> MAX(number) ORDER BY series LIMIT 4",
    ),
    (
        "documents have lost what was made of them",
        "SELECT draft_id AS named FROM documents d
            WHERE NOT EXISTS (SELECT 1 FROM artefacts a WHERE a.series = d.series AND a.number = d.number)
            ORDER BY draft_id LIMIT 4",
    ),
    (
        "drafts were issued, and there is no document of them",
        "SELECT draft_id AS named FROM drafts d
            WHERE state = 'issued' AND NOT EXISTS (SELECT 1 FROM documents i WHERE i.draft_id = d.draft_id)
            ORDER BY draft_id LIMIT 4",
    ),
    (
        "versions of terms are missing",
        "SELECT advertiser_id AS named FROM terms GROUP BY advertiser_id HAVING COUNT(*) <> MAX(version)
            ORDER BY advertiser_id LIMIT 4",
    ),
];

/// A table that is read as a whole, in pages: `$1`, `$2` and `$3` are the last key of the page before.
struct Table {
    select: &'static str,
    check: fn(&dyn Fields) -> Result<Checked, Error>,
}

/// A row that was read: its key, and what is wrong with it.
struct Checked {
    key: (String, i64, String),
    damage: Option<String>,
}

const TABLES: [Table; 6] = [
    Table {
        select: "SELECT advertiser_id, version, valid_from, text, text_digest, created_at, created_by, row_digest
            FROM terms WHERE advertiser_id > $1 OR (advertiser_id = $1 AND version > $2)
            ORDER BY advertiser_id, version LIMIT $4",
        check: |fields| checked(rows::invoicing::terms(fields), fields, ["advertiser_id", "version", ""]),
    },
    Table {
        select: "SELECT period, zone, cycle, from_at, to_at, tzdb, state, created_at, created_by, closed_at, closed_by,
                row_digest
            FROM periods WHERE period > $1 OR (period = $1 AND zone > $3) ORDER BY period, zone LIMIT $4",
        check: |fields| checked(rows::invoicing::period(fields), fields, ["period", "", "zone"]),
    },
    Table {
        select: "SELECT draft_id, revision, is_newest, serial, account_period, period, zone, advertiser_id, currency,
                kind, original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest,
                basis_digest, text_digest, text_bytes, state, created_at, created_by, changed_at, changed_by, row_digest
            FROM drafts WHERE draft_id > $1 OR (draft_id = $1 AND revision > $2) ORDER BY draft_id, revision LIMIT $4",
        check: |fields| checked(rows::invoicing::draft(fields), fields, ["draft_id", "revision", ""]),
    },
    Table {
        select: "SELECT series, number, draft_id, revision, serial, account_period, period, zone, advertiser_id,
                currency, kind, original_series, original_number, reason, terms_version, total_minor, lines,
                inputs_digest, basis_digest, document_digest, issued_on, due_on, issued_at, issued_by, log_position,
                row_digest
            FROM documents WHERE series > $1 OR (series = $1 AND number > $2) ORDER BY series, number LIMIT $4",
        check: |fields| checked(rows::invoicing::document(fields), fields, ["series", "number", ""]),
    },
    Table {
        select: "SELECT series, number, format, artefact_key, artefact_digest, bytes, row_digest
            FROM artefacts
            WHERE series > $1 OR (series = $1 AND (number > $2 OR (number = $2 AND format > $3)))
            ORDER BY series, number, format LIMIT $4",
        check: |fields| checked(rows::invoicing::artefact(fields), fields, ["series", "number", "format"]),
    },
    Table {
        select: "SELECT dispute, account_period, period, advertiser_id, currency, document_series, document_number,
                reason, state, opened_at, opened_by, closed_at, closed_by, resolution, row_digest
            FROM disputes WHERE dispute > $2 ORDER BY dispute LIMIT $4",
        check: |fields| checked(rows::invoicing::dispute(fields), fields, ["", "dispute", ""]),
    },
];

/// What a row that cannot be read says of itself. Its key has to be readable, so that the next page can be.
fn checked<T>(row: Result<T, Error>, fields: &dyn Fields, key: [&str; 3]) -> Result<Checked, Error> {
    let damage = match row {
        Ok(_) => None,
        Err(Error::Corrupt(what) | Error::Damaged(what)) => Some(what),
        Err(other) => return Err(other),
    };
    let text = |column: &str| if column.is_empty() { Ok(String::new()) } else { fields.text(column) };
    let number = if key[1].is_empty() { 0 } else { fields.int(key[1])? };
    Ok(Checked { key: (text(key[0])?, number, text(key[2])?), damage })
}

/// What contradicts: cheap enough for every start.
pub(crate) async fn contradictions(session: &mut impl Session) -> Result<Vec<String>, Error> {
    let mut lost = Vec::new();
    for (what, query) in TWICE {
        let found = session.fetch(query, &[], rows::invoicing::named).await?;
        if !found.is_empty() {
            let more = if found.len() > 3 { " and others" } else { "" };
            let named = found[..found.len().min(3)].join(", ");
            lost.push(format!("{what}: {named}{more}; restore the catalog's backup"));
        }
    }
    Ok(lost)
}

/// See [`Invoicing::invoicing_damage`](crate::invoicing::Invoicing::invoicing_damage).
pub(crate) async fn all(session: &mut impl Session) -> Result<Vec<String>, Error> {
    let mut found = contradictions(session).await?;
    for table in &TABLES {
        let mut after = (String::new(), 0, String::new());
        loop {
            let (first, second, third) = &after;
            let args = [first.into(), (*second).into(), third.into(), TERMS_PAGE_MAX.into()];
            let page = session.fetch(table.select, &args, table.check).await?;
            let Some(last) = page.last() else { break };
            after = last.key.clone();
            found.extend(page.into_iter().filter_map(|row| row.damage));
        }
    }
    Ok(found)
}

/// See [`Invoicing::bases_in_use`](crate::invoicing::Invoicing::bases_in_use).
pub(crate) async fn bases_in_use(session: &mut impl Session) -> Result<BTreeSet<String>, Error> {
    let mut bases = BTreeSet::new();
    let mut after = None;
    loop {
        let page = revisions::all(session, after.as_ref(), PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.revision.clone());
        let used = page.into_iter().filter(|draft| match draft.state {
            DraftState::Draft | DraftState::Approved | DraftState::Issued => true,
            DraftState::Void | DraftState::Superseded => false,
        });
        bases.extend(used.map(|draft| draft.facts.basis));
    }
    let mut after = None;
    loop {
        let page = documents::list(session, &DocumentFilter::default(), after.as_ref(), PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.number.clone());
        bases.extend(page.into_iter().map(|document| document.facts.basis));
    }
    Ok(bases)
}
