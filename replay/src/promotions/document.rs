//! The record of one promotion, as it is stored. Version 1.
//!
//! To add a version: raise [`VERSION`], keep the old structs, and convert in memory once the number was read. The
//! fixture of the old version stays beside the new one.

use clicktrail_catalog::{
    Segment,
    generations::{
        ControlTotals, Generation, GenerationId, GenerationState, LivePointer, Move, NewUnit, PromotedHour, Promotion,
        PromotionRecord, UnitOutput,
    },
};
use clicktrail_log::{
    archive::keys::SegmentKey,
    frame::Digest,
    position::Position,
    time::{Hour, Timestamp},
};
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// One promotion or rollback. The order of the fields is their order in the document: frozen with version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    number: i64,
    projection: String,
    moved: String,
    at_micros: i64,
    actor: String,
    reason: String,
    pointers: u64,
    generation: StoredGeneration,
    hours: Vec<StoredHour>,
    /// SHA-256 of the document with this field empty, hexadecimal.
    checksum: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGeneration {
    id: String,
    code_digest: String,
    candidate_sql: String,
    from: String,
    to_inclusive: String,
    clicks_before: Option<String>,
    verdicts_before: String,
    created_at_micros: i64,
    created_by: String,
    plan: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredHour {
    hour: String,
    manifest_digest: String,
    rows: u64,
    bytes: u64,
    is_moved: bool,
    segment: StoredSegment,
    events: u64,
    billable: u64,
    /// As text: sums of money have more than 64 bits.
    micros: String,
    is_reused: bool,
    before: Option<StoredPointer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPointer {
    input_digest: String,
    code_digest: String,
    output_digest: String,
    generation: Option<String>,
    knows_before: Option<String>,
    segment: Option<StoredSegment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSegment {
    key: String,
    bytes: u64,
    rows: u64,
    input_digest: String,
    code_digest: String,
    output_digest: String,
    /// As in the catalog: 0 for none.
    verdicts_before: i64,
}

/// Why a document is not the record of a promotion.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON of the known fields.
    #[error("the record is not readable")]
    Malformed(#[from] serde_json::Error),
    /// A later version of this program wrote it.
    #[error("version {0} is not known here; the newest is {VERSION}")]
    UnknownVersion(u32),
    /// It was changed, or says what cannot be.
    #[error("{0}")]
    Contradiction(String),
}

/// The document of a promotion: indented JSON in the order of the fields, with a final newline.
pub fn to_bytes(record: &PromotionRecord) -> Vec<u8> {
    let PromotionRecord { promotion, generation, hours } = record;
    let document = Document {
        version: VERSION,
        number: promotion.number,
        projection: promotion.projection.clone(),
        moved: promotion.moved.as_str().to_owned(),
        at_micros: promotion.at.micros(),
        actor: promotion.actor.clone(),
        reason: promotion.reason.clone(),
        pointers: promotion.hours,
        generation: StoredGeneration {
            id: generation.id.to_string(),
            code_digest: generation.code_digest.clone(),
            candidate_sql: generation.sql.clone(),
            from: generation.from.to_string(),
            to_inclusive: generation.to_inclusive.to_string(),
            clicks_before: generation.clicks_before.map(|before| before.to_string()),
            verdicts_before: generation.verdicts_before.to_string(),
            created_at_micros: generation.created_at.micros(),
            created_by: generation.created_by.clone(),
            plan: generation.plan.clone(),
        },
        hours: hours.iter().map(stored_hour).collect(),
        checksum: String::new(),
    };
    let checksum = Digest::of(&canonical(&document)).to_string();
    canonical(&Document { checksum, ..document })
}

fn canonical(document: &Document) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).expect("a record holds only text, integers and lists");
    bytes.push(b'\n');
    bytes
}

fn stored_hour(hour: &PromotedHour) -> StoredHour {
    let PromotedHour { unit, output, base, is_moved } = hour;
    StoredHour {
        hour: unit.hour.to_string(),
        manifest_digest: unit.manifest_digest.clone(),
        rows: unit.rows,
        bytes: unit.bytes,
        is_moved: *is_moved,
        segment: stored_segment(&output.segment),
        events: output.written.events,
        billable: output.written.billable,
        micros: output.written.micros.to_string(),
        is_reused: output.is_reused,
        before: unit.base.as_ref().map(|pointer| StoredPointer {
            input_digest: pointer.input_digest.clone(),
            code_digest: pointer.code_digest.clone(),
            output_digest: pointer.output_digest.clone(),
            generation: pointer.generation.as_ref().map(ToString::to_string),
            knows_before: pointer.knows_before.map(|before| before.to_string()),
            segment: base.as_ref().map(stored_segment),
        }),
    }
}

fn stored_segment(segment: &Segment) -> StoredSegment {
    StoredSegment {
        key: segment.key.clone(),
        bytes: segment.bytes,
        rows: segment.rows,
        input_digest: segment.input_digest.clone(),
        code_digest: segment.code_digest.clone(),
        output_digest: segment.output_digest.clone(),
        verdicts_before: segment.verdicts_before,
    }
}

/// Reads a document.
///
/// # Errors
/// See [`Error`]. Bytes that read as a record but are not its canonical bytes are a contradiction too.
pub fn from_bytes(bytes: &[u8]) -> Result<PromotionRecord, Error> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(Error::UnknownVersion(version));
    }
    let document: Document = serde_json::from_slice(bytes)?;
    let unsealed = Document { checksum: String::new(), ..document.clone() };
    if canonical(&document) != bytes || document.checksum != Digest::of(&canonical(&unsealed)).to_string() {
        return Err(Error::Contradiction("its checksum does not fit its content: it was edited or damaged".to_owned()));
    }
    record(document).map_err(|what| Error::Contradiction(format!("it has {what}")))
}

fn record(document: Document) -> Result<PromotionRecord, String> {
    let stored = document.generation;
    let id = generation_id(&stored.id)?;
    let moved = Move::parse(&document.moved).ok_or_else(|| format!("the movement {:?}", document.moved))?;
    let state = match moved {
        Move::Promote => GenerationState::Promoted,
        Move::Rollback => GenerationState::Built,
    };
    let at = Timestamp::from_micros(document.at_micros);
    let (projection, code_digest) = (&document.projection, &stored.code_digest);
    let hours: Vec<PromotedHour> = document
        .hours
        .into_iter()
        .map(|hour| promoted_hour(hour, projection, code_digest))
        .collect::<Result<_, _>>()?;
    let is_in_order = hours.windows(2).all(|pair| pair[0].unit.hour < pair[1].unit.hour);
    let moves = hours.iter().filter(|hour| hour.is_moved).count();
    if !is_in_order || (moved == Move::Promote && u64::try_from(moves) != Ok(document.pointers)) {
        return Err(format!("{moves} moved hours in or out of order, and {} pointers", document.pointers));
    }
    Ok(PromotionRecord {
        generation: Generation {
            id: id.clone(),
            projection: document.projection.clone(),
            code_digest: stored.code_digest,
            sql: stored.candidate_sql,
            from: hour(&stored.from)?,
            to_inclusive: hour(&stored.to_inclusive)?,
            clicks_before: stored.clicks_before.as_deref().map(position).transpose()?,
            verdicts_before: position(&stored.verdicts_before)?,
            plan: stored.plan,
            state,
            created_at: Timestamp::from_micros(stored.created_at_micros),
            created_by: stored.created_by,
            changed_at: at,
        },
        promotion: Promotion {
            number: document.number,
            projection: document.projection,
            generation: id,
            moved,
            at,
            actor: document.actor,
            reason: document.reason,
            hours: document.pointers,
        },
        hours,
    })
}

fn promoted_hour(stored: StoredHour, projection: &str, code_digest: &str) -> Result<PromotedHour, String> {
    let at = hour(&stored.hour)?;
    let micros = stored.micros.parse().map_err(|_| format!("the sum {:?}", stored.micros))?;
    let totals = ControlTotals { events: stored.events, billable: stored.billable, micros };
    let made = segment(stored.segment, projection, at)?;
    if made.code_digest != code_digest {
        return Err(format!("a segment of {at} of the code {}, and not of {code_digest}", made.code_digest));
    }
    let (mut base, mut pointer) = (None, None);
    if let Some(before) = stored.before {
        base = before.segment.map(|stored| segment(stored, projection, at)).transpose()?;
        pointer = Some(LivePointer {
            hour: at,
            input_digest: before.input_digest,
            code_digest: before.code_digest,
            output_digest: before.output_digest,
            generation: before.generation.as_deref().map(generation_id).transpose()?,
            knows_before: before.knows_before.as_deref().map(position).transpose()?,
        });
    }
    Ok(PromotedHour {
        unit: NewUnit {
            hour: at,
            manifest_digest: stored.manifest_digest,
            rows: stored.rows,
            bytes: stored.bytes,
            base: pointer,
        },
        output: UnitOutput { segment: made, read: totals, written: totals, is_reused: stored.is_reused },
        base,
        is_moved: stored.is_moved,
    })
}

fn segment(stored: StoredSegment, projection: &str, at: Hour) -> Result<Segment, String> {
    let lies_in_its_place = SegmentKey::parse(&stored.key).is_some_and(|key| {
        key.projection == projection && key.hour == at && stored.output_digest.starts_with(&key.digest)
    });
    if !lies_in_its_place {
        return Err(format!("segment {}, which is none of {at} with digest {}", stored.key, stored.output_digest));
    }
    Ok(Segment {
        projection: projection.to_owned(),
        hour: at,
        key: stored.key,
        bytes: stored.bytes,
        rows: stored.rows,
        input_digest: stored.input_digest,
        code_digest: stored.code_digest,
        output_digest: stored.output_digest,
        verdicts_before: stored.verdicts_before,
    })
}

fn hour(text: &str) -> Result<Hour, String> {
    Hour::parse(text).ok_or_else(|| format!("the hour {text:?}"))
}

fn position(text: &str) -> Result<Position, String> {
    text.parse().map_err(|_| format!("the position {text:?}"))
}

fn generation_id(text: &str) -> Result<GenerationId, String> {
    GenerationId::parse(text).ok_or_else(|| format!("the generation {text:?}"))
}

#[cfg(test)]
mod tests;
