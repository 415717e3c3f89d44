//! Which rows are asked for, and what each of them counts as before anything was ruled.

use std::{collections::BTreeSet, ops::Range};

use clicktrail_evidence::bundle::columns::at::rows;
use clicktrail_log::{
    archive::Manifest,
    position::Position,
    time::{Hour, Timestamp},
};

use crate::cells::Rows;

/// The kind of event that is billed.
const CLICK: &str = "click";

/// Which hours are asked for.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// Those that bases count.
    Hours(BTreeSet<Hour>),
    /// Those that have events of the range.
    Range,
    /// That of the event.
    Event(Position),
}

/// Which rows are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) advertiser: String,
    pub(crate) asked: Asked,
    /// In order; `None`: all.
    pub(crate) campaigns: Option<Vec<String>>,
    /// Of event time.
    pub(crate) period: Range<Timestamp>,
    pub(crate) currency: Option<String>,
}

/// What an event counts as, before anything was ruled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Counted,
    NotAClick,
    OutsidePeriod,
    OtherCurrency,
    OtherCampaign,
}

impl Scope {
    /// Whether the advertiser's rows of an hour must be shown, or that there are none.
    pub(crate) fn shows(&self, manifest: &Manifest) -> bool {
        let may_hold = |min: i64, max: i64| {
            Timestamp::from_micros(max) >= self.period.start && Timestamp::from_micros(min) < self.period.end
        };
        manifest.rows > 0
            && match &self.asked {
                Asked::Hours(hours) => hours.contains(&manifest.hour()),
                Asked::Range => manifest.parts.iter().any(|part| may_hold(part.event_time_min, part.event_time_max)),
                Asked::Event(_) => true,
            }
    }

    /// Whether rows of a campaign are asked for: others may be shown beside them.
    pub(crate) fn asks_for(&self, campaign: &str) -> bool {
        self.campaigns.as_ref().is_none_or(|all| all.iter().any(|asked| asked == campaign))
    }

    /// What a row counts as.
    pub(crate) fn class(&self, rows: &Rows<'_>, row: usize) -> Class {
        let currency = rows.text(rows::CURRENCY, row);
        let campaign = rows.text(rows::CAMPAIGN, row);
        if rows.text(rows::KIND, row) != CLICK {
            Class::NotAClick
        } else if !self.period.contains(&Timestamp::from_micros(rows.int(rows::EVENT_TIME, row))) {
            Class::OutsidePeriod
        } else if self.currency.as_deref().is_some_and(|asked| asked != currency) {
            Class::OtherCurrency
        } else if !self.asks_for(campaign) {
            Class::OtherCampaign
        } else {
            Class::Counted
        }
    }
}
