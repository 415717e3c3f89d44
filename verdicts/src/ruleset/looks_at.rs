//! Which kinds of events the rules of each detector look at, and what a ruleset may say about it.
//!
//! Whatever says that an event is not a person's, or was logged before, holds for impressions as it does for clicks.
//! How often and how fast people act says something about clicks alone: nobody sees an ad sixty seconds after the last
//! one by mistake. Conversions come from servers. So their own address and agent are not held against them; only what
//! they say of the visitor is.

use clicktrail_log::event::Kind;

use super::{detector::Detector, error::Error, fields::Fields};
use crate::kinds::{JUDGED, Kinds};

const CLICKS: Kinds = Kinds::of(&[Kind::Click]);
const SEEN: Kinds = Kinds::of(&[Kind::Click, Kind::Impression]);
const CONVERSIONS: Kinds = Kinds::of(&[Kind::Conversion]);

impl Detector {
    /// The kinds of events that it says something about.
    pub(super) const fn looks_at(&self) -> Kinds {
        match self {
            Self::Duplicate { .. } | Self::SuspiciousAgent { .. } | Self::Datacentre { .. } => JUDGED,
            Self::DeviceMismatch => SEEN,
            Self::DoubleClick { .. }
            | Self::AddressRate { .. }
            | Self::ImpossibleClick { .. }
            | Self::ImpossibleTravel { .. }
            | Self::ClickFarm { .. } => CLICKS,
            Self::ClickInjection { .. } => CONVERSIONS,
        }
    }

    /// Reads `kinds`: fewer than all that the detector looks at.
    pub(super) fn read_kinds(&self, fields: &mut Fields<'_>) -> Result<Kinds, Error> {
        let all = self.looks_at();
        let Some(named) = fields.texts("kinds")? else { return Ok(all) };
        let mut kinds = Kinds::NONE;
        for word in &named.value {
            let kind = word.value.parse::<Kind>().ok().filter(|kind| all.holds(*kind));
            let Some(kind) = kind else {
                let problem = format_args!("kinds has {:?}; this detector looks at {all}", word.value);
                return Err(fields.error(&word.span, problem));
            };
            kinds = kinds.with(Kinds::of(&[kind]));
        }
        if kinds == Kinds::NONE {
            return Err(fields.error(&named.span, "kinds is empty: to switch a rule off, write enabled = false"));
        }
        Ok(kinds)
    }
}
