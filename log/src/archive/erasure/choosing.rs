//! Which rows open requests are about.

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::TimestampMicrosecondType,
};
use clicktrail_evidence::row::PEOPLE;

use super::request::Request;
use crate::{archive::redaction::Chooses, rejected::erased::named, schema::LOGGED_AT};

/// Chooses the rows that one of these requests is about.
pub fn chooses(asking: Vec<Request>) -> Chooses {
    Chooses::new(move |rows| chosen(&asking, rows))
}

/// Chooses the rejected events that one of these requests is about: what arrived with them names somebody, and they
/// were rejected, or logged, before it was asked for.
pub fn chooses_rejected(asking: Vec<Request>) -> Chooses {
    Chooses::new(move |rows| {
        let mut chosen = vec![false; rows.num_rows()];
        let times = ["rejected_at", LOGGED_AT].map(|name| {
            rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        });
        for request in &asking {
            let asked_at = request.asked_at().micros();
            let is_before = |row| times.iter().flatten().any(|times| times.value(row) <= asked_at);
            let found = named(rows, &|text| request.is_in(text)).into_iter().enumerate();
            found.filter(|(row, is_named)| *is_named && is_before(*row)).for_each(|(row, _)| chosen[row] = true);
        }
        chosen
    })
}

/// Which rows are about somebody who is to go.
fn chosen(asking: &[Request], rows: &RecordBatch) -> Vec<bool> {
    let captured = rows.column_by_name("captured_at");
    let captured = captured.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let texts: Vec<&StringArray> = PEOPLE
        .iter()
        .filter_map(|name| rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()))
        .collect();
    (0..rows.num_rows()).map(|row| asking.iter().any(|request| is_about(request, row, captured, &texts))).collect()
}

fn is_about(
    request: &Request,
    row: usize,
    captured: Option<&TimestampMicrosecondArray>,
    texts: &[&StringArray],
) -> bool {
    let is_later = captured.is_some_and(|captured| captured.value(row) > request.asked_at().micros());
    !is_later && texts.iter().any(|texts| texts.is_valid(row) && request.is_in(texts.value(row)))
}
