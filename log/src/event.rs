//! One captured fact, as a row. Only what was captured is stored, nothing derived from it.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::time::Timestamp;

/// What was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A person followed an ad. The only kind that is ever billed.
    Click,
    /// An ad was shown.
    Impression,
    /// What a click led to, reported later.
    Conversion,
    /// A `HEAD` request: somebody checked whether the link works. Never billed.
    Probe,
    /// A browser fetched the page ahead, in case of a click. Never billed.
    Prefetch,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Click, Self::Impression, Self::Conversion, Self::Probe, Self::Prefetch];

    /// The text in the `kind` column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Impression => "impression",
            Self::Conversion => "conversion",
            Self::Probe => "probe",
            Self::Prefetch => "prefetch",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// The user agent of a request that had none, as web servers' logs write it. `None` says less: whoever reported the
/// event did not say.
pub const NO_AGENT: &str = "-";

/// The member of `extra` that names the correction which an event came by. No client can write it: a field of this name
/// is set aside.
pub const CORRECTION: &str = "_correction";

/// How the `extra` of an event begins that came by a correction: [`CORRECTION`] is its first member, with the id as a
/// text. Whoever looks at every event compares this much of it.
pub const CORRECTION_PREFIX: &str = "{\"_correction\":\"";

/// The correction that an event came by, as its `extra` says.
pub fn correction_of(extra: &str) -> Option<&str> {
    extra.strip_prefix(CORRECTION_PREFIX)?.split_once('"').map(|(id, _)| id)
}

/// A validated event, borrowing its text from the request where it can.
///
/// Optional fields are `None` where the client did not say; an empty text is never stored in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The client's id, or a minted UUIDv7; 1..=128 characters.
    pub event_id: Cow<'a, str>,
    /// What was captured.
    pub kind: Kind,
    /// When it happened, as the client said; the captured time where it did not say.
    pub event_time: Timestamp,
    /// When the server received it.
    pub captured_at: Timestamp,
    /// Who pays; 1..=128 characters.
    pub advertiser_id: Cow<'a, str>,
    /// 1..=128 characters.
    pub campaign_id: Cow<'a, str>,
    /// 1..=128 characters.
    pub ad_id: Cow<'a, str>,
    /// Where the ad was shown.
    pub publisher_id: Option<Cow<'a, str>>,
    /// The slot on the publisher's page.
    pub placement_id: Option<Cow<'a, str>>,
    /// Already hashed by the client.
    pub user_id: Option<Cow<'a, str>>,
    /// Personal.
    pub session_id: Option<Cow<'a, str>>,
    /// The client's address in canonical text. Personal.
    pub ip: Option<Cow<'a, str>>,
    /// As sent. Personal.
    pub user_agent: Option<Cow<'a, str>>,
    /// The page that showed the ad. Personal.
    pub page_url: Option<Cow<'a, str>>,
    /// Declared by the client, never derived; so are `os`, `browser`, `country` and `city`.
    pub device_type: Option<Cow<'a, str>>,
    /// Declared operating system.
    pub os: Option<Cow<'a, str>>,
    /// Declared browser.
    pub browser: Option<Cow<'a, str>>,
    /// Declared country.
    pub country: Option<Cow<'a, str>>,
    /// Declared city.
    pub city: Option<Cow<'a, str>>,
    /// What this event charges if it is billable, in millionths of `currency`; never negative.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: Cow<'a, str>,
    /// Conversions: the `event_id` of the click they follow.
    pub click_event_id: Option<Cow<'a, str>>,
    /// Conversions: what they were worth, in millionths of `currency`.
    pub value_micros: Option<i64>,
    /// A JSON object of the fields that this version does not know.
    pub extra: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// `publisher_id` to `city`, in the order of the columns.
    pub fn optional_texts(&self) -> [&Option<Cow<'a, str>>; 12] {
        [
            &self.publisher_id,
            &self.placement_id,
            &self.user_id,
            &self.session_id,
            &self.ip,
            &self.user_agent,
            &self.page_url,
            &self.device_type,
            &self.os,
            &self.browser,
            &self.country,
            &self.city,
        ]
    }

    /// Bytes of all its texts.
    pub fn text_bytes(&self) -> usize {
        let required = [&self.event_id, &self.advertiser_id, &self.campaign_id, &self.ad_id, &self.currency];
        let required: usize = required.into_iter().map(|text| text.len()).sum();
        let optional = self.optional_texts().into_iter().chain([&self.click_event_id, &self.extra]);
        required + optional.flatten().map(|text| text.len()).sum::<usize>() + self.kind.as_str().len()
    }
}
