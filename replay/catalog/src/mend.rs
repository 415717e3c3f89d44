//! The beginning of a rebuild: what is lost or damaged is taken out, so that the rest can be read.
//!
//! A row that is not what it was stored as says nothing, and neither does one whose counterpart is gone. What mirrors
//! archive and logs goes, and the rebuild makes it again. What mirrors nothing is only compared: the registry, the
//! changes of ads and their pauses say the same twice, so a loss shows.

use std::collections::BTreeSet;

use clicktrail_log::time::{Hour, Timestamp};

use crate::{
    error::Error,
    generations, invoicing,
    mended::{Forget, Mended},
    rows,
    session::{Arg, Fields, Session},
    verdict_marks::VerdictMarks,
    verdicts,
};

/// A table, how its damaged rows are found, and how they are taken out: by their key.
struct Rows {
    select: &'static str,
    damaged: fn(&dyn Fields) -> Result<Option<Damaged>, Error>,
    delete: &'static [&'static str],
}

/// A damaged row: its key, its hour, and what is wrong with it.
struct Damaged {
    key: Vec<Key>,
    hour: Hour,
    reason: String,
}

enum Key {
    Number(i64),
    Text(String),
}

impl Key {
    fn arg(&self) -> Arg<'_> {
        match self {
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.into(),
        }
    }
}

/// Pointers before what they point at.
const DAMAGED: [Rows; 4] = [
    Rows {
        select: "SELECT projection, hour, outcome, sealed_rows, hot_rows, detail, compared_at, row_digest
            FROM reconciliations ORDER BY hour",
        damaged: |fields| damaged(rows::reconciliation(fields), fields, &["hour"]),
        delete: &["DELETE FROM reconciliations WHERE hour = $1"],
    },
    Rows {
        select: "SELECT projection, hour, segment_key, bytes, rows, input_digest, code_digest, output_digest,
                verdicts_before, row_digest
            FROM segments ORDER BY hour",
        damaged: |fields| {
            damaged(rows::segment(fields), fields, &["projection", "hour", "input_digest", "code_digest"])
        },
        delete: &[
            "DELETE FROM live_segments
                WHERE projection = $1 AND hour = $2 AND input_digest = $3 AND code_digest = $4",
            "DELETE FROM segments WHERE projection = $1 AND hour = $2 AND input_digest = $3 AND code_digest = $4",
        ],
    },
    Rows {
        select: "SELECT hour, first_seq, last_seq, epoch, rows, parts, bytes, manifest_digest, row_digest
            FROM hours ORDER BY hour",
        damaged: |fields| damaged(rows::hour(fields), fields, &["hour"]),
        delete: &[
            "DELETE FROM live_segments WHERE hour = $1",
            "DELETE FROM segments WHERE hour = $1",
            "DELETE FROM reconciliations WHERE hour = $1",
            "DELETE FROM hours WHERE hour = $1",
        ],
    },
    Rows {
        select: "SELECT hour, first_seq, last_seq, last_frame, payload, payload_digest, row_digest
            FROM hot_partials ORDER BY first_seq",
        damaged: |fields| damaged(rows::partial(fields), fields, &["first_seq"]),
        // What lies behind it would count on behind a hole.
        delete: &["DELETE FROM hot_partials WHERE first_seq >= $1"],
    },
];

/// Rows whose counterpart is gone.
const ORPHANS: [(&str, &str); 3] = [
    (
        "live pointers to no segment",
        "DELETE FROM live_segments WHERE NOT EXISTS (SELECT 1 FROM segments s
            WHERE s.projection = live_segments.projection AND s.hour = live_segments.hour
                AND s.input_digest = live_segments.input_digest AND s.code_digest = live_segments.code_digest)",
    ),
    (
        "segments of no hour",
        "DELETE FROM segments WHERE NOT EXISTS (SELECT 1 FROM hours h WHERE h.hour = segments.hour)",
    ),
    (
        "comparisons of no hour",
        "DELETE FROM reconciliations WHERE NOT EXISTS (SELECT 1 FROM hours h WHERE h.hour = reconciliations.hour)",
    ),
];

const LIVE_OF_NO_HOUR: &str =
    "DELETE FROM live_segments WHERE NOT EXISTS (SELECT 1 FROM hours h WHERE h.hour = live_segments.hour)";

/// See [`Catalog::mend`](crate::Catalog::mend).
pub(crate) async fn mend(
    session: &mut impl Session,
    forget: Forget,
    kept_promotions: i64,
    now: Timestamp,
) -> Result<Mended, Error> {
    let (mut taken_out, mut hours) = (Vec::new(), BTreeSet::new());
    for table in &DAMAGED {
        let found = session.fetch(table.select, &[], table.damaged).await?;
        for Damaged { key, hour, reason } in found.into_iter().flatten() {
            let key: Vec<Arg<'_>> = key.iter().map(Key::arg).collect();
            for statement in table.delete {
                session.execute(statement, &key).await?;
            }
            taken_out.push(reason);
            hours.insert(hour);
        }
    }
    session.execute(LIVE_OF_NO_HOUR, &[]).await?;
    for (what, statement) in ORPHANS {
        let rows = session.execute(statement, &[]).await?;
        taken_out.extend((rows > 0).then(|| format!("{rows} {what}")));
    }
    let replays = generations::mend::mend(session, &hours, kept_promotions).await?;
    taken_out.extend(replays.taken_out);
    taken_out.extend(mend_marks(session).await?);
    taken_out.extend(mend_numbers(session, now).await?);
    if forget == Forget::OpenFrames {
        session.execute("DELETE FROM hot_partials", &[]).await?;
        verdicts::begin_again(session, &VerdictMarks::NOTHING.judged, VerdictMarks::NOTHING.judged_frames).await?;
    }
    let lost = replays.lost.into_iter().chain(lost(session).await?).collect();
    Ok(Mended { taken_out, lost })
}

/// The error of a row that cannot be read, with its key.
fn damaged<T>(row: Result<T, Error>, fields: &dyn Fields, key: &[&str]) -> Result<Option<Damaged>, Error> {
    let reason = match row {
        Ok(_) => return Ok(None),
        Err(Error::Damaged(reason)) => reason,
        Err(other) => return Err(other),
    };
    let part = |column: &&str| match (fields.int(column), fields.text(column)) {
        (Ok(number), _) => Ok(Key::Number(number)),
        (Err(_), Ok(text)) => Ok(Key::Text(text)),
        (Err(error), Err(_)) => Err(Error::from(error)),
    };
    let key = key.iter().map(part).collect::<Result<_, _>>()?;
    Ok(Some(Damaged { key, hour: Hour::from_i64(fields.int("hour")?), reason }))
}

/// Marks that are lost begin again: archive and verdict log prove how far the judge has come.
async fn mend_marks(session: &mut impl Session) -> Result<Option<String>, Error> {
    let marks = match verdicts::read(session).await {
        Ok(marks) => marks,
        Err(Error::Damaged(reason)) => {
            session.execute("DELETE FROM verdict_marks", &[]).await?;
            let fresh = "
                INSERT INTO verdict_marks (only_row, clicks_judged, verdicts_judged, followed) VALUES (1, 0, 0, 0)";
            session.execute(fresh, &[]).await?;
            let nothing = VerdictMarks::NOTHING;
            verdicts::begin_again(session, &nothing.judged, nothing.judged_frames).await?;
            return Ok(Some(reason));
        }
        Err(other) => return Err(other),
    };
    match verdicts::check_later(session, &marks).await {
        Ok(()) => Ok(None),
        Err(Error::Damaged(reason)) => {
            verdicts::begin_again(session, &marks.judged, marks.judged_frames).await?;
            Ok(Some(reason))
        }
        Err(other) => Err(other),
    }
}

/// Numbers that only have to be others than before: the time is greater than any that was counted up to.
async fn mend_numbers(session: &mut impl Session, now: Timestamp) -> Result<Vec<String>, Error> {
    let fresh = [
        (
            "no row in catalog_generation",
            "INSERT INTO catalog_generation (only_row, generation) SELECT 1, $1
                WHERE NOT EXISTS (SELECT 1 FROM catalog_generation)",
        ),
        (
            "no row in ads_version",
            "INSERT INTO ads_version (only_row, version) SELECT 1, $1
                WHERE NOT EXISTS (SELECT 1 FROM ads_version)",
        ),
    ];
    let (mut found, number) = (Vec::new(), now.micros().max(1));
    for (what, statement) in fresh {
        let rows = session.execute(statement, &[number.into()]).await?;
        found.extend((rows > 0).then(|| what.to_owned()));
    }
    Ok(found)
}

/// What is said twice and not alike: each with a query of the ads that it concerns.
const TWICE: [(&str, &str); 3] = [
    (
        "the registry has lost ads of which a change is kept",
        "SELECT DISTINCT ad_id FROM ad_changes c
            WHERE NOT EXISTS (SELECT 1 FROM ads a WHERE a.ad_id = c.ad_id) ORDER BY ad_id LIMIT 4",
    ),
    (
        "ads are registered otherwise than their last change says",
        "SELECT a.ad_id FROM ads a JOIN ad_changes c ON c.ad_id = a.ad_id
            WHERE c.change_id = (SELECT MAX(change_id) FROM ad_changes l WHERE l.ad_id = a.ad_id)
                AND (a.advertiser_id <> c.after_advertiser_id OR a.campaign_id <> c.after_campaign_id
                    OR a.target_url <> c.after_target_url OR a.price_micros <> c.after_price_micros
                    OR a.currency <> c.after_currency)
            ORDER BY a.ad_id LIMIT 4",
    ),
    (
        "ads are paused otherwise than their last change says",
        "SELECT c.ad_id FROM ad_changes c
            WHERE c.change_id = (SELECT MAX(change_id) FROM ad_changes l WHERE l.ad_id = c.ad_id)
                AND c.after_paused <> (SELECT COUNT(*) FROM ad_pauses p WHERE p.ad_id = c.ad_id AND p.resumed_at = 0)
            ORDER BY c.ad_id LIMIT 4",
    ),
];

/// See [`Catalog::lost`](crate::Catalog::lost).
pub(crate) async fn lost(session: &mut impl Session) -> Result<Vec<String>, Error> {
    let mut lost = Vec::new();
    for (what, query) in TWICE {
        let ads = session.fetch(query, &[], rows::ad_id).await?;
        if !ads.is_empty() {
            let more = if ads.len() > 3 { " and others" } else { "" };
            let ads = ads[..ads.len().min(3)].join(", ");
            lost.push(format!("{what}: {ads}{more}; restore the catalog's backup"));
        }
    }
    let unwritten = "
        SELECT ad_id FROM ads WHERE NOT EXISTS (SELECT 1 FROM audit) ORDER BY ad_id LIMIT 1";
    if !session.fetch(unwritten, &[], rows::ad_id).await?.is_empty() {
        lost.push("the audit trail is empty, though ads are registered; restore the catalog's backup".to_owned());
    }
    lost.extend(invoicing::sql::damage::contradictions(session).await?);
    Ok(lost)
}
