//! Drafts and documents, as they are stored.

use std::borrow::Cow;

use chrono::NaiveDate;
use clicktrail_log::{
    frame::Digest,
    time::{Hour, Timestamp},
};
use serde::{Deserialize, Serialize};

use super::{
    account::{Party, Terms},
    amounts::{Bill, Counts},
    stored::Stored,
    text::{self, owned, some},
    text_or_null,
};
use crate::{
    document::{self, Kind, Reason, Rounding},
    error::Error,
    period::{self, PeriodName},
};

/// What a document says, before it has a number. The order of the fields is their order in the text: frozen with
/// version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'t> {
    #[serde(borrow)]
    advertiser_id: Cow<'t, str>,
    #[serde(borrow)]
    original: Option<Original<'t>>,
    #[serde(borrow)]
    period: Period<'t>,
    #[serde(borrow)]
    seller: Party<'t>,
    #[serde(borrow)]
    terms: Terms<'t>,
    #[serde(borrow)]
    bill: Bill<'t>,
    #[serde(borrow)]
    hours: Vec<HourMoved<'t>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Original<'t> {
    #[serde(borrow)]
    series: Cow<'t, str>,
    number: u32,
    #[serde(with = "text")]
    period: PeriodName,
    #[serde(with = "text")]
    issued_on: NaiveDate,
    #[serde(with = "text")]
    reason: Reason,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period<'t> {
    #[serde(with = "text")]
    name: PeriodName,
    #[serde(borrow)]
    zone: Cow<'t, str>,
    #[serde(borrow)]
    from: Cow<'t, str>,
    #[serde(borrow)]
    to: Cow<'t, str>,
    #[serde(borrow)]
    tzdb: Cow<'t, str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HourMoved<'t> {
    #[serde(borrow)]
    hour: Cow<'t, str>,
    counts: Counts,
}

/// What a bill was computed from, but for the period, which is part of what it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pins<'t> {
    #[serde(with = "text")]
    basis: Digest,
    terms_version: u32,
    #[serde(with = "text")]
    terms: Digest,
    #[serde(with = "text")]
    seller: Digest,
    #[serde(with = "text")]
    rounding: Rounding,
    #[serde(with = "text_or_null")]
    template: Option<Digest>,
    #[serde(borrow)]
    renderer: Option<Cow<'t, str>>,
}

/// A draft. Frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft<'t> {
    #[serde(borrow)]
    format: Cow<'t, str>,
    #[serde(with = "text")]
    kind: Kind,
    #[serde(borrow)]
    content: Content<'t>,
    #[serde(borrow)]
    pins: Pins<'t>,
}

/// A document. Frozen with version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document<'t> {
    #[serde(borrow)]
    format: Cow<'t, str>,
    #[serde(with = "text")]
    kind: Kind,
    #[serde(borrow)]
    series: Cow<'t, str>,
    number: u32,
    #[serde(with = "text")]
    issued_on: NaiveDate,
    #[serde(with = "text")]
    due_on: NaiveDate,
    #[serde(borrow)]
    content: Content<'t>,
    #[serde(borrow)]
    pins: Pins<'t>,
}

/// What makes a draft another one. It is never read back.
#[derive(Debug, Serialize)]
pub(super) struct Inputs<'t> {
    format: &'static str,
    #[serde(with = "text")]
    kind: Kind,
    content: Content<'t>,
}

impl<'t> Inputs<'t> {
    pub(super) fn of(draft: &'t document::Draft) -> Self {
        Self { format: "clicktrail inputs 1", kind: draft.kind, content: Content::of(draft) }
    }
}

impl<'t> Period<'t> {
    fn of(period: &'t period::Period) -> Self {
        Self {
            name: period.name,
            zone: Cow::from(&period.zone),
            from: Cow::from(period.from.to_string()),
            to: Cow::from(period.to.to_string()),
            tzdb: Cow::from(&period.tzdb),
        }
    }

    fn value(self) -> Result<period::Period, Error> {
        let at = |name: &str, text: &str| {
            Timestamp::parse_rfc3339(text).ok_or_else(|| Error::Field(format!("{name}: {text:?} is not an instant")))
        };
        let (from, to) = (at("period.from", &self.from)?, at("period.to", &self.to)?);
        Ok(period::Period { name: self.name, zone: self.zone.into_owned(), from, to, tzdb: self.tzdb.into_owned() })
    }
}

impl<'t> Original<'t> {
    fn of(original: &'t document::Original) -> Self {
        let document::Original { series, number, period, issued_on, reason } = original;
        Self { series: Cow::from(series), number: *number, period: *period, issued_on: *issued_on, reason: *reason }
    }

    fn value(self) -> document::Original {
        let Self { series, number, period, issued_on, reason } = self;
        document::Original { series: series.into_owned(), number, period, issued_on, reason }
    }
}

impl<'t> Content<'t> {
    fn of(draft: &'t document::Draft) -> Self {
        let moved = |moved: &document::HourMoved| HourMoved {
            hour: Cow::from(moved.hour.to_string()),
            counts: Counts::of(&moved.counts),
        };
        Self {
            advertiser_id: Cow::from(&draft.advertiser_id),
            original: draft.original.as_ref().map(Original::of),
            period: Period::of(&draft.pins.period),
            seller: Party::of(&draft.seller),
            terms: Terms::of(&draft.terms),
            bill: Bill::of(&draft.bill),
            hours: draft.hours.iter().map(moved).collect(),
        }
    }
}

impl<'t> Pins<'t> {
    fn of(pins: &'t document::Pins) -> Self {
        Self {
            basis: pins.basis,
            terms_version: pins.terms_version,
            terms: pins.terms,
            seller: pins.seller,
            rounding: pins.rounding,
            template: pins.template,
            renderer: some(&pins.renderer),
        }
    }
}

fn hour(moved: &HourMoved<'_>) -> Result<document::HourMoved, Error> {
    let hour = Hour::parse(&moved.hour).ok_or_else(|| Error::Field(format!("hours: {:?} is no hour", moved.hour)))?;
    Ok(document::HourMoved { hour, counts: moved.counts.value() })
}

fn draft(kind: Kind, content: Content<'_>, pins: Pins<'_>) -> Result<document::Draft, Error> {
    Ok(document::Draft {
        kind,
        advertiser_id: content.advertiser_id.into_owned(),
        seller: content.seller.value(),
        terms: content.terms.value()?,
        pins: document::Pins {
            period: content.period.value()?,
            basis: pins.basis,
            terms_version: pins.terms_version,
            terms: pins.terms,
            seller: pins.seller,
            rounding: pins.rounding,
            template: pins.template,
            renderer: owned(pins.renderer),
        },
        bill: content.bill.value()?,
        original: content.original.map(Original::value),
        hours: content.hours.iter().map(hour).collect::<Result<_, _>>()?,
    })
}

impl<'t> Stored<'t> for Draft<'t> {
    const FORMAT: &'static str = "clicktrail draft 1";
    type Value = document::Draft;

    fn of(draft: &'t document::Draft) -> Self {
        let (content, pins) = (Content::of(draft), Pins::of(&draft.pins));
        Self { format: Cow::from(Self::FORMAT), kind: draft.kind, content, pins }
    }

    fn value(self) -> Result<document::Draft, Error> {
        let read = draft(self.kind, self.content, self.pins)?;
        read.check()?;
        Ok(read)
    }
}

impl<'t> Stored<'t> for Document<'t> {
    const FORMAT: &'static str = "clicktrail invoice 1";
    type Value = document::Document;

    fn of(document: &'t document::Document) -> Self {
        Self {
            format: Cow::from(Self::FORMAT),
            kind: document.draft.kind,
            series: Cow::from(&document.series),
            number: document.number,
            issued_on: document.issued_on,
            due_on: document.due_on,
            content: Content::of(&document.draft),
            pins: Pins::of(&document.draft.pins),
        }
    }

    fn value(self) -> Result<document::Document, Error> {
        let read = document::Document {
            draft: draft(self.kind, self.content, self.pins)?,
            series: self.series.into_owned(),
            number: self.number,
            issued_on: self.issued_on,
            due_on: self.due_on,
        };
        read.check()?;
        Ok(read)
    }
}
