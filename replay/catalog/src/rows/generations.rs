//! Rows of generations, units and promotions.

use clicktrail_log::time::Hour;

use super::reader::Reader;
use crate::{
    digest,
    error::Error,
    generations::{
        ControlTotals, Generation, GenerationId, GenerationState, LivePointer, Move, NewUnit, Promotion, Unit,
        UnitOutput, UnitState, outline::Outline,
    },
    model::Segment,
    session::Fields,
};

impl Reader<'_> {
    fn generation(&self, column: &str) -> Result<GenerationId, Error> {
        let value = self.text(column)?;
        GenerationId::parse(&value).ok_or_else(|| self.corrupt(column, &value))
    }

    /// `None` where the column is empty.
    fn maybe_generation(&self, column: &str) -> Result<Option<GenerationId>, Error> {
        if self.text(column)?.is_empty() { Ok(None) } else { self.generation(column).map(Some) }
    }

    fn totals(&self, [events, billable, micros]: [&str; 3]) -> Result<ControlTotals, Error> {
        let text = self.text(micros)?;
        Ok(ControlTotals {
            events: self.count(events)?,
            billable: self.count(billable)?,
            micros: text.parse().map_err(|_| self.corrupt(micros, &text))?,
        })
    }
}

pub(crate) fn hour(fields: &dyn Fields) -> Result<Hour, Error> {
    Reader::of("hours", &["hour"], fields).hour()
}

/// An hour of a projection.
pub(crate) fn projected_hour(fields: &dyn Fields) -> Result<(String, Hour), Error> {
    let row = Reader::of("live_segments", &["projection", "hour"], fields);
    Ok((row.text("projection")?, row.hour()?))
}

pub(crate) fn projection(fields: &dyn Fields) -> Result<String, Error> {
    Reader::of("promotions", &["projection"], fields).text("projection")
}

pub(crate) fn number(fields: &dyn Fields) -> Result<i64, Error> {
    Reader::of("promotions", &[], fields).int("number")
}

pub(crate) fn generation(fields: &dyn Fields) -> Result<Generation, Error> {
    let row = Reader::of("generations", &["generation"], fields);
    let generation = Generation {
        id: row.generation("generation")?,
        projection: row.text("projection")?,
        code_digest: row.text("code_digest")?,
        sql: row.text("candidate_sql")?,
        from: row.int("from_hour").map(Hour::from_i64)?,
        to_inclusive: row.int("to_hour").map(Hour::from_i64)?,
        clicks_before: row.maybe_position("clicks_before")?,
        verdicts_before: row.position("verdicts_before")?,
        plan: row.text("plan")?,
        state: row.named("state", GenerationState::parse)?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        changed_at: row.time("changed_at")?,
    };
    row.check(&digest::generation(&generation))?;
    Ok(generation)
}

pub(crate) fn outline(fields: &dyn Fields) -> Result<Outline, Error> {
    let row = Reader::of("generations", &["generation"], fields);
    Ok(Outline {
        id: row.generation("generation")?,
        projection: row.text("projection")?,
        code_digest: row.text("code_digest")?,
        state: row.named("state", GenerationState::parse)?,
    })
}

/// A unit, with projection and code of its generation.
pub(crate) fn unit(fields: &dyn Fields) -> Result<Unit, Error> {
    let row = Reader::of("units", &["generation", "hour"], fields);
    let state = row.named("state", UnitState::parse)?;
    let output = match state {
        UnitState::Done => Some(kept_output(fields)?),
        // What an earlier run left only says what has to come out again.
        UnitState::Waiting | UnitState::Leased | UnitState::Failed => None,
    };
    let base = match row.text("base_input_digest")? {
        none if none.is_empty() => None,
        input_digest => Some(LivePointer {
            hour: row.hour()?,
            input_digest,
            code_digest: row.text("base_code_digest")?,
            output_digest: row.text("base_output_digest")?,
            generation: row.maybe_generation("base_generation")?,
            knows_before: row.maybe_position("base_knows_before")?,
        }),
    };
    let planned = NewUnit {
        hour: row.hour()?,
        manifest_digest: row.text("manifest_digest")?,
        rows: row.count("rows")?,
        bytes: row.count("bytes")?,
        base,
    };
    let generation = row.generation("generation")?;
    row.check_digest("plan_digest", &digest::of("units", &digest::unit(&generation, &planned)))?;
    let NewUnit { hour, manifest_digest, rows, bytes, base } = planned;
    Ok(Unit {
        generation,
        hour,
        manifest_digest,
        rows,
        bytes,
        base,
        state,
        attempt: row.count("attempt")?,
        worker: row.text("worker")?,
        leased_until: row.time("leased_until")?,
        begun_at: row.time("begun_at")?,
        ended_at: row.time("ended_at")?,
        error: row.text("error")?,
        output,
    })
}

/// What a unit made, at whatever time.
pub(crate) fn kept_output(fields: &dyn Fields) -> Result<UnitOutput, Error> {
    let row = Reader::of("units", &["generation", "hour"], fields);
    let output = UnitOutput {
        segment: Segment {
            projection: row.text("projection")?,
            hour: row.hour()?,
            key: row.text("segment_key")?,
            bytes: row.count("segment_bytes")?,
            rows: row.count("segment_rows")?,
            input_digest: row.text("input_digest")?,
            code_digest: row.text("code_digest")?,
            output_digest: row.text("output_digest")?,
            verdicts_before: row.int("verdicts_before")?,
        },
        read: row.totals(["read_events", "read_billable", "read_micros"])?,
        written: row.totals(["written_events", "written_billable", "written_micros"])?,
        is_reused: row.flag("reused")?,
    };
    row.check_digest("segment_digest", &digest::of("segments", &digest::segment(&output.segment)))?;
    Ok(output)
}

/// The same; `None` if the row is damaged.
pub(crate) fn sound_output(fields: &dyn Fields) -> Result<Option<UnitOutput>, Error> {
    match kept_output(fields) {
        Err(Error::Corrupt(_) | Error::Damaged(_)) => Ok(None),
        output => output.map(Some),
    }
}

/// The digests of what a unit made, at whatever time: input and output; empty if it made nothing.
pub(crate) fn made(fields: &dyn Fields) -> Result<(String, String), Error> {
    let row = Reader::of("units", &["generation", "hour"], fields);
    Ok((row.text("input_digest")?, row.text("output_digest")?))
}

/// How many units of a generation may be taken, and how many failed.
pub(crate) fn left(fields: &dyn Fields) -> Result<(u64, u64), Error> {
    let row = Reader::of("units", &[], fields);
    Ok((row.count("open")?, row.count("failed")?))
}

pub(crate) fn live_pointer(fields: &dyn Fields) -> Result<LivePointer, Error> {
    let row = Reader::of("live_segments", &["hour"], fields);
    Ok(LivePointer {
        hour: row.hour()?,
        input_digest: row.text("input_digest")?,
        code_digest: row.text("code_digest")?,
        output_digest: row.text("output_digest")?,
        generation: row.maybe_generation("generation")?,
        knows_before: row.maybe_position("knows_before")?,
    })
}

pub(crate) fn promotion(fields: &dyn Fields) -> Result<Promotion, Error> {
    let row = Reader::of("promotions", &["number"], fields);
    let promotion = Promotion {
        number: row.int("number")?,
        projection: row.text("projection")?,
        generation: row.generation("generation")?,
        moved: row.named("moved", Move::parse)?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        reason: row.text("reason")?,
        hours: row.count("hours")?,
    };
    row.check(&digest::promotion(promotion.number, &promotion))?;
    Ok(promotion)
}
