//! The leaves of a part of clicks: of its rows, of what is about people, and of its advertisers.
//!
//! Rows are hashed in the order of the log, batch by batch, on the threads that then write the columns, and only the
//! hashes are put into the order of the part: a row's columns lie together in a batch, and far apart in the order of
//! the part.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    datatypes::Int64Type,
};
use bytes::Bytes;
use clicktrail_evidence::{
    Hash,
    advertisers::Key,
    hash::LeafData,
    row::{Kind, PEOPLE},
    salt::{self, HourKey, Salt},
};

use super::{
    cells::{Cells, in_pairs},
    leaves::Leaves,
};
use crate::{
    archive::{part, redaction::columns::Left, sort::Order},
    schema,
    time::Hour,
};

const ADVERTISER: &str = "advertiser_id";
/// Why there are no leaves.
pub(crate) const WITHOUT_KEY: &str = "what is about people has no leaves without the key of its hour";

/// The columns of a leaf of rows: those of readers, without what is about people.
pub fn columns_of_rows() -> Vec<String> {
    let schema = schema::read();
    let names = schema.fields().iter().map(|field| field.name()).filter(|name| !PEOPLE.contains(&name.as_str()));
    names.cloned().collect()
}

/// The columns of a leaf of people: the position, then what is about people.
pub fn columns_of_people() -> impl Iterator<Item = &'static str> {
    std::iter::once(schema::POSITION).chain(PEOPLE)
}

/// The digests of events before the log gave them a place: what receipts name.
///
/// # Errors
/// As [`rows`].
pub fn captured(events: &RecordBatch) -> Result<Vec<Hash>, String> {
    let names = columns_of_rows();
    let names = names.iter().map(String::as_str).filter(|name| ![schema::POSITION, schema::LOGGED_AT].contains(name));
    let mut cells = Cells::of(Kind::Captured, &[events], names)?;
    let mut row = Vec::new();
    let hash = |number| {
        row.clear();
        cells.encode(number, &mut row);
        Hash::of(&row)
    };
    Ok((0..events.num_rows()).map(hash).collect())
}

/// The leaves of rows whose columns the batches hold, which have the same rows.
///
/// # Errors
/// Naming a column that is missing or has another type.
pub fn rows(batches: &[&RecordBatch]) -> Result<Vec<Hash>, String> {
    let names = columns_of_rows();
    let mut cells = Cells::of(Kind::Clicks, batches, names.iter().map(String::as_str))?;
    Ok(cells.leaves(batches.first().map_or(0, |batch| batch.num_rows())))
}

/// The same of what is about people.
///
/// # Errors
/// As [`rows`].
pub fn people(batches: &[&RecordBatch], key: &HourKey) -> Result<Vec<Hash>, String> {
    let mut cells = Cells::of(Kind::People, batches, columns_of_people())?;
    let positions = batches.iter().find_map(|batch| batch.column_by_name(schema::POSITION));
    let positions = positions.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let positions = positions.ok_or("its positions are no integers")?;
    let mut next = Salt([0; salt::BYTES]);
    let fill = |row: usize, leaf: &mut LeafData| {
        let positions = &positions.values()[row..];
        let salt = match positions {
            // Two are made at a time, as leaves are.
            [one, other, ..] if row.is_multiple_of(2) => {
                let [salt, behind] = key.two_salts([*one, *other]);
                next = behind;
                salt
            }
            [one] if row.is_multiple_of(2) => key.salt(*one),
            _ => next,
        };
        let data = leaf.begin();
        data.extend_from_slice(&salt.0);
        cells.encode(row, data);
    };
    Ok(in_pairs(positions.values().len(), fill))
}

/// The same of rows of which some were erased: `left` is what their file says of them.
///
/// # Errors
/// As [`rows`]; if a row has neither salt nor leaf.
pub fn people_left(batches: &[&RecordBatch], left: &Left) -> Result<Vec<Hash>, String> {
    let mut cells = Cells::of(Kind::People, batches, columns_of_people())?;
    let mut leaf = LeafData::default();
    let hash = |row: usize| {
        if let Some(kept) = left.leaf(row) {
            return Ok(kept);
        }
        let salt = left.salt(row).ok_or("a row has neither a salt nor the leaf of what was erased")?;
        let data = leaf.begin();
        data.extend_from_slice(&salt.0);
        cells.encode(row, data);
        Ok(leaf.hash())
    };
    (0..batches.first().map_or(0, |batch| batch.num_rows())).map(hash).collect()
}

/// The same of rows as their files have them, of which some may have been erased.
///
/// # Errors
/// As [`people_left`]; if nothing was erased and there is no key.
pub(crate) fn people_of(
    personal: &RecordBatch,
    core: &RecordBatch,
    key: Option<&HourKey>,
) -> Result<Vec<Hash>, String> {
    match Left::of(personal)? {
        Some(left) => people_left(&[personal, core], &left),
        None => people(&[personal, core], key.ok_or(WITHOUT_KEY)?),
    }
}

/// How many consecutive rows are of which advertiser.
#[derive(Debug)]
pub(crate) struct Runs {
    hour: String,
    /// The advertiser of the last rows, and how many they are.
    last: Option<(String, u64)>,
    runs: Vec<(Key, u64)>,
}

impl Runs {
    pub(crate) fn new(hour: Hour) -> Self {
        Self { hour: hour.to_string(), last: None, runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, advertiser: &str, rows: u64) {
        if let Some((last, count)) = &mut self.last
            && last == advertiser
        {
            *count += rows;
            return;
        }
        self.end();
        self.last = Some((advertiser.to_owned(), rows));
    }

    fn end(&mut self) {
        if let Some((advertiser, count)) = self.last.take() {
            self.runs.push((Key::new(&self.hour, &advertiser), count));
        }
    }

    pub(crate) fn finish(mut self) -> Vec<(Key, u64)> {
        self.end();
        self.runs
    }
}

/// The leaves of one batch in one tree; which batch.
type Hashed = (usize, Result<Vec<Hash>, String>);

/// The hashing of a part, shared out between threads: each takes the next batch of the next tree.
#[derive(Debug)]
pub(crate) struct Hashing<'b> {
    batches: &'b [RecordBatch],
    key: &'b HourKey,
    next: AtomicUsize,
    rows: Mutex<Vec<Hashed>>,
    people: Mutex<Vec<Hashed>>,
}

impl<'b> Hashing<'b> {
    /// Of batches of [`schema::read`] columns.
    pub(crate) fn new(batches: &'b [RecordBatch], key: &'b HourKey) -> Self {
        Self { batches, key, next: AtomicUsize::new(0), rows: Mutex::default(), people: Mutex::default() }
    }

    /// Hashes as long as there is something to hash. Every thread that may work at it calls this.
    pub(crate) fn work(&self) {
        loop {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = self.batches.get(job / 2) else { return };
            let (hashed, done) = match job.is_multiple_of(2) {
                true => (rows(&[batch]), &self.rows),
                false => (people(&[batch], self.key), &self.people),
            };
            done.lock().unwrap_or_else(PoisonError::into_inner).push((job / 2, hashed));
        }
    }

    /// The leaves in the order of the part, once every thread is done.
    pub(crate) fn finish(self, order: &Order, hour: Hour) -> Result<Leaves, String> {
        let mut advertisers = Runs::new(hour);
        let ends = order.ads.iter().skip(1).copied().chain([order.rows.len()]);
        for (start, end) in order.ads.iter().copied().zip(ends) {
            let (batch, row) = order.rows[start];
            let column =
                self.batches[batch].column_by_name(ADVERTISER).and_then(|column| column.as_string_opt::<i32>());
            let column = column.ok_or_else(|| format!("{ADVERTISER} is no text"))?;
            advertisers.push(column.value(row), (end - start) as u64);
        }
        let (rows, people) = (ordered(self.rows, &order.rows)?, ordered(self.people, &order.rows)?);
        Ok(Leaves { rows, people, advertisers: advertisers.finish() })
    }
}

fn ordered(hashed: Mutex<Vec<Hashed>>, order: &[(usize, usize)]) -> Result<Vec<Hash>, String> {
    let mut hashed = hashed.into_inner().unwrap_or_else(PoisonError::into_inner);
    hashed.sort_unstable_by_key(|(batch, _)| *batch);
    let batches = hashed.into_iter().map(|(_, leaves)| leaves).collect::<Result<Vec<_>, _>>()?;
    Ok(order.iter().map(|(batch, row)| batches[*batch][*row]).collect())
}

/// The leaves of a part from its files, in the order of its rows.
///
/// # Errors
/// Why its rows cannot be read.
pub(crate) fn stored(core: &Bytes, personal: &Bytes, hour: Hour, key: Option<&HourKey>) -> Result<Leaves, String> {
    let (mut leaves, mut runs) = (Leaves::default(), Runs::new(hour));
    let read = |bytes: &Bytes| part::read(bytes.clone(), None).map_err(|error| unreadable(&error));
    // Both files have the same rows, and come in batches of the same size.
    let (mut core, mut personal) = (read(core)?, read(personal)?);
    loop {
        let (core, personal) = match (core.next(), personal.next()) {
            (None, None) => break,
            (Some(core), Some(personal)) => {
                (core.map_err(|error| unreadable(&error))?, personal.map_err(|error| unreadable(&error))?)
            }
            (Some(_), None) | (None, Some(_)) => return Err("its two files have not the same rows".into()),
        };
        if core.num_rows() != personal.num_rows() {
            return Err("its two files have not the same rows".into());
        }
        leaves.rows.extend(rows(&[&core])?);
        leaves.people.extend(people_of(&personal, &core, key)?);
        let advertisers = core.column_by_name(ADVERTISER).and_then(|column| column.as_string_opt::<i32>());
        let advertisers = advertisers.ok_or_else(|| format!("{ADVERTISER} is no text"))?;
        advertisers.iter().for_each(|advertiser| runs.push(advertiser.unwrap_or_default(), 1));
    }
    Ok(Leaves { advertisers: runs.finish(), ..leaves })
}

fn unreadable(error: &dyn std::fmt::Display) -> String {
    format!("its rows cannot be read: {error}")
}
