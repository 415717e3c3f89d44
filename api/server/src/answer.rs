//! The answer to a batch: one result per item, in the order of the body.

use arrow::array::{AsArray as _, RecordBatch};
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use clicktrail_log::position::Position;
use serde::{Serialize, Serializer};

use crate::{
    budget::Claim,
    held,
    intake::Intake,
    problem::{Document, Problem},
    receipts::{self, Shown},
    store::Stored,
};
use clicktrail_capture::Reason;

/// What a result has beside the id: status and position.
const RESULT_BYTES: usize = 128;
/// What a rejected item's problem has beside its detail.
const REJECTED_BYTES: usize = 320;

#[derive(Serialize)]
struct Answer<'a> {
    /// In the order of the body.
    results: Vec<ItemResult<'a>>,
}

/// What became of an item.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum ItemResult<'a> {
    /// Durably in the log. `position` is null while the event waits on the spool.
    Logged {
        #[serde(serialize_with = "position_as_text")]
        position: Option<Position>,
        event_id: &'a str,
        /// If it was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<Shown>,
    },
    /// Durably among the rejected events; sending it again unchanged changes nothing.
    Rejected { problem: Document<'a> },
    /// Stored nowhere: send it again.
    Retry { problem: Document<'a> },
}

fn position_as_text<S: Serializer>(position: &Option<Position>, serializer: S) -> Result<S::Ok, S::Error> {
    match position {
        Some(position) => serializer.collect_str(position),
        None => serializer.serialize_none(),
    }
}

/// How long the answer to a body can get: what [`answer`] writes of an item, and what is told of a rejected one.
pub(super) fn bytes_max(intake: &Intake, has_receipts: bool) -> usize {
    let ids = intake.events.column(0).as_string::<i32>().values().len();
    let refused = intake.items.iter().flatten().map(|reason| REJECTED_BYTES + 2 * reason.to_string().len());
    let result = if has_receipts { RESULT_BYTES + receipts::SHOWN_BYTES_MAX } else { RESULT_BYTES };
    // A control character of an id is written as six.
    ids * 6 + intake.events.num_rows() * result + refused.sum::<usize>()
}

/// 200 with one result per item, or a 503 problem if all of them must be sent again.
///
/// `events` are the rows that `items` has `None` for, `receipts` theirs if they are wanted. `claim` covers the answer,
/// and ends when it was taken.
pub(super) fn answer(
    events: &RecordBatch,
    items: &[Option<Reason>],
    stored: &Stored,
    receipts: Vec<Option<Shown>>,
    claim: Claim,
) -> Response {
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
    let mut receipts = receipts.into_iter();
    let problems: Vec<Option<Problem>> = items.iter().map(|item| item.as_ref().map(Problem::from)).collect();
    let mut results = Vec::with_capacity(problems.len());
    for problem in &problems {
        results.push(match (problem, &retry_events, &retry_rejected) {
            (None, None, _) => {
                let (event_id, position) = logged.next().expect("every accepted item is a row of the commit");
                ItemResult::Logged { position, event_id, receipt: receipts.next().flatten() }
            }
            (Some(problem), _, None) => ItemResult::Rejected { problem: problem.document() },
            (None, Some(problem), _) | (Some(_), _, Some(problem)) => ItemResult::Retry { problem: problem.document() },
        });
    }
    let text = serde_json::to_vec(&Answer { results }).expect("an answer of texts is JSON");
    let mut response = Response::new(held::body(text, claim));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use clicktrail_log::position::{Epoch, Seq};
    use serde_json::json;

    use super::*;

    #[test]
    fn results_look_as_clients_expect_them() {
        let problem = Problem::from(&clicktrail_log::committer::Error::Busy);
        let position = Position::new(Epoch::FIRST, Seq::new(7).unwrap(), 65_535);
        let results = vec![
            ItemResult::Logged { position: Some(position), event_id: "quote\" and \\", receipt: None },
            ItemResult::Logged { position: None, event_id: "", receipt: None },
            ItemResult::Rejected { problem: problem.document() },
            ItemResult::Retry { problem: problem.document() },
        ];
        let document = serde_json::to_value(problem.document()).unwrap();
        let expected = json!({"results": [
            {"status": "logged", "position": "1.7.65535", "event_id": "quote\" and \\"},
            {"status": "logged", "position": null, "event_id": ""},
            {"status": "rejected", "problem": document},
            {"status": "retry", "problem": document},
        ]});
        assert_eq!(serde_json::to_value(Answer { results }).unwrap(), expected);
    }
}
