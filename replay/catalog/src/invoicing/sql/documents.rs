//! What was issued: read, and marked once it is in the log.

use std::{collections::BTreeMap, sync::LazyLock};

use clicktrail_log::position::Position;

use crate::{
    digest,
    error::Error,
    invoicing::{
        bounds::PAGE_MAX,
        digests::{self, Texts},
        document::{Artefact, Document, DocumentFilter, DocumentRecord},
        draft::Kind,
        number::DocumentNumber,
    },
    many::Many,
    rows,
    session::{Arg, Session},
};

static PUT: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "INSERT INTO documents (follows, series, number, draft_id, revision, serial, account_period, period, zone,
            advertiser_id, currency, kind, original_series, original_number, reason, terms_version, total_minor, lines,
            inputs_digest, basis_digest, document_digest, issued_on, due_on, issued_at, issued_by, log_position,
            row_digest)
         VALUES",
        "(NULLIF(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "",
    )
});

static PUT_ARTEFACTS: LazyLock<Many> = LazyLock::new(|| {
    Many::rows(
        "INSERT INTO artefacts (series, number, format, artefact_key, artefact_digest, bytes, row_digest) VALUES",
        "(?, ?, ?, ?, ?, ?, ?)",
        "",
    )
});

static OF_PERIODS: LazyLock<Many> = LazyLock::new(|| {
    Many::keys(
        "SELECT series, number, draft_id, revision, serial, account_period, period, zone, advertiser_id, currency,
            kind, original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest,
            basis_digest, document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
         FROM documents WHERE account_period = ?",
    )
});

const READ: &str = "
    SELECT series, number, draft_id, revision, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
    FROM documents WHERE series = $1 AND number = $2";

const LIST: &str = "
    SELECT series, number, draft_id, revision, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
    FROM documents
    WHERE (series > $1 OR (series = $1 AND number > $2)) AND ($3 = '' OR series = $3) AND ($4 = '' OR period = $4)
        AND ($5 = '' OR advertiser_id = $5) AND ($6 = '' OR currency = $6) AND ($7 = '' OR kind = $7)
    ORDER BY series, number LIMIT $8";

const NOT_LOGGED: &str = "
    SELECT series, number, draft_id, revision, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
    FROM documents WHERE log_position = 0 AND (series > $1 OR (series = $1 AND number > $2))
    ORDER BY series, number LIMIT $3";

const NEXT_SERIES: &str = "SELECT series AS named FROM documents WHERE series > $1 ORDER BY series LIMIT 1";

/// From the end of the series: those that are not logged yet are the last ones.
const LAST_LOGGED: &str = "
    SELECT series, number, draft_id, revision, serial, account_period, period, zone, advertiser_id, currency, kind,
        original_series, original_number, reason, terms_version, total_minor, lines, inputs_digest, basis_digest,
        document_digest, issued_on, due_on, issued_at, issued_by, log_position, row_digest
    FROM documents WHERE series = $1 AND log_position <> 0 ORDER BY number DESC LIMIT 1";

const ARTEFACTS: &str = "
    SELECT series, number, format, artefact_key, artefact_digest, bytes, row_digest
    FROM artefacts WHERE series = $1 AND number = $2 ORDER BY format";

const LOGGED: &str = "UPDATE documents SET log_position = $3, row_digest = $4 WHERE series = $1 AND number = $2";

/// Inserts documents with what was made of them. The database refuses numbers that do not follow.
pub(crate) async fn insert(session: &mut impl Session, records: &[DocumentRecord]) -> Result<(), Error> {
    let texts: Vec<Texts> = records.iter().map(|record| Texts::of(&record.document.facts)).collect();
    let values: Vec<Vec<Arg<'_>>> =
        records.iter().zip(&texts).map(|(record, texts)| digests::document(&record.document, texts)).collect();
    let sums: Vec<String> = values.iter().map(|values| digest::of("documents", values)).collect();
    let rows: Vec<Vec<Arg<'_>>> = records
        .iter()
        .zip(values)
        .zip(&sums)
        .map(|((record, values), sum)| {
            let follows = i64::from(record.document.number.number) - 1;
            [vec![Arg::from(follows)], values, vec![Arg::from(sum)]].concat()
        })
        .collect();
    PUT.execute(session, &rows).await?;
    let artefacts: Vec<(&DocumentNumber, &Artefact)> = records
        .iter()
        .flat_map(|record| record.artefacts.iter().map(move |artefact| (&record.document.number, artefact)))
        .collect();
    let values: Vec<Vec<Arg<'_>>> = artefacts.iter().map(|(of, artefact)| digests::artefact(of, artefact)).collect();
    let sums: Vec<String> = values.iter().map(|values| digest::of("artefacts", values)).collect();
    let rows: Vec<Vec<Arg<'_>>> =
        values.into_iter().zip(&sums).map(|(values, sum)| [values, vec![Arg::from(sum)]].concat()).collect();
    PUT_ARTEFACTS.execute(session, &rows).await?;
    Ok(())
}

/// What was issued of these accounts' periods, each in order.
pub(crate) async fn of_many(session: &mut impl Session, keys: &[&str]) -> Result<Vec<Document>, Error> {
    let mut found = OF_PERIODS.fetch(session, keys, rows::invoicing::document).await?;
    found.sort_by(|one, other| (&one.facts.about, one.serial).cmp(&(&other.facts.about, other.serial)));
    Ok(found)
}

/// The same by account and period.
pub(crate) async fn by_account_period(
    session: &mut impl Session,
    keys: &[&str],
) -> Result<BTreeMap<String, Vec<Document>>, Error> {
    let mut found: BTreeMap<String, Vec<Document>> = BTreeMap::new();
    for document in of_many(session, keys).await? {
        found.entry(document.facts.about.to_string()).or_default().push(document);
    }
    Ok(found)
}

/// One document.
pub(crate) async fn read(session: &mut impl Session, number: &DocumentNumber) -> Result<Option<Document>, Error> {
    let args = [Arg::from(&number.series), number.number.into()];
    Ok(session.fetch(READ, &args, rows::invoicing::document).await?.pop())
}

/// See [`Invoicing::artefacts`](crate::invoicing::Invoicing::artefacts).
pub(crate) async fn artefacts(session: &mut impl Session, number: &DocumentNumber) -> Result<Vec<Artefact>, Error> {
    let args = [Arg::from(&number.series), number.number.into()];
    let found = session.fetch(ARTEFACTS, &args, rows::invoicing::artefact).await?;
    Ok(found.into_iter().map(|(_, artefact)| artefact).collect())
}

/// See [`Invoicing::document`](crate::invoicing::Invoicing::document).
pub(crate) async fn record(
    session: &mut impl Session,
    number: &DocumentNumber,
) -> Result<Option<DocumentRecord>, Error> {
    let Some(document) = read(session, number).await? else { return Ok(None) };
    let artefacts = artefacts(session, number).await?;
    Ok(Some(DocumentRecord { document, artefacts }))
}

/// See [`Invoicing::documents`](crate::invoicing::Invoicing::documents).
pub(crate) async fn list(
    session: &mut impl Session,
    filter: &DocumentFilter,
    after: Option<&DocumentNumber>,
    limit: u32,
) -> Result<Vec<Document>, Error> {
    let (series, number) = after.map_or(("", 0), |after| (after.series.as_str(), after.number));
    let text = |of: &Option<String>| of.clone().unwrap_or_default();
    let (of_series, period) = (text(&filter.series), text(&filter.period));
    let (advertiser_id, currency) = (text(&filter.advertiser_id), text(&filter.currency));
    let args = [
        series.into(),
        number.into(),
        Arg::from(&of_series),
        Arg::from(&period),
        Arg::from(&advertiser_id),
        Arg::from(&currency),
        filter.kind.map_or("", Kind::as_str).into(),
        limit.min(PAGE_MAX).into(),
    ];
    session.fetch(LIST, &args, rows::invoicing::document).await
}

/// See [`Invoicing::not_logged`](crate::invoicing::Invoicing::not_logged).
pub(crate) async fn not_logged(
    session: &mut impl Session,
    after: Option<&DocumentNumber>,
    limit: u32,
) -> Result<Vec<Document>, Error> {
    let (series, number) = after.map_or(("", 0), |after| (after.series.as_str(), after.number));
    let args = [series.into(), number.into(), limit.min(PAGE_MAX).into()];
    session.fetch(NOT_LOGGED, &args, rows::invoicing::document).await
}

/// See [`Invoicing::last_logged`](crate::invoicing::Invoicing::last_logged). Of each series the last that is marked:
/// some other may stand further on, but whoever reads on from here reads that too.
pub(crate) async fn last_logged(session: &mut impl Session) -> Result<Option<Position>, Error> {
    let (mut series, mut last) = (String::new(), None);
    while let Some(next) = session.fetch(NEXT_SERIES, &[Arg::from(&series)], rows::invoicing::named).await?.pop() {
        series = next;
        let found = session.fetch(LAST_LOGGED, &[Arg::from(&series)], rows::invoicing::document).await?;
        last = last.max(found.first().and_then(|document| document.logged));
    }
    Ok(last)
}

/// See [`Invoicing::logged`](crate::invoicing::Invoicing::logged).
pub(crate) async fn logged(session: &mut impl Session, number: &DocumentNumber, at: Position) -> Result<(), Error> {
    let Some(mut document) = read(session, number).await? else {
        return Err(Error::Refused(format!("a log entry of {number}, which was not issued")));
    };
    match document.logged {
        Some(before) if before == at => return Ok(()),
        Some(before) => return Err(Error::Conflict(format!("{number} is in the log at {before}, not at {at}"))),
        None => document.logged = Some(at),
    }
    let sum = digest::of("documents", &digests::document(&document, &Texts::of(&document.facts)));
    let args = [Arg::from(&number.series), number.number.into(), Some(at).into(), Arg::from(&sum)];
    session.execute(LOGGED, &args).await?;
    Ok(())
}
