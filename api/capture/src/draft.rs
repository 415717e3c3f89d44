//! What a client said about one event, before anybody has checked that it makes sense.

use std::borrow::Cow;

use clicktrail_log::{event::Kind, time::Timestamp};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use crate::aside::Aside;

/// An event as sent: every field may be missing, each has its type, texts are unchecked.
///
/// Doors fill one (the JSON reader, the redirect, an importer) and hand it to [`validate`](super::validate::event).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Draft<'a> {
    /// The client's id; a UUIDv7 is minted where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Cow<'a, str>>,
    /// Required.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "kind")]
    pub kind: Option<Kind>,
    /// The captured time where it is missing.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    pub event_time: Option<Timestamp>,
    /// From the registry where it is missing, as are the campaign, a click's price, and the currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertiser_id: Option<Cow<'a, str>>,
    /// See [`advertiser_id`](Draft::advertiser_id).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Cow<'a, str>>,
    /// Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad_id: Option<Cow<'a, str>>,
    /// As [`Event::publisher_id`](clicktrail_log::event::Event::publisher_id); so are the texts that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher_id: Option<Cow<'a, str>>,
    /// The slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement_id: Option<Cow<'a, str>>,
    /// Hashed by the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Cow<'a, str>>,
    /// Personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Cow<'a, str>>,
    /// Personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<Cow<'a, str>>,
    /// Personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    /// Personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_url: Option<Cow<'a, str>>,
    /// Declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_type: Option<Cow<'a, str>>,
    /// Declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Cow<'a, str>>,
    /// Declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Cow<'a, str>>,
    /// Declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Cow<'a, str>>,
    /// Declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Cow<'a, str>>,
    /// In millionths of the currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_micros: Option<i64>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Cow<'a, str>>,
    /// Conversions only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_event_id: Option<Cow<'a, str>>,
    /// Conversions only, in millionths of the currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_micros: Option<i64>,
    /// A JSON object, already valid JSON.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "object")]
    pub extra: Option<Cow<'a, str>>,
    /// What was set aside so far.
    #[serde(skip)]
    pub aside: Aside,
}

impl Draft<'_> {
    /// The draft with texts of its own.
    pub fn into_owned(self) -> Draft<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Draft {
            event_id: own(self.event_id),
            kind: self.kind,
            event_time: self.event_time,
            advertiser_id: own(self.advertiser_id),
            campaign_id: own(self.campaign_id),
            ad_id: own(self.ad_id),
            publisher_id: own(self.publisher_id),
            placement_id: own(self.placement_id),
            user_id: own(self.user_id),
            session_id: own(self.session_id),
            ip: own(self.ip),
            user_agent: own(self.user_agent),
            page_url: own(self.page_url),
            device_type: own(self.device_type),
            os: own(self.os),
            browser: own(self.browser),
            country: own(self.country),
            city: own(self.city),
            price_micros: self.price_micros,
            currency: own(self.currency),
            click_event_id: own(self.click_event_id),
            value_micros: self.value_micros,
            extra: own(self.extra),
            aside: self.aside,
        }
    }

    /// The draft as the JSON object that [`parse::draft`](super::parse::draft) reads: what the rejected stream keeps of
    /// an event that did not arrive as JSON, so that it can be tried again.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON, and so is `extra`")
    }
}

fn kind<S: Serializer>(kind: &Option<Kind>, serializer: S) -> Result<S::Ok, S::Error> {
    kind.map(|kind| kind.as_str()).serialize(serializer)
}

fn time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

/// As it stands: a number in it may be larger than any type.
fn object<S: Serializer>(extra: &Option<Cow<'_, str>>, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: Option<&RawValue> = extra.as_deref().map(serde_json::from_str).transpose().map_err(S::Error::custom)?;
    raw.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_survives_its_json() {
        let text = r#"{"event_id":"e","kind":"conversion","event_time":"2026-11-22T13:00:00.5Z","ad_id":"a\u0001","city":"Köln",
            "price_micros":7,"value":"1.5","currency":"EUR","new":[1.10,1e999]}"#;
        let draft = crate::parse::draft(text.as_bytes()).unwrap();
        assert_eq!(crate::parse::draft(draft.to_json().as_bytes()), Ok(draft.clone()));
        assert_eq!(crate::parse::draft(Draft::default().to_json().as_bytes()), Ok(Draft::default()));
    }
}
