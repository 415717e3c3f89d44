//! What a rule looks for: a detector with its parameters.

use std::{sync::Arc, time::Duration};

use super::{
    context::Context,
    error::Error,
    fields::{Fields, Located},
    geo::GeoDatabase,
    limits::{DUPLICATE_HOURS, DUPLICATE_HOURS_DEFAULT, LOOK_BACK_SECONDS_MIN},
    list_head::ListHead,
    networks::AddressList,
    profile::{DetectorProfile, PROFILES},
    robots::Robots,
};

/// The largest count that a threshold may name. Whoever wants more should switch the rule off.
const COUNT_MAX: i64 = 1_000_000_000;
/// The longest `gap_ms_min`: a person reacts sooner.
const GAP_MS_MAX: i64 = 60_000;

const _: () = assert!(COUNT_MAX <= u32::MAX as i64, "a count fits its type");
const _: () = assert!(GAP_MS_MAX <= LOOK_BACK_SECONDS_MIN * 1000, "a gap lies within every look-back");

/// By what `double_click` knows somebody again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The user, or where an event names none, address and agent.
    Anybody,
    /// The user alone.
    User,
    /// Address and agent, of events that name no user. A carrier's gateway gives many people one address, and many of
    /// them have the same phone: this alone proves nothing.
    Address,
}

impl Who {
    const ALL: [(&'static str, Self); 3] = [("any", Self::Anybody), ("user", Self::User), ("address", Self::Address)];

    /// Whether it looks at events that name a user, or at those that name none.
    pub(crate) fn looks_at(self, names_user: bool) -> bool {
        match self {
            Self::Anybody => true,
            Self::User => names_user,
            Self::Address => !names_user,
        }
    }
}

/// What a rule looks for, with its parameters.
#[derive(Debug)]
pub(crate) enum Detector {
    Duplicate { window: Duration },
    DoubleClick { who: Who, window: Duration },
    AddressRate { clicks_max: u32, window: Duration },
    SuspiciousAgent { robots: Robots },
    ImpossibleClick { gap_min: Duration },
    ImpossibleTravel { database: Option<Arc<GeoDatabase>>, speed_kmh_max: u32, distance_km_min: u32 },
    ClickFarm { users_max: u32, window: Duration, addresses: Option<Arc<AddressList>> },
    DeviceMismatch,
    Datacentre { lists: Vec<Arc<AddressList>> },
    ClickInjection { window: Duration },
}

impl Detector {
    pub(super) fn profile(&self) -> &'static DetectorProfile {
        let index = match self {
            Self::Duplicate { .. } => 0,
            Self::DoubleClick { .. } => 1,
            Self::AddressRate { .. } => 2,
            Self::SuspiciousAgent { .. } => 3,
            Self::ImpossibleClick { .. } => 4,
            Self::ImpossibleTravel { .. } => 5,
            Self::ClickFarm { .. } => 6,
            Self::DeviceMismatch => 7,
            Self::Datacentre { .. } => 8,
            Self::ClickInjection { .. } => 9,
        };
        &PROFILES[index]
    }

    /// Reads the parameters of the detector that `name` names.
    pub(super) fn read(
        name: &Located<String>,
        fields: &mut Fields<'_>,
        context: &mut Context<'_>,
    ) -> Result<Self, Error> {
        Ok(match name.value.as_str() {
            "duplicate" => {
                let hours = fields.integer("window_hours", DUPLICATE_HOURS)?.unwrap_or(DUPLICATE_HOURS_DEFAULT);
                Self::Duplicate { window: Duration::from_secs(hours.unsigned_abs() * 3600) }
            }
            "double_click" => Self::DoubleClick { who: who(fields)?, window: context.window(fields, 60)? },
            "address_rate" => {
                Self::AddressRate { clicks_max: count(fields, "clicks_max", 100)?, window: context.window(fields, 60)? }
            }
            "suspicious_agent" => Self::SuspiciousAgent { robots: context.robots(fields)? },
            "impossible_click" => {
                let gap = fields.integer("gap_ms_min", 1..=GAP_MS_MAX)?.unwrap_or(100);
                Self::ImpossibleClick { gap_min: Duration::from_millis(gap.unsigned_abs()) }
            }
            "impossible_travel" => Self::ImpossibleTravel {
                database: context.geo_database(fields)?,
                speed_kmh_max: count(fields, "speed_kmh_max", 1000)?,
                distance_km_min: count(fields, "distance_km_min", 100)?,
            },
            "click_farm" => Self::ClickFarm {
                users_max: count(fields, "users_max", 1000)?,
                window: context.window(fields, 3600)?,
                addresses: fields.file("addresses")?.map(|path| context.addresses(&path)).transpose()?,
            },
            "device_mismatch" => Self::DeviceMismatch,
            "datacentre" => Self::Datacentre { lists: context.networks(fields)? },
            "click_injection" => Self::ClickInjection { window: context.window(fields, 10)? },
            other => {
                let known = PROFILES.each_ref().map(|profile| profile.name).join(", ");
                return Err(fields.error(&name.span, format_args!("unknown detector {other:?}; known are {known}")));
            }
        })
    }

    /// The parameters with their values as the file would say them, defaults too.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let seconds = |window: &Duration| ("window_seconds", window.as_secs().to_string());
        match self {
            Self::Duplicate { window } => vec![("window_hours", (window.as_secs() / 3600).to_string())],
            Self::DeviceMismatch => Vec::new(),
            Self::DoubleClick { who, window } => {
                let name = Who::ALL.iter().find_map(|(name, known)| (known == who).then_some(*name));
                vec![("who", name.unwrap_or_default().to_owned()), seconds(window)]
            }
            Self::ClickInjection { window } => vec![seconds(window)],
            Self::AddressRate { clicks_max, window } => {
                vec![("clicks_max", clicks_max.to_string()), seconds(window)]
            }
            Self::SuspiciousAgent { robots } => {
                let mut parameters = vec![("lists", robots.lists())];
                let exceptions = robots.exceptions();
                if !exceptions.is_empty() {
                    parameters.push(("exceptions", exceptions));
                }
                parameters
            }
            Self::ImpossibleClick { gap_min } => vec![("gap_ms_min", gap_min.as_millis().to_string())],
            Self::ImpossibleTravel { database, speed_kmh_max, distance_km_min } => vec![
                ("database", database.as_ref().map_or_else(|| "none".to_owned(), |places| places.name())),
                ("speed_kmh_max", speed_kmh_max.to_string()),
                ("distance_km_min", distance_km_min.to_string()),
            ],
            Self::ClickFarm { users_max, window, addresses } => {
                let mut parameters = vec![("users_max", users_max.to_string()), seconds(window)];
                parameters.extend(addresses.as_ref().map(|list| ("addresses", describe(list))));
                parameters
            }
            Self::Datacentre { lists } => {
                vec![("lists", lists.iter().map(|list| describe(list)).collect::<Vec<_>>().join(", "))]
            }
        }
    }

    /// What is known about the lists and databases that it uses.
    pub(super) fn lists(&self) -> Vec<ListHead> {
        match self {
            Self::SuspiciousAgent { robots } => robots.heads().cloned().collect(),
            Self::Datacentre { lists } => lists.iter().map(|list| list.head().clone()).collect(),
            Self::ClickFarm { addresses, .. } => addresses.iter().map(|list| list.head().clone()).collect(),
            Self::ImpossibleTravel { database, .. } => database.iter().flat_map(|database| database.heads()).collect(),
            Self::Duplicate { .. }
            | Self::DoubleClick { .. }
            | Self::AddressRate { .. }
            | Self::ImpossibleClick { .. }
            | Self::DeviceMismatch
            | Self::ClickInjection { .. } => Vec::new(),
        }
    }

    /// What it finds, in words.
    pub(super) fn finds(&self) -> &'static str {
        match self {
            Self::DoubleClick { who: Who::User, .. } => "a click on an ad that the same user clicked shortly before",
            Self::DoubleClick { who: Who::Address, .. } => {
                "a click on an ad that the same address and user agent clicked shortly before, where no user is named"
            }
            Self::DoubleClick { who: Who::Anybody, .. }
            | Self::Duplicate { .. }
            | Self::AddressRate { .. }
            | Self::SuspiciousAgent { .. }
            | Self::ImpossibleClick { .. }
            | Self::ImpossibleTravel { .. }
            | Self::ClickFarm { .. }
            | Self::DeviceMismatch
            | Self::Datacentre { .. }
            | Self::ClickInjection { .. } => self.profile().finds,
        }
    }

    /// Whether it finds something in an event alone, without looking at others.
    pub(super) fn is_stateless(&self) -> bool {
        match self {
            Self::SuspiciousAgent { .. }
            | Self::DeviceMismatch
            | Self::Datacentre { .. }
            | Self::ClickFarm { addresses: Some(_), .. } => true,
            Self::ClickFarm { addresses: None, .. }
            | Self::Duplicate { .. }
            | Self::DoubleClick { .. }
            | Self::AddressRate { .. }
            | Self::ImpossibleClick { .. }
            | Self::ImpossibleTravel { .. }
            | Self::ClickInjection { .. } => false,
        }
    }

    /// What the detector lacks to find anything; `None` if it lacks nothing.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        match self {
            Self::ImpossibleTravel { database: None, .. } => Some("no address database is configured"),
            Self::Datacentre { lists } if lists.is_empty() => Some("no list of networks is configured"),
            Self::Duplicate { .. }
            | Self::DoubleClick { .. }
            | Self::AddressRate { .. }
            | Self::SuspiciousAgent { .. }
            | Self::ImpossibleClick { .. }
            | Self::ImpossibleTravel { .. }
            | Self::ClickFarm { .. }
            | Self::DeviceMismatch
            | Self::Datacentre { .. }
            | Self::ClickInjection { .. } => None,
        }
    }
}

fn count(fields: &mut Fields<'_>, name: &'static str, default: u32) -> Result<u32, Error> {
    let given = fields.integer(name, 1..=COUNT_MAX)?;
    Ok(given.and_then(|number| u32::try_from(number).ok()).unwrap_or(default))
}

fn who(fields: &mut Fields<'_>) -> Result<Who, Error> {
    let Some(text) = fields.text("who")? else {
        return Ok(Who::Anybody);
    };
    let known = Who::ALL.iter().find_map(|(name, who)| (*name == text.value).then_some(*who));
    known.ok_or_else(|| {
        let names = Who::ALL.map(|(name, _)| name).join(", ");
        fields.error(&text.span, format_args!("who is {:?}, and must be one of {names}", text.value))
    })
}

fn describe(list: &AddressList) -> String {
    format!("{} ({} networks)", list.name(), list.networks())
}
