//! The files of a part without the values of some of its rows.
//!
//! A row keeps its place, and its values about people become null. The one exception is the mark of a correction, which
//! stands in `extra`, is about nobody, and decides what counts.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchReader as _},
    compute::{concat_batches, nullif},
    datatypes::{Field, Int64Type, Schema},
};
use bytes::Bytes;
use clicktrail_evidence::{row::PEOPLE, salt::HourKey};

use super::{
    chooses::Chooses,
    columns::{self, Leaving, Left},
};
use crate::{archive::part, archive::trees::clicks, event::CORRECTION_PREFIX, invariant, schema};

const EXTRA: &str = "extra";
const CAPTURED_AT: &str = "captured_at";

/// Both files of a part, decoded.
#[derive(Debug)]
pub(super) struct Halves {
    core: RecordBatch,
    personal: RecordBatch,
    left: Option<Left>,
}

/// Which rows of a part are to go.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Of each row whether it is to go and has not gone.
    pub(super) goes: Vec<bool>,
    /// Rows that went before.
    pub(super) erased: u64,
}

/// Asks for each row of a part whether it is to go. No more of it is decoded at once than a reader gets.
pub(super) fn choose(core: Bytes, personal: Bytes, chooses: &Chooses) -> Result<Chosen, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("its rows cannot be read: {error}");
    let of_core = |name: &&str| [schema::POSITION, CAPTURED_AT].contains(name) || PEOPLE.contains(name);
    let core = part::read_those(core, of_core).map_err(|error| unreadable(&error))?;
    let mut personal = part::read(personal, None).map_err(|error| unreadable(&error))?;
    let mut chosen = Chosen { goes: Vec::new(), erased: 0 };
    for core in core {
        let core = core.map_err(|error| unreadable(&error))?;
        let personal = personal.next().transpose().map_err(|error| unreadable(&error))?;
        let personal = personal.filter(|personal| positions(personal) == positions(&core));
        let personal = personal.ok_or("its two files have not the same rows")?;
        let left = Left::of(&personal)?;
        let goes = chooses.of(&people(&core, &personal)?);
        let is_erased = |row| left.as_ref().is_some_and(|left| left.is_erased(row));
        let goes = goes.into_iter().chain(std::iter::repeat(false)).take(core.num_rows()).enumerate();
        chosen.goes.extend(goes.map(|(row, goes)| goes && !is_erased(row)));
        chosen.erased += left.as_ref().map_or(0, |left| left.erased() as u64);
    }
    match personal.next() {
        None => Ok(chosen),
        Some(_) => Err("its two files have not the same rows".into()),
    }
}

/// The positions of the erased rows of a personal file.
pub(super) fn erased_in(personal: Bytes) -> Result<Vec<i64>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("its rows cannot be read: {error}");
    let mut found = Vec::new();
    for rows in part::read(personal, None).map_err(|error| unreadable(&error))? {
        let rows = rows.map_err(|error| unreadable(&error))?;
        let Some(left) = Left::of(&rows)? else { return Ok(found) };
        let positions = positions(&rows).ok_or("its positions are no integers")?.iter().enumerate();
        found.extend(positions.filter(|(row, _)| left.is_erased(*row)).map(|(_, position)| *position));
    }
    Ok(found)
}

/// The position of each row, when it was captured, and what it holds about people.
fn people(core: &RecordBatch, personal: &RecordBatch) -> Result<RecordBatch, String> {
    let column = |name: &'static str| {
        let found = personal.column_by_name(name).or_else(|| core.column_by_name(name));
        found.map(|column| (name, Arc::clone(column), true)).ok_or_else(|| format!("it lacks the column {name}"))
    };
    let names = [schema::POSITION, CAPTURED_AT].into_iter().chain(PEOPLE);
    let columns = names.map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| error.to_string())
}

fn positions(rows: &RecordBatch) -> Option<&[i64]> {
    let column = rows.column_by_name(schema::POSITION)?.as_primitive_opt::<Int64Type>()?;
    Some(column.values())
}

/// What is written in the place of the files of a part.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// `None` if nothing of it was about people.
    pub(super) core: Option<Bytes>,
    pub(super) personal: Bytes,
    /// Rows without values, with those that had none before.
    pub(super) erased: u64,
}

impl Halves {
    /// # Errors
    /// Why they cannot be read.
    pub(super) fn read(core: Bytes, personal: Bytes) -> Result<Self, String> {
        let (core, personal) = (whole(core)?, whole(personal)?);
        if positions(&core).is_none() || positions(&core) != positions(&personal) {
            return Err("its two files have not the same rows".into());
        }
        let left = Left::of(&personal)?;
        Ok(Self { core, personal, left })
    }

    fn rows(&self) -> usize {
        self.core.num_rows()
    }

    /// Whether a row was erased before.
    fn is_erased(&self, row: usize) -> bool {
        self.left.as_ref().is_some_and(|left| left.is_erased(row))
    }

    /// Both files without the values of the rows that `goes` says. The salts of the others stay if the hour has trees:
    /// its key is `key`, or was erased before.
    ///
    /// # Errors
    /// If the leaves of its rows cannot be computed, or a file cannot be written.
    pub(super) fn without(self, goes: &[bool], has_trees: bool, key: Option<&HourKey>) -> Result<Rewritten, String> {
        let rows = self.rows();
        invariant!(I11, goes.len() == rows, "{} of {rows} rows are to stay or to go", goes.len());
        let gone: Vec<bool> = (0..rows).map(|row| goes[row] || self.is_erased(row)).collect();
        let beside = self.beside(&gone, has_trees, key)?;
        let gone = BooleanArray::from(gone);
        let personal = self.hidden(&self.personal, &gone)?;
        let kept = personal.schema().fields().iter().map(|field| field.as_ref().clone()).collect::<Vec<Field>>();
        let kept: Vec<Field> = kept.into_iter().filter(|field| !is_beside(field.name())).collect();
        let values = kept.iter().filter_map(|field| personal.column_by_name(field.name()).map(Arc::clone));
        let values: Vec<ArrayRef> = values.chain(beside).collect();
        let schema = Schema::new(kept.into_iter().chain(columns::fields()).collect::<Vec<_>>());
        let personal = RecordBatch::try_new(Arc::new(schema), values).map_err(|error| error.to_string())?;
        let has_people = PEOPLE.iter().any(|name| self.core.column_by_name(name).is_some());
        let written = |rows: &RecordBatch| part::encode_again(rows).map_err(|error| error.to_string());
        let core = match has_people {
            true => Some(written(&self.hidden(&self.core, &gone)?)?),
            false => None,
        };
        Ok(Rewritten { core, personal: written(&personal)?, erased: gone.true_count() as u64 })
    }

    /// What stands beside the values.
    fn beside(&self, gone: &[bool], has_trees: bool, key: Option<&HourKey>) -> Result<[ArrayRef; 3], String> {
        let mut leaving = Leaving::with_capacity(gone.len());
        if !has_trees {
            gone.iter().for_each(|goes| if *goes { leaving.goes(None) } else { leaving.stays(None) });
            return Ok(leaving.finish());
        }
        let leaves = clicks::people_of(&self.personal, &self.core, key)?;
        let positions = positions(&self.personal).ok_or("its positions are no integers")?;
        for (row, goes) in gone.iter().enumerate() {
            if *goes {
                leaving.goes(Some(leaves[row]));
                continue;
            }
            let salt = match &self.left {
                Some(left) => left.salt(row),
                None => key.map(|key| key.salt(positions[row])),
            };
            leaving.stays(Some(salt.ok_or("a row has no salt")?));
        }
        Ok(leaving.finish())
    }

    /// The columns of a file, with null for what was about people in rows that are gone.
    fn hidden(&self, batch: &RecordBatch, gone: &BooleanArray) -> Result<RecordBatch, String> {
        let hide = |(field, column): (&Arc<Field>, &ArrayRef)| {
            if !PEOPLE.contains(&field.name().as_str()) {
                return Ok(Arc::clone(column));
            }
            match field.name() == EXTRA {
                true => nullif(column, &unless_correction(column, gone)),
                false => nullif(column, gone),
            }
        };
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(hide).collect::<Result<Vec<_>, _>>();
        RecordBatch::try_new(schema, columns.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }
}

fn is_beside(name: &str) -> bool {
    [columns::ERASED, columns::SALT, columns::LEAF].contains(&name)
}

/// The rows that are gone, without those whose `extra` names the correction by which they came.
fn unless_correction(extra: &ArrayRef, gone: &BooleanArray) -> BooleanArray {
    let Some(texts) = extra.as_string_opt::<i32>() else { return gone.clone() };
    let is_ours = |row: usize| texts.is_valid(row) && texts.value(row).starts_with(CORRECTION_PREFIX);
    (0..gone.len()).map(|row| Some(gone.value(row) && !is_ours(row))).collect()
}

fn whole(bytes: Bytes) -> Result<RecordBatch, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("its rows cannot be read: {error}");
    let reader = part::read(bytes, None).map_err(|error| unreadable(&error))?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
    concat_batches(&schema, &batches).map_err(|error| unreadable(&error))
}
