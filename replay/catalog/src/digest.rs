//! The digest of a row: what tells a row that was stored from one that somebody, or a dying disk, made of it.
//!
//! Nothing else notices: a number that is no longer what it was is still a number, and money is summed from it. Rows of
//! earlier versions have no digest, and are taken as they are.

use clicktrail_log::frame;
use sha2::{Digest as _, Sha256};

use crate::{
    error::Error,
    generations::{Generation, GenerationId, NewUnit, Promotion},
    model::{HotPartial, Reconciliation, SealedHour, Segment},
    session::{Arg, Session},
};

/// What stands in a digest's column if nobody knows it.
pub(crate) const UNKNOWN: &str = "";

/// The digest of these values, in this order, as a row of `table`.
pub(crate) fn of(table: &str, values: &[Arg<'_>]) -> String {
    let mut sum = Sha256::new();
    sum.update(table);
    for value in values {
        let (kind, bytes): (u8, &[u8]) = match value {
            Arg::Int(number) => (b'i', &number.to_le_bytes()),
            Arg::Text(text) => (b't', text.as_bytes()),
            Arg::Blob(bytes) => (b'b', bytes),
        };
        sum.update([kind]);
        sum.update((bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    }
    hex::encode(&sum.finalize()[..16])
}

/// Inserts a row with the digest of it, which comes behind the values.
pub(crate) async fn put_row(
    session: &mut impl Session,
    sql: &'static str,
    table: &str,
    values: &[Arg<'_>],
) -> Result<(), Error> {
    let row_digest = of(table, values);
    let args: Vec<Arg<'_>> = values.iter().copied().chain([Arg::from(&row_digest)]).collect();
    session.execute(sql, &args).await?;
    Ok(())
}

/// A frame's digest as it is stored.
pub(crate) fn stored(digest: Option<frame::Digest>) -> String {
    digest.map_or_else(|| UNKNOWN.to_owned(), |digest| digest.to_string())
}

/// What an hour's row holds, in the order of its columns.
pub(crate) fn hour(hour: &SealedHour) -> [Arg<'_>; 8] {
    [
        hour.hour.into(),
        hour.first_seq.into(),
        hour.last_seq.into(),
        Arg::from(i64::from(hour.epoch)),
        hour.rows.into(),
        hour.parts.into(),
        hour.bytes.into(),
        Arg::from(&hour.manifest_digest),
    ]
}

/// What a segment's row holds, in the order of its columns.
pub(crate) fn segment(segment: &Segment) -> [Arg<'_>; 9] {
    [
        Arg::from(&segment.projection),
        segment.hour.into(),
        Arg::from(&segment.key),
        segment.bytes.into(),
        segment.rows.into(),
        Arg::from(&segment.input_digest),
        Arg::from(&segment.code_digest),
        Arg::from(&segment.output_digest),
        segment.verdicts_before.into(),
    ]
}

/// What a comparison's row holds, in the order of its columns.
pub(crate) fn reconciliation(reconciliation: &Reconciliation) -> [Arg<'_>; 7] {
    [
        Arg::from(&reconciliation.projection),
        reconciliation.hour.into(),
        reconciliation.outcome.as_str().into(),
        reconciliation.sealed_rows.into(),
        reconciliation.hot_rows.into(),
        Arg::from(&reconciliation.detail),
        reconciliation.compared_at.into(),
    ]
}

/// What a partial's row holds beside its payload. The payload has a digest of its own, so that how far counting came
/// can be read, and checked, without it.
pub(crate) fn partial<'a>(partial: &HotPartial, last_frame: &'a str, payload_digest: &'a str) -> [Arg<'a>; 5] {
    [partial.hour.into(), partial.first_seq.into(), partial.last_seq.into(), last_frame.into(), payload_digest.into()]
}

/// What a plan says of a generation, in the order of its columns.
pub(crate) fn generation(generation: &Generation) -> [Arg<'_>; 11] {
    [
        generation.id.as_str().into(),
        Arg::from(&generation.projection),
        Arg::from(&generation.code_digest),
        Arg::from(&generation.sql),
        generation.from.into(),
        generation.to_inclusive.into(),
        generation.clicks_before.into(),
        Some(generation.verdicts_before).into(),
        Arg::from(&generation.plan),
        generation.created_at.into(),
        Arg::from(&generation.created_by),
    ]
}

/// What a plan says of a unit, in the order of its columns.
pub(crate) fn unit<'a>(id: &'a GenerationId, unit: &'a NewUnit) -> [Arg<'a>; 10] {
    let base = unit.base.as_ref();
    [
        id.as_str().into(),
        unit.hour.into(),
        Arg::from(&unit.manifest_digest),
        unit.rows.into(),
        unit.bytes.into(),
        Arg::Text(base.map_or("", |base| &base.input_digest)),
        Arg::Text(base.map_or("", |base| &base.code_digest)),
        Arg::Text(base.map_or("", |base| &base.output_digest)),
        Arg::Text(base.and_then(|base| base.generation.as_ref()).map_or("", GenerationId::as_str)),
        base.and_then(|base| base.knows_before).into(),
    ]
}

/// What a promotion's row holds beside the number of its hours, which are counted.
pub(crate) fn promotion(number: i64, promotion: &Promotion) -> [Arg<'_>; 7] {
    [
        number.into(),
        Arg::from(&promotion.projection),
        promotion.generation.as_str().into(),
        promotion.moved.as_str().into(),
        promotion.at.into(),
        Arg::from(&promotion.actor),
        Arg::from(&promotion.reason),
    ]
}
