//! A whole ruleset: its rules, limits and digest.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use clicktrail_log::{frame::Digest, invariant};
use toml::de::DeTable;

use super::{
    address::Prefixes,
    context::Context,
    detector::Detector,
    error::Error,
    fields::{Fields, Located},
    limits::{
        LOOK_BACK_SECONDS_MAX, LOOK_BACK_SECONDS_MIN, MEMORY_BYTES, MEMORY_BYTES_DEFAULT, THRESHOLD_DEFAULT,
        THRESHOLD_MAX,
    },
    rule::Rule,
    shipped,
};
use crate::kinds::Kinds;

/// The version of the file's format.
const VERSION: i64 = 1;
/// The version of what the detectors mean, raised when the same ruleset would judge the same log differently than
/// before. It is part of the digest, so that two meanings never share one.
const MEANING: u32 = 2;
/// More rules than this would not fit the reasons of a verdict.
const RULES_MAX: usize = 256;

/// A ruleset, read and checked.
#[derive(Debug)]
pub struct Ruleset {
    name: String,
    digest: Digest,
    threshold_permille: u16,
    look_back: Duration,
    memory_bytes_max: usize,
    prefixes: Prefixes,
    rules: Vec<Rule>,
}

impl Ruleset {
    /// Reads a ruleset from `text`, and what it names through `files`, which gets paths as the text has them.
    ///
    /// # Errors
    /// [`Error::Invalid`] with line and column, or what is wrong with a file that the text names.
    pub fn parse(text: &str, files: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Self, Error> {
        let table = DeTable::parse(text)
            .map_err(|error| Error::invalid(text, &error.span().unwrap_or(0..0), error.message()))?;
        let end = text.len()..text.len();
        let mut fields = Fields::new(text, table.get_ref());
        let missing = |name: &str| Error::invalid(text, &end, format!("{name} is missing"));
        fields.integer("version", VERSION..=VERSION)?.ok_or_else(|| missing("version"))?;
        let name = fields.text("name")?.ok_or_else(|| missing("name"))?.value;
        let threshold = fields.integer("threshold_permille", 0..=i64::from(THRESHOLD_MAX))?;
        let look_back_seconds = fields.integer("look_back_seconds", LOOK_BACK_SECONDS_MIN..=LOOK_BACK_SECONDS_MAX)?;
        let look_back_seconds = look_back_seconds.unwrap_or(LOOK_BACK_SECONDS_MAX);
        let memory = fields.integer("memory_bytes_max", MEMORY_BYTES)?;
        let prefixes = Prefixes {
            v4: prefix(&mut fields, "ipv4_prefix", 32)?.unwrap_or(Prefixes::DEFAULT.v4),
            v6: prefix(&mut fields, "ipv6_prefix", 128)?.unwrap_or(Prefixes::DEFAULT.v6),
        };
        let mut context = Context { look_back_seconds, files, named: Vec::new() };
        let rules = read_rules(text, &mut fields, &mut context)?;
        fields.finish()?;
        if rules.is_empty() {
            return Err(Error::invalid(text, &end, "a ruleset needs at least one [[rule]]"));
        }
        Ok(Self {
            name,
            digest: digest(text, &context.named),
            threshold_permille: threshold.map_or(THRESHOLD_DEFAULT, |it| u16::try_from(it).expect("at most 999")),
            look_back: Duration::from_secs(look_back_seconds.unsigned_abs()),
            memory_bytes_max: memory.map_or(MEMORY_BYTES_DEFAULT, |it| usize::try_from(it).unwrap_or(usize::MAX)),
            prefixes,
            rules,
        })
    }

    /// Reads the ruleset at `path`; lists and databases are found from its folder.
    ///
    /// # Errors
    /// As [`Ruleset::parse`], and [`Error::Read`] for the file itself.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        Self::parse(&text, &|named| fs::read(folder.join(named)))
    }

    /// The ruleset that is used if none is named.
    pub fn shipped() -> Self {
        Self::named(shipped::DEFAULT).expect("it ships")
    }

    /// The ruleset that ships under `name`; `None` if none does.
    pub fn named(name: &str) -> Option<Self> {
        let none = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let text = Self::text_of(name)?;
        Some(Self::parse(text, &none).expect("the rulesets that ship are valid and name no files"))
    }

    /// The names of the rulesets that ship.
    pub fn names() -> impl Iterator<Item = &'static str> {
        shipped::RULESETS.iter().map(|(name, _)| *name)
    }

    /// The text of the ruleset that ships under `name`, for people who want to begin from it.
    pub fn text_of(name: &str) -> Option<&'static str> {
        shipped::RULESETS.iter().find_map(|(known, text)| (*known == name).then_some(*text))
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 over what it means: its text, the content of every file and shipped list that it uses, and the
    /// version of the detectors.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// An event is invalid when its score is over this.
    pub fn threshold_permille(&self) -> u16 {
        self.threshold_permille
    }

    /// How far back in logged time an event can matter for another.
    pub fn look_back(&self) -> Duration {
        self.look_back
    }

    /// What the state may take before the fold stops with an error.
    pub fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }

    /// How many bits of an address of version 4 and of version 6 stand for one subscriber.
    pub fn prefix_lengths(&self) -> (u32, u32) {
        (self.prefixes.v4, self.prefixes.v6)
    }

    pub(crate) fn prefixes(&self) -> Prefixes {
        self.prefixes
    }

    /// The rules, in the order of the file, which is the order of reasons.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The kinds of events that at least one working rule looks at.
    pub fn kinds(&self) -> Kinds {
        let working = self.rules.iter().filter(|rule| rule.off_because().is_none());
        working.fold(Kinds::NONE, |kinds, rule| kinds.with(rule.kinds()))
    }

    /// The windows of the rules that look for duplicates, in microseconds of logged time: each once, ascending. Empty if
    /// none does.
    pub(crate) fn duplicate_windows(&self) -> Vec<i64> {
        let window = |(window, _)| window;
        let windows: BTreeSet<i64> = self.duplicate_rules().map(window).collect();
        windows.into_iter().collect()
    }

    /// The kinds that the rules look at which look for duplicates.
    pub(crate) fn duplicate_kinds(&self) -> Kinds {
        self.duplicate_rules().fold(Kinds::NONE, |all, (_, kinds)| all.with(kinds))
    }

    fn duplicate_rules(&self) -> impl Iterator<Item = (i64, Kinds)> {
        self.rules.iter().filter(|rule| rule.off_because().is_none()).filter_map(|rule| {
            let Detector::Duplicate { window } = rule.detector else { return None };
            Some((i64::try_from(window.as_micros()).ok()?, rule.kinds()))
        })
    }

    /// What to say at start: rules that find nothing, and why.
    pub fn notes(&self) -> Vec<String> {
        let off = |rule: &Rule| rule.off_because().map(|why| format!("{} is off: {why}", rule.name()));
        self.rules.iter().filter_map(off).collect()
    }
}

fn prefix(fields: &mut Fields<'_>, name: &'static str, width: i64) -> Result<Option<u32>, Error> {
    Ok(fields.integer(name, 1..=width)?.and_then(|length| u32::try_from(length).ok()))
}

fn read_rules(text: &str, fields: &mut Fields<'_>, context: &mut Context<'_>) -> Result<Vec<Rule>, Error> {
    let mut rules: Vec<Rule> = Vec::new();
    for table in fields.tables("rule")? {
        let begins = Located { value: (), span: table.span.clone() };
        if rules.len() == RULES_MAX {
            return Err(Error::invalid(text, &table.span, format!("more than {RULES_MAX} rules")));
        }
        let rule = Rule::read(Fields::new(text, table.value), &begins, context)?;
        if rules.iter().any(|earlier| earlier.name() == rule.name()) {
            let problem = format!("rule {:?} stands twice: give one of them another name", rule.name());
            return Err(Error::invalid(text, &table.span, problem));
        }
        rules.push(rule);
        invariant!(I14, rules.len() <= RULES_MAX, "{} rules do not fit the reasons of a verdict", rules.len());
    }
    Ok(rules)
}

fn digest(text: &str, named: &[(String, Digest)]) -> Digest {
    let mut meaning = format!("clicktrail ruleset\n{MEANING}\n{}\n", Digest::of(text.as_bytes()));
    for (name, digest) in named {
        meaning.push_str(&format!("{digest} {name}\n"));
    }
    Digest::of(meaning.as_bytes())
}
