//! Receipts: who asks for one, and what is handed out.
//!
//! A request asks with the header `X-Clicktrail-Receipt: 1`, a batch also with `?receipt=true`. Whoever does not ask
//! costs nothing more. What is handed out is signed with the server's evidence keys, if it has some.

#![expect(clippy::disallowed_methods, reason = "many receipts are signed on a thread that may block")]

use arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    datatypes::TimestampMicrosecondType,
};
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use clicktrail_evidence::{
    Hash,
    note::SigningKey,
    receipt::{Frame, Receipt, SignedReceipt},
};
use clicktrail_log::{
    archive::trees::clicks::captured,
    committer::{Committed, Place},
    event::Event,
    position::Position,
    schema::EventsBuilder,
};
use serde::Serialize;
use tracing::error;

use crate::state::State;

/// In a request it asks for a receipt; in an answer without a body it is one.
const HEADER: HeaderName = HeaderName::from_static("x-clicktrail-receipt");
/// What the header says in a request.
const WANTED: &[u8] = b"1";
/// What a query says.
const WANTED_IN_QUERY: [&str; 2] = ["receipt=true", "receipt=1"];
/// From so many receipts on they are made on a blocking thread: each takes a signature.
const BLOCKING_ROWS: usize = 32;
/// What a receipt takes in an answer: ids of 128 characters, the signatures of two keys, all of it as a token.
pub(super) const SHOWN_BYTES_MAX: usize = 4 << 10;

/// Whether a request asks for receipts.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    headers.get(HEADER).is_some_and(|value| value.as_bytes() == WANTED)
}

/// Whether the query of a batch does.
pub(super) fn is_asked_in(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| WANTED_IN_QUERY.contains(&pair)))
}

/// Where a row is: its position, if it has one yet, and its place in its frame.
pub(super) type Stands = (Option<Position>, Place);

/// A receipt as answers show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    /// The digest of the frame.
    frame: String,
    /// The digest of the event as it was captured.
    row: String,
    /// Whether it binds anybody.
    signed: bool,
    /// All of it, as it is redeemed.
    token: String,
}

impl From<&SignedReceipt> for Shown {
    fn from(signed: &SignedReceipt) -> Self {
        let receipt = signed.receipt();
        let (frame, row) = (receipt.frame.digest.to_string(), receipt.row.to_string());
        Self { frame, row, signed: signed.is_signed(), token: signed.token() }
    }
}

/// The receipts of the rows of a batch; `None` for one that cannot be made, of which the log says why.
pub(super) async fn of_batch(state: &State, events: &RecordBatch, committed: &Committed) -> Vec<Option<Shown>> {
    let stand: Vec<Stands> = (0..events.num_rows()).map_while(|row| committed.place(row)).collect();
    if events.num_rows() < BLOCKING_ROWS {
        return shown(&issued(&state.receipt_keys, events, &stand));
    }
    let (state, events) = (state.clone(), events.clone());
    let task = tokio::task::spawn_blocking(move || shown(&issued(&state.receipt_keys, &events, &stand)));
    task.await.unwrap_or_else(|cause| {
        error!(%cause, "receipts cannot be made");
        Vec::new()
    })
}

fn shown(issued: &[Option<SignedReceipt>]) -> Vec<Option<Shown>> {
    issued.iter().map(|receipt| receipt.as_ref().map(Shown::from)).collect()
}

/// An event, kept to make its receipt of once it is stored.
#[derive(Debug)]
pub(super) struct Kept(RecordBatch);

impl Kept {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut row = EventsBuilder::with_capacity(1);
        row.push(event);
        Self(row.finish())
    }

    /// The token of its receipt.
    pub(super) fn token(&self, state: &State, stands: Stands) -> Option<String> {
        let issued = issued(&state.receipt_keys, &self.0, &[stands]);
        issued.into_iter().flatten().next().map(|receipt| receipt.token())
    }
}

/// Puts the token of a receipt into an answer.
pub(super) fn hand_out(token: Option<String>, response: &mut Response) {
    let value = token.and_then(|token| HeaderValue::try_from(token).ok());
    if let Some(value) = value {
        response.headers_mut().insert(HEADER, value);
    }
}

fn issued(keys: &[SigningKey], events: &RecordBatch, stand: &[Stands]) -> Vec<Option<SignedReceipt>> {
    let keys: Vec<&SigningKey> = keys.iter().collect();
    let rows = match captured(events) {
        Ok(rows) => rows,
        Err(cause) => {
            error!(cause, "receipts cannot be made");
            return Vec::new();
        }
    };
    let issue = |(number, (row, stands)): (usize, (Hash, &Stands))| {
        let receipt = receipt(events, number, row, stands)?;
        let issued = SignedReceipt::issue(receipt, &keys);
        issued.inspect_err(|cause| error!(%cause, "a receipt cannot be made")).ok()
    };
    rows.into_iter().zip(stand).enumerate().map(issue).collect()
}

fn receipt(events: &RecordBatch, number: usize, row: Hash, (position, place): &Stands) -> Option<Receipt> {
    let text = |name: &str| {
        let column = events.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(number).then(|| column.value(number).to_owned())
    };
    let time = |name: &str| {
        let column = events.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        Some(column.value(number))
    };
    let Place { writer, epoch, number: frame, digest, row: frame_row } = place;
    Some(Receipt {
        event_id: text("event_id")?,
        kind: text("kind")?,
        advertiser_id: text("advertiser_id")?,
        event_time: time("event_time")?,
        captured_at: time("captured_at")?,
        row,
        frame: Frame { name: format!("{writer}/{epoch}/{frame}"), row: *frame_row, digest: Hash(digest.0) },
        position: position.map(Position::as_i64),
    })
}

#[cfg(test)]
mod tests;
