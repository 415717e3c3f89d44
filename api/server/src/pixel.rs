//! `GET /i.gif?ad=…`: an impression, answered with a transparent pixel.
//!
//! `HEAD` is a `probe`. A page that is rendered ahead loads its pixels too: that is logged as `prefetch`, and answered
//! like any other, because the page does not ask again when it is shown.

use axum::{
    body::Body,
    extract::State as Extract,
    http::{HeaderValue, header},
    response::Response,
};
use clicktrail_log::event::Kind;

use crate::{
    problem::Problem,
    receipts,
    state::State,
    visit::{Subject, Visit},
};

/// The door's name in rejected records.
const SOURCE: &str = "http /i.gif";
/// The query parameter that names the ad.
const AD: &str = "ad";
/// GIF89a, one transparent pixel.
const GIF: [u8; 43] =
    *b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

pub(super) async fn pixel(Extract(state): Extract<State>, visit: Visit) -> Result<Response, Problem> {
    let kind = visit.kind(Kind::Impression);
    let subject = Subject { kind, ad_id: visit.parameter(AD), own_parameter: Some(AD) };
    let receipt = visit.capture(&state, &state.registry.current(), SOURCE, subject).await?;
    let mut response = Response::new(Body::from(GIF.as_slice()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    receipts::hand_out(receipt, &mut response);
    Ok(response)
}
