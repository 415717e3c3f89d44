//! RFC 9457 problem documents: the only place where what went wrong becomes a status code.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use clicktrail_log::committer;
use serde::Serialize;
use tracing::{debug, error};

use crate::{body, request_id::RequestId};
use clicktrail_capture::Reason;

/// What a client that was told to come back waits, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// What a client is told when a request, or an item of it, fails: status, stable code and public sentence. The
/// internal cause went to the log where the problem was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

/// The document, as answers carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document<'a> {
    /// A URN that names the code.
    pub r#type: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status that the problem has, or would have on its own.
    pub status: u16,
    /// What happened this time.
    pub detail: &'a str,
    /// What programs compare.
    pub code: &'static str,
    /// Absent in an item of an answer, which carries the id in its header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// What programs compare.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn timed_out() -> Self {
        let detail =
            "the request took too long; what was sent may have been stored: send it again under the same event ids";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", detail)
    }

    pub(super) fn internal(cause: &dyn std::fmt::Display) -> Self {
        error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says why")
    }

    pub(super) fn prefetch() -> Self {
        let detail = "a click cannot be fetched ahead: follow the link when the person does";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "prefetch_refused", detail)
    }

    pub(super) fn no_receipt(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "no_receipt", detail)
    }

    pub(super) fn receipt_forged() -> Self {
        let detail = "it names a key of ours, which did not sign it: it was edited, or forged";
        Self::new(StatusCode::BAD_REQUEST, "receipt_forged", detail)
    }

    pub(super) fn receipt_unknown() -> Self {
        let detail = "no key that is known here signed it, and no event that was logged is the one that it names";
        Self::new(StatusCode::NOT_FOUND, "receipt_unknown", detail)
    }

    pub(super) fn promise_broken(detail: String) -> Self {
        error!(detail, "a receipt that we signed is not what was logged; a person must act");
        Self::new(StatusCode::CONFLICT, "promise_broken", detail)
    }

    pub(super) fn unprovable(detail: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprovable", detail)
    }

    pub(super) fn too_many_proofs() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "other receipts are being redeemed: ask again")
    }

    pub(super) fn archive_unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "archive_unavailable", "the proof cannot be made now: ask again")
    }

    pub(super) fn not_ready(reasons: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reasons)
    }

    /// As an item of an answer carries it.
    pub fn document(&self) -> Document<'_> {
        Document {
            r#type: format!("urn:clicktrail:problem:{}", self.code),
            title: self.code.replace('_', " "),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id: None,
        }
    }

    /// Writes the document into a response, beside the headers that it has already.
    pub(super) fn write_into(self, response: &mut Response, request_id: &RequestId) {
        debug!(
            request_id = request_id.0,
            status = self.status.as_u16(),
            code = self.code,
            detail = self.detail,
            "problem"
        );
        let document = Document { request_id: Some(&request_id.0), ..self.document() };
        let text = serde_json::to_vec(&document).expect("a document of texts is JSON");
        *response.body_mut() = Body::from(text);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.remove(header::CONTENT_LENGTH);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
    }
}

/// Only marks the response: `finish` knows the request's id and writes the document.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<&Reason> for Problem {
    fn from(reason: &Reason) -> Self {
        let status = match reason {
            Reason::UnknownAd(_) => StatusCode::NOT_FOUND,
            Reason::AdPaused(_) => StatusCode::CONFLICT,
            Reason::InvalidJson { .. }
            | Reason::InvalidUtf8 { .. }
            | Reason::NotAnObject(_)
            | Reason::DuplicateKey(_)
            | Reason::NulCharacter(_)
            | Reason::WrongType { .. }
            | Reason::MissingField(_)
            | Reason::InvalidKind(_)
            | Reason::InvalidId { .. }
            | Reason::TooLong { .. }
            | Reason::InvalidTime(_)
            | Reason::TimeInFuture { .. }
            | Reason::TimeTooOld { .. }
            | Reason::InvalidAmount { .. }
            | Reason::InvalidCurrency(_)
            | Reason::CurrencyMismatch { .. }
            | Reason::AdMismatch { .. } => StatusCode::BAD_REQUEST,
        };
        Self::new(status, reason.code(), reason.to_string())
    }
}

impl From<&body::Unusable> for Problem {
    fn from(unusable: &body::Unusable) -> Self {
        let status = match unusable {
            body::Unusable::TooLarge { .. } | body::Unusable::TooManyItems { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            body::Unusable::Encoding(_) | body::Unusable::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            body::Unusable::TooSlow => StatusCode::REQUEST_TIMEOUT,
            body::Unusable::Incomplete(_) | body::Unusable::Damaged { .. } | body::Unusable::NotEvents(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        Self::new(status, unusable.code(), unusable.to_string())
    }
}

/// Nothing of it was stored: send it again.
impl From<&committer::Error> for Problem {
    fn from(error: &committer::Error) -> Self {
        // The committer has logged why, once; the counter of refused items says how often.
        debug!(cause = %error, "events are refused");
        let (code, detail) = match error {
            committer::Error::Busy => {
                ("busy", "too many events are waiting to be stored; nothing was stored: send it again")
            }
            committer::Error::Unavailable(_) => {
                ("log_unavailable", "the log cannot be written; nothing was stored: send it again")
            }
            committer::Error::Closed => {
                ("shutting_down", "the server takes no more events; nothing was stored: send it again")
            }
            committer::Error::TooLarge(_) => ("internal", "the server failed; its log says why; nothing was stored"),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not allow this method")
}
