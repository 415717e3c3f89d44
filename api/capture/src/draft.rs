//! What a client said about one event, before anybody has checked that it makes sense.

use std::borrow::Cow;

use clicktrail_log::{event::Kind, time::Timestamp};

/// An event as sent: every field may be missing, each has its type, texts are unchecked.
///
/// Doors fill one (the JSON reader, the redirect, an importer) and hand it to [`validate`](super::validate::event).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft<'a> {
    /// The client's id; a UUIDv7 is minted where it is missing.
    pub event_id: Option<Cow<'a, str>>,
    /// Required.
    pub kind: Option<Kind>,
    /// The captured time where it is missing.
    pub event_time: Option<Timestamp>,
    /// From the registry where it is missing, as are the campaign, a click's price, and the currency.
    pub advertiser_id: Option<Cow<'a, str>>,
    /// See [`advertiser_id`](Draft::advertiser_id).
    pub campaign_id: Option<Cow<'a, str>>,
    /// Required.
    pub ad_id: Option<Cow<'a, str>>,
    /// As [`Event::publisher_id`](clicktrail_log::event::Event::publisher_id); so are the texts that follow.
    pub publisher_id: Option<Cow<'a, str>>,
    /// The slot.
    pub placement_id: Option<Cow<'a, str>>,
    /// Hashed by the client.
    pub user_id: Option<Cow<'a, str>>,
    /// Personal.
    pub session_id: Option<Cow<'a, str>>,
    /// Personal.
    pub ip: Option<Cow<'a, str>>,
    /// Personal.
    pub user_agent: Option<Cow<'a, str>>,
    /// Personal.
    pub page_url: Option<Cow<'a, str>>,
    /// Declared.
    pub device_type: Option<Cow<'a, str>>,
    /// Declared.
    pub os: Option<Cow<'a, str>>,
    /// Declared.
    pub browser: Option<Cow<'a, str>>,
    /// Declared.
    pub country: Option<Cow<'a, str>>,
    /// Declared.
    pub city: Option<Cow<'a, str>>,
    /// In millionths of the currency.
    pub price_micros: Option<i64>,
    /// ISO 4217.
    pub currency: Option<Cow<'a, str>>,
    /// Conversions only.
    pub click_event_id: Option<Cow<'a, str>>,
    /// Conversions only, in millionths of the currency.
    pub value_micros: Option<i64>,
    /// A JSON object, already valid JSON.
    pub extra: Option<Cow<'a, str>>,
}

impl Draft<'_> {
    /// The draft as the JSON object that [`parse::draft`](super::parse::draft) reads: what the rejected stream keeps of
    /// an event that did not arrive as JSON, so that it can be tried again.
    pub fn to_json(&self) -> String {
        let mut members = serde_json::Map::new();
        let texts = [
            ("event_id", &self.event_id),
            ("advertiser_id", &self.advertiser_id),
            ("campaign_id", &self.campaign_id),
            ("ad_id", &self.ad_id),
            ("publisher_id", &self.publisher_id),
            ("placement_id", &self.placement_id),
            ("user_id", &self.user_id),
            ("session_id", &self.session_id),
            ("ip", &self.ip),
            ("user_agent", &self.user_agent),
            ("page_url", &self.page_url),
            ("device_type", &self.device_type),
            ("os", &self.os),
            ("browser", &self.browser),
            ("country", &self.country),
            ("city", &self.city),
            ("currency", &self.currency),
            ("click_event_id", &self.click_event_id),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?.into())));
        let kind = self.kind.map(|kind| ("kind", kind.as_str().into()));
        let time = self.event_time.map(|time| ("event_time", time.to_string().into()));
        let amounts = [("price_micros", self.price_micros), ("value_micros", self.value_micros)];
        let amounts = amounts.into_iter().filter_map(|(name, amount)| Some((name, amount?.into())));
        let extra = self.extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok());
        let extra = extra.map(|extra: serde_json::Value| ("extra", extra));
        for (name, value) in texts.chain(kind).chain(time).chain(amounts).chain(extra) {
            members.insert(name.to_owned(), value);
        }
        serde_json::Value::from(members).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_survives_its_json() {
        let text = r#"{"event_id":"e","kind":"conversion","event_time":"2026-11-22T13:00:00.5Z","ad_id":"a\u0001","city":"Köln",
            "price_micros":7,"value":"1.5","currency":"EUR","new":[1]}"#;
        let draft = super::super::parse::draft(text.as_bytes()).unwrap();
        assert_eq!(super::super::parse::draft(draft.to_json().as_bytes()), Ok(draft.clone()));
        assert_eq!(super::super::parse::draft(Draft::default().to_json().as_bytes()), Ok(Draft::default()));
    }
}
