//! One rule: a detector with its parameters, a weight and a category.

use clicktrail_log::invariant;

use super::{
    context::Context,
    detector::Detector,
    error::Error,
    fields::{Fields, Located},
    list_head::ListHead,
};
use crate::{kinds::Kinds, verdict::Category};

/// The longest name of a rule, in characters: it stands in every reason.
const NAME_CHARS_MAX: usize = 64;

/// A rule of a ruleset.
#[derive(Debug)]
pub struct Rule {
    name: String,
    enabled: bool,
    weight_permille: u16,
    decides: bool,
    category: Category,
    kinds: Kinds,
    pub(crate) detector: Detector,
}

impl Rule {
    pub(super) fn read(mut fields: Fields<'_>, begins: &Located<()>, context: &mut Context<'_>) -> Result<Self, Error> {
        let Some(detector) = fields.text("detector")? else {
            return Err(fields.error(&begins.span, "a rule has no detector"));
        };
        let name = fields.text("name")?.unwrap_or_else(|| detector.clone());
        fields.belongs_to(format!("rule {:?}", name.value));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.value.len() > NAME_CHARS_MAX || !name.value.bytes().all(is_plain) {
            let problem = format_args!("a name is at most {NAME_CHARS_MAX} letters, digits, '_', '-' and '.'");
            return Err(fields.error(&name.span, problem));
        }
        let enabled = fields.boolean("enabled")?.unwrap_or(true);
        let weight = fields.integer("weight_permille", 1..=1000)?;
        let decides = fields.boolean("decides")?.unwrap_or(false);
        let category = fields.text("category")?;
        let read = Detector::read(&detector, &mut fields, context)?;
        invariant!(I5, read.profile().name == detector.value, "{:?} has another detector's profile", detector.value);
        let category = match category {
            None => read.profile().category,
            Some(text) => text.value.parse().map_err(|error| fields.error(&text.span, error))?,
        };
        let kinds = read.read_kinds(&mut fields)?;
        fields.finish()?;
        let weight_permille = weight.and_then(|weight| u16::try_from(weight).ok());
        let weight_permille = weight_permille.unwrap_or(read.profile().weight_permille);
        Ok(Self { name: name.value, enabled, weight_permille, decides, category, kinds, detector: read })
    }

    /// Its name, unique in the ruleset: what reasons name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The detector's word in the file.
    pub fn detector(&self) -> &'static str {
        self.detector.profile().name
    }

    /// What it gives an event that it finds invalid.
    pub fn category(&self) -> Category {
        self.category
    }

    /// The kinds of events that it looks at.
    pub fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// What it adds to the score, in thousandths.
    pub fn weight_permille(&self) -> u16 {
        self.weight_permille
    }

    /// Whether it makes an event invalid alone, whatever the weights.
    pub fn decides(&self) -> bool {
        self.decides
    }

    /// Whether the ruleset lets it look at anything.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What it finds, in one sentence without its full stop.
    pub fn finds(&self) -> &'static str {
        self.detector.finds()
    }

    /// Where the rule comes from.
    pub fn source(&self) -> &'static str {
        self.detector.profile().source
    }

    /// The parameters with their values as the file would say them, defaults too.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        self.detector.parameters()
    }

    /// What is known about the lists and databases that it uses, shipped and own.
    pub fn lists(&self) -> Vec<ListHead> {
        self.detector.lists()
    }

    /// Whether it looks at each event alone, in part at least.
    pub(crate) fn is_stateless(&self) -> bool {
        self.detector.is_stateless()
    }

    /// Why it finds nothing although it is there; `None` if it works.
    pub fn off_because(&self) -> Option<&'static str> {
        if self.enabled { self.detector.lacks() } else { Some("the ruleset disables it") }
    }
}
