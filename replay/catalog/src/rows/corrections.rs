//! Values of the rows of corrections.

use clicktrail_log::{position::Seq, time::Timestamp};

use super::reader::Reader;
use crate::{
    corrections::{Correction, CorrectionItem, CorrectionState, ItemKind, place},
    error::Error,
    session::Fields,
};

pub(crate) fn correction(fields: &dyn Fields) -> Result<Correction, Error> {
    let row = Reader::of("corrections", &["correction"], fields);
    let state = row.text("state")?;
    let place = |column: &str| -> Result<Seq, Error> {
        let value = row.int(column)?;
        place::place(value).ok_or_else(|| row.corrupt(column, &value))
    };
    Ok(Correction {
        id: row.text("correction")?,
        reason: row.text("reason")?,
        state: CorrectionState::parse(&state).ok_or_else(|| row.corrupt("state", &state))?,
        opened_at: row.int("opened_at").map(Timestamp::from_micros)?,
        opened_by: row.text("opened_by")?,
        changed_at: row.int("changed_at").map(Timestamp::from_micros)?,
        changed_by: row.text("changed_by")?,
        clicks_from: place("clicks_from")?,
        verdicts_from: place("verdicts_from")?,
        reverts_from: place("reverts_from")?,
    })
}

pub(crate) fn item(fields: &dyn Fields) -> Result<CorrectionItem, Error> {
    let row = Reader::of("correction_items", &["correction", "item_key"], fields);
    let kind = row.text("kind")?;
    Ok(CorrectionItem {
        kind: ItemKind::parse(&kind).ok_or_else(|| row.corrupt("kind", &kind))?,
        key: row.text("item_key")?,
        document: row.text("document")?,
    })
}
