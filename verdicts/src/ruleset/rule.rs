//! One rule: a detector with its parameters, a weight and a category.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    address::AddressList,
    error::Error,
    fields::{Fields, Located},
    patterns::{Patterns, SHIPPED},
    places::Places,
};
use crate::verdict::Category;

/// The largest count that a threshold may name: beyond it a rule is switched off more honestly.
const COUNT_MAX: i64 = 1_000_000_000;
/// The longest name of a rule, in characters: it stands in every reason.
const NAME_CHARS_MAX: usize = 64;

/// What a rule looks for, with its parameters.
#[derive(Debug)]
pub(crate) enum Detector {
    Duplicate,
    DoubleClick { window: Duration },
    AddressRate { clicks_max: u32, window: Duration },
    SuspiciousAgent { lists: Vec<Arc<Patterns>> },
    ImpossibleClick { gap_min: Duration },
    ImpossibleTravel { database: Option<Arc<Places>>, speed_kmh_max: u32, distance_km_min: u32 },
    ClickFarm { users_max: u32, window: Duration, addresses: Option<Arc<AddressList>> },
    DeviceMismatch,
    Datacentre { lists: Vec<Arc<AddressList>> },
    ClickInjection { window: Duration },
}

/// What the ruleset's text says of a detector, whatever its parameters.
struct Word {
    name: &'static str,
    weight_permille: u16,
    category: Category,
    finds: &'static str,
    source: &'static str,
}

const fn word(
    name: &'static str,
    weight_permille: u16,
    category: Category,
    finds: &'static str,
    source: &'static str,
) -> Word {
    Word { name, weight_permille, category, finds, source }
}

const MRC: &str = "MRC Invalid Traffic Detection and Filtration Standards Addendum, June 2020";

static WORDS: [Word; 10] = [
    word(
        "duplicate",
        1000,
        Category::Duplicate,
        "an event whose id was logged before",
        "house rule: an event is billed once, however often it is sent",
    ),
    word(
        "double_click",
        1000,
        Category::Duplicate,
        "a click on an ad that the same user clicked shortly before",
        "house rule; IAB and MRC Click Measurement Guidelines 2009 count one click where a person meant one",
    ),
    word("address_rate", 400, Category::Sivt, "more clicks from an address in a sliding window than people make", MRC),
    word(
        "suspicious_agent",
        300,
        Category::Givt,
        "a click whose user agent is missing, or names a robot or a tool",
        "MRC IVT Addendum 2020 (known robots, spiders, non-browser user agents); list crawler-user-agents 1.67.0",
    ),
    word(
        "impossible_click",
        500,
        Category::Sivt,
        "a click sooner after the impression of its ad than a person can react",
        "house rule",
    ),
    word(
        "impossible_travel",
        300,
        Category::Sivt,
        "a user at two places, faster than an airliner flies",
        "house rule; places by the operator's address database",
    ),
    word(
        "click_farm",
        600,
        Category::Sivt,
        "more users behind one address than a household, office or carrier gateway has, or a listed address",
        "house rule; MRC IVT Addendum 2020 (manipulated and incentivised activity)",
    ),
    word(
        "device_mismatch",
        200,
        Category::Sivt,
        "a declared device or system that the user agent clearly contradicts",
        "house rule; MRC IVT Addendum 2020 (falsified attributes)",
    ),
    word(
        "datacentre",
        400,
        Category::Givt,
        "a click from a listed network, such as a data centre's",
        "MRC IVT Addendum 2020 (data-centre traffic); TAG Data Center IP list or the operator's own",
    ),
    word(
        "click_injection",
        500,
        Category::Sivt,
        "a conversion sooner after its click than anybody can install or buy",
        "house rule; MRC IVT Addendum 2020 (attribution manipulation)",
    ),
];

impl Detector {
    fn word(&self) -> &'static Word {
        let index = match self {
            Self::Duplicate => 0,
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
        &WORDS[index]
    }

    fn read(name: &Located<String>, fields: &mut Fields<'_>, context: &mut Context<'_>) -> Result<Self, Error> {
        Ok(match name.value.as_str() {
            "duplicate" => Self::Duplicate,
            "double_click" => Self::DoubleClick { window: context.window(fields, 60)? },
            "address_rate" => {
                Self::AddressRate { clicks_max: count(fields, "clicks_max", 100)?, window: context.window(fields, 60)? }
            }
            "suspicious_agent" => Self::SuspiciousAgent { lists: context.patterns(fields)? },
            "impossible_click" => {
                let gap = fields.integer("gap_ms_min", 1..=60_000)?.unwrap_or(100);
                Self::ImpossibleClick { gap_min: Duration::from_millis(gap.unsigned_abs()) }
            }
            "impossible_travel" => Self::ImpossibleTravel {
                database: context.places(fields)?,
                speed_kmh_max: count(fields, "speed_kmh_max", 1000)?,
                distance_km_min: count(fields, "distance_km_min", 100)?,
            },
            "click_farm" => Self::ClickFarm {
                users_max: count(fields, "users_max", 1000)?,
                window: context.window(fields, 3600)?,
                addresses: fields.file("addresses")?.map(|path| context.addresses(&path)).transpose()?,
            },
            "device_mismatch" => Self::DeviceMismatch,
            "datacentre" => {
                let paths = fields.files("lists")?;
                Self::Datacentre { lists: paths.iter().map(|path| context.addresses(path)).collect::<Result<_, _>>()? }
            }
            "click_injection" => Self::ClickInjection { window: context.window(fields, 10)? },
            other => {
                let known = WORDS.each_ref().map(|word| word.name).join(", ");
                return Err(fields.error(&name.span, format_args!("unknown detector {other:?}; known are {known}")));
            }
        })
    }
}

fn count(fields: &mut Fields<'_>, name: &'static str, default: u32) -> Result<u32, Error> {
    let given = fields.integer(name, 1..=COUNT_MAX)?;
    Ok(given.and_then(|number| u32::try_from(number).ok()).unwrap_or(default))
}

/// How a ruleset gets at the files that it names.
pub(super) type Files<'f> = dyn Fn(&Path) -> std::io::Result<Vec<u8>> + 'f;

/// What reading a rule needs beside its own table.
pub(super) struct Context<'f> {
    pub(super) look_back_seconds: i64,
    pub(super) files: &'f Files<'f>,
    /// Every file read so far and its content's digest, for the digest of the whole.
    pub(super) named: Vec<(String, clicktrail_log::frame::Digest)>,
}

impl Context<'_> {
    fn window(&self, fields: &mut Fields<'_>, default: u32) -> Result<Duration, Error> {
        let default = i64::from(default).min(self.look_back_seconds);
        let seconds = fields.integer("window_seconds", 1..=self.look_back_seconds)?.unwrap_or(default);
        Ok(Duration::from_secs(seconds.unsigned_abs()))
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, Error> {
        let bytes = (self.files)(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        self.note(&path.display().to_string(), &bytes);
        Ok(bytes)
    }

    fn note(&mut self, name: &str, bytes: &[u8]) {
        self.named.push((name.to_owned(), clicktrail_log::frame::Digest::of(bytes)));
    }

    fn addresses(&mut self, path: &Located<std::path::PathBuf>) -> Result<Arc<AddressList>, Error> {
        AddressList::parse(&path.value, &self.read(&path.value)?).map(Arc::new)
    }

    fn places(&mut self, fields: &mut Fields<'_>) -> Result<Option<Arc<Places>>, Error> {
        let Some(path) = fields.file("database")? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Places::open(&path.value, self.read(&path.value)?)?)))
    }

    /// The shipped lists unless `shipped_lists = false`, then those of `lists`.
    fn patterns(&mut self, fields: &mut Fields<'_>) -> Result<Vec<Arc<Patterns>>, Error> {
        let mut lists = Vec::new();
        if fields.boolean("shipped_lists")?.unwrap_or(true) {
            for (name, text) in SHIPPED {
                self.note(name, text.as_bytes());
                lists.push(Arc::new(Patterns::parse(Path::new(name), text.as_bytes())?));
            }
        }
        for path in fields.files("lists")? {
            lists.push(Arc::new(Patterns::parse(&path.value, &self.read(&path.value)?)?));
        }
        Ok(lists)
    }
}

/// A rule of a ruleset.
#[derive(Debug)]
pub struct Rule {
    name: String,
    enabled: bool,
    weight_permille: u16,
    category: Category,
    pub(crate) detector: Detector,
}

impl Rule {
    pub(super) fn read(mut fields: Fields<'_>, begins: &Located<()>, context: &mut Context<'_>) -> Result<Self, Error> {
        let Some(detector) = fields.text("detector")? else {
            return Err(fields.error(&begins.span, "a rule has no detector"));
        };
        let name = fields.text("name")?.unwrap_or_else(|| detector.clone());
        fields.belongs_to(format!("rule {:?}", name.value));
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.value.len() > NAME_CHARS_MAX || !name.value.bytes().all(is_word) {
            let problem = format_args!("a name is at most {NAME_CHARS_MAX} letters, digits, '_', '-' and '.'");
            return Err(fields.error(&name.span, problem));
        }
        let enabled = fields.boolean("enabled")?.unwrap_or(true);
        let weight = fields.integer("weight_permille", 1..=1000)?;
        let category = fields.text("category")?;
        let read = Detector::read(&detector, &mut fields, context)?;
        let category = match category {
            None => read.word().category,
            Some(text) => text.value.parse().map_err(|error| fields.error(&text.span, error))?,
        };
        fields.finish()?;
        let weight_permille = weight.and_then(|weight| u16::try_from(weight).ok());
        let weight_permille = weight_permille.unwrap_or(read.word().weight_permille);
        Ok(Self { name: name.value, enabled, weight_permille, category, detector: read })
    }

    /// Its name, unique in the ruleset: what reasons name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The detector's word in the file.
    pub fn detector(&self) -> &'static str {
        self.detector.word().name
    }

    /// What it gives an event that it finds invalid.
    pub fn category(&self) -> Category {
        self.category
    }

    /// What it adds to the score, in thousandths.
    pub fn weight_permille(&self) -> u16 {
        self.weight_permille
    }

    /// Whether the ruleset lets it look at anything.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What it finds, in one sentence without its full stop.
    pub fn finds(&self) -> &'static str {
        self.detector.word().finds
    }

    /// Where the rule comes from.
    pub fn source(&self) -> &'static str {
        self.detector.word().source
    }

    /// The parameters with their values as the file would say them, defaults too.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let seconds = |window: &Duration| ("window_seconds", window.as_secs().to_string());
        match &self.detector {
            Detector::Duplicate | Detector::DeviceMismatch => Vec::new(),
            Detector::DoubleClick { window } | Detector::ClickInjection { window } => vec![seconds(window)],
            Detector::AddressRate { clicks_max, window } => {
                vec![("clicks_max", clicks_max.to_string()), seconds(window)]
            }
            Detector::SuspiciousAgent { lists } => {
                let lists = lists.iter().map(|list| format!("{} ({} patterns)", list.name(), list.len()));
                vec![("lists", lists.collect::<Vec<_>>().join(", "))]
            }
            Detector::ImpossibleClick { gap_min } => vec![("gap_ms_min", gap_min.as_millis().to_string())],
            Detector::ImpossibleTravel { database, speed_kmh_max, distance_km_min } => vec![
                ("database", database.as_ref().map_or_else(|| "none".to_owned(), |places| places.name())),
                ("speed_kmh_max", speed_kmh_max.to_string()),
                ("distance_km_min", distance_km_min.to_string()),
            ],
            Detector::ClickFarm { users_max, window, addresses } => {
                let mut parameters = vec![("users_max", users_max.to_string()), seconds(window)];
                parameters.extend(addresses.as_ref().map(|list| ("addresses", describe(list))));
                parameters
            }
            Detector::Datacentre { lists } => {
                vec![("lists", lists.iter().map(|list| describe(list)).collect::<Vec<_>>().join(", "))]
            }
        }
    }

    /// Why it finds nothing although it is there; `None` if it works.
    pub fn off_because(&self) -> Option<&'static str> {
        let misses = match &self.detector {
            Detector::ImpossibleTravel { database: None, .. } => Some("no address database is configured"),
            Detector::Datacentre { lists } if lists.is_empty() => Some("no list of networks is configured"),
            Detector::Duplicate
            | Detector::DoubleClick { .. }
            | Detector::AddressRate { .. }
            | Detector::SuspiciousAgent { .. }
            | Detector::ImpossibleClick { .. }
            | Detector::ImpossibleTravel { .. }
            | Detector::ClickFarm { .. }
            | Detector::DeviceMismatch
            | Detector::Datacentre { .. }
            | Detector::ClickInjection { .. } => None,
        };
        if self.enabled { misses } else { Some("the ruleset disables it") }
    }
}

fn describe(list: &AddressList) -> String {
    format!("{} ({} networks)", list.name(), list.networks())
}
