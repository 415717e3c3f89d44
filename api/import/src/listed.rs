//! From a line to what a list of clicks says of one of them.

use std::borrow::Cow;

use clicktrail_capture::{Aside, Reason};
use clicktrail_log::time::Timestamp;

use super::{
    layout::Layout,
    mapping::{Column, Columns},
    record::{Record, Reject},
};

/// What a line says, as far as the mapping says where.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) advertiser_id: Option<Cow<'a, str>>,
    pub(super) event_id: Option<Cow<'a, str>>,
    pub(super) ad_id: Option<Cow<'a, str>>,
    pub(super) campaign_id: Option<Cow<'a, str>>,
    pub(super) time: Timestamp,
    pub(super) price_micros: i64,
    pub(super) currency: Cow<'a, str>,
}

impl Record<'_> {
    /// Reads them. A line without time, price or currency, or with neither id nor ad, is none of a list.
    pub(super) fn fields<'a>(&'a self, columns: &'a Columns, layout: &Layout) -> Result<Fields<'a>, Reject> {
        self.told(columns, layout)?;
        let text = |column: Column| self.text(columns, layout, column, &mut Aside::default());
        let price = self.amount(columns, layout, "price", (Column::Price, Column::PriceMicros))?;
        let fields = Fields {
            kind: text(Column::Kind)?,
            advertiser_id: text(Column::AdvertiserId)?,
            event_id: text(Column::EventId)?,
            ad_id: text(Column::AdId)?,
            campaign_id: text(Column::CampaignId)?,
            time: self.event_time(columns, layout)?,
            price_micros: price.ok_or(Reason::MissingField("price"))?,
            currency: text(Column::Currency)?.ok_or(Reason::MissingField("currency"))?,
        };
        if fields.event_id.is_none() && fields.ad_id.is_none() {
            return Err(Reason::MissingField("event_id").into());
        }
        Ok(fields)
    }
}
