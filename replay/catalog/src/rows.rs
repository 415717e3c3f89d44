//! Makes values of rows. A row that no value of ours is stored as is [`Error::Corrupt`], with its table and its key.

use bytes::Bytes;
use clicktrail_log::{
    ad::{Ad, Pause},
    position::Seq,
    time::{Hour, Timestamp},
};
use clicktrail_verdicts::judge::Mark;

use crate::{
    digest,
    error::Error,
    known_frames::JudgedFrames,
    model::{
        AdAction, AdChange, Hole, HotPartial, Making, OpenRulings, Outcome, Reconciliation, RegisteredAd, SealedHour,
        Segment, StaleHour,
    },
    session::{Arg, Fields},
    trail::{AuditEntry, AuditResult, Audited},
    verdict_marks::VerdictMarks,
};

pub(crate) mod corrections;
pub(crate) mod generations;
pub(crate) mod invoicing;
mod reader;

use reader::Reader;

pub(crate) fn audited(fields: &dyn Fields) -> Result<Audited, Error> {
    let row = Reader::of("audit", &["audit_id"], fields);
    let result = row.text("result")?;
    Ok(Audited {
        number: row.int("audit_id")?,
        at: row.int("at").map(Timestamp::from_micros)?,
        entry: AuditEntry {
            actor: row.text("actor")?,
            action: row.text("action")?,
            reason: row.text("reason")?,
            result: AuditResult::parse(&result).ok_or_else(|| row.corrupt("result", &result))?,
            detail: row.text("detail")?,
        },
    })
}

pub(crate) fn ad(fields: &dyn Fields) -> Result<Ad, Error> {
    let row = Reader::of("ads", &["ad_id"], fields);
    let price_micros = row.int("price_micros")?;
    if price_micros < 0 {
        return Err(row.corrupt("price_micros", &price_micros));
    }
    Ok(Ad {
        ad_id: row.text("ad_id")?,
        advertiser_id: row.text("advertiser_id")?,
        campaign_id: row.text("campaign_id")?,
        target_url: row.text("target_url")?,
        price_micros,
        currency: row.text("currency")?,
    })
}

/// An ad with the number of its open pauses.
pub(crate) fn registered_ad(fields: &dyn Fields) -> Result<RegisteredAd, Error> {
    let paused = Reader::of("ads", &["ad_id"], fields).flag("paused")?;
    Ok(RegisteredAd { ad: ad(fields)?, is_paused: paused })
}

pub(crate) fn pause(fields: &dyn Fields) -> Result<Pause, Error> {
    let row = Reader::of("ad_pauses", &["ad_id", "paused_at"], fields);
    let resumed_at = row.int("resumed_at")?;
    Ok(Pause {
        ad_id: row.text("ad_id")?,
        from: Timestamp::from_micros(row.int("paused_at")?),
        until: (resumed_at != 0).then(|| Timestamp::from_micros(resumed_at)),
    })
}

pub(crate) fn ad_change(fields: &dyn Fields) -> Result<AdChange, Error> {
    let row = Reader::of("ad_changes", &["change_id"], fields);
    let action = row.text("action")?;
    let action = AdAction::parse(&action).ok_or_else(|| row.corrupt("action", &action))?;
    let before = [
        "before_advertiser_id",
        "before_campaign_id",
        "before_target_url",
        "before_price_micros",
        "before_currency",
        "before_paused",
    ];
    let after = [
        "after_advertiser_id",
        "after_campaign_id",
        "after_target_url",
        "after_price_micros",
        "after_currency",
        "after_paused",
    ];
    Ok(AdChange {
        number: row.int("change_id")?,
        at: Timestamp::from_micros(row.int("at")?),
        actor: row.text("actor")?,
        before: if action == AdAction::Add { None } else { Some(row.ad_state(before)?) },
        after: row.ad_state(after)?,
        action,
    })
}

/// The ad that something is about.
pub(crate) fn ad_id(fields: &dyn Fields) -> Result<String, Error> {
    Reader::of("ads", &[], fields).text("ad_id")
}

pub(crate) fn ads_version(fields: &dyn Fields) -> Result<i64, Error> {
    Reader::of("ads_version", &[], fields).int("version")
}

pub(crate) fn hour(fields: &dyn Fields) -> Result<SealedHour, Error> {
    let row = Reader::of("hours", &["hour"], fields);
    let hour = SealedHour {
        hour: row.hour()?,
        first_seq: row.seq("first_seq")?,
        last_seq: row.seq("last_seq")?,
        epoch: row.count("epoch")?,
        rows: row.count("rows")?,
        parts: row.count("parts")?,
        bytes: row.count("bytes")?,
        manifest_digest: row.text("manifest_digest")?,
    };
    row.check(&digest::hour(&hour))?;
    Ok(hour)
}

pub(crate) fn segment(fields: &dyn Fields) -> Result<Segment, Error> {
    let row = Reader::of("segments", &["segment_key"], fields);
    let segment = Segment {
        projection: row.text("projection")?,
        hour: row.hour()?,
        key: row.text("segment_key")?,
        bytes: row.count("bytes")?,
        rows: row.count("rows")?,
        input_digest: row.text("input_digest")?,
        code_digest: row.text("code_digest")?,
        output_digest: row.text("output_digest")?,
        verdicts_before: row.int("verdicts_before")?,
    };
    row.check(&digest::segment(&segment))?;
    Ok(segment)
}

pub(crate) fn partial(fields: &dyn Fields) -> Result<HotPartial, Error> {
    let row = Reader::of("hot_partials", &["first_seq"], fields);
    let payload = row.blob("payload")?;
    row.check_digest("payload_digest", &digest::of("payload", &[Arg::from(&payload)]))?;
    Ok(HotPartial { payload, ..partial_without_payload(fields)? })
}

/// A partial of which the payload was not read.
pub(crate) fn partial_without_payload(fields: &dyn Fields) -> Result<HotPartial, Error> {
    let row = Reader::of("hot_partials", &["first_seq"], fields);
    let partial = HotPartial {
        hour: row.hour()?,
        first_seq: row.seq("first_seq")?,
        last_seq: row.seq("last_seq")?,
        last_frame: row.frame("last_frame")?,
        payload: Bytes::new(),
    };
    let (last_frame, payload_digest) = (row.text("last_frame")?, row.text("payload_digest")?);
    row.check(&digest::partial(&partial, &last_frame, &payload_digest))?;
    Ok(partial)
}

/// The frames of a partial, first and last, without its payload.
pub(crate) fn partial_range(fields: &dyn Fields) -> Result<(Seq, Seq), Error> {
    partial_without_payload(fields).map(|partial| (partial.first_seq, partial.last_seq))
}

pub(crate) fn reconciliation(fields: &dyn Fields) -> Result<Reconciliation, Error> {
    let row = Reader::of("reconciliations", &["hour", "projection"], fields);
    let outcome = row.text("outcome")?;
    let reconciliation = Reconciliation {
        projection: row.text("projection")?,
        hour: row.hour()?,
        outcome: Outcome::parse(&outcome).ok_or_else(|| row.corrupt("outcome", &outcome))?,
        sealed_rows: row.count("sealed_rows")?,
        hot_rows: row.count("hot_rows")?,
        detail: row.text("detail")?,
        compared_at: Timestamp::from_micros(row.int("compared_at")?),
    };
    row.check(&digest::reconciliation(&reconciliation))?;
    Ok(reconciliation)
}

pub(crate) fn verdict_marks(fields: &dyn Fields) -> Result<VerdictMarks, Error> {
    let row = Reader::of("verdict_marks", &[], fields);
    let marks = VerdictMarks {
        judged: Mark { clicks_through: row.seq("clicks_judged")?, verdicts_through: row.seq("verdicts_judged")? },
        judged_frames: JudgedFrames { clicks: row.frame("clicks_frame")?, verdicts: row.frame("verdicts_frame")? },
        followed: row.seq("followed")?,
        followed_frame: row.frame("followed_frame")?,
        later_sum: row.int("later_sum")?,
    };
    row.check(&marks.values(&marks.texts().each_ref().map(String::as_str)))?;
    Ok(marks)
}

/// The sum over later_rulings.
pub(crate) fn later_sum(fields: &dyn Fields) -> Result<i64, Error> {
    Reader::of("later_rulings", &[], fields).int("later_sum")
}

pub(crate) fn stale_hour(fields: &dyn Fields) -> Result<StaleHour, Error> {
    let row = Reader::of("hours and later_rulings", &["hour"], fields);
    Ok(StaleHour {
        hour: row.hour()?,
        first: row.position("first_position")?,
        last: row.position("last_position")?,
        verdicts: row.count("verdicts")?,
    })
}

pub(crate) fn open_rulings(fields: &dyn Fields) -> Result<OpenRulings, Error> {
    let row = Reader::of("later_rulings", &[], fields);
    Ok(OpenRulings {
        first: row.position("first_position")?,
        last: row.position("last_position")?,
        verdicts: row.count("verdicts")?,
    })
}

/// An hour with all later rulings about it, and with those that its live segment does not know.
pub(crate) fn ruled_hour(fields: &dyn Fields) -> Result<(StaleHour, Option<StaleHour>), Error> {
    let row = Reader::of("hours and later_rulings", &["hour"], fields);
    let all = stale_hour(fields)?;
    let unknown = match row.count("unknown_verdicts")? {
        0 => None,
        verdicts => {
            let (first, last) = (row.position("unknown_first")?, row.position("unknown_last")?);
            Some(StaleHour { hour: all.hour, first, last, verdicts })
        }
    };
    Ok((all, unknown))
}

pub(crate) fn making(fields: &dyn Fields) -> Result<Making, Error> {
    Reader::of("catalog_generation", &[], fields).int("generation").map(Making)
}

/// An hour that does not follow the one before it.
pub(crate) fn hours_apart(fields: &dyn Fields) -> Result<Hole, Error> {
    let row = Reader::of("hours", &["hour"], fields);
    Ok(Hole::Hours(Hour::from_i64(row.int("previous")?), row.hour()?))
}

/// An hour that has no live segment.
pub(crate) fn hour_without_segment(fields: &dyn Fields) -> Result<Hole, Error> {
    Reader::of("hours", &["hour"], fields).hour().map(Hole::Segment)
}

/// A migration's number, name and SHA-256.
pub(crate) fn migration(fields: &dyn Fields) -> Result<(i64, String, String), Error> {
    let row = Reader::of("schema_migrations", &["number"], fields);
    Ok((row.int("number")?, row.text("name")?, row.text("sha256")?))
}

#[cfg(test)]
mod tests;
