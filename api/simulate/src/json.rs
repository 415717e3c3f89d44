//! Events as `POST /v1/events` takes them.

use clicktrail_log::event::Event;
use serde::Serialize;

/// The members in the order in which they are written, which a pinned digest keeps. Times are left out: the server
/// that receives the event says when that was.
#[derive(Serialize)]
struct Members<'a> {
    event_id: &'a str,
    kind: &'a str,
    advertiser_id: &'a str,
    campaign_id: &'a str,
    ad_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    currency: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_event_id: Option<&'a str>,
    price_micros: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_micros: Option<i64>,
}

/// Appends the event as a JSON object.
pub(super) fn push_event(event: &Event<'_>, json: &mut Vec<u8>) {
    let members = Members {
        event_id: &event.event_id,
        kind: event.kind.as_str(),
        advertiser_id: &event.advertiser_id,
        campaign_id: &event.campaign_id,
        ad_id: &event.ad_id,
        publisher_id: event.publisher_id.as_deref(),
        placement_id: event.placement_id.as_deref(),
        user_id: event.user_id.as_deref(),
        session_id: event.session_id.as_deref(),
        ip: event.ip.as_deref(),
        user_agent: event.user_agent.as_deref(),
        page_url: event.page_url.as_deref(),
        device_type: event.device_type.as_deref(),
        os: event.os.as_deref(),
        browser: event.browser.as_deref(),
        country: event.country.as_deref(),
        city: event.city.as_deref(),
        currency: &event.currency,
        click_event_id: event.click_event_id.as_deref(),
        price_micros: event.price_micros,
        value_micros: event.value_micros,
    };
    serde_json::to_writer(json, &members).expect("texts and numbers are JSON, and memory takes them");
}
