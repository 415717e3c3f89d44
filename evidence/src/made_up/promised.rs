//! What a sender of made-up events was promised.

use super::dossier::Dossier;
use crate::{
    bundle::{
        columns::{ROWS, at::rows},
        names, table,
    },
    hash::Hash,
    receipt::{Frame, Receipt, captured},
};

/// The receipt of the first row of a dossier's bundle.
///
/// # Panics
/// If the bundle has no row.
pub fn receipt(dossier: &Dossier) -> Receipt {
    let evidence = dossier.evidence();
    let table = table::Reader::open(&evidence.files[names::ROWS][..], &ROWS);
    let mut table = table.expect("made-up evidence has a table of rows");
    let row = table.next().expect("the table is in its form").expect("made-up evidence has a row");
    let position = row.int(rows::POSITION);
    let in_frame = u16::try_from(position & 0xffff).expect("a place in a frame has 16 bits");
    Receipt {
        event_id: row.text(rows::EVENT_ID).to_owned(),
        kind: row.text(rows::KIND).to_owned(),
        advertiser_id: row.text(rows::ADVERTISER).to_owned(),
        event_time: row.int(rows::EVENT_TIME),
        captured_at: row.int(rows::EVENT_TIME),
        row: captured(row.values().skip(2)),
        frame: Frame { name: "writer/1/7".to_owned(), row: in_frame, digest: Hash::of(b"frame") },
        position: Some(position),
    }
}
