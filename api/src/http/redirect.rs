//! `GET|POST|HEAD /c/{ad_id}`: a click, and the way to what the ad advertises.
//!
//! | request | event | answer |
//! |---|---|---|
//! | `GET`, `POST` | `click` | 302 to the registered target |
//! | `HEAD` | `probe` | the same |
//! | fetched ahead (`Sec-Purpose: prefetch` and its forerunners) | `prefetch` | 503: the click itself comes here again |
//! | of an ad that is not registered | rejected `unknown_ad` | 404 |
//!
//! The target comes from the registry and from nowhere else: no parameter can make this an open redirect.

use axum::{
    body::Body,
    extract::{Path, State as Extract, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use clicktrail_log::event::Kind;

use super::{
    State,
    problem::Problem,
    visit::{Subject, Visit},
};

/// The door's name in rejected records.
const SOURCE: &str = "http /c";

pub(super) async fn redirect(
    Extract(state): Extract<State>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    // A path that is no text names no ad.
    let ad_id = path.map_or_else(|_| char::REPLACEMENT_CHARACTER.to_string(), |Path(ad_id)| ad_id);
    let ads = state.registry.current();
    let target = match ads.get(&ad_id) {
        Some(ad) => Some(HeaderValue::from_str(&ad.target_url).map_err(|error| Problem::internal(&error))?),
        None => None,
    };
    let kind = visit.kind(Kind::Click);
    visit.capture(&state, &ads, SOURCE, Subject { kind, ad_id: Some(&ad_id), own_parameter: None }).await?;
    if kind == Kind::Prefetch {
        return Err(Problem::prefetch());
    }
    let target = target.expect("an event without an advertiser of its own is captured only for a registered ad");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, target);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[cfg(test)]
mod tests;
