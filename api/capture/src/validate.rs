//! From a [`Draft`] to an [`Event`] that keeps the log's promises, with the registry filling what the client left out.

use std::{borrow::Cow, time::Duration};

use clicktrail_log::{
    ad::Ad,
    event::{Event, Kind, NO_AGENT},
    time::Timestamp,
};

use crate::{
    ads::Ads,
    aside::{Aside, Why},
    currency,
    draft::Draft,
    optional::{self, DECLARED_CHARS_MAX, ID_CHARS_MAX, Unit},
    reason::Reason,
    shorten::shorten,
};

/// What each of `user_agent` and `page_url` may have at most, in bytes, whatever the limits: so any event fits a frame
/// of the log.
pub const LONG_TEXT_BYTES_MAX: usize = 128 << 10;
/// What `extra` may have at most, in bytes, whatever the limits.
pub const EXTRA_BYTES_MAX: usize = 256 << 10;

/// What an operator may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How far an event time may lie in the future; `None` takes any. Default 60 s.
    pub future_max: Option<Duration>,
    /// How old an event time may be; `None` takes any. Default 24 h.
    pub age_max: Option<Duration>,
    /// Longest user agent in bytes; at least 128. A longer one is cut. Default 4,096.
    pub user_agent_bytes_max: usize,
    /// Longest page address in bytes; at least 128. A longer one is cut. Default 8,192.
    pub page_url_bytes_max: usize,
    /// Longest `extra` in bytes, with what it says of values that were set aside. What does not fit is dropped.
    /// Default 16,384.
    pub extra_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            future_max: Some(Duration::from_secs(60)),
            age_max: Some(Duration::from_secs(24 * 3600)),
            user_agent_bytes_max: 4096,
            page_url_bytes_max: 8192,
            extra_bytes_max: 16_384,
        }
    }
}

/// What events are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When they were received.
    pub captured_at: Timestamp,
    /// The registry.
    pub ads: &'a Ads,
    /// The limits.
    pub limits: &'a Limits,
}

/// Checks a draft and completes it. The same draft in the same context is the same event: an id that the client left
/// out comes from the door, which knows how to give one.
///
/// | missing | taken |
/// |---|---|
/// | `event_time` | the captured time |
/// | advertiser, campaign, currency | the registered ad's |
/// | price of a click | the registered ad's |
/// | price of anything else | 0 |
///
/// Of a registered ad, the advertiser and the campaign that the event does name must be the ad's, and so must the
/// currency of a click. An ad that is not registered is what the event says. A click in a pause of its ad is rejected;
/// everything else about a paused ad bills nobody, and is an event as always.
/// Optional values that cannot be stored as they are do not reject an event: they are cut or dropped, and its `extra`
/// says so.
///
/// # Errors
/// The first thing that is wrong with what a bill needs.
pub fn event<'a>(mut draft: Draft<'a>, context: &Context<'a>) -> Result<Event<'a>, Reason> {
    let kind = draft.kind.ok_or(Reason::MissingField("kind"))?;
    check_fields(&mut draft, kind, context.limits)?;
    let event_id = draft.event_id.ok_or(Reason::MissingField("event_id"))?;
    let ad_id = draft.ad_id.ok_or(Reason::MissingField("ad_id"))?;
    let event_time = event_time(draft.event_time, context)?;
    let billing = Billing {
        advertiser_id: draft.advertiser_id,
        campaign_id: draft.campaign_id,
        price_micros: draft.price_micros,
        currency: draft.currency,
    };
    let billed = billing.complete(kind, &ad_id, context)?;
    // By the time of the click, not of its arrival: a pause neither takes back what came before it nor bills what came
    // in it, however late a batch is.
    if kind == Kind::Click && context.ads.is_paused(&ad_id, event_time) {
        return Err(Reason::AdPaused(shorten(&ad_id).into_owned()));
    }
    Ok(Event {
        event_id,
        kind,
        event_time,
        captured_at: context.captured_at,
        advertiser_id: billed.advertiser_id,
        campaign_id: billed.campaign_id,
        ad_id,
        publisher_id: draft.publisher_id,
        placement_id: draft.placement_id,
        user_id: draft.user_id,
        session_id: draft.session_id,
        ip: draft.ip,
        user_agent: draft.user_agent,
        page_url: draft.page_url,
        device_type: draft.device_type,
        os: draft.os,
        browser: draft.browser,
        country: draft.country,
        city: draft.city,
        price_micros: billed.price_micros,
        currency: billed.currency,
        click_event_id: draft.click_event_id,
        value_micros: draft.value_micros,
        extra: draft.extra,
    })
}

/// Checks what a bill needs, and makes every other field fit. In place: moving texts about costs more than looking at
/// them.
fn check_fields(draft: &mut Draft<'_>, kind: Kind, limits: &Limits) -> Result<(), Reason> {
    check_id("advertiser_id", &draft.advertiser_id)?;
    check_id("campaign_id", &draft.campaign_id)?;
    check_id("ad_id", &draft.ad_id)?;
    check_amount("price_micros", draft.price_micros)?;
    if kind == Kind::Conversion {
        check_amount("value_micros", draft.value_micros)?;
    } else if draft.click_event_id.is_some() || draft.value_micros.is_some() {
        drop_conversion_fields(draft);
    }
    fit(draft, limits);
    Ok(())
}

#[cold]
fn drop_conversion_fields(draft: &mut Draft<'_>) {
    if let Some(id) = draft.click_event_id.take() {
        draft.aside.column("click_event_id", Why::NotForKind, id.as_bytes());
    }
    if let Some(micros) = draft.value_micros.take() {
        draft.aside.column("value_micros", Why::NotForKind, micros.to_string().as_bytes());
    }
}

/// Cuts or drops what cannot be stored as it came, and says so in `extra`.
///
/// An event's own id is treated like any other: it names the event, so the same odd id gives the same event again, and
/// a conversion that names a click by an odd id names the click that came with it.
fn fit(draft: &mut Draft<'_>, limits: &Limits) {
    let aside = &mut draft.aside;
    optional::id("event_id", &mut draft.event_id, aside);
    optional::id("publisher_id", &mut draft.publisher_id, aside);
    optional::id("placement_id", &mut draft.placement_id, aside);
    optional::id("user_id", &mut draft.user_id, aside);
    optional::id("session_id", &mut draft.session_id, aside);
    optional::id("click_event_id", &mut draft.click_event_id, aside);
    optional::ip(&mut draft.ip, aside);
    let long = |max: usize| max.min(LONG_TEXT_BYTES_MAX);
    if draft.user_agent.as_deref() == Some("") {
        draft.user_agent = Some(Cow::Borrowed(NO_AGENT));
    }
    optional::text("user_agent", &mut draft.user_agent, long(limits.user_agent_bytes_max), Unit::Bytes, aside);
    optional::text("page_url", &mut draft.page_url, long(limits.page_url_bytes_max), Unit::Bytes, aside);
    optional::text("device_type", &mut draft.device_type, DECLARED_CHARS_MAX, Unit::Characters, aside);
    optional::text("os", &mut draft.os, DECLARED_CHARS_MAX, Unit::Characters, aside);
    optional::text("browser", &mut draft.browser, DECLARED_CHARS_MAX, Unit::Characters, aside);
    optional::text("country", &mut draft.country, DECLARED_CHARS_MAX, Unit::Characters, aside);
    optional::text("city", &mut draft.city, DECLARED_CHARS_MAX, Unit::Characters, aside);
    let extra_max = limits.extra_bytes_max.min(EXTRA_BYTES_MAX);
    if !aside.is_empty() || draft.extra.as_ref().is_some_and(|extra| extra.is_empty() || extra.len() > extra_max) {
        complete_extra(draft, extra_max);
    }
}

#[cold]
fn complete_extra(draft: &mut Draft<'_>, bytes_max: usize) {
    let aside = std::mem::take::<Aside>(&mut draft.aside);
    draft.extra = aside.complete(draft.extra.as_deref(), bytes_max).map(Cow::Owned);
}

/// Whom an event bills, as far as the event says.
struct Billing<'a> {
    advertiser_id: Option<Cow<'a, str>>,
    campaign_id: Option<Cow<'a, str>>,
    price_micros: Option<i64>,
    currency: Option<Cow<'a, str>>,
}

/// Whom an event bills.
struct Billed<'a> {
    advertiser_id: Cow<'a, str>,
    campaign_id: Cow<'a, str>,
    price_micros: i64,
    currency: Cow<'a, str>,
}

impl<'a> Billing<'a> {
    fn complete(self, kind: Kind, ad_id: &str, context: &Context<'a>) -> Result<Billed<'a>, Reason> {
        if let Some(code) = &self.currency
            && !currency::is_active(code)
        {
            return Err(Reason::InvalidCurrency(shorten(code).into_owned()));
        }
        let registered = context.ads.get(ad_id);
        if let Some(ad) = registered {
            self.hold_against(ad, kind)?;
        }
        let price_micros = if kind == Kind::Click { self.price_micros } else { Some(self.price_micros.unwrap_or(0)) };
        match (self.advertiser_id, self.campaign_id, price_micros, self.currency) {
            (Some(advertiser_id), Some(campaign_id), Some(price_micros), Some(currency)) => {
                Ok(Billed { advertiser_id, campaign_id, price_micros, currency })
            }
            (advertiser_id, campaign_id, price_micros, currency) => {
                Billing { advertiser_id, campaign_id, price_micros, currency }.fill(ad_id, registered)
            }
        }
    }

    /// A registered ad is billed to its own advertiser, in its own campaign, and a click in its own currency, whatever
    /// the event says. The price may differ: where clicks are auctioned, only the sender knows it.
    fn hold_against(&self, ad: &Ad, kind: Kind) -> Result<(), Reason> {
        let is_other =
            |given: &Option<Cow<'_, str>>, registered: &str| given.as_deref().is_some_and(|id| id != registered);
        let mismatch = |owner| Reason::AdMismatch { ad_id: shorten(&ad.ad_id).into_owned(), owner };
        if is_other(&self.advertiser_id, &ad.advertiser_id) {
            return Err(mismatch("advertiser"));
        }
        if is_other(&self.campaign_id, &ad.campaign_id) {
            return Err(mismatch("campaign"));
        }
        match &self.currency {
            Some(given) if kind == Kind::Click && *given != ad.currency => {
                let (given, registered) = (given.as_ref().to_owned(), ad.currency.clone());
                Err(Reason::CurrencyMismatch { given, registered })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn fill(self, ad_id: &str, registered: Option<&'a Ad>) -> Result<Billed<'a>, Reason> {
        let Some(ad) = registered else {
            return Err(if self.advertiser_id.is_none() || self.campaign_id.is_none() {
                Reason::UnknownAd(shorten(ad_id).into_owned())
            } else if self.price_micros.is_none() {
                Reason::MissingField("price_micros")
            } else {
                Reason::MissingField("currency")
            });
        };
        Ok(Billed {
            advertiser_id: Cow::Borrowed(&ad.advertiser_id),
            campaign_id: Cow::Borrowed(&ad.campaign_id),
            price_micros: self.price_micros.unwrap_or(ad.price_micros),
            currency: self.currency.unwrap_or(Cow::Borrowed(&ad.currency)),
        })
    }
}

fn event_time(given: Option<Timestamp>, context: &Context<'_>) -> Result<Timestamp, Reason> {
    let Some(time) = given else {
        return Ok(context.captured_at);
    };
    let micros = |bound: Duration| i64::try_from(bound.as_micros()).unwrap_or(i64::MAX);
    if let Some(bound) = context.limits.future_max
        && time > context.captured_at.plus_micros(micros(bound))
    {
        return Err(Reason::TimeInFuture { given: time.to_string(), max_seconds: bound.as_secs() });
    }
    if let Some(bound) = context.limits.age_max
        && time < context.captured_at.plus_micros(-micros(bound))
    {
        return Err(Reason::TimeTooOld { given: time.to_string(), max_seconds: bound.as_secs() });
    }
    Ok(time)
}

/// An id that a bill needs.
fn check_id(field: &'static str, given: &Option<Cow<'_, str>>) -> Result<(), Reason> {
    let Some(text) = given.as_deref().filter(|text| !optional::is_plain_id(text)) else {
        return Ok(());
    };
    if text.is_empty() {
        return Err(Reason::InvalidId { field, why: "is empty" });
    }
    if text.chars().count() > ID_CHARS_MAX {
        return Err(Reason::TooLong { field, max: ID_CHARS_MAX, unit: "characters" });
    }
    if text.contains('\0') {
        return Err(Reason::NulCharacter(field.into()));
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::InvalidId { field, why: "holds a control character" });
    }
    Ok(())
}

fn check_amount(field: &'static str, given: Option<i64>) -> Result<(), Reason> {
    match given {
        Some(..0) => Err(Reason::InvalidAmount { field, why: "is negative" }),
        Some(0..) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
