//! The columns of the verdict log: how verdicts become rows, and rows verdicts again.
//!
//! Like the columns of events they evolve by addition only. Every published version is kept under
//! `verdicts/schemas/`, and `clicktrail schema check` compares.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{
        Array, ArrayRef, AsArray as _, Int64Array, PrimitiveArray, RecordBatch, StringArray, StringBuilder,
        TimestampMicrosecondArray,
    },
    datatypes::{ArrowPrimitiveType, DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType},
};
use clicktrail_log::{
    position::Position,
    schema::{Column, LOGGED_AT, POSITION, published_in, timestamp_type},
    time::Timestamp,
};

use crate::{
    reasons,
    verdict::{Category, Decision, Stage, Verdict},
};

/// The largest score: thousandths of certainty.
pub const SCORE_PERMILLE_MAX: u16 = 1_000;

static VERDICTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str, nullable: bool| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        Field::new("target", DataType::Int64, false),
        text("event_id", false),
        text("decision", false),
        text("category", true),
        text("reasons", false),
        Field::new("score_permille", DataType::Int64, false),
        text("ruleset", false),
        text("stage", false),
        Field::new("decided_at", timestamp_type(), false),
        text("actor", false),
        text("note", true),
    ]))
});

static READ: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![Field::new(POSITION, DataType::Int64, false), Field::new(LOGGED_AT, timestamp_type(), false)];
    fields.extend(VERDICTS.fields().iter().map(|field| field.as_ref().clone()));
    Arc::new(Schema::new(fields))
});

/// The 11 columns of a frame of verdicts.
pub fn verdicts() -> SchemaRef {
    Arc::clone(&VERDICTS)
}

/// What a reader of the verdict log sees, and what parts hold: `position` and `logged_at` of the verdict, then the
/// columns of [`verdicts`].
pub fn read() -> SchemaRef {
    Arc::clone(&READ)
}

/// The published versions of the columns, oldest first: `(id, columns)`. Each stays readable for ever.
pub fn published() -> Vec<(String, Vec<Column>)> {
    published_in(&[include_str!("../schemas/verdicts-1.json")])
}

/// Why verdicts cannot become rows, or rows verdicts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The columns are not those of a version that this program knows.
    #[error("these are no columns of verdicts: {0}")]
    Columns(String),
    /// A row is no verdict, or a verdict contradicts itself.
    #[error("row {row} of verdicts is unusable: {reason}")]
    Row {
        /// From 0.
        row: usize,
        /// Which column, and what is wrong with it.
        reason: String,
    },
}

/// What must hold for every verdict, before it is written and after it was read.
fn check(decision: Decision, category: Option<Category>, score_permille: u16) -> Result<(), String> {
    match (decision, category) {
        (Decision::Valid, None) | (Decision::Invalid, Some(_)) => {}
        (Decision::Valid, Some(category)) => return Err(format!("it is valid, and yet of category {category}")),
        (Decision::Invalid, None) => return Err("it is invalid and has no category".into()),
    }
    match score_permille <= SCORE_PERMILLE_MAX {
        true => Ok(()),
        false => Err(format!("score_permille {score_permille} is over {SCORE_PERMILLE_MAX}")),
    }
}

/// Verdicts as one batch of [`verdicts`] columns, in their order.
///
/// # Errors
/// [`Error::Row`] for a verdict that contradicts itself: an invalid one without a category, a valid one with one, a
/// score over [`SCORE_PERMILLE_MAX`].
pub fn to_batch(verdicts: &[Verdict]) -> Result<RecordBatch, Error> {
    for (row, verdict) in verdicts.iter().enumerate() {
        check(verdict.decision, verdict.category, verdict.score_permille)
            .map_err(|reason| Error::Row { row, reason })?;
    }
    let text =
        |of: fn(&Verdict) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(verdicts.iter().map(of))) };
    let integers =
        |of: fn(&Verdict) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(verdicts.iter().map(of))) };
    let decided = TimestampMicrosecondArray::from_iter_values(verdicts.iter().map(|it| it.decided_at.micros()));
    let categories: StringArray = verdicts.iter().map(|it| it.category.map(Category::as_str)).collect();
    let notes: StringArray = verdicts.iter().map(|it| it.note.as_deref()).collect();
    let mut why = StringBuilder::with_capacity(verdicts.len(), verdicts.len() * 128);
    for verdict in verdicts {
        why.append_value(reasons::to_text(&verdict.reasons));
    }
    let columns: Vec<ArrayRef> = vec![
        integers(|it| it.target.as_i64()),
        text(|it| &it.event_id),
        text(|it| it.decision.as_str()),
        Arc::new(categories),
        Arc::new(why.finish()),
        integers(|it| i64::from(it.score_permille)),
        text(|it| &it.ruleset),
        text(|it| it.stage.as_str()),
        Arc::new(decided.with_timezone("UTC")),
        text(|it| &it.actor),
        Arc::new(notes),
    ];
    Ok(RecordBatch::try_new(self::verdicts(), columns).expect("the arrays are those of the verdict schema"))
}

/// The verdicts of a batch that has the columns of [`verdicts`], and perhaps others.
///
/// # Errors
/// [`Error::Columns`], or [`Error::Row`] with the first row that is no verdict; never a panic, whatever the bytes.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<Verdict>, Error> {
    let outlines = Outlines::of(batch)?;
    let (event_ids, reasons) = (text(batch, "event_id")?, text(batch, "reasons")?);
    let scores = primitive::<Int64Type>(batch, "score_permille")?;
    let (rulesets, actors, notes) = (text(batch, "ruleset")?, text(batch, "actor")?, text(batch, "note")?);
    let decided = primitive::<TimestampMicrosecondType>(batch, "decided_at")?;
    let mut verdicts = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let failed = |reason: String| Error::Row { row, reason };
        let of = outlines.row(row)?;
        let score = scores.value(row);
        let score_permille = u16::try_from(score).map_err(|_| failed(format!("score_permille {score}")))?;
        check(of.decision, of.category, score_permille).map_err(failed)?;
        verdicts.push(Verdict {
            target: of.target,
            event_id: event_ids.value(row).to_owned(),
            decision: of.decision,
            category: of.category,
            reasons: reasons::from_text(reasons.value(row)).map_err(|error| failed(format!("reasons: {error}")))?,
            score_permille,
            ruleset: rulesets.value(row).to_owned(),
            stage: of.stage,
            decided_at: Timestamp::from_micros(decided.value(row)),
            actor: actors.value(row).to_owned(),
            note: notes.is_valid(row).then(|| notes.value(row).to_owned()),
        });
    }
    Ok(verdicts)
}

/// The columns of an [`Outline`].
pub const OUTLINE: [&str; 4] = ["target", "decision", "category", "stage"];

/// What decides which verdict stands, and what it says, without the reasons for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// The event that is judged.
    pub target: Position,
    /// Whether it may be billed.
    pub decision: Decision,
    /// Why not; `None` when valid.
    pub category: Option<Category>,
    /// How the verdict came about.
    pub stage: Stage,
}

impl Outline {
    /// Of a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        let Verdict { target, decision, category, stage, .. } = *verdict;
        Self { target, decision, category, stage }
    }
}

/// The [`OUTLINE`] columns of a batch.
#[derive(Debug)]
pub struct Outlines<'b> {
    targets: &'b Int64Array,
    decisions: &'b StringArray,
    categories: &'b StringArray,
    stages: &'b StringArray,
}

impl<'b> Outlines<'b> {
    /// Finds the columns.
    ///
    /// # Errors
    /// [`Error::Columns`] if one is not there.
    pub fn of(batch: &'b RecordBatch) -> Result<Self, Error> {
        Ok(Self {
            targets: primitive::<Int64Type>(batch, "target")?,
            decisions: text(batch, "decision")?,
            categories: text(batch, "category")?,
            stages: text(batch, "stage")?,
        })
    }

    /// One row of them.
    ///
    /// # Errors
    /// [`Error::Row`] if it is no verdict.
    pub fn row(&self, row: usize) -> Result<Outline, Error> {
        let failed = |reason: String| Error::Row { row, reason };
        let target = self.targets.value(row);
        let target = Position::from_i64(target).ok_or_else(|| failed(format!("target {target} is no position")))?;
        let decision: Decision = self.decisions.value(row).parse().map_err(|error| failed(format!("{error}")))?;
        let category = self.categories.is_valid(row).then(|| self.categories.value(row).parse::<Category>());
        let category = category.transpose().map_err(|error| failed(error.to_string()))?;
        let stage: Stage = self.stages.value(row).parse().map_err(|error| failed(format!("{error}")))?;
        check(decision, category, 0).map_err(failed)?;
        Ok(Outline { target, decision, category, stage })
    }
}

/// A column of integers or times.
///
/// # Errors
/// [`Error::Columns`] if there is none of that name and type.
pub fn primitive<'b, T: ArrowPrimitiveType>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b PrimitiveArray<T>, Error> {
    column(batch, name)?.as_primitive_opt::<T>().ok_or_else(|| Error::Columns(format!("{name} has another type")))
}

pub(crate) fn text<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray, Error> {
    column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| Error::Columns(format!("{name} is no text")))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, Error> {
    batch.column_by_name(name).ok_or_else(|| Error::Columns(format!("{name} is not there")))
}

#[cfg(test)]
mod tests;
