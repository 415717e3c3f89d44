//! Promotions as records of their own: written down after each, and done again in a catalog that was lost.

use std::collections::{BTreeMap, BTreeSet};

use clicktrail_log::time::Hour;

use crate::{
    digest,
    error::Error,
    generations::{
        model::{GenerationState, Move, NewUnit, PromotedHour, PromotionRecord, Unit, UnitOutput},
        plans, promotions, units,
    },
    model::Segment,
    rows,
    session::{Arg, Session},
};

const MOVED_HOURS: &str = "SELECT hour FROM promotion_hours WHERE number = $1 ORDER BY hour";

/// What the hours of a generation counted from when it was planned.
const BASES: &str = "
    SELECT s.projection, s.hour, s.segment_key, s.bytes, s.rows, s.input_digest, s.code_digest, s.output_digest,
        s.verdicts_before, s.row_digest
    FROM units u JOIN generations g ON g.generation = u.generation
        JOIN segments s ON s.projection = g.projection AND s.hour = u.hour
            AND s.input_digest = u.base_input_digest AND s.code_digest = u.base_code_digest
    WHERE u.generation = $1 ORDER BY s.hour";

const PUT_HOUR: &str = "
    INSERT INTO promotion_hours (number, projection, hour, manifest_digest, before_input_digest, before_code_digest,
        before_generation, before_knows_before, after_input_digest, after_code_digest, after_generation,
        after_knows_before)
    SELECT p.number, p.projection, u.hour, u.manifest_digest, u.base_input_digest, u.base_code_digest,
        u.base_generation, u.base_knows_before, u.input_digest, g.code_digest, g.generation, g.verdicts_before
    FROM promotions p JOIN generations g ON g.generation = p.generation JOIN units u ON u.generation = g.generation
    WHERE p.number = $1 AND u.hour = $2";

/// Only of an hour that is registered as it was.
const PUT_BASE: &str = "
    INSERT INTO segments (projection, hour, segment_key, bytes, rows, input_digest, code_digest, output_digest,
        verdicts_before, row_digest, sealed)
    SELECT $1, h.hour, $3, $4, $5, $6, $7, $8, $9, $10, 0 FROM hours h WHERE h.hour = $2 AND h.manifest_digest = $11
    ON CONFLICT (projection, hour, input_digest, code_digest) DO NOTHING";

/// See [`Generations::promotion_record`](super::Generations::promotion_record).
pub(crate) async fn record(session: &mut impl Session, number: i64) -> Result<Option<PromotionRecord>, Error> {
    let Some(promotion) = promotions::read(session, number).await? else { return Ok(None) };
    let id = &promotion.generation;
    let generation = plans::existing(session, id).await?;
    let hours = match promotion.moved {
        Move::Rollback => Vec::new(),
        Move::Promote => {
            let moved = session.fetch(MOVED_HOURS, &[number.into()], rows::generations::hour).await?;
            let moved: BTreeSet<Hour> = moved.into_iter().collect();
            let bases = session.fetch(BASES, &[id.as_str().into()], rows::segment).await?;
            let mut bases: BTreeMap<Hour, Segment> = bases.into_iter().map(|base| (base.hour, base)).collect();
            let all = units::list(session, id, Hour::from_i64(i64::MIN / 2), u32::MAX).await?;
            let outputs = units::kept_outputs(session, id).await?;
            let hour = |(unit, output): (Unit, UnitOutput)| PromotedHour {
                unit: NewUnit {
                    hour: unit.hour,
                    manifest_digest: unit.manifest_digest,
                    rows: unit.rows,
                    bytes: unit.bytes,
                    base: unit.base,
                },
                output,
                base: bases.remove(&unit.hour),
                is_moved: moved.contains(&unit.hour),
            };
            all.into_iter().zip(outputs).map(hour).collect()
        }
    };
    Ok(Some(PromotionRecord { promotion, generation, hours }))
}

/// Does a promotion again that this catalog does not know: its generation, its units, and what it moved. The live
/// pointers themselves stand where the last promotion of each hour says, once all of them are done again.
pub(crate) async fn restore(session: &mut impl Session, record: &PromotionRecord) -> Result<(), Error> {
    let PromotionRecord { promotion, generation, hours } = record;
    let (id, number) = (&generation.id, promotion.number);
    let next = promotions::next_number(session).await?;
    if number != next {
        return Err(Error::Conflict(format!("promotion {number} would follow, and the next is {next}")));
    }
    match plans::read(session, id).await? {
        None => plans::insert(session, generation, GenerationState::Built).await?,
        Some(standing) if standing.plan == generation.plan => {}
        Some(_) => return Err(Error::Conflict(format!("generation {id} has another plan than when it was promoted"))),
    }
    promotions::put(session, number, promotion).await?;
    for hour in hours {
        units::restore(session, id, &hour.unit, &hour.output, generation.changed_at).await?;
        if let Some(base) = &hour.base {
            put_base(session, base, &hour.unit.manifest_digest).await?;
        }
        if hour.is_moved {
            session.execute(PUT_HOUR, &[number.into(), hour.unit.hour.into()]).await?;
        }
    }
    let state = match promotion.moved {
        Move::Promote => GenerationState::Promoted,
        Move::Rollback => {
            promotions::put_back_hours(session, id, number).await?;
            GenerationState::Built
        }
    };
    promotions::count_hours(session, number).await?;
    plans::put_state(session, id, state, promotion.at).await
}

async fn put_base(session: &mut impl Session, base: &Segment, manifest_digest: &str) -> Result<(), Error> {
    let values = digest::segment(base);
    let row_digest = digest::of("segments", &values);
    let args: Vec<Arg<'_>> = values.into_iter().chain([Arg::from(&row_digest), manifest_digest.into()]).collect();
    session.execute(PUT_BASE, &args).await?;
    Ok(())
}
