//! How the items of a correction are staged: one JSON document each. An event that is to be added keeps its line as
//! it came, with what the registry said when it was added; what is to be ruled keeps what the event charges, for the
//! preview.

use clicktrail_catalog::corrections::{CorrectionItem, ItemKind};
use clicktrail_log::position::Position;
use serde::{Deserialize, Serialize};

use crate::{error::Error, text};

/// An event that was missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingEvent {
    /// Its id: its own, or made of its line.
    pub event_id: String,
    /// `click`, `impression` or `conversion`.
    pub kind: String,
    /// When it happened, in microseconds UTC.
    pub event_time_micros: i64,
    /// Who pays.
    pub advertiser_id: String,
    /// The campaign.
    pub campaign_id: String,
    /// The ad.
    pub ad_id: String,
    /// What it charges if it is billable.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
    /// The line as it came.
    pub line: String,
}

/// What is to be ruled about an event that is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRuling {
    /// Where the event is.
    #[serde(with = "text")]
    pub position: Position,
    /// Its id.
    pub event_id: String,
    /// Whom it bills.
    pub advertiser_id: String,
    /// What it charges if it is billable: 0 for all but clicks.
    pub price_micros: i64,
    /// ISO 4217.
    pub currency: String,
    /// Whether it is a click.
    pub is_click: bool,
    /// Why it is to be invalid; `None`: it is to be valid.
    pub category: Option<String>,
    /// Why.
    pub reason: String,
}

/// The items of a correction, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Items {
    /// Events to add.
    pub events: Vec<MissingEvent>,
    /// What is to be ruled.
    pub rulings: Vec<NewRuling>,
}

impl Items {
    /// From what is stored.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if an item is of another form.
    pub fn read(stored: &[CorrectionItem]) -> Result<Self, Error> {
        let mut items = Self::default();
        for item in stored {
            let (kind, key) = (item.kind.as_str(), &item.key);
            let wrong =
                |error: serde_json::Error| Error::Incomplete(format!("the {kind} {key} is not readable: {error}"));
            match item.kind {
                ItemKind::Event => items.events.push(serde_json::from_str(&item.document).map_err(wrong)?),
                ItemKind::Ruling => items.rulings.push(serde_json::from_str(&item.document).map_err(wrong)?),
            }
        }
        Ok(items)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len() + self.rulings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&MissingEvent> for CorrectionItem {
    fn from(event: &MissingEvent) -> Self {
        let MissingEvent { event_id, kind, advertiser_id, ad_id, .. } = event;
        let identity = [kind, advertiser_id, ad_id, event_id];
        Self {
            kind: ItemKind::Event,
            key: serde_json::to_string(&identity).expect("texts are JSON"),
            document: serde_json::to_string(event).expect("texts and numbers are JSON"),
        }
    }
}

impl From<&NewRuling> for CorrectionItem {
    fn from(ruling: &NewRuling) -> Self {
        Self {
            kind: ItemKind::Ruling,
            key: ruling.position.to_string(),
            document: serde_json::to_string(ruling).expect("texts and numbers are JSON"),
        }
    }
}
