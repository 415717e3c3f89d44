//! The answer to a batch: one result per item, in the order of the body.

use std::io::Write as _;

use arrow::array::{AsArray as _, RecordBatch};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use clicktrail_log::position::Position;
use serde::Serialize;

use crate::{
    problem::{Document, Problem},
    store::Stored,
};
use clicktrail_capture::Reason;

/// Room for an item that is logged: hardly any takes more.
const LOGGED_BYTES: usize = 112;

/// What became of an item that is not logged.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum NotLogged<'a> {
    /// Durably among the rejected events; sending it again unchanged changes nothing.
    Rejected { problem: Document<'a> },
    /// Stored nowhere: send it again.
    Retry { problem: Document<'a> },
}

/// The results of a batch as JSON. By hand, because most items of most batches are logged: a serializer takes a tenth
/// of what capturing them takes in all.
struct Results {
    text: Vec<u8>,
    /// The first position of the last position's frame, and all of its text but the row.
    frame: Option<i64>,
    frame_text: String,
}

impl Results {
    fn with_capacity(items: usize) -> Self {
        let mut text = Vec::with_capacity(LOGGED_BYTES * (items + 1));
        text.extend_from_slice(br#"{"results":["#);
        Self { text, frame: None, frame_text: String::new() }
    }

    fn next_item(&mut self) {
        if self.text.last() == Some(&b'}') {
            self.text.push(b',');
        }
    }

    /// Durably in the log. `position` is null while the event waits on the spool.
    fn logged(&mut self, position: Option<Position>, event_id: &str) {
        self.next_item();
        self.text.extend_from_slice(br#"{"status":"logged","position":"#);
        match position {
            Some(position) => self.position(position),
            None => self.text.extend_from_slice(b"null"),
        }
        self.text.extend_from_slice(br#","event_id":"#);
        serde_json::to_writer(&mut self.text, event_id).expect("a text is JSON, and memory takes it");
        self.text.push(b'}');
    }

    /// The positions of a batch share few frames.
    fn position(&mut self, position: Position) {
        let frame = position.as_i64() - i64::from(position.row());
        if self.frame != Some(frame) {
            self.frame = Some(frame);
            self.frame_text = format!("\"{}.{}.", position.epoch().get(), position.seq());
        }
        self.text.extend_from_slice(self.frame_text.as_bytes());
        write!(self.text, "{}\"", position.row()).expect("memory takes it");
    }

    fn not_logged(&mut self, result: &NotLogged<'_>) {
        self.next_item();
        serde_json::to_writer(&mut self.text, result).expect("a result of texts is JSON, and memory takes it");
    }

    fn finish(mut self) -> Vec<u8> {
        self.text.extend_from_slice(b"]}");
        self.text
    }
}

/// 200 with one result per item, or a 503 problem if all of them must be sent again.
///
/// `events` are the rows that `items` has `None` for.
pub(super) fn answer(events: &RecordBatch, items: &[Option<Reason>], stored: &Stored) -> Response {
    let retry = |outcome: Option<&clicktrail_log::committer::Error>| outcome.map(Problem::from);
    let retry_events = retry(stored.events.as_ref().err());
    let retry_rejected = retry(stored.rejected.as_ref().err());
    let must_retry = |item: &Option<Reason>| if item.is_none() { &retry_events } else { &retry_rejected };
    if let Some(Some(problem)) = items.first().map(must_retry)
        && items.iter().all(|item| must_retry(item).is_some())
    {
        return problem.clone().into_response();
    }
    let event_ids = events.column(0).as_string::<i32>();
    let mut logged = event_ids.iter().flatten().zip(stored.events.iter().flat_map(|committed| committed.positions()));
    let mut results = Results::with_capacity(items.len());
    for problem in items.iter().map(|item| item.as_ref().map(Problem::from)) {
        match (&problem, &retry_events, &retry_rejected) {
            (None, None, _) => {
                let (event_id, position) = logged.next().expect("every accepted item is a row of the commit");
                results.logged(position, event_id);
            }
            (Some(problem), _, None) => results.not_logged(&NotLogged::Rejected { problem: problem.document() }),
            (None, Some(problem), _) | (Some(_), _, Some(problem)) => {
                results.not_logged(&NotLogged::Retry { problem: problem.document() });
            }
        }
    }
    let text = results.finish();
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use clicktrail_log::position::{Epoch, Seq};
    use serde_json::json;

    use super::*;

    /// What is written by hand is what a serializer would make, whatever the ids hold and however frames change.
    #[test]
    fn results_are_json() {
        let position = |seq, row| Position::new(Epoch::FIRST, Seq::new(seq).unwrap(), row);
        let places =
            [Some(position(7, 65_535)), Some(position(8, 0)), None, Some(position(8, 1)), Some(position(7, 65_535))];
        let ids = ["plain", "quote\" and \\", "", "line\nfeed \u{1}", "ü }"];
        let mut results = Results::with_capacity(places.len());
        for (position, id) in places.iter().zip(ids) {
            results.logged(*position, id);
        }
        results.not_logged(&NotLogged::Retry {
            problem: Problem::from(&clicktrail_log::committer::Error::Busy).document(),
        });
        let read: serde_json::Value = serde_json::from_slice(&results.finish()).unwrap();
        let logged = places.iter().zip(ids).map(|(position, id)| {
            json!({"status": "logged", "position": position.map(|position| position.to_string()), "event_id": id})
        });
        let items = read["results"].as_array().unwrap();
        assert_eq!(items[..places.len()], logged.collect::<Vec<_>>());
        assert_eq!(items[places.len()]["status"], "retry");
        assert_eq!(Results::with_capacity(0).finish(), br#"{"results":[]}"#);
    }
}
