//! Keys of what invoices are made of, of the documents themselves, and of the records that they were issued.
//!
//! ```text
//! invoices/bases/<digest>.json        the segments that documents were summed from
//! invoices/drafts/<digest>.json       a revision of a draft
//! invoices/templates/<digest>.typ     how pages were set
//! invoices/terms/<digest>.json        a version of an account's terms, or of what the seller says of itself
//! invoices/usage/<digest>/<digest>.parquet   the sum of segments, by what it was summed from: derived
//! invoices/documents/INV/00000001/<digest>.json   a document and its other forms: csv, parquet, pdf, ubl.xml, cii.xml
//! invoices/issued/INV/00000001.json   that it was issued, and with which of these forms
//! ```
//!
//! Documents are named by their content, so an attempt that did not get its number leaves an object that nothing names.

use object_store::path::Path;

use super::short::{is_short, short};
use crate::{frame::Digest, invariant};

/// The longest name of a series.
pub const SERIES_BYTES_MAX: usize = 32;

/// Whether a text can name a series of documents: ASCII letters, digits, `_` and inner `-`, at most
/// [`SERIES_BYTES_MAX`].
pub fn is_series(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let ends = bytes.first().zip(bytes.last()).is_some_and(|(first, last)| is_plain(*first) && is_plain(*last));
    ends && bytes.len() <= SERIES_BYTES_MAX && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-')
}

/// What a document is computed from, beside segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// The list of segments that it was summed from.
    Basis,
    /// How its pages are set.
    Template,
    /// A revision of a draft: the document before it has a number.
    Draft,
    /// A version of terms, as the catalog keeps it.
    Terms,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Basis, Self::Template, Self::Draft, Self::Terms];

    const fn folder_and_suffix(self) -> (&'static str, &'static str) {
        match self {
            Self::Basis => ("bases", ".json"),
            Self::Template => ("templates", ".typ"),
            Self::Draft => ("drafts", ".json"),
            Self::Terms => ("terms", ".json"),
        }
    }

    /// Where all of them stand.
    pub fn prefix(self) -> Path {
        Path::from(format!("invoices/{}", self.folder_and_suffix().0))
    }
}

/// One input of documents, found by the digest that they pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputKey {
    /// What it is.
    pub input: Input,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
}

impl InputKey {
    /// As a path of the store.
    pub fn path(&self) -> Path {
        let (folder, suffix) = self.input.folder_and_suffix();
        let path = Path::from(format!("invoices/{folder}/{}{suffix}", self.digest));
        invariant!(I10, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let (folder, name) = path.strip_prefix("invoices/")?.split_once('/')?;
        let input = Input::ALL.into_iter().find(|input| input.folder_and_suffix().0 == folder)?;
        let digits = name.strip_suffix(input.folder_and_suffix().1)?;
        let digest: Digest = digits.parse().ok()?;
        (digest.to_string() == digits).then_some(Self { input, digest })
    }
}

/// What everybody used in a period, summed from segments: derived, so it may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageKey {
    /// The digest of what it was summed from.
    pub inputs: Digest,
    /// The beginning of the SHA-256 of the bytes, 32 hexadecimal digits.
    pub output: String,
}

impl UsageKey {
    /// The key for these bytes.
    pub fn new(inputs: &Digest, output: &Digest) -> Self {
        Self { inputs: *inputs, output: short(output) }
    }

    /// Where the sums of these inputs stand.
    pub fn prefix(inputs: &Digest) -> Path {
        Path::from(format!("invoices/usage/{inputs}"))
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("invoices/usage/{}/{}.parquet", self.inputs, self.output));
        invariant!(I10, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let (digits, name) = path.strip_prefix("invoices/usage/")?.split_once('/')?;
        let inputs: Digest = digits.parse().ok()?;
        let output = name.strip_suffix(".parquet").filter(|output| is_short(output))?;
        (inputs.to_string() == digits).then(|| Self { inputs, output: output.to_owned() })
    }

    /// Whether it names bytes of this digest.
    pub fn is_of(&self, output: &Digest) -> bool {
        self.output == short(output)
    }
}

/// A form in which an issued document is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Canonical JSON: the document. All others are made of it.
    Json,
    /// Its lines, as CSV.
    Csv,
    /// Its lines, as Parquet.
    Parquet,
    /// Its pages.
    Pdf,
    /// UBL 2.1, as EN 16931 has it.
    Ubl,
    /// UN/CEFACT Cross Industry Invoice, as EN 16931 has it.
    Cii,
}

impl Form {
    /// All of them, the document itself first.
    pub const ALL: [Self; 6] = [Self::Json, Self::Csv, Self::Parquet, Self::Pdf, Self::Ubl, Self::Cii];

    /// The word in commands and in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
            Self::Ubl => "ubl",
            Self::Cii => "cii",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == text)
    }

    /// How files of it end, without the dot.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
            Self::Ubl => "ubl.xml",
            Self::Cii => "cii.xml",
        }
    }
}

/// One form of an issued document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentKey {
    /// The series.
    pub series: String,
    /// The number in it.
    pub number: u32,
    /// Which form.
    pub form: Form,
    /// The beginning of the SHA-256 of the bytes, 32 hexadecimal digits.
    pub digest: String,
}

impl DocumentKey {
    /// The key for these bytes.
    pub fn new(series: &str, number: u32, form: Form, digest: &Digest) -> Self {
        Self { series: series.to_owned(), number, form, digest: short(digest) }
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let Self { series, number, form, digest } = self;
        let path = Path::from(format!("invoices/documents/{series}/{number:08}/{digest}.{}", form.suffix()));
        invariant!(I10, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("invoices/documents/")?.split('/');
        let (series, number) = (series(parts.next()?)?, number(parts.next()?)?);
        let (digest, suffix) = parts.next()?.split_once('.')?;
        let form = Form::ALL.into_iter().find(|form| form.suffix() == suffix)?;
        let is_whole = parts.next().is_none() && is_short(digest);
        is_whole.then(|| Self { series, number, form, digest: digest.to_owned() })
    }
}

/// The record that a document was issued.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssuedKey {
    /// The series.
    pub series: String,
    /// The number in it.
    pub number: u32,
}

impl IssuedKey {
    /// Where the records of all series stand.
    pub fn prefix() -> Path {
        Path::from("invoices/issued")
    }

    /// Where the records of one series stand.
    pub fn prefix_of(series: &str) -> Path {
        Path::from(format!("invoices/issued/{series}"))
    }

    /// As a path of the store.
    pub fn path(&self) -> Path {
        let path = Path::from(format!("invoices/issued/{}/{:08}.json", self.series, self.number));
        invariant!(I10, Self::parse(path.as_ref()).as_ref() == Some(self), "{self:?} is not what {path} names");
        path
    }

    /// Reads a path of the store.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("invoices/issued/")?.split('/');
        let series = series(parts.next()?)?;
        let number = number(parts.next()?.strip_suffix(".json")?)?;
        parts.next().is_none().then_some(Self { series, number })
    }
}

fn series(text: &str) -> Option<String> {
    is_series(text).then(|| text.to_owned())
}

fn number(digits: &str) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (format!("{number:08}") == digits).then_some(number)
}

/// What an object under `invoices/` is good for, and what helps if it is lost or damaged.
pub(super) fn remedy(key: &str) -> &'static str {
    match key.split('/').nth(1).unwrap_or_default() {
        "documents" => {
            "an issued document is kept in it; `clicktrail invoice regenerate NUMBER --repair` puts it back if it \
             comes out the same, or put it back from a copy of the archive"
        }
        "issued" => {
            "it brings a document back if the catalog is lost; put it back from a copy of the archive, or remove it: \
             then `clicktrail catalog rebuild` takes what the log of issued documents says"
        }
        hour if hour.starts_with("dt=") => {
            "what was issued stands in it, as the log had it; put it back from a copy of the archive"
        }
        "terms" => "it brings terms back if the catalog is lost; run `clicktrail accounts add`, which puts it back",
        "usage" => "it is derived; the next `clicktrail invoice draft` sums the period again",
        _ => "issued documents were made of it, and it is kept nowhere else; put it back from a copy of the archive",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn key_of_a_document_reads_back(
            series in "[A-Za-z0-9_]([A-Za-z0-9_-]{0,30}[A-Za-z0-9_])?",
            number: u32,
            digest in any::<[u8; 32]>().prop_map(Digest),
        ) {
            for form in Form::ALL {
                let key = DocumentKey::new(&series, number, form, &digest);
                prop_assert_eq!(DocumentKey::parse(key.path().as_ref()), Some(key));
                prop_assert_eq!(Form::parse(form.as_str()), Some(form));
            }
            for number in [number, number % 1_000] {
                let key = IssuedKey { series: series.clone(), number };
                prop_assert_eq!(IssuedKey::parse(key.path().as_ref()), Some(key));
            }
            for input in Input::ALL {
                let key = InputKey { input, digest };
                prop_assert_eq!(InputKey::parse(key.path().as_ref()), Some(key));
            }
            let usage = UsageKey::new(&digest, &Digest::of(series.as_bytes()));
            prop_assert!(usage.is_of(&Digest::of(series.as_bytes())) && !usage.is_of(&digest));
            prop_assert_eq!(UsageKey::parse(usage.path().as_ref()), Some(usage));
        }
    }

    /// Keys are how what is stored is found again: they change with the layout of the archive alone.
    #[test]
    fn keys_of_invoices_are_those_of_the_present_layout() {
        let digest = Digest([0xab; 32]);
        let check = |path: Path, expected: &str| {
            assert_eq!(
                path.as_ref(),
                expected.replace("<whole>", &"ab".repeat(32)).replace("<short>", &"ab".repeat(16))
            );
        };
        check(InputKey { input: Input::Basis, digest }.path(), "invoices/bases/<whole>.json");
        check(InputKey { input: Input::Template, digest }.path(), "invoices/templates/<whole>.typ");
        check(UsageKey::new(&digest, &digest).path(), "invoices/usage/<whole>/<short>.parquet");
        check(InputKey { input: Input::Draft, digest }.path(), "invoices/drafts/<whole>.json");
        check(InputKey { input: Input::Terms, digest }.path(), "invoices/terms/<whole>.json");
        let document = |form| DocumentKey::new("INV", 42, form, &digest).path();
        check(document(Form::Json), "invoices/documents/INV/00000042/<short>.json");
        check(document(Form::Ubl), "invoices/documents/INV/00000042/<short>.ubl.xml");
        check(IssuedKey { series: "CN-2".to_owned(), number: 7 }.path(), "invoices/issued/CN-2/00000007.json");
    }

    #[test]
    fn what_names_no_document_is_none() {
        for path in
            ["invoices/issued/INV/1.json", "invoices/issued/../00000001.json", "invoices/issued/I NV/00000001.json"]
        {
            assert_eq!(IssuedKey::parse(path), None, "{path}");
        }
        let named = "ab".repeat(16);
        for path in [
            format!("invoices/documents/INV/00000001/{named}.txt"),
            format!("invoices/documents/INV/00000001/{}.json", "AB".repeat(16)),
            format!("invoices/documents/-/00000001/{named}.json"),
        ] {
            assert_eq!(DocumentKey::parse(&path), None, "{path}");
        }
        assert_eq!(InputKey::parse(&format!("invoices/bases/{named}.json")), None);
        for (text, expected) in
            [("INV", true), ("R-2026", true), ("", false), ("-A", false), ("A-", false), ("Ä", false)]
        {
            assert_eq!(is_series(text), expected, "{text:?}");
        }
        assert!(!is_series(&"A".repeat(SERIES_BYTES_MAX + 1)));
    }
}
