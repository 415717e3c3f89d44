//! Events as `POST /v1/events` takes them.

use clicktrail_log::event::Event;

/// Appends the event as a JSON object, without its times: the server that receives it says when that was. No text of
/// a simulation needs escaping.
pub(super) fn push_event(event: &Event<'_>, json: &mut Vec<u8>) {
    let texts = [
        ("event_id", Some(event.event_id.as_ref())),
        ("kind", Some(event.kind.as_str())),
        ("advertiser_id", Some(event.advertiser_id.as_ref())),
        ("campaign_id", Some(event.campaign_id.as_ref())),
        ("ad_id", Some(event.ad_id.as_ref())),
        ("publisher_id", event.publisher_id.as_deref()),
        ("placement_id", event.placement_id.as_deref()),
        ("user_id", event.user_id.as_deref()),
        ("session_id", event.session_id.as_deref()),
        ("ip", event.ip.as_deref()),
        ("user_agent", event.user_agent.as_deref()),
        ("page_url", event.page_url.as_deref()),
        ("device_type", event.device_type.as_deref()),
        ("os", event.os.as_deref()),
        ("browser", event.browser.as_deref()),
        ("country", event.country.as_deref()),
        ("city", event.city.as_deref()),
        ("currency", Some(event.currency.as_ref())),
        ("click_event_id", event.click_event_id.as_deref()),
    ];
    json.push(b'{');
    for (name, text) in texts {
        let Some(text) = text else { continue };
        push_name(name, json);
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    }
    push_number("price_micros", event.price_micros, json);
    if let Some(value) = event.value_micros {
        push_number("value_micros", value, json);
    }
    json.push(b'}');
}

fn push_name(name: &str, json: &mut Vec<u8>) {
    if json.last() != Some(&b'{') {
        json.push(b',');
    }
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

fn push_number(name: &str, value: i64, json: &mut Vec<u8>) {
    push_name(name, json);
    json.extend_from_slice(value.to_string().as_bytes());
}
