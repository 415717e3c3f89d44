//! Where in a line the fields stand that a mapping names.

use std::borrow::Cow;

use super::{
    combined,
    mapping::{Column, Columns, Extra, Format},
    source::Source,
};

/// What combined logs hold twice: the parts of the target are kept, not the whole.
const DERIVED: [&str; 2] = ["target", "first_segment"];

/// Where the fields that a mapping names stand in a record.
#[derive(Debug)]
pub(super) struct Layout {
    /// The name of each value of a record.
    pub(super) names: Vec<String>,
    /// By [`Column::index`]: the value that the column reads.
    pub(super) places: [Option<usize>; Column::COUNT],
    /// By [`Column::index`]: the value that it reads where that is none.
    pub(super) fallbacks: [Option<usize>; Column::COUNT],
    /// NDJSON: the names that point into a member (`/key/…`).
    pub(super) pointers: Vec<usize>,
    /// The values that are kept in `extra`.
    pub(super) extra: Vec<usize>,
    /// NDJSON: members that have no place are kept in `extra`, too.
    pub(super) keeps_rest: bool,
}

impl Layout {
    /// For a CSV file with this header, or (without one) for a format that knows its names.
    ///
    /// # Errors
    /// The name of a field that the file does not have.
    pub(super) fn new(format: Format, columns: &Columns, header: &[Cow<'_, str>]) -> Result<Self, String> {
        let names = match format {
            Format::Combined => combined::FIELDS.map(str::to_owned).to_vec(),
            Format::Csv => header.iter().map(|name| name.clone().into_owned()).collect(),
            Format::Ndjson => ndjson_names(columns),
        };
        let place = |field: &str| names.iter().position(|name| name == field).ok_or_else(|| field.to_owned());
        let places_of = |field: fn(&Source) -> Option<&str>| {
            let mut places = [None; Column::COUNT];
            for (at, source) in places.iter_mut().zip(columns.sources()) {
                *at = source.as_ref().and_then(field).map(place).transpose()?;
            }
            Ok::<_, String>(places)
        };
        let (places, fallbacks) = (places_of(Source::field)?, places_of(Source::fallback)?);
        let rest = |(at, name): (usize, &String)| {
            let kept = format != Format::Combined || !DERIVED.contains(&name.as_str());
            (kept && !places.contains(&Some(at)) && !fallbacks.contains(&Some(at))).then_some(at)
        };
        let extra = match (&columns.extra, format) {
            (Extra::Fields(fields), _) => fields.iter().map(|field| place(field)).collect::<Result<_, _>>()?,
            (Extra::Rest, Format::Combined | Format::Csv) => names.iter().enumerate().filter_map(rest).collect(),
            (Extra::Rest, Format::Ndjson) => Vec::new(),
        };
        let keeps_rest = columns.extra == Extra::Rest;
        let is_pointer = |at: &usize| format == Format::Ndjson && names[*at].starts_with('/');
        let pointers = (0..names.len()).filter(is_pointer).collect();
        Ok(Self { names, places, fallbacks, pointers, extra, keeps_rest })
    }

    /// Whether a column, or the list of what is kept, reads this member of an object.
    pub(super) fn reads(&self, key: &str) -> bool {
        let is_exact = self.names.binary_search_by(|name| name.as_str().cmp(key)).is_ok();
        is_exact || self.pointers.iter().any(|at| pointer_into(&self.names[*at], key).is_some())
    }
}

fn ndjson_names(columns: &Columns) -> Vec<String> {
    let mut names: Vec<String> =
        columns.sources().iter().flatten().flat_map(Source::fields).map(str::to_owned).collect();
    if let Extra::Fields(fields) = &columns.extra {
        names.extend_from_slice(fields);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// What is left of the pointer `name` (`/key/inner`, RFC 6901) inside of member `key`; `None`: it points elsewhere.
pub(super) fn pointer_into<'n>(name: &'n str, key: &str) -> Option<&'n str> {
    let rest = name.strip_prefix('/')?.strip_prefix(key)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}
